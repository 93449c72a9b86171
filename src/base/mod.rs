//! Words that every room uses: sizes, rates, quotas, points in time, address ranges, ids, JSON.
//!
//! Never does I/O, never reads a clock and holds no policy. Entry types: [`Size`], [`LinkRate`], [`Rate`], [`Quota`], [`Now`],
//! [`Mono`], [`Wall`], [`AddrRange`], [`RequestId`], [`PeerCertificate`], [`json::read`].

mod addr;
mod certificate;
mod id;
pub(crate) mod json;
mod rate;
mod size;
mod time;

pub(crate) use addr::{AddrRange, AddrRangeError};
pub(crate) use certificate::PeerCertificate;
pub(crate) use id::{RequestId, TraceParent};
pub(crate) use rate::{Allowance, Period, Quota, Rate};
pub(crate) use size::{LinkRate, Size};
pub(crate) use time::{BUILT, LONGEST_USE, Mono, Now, Wall};
