//! The head of a stored answer as it is held in RAM: its lines ready for the wire, and all that is asked of it parsed.

use std::ops::Range;
use std::time::Duration;

use super::policy::{self, Assigned, Freshness, NOT_MODIFIED, Stored, Targets, Times};
use super::vary::Selection;
use crate::base::{Now, Wall};
use crate::http::conditional::Validators;
use crate::http::{FieldSpans, Fields, date, etag};

/// The head of a stored answer. Lines are `Name: value CRLF`, valid, and without what is said anew for each answer
/// (`Age`, the length) or was for one hop only.
pub(crate) struct Head {
    status: u16,
    /// First those lines that a 304 has too, then the others; lines of one name keep their order.
    lines: Box<[u8]>,
    /// How long the first part is.
    not_modified: usize,
    etag: Option<Range<usize>>,
    /// It has a `Content-Encoding`.
    coded: bool,
    last_modified: Option<Wall>,
    date: Option<Wall>,
    stored: Stored,
    assigned: Assigned,
    targets: Targets,
    selection: Option<Selection>,
}

/// What else is known of an answer when its head is made.
#[derive(Clone)]
pub(super) struct About {
    pub(super) times: Times,
    pub(super) invalidated: bool,
    pub(super) personal: bool,
    pub(super) assigned: Assigned,
    pub(super) targets: Targets,
    pub(super) selection: Option<Selection>,
}

impl Head {
    /// `None` where the block is not one of field lines.
    pub(super) fn new(status: u16, block: &[u8], about: About) -> Option<Head> {
        let spans = FieldSpans::parse(block).ok()?;
        let fields = Fields::new(block, spans.as_slice());
        let (lines, not_modified) = arranged(fields);
        let times = about.times;
        let received = Now { mono: Default::default(), wall: times.received, sure: times.sure };
        let freshness = Freshness::of(status, fields, &about.targets, about.assigned, received);
        let (invalidated, personal) = (about.invalidated, about.personal);
        Some(Head {
            status,
            etag: etag_in(&lines),
            lines: lines.into(),
            not_modified,
            coded: fields.contains("content-encoding"),
            last_modified: fields.first("last-modified").and_then(date::parse),
            date: fields.first("date").and_then(date::parse),
            stored: Stored { freshness, times, invalidated, personal },
            assigned: about.assigned,
            targets: about.targets,
            selection: about.selection,
        })
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// All lines, ready for the wire; no status line, no empty line.
    pub(crate) fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// Those lines that a 304 has (RFC 9110 §15.4.5).
    pub(crate) fn lines_not_modified(&self) -> &[u8] {
        self.lines.get(..self.not_modified).unwrap_or_default()
    }

    /// Whether a content coding was applied (RFC 9110 §8.4).
    pub(crate) fn is_coded(&self) -> bool {
        self.coded
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        fields_of(&self.lines)
    }

    #[cfg(test)]
    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields().find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    pub(crate) fn validators(&self) -> Validators<'_> {
        let etag = self.etag.clone().and_then(|place| self.lines.get(place));
        Validators { etag, last_modified: self.last_modified }
    }

    /// The strong validator as it was received: what `If-Range` takes (RFC 9110 §8.8.1, §8.8.2.2, §13.1.5).
    pub(super) fn strong_validator(&self) -> Option<&[u8]> {
        if let Some(value) = self.validators().etag {
            return Some(value).filter(|value| etag::parse(value).is_some_and(|tag| !tag.weak));
        }
        let (modified, date) = (self.last_modified?, self.date?);
        if modified.as_seconds() >= date.as_seconds() {
            return None;
        }
        let mut fields = self.fields();
        fields.find(|(name, _)| name.eq_ignore_ascii_case(b"last-modified")).map(|(_, value)| value)
    }

    /// Whether an answer is certainly about the same bytes (RFC 9111 §3.4).
    pub(super) fn has_strong_validator_of(&self, answer: Fields<'_>) -> bool {
        // Some origins give two codings of one representation the same validator.
        let coding = |(name, _): &(&[u8], &[u8])| name.eq_ignore_ascii_case(b"content-encoding");
        let ours = self.fields().filter(coding).map(|(_, value)| value);
        if !ours.eq(answer.all("content-encoding")) {
            return false;
        }
        if let Some(ours) = self.validators().etag.and_then(etag::parse) {
            return answer.first("etag").and_then(etag::parse).is_some_and(|theirs| ours.strong_eq(&theirs));
        }
        let theirs = answer.first("last-modified").and_then(date::parse);
        let untagged = answer.first("etag").and_then(etag::parse).is_none();
        untagged && self.strong_validator().is_some() && theirs.is_some() && theirs == self.last_modified
    }

    /// What a client's conditions are held against: where there is no `Last-Modified`, the `Date` stands in for it in
    /// `If-Modified-Since`, or when the answer came (RFC 9111 §4.3.2). Never to be sent, nor for ranges.
    pub(crate) fn at_hand(&self) -> Validators<'_> {
        let (validators, times) = (self.validators(), self.stored.times);
        let made = self.date.or(times.sure.then_some(times.received));
        Validators { last_modified: validators.last_modified.or(made), ..validators }
    }

    /// `Date`, or when the answer came.
    pub(crate) fn date(&self) -> Wall {
        self.date.unwrap_or(self.stored.times.received)
    }

    /// Whether the lines hold a `Date`.
    pub(crate) fn is_dated(&self) -> bool {
        self.date.is_some()
    }

    /// For `Age`, in seconds (RFC 9111 §5.1).
    pub(crate) fn age(&self, now: Now) -> u64 {
        self.stored.times.least_age(now).as_secs()
    }

    /// For `Cache-Status: ttl`, in seconds; negative when stale (RFC 9211 §2.4).
    pub(crate) fn ttl(&self, now: Now) -> i64 {
        let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        let age = self.stored.times.least_age(now);
        let left = seconds(self.stored.freshness.lifetime).saturating_sub(seconds(age));
        // Where nobody knows the age, nothing is left for certain.
        if self.stored.times.age(now).is_some() { left } else { left.min(0) }
    }

    pub(super) fn stored(&self) -> &Stored {
        &self.stored
    }

    pub(super) fn assigned(&self) -> Assigned {
        self.assigned
    }

    pub(super) fn selection(&self) -> Option<&Selection> {
        self.selection.as_ref()
    }

    /// Fresh for others at the moment it came, and so for those who wait for it.
    pub(super) fn is_for_all(&self, now: Now) -> bool {
        policy::may_serve(&self.stored, &policy::RequestRules::PLAIN, now) == policy::Reuse::Serve
    }

    /// The same head under another route's freshness.
    pub(super) fn reassigned(&self, assigned: Assigned) -> Option<Head> {
        Head::new(self.status, &self.lines, About { assigned, ..self.about() })
    }

    pub(super) fn about(&self) -> About {
        About {
            times: self.stored.times,
            invalidated: self.stored.invalidated,
            personal: self.stored.personal,
            assigned: self.assigned,
            targets: self.targets.clone(),
            selection: self.selection.clone(),
        }
    }

    /// Bytes it takes in RAM, roughly.
    pub(super) fn footprint(&self) -> usize {
        let selection = self.selection.as_ref().map_or(0, |selection| selection.values.len());
        size_of::<Head>() + self.lines.len() + selection
    }
}

/// Names and values of a block of lines in our own spelling.
pub(super) fn fields_of(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines.split_inclusive(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.strip_suffix(b"\r\n")?;
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        Some((name, value.strip_prefix(b": ").unwrap_or_default()))
    })
}

/// Said anew for each answer or meant for the exchange that brought it: not among the lines, whoever stored them.
const OF_ONE_EXCHANGE: [&[u8]; 4] = [b"x-request-id", b"proxy-authenticate", b"proxy-authentication-info", b"age"];

fn arranged(fields: Fields<'_>) -> (Vec<u8>, usize) {
    let for_all = |name: &[u8]| !OF_ONE_EXCHANGE.iter().any(|word| name.eq_ignore_ascii_case(word));
    let in_304 = |name: &[u8]| NOT_MODIFIED.iter().any(|word| name.eq_ignore_ascii_case(word.as_bytes()));
    let mut lines = Vec::new();
    let mut first_part = 0;
    for wanted in [true, false] {
        for (name, value) in fields.iter().filter(|(name, _)| for_all(name) && in_304(name) == wanted) {
            [name, b": ", value, b"\r\n"].iter().for_each(|piece| lines.extend_from_slice(piece));
        }
        if wanted {
            first_part = lines.len();
        }
    }
    (lines, first_part)
}

/// Where the value of a valid `ETag` is.
fn etag_in(lines: &[u8]) -> Option<Range<usize>> {
    let (_, value) = fields_of(lines).find(|(name, _)| name.eq_ignore_ascii_case(b"etag"))?;
    etag::parse(value)?;
    let start = value.as_ptr().addr().checked_sub(lines.as_ptr().addr())?;
    Some(start..start.checked_add(value.len())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Mono;
    use crate::cache::policy::Since;

    #[test]
    fn the_date_stands_in_for_a_last_modified_that_is_not_there() {
        let check = |block: &str, sure: bool, expected: Option<i64>| {
            let times = Times {
                initial_age: Duration::ZERO,
                received: Wall::from_seconds(5),
                sure,
                since: Since::Received(Mono::default()),
            };
            let (assigned, targets) = (Assigned::default(), Targets::default());
            let about = About { times, invalidated: false, personal: false, assigned, targets, selection: None };
            let head = Head::new(200, block.as_bytes(), about).unwrap();
            assert_eq!(head.at_hand().last_modified.map(Wall::as_seconds), expected, "{block}");
        };
        // RFC 9111 §4.3.2
        check("Last-Modified: Thu, 01 Jan 1970 00:00:01 GMT\r\nDate: Thu, 01 Jan 1970 00:00:02 GMT\r\n", true, Some(1));
        check("Date: Thu, 01 Jan 1970 00:00:02 GMT\r\n", true, Some(2));
        check("ETag: \"1\"\r\n", true, Some(5));
        check("Date: x\r\n", true, Some(5));
        // A clock that is not believed says nothing.
        check("", false, None);
    }
}
