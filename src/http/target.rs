//! The request-target (RFC 9112 §3.2) and its one normal form (RFC 3986 §6.2.2).

use std::borrow::Cow;
use std::fmt;

use super::fields::Fields;
use super::host::Authority;
use super::method::{Method, Version};
use super::refused::BadRequest;

/// What a request asks for. Path and query are in normal form; nothing else may reach routing, keys or upstreams.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target<'a> {
    /// Begins with `/`; `*` for `OPTIONS *` alone.
    pub(crate) path: Cow<'a, str>,
    /// What follows `?`; may be empty.
    pub(crate) query: Option<Cow<'a, str>>,
    /// From `Host`, with which an absolute-form target agrees; `None` only in HTTP/1.0.
    pub(crate) authority: Option<Authority<'a>>,
}

/// Why a request-target is refused (400).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadTarget {
    Form,
    Asterisk,
    Scheme,
    Authority,
    Fragment,
    PercentEncoding,
    Character,
    EncodedSlash,
    Backslash,
    Control,
    DotParameter,
}

/// The target of a request with its `Host` checked: what everybody should call.
pub(crate) fn of<'a>(
    _method: Method<'_>,
    _target: &'a [u8],
    _version: Version,
    _fields: Fields<'a>,
) -> Result<Target<'a>, BadRequest> {
    todo!()
}

pub(crate) fn parse<'a>(
    _method: Method<'_>,
    _target: &'a [u8],
    _host: Option<Authority<'a>>,
) -> Result<Target<'a>, BadRequest> {
    todo!()
}

/// The bytes that a path or query in normal form stands for: what an upstream or a file system will take it for, and
/// so what rules must compare. Borrowed where nothing is encoded.
pub(crate) fn decode(_text: &str) -> Cow<'_, [u8]> {
    todo!()
}

impl fmt::Display for BadTarget {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
