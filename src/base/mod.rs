//! Words that every room uses: sizes, rates, points in time, secrets, address ranges, ids.
//!
//! Never does I/O, never reads a clock and holds no policy. Entry types: [`Size`], [`LinkRate`], [`Now`], [`Mono`],
//! [`Wall`], [`Secret`], [`AddrRange`], [`RequestId`].

mod addr;
mod id;
mod secret;
mod size;
mod time;

pub(crate) use addr::{AddrRange, AddrRangeError};
pub(crate) use id::{RequestId, TraceParent};
pub(crate) use secret::Secret;
pub(crate) use size::{LinkRate, Size};
pub(crate) use time::{Mono, Now, Wall};
