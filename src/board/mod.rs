//! What a board is besides a gateway, as functions over values.
//!
//! Never touches a file, a socket or a clock; that is `cli/board/`.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod time;

pub(crate) use time::{ClockState, Trouble};
