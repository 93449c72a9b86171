//! The head of a response (RFC 9112 §4, §5).

use super::fields::{FieldSpan, FieldSpans, Fields, Span};
use super::method::Version;
use super::refused::BadResponse;
use super::scan::{HeadLimits, Parse, Scan};

/// Where the parts of a response head are in the buffer it was parsed from.
#[derive(Clone, Debug)]
pub(crate) struct ResponseHead {
    /// Bytes of the head, with the empty line that ends it.
    pub(crate) len: usize,
    pub(crate) version: Version,
    /// 100–999.
    pub(crate) status: u16,
    reason: Span,
    fields: FieldSpans,
}

/// A response head with its own bytes. Small to move.
#[derive(Clone, Debug)]
pub(crate) struct OwnedResponse {
    pub(crate) version: Version,
    pub(crate) status: u16,
    reason: Span,
    bytes: Box<[u8]>,
    spans: Box<[FieldSpan]>,
}

impl ResponseHead {
    pub(crate) fn parse(
        _buf: &[u8],
        _limits: &HeadLimits,
        _scan: &mut Scan,
    ) -> Result<Parse<ResponseHead>, BadResponse> {
        todo!()
    }

    /// 100–199: another head follows.
    pub(crate) fn is_interim(&self) -> bool {
        self.status < 200
    }

    pub(crate) fn reason<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        self.reason.of(buf)
    }

    pub(crate) fn fields<'a>(&'a self, buf: &'a [u8]) -> Fields<'a> {
        Fields::new(buf, self.fields.as_slice())
    }

    pub(crate) fn detach(&self, buf: &[u8]) -> OwnedResponse {
        OwnedResponse {
            version: self.version,
            status: self.status,
            reason: self.reason,
            bytes: buf.get(..self.len).unwrap_or_default().into(),
            spans: self.fields.as_slice().into(),
        }
    }
}

impl OwnedResponse {
    pub(crate) fn reason(&self) -> &[u8] {
        self.reason.of(&self.bytes)
    }

    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields::new(&self.bytes, &self.spans)
    }
}
