//! The head of a request (RFC 9112 §2, §3, §5).

use std::mem::MaybeUninit;

use super::bytes::is_token;
use super::fields::{FieldSpan, FieldSpans, Fields, MAX_FIELDS, Span, lines, split_line};
use super::method::{Method, Version};
use super::refused::{BadRequest, Flaw};
use super::scan::{HeadLimits, Parse, Scan};
use super::target::BadTarget;

/// Longer methods are not known to anybody.
const MAX_METHOD: usize = 32;

/// What a request line is longer than its target: method, two spaces, version.
const AROUND_TARGET: usize = MAX_METHOD + 2 + "HTTP/1.1".len();

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
    /// Reads the head that `buf` begins with. `scan` remembers what was looked at while the head was
    /// [`Parse::Partial`]. Limits hold before the head is whole.
    pub(crate) fn parse(buf: &[u8], limits: &HeadLimits, scan: &mut Scan) -> Result<Parse<RequestHead>, BadRequest> {
        // One empty line is left by old clients behind a body (RFC 9112 §2.2); a second one is not forgiven.
        let before = if buf.starts_with(b"\r\n") { 2 } else { 0 };
        let bytes = buf.get(before..).unwrap_or_default();
        let end = scan.advance(bytes, limits);
        if scan.first_line(bytes) > limits.target.saturating_add(AROUND_TARGET) {
            return Err(BadRequest::TargetTooLong);
        }
        match end.map_err(BadRequest::Head)? {
            Some(end) => read(buf, before, end, limits).map(Parse::Complete),
            None => Ok(Parse::Partial),
        }
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

    /// Takes field lines out, as if they had not come. Their bytes are gone.
    pub(crate) fn hide(&mut self, hidden: impl Fn(&[u8]) -> bool) {
        let (mut kept, mut gone) = (Vec::with_capacity(self.spans.len()), Vec::new());
        for span in &self.spans {
            if hidden(span.name.of(&self.bytes)) { gone.push(span.value) } else { kept.push(*span) }
        }
        gone.into_iter().for_each(|span| self.wipe(span));
        self.spans = kept.into();
    }

    /// Takes the parameters of this name out of the target's query. `name` as it stands in the query.
    pub(crate) fn cut_query(&mut self, name: &str) {
        let target = self.target().to_vec();
        let Some(mark) = target.iter().position(|byte| *byte == b'?') else { return };
        let (path, query) = target.split_at(mark);
        let is_other = |part: &&[u8]| part.split(|byte| *byte == b'=').next() != Some(name.as_bytes());
        let others: Vec<&[u8]> =
            query.get(1..).unwrap_or_default().split(|byte| *byte == b'&').filter(is_other).collect();
        let mut left = path.to_vec();
        if !others.is_empty() {
            left.push(b'?');
            left.extend(others.join(&b'&'));
        }
        self.wipe(self.target);
        let start = usize::from(self.target.start);
        if let Some(place) = self.bytes.get_mut(start..start + left.len()) {
            place.copy_from_slice(&left);
        }
        self.target.len = u16::try_from(left.len()).unwrap_or(self.target.len);
    }

    fn wipe(&mut self, span: Span) {
        let start = usize::from(span.start);
        if let Some(place) = self.bytes.get_mut(start..start + usize::from(span.len)) {
            place.fill(b' ');
        }
    }
}

/// Reads a head that is all there: `len` bytes of `buf` from `before` on.
fn read(buf: &[u8], before: usize, len: usize, limits: &HeadLimits) -> Result<RequestHead, BadRequest> {
    let head = buf.get(before..before + len).unwrap_or_default();
    let mut lines = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    let end = parsed.parse_with_uninit_headers(head, &mut lines);
    let (Ok(httparse::Status::Complete(_)), Some(method), Some(target)) = (end, parsed.method, parsed.path) else {
        return Err(what_is_wrong(head));
    };
    check_method(method.as_bytes())?;
    if target.len() > limits.target {
        return Err(BadRequest::TargetTooLong);
    }
    let mut fields = FieldSpans::default();
    for line in parsed.headers.iter() {
        fields.push(buf, line.name.as_bytes(), line.value).map_err(|_| BadRequest::Head(Flaw::TooManyFields))?;
    }
    let span = |part: &str| Span::within(buf, part.as_bytes()).ok_or(BadRequest::Head(Flaw::HeadTooLarge));
    Ok(RequestHead {
        len: before + len,
        version: if parsed.version == Some(0) { Version::Http10 } else { Version::Http11 },
        method: span(method)?,
        target: span(target)?,
        fields,
    })
}

fn check_method(method: &[u8]) -> Result<(), BadRequest> {
    match method {
        b"CONNECT" => Err(BadRequest::Connect),
        b"TRACE" => Err(BadRequest::Trace),
        long if long.len() > MAX_METHOD => Err(BadRequest::MethodTooLong),
        _ => Ok(()),
    }
}

/// Names what the parser stumbled over.
fn what_is_wrong(head: &[u8]) -> BadRequest {
    let mut lines = lines(head);
    if let Err(refusal) = check_request_line(lines.next().unwrap_or_default()) {
        return refusal;
    }
    lines.find_map(|line| split_line(line).err()).map_or(BadRequest::RequestLine, BadRequest::Head)
}

fn check_request_line(line: &[u8]) -> Result<(), BadRequest> {
    let mut words = line.split(|byte| *byte == b' ');
    let method = words.next().unwrap_or_default();
    let (Some(target), Some(version), None) = (words.next(), words.next(), words.next()) else {
        return Err(BadRequest::RequestLine);
    };
    if !is_token(method) {
        return Err(BadRequest::MethodName);
    }
    check_method(method)?;
    match version {
        b"HTTP/1.1" | b"HTTP/1.0" => {}
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            return Err(BadRequest::Version);
        }
        _ => return Err(BadRequest::RequestLine),
    }
    // The parser refuses a target only for being empty, for controls, or for bytes that are not UTF-8.
    match target {
        [] => Err(BadRequest::RequestLine),
        _ if target.is_ascii() => Ok(()),
        _ => Err(BadRequest::Target(BadTarget::Character)),
    }
}

fn method_in(span: Span, buf: &[u8]) -> Method<'_> {
    Method::from_name(std::str::from_utf8(span.of(buf)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<RequestHead, BadRequest> {
        match RequestHead::parse(bytes, &HeadLimits::default(), &mut Scan::default())? {
            Parse::Complete(head) => Ok(head),
            Parse::Partial => panic!("partial: {:?}", bytes.escape_ascii().to_string()),
        }
    }

    fn check(bytes: impl AsRef<[u8]>, expected: BadRequest) {
        let bytes = bytes.as_ref();
        match parse(bytes) {
            Ok(_) => panic!("accepted: {:?}", bytes.escape_ascii().to_string()),
            Err(found) => assert_eq!(found, expected, "{:?}", bytes.escape_ascii().to_string()),
        }
    }

    #[test]
    fn a_request_is_taken_apart() {
        let bytes = b"GET /a?b HTTP/1.1\r\nHost: x\r\nCookie:\t c=d \r\n\r\nGET";
        let head = parse(bytes).unwrap();
        assert_eq!((head.len, head.version), (bytes.len() - 3, Version::Http11));
        assert_eq!((head.method(bytes), head.target(bytes)), (Method::Get, &b"/a?b"[..]));
        assert_eq!(head.fields(bytes).iter().collect::<Vec<_>>(), [(&b"Host"[..], &b"x"[..]), (b"Cookie", b"c=d")]);
        let owned = head.detach(bytes);
        assert_eq!((owned.method(), owned.target()), (Method::Get, &b"/a?b"[..]));
        assert_eq!(owned.fields().first("cookie"), Some(&b"c=d"[..]));
    }

    #[test]
    fn what_is_hidden_is_gone() {
        let bytes = b"GET /a?x=1&key=secret&y=2&key=secret HTTP/1.1\r\nHost: x\r\nX-Key: secret\r\nA: b\r\n\r\n";
        let mut owned = parse(bytes).unwrap().detach(bytes);
        owned.hide(|name| name.eq_ignore_ascii_case(b"x-key"));
        owned.cut_query("key");
        assert_eq!(owned.target(), b"/a?x=1&y=2");
        assert_eq!(owned.fields().iter().collect::<Vec<_>>(), [(&b"Host"[..], &b"x"[..]), (b"A", b"b")]);
        assert!(!owned.bytes.windows(6).any(|piece| piece == b"secret"));
        for (target, left) in [("/?key=1", "/"), ("/?key", "/"), ("/a?keys=1", "/a?keys=1"), ("/a", "/a")] {
            let bytes = format!("GET {target} HTTP/1.1\r\n\r\n");
            let mut owned = parse(bytes.as_bytes()).unwrap().detach(bytes.as_bytes());
            owned.cut_query("key");
            assert_eq!(owned.target(), left.as_bytes(), "{target}");
        }
    }

    #[test]
    fn legal_oddities_pass() {
        for (bytes, method) in [
            (&b"PROPFIND / HTTP/1.1\r\n\r\n"[..], Method::Other("PROPFIND")),
            (b"get / HTTP/1.0\r\n\r\n", Method::Other("get")),
            (b"\r\nGET / HTTP/1.1\r\n\r\n", Method::Get),
            (b"POST / HTTP/1.1\r\nA:\x80\xff\t\r\nB:\r\nC: \t \r\n!#$%&'*+-.^_`|~9: ;\r\n\r\n", Method::Post),
        ] {
            let head = parse(bytes).unwrap();
            assert_eq!((head.method(bytes), head.len), (method, bytes.len()));
        }
    }

    #[test]
    fn request_lines_are_exact() {
        check("GET /\r\n\r\n", BadRequest::RequestLine);
        check("GET  / HTTP/1.1\r\n\r\n", BadRequest::RequestLine);
        check("GET /  HTTP/1.1\r\n\r\n", BadRequest::RequestLine);
        check("GET /\tHTTP/1.1\r\n\r\n", BadRequest::RequestLine);
        check("GET / HTTP/1.1 \r\n\r\n", BadRequest::RequestLine);
        check("GET / http/1.1\r\n\r\n", BadRequest::RequestLine);
        check("GET / HTTP/1.1 HTTP/1.1\r\n\r\n", BadRequest::RequestLine);
        check("GET /a b HTTP/1.1\r\n\r\n", BadRequest::RequestLine);
        check(" GET / HTTP/1.1\r\n\r\n", BadRequest::RequestLine);
        check("\r\n\r\nGET / HTTP/1.1\r\n\r\n", BadRequest::RequestLine);
        check("G(T / HTTP/1.1\r\n\r\n", BadRequest::MethodName);
        check("\u{00e9} / HTTP/1.1\r\n\r\n", BadRequest::MethodName);
        check("GET /a\x7fb HTTP/1.1\r\n\r\n", BadRequest::RequestLine);
        check(b"GET /\xff HTTP/1.1\r\n\r\n", BadRequest::Target(BadTarget::Character));
        check("MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM / HTTP/1.1\r\n\r\n", BadRequest::MethodTooLong);
        check("CONNECT a:443 HTTP/1.1\r\n\r\n", BadRequest::Connect);
        check("TRACE / HTTP/1.1\r\n\r\n", BadRequest::Trace);
    }

    #[test]
    fn other_versions_are_unknown() {
        for version in ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/9.9"] {
            check(format!("GET / {version}\r\n\r\n"), BadRequest::Version);
        }
        check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BadRequest::Version);
    }

    #[test]
    fn field_lines_are_exact() {
        let flaw = |line: &str, expected| {
            check(format!("GET / HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n"), BadRequest::Head(expected));
        };
        flaw("A : b", Flaw::SpaceBeforeColon);
        flaw("A\t: b", Flaw::SpaceBeforeColon);
        flaw(" A: b", Flaw::Fold);
        flaw("A: b\r\n c", Flaw::Fold);
        flaw("A: b\r\n\t", Flaw::Fold);
        flaw("A", Flaw::FieldName);
        flaw(": b", Flaw::FieldName);
        flaw("A B: b", Flaw::FieldName);
        flaw("A\u{00e9}: b", Flaw::FieldName);
        flaw("A: b\x7f", Flaw::FieldValue);
        flaw("A: b\0", Flaw::Control);
        flaw("A\0: b", Flaw::Control);
        flaw("A: \x0bb", Flaw::Control);
        flaw("A: b\nC: d", Flaw::BareLf);
        flaw("A: b\rC: d", Flaw::BareCr);
        check("GET / HTTP/1.1\r\n Host: x\r\n\r\n", BadRequest::Head(Flaw::Fold));
    }

    #[test]
    fn too_much_is_refused_before_it_is_there() {
        let limits = HeadLimits { head: 400, fields: 3, target: 100 };
        let check = |bytes: String, expected: BadRequest| {
            let found = RequestHead::parse(bytes.as_bytes(), &limits, &mut Scan::default());
            assert_eq!(found.map(|_| ()), Err(expected), "{bytes}");
        };
        check(format!("GET /{}", "a".repeat(200)), BadRequest::TargetTooLong);
        check(format!("GET /{}", "a".repeat(2000)), BadRequest::TargetTooLong);
        check(format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100)), BadRequest::TargetTooLong);
        check(format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(400)), BadRequest::Head(Flaw::HeadTooLarge));
        check(format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(4)), BadRequest::Head(Flaw::TooManyFields));
        check(format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(20_000)), BadRequest::Head(Flaw::TooManyFields));
        let fits = format!("GET /{} HTTP/1.1\r\n{}\r\n", "a".repeat(99), "A: b\r\n".repeat(3));
        assert!(RequestHead::parse(fits.as_bytes(), &limits, &mut Scan::default()).is_ok());
    }

    #[test]
    fn the_largest_head_is_read_to_its_last_field() {
        let limits = HeadLimits { head: usize::MAX, fields: usize::MAX, target: usize::MAX };
        let mut bytes = format!("\r\nGET /{} HTTP/1.1\r\n", "a".repeat(60_000));
        for number in 1..MAX_FIELDS {
            bytes.push_str(&format!("A: {number}\r\n"));
        }
        let filler = crate::http::MAX_HEAD + 2 - bytes.len() - "Z: \r\n\r\n".len();
        bytes.push_str(&format!("Z: {}\r\n\r\n", "z".repeat(filler)));
        let Ok(Parse::Complete(head)) = RequestHead::parse(bytes.as_bytes(), &limits, &mut Scan::default()) else {
            panic!("refused");
        };
        assert_eq!(head.fields(bytes.as_bytes()).first("z").map(<[u8]>::len), Some(filler));
    }

    #[test]
    fn heads_are_small_enough_to_be_values() {
        assert!(size_of::<RequestHead>() <= 1100, "{}", size_of::<RequestHead>());
        assert!(size_of::<OwnedRequest>() <= 64, "{}", size_of::<OwnedRequest>());
    }

    #[test]
    fn heads_may_arrive_in_any_pieces() {
        let bytes = b"\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n";
        let mut scan = Scan::default();
        for end in 0..bytes.len() {
            let found = RequestHead::parse(&bytes[..end], &HeadLimits::default(), &mut scan);
            assert!(matches!(found, Ok(Parse::Partial)), "at {end}");
        }
        let found = RequestHead::parse(bytes, &HeadLimits::default(), &mut scan);
        assert!(matches!(found, Ok(Parse::Complete(head)) if head.len == bytes.len()));
    }
}
