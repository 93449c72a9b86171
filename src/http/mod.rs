//! HTTP/1.1 as pure functions over bytes (RFC 9110, RFC 9112): heads, framing, chunks, request-targets, dates, typed fields.
//!
//! Never does I/O, never reads a clock, is never `async` and knows no route. Heads hold spans; the bytes stay in the
//! buffer of whoever read them, so that reading a request allocates nothing.
//!
//! In: [`RequestHead`] and [`ResponseHead`] give [`Fields`]; [`framing`] says, once, where the body ends;
//! [`target::of`] gives the one normal form of path and query that routing, keys and upstreams all see.
//! Out: [`HeadWriter`], which cannot write a CR, LF or NUL into a field.
//!
//! Requests that can be read in two ways are refused, never repaired: every way has a name in [`BadRequest`].
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub(crate) mod accept;
pub(crate) mod base64;
mod bytes;
pub(crate) mod cache_control;
pub(crate) mod cdn_loop;
pub(crate) mod chunked;
pub(crate) mod conditional;
pub(crate) mod connection;
pub(crate) mod date;
#[cfg(test)]
mod desync;
pub(crate) mod etag;
mod fields;
pub(crate) mod forwarded;
pub(crate) mod framing;
pub(crate) mod hop_by_hop;
pub(crate) mod host;
#[cfg(test)]
mod hostile;
mod method;
pub(crate) mod no_vary_search;
pub(crate) mod range;
pub(crate) mod reference;
mod refused;
mod request;
mod response;
mod scan;
pub(crate) mod status;
mod structured;
pub(crate) mod target;
mod targeted;
pub(crate) mod via;
mod writer;

pub(crate) use cache_control::CacheControl;
pub(crate) use fields::{FieldSpans, Fields, MAX_FIELDS, looks_like};
pub(crate) use framing::BodyFraming;
pub(crate) use method::{Method, Version};
pub(crate) use refused::{BadRequest, BadResponse, Flaw};
pub(crate) use request::{OwnedRequest, RequestHead};
pub(crate) use response::{OwnedResponse, ResponseHead};
pub(crate) use scan::{HeadLimits, MAX_HEAD, Parse, Scan};
pub(crate) use target::Target;
pub(crate) use writer::{HeadWriter, Unwritable};
