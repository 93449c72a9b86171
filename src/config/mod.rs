//! From INI text to complete, typed, plain data.
//!
//! Never knows what an option means to a room. Entry types: [`Config`].

mod types;

pub(crate) use types::*;

/// The most field lines a head may have, whatever the file says: heads are parsed into fixed tables of this size.
pub(crate) const MAX_FIELDS: usize = 128;
