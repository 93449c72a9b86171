//! How fast: towards clients ([`Shaper`]), and who has the uplink next ([`Governor`]).
//!
//! All sums are whole numbers, in thousandths of a byte: a rate in bytes per second gives so many of them in a millisecond.
//! Nothing is rounded, so nothing drifts.

mod bucket;
mod governor;
mod shaper;
#[cfg(test)]
mod tests;

pub(crate) use governor::{Governor, Line, Turn};
pub(crate) use shaper::{Lane, Shaper};
