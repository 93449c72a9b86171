//! Content codings (RFC 9110 §8.4, §12.5.3): an answer comes over the uplink and lies on the card in one coded form, goes
//! as it is to clients that accept it, and is decoded for those that do not.
//!
//! Says what to ask the upstream for ([`asked`], [`asked_for_more`]), what a client is given ([`Serving`]), what the head
//! of the decoded answer is ([`decoded_head`]), and decodes ([`Decoder`]): gzip, deflate, br and zstd, piece by piece, with
//! bounded memory. Never codes anything anew, never holds a body whole, never does I/O and never waits.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod br;
mod coding;
mod decoder;
mod deflate;
mod gzip;
mod head;
mod inflate;
mod negotiate;
#[cfg(test)]
mod vectors;
mod zstd;

pub(crate) use coding::{Coding, Unknown};
pub(crate) use decoder::{BadCoding, Decoder};
pub(crate) use head::{coded_head, decoded_head, names_accept_encoding};
pub(crate) use negotiate::{SELECTING, Serving, asked, asked_for_more, serving};
