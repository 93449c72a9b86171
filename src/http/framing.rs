//! Where a message's body ends: decided here, once, and nowhere else (RFC 9112 §6).

use super::bytes::{BadNumber, number};
use super::fields::{Fields, Repeated, looks_like};
use super::method::{Method, Version};
use super::refused::{BadRequest, BadResponse};

const TRANSFER_ENCODING: &str = "transfer-encoding";
const CONTENT_LENGTH: &str = "content-length";

/// No body is longer: others keep lengths in 64 bits with a sign.
pub(crate) const MAX_LENGTH: u64 = i64::MAX as u64;

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

/// Refuses every message that somebody could frame in another way than we do.
pub(crate) fn request(version: Version, fields: Fields<'_>) -> Result<BodyFraming, BadRequest> {
    if fields.iter().any(|(name, _)| looks_like(name, TRANSFER_ENCODING) || looks_like(name, CONTENT_LENGTH)) {
        return Err(BadRequest::FramingLookalike);
    }
    let mut codings = fields.all(TRANSFER_ENCODING);
    let Some(first) = codings.next() else {
        let length = content_length(fields).map_err(BadRequest::from)?;
        return Ok(length.map_or(BodyFraming::None, BodyFraming::Length));
    };
    if version == Version::Http10 {
        return Err(BadRequest::TransferEncodingInHttp10);
    }
    if fields.contains(CONTENT_LENGTH) {
        return Err(BadRequest::TransferEncodingWithLength);
    }
    if is_chunked(first) && codings.next().is_none() {
        return Ok(BodyFraming::Chunked);
    }
    match codings_of(fields) {
        // The body could be framed, but what would be passed on is still coded (RFC 9112 §6.1).
        Codings { last_is_chunked: true, chunked: 1, others: true } => Err(BadRequest::TransferCodingStacked),
        _ => Err(BadRequest::TransferCodingNotChunked),
    }
}

/// `method` is that of the request that this answers.
pub(crate) fn response(
    version: Version,
    status: u16,
    fields: Fields<'_>,
    method: Method<'_>,
) -> Result<BodyFraming, BadResponse> {
    if matches!(status, 100..=199 | 204) {
        return Ok(BodyFraming::None);
    }
    let length = content_length(fields).map_err(BadResponse::from)?;
    if status == 304 || method == Method::Head {
        return Ok(BodyFraming::None);
    }
    if !fields.contains(TRANSFER_ENCODING) {
        return Ok(length.map_or(BodyFraming::UntilClose, BodyFraming::Length));
    }
    if version == Version::Http10 {
        return Err(BadResponse::TransferEncodingInHttp10);
    }
    if length.is_some() {
        return Err(BadResponse::TransferEncodingWithLength);
    }
    match codings_of(fields) {
        Codings { last_is_chunked: true, chunked: 1, others: false } => Ok(BodyFraming::Chunked),
        Codings { last_is_chunked: true, chunked: 1, others: true } => Err(BadResponse::TransferCodingStacked),
        Codings { last_is_chunked: false, others: true, .. } => Ok(BodyFraming::UntilClose),
        _ => Err(BadResponse::TransferCodingInvalid),
    }
}

/// The one `Content-Length` of a head: also for `HEAD` and 304, where it announces no body. Lists of equal lengths are
/// not joined (RFC 9110 §8.6 leaves it to us).
pub(crate) fn content_length(fields: Fields<'_>) -> Result<Option<u64>, BadLength> {
    let Some(value) = fields.sole(CONTENT_LENGTH).map_err(|Repeated| BadLength::Repeated)? else {
        return Ok(None);
    };
    match number(value) {
        Ok(length) if length <= MAX_LENGTH => Ok(Some(length)),
        Ok(_) | Err(BadNumber::TooLarge) => Err(BadLength::TooLarge),
        Err(BadNumber::NotDigits) => Err(BadLength::Invalid),
    }
}

struct Codings {
    last_is_chunked: bool,
    chunked: usize,
    others: bool,
}

/// What `Transfer-Encoding` lists in all (RFC 9112 §6.1).
fn codings_of(fields: Fields<'_>) -> Codings {
    let mut codings = Codings { last_is_chunked: false, chunked: 0, others: false };
    for coding in fields.list(TRANSFER_ENCODING) {
        codings.last_is_chunked = is_chunked(coding);
        match codings.last_is_chunked {
            true => codings.chunked += 1,
            false => codings.others = true,
        }
    }
    codings
}

/// Chunked has no parameters; one makes it another coding (RFC 9112 §7.1).
fn is_chunked(coding: &[u8]) -> bool {
    coding.eq_ignore_ascii_case(b"chunked")
}

impl From<BadLength> for BadRequest {
    fn from(bad: BadLength) -> BadRequest {
        match bad {
            BadLength::Repeated => BadRequest::LengthRepeated,
            BadLength::Invalid => BadRequest::LengthInvalid,
            BadLength::TooLarge => BadRequest::LengthTooLarge,
        }
    }
}

impl From<BadLength> for BadResponse {
    fn from(bad: BadLength) -> BadResponse {
        match bad {
            BadLength::Repeated => BadResponse::LengthRepeated,
            BadLength::Invalid => BadResponse::LengthInvalid,
            BadLength::TooLarge => BadResponse::LengthTooLarge,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;
    use BadRequest::{
        FramingLookalike, LengthInvalid, LengthRepeated, LengthTooLarge, TransferCodingNotChunked,
        TransferCodingStacked, TransferEncodingInHttp10, TransferEncodingWithLength,
    };

    fn with<T>(lines: &[&str], ask: impl FnOnce(Fields<'_>) -> T) -> T {
        let block: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        ask(Fields::new(block.as_bytes(), spans.as_slice()))
    }

    #[test]
    fn requests_are_framed_in_one_way_or_refused() {
        fn check(lines: &[&str], expected: Result<BodyFraming, BadRequest>) {
            assert_eq!(with(lines, |fields| request(Version::Http11, fields)), expected, "{lines:?}");
        }
        check(&[], Ok(BodyFraming::None));
        check(&["Content-Length: 0"], Ok(BodyFraming::Length(0)));
        check(&["content-length:\t0042 "], Ok(BodyFraming::Length(42)));
        check(&["Content-Length: 4294967296"], Ok(BodyFraming::Length(1 << 32)));
        check(&["Content-Length: 9223372036854775807"], Ok(BodyFraming::Length(i64::MAX as u64)));
        check(&["Content-Length: 9223372036854775808"], Err(LengthTooLarge));
        check(&["Content-Length: 18446744073709551615"], Err(LengthTooLarge));
        check(&["Content-Length: 18446744073709551616"], Err(LengthTooLarge));
        check(&["Content-Length: 36893488147419103232"], Err(LengthTooLarge));
        for invalid in ["", "+5", "-5", "5 5", "5, 5", "5,", "0x5", "5.0", "5;a", "\"5\"", "five", "\u{0665}"] {
            check(&[&format!("Content-Length: {invalid}")], Err(LengthInvalid));
        }
        for refused in
            ["Content_Length: 5", "CONTENT--LENGTH: 5", "Transfer_Encoding: chunked", "-Transfer-Encoding-: x"]
        {
            check(&[refused], Err(FramingLookalike));
        }
        check(&["Content-Length: 5", "Content-Length: 5"], Err(LengthRepeated));
        check(&["Content-Length: 5", "content-length: 6"], Err(LengthRepeated));
        check(&["Content-Length: 5", "Content-Length:"], Err(LengthRepeated));

        check(&["Transfer-Encoding: chunked"], Ok(BodyFraming::Chunked));
        check(&["transfer-encoding:\t ChunkeD "], Ok(BodyFraming::Chunked));
        check(&["Transfer-Encoding: chunked", "Content-Length: 5"], Err(TransferEncodingWithLength));
        check(&["Content-Length: x", "Transfer-Encoding: x"], Err(TransferEncodingWithLength));
        for refused in [
            "",
            ",",
            "xchunked",
            "chunkedx",
            "chunked,",
            ",chunked",
            "chunked, chunked",
            "chunked, gzip",
            "gzip",
            "identity",
            "chunked, identity",
            "chunked;a=b",
            "\"chunked\"",
            "'chunked'",
            "chunked chunked",
            "gzip, chunked, chunked",
            "\u{0131}chunked",
        ] {
            check(&[&format!("Transfer-Encoding: {refused}")], Err(TransferCodingNotChunked));
        }
        check(&["Transfer-Encoding: gzip, chunked"], Err(TransferCodingStacked));
        check(&["Transfer-Encoding: identity", "Transfer-Encoding: chunked"], Err(TransferCodingStacked));
        check(&["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], Err(TransferCodingNotChunked));
        check(&["Transfer-Encoding: chunked", "Transfer-Encoding:"], Err(TransferCodingNotChunked));
        check(&["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], Err(TransferCodingNotChunked));
    }

    #[test]
    fn http10_knows_no_transfer_coding() {
        for lines in [&["Transfer-Encoding: chunked"][..], &["Transfer-Encoding:", "Content-Length: 5"]] {
            let found = with(lines, |fields| request(Version::Http10, fields));
            assert_eq!(found, Err(TransferEncodingInHttp10));
            let found = with(lines, |fields| response(Version::Http10, 200, fields, Method::Get));
            assert_eq!(found, Err(BadResponse::TransferEncodingInHttp10));
        }
    }

    #[test]
    fn answers_are_framed_as_rfc_9112_6_3_says() {
        fn check(status: u16, method: Method<'_>, lines: &[&str], expected: Result<BodyFraming, BadResponse>) {
            let found = with(lines, |fields| response(Version::Http11, status, fields, method));
            assert_eq!(found, expected, "{status} {method} {lines:?}");
        }
        let get = |lines: &[&str], expected| check(200, Method::Get, lines, expected);
        get(&[], Ok(BodyFraming::UntilClose));
        get(&["Content-Length: 5"], Ok(BodyFraming::Length(5)));
        get(&["Transfer-Encoding: chunked"], Ok(BodyFraming::Chunked));
        get(&["Transfer-Encoding: xchunked"], Ok(BodyFraming::UntilClose));
        get(&["Transfer-Encoding: gzip, unknown"], Ok(BodyFraming::UntilClose));
        get(&["Transfer-Encoding: gzip, chunked"], Err(BadResponse::TransferCodingStacked));
        get(&["Transfer-Encoding: chunked, chunked"], Err(BadResponse::TransferCodingInvalid));
        get(&["Transfer-Encoding: chunked, gzip"], Ok(BodyFraming::UntilClose));
        get(&["Transfer-Encoding:"], Err(BadResponse::TransferCodingInvalid));
        get(&["Transfer-Encoding: chunked", "Content-Length: 5"], Err(BadResponse::TransferEncodingWithLength));
        get(&["Content-Length: 5", "Content-Length: 5"], Err(BadResponse::LengthRepeated));
        get(&["Content-Length: 5, 5"], Err(BadResponse::LengthInvalid));
        get(&["Content-Length: -1"], Err(BadResponse::LengthInvalid));
        get(&["Content-Length: 9223372036854775808"], Err(BadResponse::LengthTooLarge));

        let length = &["Content-Length: 5"][..];
        let repeated = &["Content-Length: 5", "Content-Length: 6"][..];
        let chunked = &["Transfer-Encoding: chunked"][..];
        for lines in [&[][..], length, chunked] {
            for status in [100, 101, 103, 199, 204, 304] {
                check(status, Method::Get, lines, Ok(BodyFraming::None));
            }
            check(200, Method::Head, lines, Ok(BodyFraming::None));
        }
        check(200, Method::Head, repeated, Err(BadResponse::LengthRepeated));
        check(304, Method::Get, repeated, Err(BadResponse::LengthRepeated));
        check(204, Method::Get, repeated, Ok(BodyFraming::None));
        check(205, Method::Get, length, Ok(BodyFraming::Length(5)));
        check(999, Method::Post, length, Ok(BodyFraming::Length(5)));
    }
}
