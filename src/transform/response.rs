//! The head that goes to the client.

use std::fmt;

use super::Edits;
use super::field::{self, Hop, ResponseField};
use super::request::PSEUDONYM;
use crate::base::Wall;
use crate::http::{FieldSpans, Fields, HeadWriter, Unwritable, Version, date, via};

/// This gateway's member of `Via` behind an answer in HTTP/1.1.
const VIA: &str = "1.1 hafir";

/// All that the head of an answer from upstream is made of.
#[derive(Clone, Copy)]
pub(crate) struct ResponseParts<'a> {
    /// That of the upstream's answer.
    pub(crate) version: Version,
    pub(crate) status: u16,
    pub(crate) reason: &'a [u8],
    /// The upstream's fields.
    pub(crate) fields: Fields<'a>,
    pub(crate) tail: Tail<'a>,
}

/// What the gateway itself adds to an answer, wherever its fields come from.
#[derive(Clone, Copy)]
pub(crate) struct Tail<'a> {
    pub(crate) edits: &'a Edits,
    pub(crate) framing: ReplyFraming,
    pub(crate) connection: ConnectionOption<'a>,
    /// This cache's member of `Cache-Status` (RFC 9211); members of caches behind it stay in front.
    pub(crate) cache_status: Option<&'a str>,
    /// Replaces the upstream's `Age`.
    pub(crate) age: Option<u64>,
    /// The `Date` of answers that have none; nothing while the clock is not believed (RFC 9110 §6.6.1).
    pub(crate) date: Option<Wall>,
    /// `X-Request-Id` for the client, in place of one from upstream.
    pub(crate) request_id: Option<&'a dyn fmt::Display>,
    pub(crate) told: ToldFields<'a>,
}

/// Further fields, which are told to this client alone. Those without a value are left out.
pub(crate) type ToldFields<'a> = [(&'static str, &'a str); 3];

/// Nothing is told.
pub(crate) const NOTHING_TOLD: ToldFields<'static> = [("", ""); 3];

/// How the body of an answer is delimited towards the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ReplyFraming {
    /// Neither field: 204, 304 and answers to `HEAD` whose length is not known, 101.
    Nothing,
    /// `Content-Length`; also what an answer to `HEAD` or a 304 states without sending it.
    Length(u64),
    /// `Transfer-Encoding: chunked`; `Trailer` is passed on.
    Chunked,
    /// Until the connection closes (clients of HTTP/1.0).
    Close,
}

/// What `Connection` says to the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ConnectionOption<'a> {
    /// The version's own default holds.
    Implied,
    Close,
    /// For clients of HTTP/1.0 that asked for it.
    KeepAlive,
    /// With the protocol that the upstream switches to (101).
    Upgrade(&'a [u8]),
}

/// Appends the head of an answer from upstream to `out`, its empty line included.
pub(crate) fn response_head(out: &mut Vec<u8>, parts: &ResponseParts<'_>) -> Result<(), Unwritable> {
    let mut head = HeadWriter::response(out, Version::Http11, parts.status, parts.reason);
    write_end_to_end(&mut head, parts.fields, &parts.tail);
    write_tail(&mut head, parts.status, parts.version, &parts.tail);
    if let Some(now) = parts.tail.date.filter(|_| !parts.fields.contains("date")) {
        write_date(&mut head, now, parts.tail.edits);
    }
    parts.tail.edits.write(&mut head);
    head.end().map(drop)
}

/// The same for a stored answer, whose `lines` (`Name: value CRLF`, without the empty line) hold no hop-by-hop field, no
/// framing and no `Age`. Where the route edits nothing, which is the rule, they are copied as they are: leave
/// `tail.date` and `tail.request_id` empty, as a stored head has its `Date`, and the id of another exchange means
/// nothing.
pub(crate) fn stored_head(
    out: &mut Vec<u8>,
    status: u16,
    reason: &[u8],
    lines: &[u8],
    tail: &Tail<'_>,
) -> Result<(), Unwritable> {
    if !tail.edits.is_empty() || tail.date.is_some() || tail.request_id.is_some() {
        let spans = FieldSpans::parse(lines).map_err(|_| Unwritable::FieldValue)?;
        let fields = Fields::new(lines, spans.as_slice());
        return response_head(out, &ResponseParts { version: Version::Http11, status, reason, fields, tail: *tail });
    }
    ready_head(out, status, reason, lines, tail)
}

/// Copies `lines` as they are.
fn ready_head(out: &mut Vec<u8>, status: u16, reason: &[u8], lines: &[u8], tail: &Tail<'_>) -> Result<(), Unwritable> {
    let start = out.len();
    HeadWriter::response(out, Version::Http11, status, reason).end_open()?;
    out.extend_from_slice(lines);
    let mut own = HeadWriter::fields_only(out);
    write_tail(&mut own, status, Version::Http11, tail);
    own.end().map(drop).inspect_err(|_| out.truncate(start))
}

/// The same for an answer from the cache, which keeps no `X-Request-Id` either: the exchange's own id is added to the
/// ready lines.
pub(crate) fn kept_head(
    out: &mut Vec<u8>,
    status: u16,
    reason: &[u8],
    lines: &[u8],
    tail: &Tail<'_>,
) -> Result<(), Unwritable> {
    if !tail.edits.is_empty() || tail.date.is_some() {
        return stored_head(out, status, reason, lines, tail);
    }
    ready_head(out, status, reason, lines, tail)
}

/// Appends a 1xx head (RFC 8297): the upstream's end-to-end fields and nothing else.
pub(crate) fn interim_head(
    out: &mut Vec<u8>,
    status: u16,
    reason: &[u8],
    fields: Fields<'_>,
) -> Result<(), Unwritable> {
    let hop = Hop::of(fields);
    let mut head = HeadWriter::response(out, Version::Http11, status, reason);
    for (name, value) in fields.iter() {
        match field::of_response(name) {
            ResponseField::Own | ResponseField::Trailer => {}
            ResponseField::EndToEnd | ResponseField::Age | ResponseField::Date | ResponseField::RequestId => {
                if !hop.ends(name) {
                    head.field(name, value);
                }
            }
        }
    }
    head.end().map(drop)
}

fn write_end_to_end(head: &mut HeadWriter<'_>, fields: Fields<'_>, tail: &Tail<'_>) {
    let hop = Hop::of(fields);
    for (name, value) in fields.iter() {
        let passes = match field::of_response(name) {
            ResponseField::EndToEnd | ResponseField::Date => true,
            ResponseField::Own => false,
            ResponseField::Trailer => tail.framing == ReplyFraming::Chunked,
            ResponseField::Age => tail.age.is_none(),
            ResponseField::RequestId => tail.request_id.is_none(),
        };
        if passes && !hop.ends(name) && !tail.edits.touch(name) {
            head.field(name, value);
        }
    }
}

fn write_tail(head: &mut HeadWriter<'_>, status: u16, version: Version, tail: &Tail<'_>) {
    let edits = tail.edits;
    if let Some(age) = tail.age.filter(|_| !edits.touch(b"age")) {
        head.field_number("Age", age);
    }
    if let Some(member) = tail.cache_status.filter(|_| !edits.touch(b"cache-status")) {
        head.field("Cache-Status", member);
    }
    match version {
        Version::Http11 => head.field("Via", VIA),
        Version::Http10 => head.field_display("Via", format_args!("{} {PSEUDONYM}", via::protocol(version))),
    };
    if let Some(id) = tail.request_id.filter(|_| !edits.touch(b"x-request-id")) {
        head.field_display("X-Request-Id", id);
    }
    for (name, value) in tail.told.iter().filter(|(_, value)| !value.is_empty()) {
        head.field(name, value);
    }
    match tail.framing {
        // RFC 9110 §8.6: a 204 has none, not even of zero.
        ReplyFraming::Length(len) if status != 204 => head.field_number("Content-Length", len),
        ReplyFraming::Chunked => head.field("Transfer-Encoding", "chunked"),
        ReplyFraming::Length(_) | ReplyFraming::Nothing | ReplyFraming::Close => head,
    };
    match tail.connection {
        ConnectionOption::Implied => head,
        ConnectionOption::Close => head.field("Connection", "close"),
        ConnectionOption::KeepAlive => head.field("Connection", "keep-alive"),
        ConnectionOption::Upgrade(protocol) => head.field("Connection", "Upgrade").field("Upgrade", protocol),
    };
}

fn write_date(head: &mut HeadWriter<'_>, now: Wall, edits: &Edits) {
    if !edits.touch(b"date") {
        let mut text = [0; 29];
        date::format(now, &mut text);
        head.field("Date", text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_member_of_via_is_the_one_that_would_be_written() {
        assert_eq!(VIA, format!("{} {PSEUDONYM}", via::protocol(Version::Http11)));
    }
    use crate::config::FieldEdit;

    fn tail(edits: &Edits) -> Tail<'_> {
        Tail {
            edits,
            framing: ReplyFraming::Length(5),
            connection: ConnectionOption::Implied,
            cache_status: None,
            age: None,
            date: None,
            request_id: None,
            told: NOTHING_TOLD,
        }
    }

    /// The head of a 200 with these fields, without its first line and its empty line.
    fn written(block: &str, tail: Tail<'_>) -> String {
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        let fields = Fields::new(block.as_bytes(), spans.as_slice());
        let mut out = Vec::new();
        let parts = ResponseParts { version: Version::Http11, status: 200, reason: b"OK", fields, tail };
        response_head(&mut out, &parts).unwrap();
        lines(out)
    }

    fn lines(out: Vec<u8>) -> String {
        let head = String::from_utf8(out).unwrap();
        let rest = head.strip_prefix("HTTP/1.1 200 OK\r\n").and_then(|head| head.strip_suffix("\r\n"));
        rest.unwrap_or_else(|| panic!("{head}")).to_owned()
    }

    #[test]
    fn hop_by_hop_fields_end_here_and_framing_is_as_told() {
        let block = "ETag: \"a\"\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nContent-Length: 9\r\n\
            Transfer-Encoding: gzip\r\nUpgrade: h2\r\nTrailer: X-Sum\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n";
        let none = Edits::default();
        let kept = "ETag: \"a\"\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nVia: 1.1 hafir\r\n";
        let check = |framing, connection, own: &str| {
            assert_eq!(written(block, Tail { framing, connection, ..tail(&none) }), format!("{kept}{own}"));
        };
        check(ReplyFraming::Length(5), ConnectionOption::Implied, "Content-Length: 5\r\n");
        check(ReplyFraming::Close, ConnectionOption::Close, "Connection: close\r\n");
        check(ReplyFraming::Nothing, ConnectionOption::KeepAlive, "Connection: keep-alive\r\n");
        check(
            ReplyFraming::Nothing,
            ConnectionOption::Upgrade(b"websocket"),
            "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        );
        let chunked = written(block, Tail { framing: ReplyFraming::Chunked, ..tail(&none) });
        assert!(
            chunked.contains("Trailer: X-Sum\r\n") && chunked.ends_with("Transfer-Encoding: chunked\r\n"),
            "{chunked}"
        );
    }

    #[test]
    fn age_status_and_id_are_as_told() {
        let none = Edits::default();
        let block = "Age: 7\r\nCache-Status: Origin; hit\r\nX-Request-Id: theirs\r\n";
        assert_eq!(written(block, tail(&none)), format!("{block}Via: 1.1 hafir\r\nContent-Length: 5\r\n"));
        let told = Tail { age: Some(9), cache_status: Some("hafir; hit"), request_id: Some(&"ours"), ..tail(&none) };
        assert_eq!(
            written(block, told),
            "Cache-Status: Origin; hit\r\nAge: 9\r\nCache-Status: hafir; hit\r\nVia: 1.1 hafir\r\nX-Request-Id: ours\r\n\
             Content-Length: 5\r\n"
        );
    }

    #[test]
    fn a_missing_date_is_added_where_the_clock_is_believed() {
        let none = Edits::default();
        let dated = Tail { date: Some(Wall::from_seconds(784_111_777)), ..tail(&none) };
        assert!(written("", dated).ends_with("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
        let theirs = written("date: Mon, 07 Nov 1994 08:49:37 GMT\r\n", dated);
        assert_eq!(theirs.to_lowercase().matches("date:").count(), 1, "{theirs}");
        assert!(!written("", tail(&none)).contains("Date"));
    }

    #[test]
    fn stored_heads_read_like_fetched_ones() {
        let none = Edits::default();
        let removing = Edits::build(&[FieldEdit::Remove { name: "Server".into() }]).unwrap();
        let block = "Server: x\r\nETag: \"a\"\r\n";
        for edits in [&none, &removing] {
            let tail = Tail { age: Some(3), cache_status: Some("hafir; hit"), ..tail(edits) };
            let mut out = b"before ".to_vec();
            stored_head(&mut out, 200, b"OK", block.as_bytes(), &tail).unwrap();
            assert_eq!(lines(out.split_off(7)), written(block, tail));
        }
    }

    #[test]
    fn interim_answers_carry_only_what_they_say() {
        let block = b"Link: </a.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 4\r\n";
        let spans = FieldSpans::parse(block).unwrap();
        let mut out = Vec::new();
        interim_head(&mut out, 103, b"Early Hints", Fields::new(block, spans.as_slice())).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
    }

    #[test]
    fn a_head_that_cannot_be_written_leaves_nothing_behind() {
        let none = Edits::default();
        let mut out = b"before".to_vec();
        let bad = Tail { cache_status: Some("a\r\nb"), ..tail(&none) };
        assert!(stored_head(&mut out, 200, b"OK", b"A: 1\r\n", &bad).is_err());
        assert_eq!(out, b"before");
    }
}
