//! Whatever bytes come, nothing panics, pieces do not matter, and what is accepted means the same when it is written
//! again. Seeds are changed at random, the same way in every run.

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::base::Wall;

const ROUNDS: usize = 20_000;

const SEEDS: [&str; 7] = [
    "GET /a/b?c=d HTTP/1.1\r\nHost: school.example\r\nAccept: text/html;q=0.5, */*\r\nCookie: a=b\r\n\r\n",
    "POST http://school.example/a/../b%2e HTTP/1.1\r\nHost: school.example:80\r\nContent-Length: 42\r\n\r\n",
    "PUT /%7e//x;y HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: [::1]\r\nConnection: close, upgrade\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nCache-Control: max-age=60, private=\"a, b\"\r\nETag: W/\"x\"\r\n\r\n",
    "HTTP/1.0 304 \r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nTransfer-Encoding: gzip, chunked\r\nVary: *\r\n\r\n",
    "5;a=\"b\"\r\nhello\r\n0a\r\n0123456789\r\n0\r\nDigest: x\r\nHost: y\r\n\r\nGET",
    "bytes=0-4, 7-9,-3\r\nForwarded: for=\"[2001:db8::1]:80\";by=_x, for=192.0.2.1\r\nX-Forwarded-For: 10.0.0.1, ::1\r\n",
];

/// Bytes that mean something to somebody.
const TELLING: &[u8] = b"\r\n\r\n \t:,;=\"\\/%?#*-+0159afAFxX.\0\x0b\x7f\x80\xff(W";

/// Random numbers, the same in every run (xorshift64*).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new() -> Dice {
        Dice(0x9e37_79b9_7f4a_7c15)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }

    /// One seed with a few changes.
    pub(super) fn input(&mut self) -> Vec<u8> {
        let mut bytes = SEEDS[self.below(SEEDS.len())].as_bytes().to_vec();
        for _ in 0..self.below(4) {
            let at = self.below(bytes.len());
            let telling = TELLING[self.below(TELLING.len())];
            match self.below(5) {
                0 => bytes[at] = telling,
                1 => bytes.insert(at, telling),
                2 => drop(bytes.remove(at)),
                3 => bytes.truncate(at.max(4)),
                _ => {
                    let other = SEEDS[self.below(SEEDS.len())].as_bytes();
                    let from = self.below(other.len());
                    let len = self.below(other.len() - from);
                    bytes.splice(at..at, other[from..from + len].iter().copied());
                }
            }
        }
        bytes
    }
}

/// A head that arrives in two pieces is read as the whole is.
fn in_two<T>(
    bytes: &[u8],
    cut: usize,
    mut parse: impl FnMut(&[u8], &mut Scan) -> T,
    is_partial: impl Fn(&T) -> bool,
) -> T {
    let mut scan = Scan::default();
    let first = parse(&bytes[..cut], &mut scan);
    if is_partial(&first) { parse(bytes, &mut scan) } else { first }
}

#[test]
fn requests_mean_the_same_when_written_again() {
    /// What all that follows goes by.
    type Told = (String, Vec<u8>, BodyFraming, Vec<(Vec<u8>, Vec<u8>)>);
    fn meaning(bytes: &[u8]) -> Option<Told> {
        let read = RequestHead::parse(bytes, &HeadLimits::default(), &mut Scan::default());
        let Ok(Parse::Complete(head)) = read else { return None };
        let (method, fields) = (head.method(bytes), head.fields(bytes));
        let target = target::of(method, head.target(bytes), head.version, fields).ok()?;
        let mut written = target.path.into_owned().into_bytes();
        if let Some(query) = target.query {
            written.extend([b"?", query.as_bytes()].concat());
        }
        let framing = framing::request(head.version, fields).ok()?;
        let lines = fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        (head.version == Version::Http11).then(|| (method.to_string(), written, framing, lines))
    }

    let (mut dice, mut accepted) = (Dice::new(), 0);
    for _ in 0..ROUNDS {
        let bytes = dice.input();
        let parse = |bytes: &[u8], scan: &mut Scan| RequestHead::parse(bytes, &HeadLimits::default(), scan);
        let found = |parsed: &Result<Parse<RequestHead>, BadRequest>| match parsed {
            Ok(Parse::Complete(head)) => Ok(Some(head.len)),
            Ok(Parse::Partial) => Ok(None),
            Err(bad) => Err(*bad),
        };
        let whole = found(&parse(&bytes, &mut Scan::default()));
        let pieces = in_two(&bytes, dice.below(bytes.len()), parse, |parsed| found(parsed) == Ok(None));
        assert_eq!(found(&pieces), whole, "{}", bytes.escape_ascii());

        let Some((method, target, framing, lines)) = meaning(&bytes) else { continue };
        accepted += 1;
        let mut out = Vec::new();
        let mut writer = HeadWriter::request(&mut out, &method, &target);
        for (name, value) in &lines {
            writer.field(name, value);
        }
        writer.end().unwrap();
        assert_eq!(meaning(&out), Some((method, target, framing, lines)), "{}", bytes.escape_ascii());
    }
    assert!(accepted > ROUNDS / 20, "only {accepted} inputs were requests");
}

#[test]
fn answers_mean_the_same_when_written_again() {
    type Meaning = (u16, Vec<u8>, Result<BodyFraming, BadResponse>, Vec<(Vec<u8>, Vec<u8>)>);
    fn meaning(bytes: &[u8]) -> Option<(Version, Meaning)> {
        let read = ResponseHead::parse(bytes, &HeadLimits::default(), &mut Scan::default());
        let Ok(Parse::Complete(head)) = read else { return None };
        let fields = head.fields(bytes);
        let framing = framing::response(head.version, head.status, fields, Method::Get);
        let lines = fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        Some((head.version, (head.status, head.reason(bytes).to_vec(), framing, lines)))
    }

    let (mut dice, mut accepted) = (Dice::new(), 0);
    for _ in 0..ROUNDS {
        let bytes = dice.input();
        let Some((version, expected)) = meaning(&bytes) else { continue };
        accepted += 1;
        let mut out = Vec::new();
        let mut writer = HeadWriter::response(&mut out, version, expected.0, &expected.1);
        for (name, value) in &expected.3 {
            writer.field(name, value);
        }
        writer.end().unwrap();
        assert_eq!(meaning(&out), Some((version, expected)), "{}", bytes.escape_ascii());
    }
    assert!(accepted > ROUNDS / 20, "only {accepted} inputs were answers");
}

#[test]
fn typed_fields_stand_anything() {
    let mut dice = Dice::new();
    for _ in 0..ROUNDS {
        let bytes: Vec<u8> = dice.input().into_iter().filter(|byte| bytes::is_value(&[*byte])).collect();
        let field = |name: &str| [name.as_bytes(), b": ", &bytes, b"\r\n"].concat();
        let names = [
            "Cache-Control",
            "Accept",
            "Accept-Language",
            "If-None-Match",
            "If-Range",
            "Via",
            "CDN-Loop",
            "Expect",
            "No-Vary-Search",
        ];
        let block =
            [names.map(field).concat(), field("Forwarded"), field("X-Forwarded-For"), field("Upgrade")].concat();
        let spans = FieldSpans::parse(&block).unwrap();
        let fields = Fields::new(&block, spans.as_slice());

        let directives = CacheControl::parse(fields);
        assert!(directives.max_age <= Some(cache_control::FOR_EVER));
        let targeted = CacheControl::targeted(fields, "cache-control").unwrap_or_default();
        assert!(targeted.max_age <= Some(cache_control::FOR_EVER));
        assert!(accept::media(fields, "text", "html") <= accept::Quality::FULL);
        accept::language(fields, &["en", "fr"]);
        let at_hand = conditional::Validators { etag: Some(&bytes), last_modified: date::parse(&bytes) };
        conditional::evaluate(fields, Method::Get, &at_hand);
        conditional::range_applies(fields, &at_hand, Some(Wall::default()));
        forwarded::client(fields, IpAddr::V4(Ipv4Addr::LOCALHOST), |_| true);
        let counts = (via::count(fields, "x"), cdn_loop::count(fields, "x"));
        assert!(counts.0 <= bytes.len() && counts.1 <= bytes.len());
        connection::asks_h2c(fields);
        connection::expectation(Version::Http11, fields);

        let text = String::from_utf8_lossy(&bytes);
        target::decode(&text);
        if let Ok(authority) = host::parse(&bytes) {
            assert_eq!(host::parse(authority.to_string().as_bytes()), Ok(authority));
        }
        if let range::Wanted::Parts(parts) = range::parse(&bytes, 10) {
            let mut sent = [0; 10];
            parts.iter().flat_map(|part| part.first..=part.last).for_each(|place| sent[place as usize] += 1);
            assert!(sent.iter().all(|times| *times <= 1), "{parts:?}");
        }
        range::ContentRange::parse(&bytes);
        if let Some(rules) = no_vary_search::NoVarySearch::of(fields) {
            rules.normalise(&text);
        }
        if let Some(found) = reference::same_origin(&bytes, false, None, "/a/b", None) {
            assert!(found.path.starts_with('/'));
        }
    }
}
