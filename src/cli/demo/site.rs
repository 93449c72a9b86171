//! What the remote site answers: a pure function of the request, and of how many have visited.

use std::borrow::Cow;
use std::time::Duration;

use miniserde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::film::Film;
use super::wire::{Head, Method, Request};
use super::{pages, pictures};

/// How long the remote site thinks about a search, as an encyclopaedia on a busy server does.
pub(super) const SEARCH_TIME: Duration = Duration::from_secs(4);
/// When everything on the site was last changed.
const CHANGED: &str = "Mon, 06 Jan 2025 08:00:00 GMT";

/// The remote site, ready to answer.
pub(super) struct Site {
    film: Film,
    things: Vec<Thing>,
}

/// Something the site has, made once.
struct Thing {
    path: &'static str,
    found: Found,
}

/// What a path leads to.
#[derive(Clone)]
struct Found {
    content_type: &'static str,
    cache_control: &'static str,
    /// Strong, in quotes. `None`: it is another one each time.
    etag: Option<String>,
    body: Body,
    /// How long it takes to make.
    pause: Duration,
}

/// The content of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Body {
    Bytes(Cow<'static, [u8]>),
    /// Part of the film: from here to there.
    Film(u64, u64),
}

pub(super) struct Answer {
    pub(super) head: Head,
    pub(super) body: Body,
    pub(super) pause: Duration,
}

impl Site {
    pub(super) fn new() -> Site {
        let pages =
            pages::PAGES.iter().map(|page| thing(page.path, "text/html; charset=utf-8", MINUTE, pages::html(page)));
        let pictures = [
            thing("/pictures/dry.bmp", "image/bmp", DAY, pictures::photograph(120)),
            thing("/pictures/rain.bmp", "image/bmp", DAY, pictures::photograph(450)),
            thing("/pictures/full.bmp", "image/bmp", DAY, pictures::photograph(850)),
            thing("/pictures/chart.svg", "image/svg+xml", DAY, pictures::rain_chart()),
            thing("/pictures/cycle.svg", "image/svg+xml", DAY, pictures::WATER_CYCLE),
            thing("/style.css", "text/css; charset=utf-8", DAY, pages::STYLE),
            thing("/api/weather", JSON, "max-age=5", WEATHER),
        ];
        Site { film: Film::new(), things: pages.chain(pictures).collect() }
    }

    /// The answer to a request; `visits` counts those that ask for the counter.
    pub(super) fn answer(&self, request: &Request, visits: &mut u64) -> Answer {
        if !matches!(request.method, Method::Get | Method::Head) {
            return refusal(405, vec![("Allow", "GET, HEAD".into())]);
        }
        match self.find(request, visits) {
            Some(found) => deliver(request, found),
            None => refusal(404, Vec::new()),
        }
    }

    /// The film's bytes from an offset on: as many as are easily made at once.
    pub(super) fn film_at(&self, offset: u64) -> Vec<u8> {
        self.film.part_at(offset)
    }

    fn find(&self, request: &Request, visits: &mut u64) -> Option<Found> {
        match request.path.as_str() {
            "/film.mp4" => Some(Found {
                content_type: "video/mp4",
                cache_control: "max-age=2592000, immutable",
                etag: Some("\"film-1\"".to_owned()),
                body: Body::Film(0, self.film.len()),
                pause: Duration::ZERO,
            }),
            "/search" => Some(search(&request.parameter("q").unwrap_or_default())),
            "/api/visitors" => {
                *visits += 1;
                Some(fresh_each_time("no-store", miniserde::json::to_string(&Visitors { visitors: *visits })))
            }
            path => self.things.iter().find(|thing| thing.path == path).map(|thing| thing.found.clone()),
        }
    }
}

const MINUTE: &str = "max-age=60";
const DAY: &str = "max-age=86400";
const JSON: &str = "application/json";
const WEATHER: &str = r#"{"place":"Kitgum","sky":"clouds in the west","temperature":27,"rain_today_mm":4}"#;

#[derive(Serialize)]
struct Visitors {
    visitors: u64,
}

#[derive(Serialize)]
struct Results {
    question: String,
    pages: Vec<String>,
}

fn search(question: &str) -> Found {
    let pages = pages::search(question).iter().map(|page| page.title.to_owned()).collect();
    let results = Results { question: question.to_owned(), pages };
    // As kiwix-serve does: may be stored, is never fresh, has nothing to be checked by.
    Found { pause: SEARCH_TIME, ..fresh_each_time("max-age=0", miniserde::json::to_string(&results)) }
}

fn fresh_each_time(cache_control: &'static str, json: String) -> Found {
    Found {
        content_type: JSON,
        cache_control,
        etag: None,
        body: Body::Bytes(json.into_bytes().into()),
        pause: Duration::ZERO,
    }
}

fn thing(
    path: &'static str,
    content_type: &'static str,
    cache_control: &'static str,
    content: impl Into<Vec<u8>>,
) -> Thing {
    let bytes = content.into();
    let etag = Some(format!("\"{:016x}\"", xxh3_64(&bytes)));
    let body = Body::Bytes(bytes.into());
    Thing { path, found: Found { content_type, cache_control, etag, body, pause: Duration::ZERO } }
}

/// Conditions and ranges (RFC 9110 §13, §14), then the head.
fn deliver(request: &Request, found: Found) -> Answer {
    let mut fields = vec![("Cache-Control", found.cache_control.into())];
    if let Some(etag) = &found.etag {
        fields.extend([("ETag", Cow::from(etag.clone())), ("Last-Modified", CHANGED.into())]);
        if unchanged(request, etag) {
            return Answer { head: Head { status: 304, fields, length: None }, body: nothing(), pause: found.pause };
        }
    }
    fields.extend([("Content-Type", found.content_type.into()), ("Accept-Ranges", "bytes".into())]);
    let whole = found.body.len();
    let asked = found.etag.as_deref().map_or(Asked::Whole, |etag| range(request, etag, whole));
    let (status, body) = match asked {
        Asked::Whole => (200, found.body),
        Asked::Part(from, to) => {
            fields.push(("Content-Range", format!("bytes {from}-{}/{whole}", to - 1).into()));
            (206, found.body.part(from, to))
        }
        Asked::Nowhere => return refusal(416, vec![("Content-Range", format!("bytes */{whole}").into())]),
    };
    Answer { head: Head { status, fields, length: Some(body.len()) }, body, pause: found.pause }
}

fn unchanged(request: &Request, etag: &str) -> bool {
    match (request.field("if-none-match"), request.field("if-modified-since")) {
        (Some(known), _) => {
            known.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
        }
        (None, Some(since)) => since == CHANGED,
        (None, None) => false,
    }
}

/// What a `Range` field asks for.
#[derive(PartialEq, Eq, Debug)]
enum Asked {
    Whole,
    /// From here, to before there.
    Part(u64, u64),
    Nowhere,
}

/// One range of bytes; anything else is ignored, as RFC 9110 §14.2 allows.
fn range(request: &Request, etag: &str, whole: u64) -> Asked {
    let still_the_same = request.field("if-range").is_none_or(|known| known == etag || known == CHANGED);
    let bytes = request.field("range").filter(|_| still_the_same).and_then(|value| value.strip_prefix("bytes="));
    let Some((first, last)) = bytes.and_then(|range| range.split_once('-')) else {
        return Asked::Whole;
    };
    let (from, to) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, whole.min(last.saturating_add(1))),
        (Ok(first), Err(_)) if last.is_empty() => (first, whole),
        (Err(_), Ok(count)) if first.is_empty() => (whole.saturating_sub(count), whole),
        _ => return Asked::Whole,
    };
    if from < to { Asked::Part(from, to) } else { Asked::Nowhere }
}

fn refusal(status: u16, mut fields: Vec<(&'static str, Cow<'static, str>)>) -> Answer {
    fields.push(("Content-Type", "text/plain; charset=utf-8".into()));
    let words: &[u8] = match status {
        404 => b"There is no such page here.\n",
        _ => b"That cannot be answered here.\n",
    };
    let head = Head { status, fields, length: Some(words.len() as u64) };
    Answer { head, body: Body::Bytes(words.into()), pause: Duration::ZERO }
}

fn nothing() -> Body {
    Body::Bytes(Cow::Borrowed(&[]))
}

impl Body {
    fn len(&self) -> u64 {
        match self {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Film(from, to) => to - from,
        }
    }

    /// Never called with more than there is.
    fn part(self, from: u64, to: u64) -> Body {
        match self {
            Body::Bytes(bytes) => Body::Bytes(bytes[from as usize..to as usize].to_vec().into()),
            Body::Film(start, _) => Body::Film(start + from, start + to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::wire::read_request;
    use crate::net;

    fn ask(head: &str) -> Answer {
        let mut wire = head.as_bytes();
        let request = net::run(read_request(&mut wire, &mut Vec::new())).unwrap().unwrap().unwrap();
        Site::new().answer(&request, &mut 0)
    }

    fn get(path: &str, fields: &str) -> Answer {
        ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
    }

    fn value<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
        answer.head.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_ref())
    }

    #[test]
    fn everything_says_how_long_it_keeps() {
        for (path, keeps, checkable) in [
            ("/", "max-age=60", true),
            ("/wells.html", "max-age=60", true),
            ("/style.css", "max-age=86400", true),
            ("/pictures/rain.bmp", "max-age=86400", true),
            ("/pictures/chart.svg", "max-age=86400", true),
            ("/api/weather", "max-age=5", true),
            ("/api/visitors", "no-store", false),
            ("/search?q=rain", "max-age=0", false),
            ("/film.mp4", "max-age=2592000, immutable", true),
        ] {
            let answer = get(path, "");
            assert_eq!((answer.head.status, value(&answer, "Cache-Control")), (200, Some(keeps)), "{path}");
            assert_eq!(value(&answer, "ETag").is_some(), checkable, "{path}");
        }
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let answer = get("/api/weather", "");
        let etag = value(&answer, "ETag").unwrap();
        for (fields, status) in [
            (format!("If-None-Match: {etag}\r\n"), 304),
            (format!("If-None-Match: \"x\", W/{etag}\r\n"), 304),
            ("If-None-Match: \"x\"\r\n".to_owned(), 200),
            (format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {CHANGED}\r\n"), 200),
            (format!("If-Modified-Since: {CHANGED}\r\n"), 304),
        ] {
            assert_eq!(get("/api/weather", &fields).head.status, status, "{fields}");
        }
    }

    #[test]
    fn parts_of_the_film_are_given() {
        let whole = Film::new().len();
        for (fields, status, body) in [
            ("Range: bytes=0-99\r\n", 206, Body::Film(0, 100)),
            ("Range: bytes=-10\r\n", 206, Body::Film(whole - 10, whole)),
            ("Range: bytes=5-\r\n", 206, Body::Film(5, whole)),
            ("Range: bytes=5-\r\nIf-Range: \"film-1\"\r\n", 206, Body::Film(5, whole)),
            ("Range: bytes=5-\r\nIf-Range: \"film-0\"\r\n", 200, Body::Film(0, whole)),
            ("Range: bytes=0-1,5-6\r\n", 200, Body::Film(0, whole)),
            ("Range: bytes=9-1\r\n", 200, Body::Film(0, whole)),
        ] {
            let answer = get("/film.mp4", fields);
            assert_eq!((answer.head.status, answer.body), (status, body), "{fields}");
        }
        let answer = get("/film.mp4", "Range: bytes=99999999-\r\n");
        assert_eq!((answer.head.status, value(&answer, "Content-Range")), (416, Some("bytes */20967667")));
    }

    #[test]
    fn a_part_of_a_picture_is_that_part() {
        let answer = get("/pictures/dry.bmp", "Range: bytes=0-1\r\n");
        assert_eq!((answer.head.length, answer.body), (Some(2), Body::Bytes(b"BM".into())));
    }

    #[test]
    fn head_and_other_methods() {
        let answer = ask("HEAD /film.mp4 HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(answer.head.length, Some(20_967_667));
        assert_eq!(ask("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n").head.status, 405);
        assert_eq!(get("/nothing", "").head.status, 404);
    }
}
