//! Where a message's body ends: decided here, once, and nowhere else (RFC 9112 §6).

use super::fields::Fields;
use super::method::{Method, Version};
use super::refused::{BadRequest, BadResponse};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BodyFraming {
    /// No body and none announced.
    None,
    /// Exactly so many bytes, from a `Content-Length`; zero where it says zero.
    Length(u64),
    Chunked,
    /// Responses only: until the connection ends.
    UntilClose,
}

/// Why a `Content-Length` says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadLength {
    Repeated,
    Invalid,
    TooLarge,
}

pub(crate) fn request(_version: Version, _fields: Fields<'_>) -> Result<BodyFraming, BadRequest> {
    todo!()
}

/// `method` is that of the request that this answers.
pub(crate) fn response(
    _version: Version,
    _status: u16,
    _fields: Fields<'_>,
    _method: Method<'_>,
) -> Result<BodyFraming, BadResponse> {
    todo!()
}

/// The one `Content-Length` of a head: also for `HEAD` and 304, where it announces no body.
pub(crate) fn content_length(_fields: Fields<'_>) -> Result<Option<u64>, BadLength> {
    todo!()
}
