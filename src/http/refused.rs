//! Why a message is refused: every reason has a name, a word for logs and metrics, and a status.

use std::fmt;

use super::target::BadTarget;

/// What can be wrong with the bytes of any head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    BareCr,
    BareLf,
    Control,
    Fold,
    SpaceBeforeColon,
    FieldName,
    FieldValue,
    HeadTooLarge,
    TooManyFields,
}

/// Why a request is refused. The connection is closed after the answer: nothing behind a refused head can be trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadRequest {
    Head(Flaw),
    RequestLine,
    MethodName,
    MethodTooLong,
    Connect,
    Trace,
    Version,
    TargetTooLong,
    Target(BadTarget),
    HostMissing,
    HostRepeated,
    HostInvalid,
    HostDisagrees,
    TransferEncodingInHttp10,
    TransferEncodingWithLength,
    TransferEncodingRepeated,
    TransferCodingNotChunked,
    TransferCodingStacked,
    LengthRepeated,
    LengthInvalid,
    LengthTooLarge,
}

/// Why an upstream's answer is not believed (502).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadResponse {
    Head(Flaw),
    StatusLine,
    Version,
    Status,
    TransferEncodingInHttp10,
    TransferEncodingWithLength,
    TransferCodingInvalid,
    TransferCodingStacked,
    LengthRepeated,
    LengthInvalid,
    LengthTooLarge,
}

impl BadRequest {
    /// 400, 414, 431, 501 or 505.
    pub(crate) fn status(self) -> u16 {
        todo!()
    }

    /// One word for logs and metrics: `bare-lf`, `host-missing`.
    pub(crate) fn word(self) -> &'static str {
        todo!()
    }
}

impl BadResponse {
    pub(crate) fn word(self) -> &'static str {
        todo!()
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

impl fmt::Display for BadResponse {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

impl std::error::Error for BadRequest {}
impl std::error::Error for BadResponse {}
