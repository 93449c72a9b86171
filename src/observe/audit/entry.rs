//! What is remembered of an exchange, and of the trail itself: the members of a record but its place in the chain.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use miniserde::{Serialize, json};

use super::hash::Hash;
use crate::base::Now;
use crate::observe::json::time;
use crate::observe::text::{is_opaque, printable};

/// The longest name that is written out. What is longer ends in a piece of its hash, so that two of them stay two.
const MOST_NAME: usize = 256;

/// Of the form of records.
const VERSION: u32 = 1;

/// An exchange, told at its end. Who asked for what is the purpose of the trail; what was said is not: there is no path,
/// because a path can name a patient, no query, no field and no body.
#[derive(Clone, Copy)]
pub(crate) struct AuditEntry<'a> {
    /// When the request came in.
    pub(crate) now: Now,
    /// Kind and id of the identity. Nothing where nobody was known.
    pub(crate) identity: Option<(&'a str, &'a str)>,
    /// Written only where nobody was known.
    pub(crate) client: IpAddr,
    pub(crate) route: &'a str,
    pub(crate) method: &'a str,
    pub(crate) status: u16,
    /// `done`, `cut`, or the refusal's word.
    pub(crate) outcome: &'a str,
    /// Bytes of the request's and of the answer's body.
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// Written where it is but digits: clients may choose others, and say anything with them.
    pub(crate) request_id: &'a dyn fmt::Display,
}

/// When, and whether that is believed.
#[derive(Clone, Copy, Default)]
pub(super) struct Stamp(pub(super) Now);

/// A record about the trail itself.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// The first of a segment.
    Opened(Opened),
    /// The last of a segment.
    Sealed { first: u64, records: u64 },
    /// The gateway was started, and goes on in the segment that is there.
    Resumed { unanchored: bool },
    /// So many exchanges could not be written down.
    Lost { count: u64 },
    /// Segments up to this one went because of the size bound; the last record of them had this hash.
    Dropped { through: u32, hash: Hash },
}

/// How a segment begins.
#[derive(Clone, Default, Debug)]
pub(super) struct Opened {
    pub(super) segment: u32,
    /// Ends of earlier segments that are no whole records: power was cut while they were written.
    pub(super) torn: Vec<Torn>,
    /// Records that had been written and were not there any more, with the hash of the last one.
    pub(super) missing: Option<(u64, u64, Hash)>,
    /// There were records and no head that names the last one: whether any are missing could not be told.
    pub(super) unanchored: bool,
}

/// Bytes at the end of a segment that are no whole records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Torn {
    pub(super) segment: u32,
    pub(super) bytes: u64,
    pub(super) hash: Hash,
}

/// Appends an entry's members, without braces and on one line.
pub(super) fn write_entry(text: &mut Vec<u8>, entry: &AuditEntry<'_>) {
    let (kind, id) = entry.identity.unzip();
    append(
        text,
        &Access {
            kind: "access",
            time: time(entry.now.wall),
            clock_sure: entry.now.sure,
            identity_kind: kind,
            identity: id.map(name),
            client: if id.is_none() { Some(entry.client.to_string()) } else { None },
            route: name(entry.route),
            method: name(entry.method),
            status: entry.status,
            outcome: entry.outcome,
            received_bytes: entry.received,
            sent_bytes: entry.sent,
            request_id: Some(entry.request_id.to_string()).filter(|id| is_opaque(id) && id.len() <= MOST_NAME),
        },
    );
}

pub(super) fn write_event(text: &mut Vec<u8>, event: &Event, stamp: Stamp) {
    let (time, clock_sure) = (time(stamp.0.wall), stamp.0.sure);
    match event {
        Event::Opened(opened) => {
            let torn = opened.torn.iter().map(|torn| TornText {
                segment: torn.segment,
                bytes: torn.bytes,
                sha256: torn.hash.to_string(),
            });
            let (segment, torn) = (opened.segment, torn.collect());
            let missing =
                opened.missing.map(|(from, through, hash)| MissingText { from, through, hash: hash.to_string() });
            let unanchored = opened.unanchored;
            let version = VERSION;
            append(text, &OpenedText { kind: "opened", time, clock_sure, version, segment, torn, missing, unanchored });
        }
        Event::Sealed { first, records } => {
            append(text, &SealedText { kind: "sealed", time, clock_sure, first: *first, records: *records });
        }
        Event::Resumed { unanchored } => {
            append(text, &ResumedText { kind: "resumed", time, clock_sure, unanchored: *unanchored });
        }
        Event::Lost { count } => append(text, &LostText { kind: "lost", time, clock_sure, count: *count }),
        Event::Dropped { through, hash } => {
            let hash = hash.to_string();
            append(text, &DroppedText { kind: "dropped", time, clock_sure, through: *through, dropped_hash: hash });
        }
    }
}

fn append(text: &mut Vec<u8>, members: &dyn Serialize) {
    let object = json::to_string(members);
    let inside = object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    text.extend_from_slice(inside.unwrap_or_default().as_bytes());
}

fn name(value: &str) -> Cow<'_, str> {
    if value.len() <= MOST_NAME {
        return printable(value.as_bytes());
    }
    let kept = value.char_indices().take_while(|(at, one)| at + one.len_utf8() <= MOST_NAME).map(|(_, one)| one);
    let kept: String = kept.collect();
    let hash = Hash::of(value.as_bytes()).to_string();
    Cow::Owned(format!("{}…{}", printable(kept.as_bytes()), hash.get(..16).unwrap_or_default()))
}

#[derive(Serialize)]
struct Access<'a> {
    kind: &'a str,
    time: String,
    clock_sure: bool,
    identity_kind: Option<&'a str>,
    identity: Option<Cow<'a, str>>,
    client: Option<String>,
    route: Cow<'a, str>,
    method: Cow<'a, str>,
    status: u16,
    outcome: &'a str,
    received_bytes: u64,
    sent_bytes: u64,
    request_id: Option<String>,
}

#[derive(Serialize)]
struct OpenedText {
    kind: &'static str,
    time: String,
    clock_sure: bool,
    version: u32,
    segment: u32,
    torn: Vec<TornText>,
    missing: Option<MissingText>,
    unanchored: bool,
}

#[derive(Serialize)]
struct TornText {
    segment: u32,
    bytes: u64,
    sha256: String,
}

#[derive(Serialize)]
struct MissingText {
    from: u64,
    through: u64,
    hash: String,
}

#[derive(Serialize)]
struct SealedText {
    kind: &'static str,
    time: String,
    clock_sure: bool,
    first: u64,
    records: u64,
}

#[derive(Serialize)]
struct ResumedText {
    kind: &'static str,
    time: String,
    clock_sure: bool,
    unanchored: bool,
}

#[derive(Serialize)]
struct LostText {
    kind: &'static str,
    time: String,
    clock_sure: bool,
    count: u64,
}

#[derive(Serialize)]
struct DroppedText {
    kind: &'static str,
    time: String,
    clock_sure: bool,
    through: u32,
    dropped_hash: String,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::{Mono, Wall};

    pub(in crate::observe::audit) fn entry() -> AuditEntry<'static> {
        AuditEntry {
            now: Now { mono: Mono::default(), wall: Wall::from_millis(784_111_777_042), sure: true },
            identity: Some(("key", "k7")),
            client: "192.168.4.7".parse().unwrap(),
            route: "records",
            method: "GET",
            status: 200,
            outcome: "done",
            received: 0,
            sent: 5120,
            request_id: &"00000000000000ab",
        }
    }

    #[test]
    fn an_address_is_written_only_where_nobody_is_known() {
        let text = |entry: &AuditEntry<'_>| {
            let mut text = Vec::new();
            write_entry(&mut text, entry);
            String::from_utf8(text).unwrap()
        };
        assert!(!text(&entry()).contains("192.168"));
        let unknown = text(&AuditEntry { identity: None, ..entry() });
        assert!(unknown.contains("\"identity\":null,\"client\":\"192.168.4.7\""), "{unknown}");
    }

    #[test]
    fn long_names_stay_apart() {
        let long = |end: &str| name(&format!("{}{end}", "é".repeat(300))).into_owned();
        assert_ne!(long("a"), long("b"));
        assert!(long("a").len() < MOST_NAME + 20);
        assert_eq!(name("short"), "short");
    }
}
