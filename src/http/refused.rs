//! Why a message is refused: every reason has a name, a word for logs and metrics, a status and a sentence.

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
    /// `Content_Length` and the like.
    FramingLookalike,
    TransferCodingNotChunked,
    TransferCodingStacked,
    LengthRepeated,
    LengthInvalid,
    LengthTooLarge,
}

/// Why an upstream's answer is not believed (502). Its connection is not used again.
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

/// A word for logs and metrics, and a sentence for an operator.
type Said = (&'static str, &'static str);

impl Flaw {
    fn said(self) -> Said {
        match self {
            Flaw::BareCr => ("bare-cr", "a CR stands without LF in the head"),
            Flaw::BareLf => ("bare-lf", "a line of the head ends with LF alone"),
            Flaw::Control => ("control", "a control character is in the head"),
            Flaw::Fold => ("fold", "a field line begins with white space"),
            Flaw::SpaceBeforeColon => ("space-before-colon", "white space stands before the colon of a field line"),
            Flaw::FieldName => ("field-name", "a field name is not a token"),
            Flaw::FieldValue => ("field-value", "a field value holds a byte that is not allowed there"),
            Flaw::HeadTooLarge => ("head-too-large", "the head is longer than the limit"),
            Flaw::TooManyFields => ("too-many-fields", "the head has more field lines than the limit"),
        }
    }
}

impl BadRequest {
    /// 400, 414, 431, 501 or 505. `CONNECT` and `TRACE` are not implemented for any resource, hence 501 and not 405,
    /// which would owe an `Allow` (RFC 9110 §15.5.6, §15.6.2).
    pub(crate) fn status(self) -> u16 {
        match self {
            BadRequest::Head(Flaw::HeadTooLarge | Flaw::TooManyFields) => 431,
            BadRequest::TargetTooLong => 414,
            BadRequest::Version => 505,
            BadRequest::MethodTooLong | BadRequest::Connect | BadRequest::Trace | BadRequest::TransferCodingStacked => {
                501
            }
            BadRequest::Head(_)
            | BadRequest::RequestLine
            | BadRequest::MethodName
            | BadRequest::Target(_)
            | BadRequest::HostMissing
            | BadRequest::HostRepeated
            | BadRequest::HostInvalid
            | BadRequest::HostDisagrees
            | BadRequest::TransferEncodingInHttp10
            | BadRequest::TransferEncodingWithLength
            | BadRequest::FramingLookalike
            | BadRequest::TransferCodingNotChunked
            | BadRequest::LengthRepeated
            | BadRequest::LengthInvalid
            | BadRequest::LengthTooLarge => 400,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        self.said().0
    }

    fn said(self) -> Said {
        match self {
            BadRequest::Head(flaw) => flaw.said(),
            BadRequest::RequestLine => ("request-line", "the request line is not 'method target version'"),
            BadRequest::MethodName => ("method", "the method is not a token"),
            BadRequest::MethodTooLong => ("method-too-long", "the method is longer than any that is known"),
            BadRequest::Connect => ("connect", "CONNECT is not served: this is no forward proxy"),
            BadRequest::Trace => ("trace", "TRACE is not served: it would show fields that the sender cannot see"),
            BadRequest::Version => ("version", "the protocol version is neither HTTP/1.1 nor HTTP/1.0"),
            BadRequest::TargetTooLong => ("target-too-long", "the request-target is longer than the limit"),
            BadRequest::Target(bad) => bad.said(),
            BadRequest::HostMissing => ("host-missing", "an HTTP/1.1 request has no Host"),
            BadRequest::HostRepeated => ("host-repeated", "there is more than one Host"),
            BadRequest::HostInvalid => ("host-invalid", "Host is not a host with an optional port"),
            BadRequest::HostDisagrees => ("host-disagrees", "Host and the authority of the target differ"),
            BadRequest::TransferEncodingInHttp10 => ("te-in-http10", "an HTTP/1.0 request has Transfer-Encoding"),
            BadRequest::TransferEncodingWithLength => {
                ("te-with-length", "Transfer-Encoding and Content-Length are both there")
            }
            BadRequest::FramingLookalike => {
                ("framing-lookalike", "a field reads as Transfer-Encoding or Content-Length to some origins")
            }
            BadRequest::TransferCodingNotChunked => ("te-not-chunked", "Transfer-Encoding is not chunked, once"),
            BadRequest::TransferCodingStacked => ("te-stacked", "a transfer coding lies under chunked"),
            BadRequest::LengthRepeated => ("length-repeated", "Content-Length is there more than once"),
            BadRequest::LengthInvalid => ("length-invalid", "Content-Length is not a number of digits alone"),
            BadRequest::LengthTooLarge => ("length-too-large", "Content-Length is larger than any body can be"),
        }
    }
}

impl BadResponse {
    pub(crate) fn word(self) -> &'static str {
        self.said().0
    }

    fn said(self) -> Said {
        match self {
            BadResponse::Head(flaw) => flaw.said(),
            BadResponse::StatusLine => ("status-line", "the status line is not 'version status reason'"),
            BadResponse::Version => ("version", "the protocol version is neither HTTP/1.1 nor HTTP/1.0"),
            BadResponse::Status => ("status", "the status is not in 100-999"),
            BadResponse::TransferEncodingInHttp10 => ("te-in-http10", "an HTTP/1.0 answer has Transfer-Encoding"),
            BadResponse::TransferEncodingWithLength => {
                ("te-with-length", "Transfer-Encoding and Content-Length are both there")
            }
            BadResponse::TransferCodingInvalid => ("te-invalid", "Transfer-Encoding is empty or chunked twice"),
            BadResponse::TransferCodingStacked => ("te-stacked", "a transfer coding that was not asked for is applied"),
            BadResponse::LengthRepeated => ("length-repeated", "Content-Length is there more than once"),
            BadResponse::LengthInvalid => ("length-invalid", "Content-Length is not a number of digits alone"),
            BadResponse::LengthTooLarge => ("length-too-large", "Content-Length is larger than any body can be"),
        }
    }
}

impl BadTarget {
    fn said(self) -> Said {
        match self {
            BadTarget::Form => ("target-form", "the request-target is neither a path nor an http URL"),
            BadTarget::Asterisk => ("target-asterisk", "'*' is a target of OPTIONS alone"),
            BadTarget::Authority => {
                ("target-authority", "the authority of the target is not a host with an optional port")
            }
            BadTarget::Fragment => ("target-fragment", "the target has a fragment"),
            BadTarget::PercentEncoding => {
                ("target-percent", "a '%' of the target is not followed by two hexadecimal digits")
            }
            BadTarget::Character => ("target-character", "the target holds a character that no URL may hold"),
            BadTarget::EncodedSlash => ("target-encoded-slash", "the path holds an encoded slash"),
            BadTarget::Backslash => ("target-backslash", "the path holds a backslash"),
            BadTarget::EncodedControl => ("target-encoded-control", "the target holds an encoded control character"),
            BadTarget::DotParameter => ("target-dot-parameter", "a dot segment of the path has a parameter"),
        }
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.said().1)
    }
}

impl fmt::Display for BadResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.said().1)
    }
}

impl std::error::Error for BadRequest {}
impl std::error::Error for BadResponse {}
