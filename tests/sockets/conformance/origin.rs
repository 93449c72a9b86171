//! The origin behind all rows: it plays each row's answers, and keeps what the row's requests looked like.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::coded::bytes;
use super::row::{Framing, Kind, Reply};
use crate::harness::{Answer, Gate, Seen, http_date};

/// What each row, by its path's last part, has its origin say in its present step.
#[derive(Clone, Default)]
pub(super) struct Scripts(Arc<Mutex<HashMap<String, Script>>>);

#[derive(Default)]
struct Script {
    replies: VecDeque<Reply>,
    heard: Heard,
    /// What holds all of a body but its first byte back.
    held: Option<Gate>,
}

/// What the origin was asked in one step.
#[derive(Clone, Default)]
pub(super) struct Heard {
    pub(super) requests: Vec<Seen>,
    /// Bytes of bodies that it sent.
    pub(super) brought: usize,
    /// The last answer, and of a server the whole representation.
    pub(super) said: Option<Said>,
}

/// Status and body.
pub(super) type Said = (u16, Vec<u8>);

impl Scripts {
    pub(super) fn begin(&self, row: &str, replies: Vec<Reply>) {
        let script = Script { replies: replies.into(), ..Script::default() };
        self.all().insert(row.to_owned(), script);
    }

    /// From now on bodies of this row stop behind their first byte until the gate is opened.
    pub(super) fn hold(&self, row: &str, gate: &Gate) {
        self.all().entry(row.to_owned()).or_default().held = Some(gate.clone());
    }

    pub(super) fn heard(&self, row: &str) -> Heard {
        self.all().get(row).map(|script| script.heard.clone()).unwrap_or_default()
    }

    /// For [`crate::harness::Origin`]; `row` is the second part of every path.
    pub(super) fn answer(&self, seen: &Seen) -> Answer {
        let row = seen.target().split(['/', '?']).nth(2).unwrap_or_default().to_owned();
        let mut all = self.all();
        let script = all.entry(row).or_default();
        script.heard.requests.push(seen.clone());
        let reply = script.next();
        if reply.kind == Kind::Down {
            return Answer::default().close();
        }
        let spoken = Spoken::of(&reply, seen);
        script.heard.brought += spoken.body.len();
        script.heard.said = Some(match reply.kind {
            Kind::Serve => (200, bytes(&reply.body.unwrap_or_default())),
            Kind::Plain | Kind::Down => (spoken.status_code(), spoken.body.clone()),
        });
        spoken.answer(script.held.as_ref())
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Script>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Script {
    /// A server answers as often as it is asked, and who finds nobody there may try again.
    fn next(&mut self) -> Reply {
        match self.replies.front() {
            Some(reply) if self.replies.len() == 1 && reply.kind != Kind::Plain => reply.clone(),
            Some(_) | None => self.replies.pop_front().unwrap_or_else(unscripted),
        }
    }
}

/// What a server of a representation owes to a request with this head, whatever a cache asks it in its place.
pub(super) fn owed(reply: &Reply, head: String) -> Option<Said> {
    let seen = Seen { head, ..Seen::default() };
    (reply.kind == Kind::Serve).then(|| Spoken::of(reply, &seen)).map(|spoken| (spoken.status_code(), spoken.body))
}

fn unscripted() -> Reply {
    let body = Some("asked for without need".to_owned());
    Reply { status: "200 Unscripted".to_owned(), body, ..Reply::default() }
}

/// One answer as it goes over the wire.
struct Spoken {
    before: Vec<u8>,
    status: String,
    fields: Vec<String>,
    body: Vec<u8>,
    trailers: Vec<String>,
    framing: Framing,
    cut: Option<usize>,
    headless: bool,
}

impl Spoken {
    fn of(reply: &Reply, seen: &Seen) -> Spoken {
        let whole = bytes(reply.body.as_deref().unwrap_or_default());
        let mut fields = reply.fields.clone();
        if !reply.undated && field(&fields, "date").is_none() {
            fields.push(format!("Date: {}", http_date(0)));
        }
        let mut before = Vec::new();
        for interim in &reply.interim {
            before.extend(head(&interim.status, &interim.fields));
        }
        let (status, body) = match reply.kind {
            Kind::Serve => serve(&mut fields, whole, seen),
            Kind::Plain | Kind::Down => (reply.status.clone(), whole),
        };
        let headless = seen.method() == "HEAD";
        let (trailers, framing, cut) = (reply.trailers.clone(), reply.framing, reply.cut);
        let mut spoken = Spoken { before, status, fields, body, trailers, framing, cut, headless };
        spoken.frame();
        spoken
    }

    fn status_code(&self) -> u16 {
        self.status.split(' ').next().and_then(|code| code.parse().ok()).expect("a status")
    }

    /// Says in the head where the body ends.
    fn frame(&mut self) {
        let own = ["content-length", "transfer-encoding"].iter().any(|name| field(&self.fields, name).is_some());
        let bodiless = matches!(self.status_code(), 204 | 304);
        match self.framing {
            _ if own || bodiless => {}
            Framing::Length => self.fields.push(format!("Content-Length: {}", self.body.len())),
            Framing::Chunked => self.fields.push("Transfer-Encoding: chunked".to_owned()),
            Framing::UntilClose => self.fields.push("Connection: close".to_owned()),
        }
        if bodiless || self.headless {
            self.body.clear();
        }
    }

    fn answer(self, held: Option<&Gate>) -> Answer {
        let sent = &self.body[..self.cut.unwrap_or(self.body.len()).min(self.body.len())];
        let mut bytes = self.before;
        bytes.extend(head(&self.status, &self.fields));
        if let (Some(gate), Framing::Length, [first, rest @ ..]) = (held, self.framing, sent) {
            bytes.push(*first);
            return Answer::raw(bytes).wait(gate).send(rest);
        }
        match self.framing {
            Framing::Chunked if !self.headless => {
                for piece in sent.chunks(7) {
                    bytes.extend(format!("{:x}\r\n", piece.len()).bytes().chain(piece.iter().copied()).chain(*b"\r\n"));
                }
                if self.cut.is_none() {
                    bytes.extend(b"0\r\n");
                    self.trailers.iter().for_each(|line| bytes.extend(format!("{line}\r\n").bytes()));
                    bytes.extend(b"\r\n");
                }
            }
            Framing::Chunked | Framing::Length | Framing::UntilClose => bytes.extend(sent),
        }
        let answer = Answer::raw(bytes);
        if self.cut.is_some() || self.framing == Framing::UntilClose { answer.close() } else { answer }
    }
}

fn head(status: &str, fields: &[String]) -> Vec<u8> {
    let lines: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{lines}\r\n").into_bytes()
}

fn field<'a>(fields: &'a [String], name: &str) -> Option<&'a str> {
    let pairs = fields.iter().filter_map(|field| field.split_once(':'));
    pairs.map(|(have, value)| (have, value.trim())).find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|pair| pair.1)
}

/// A server of one representation: conditions and single ranges (RFC 9110 §13, §14).
fn serve(fields: &mut Vec<String>, whole: Vec<u8>, seen: &Seen) -> (String, Vec<u8>) {
    let (etag, modified) = (field(fields, "etag"), field(fields, "last-modified"));
    let tags = |name: &str| seen.field(name).map(|list| list.split(',').map(str::trim).collect::<Vec<_>>());
    let unchanged = match (tags("if-none-match"), seen.field("if-modified-since")) {
        (Some(tags), _) => etag.is_some_and(|etag| tags.contains(&etag) || tags.contains(&"*")),
        (None, Some(since)) => Some(since) == modified,
        (None, None) => false,
    };
    if unchanged {
        return ("304 Not Modified".to_owned(), Vec::new());
    }
    let honoured = seen.field("if-range").is_none_or(|value| [etag, modified].contains(&Some(value)));
    let Some(range) = seen.field("range").filter(|_| honoured).and_then(|range| range.strip_prefix("bytes=")) else {
        return ("200 OK".to_owned(), whole);
    };
    let length = whole.len();
    let (first, last) = match range.split_once('-') {
        _ if range.contains(',') => return ("200 OK".to_owned(), whole),
        Some(("", suffix)) => (length.saturating_sub(suffix.parse().expect("a suffix")), length - 1),
        Some((first, "")) => (first.parse().expect("a first byte"), length - 1),
        Some((first, last)) => (first.parse().expect("a first byte"), last.parse().unwrap_or(length).min(length - 1)),
        None => return ("200 OK".to_owned(), whole),
    };
    if first >= length {
        fields.push(format!("Content-Range: bytes */{length}"));
        return ("416 Range Not Satisfiable".to_owned(), Vec::new());
    }
    fields.push(format!("Content-Range: bytes {first}-{last}/{length}"));
    ("206 Partial Content".to_owned(), whole[first..=last].to_vec())
}
