//! How fast: towards clients ([`Shaper`]), and who has the uplink next ([`Governor`]).

mod governor;
mod shaper;

pub(crate) use governor::{Governor, Line, Turn};
pub(crate) use shaper::{Grant, Lane, Shaper};

/// The least that is granted at once, where more is wanted: a packet's worth.
pub(super) const LEAST_GRANT: u64 = 1_500;
