//! The head of a request (RFC 9112 §2, §3, §5).

use super::fields::{FieldSpan, FieldSpans, Fields, Span};
use super::method::{Method, Version};
use super::refused::BadRequest;
use super::scan::{HeadLimits, Parse, Scan};

/// Where the parts of a request head are in the buffer it was parsed from. A plain value of about 1 KB; the methods
/// want that same buffer.
#[derive(Clone, Debug)]
pub(crate) struct RequestHead {
    /// Bytes of the head, with the empty line that ends it (and one that came before it).
    pub(crate) len: usize,
    pub(crate) version: Version,
    method: Span,
    target: Span,
    fields: FieldSpans,
}

/// A request head with its own bytes, so that the connection's buffer can be used again. Small to move.
#[derive(Clone, Debug)]
pub(crate) struct OwnedRequest {
    pub(crate) version: Version,
    method: Span,
    target: Span,
    bytes: Box<[u8]>,
    spans: Box<[FieldSpan]>,
}

impl RequestHead {
    pub(crate) fn parse(_buf: &[u8], _limits: &HeadLimits, _scan: &mut Scan) -> Result<Parse<RequestHead>, BadRequest> {
        todo!()
    }

    pub(crate) fn method<'a>(&self, buf: &'a [u8]) -> Method<'a> {
        method_in(self.method, buf)
    }

    /// The request-target as it came; see [`super::target::of`] for its normal form.
    pub(crate) fn target<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        self.target.of(buf)
    }

    pub(crate) fn fields<'a>(&'a self, buf: &'a [u8]) -> Fields<'a> {
        Fields::new(buf, self.fields.as_slice())
    }

    pub(crate) fn detach(&self, buf: &[u8]) -> OwnedRequest {
        OwnedRequest {
            version: self.version,
            method: self.method,
            target: self.target,
            bytes: buf.get(..self.len).unwrap_or_default().into(),
            spans: self.fields.as_slice().into(),
        }
    }
}

impl OwnedRequest {
    pub(crate) fn method(&self) -> Method<'_> {
        method_in(self.method, &self.bytes)
    }

    pub(crate) fn target(&self) -> &[u8] {
        self.target.of(&self.bytes)
    }

    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields::new(&self.bytes, &self.spans)
    }
}

fn method_in(span: Span, buf: &[u8]) -> Method<'_> {
    Method::from_name(std::str::from_utf8(span.of(buf)).unwrap_or_default())
}
