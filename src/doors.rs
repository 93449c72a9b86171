//! Hidden doors for the fuzzers in `tests/fuzz`: bytes in, plain values out, no promise to anybody else.
//!
//! Each door walks through the same functions as a request does. What must hold of the values is said in the fuzz
//! targets. Compiled only with the feature `doors`.

use std::path::Path;

use crate::auth::token_door;
use crate::base::json::{self, JsonBounds};
use crate::cache::{read_object, walk_store};
use crate::codings::{self, Coding};
use crate::config::{self, Config, DestinationConfig, Outside};
#[cfg(feature = "schema")]
use crate::content::{Bounds, Formats, Judge, Schema};
use crate::http::chunked::{Decoder, Step};
use crate::http::{
    CacheControl, FieldSpans, Fields, HeadLimits, Method, Parse, RequestHead, ResponseHead, Scan, accept, cdn_loop,
    conditional, connection, date, etag, forwarded, framing, no_vary_search, range, reference, target, via,
};
use crate::routing::{self, Table, forwarded_path};

/// A request head as the gateway understands it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    pub len: usize,
    pub method: String,
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// Path and query in normal form.
    pub target: Result<(String, Option<String>), String>,
    /// `None`, `Length(5)`, `Chunked`.
    pub framing: Result<String, String>,
}

/// A response head as the gateway understands it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    pub len: usize,
    pub status: u16,
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub framing: Result<String, String>,
}

/// A chunked body taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    pub data: Vec<u8>,
    pub trailers: Vec<(Vec<u8>, Vec<u8>)>,
    /// How far the body reached; `None` where more is needed.
    pub end: Option<usize>,
}

/// Where a request went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Routed {
    pub path: String,
    /// The name of the route, and the path its upstream is asked for.
    pub route: Option<(String, String)>,
}

/// Reads a request head that arrives in pieces of `piece` bytes. `None`: more is needed.
pub fn request(bytes: &[u8], piece: usize) -> Option<Result<Request, String>> {
    in_pieces(bytes, piece, |seen, scan| match RequestHead::parse(seen, &HeadLimits::default(), scan) {
        Ok(Parse::Partial) => None,
        Ok(Parse::Complete(head)) => Some(Ok(understood(&head, seen))),
        Err(bad) => Some(Err(bad.word().to_owned())),
    })
}

/// Reads a response head, the answer to a request with this method.
pub fn response(bytes: &[u8], piece: usize, method: &str) -> Option<Result<Response, String>> {
    in_pieces(bytes, piece, |seen, scan| match ResponseHead::parse(seen, &HeadLimits::default(), scan) {
        Ok(Parse::Partial) => None,
        Ok(Parse::Complete(head)) => {
            let fields = head.fields(seen);
            let framing = framing::response(head.version, head.status, fields, Method::from_name(method));
            let framing = framing.map(|framing| format!("{framing:?}")).map_err(|bad| bad.word().to_owned());
            Some(Ok(Response { len: head.len, status: head.status, fields: owned(fields), framing }))
        }
        Err(bad) => Some(Err(bad.word().to_owned())),
    })
}

/// Takes a chunked body apart that arrives in pieces.
pub fn chunked(bytes: &[u8], piece: usize) -> Result<Body, String> {
    let mut decoder = Decoder::default();
    let mut body = Body { data: Vec::new(), trailers: Vec::new(), end: None };
    let mut at = 0;
    for piece in bytes.chunks(piece.max(1)) {
        let mut rest = piece;
        while !rest.is_empty() {
            let consumed = match decoder.decode(rest).map_err(|bad| format!("{bad:?}"))? {
                Step::Data { start, end, consumed } => {
                    body.data.extend_from_slice(&rest[start..end]);
                    consumed
                }
                Step::NeedMore { consumed } => {
                    assert_eq!(consumed, rest.len(), "everything given is used up");
                    consumed
                }
                Step::Done { consumed } => {
                    body.end = Some(at + consumed);
                    body.trailers = owned(decoder.trailers());
                    return Ok(body);
                }
            };
            rest = &rest[consumed..];
            at += consumed;
        }
    }
    Ok(body)
}

/// Takes a coded body (`gzip`, `deflate`, `br`, `zstd`) apart that arrives in pieces and is given in portions of
/// `max_out`. A megabyte of output is enough to see.
pub fn coded(coding: &str, bytes: &[u8], piece: usize, max_out: usize) -> Result<Vec<u8>, String> {
    const ENOUGH: usize = 1 << 20;
    let coding = Coding::ALL.into_iter().find(|known| known.name() == coding).expect("a known coding");
    let mut decoder = codings::Decoder::new(coding);
    let mut body = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        let mut rest = piece;
        loop {
            let before = body.len();
            let taken = decoder.decode(rest, &mut body, max_out).map_err(|bad| bad.word().to_owned())?;
            rest = &rest[taken..];
            assert!(body.len() - before <= max_out, "no more than there is room for");
            if body.len() >= ENOUGH {
                body.truncate(ENOUGH);
                return Ok(body);
            }
            if body.len() - before < max_out {
                assert!(rest.is_empty(), "everything given is used up");
                break;
            }
        }
    }
    decoder.finish().map(|()| body).map_err(|bad| bad.word().to_owned())
}

/// Reads a configuration; the text is every value in force, or every problem.
pub fn ini(bytes: &[u8]) -> Result<String, Vec<String>> {
    let base = Path::new("/nowhere");
    let _ = config::fallback(bytes, base);
    match config::load_with("hafir.ini", bytes, base, Outside::Nothing) {
        Ok(loaded) => {
            let _ = Table::build(&loaded.config.routes);
            Ok(in_force(&loaded.effective))
        }
        Err(problems) => Err(problems.lines()),
    }
}

/// Everything that is read from field lines. The lines are those of a head, its first line and its end left out.
pub fn fields(lines: &[u8]) {
    let Ok(spans) = FieldSpans::parse(lines) else { return };
    let fields = Fields::new(lines, spans.as_slice());
    let control = CacheControl::parse(fields);
    let _ = (control.private.names().count(), control.no_cache.names().count());
    let _ = CacheControl::targeted(fields, "cdn-cache-control");
    if let Some(rules) = no_vary_search::NoVarySearch::of(fields) {
        let normal = rules.normalise("a=1&b=2&a=3").unwrap_or_default();
        assert_eq!(rules.normalise(&normal).unwrap_or_default(), normal, "a normal form stays as it is");
    }
    let _ = (conditional::strong(fields), accept::negotiate(fields, &["en", "fr, sw"]));
    accept::normalised(fields, "accept", &mut |_| ());
    if let Some(value) = fields.first("location") {
        let _ = reference::same_origin(value, false, None, "/a/b", Some("c"));
    }
    let tag = fields.first("etag").and_then(etag::parse);
    let _ = etag::list_match(fields, "if-none-match", tag, etag::Comparison::Weak);
    for value in fields.all("date").chain(fields.all("expires")) {
        if let Some(time) = date::parse(value) {
            let mut text = [0; 29];
            date::format(time, &mut text);
            assert_eq!(date::parse(&text), Some(time), "a date reads as it was written");
        }
    }
    for total in [0, 1, 1000, u64::MAX] {
        if let Some(value) = fields.first("range") {
            let _ = range::parse(value, total);
        }
    }
    let at_hand = conditional::Validators { etag: fields.first("etag"), last_modified: None };
    let _ = conditional::evaluate(fields, Method::Get, &at_hand);
    let _ = conditional::range_applies(fields, &at_hand, None);
    let _ = (accept::language(fields, &["en", "fr", "pt-BR"]), accept::prefers_html(fields));
    let _ = codings::serving(fields, fields);
    for write in [codings::decoded_head, codings::coded_head] {
        let mut out = Vec::new();
        let _ = write(&mut out, fields);
    }
    let _ = (via::count(fields, "hafir"), cdn_loop::count(fields, "hafir"));
    let _ = (connection::asks_h2c(fields), connection::persists(crate::http::Version::Http11, fields));
    let _ = forwarded::client(fields, std::net::Ipv4Addr::LOCALHOST.into(), |_| true);
}

/// A table of routes to send targets through.
pub struct Routes {
    config: Config,
    table: Table,
}

impl Routes {
    /// From a configuration file's text, which must be right.
    pub fn new(text: &str) -> Routes {
        let loaded = config::load_with("hafir.ini", text.as_bytes(), Path::new("/nowhere"), Outside::Nothing);
        let config = loaded.map_err(|problems| problems.lines()).expect("a good file").config;
        let table = Table::build(&config.routes).expect("a good table");
        Routes { config, table }
    }

    /// Where a GET for this target goes; `None` where the target is refused.
    pub fn route(&self, bytes: &[u8]) -> Option<Routed> {
        let target = target::parse(Method::Get, bytes, None).ok()?;
        let path: &str = &target.path;
        let query = target.query.as_deref();
        let asked = routing::Request { method: "GET", host: "board", path, query, fields: Fields::NONE };
        let found = self.table.find(&asked);
        let route = found.and_then(|found| {
            let route = self.config.routes.get(found.route.index())?;
            let DestinationConfig::Upstream(urls) = &route.destination else { return None };
            let forwarded = forwarded_path(route, urls.first()?, &found, path);
            Some((route.name.clone(), forwarded.into_owned()))
        });
        Some(Routed { path: path.to_owned(), route })
    }
}

/// Reads bytes as the file of the object with this key: status, field lines and length of the body. With `put_right`
/// the checksums are made to hold first, so that mutations get behind them.
pub fn stored(bytes: &[u8], key: &[u8], put_right: bool) -> Option<(u16, Vec<u8>, u64)> {
    let read = read_object(bytes, key, put_right)?;
    Some((read.status, read.fields, read.body_len))
}

/// Does to a store in this folder, which is to be empty or missing, whatever the bytes say, and compares all of it with a
/// model after each operation.
pub fn store_model(script: &[u8], folder: &Path) {
    walk_store(folder, script);
}

/// Reads bytes as whatever has to do with tokens: a token, keys, what providers say, what the card keeps. Whether they were
/// a token that counts.
pub fn token(bytes: &[u8]) -> bool {
    token_door::read(bytes)
}

/// Checks a token with this header and these claims, which is signed as it should be. Its id, and every text that is taken
/// from it.
pub fn signed_token(header: &[u8], claims: &[u8]) -> Option<(String, Vec<String>)> {
    let identity = token_door::signed(header, claims)?;
    let mut texts = identity.scopes;
    texts.push(identity.name);
    texts.extend(identity.plan);
    for (name, values) in identity.claims {
        texts.push(name);
        texts.extend(values);
    }
    Some((identity.id, texts))
}

/// Reads bytes as JSON. Whether they are.
pub fn json(bytes: &[u8]) -> bool {
    json::read(bytes, JsonBounds { depth: 32, values: 10_000 }).is_ok()
}

/// Shows `read` ever more of the bytes until it has an answer.
fn in_pieces<T>(bytes: &[u8], piece: usize, mut read: impl FnMut(&[u8], &mut Scan) -> Option<T>) -> Option<T> {
    let mut scan = Scan::default();
    let mut seen = 0;
    while seen < bytes.len() {
        seen = seen.saturating_add(piece.max(1)).min(bytes.len());
        let answer = read(&bytes[..seen], &mut scan);
        if answer.is_some() {
            return answer;
        }
    }
    None
}

fn understood(head: &RequestHead, bytes: &[u8]) -> Request {
    let fields = head.fields(bytes);
    let found = target::of(head.method(bytes), head.target(bytes), head.version, fields);
    let found = found.map(|target| (target.path.into_owned(), target.query.map(|query| query.into_owned())));
    let framing = framing::request(head.version, fields);
    Request {
        len: head.len,
        method: head.method(bytes).as_str().to_owned(),
        fields: owned(fields),
        target: found.map_err(|bad| bad.word().to_owned()),
        framing: framing.map(|framing| format!("{framing:?}")).map_err(|bad| bad.word().to_owned()),
    }
}

fn owned(fields: Fields<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

fn in_force(sections: &[config::EffectiveSection]) -> String {
    let mut text = String::new();
    for section in sections {
        text.push_str(&format!("[{}]\n", section.title));
        for entry in &section.entries {
            text.push_str(&format!("{} = {}\n", entry.key, entry.value));
        }
    }
    text
}

/// Holds a body against a schema, whole and as it would come in, and gives how it ended: `fits`, the log word of what it
/// was refused for, or `schema` where the schema cannot be used.
#[cfg(feature = "schema")]
pub fn content(schema: &[u8], body: &[u8], piece: usize) -> &'static str {
    let bounds = Bounds { size: 1 << 16, depth: 32, steps: 200_000 };
    let mut load = |_: &str| Err("is not at hand".to_owned());
    let Ok(schema) = Schema::compile(schema, "file:///schema.json", Formats::Checked, &mut load) else {
        return "schema";
    };
    let whole = schema.validate(body, &bounds);
    let mut judge = Judge::new(std::sync::Arc::new(schema), bounds);
    let fed = body.chunks(piece.max(1)).try_for_each(|piece| judge.feed(piece));
    let judged = fed.and_then(|()| judge.finish());
    if body.len() <= bounds.size {
        assert_eq!(judged.as_ref().err(), whole.as_ref().err(), "the same in pieces");
    }
    match judged {
        Ok(kept) => {
            assert_eq!(kept, body, "as it came");
            "fits"
        }
        Err(unfit) => {
            let count = unfit.violations().len();
            assert!(count <= 20 && (count > 0) == (unfit.status() == 422 && unfit.word() == "body-against-schema"));
            unfit.word()
        }
    }
}
