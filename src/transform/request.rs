//! The head that goes upstream.

use super::{Client, Edits, Ids};
use crate::http::{BodyFraming, Fields};

/// How this gateway names itself to others.
#[derive(Clone, Debug)]
pub(crate) struct Via {}

impl Via {
    /// `instance` tells this gateway from a parent or child hafir in the same chain (RFC 8586 §2): any number that
    /// stays the same while the process lives.
    pub(crate) fn new(instance: u64) -> Via {
        todo!()
    }
}

/// All that a request head for the upstream is made of.
#[derive(Clone, Copy)]
pub(crate) struct RequestParts<'a> {
    pub(crate) via: &'a Via,
    pub(crate) client: &'a Client,
    pub(crate) ids: &'a Ids<'a>,
    pub(crate) edits: &'a Edits,
    pub(crate) method: &'a str,
    /// As `routing::forwarded_path` gives it; `*` for `OPTIONS *`.
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    /// The value of `Host` for the upstream.
    pub(crate) host: &'a str,
    /// The client's own `Host`, for `Forwarded` and `X-Forwarded-Host`.
    pub(crate) client_host: &'a str,
    pub(crate) version: crate::http::Version,
    /// The client's fields.
    pub(crate) fields: Fields<'a>,
    pub(crate) framing: BodyFraming,
    pub(crate) conditions: Conditions<'a>,
    /// The protocol to upgrade to (`Upgrade::Wanted`), where the route allows it.
    pub(crate) upgrade: Option<&'a [u8]>,
    /// Pass `Expect: 100-continue` on, where the client sent it and the gateway has not answered it itself.
    pub(crate) expect: bool,
    /// The connection ends after this exchange.
    pub(crate) close: bool,
}

/// Which conditions go upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Conditions<'a> {
    /// The client's own `If-*` and `Range`, as they are: the answer is for the client alone.
    Client,
    /// None, and no `Range`: the whole answer is wanted.
    Whole,
    /// Those of a stored answer, to ask whether it still holds; no `Range`.
    Validate { etag: Option<&'a [u8]>, last_modified: Option<&'a [u8]> },
}

/// Why a request does not go upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotForwarded {
    /// It has passed through this gateway before (`CDN-Loop`): 508.
    Loop,
    /// `OPTIONS` with `Max-Forwards: 0` (RFC 9110 §7.6.2): the gateway answers as the last recipient, 204.
    LastHop,
    /// A value cannot be written as a field: 500, and a defect.
    Unwritable,
}

/// Appends the request head for the upstream to `out`, its empty line included.
pub(crate) fn request_head(out: &mut Vec<u8>, parts: &RequestParts<'_>) -> Result<(), NotForwarded> {
    todo!()
}
