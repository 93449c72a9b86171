//! From INI text to complete, typed, plain data, with every problem of a file found in one go.
//!
//! Never knows what an option means to a room, never writes, and touches files only through [`Outside`].
//! Entry types: [`Config`] (what a file says), [`Loaded`], [`Problems`], [`load`], [`load_bytes`], [`fallback`].

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod effective;
mod outside;
mod problem;
mod types;

pub(crate) use effective::{EffectiveEntry, EffectiveSection, Origin};
pub(crate) use outside::Outside;
pub(crate) use problem::{Problem, Problems};
pub(crate) use types::*;

use std::path::Path;

/// The most field lines a head may have, whatever the file says: heads are parsed into fixed tables of this size.
pub(crate) const MAX_FIELDS: usize = 128;

/// A file that was taken whole.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// What is legal and yet probably not meant, or not there yet. Never a reason to refuse the file.
    pub(crate) warnings: Vec<Problem>,
    /// Every key with the text that is in force and where it came from, for `hafir print`.
    pub(crate) effective: Vec<EffectiveSection>,
    /// The bytes that were read, so that exactly these are remembered as the last good ones.
    pub(crate) source: Vec<u8>,
}

/// Reads a file and the `@file` values it names.
pub(crate) fn load(path: &Path) -> Result<Loaded, Problems> {
    let _ = path;
    Err(Problems::default())
}

/// The same for bytes at hand, without touching any file: an `@file` value is a problem of its line.
pub(crate) fn load_bytes(name: &str, bytes: &[u8], base: &Path) -> Result<Loaded, Problems> {
    load_with(name, bytes, base, Outside::Nothing)
}

/// The same for bytes at hand; `@file` values and relative paths are taken from the folder `base`.
pub(crate) fn load_with(name: &str, bytes: &[u8], base: &Path, outside: Outside) -> Result<Loaded, Problems> {
    let _ = (name, bytes, base, outside);
    Err(Problems::default())
}

/// What a broken file still says about the gateway itself, with defaults for the rest and without routes: enough to
/// listen and to show the problems. `bytes` is empty where the file could not be read.
pub(crate) fn fallback(bytes: &[u8], base: &Path) -> Config {
    let _ = (bytes, base);
    Config::default()
}
