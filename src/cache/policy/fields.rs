//! Which header fields are kept of an answer (RFC 9111 §3.1), and how a 304 changes them (§3.2, §4.3.4).
//!
//! A kept head is a block of `Name: value CRLF` lines, each value as it was received.

use super::targets::{Stated, Targets};
use crate::base::{Now, Wall};
use crate::cache::reason::NotStored;
use crate::http::conditional::Validators;
use crate::http::{FieldSpans, Fields, MAX_HEAD, date, etag, hop_by_hop};

/// Never kept: said anew for each answer (`Age`, the length), or for the proxy that asked (RFC 9111 §3.1).
const NEVER: [&str; 6] = [
    "age",
    "content-length",
    "transfer-encoding",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
];
/// Never taken from another answer (RFC 9111 §3.2): what the stored bytes are coded in is theirs, and unpacking them by
/// another name would fail; a range is about one message.
const NOT_UPDATED: [&str; 2] = ["content-encoding", "content-range"];
/// What a 304 says beside `Date` (RFC 9110 §15.4.5), and what clients are known to want in it.
pub(crate) const NOT_MODIFIED: [&str; 8] =
    ["cache-control", "content-location", "date", "etag", "expires", "last-modified", "vary", "via"];

/// What is kept of an answer's head. `cookies`: whether `Set-Cookie` is, see [`super::keeps_cookies`].
pub(crate) fn kept(fields: Fields<'_>, targets: &Targets, cookies: bool, received: Now) -> Result<Vec<u8>, NotStored> {
    let mut block = Vec::new();
    let rules = Rules::of(fields, targets, cookies);
    fields.iter().filter(|(name, _)| rules.keep(name)).for_each(|(name, value)| push(&mut block, name, value));
    add_date(&mut block, fields, received);
    checked(block)
}

/// A kept head with that of a newer answer merged into it (a 304, a 206 or one to HEAD): each name in the newer one
/// replaces all lines of that name. What it withholds from the cache goes too, and its tag never makes a weak one strong.
pub(crate) fn updated(
    stored: Fields<'_>,
    new: Fields<'_>,
    targets: &Targets,
    cookies: bool,
    received: Now,
) -> Result<Vec<u8>, NotStored> {
    let mut block = Vec::new();
    let rules = Rules::of(new, targets, cookies);
    let stays_weak = is_weaker(stored, new);
    let renews = |name: &[u8]| {
        rules.keep(name) && !is_any(name, &NOT_UPDATED) && !(stays_weak && name.eq_ignore_ascii_case(b"etag"))
    };
    let replaced = |name: &[u8]| {
        // An old Date beside a new Expires would make a long life of a short one.
        let dated = name.eq_ignore_ascii_case(b"date");
        let withheld = rules.stated.withholds(name);
        dated || withheld || (renews(name) && new.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)))
    };
    stored.iter().filter(|(name, _)| !replaced(name)).for_each(|(name, value)| push(&mut block, name, value));
    new.iter().filter(|(name, _)| renews(name)).for_each(|(name, value)| push(&mut block, name, value));
    add_date(&mut block, new, received);
    checked(block)
}

/// Whether a 304 is about the stored representation (RFC 9111 §4.3.4). One that carries no validator answers the only
/// question that was asked: about this one.
pub(crate) fn same_representation(stored: &Validators<'_>, new: Fields<'_>) -> bool {
    let ours = stored.etag.and_then(etag::parse);
    if let Some(theirs) = new.first("etag").and_then(etag::parse) {
        return match ours {
            Some(ours) if theirs.weak => ours.weak_eq(&theirs),
            Some(ours) => ours.strong_eq(&theirs) || (ours.weak && ours.weak_eq(&theirs)),
            None => false,
        };
    }
    match (new.first("last-modified").and_then(date::parse), stored.last_modified) {
        (Some(theirs), Some(ours)) => theirs == ours,
        (Some(_), None) => ours.is_some(),
        (None, _) => true,
    }
}

/// Whether a stored answer has the weak form of a newer one's strong tag. Some origins drop the weakness in a 304, which
/// brings no bytes that could be compared by it.
fn is_weaker(stored: Fields<'_>, new: Fields<'_>) -> bool {
    let ours = stored.first("etag").and_then(etag::parse);
    let theirs = new.first("etag").and_then(etag::parse);
    matches!((ours, theirs), (Some(ours), Some(theirs)) if ours.weak && !theirs.weak && ours.weak_eq(&theirs))
}

/// Whether an answer to HEAD is about the stored representation, `length` bytes long (RFC 9111 §4.3.5): no validator and
/// no length in it is another than ours. Then it updates what is stored; else that is stale.
pub(crate) fn same_by_head(stored: &Validators<'_>, length: Option<u64>, new: Fields<'_>) -> bool {
    let tag = new.first("etag").is_none_or(|theirs| stored.etag == Some(theirs));
    let modified = new
        .first("last-modified")
        .is_none_or(|theirs| date::parse(theirs).is_some_and(|theirs| stored.last_modified == Some(theirs)));
    let same_length = |theirs: &[u8]| length.is_none_or(|length| theirs == length.to_string().as_bytes());
    tag && modified && new.first("content-length").is_none_or(same_length)
}

/// What the fields of one answer say about each other.
struct Rules<'a> {
    fields: Fields<'a>,
    stated: Stated<'a>,
    cookies: bool,
}

impl<'a> Rules<'a> {
    fn of(fields: Fields<'a>, targets: &Targets, cookies: bool) -> Rules<'a> {
        Rules { fields, stated: Stated::of(fields, targets), cookies }
    }

    fn keep(&self, name: &[u8]) -> bool {
        let cookie = name.eq_ignore_ascii_case(b"set-cookie");
        !is_any(name, &NEVER)
            && !hop_by_hop::is(name, self.fields)
            && !self.stated.withholds(name)
            && (self.cookies || !cookie)
    }
}

fn is_any(name: &[u8], list: &[&str]) -> bool {
    list.iter().any(|word| name.eq_ignore_ascii_case(word.as_bytes()))
}

fn push(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.extend_from_slice(name);
    block.extend_from_slice(b": ");
    block.extend_from_slice(value);
    block.extend_from_slice(b"\r\n");
}

/// RFC 9110 §6.6.1: who keeps an answer without `Date` notes when it came, if it has a clock.
fn add_date(block: &mut Vec<u8>, fields: Fields<'_>, received: Now) {
    if received.sure && !fields.contains("date") {
        push(block, b"Date", &written(received.wall));
    }
}

fn written(time: Wall) -> [u8; 29] {
    let mut text = [b' '; 29];
    date::format(time, &mut text);
    text
}

/// What could not be read back is not written.
fn checked(block: Vec<u8>) -> Result<Vec<u8>, NotStored> {
    let fits = block.len() <= MAX_HEAD && FieldSpans::parse(&block).is_ok();
    if fits { Ok(block) } else { Err(NotStored::Head) }
}
