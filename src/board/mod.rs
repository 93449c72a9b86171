//! What a board is besides a gateway, as functions over values.
//!
//! Never touches a file, a socket or a clock; that is `cli/board/`.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod sntp;
mod time;

pub(crate) use sntp::{PORT as NTP_PORT, Refused, Sample, question, read as read_answer};
pub(crate) use time::{ClockState, Jury, TOLERABLE, Trouble, Verdict};
