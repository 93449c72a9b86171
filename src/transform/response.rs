//! The head that goes to the client.

use std::fmt;

use super::Edits;
use crate::base::Wall;
use crate::http::Fields;

/// All that the head of an answer from upstream is made of.
#[derive(Clone, Copy)]
pub(crate) struct ResponseParts<'a> {
    pub(crate) status: u16,
    pub(crate) reason: &'a [u8],
    /// The upstream's fields.
    pub(crate) fields: Fields<'a>,
    pub(crate) tail: Tail<'a>,
}

/// What the gateway itself adds to an answer, wherever its fields come from.
#[derive(Clone, Copy)]
pub(crate) struct Tail<'a> {
    pub(crate) edits: &'a Edits,
    pub(crate) framing: ReplyFraming,
    pub(crate) connection: ConnectionOption<'a>,
    /// This cache's member of `Cache-Status` (RFC 9211); members of caches behind it stay in front.
    pub(crate) cache_status: Option<&'a str>,
    /// Replaces the upstream's `Age`.
    pub(crate) age: Option<u64>,
    /// The `Date` of answers that have none; nothing while the clock is not believed (RFC 9110 §6.6.1).
    pub(crate) date: Option<Wall>,
    /// `X-Request-Id` for the client.
    pub(crate) request_id: Option<&'a dyn fmt::Display>,
}

/// How the body of an answer is delimited towards the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ReplyFraming {
    /// Neither field: 1xx, 204, 304 without a known length, or an answer to `HEAD` whose length is not known.
    Nothing,
    /// `Content-Length`; also what an answer to `HEAD` or a 304 states without sending it.
    Length(u64),
    /// `Transfer-Encoding: chunked`; `Trailer` is passed on.
    Chunked,
    /// Until the connection closes (clients of HTTP/1.0).
    Close,
}

/// What `Connection` says to the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ConnectionOption<'a> {
    /// The version's own default holds.
    Implied,
    Close,
    /// For clients of HTTP/1.0 that asked for it.
    KeepAlive,
    /// With the protocol that the upstream switches to (101).
    Upgrade(&'a [u8]),
}

/// A head could not be written: a status or a field from upstream is not legal on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Unwritable;

/// Appends the head of an answer from upstream to `out`, its empty line included.
pub(crate) fn response_head(out: &mut Vec<u8>, parts: &ResponseParts<'_>) -> Result<(), Unwritable> {
    todo!()
}

/// The same for a stored answer, whose `lines` (`Name: value\r\n`…) hold no hop-by-hop field, no framing and no `Age`.
pub(crate) fn stored_head(
    out: &mut Vec<u8>,
    status: u16,
    reason: &[u8],
    lines: &[u8],
    tail: &Tail<'_>,
) -> Result<(), Unwritable> {
    todo!()
}

/// Appends a 1xx head (RFC 8297): the upstream's end-to-end fields and nothing else.
pub(crate) fn interim_head(
    out: &mut Vec<u8>,
    status: u16,
    reason: &[u8],
    fields: Fields<'_>,
) -> Result<(), Unwritable> {
    todo!()
}
