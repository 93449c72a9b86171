//! Words that every room uses: sizes, rates, points in time, address ranges, ids.
//!
//! Never does I/O, never reads a clock and holds no policy. Entry types: [`Size`], [`LinkRate`], [`Now`], [`Mono`],
//! [`Wall`], [`AddrRange`], [`RequestId`].

mod addr;
mod id;
mod size;
mod time;

pub(crate) use addr::{AddrRange, AddrRangeError};
pub(crate) use id::{RequestId, TraceParent};
pub(crate) use size::{LinkRate, Size};
pub(crate) use time::{Mono, Now, Wall};
