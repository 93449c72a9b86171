//! The head of a response (RFC 9112 §4, §5).

use std::mem::MaybeUninit;

use super::bytes::is_value;
use super::fields::{FieldSpan, FieldSpans, Fields, MAX_FIELDS, Span, lines, split_line};
use super::method::Version;
use super::refused::{BadResponse, Flaw};
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
    /// Reads the head that `buf` begins with. `scan` remembers what was looked at while the head was
    /// [`Parse::Partial`]. Limits hold before the head is whole.
    pub(crate) fn parse(buf: &[u8], limits: &HeadLimits, scan: &mut Scan) -> Result<Parse<ResponseHead>, BadResponse> {
        match scan.advance(buf, limits).map_err(BadResponse::Head)? {
            Some(end) => read(buf.get(..end).unwrap_or_default()).map(Parse::Complete),
            None => Ok(Parse::Partial),
        }
    }

    #[cfg(test)]
    pub(crate) fn reason<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        self.reason.of(buf)
    }

    #[cfg(any(test, feature = "doors"))]
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

/// Reads a head that is all there.
fn read(head: &[u8]) -> Result<ResponseHead, BadResponse> {
    let mut space = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    // White space before a colon is to be removed from responses, not to be refused (RFC 9112 §5.1).
    let end = httparse::ParserConfig::default()
        .allow_spaces_after_header_name_in_responses(true)
        .parse_response_with_uninit_headers(&mut parsed, head, &mut space);
    let (Ok(httparse::Status::Complete(_)), Some(status)) = (end, parsed.code) else {
        return Err(what_is_wrong(head));
    };
    if !(100..=999).contains(&status) {
        return Err(BadResponse::Status);
    }
    let mut fields = FieldSpans::default();
    for line in parsed.headers.iter() {
        fields.push(head, line.name.as_bytes(), line.value).map_err(|_| BadResponse::Head(Flaw::TooManyFields))?;
    }
    // The parser drops reasons that are not ASCII; they are legal bytes and pass.
    let reason = lines(head).next().and_then(|line| line.get("HTTP/1.1 200 ".len()..)).unwrap_or_default();
    Ok(ResponseHead {
        len: head.len(),
        version: if parsed.version == Some(0) { Version::Http10 } else { Version::Http11 },
        status,
        reason: Span::within(head, reason).unwrap_or_default(),
        fields,
    })
}

/// Names what the parser stumbled over.
fn what_is_wrong(head: &[u8]) -> BadResponse {
    let mut lines = lines(head);
    if let Err(refusal) = check_status_line(lines.next().unwrap_or_default()) {
        return refusal;
    }
    let flaw = lines.filter_map(|line| split_line(line).err()).find(|flaw| *flaw != Flaw::SpaceBeforeColon);
    BadResponse::Head(flaw.unwrap_or(Flaw::FieldName))
}

fn check_status_line(line: &[u8]) -> Result<(), BadResponse> {
    let (version, rest) = line.split_at_checked("HTTP/1.1".len()).ok_or(BadResponse::StatusLine)?;
    match version {
        b"HTTP/1.1" | b"HTTP/1.0" => {}
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            return Err(BadResponse::Version);
        }
        _ => return Err(BadResponse::StatusLine),
    }
    let (status, reason) = match rest {
        [b' ', a, b, c] => ([a, b, c], &[][..]),
        [b' ', a, b, c, b' ', reason @ ..] => ([a, b, c], reason),
        _ => return Err(BadResponse::StatusLine),
    };
    if !status.iter().all(|digit| digit.is_ascii_digit()) {
        return Err(BadResponse::Status);
    }
    if is_value(reason) { Ok(()) } else { Err(BadResponse::StatusLine) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<ResponseHead, BadResponse> {
        match ResponseHead::parse(bytes, &HeadLimits::default(), &mut Scan::default())? {
            Parse::Complete(head) => Ok(head),
            Parse::Partial => panic!("partial: {:?}", bytes.escape_ascii().to_string()),
        }
    }

    #[test]
    fn answers_are_taken_apart() {
        fn check(line: &[u8], status: u16, reason: &[u8], version: Version) {
            let bytes = [line, b"\r\nA: b\r\nC : d\r\n\r\nbody"].concat();
            let head = parse(&bytes).unwrap();
            assert_eq!((head.status, head.version, head.reason(&bytes)), (status, version, reason));
            assert_eq!(head.fields(&bytes).iter().collect::<Vec<_>>(), [(&b"A"[..], &b"b"[..]), (b"C", b"d")]);
            assert_eq!(head.len, bytes.len() - 4);
            let owned = head.detach(&bytes);
            assert_eq!((owned.reason(), owned.fields().first("c")), (reason, Some(&b"d"[..])));
        }
        check(b"HTTP/1.1 200 OK", 200, b"OK", Version::Http11);
        check(b"HTTP/1.0 404 Not  Found ", 404, b"Not  Found ", Version::Http10);
        check(b"HTTP/1.1 999 ", 999, b"", Version::Http11);
        check(b"HTTP/1.1 100", 100, b"", Version::Http11);
        check(b"HTTP/1.1 599 caf\xe9\t!", 599, b"caf\xe9\t!", Version::Http11);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        fn check(bytes: &[u8], expected: BadResponse) {
            let found = parse(bytes).map(|head| head.status);
            assert_eq!(found, Err(expected), "{:?}", bytes.escape_ascii().to_string());
        }
        check(b"HTTP/2.0 200 OK\r\n\r\n", BadResponse::Version);
        check(b"ICY 200 OK\r\n\r\n", BadResponse::StatusLine);
        check(b"\r\nHTTP/1.1 200 OK\r\n\r\n", BadResponse::StatusLine);
        check(b"HTTP/1.1\r\n\r\n", BadResponse::StatusLine);
        check(b"HTTP/1.1  200 OK\r\n\r\n", BadResponse::StatusLine);
        check(b"HTTP/1.1 2000 OK\r\n\r\n", BadResponse::StatusLine);
        check(b"HTTP/1.1 20 OK\r\n\r\n", BadResponse::StatusLine);
        check(b"HTTP/1.1 2x0 OK\r\n\r\n", BadResponse::Status);
        check(b"HTTP/1.1 099 OK\r\n\r\n", BadResponse::Status);
        check(b"HTTP/1.1 200 O\x7fK\r\n\r\n", BadResponse::StatusLine);
        check(b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", BadResponse::Head(Flaw::Fold));
        check(b"HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", BadResponse::Head(Flaw::FieldName));
        check(b"HTTP/1.1 200 OK\r\nA\r\n\r\n", BadResponse::Head(Flaw::FieldName));
        check(b"HTTP/1.1 200 OK\r\nA: \x7f\r\n\r\n", BadResponse::Head(Flaw::FieldValue));
        check(b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n", BadResponse::Head(Flaw::BareLf));
        check(b"HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n", BadResponse::Head(Flaw::Control));
        check(b"HTTP/1.1 200 O\rK\r\n\r\n", BadResponse::Head(Flaw::BareCr));
    }
}
