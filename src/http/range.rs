//! Byte ranges (RFC 9110 §14).

use std::fmt;

use super::bytes::{BadNumber, members, number, pair};

/// More ranges than this in one request are not honoured: the whole is sent (RFC 9110 §14.2).
pub(crate) const MAX_RANGES: usize = 16;

/// `first..=last`, never empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ByteRange {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

pub(crate) type RangeSet = heapless::Vec<ByteRange, MAX_RANGES>;

/// What a `Range` field asks of `total` bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::large_enum_variant, reason = "lives on the stack for one answer; a box would cost an allocation")]
pub(crate) enum Wanted {
    /// Not understood, or too much asked: answer as if there were no `Range`.
    Whole,
    /// 206. At least one; overlapping and touching ones are joined.
    Parts(RangeSet),
    /// 416 with `Content-Range: bytes */total`.
    Unsatisfiable,
}

/// `Content-Range: bytes 0-9/100`, `bytes 0-9/*` or `bytes */100`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ContentRange {
    pub(crate) range: Option<ByteRange>,
    pub(crate) total: Option<u64>,
}

/// Reads a `Range` value against `total` bytes (RFC 9110 §14.1.2, §14.2). Invalid ones are ignored, as all of it is
/// optional; lengths beyond all counting mean the end.
pub(crate) fn parse(value: &[u8], total: u64) -> Wanted {
    let (unit, Some(list)) = pair(value) else { return Wanted::Whole };
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return Wanted::Whole;
    }
    let mut set = RangeSet::new();
    let (mut asked, mut reachable) = (0, false);
    for spec in members(list) {
        asked += 1;
        let found = match resolve(spec, total) {
            Err(BadSpec) => return Wanted::Whole,
            Ok(_) if asked > MAX_RANGES => return Wanted::Whole,
            Ok(found) => found,
        };
        if let Some(range) = found {
            reachable = true;
            join(&mut set, range);
        }
    }
    match (asked, reachable) {
        (0, _) => Wanted::Whole,
        (_, true) => Wanted::Parts(set),
        // A suffix of nothing is satisfied, but no Content-Range can say so.
        (_, false) if total == 0 && members(list).any(|spec| spec.starts_with(b"-")) => Wanted::Whole,
        (_, false) => Wanted::Unsatisfiable,
    }
}

struct BadSpec;

/// The bytes that one member means; `None` where it can mean none of them.
fn resolve(spec: &[u8], total: u64) -> Result<Option<ByteRange>, BadSpec> {
    let dash = spec.iter().position(|byte| *byte == b'-').ok_or(BadSpec)?;
    let (first, last) = (spec.get(..dash).unwrap_or_default(), spec.get(dash + 1..).unwrap_or_default());
    let end = total.checked_sub(1);
    if first.is_empty() {
        let len = count(last)?;
        let range = end.map(|last| ByteRange { first: total.saturating_sub(len), last });
        return Ok(range.filter(|_| len > 0));
    }
    let first = count(first)?;
    let last = if last.is_empty() { u64::MAX } else { count(last)? };
    if last < first {
        return Err(BadSpec);
    }
    Ok(end.filter(|end| first <= *end).map(|end| ByteRange { first, last: last.min(end) }))
}

fn count(digits: &[u8]) -> Result<u64, BadSpec> {
    match number(digits) {
        Ok(count) => Ok(count),
        Err(BadNumber::TooLarge) => Ok(u64::MAX),
        Err(BadNumber::NotDigits) => Err(BadSpec),
    }
}

/// Adds a range. Those it overlaps or touches become one with it, in the place of the first of them, so that no byte
/// is sent twice (RFC 9110 §15.3.7.2).
fn join(set: &mut RangeSet, mut range: ByteRange) {
    let touches = |one: &ByteRange, other: &ByteRange| {
        one.first <= other.last.saturating_add(1) && other.first <= one.last.saturating_add(1)
    };
    let mut place = None;
    while let Some(at) = set.iter().rposition(|other| touches(other, &range)) {
        let other = set.remove(at);
        range = ByteRange { first: range.first.min(other.first), last: range.last.max(other.last) };
        place = Some(place.unwrap_or(at).min(at));
    }
    // There is room: no more ranges than places are asked for.
    let _ = set.insert(place.unwrap_or(set.len()), range);
}

impl ByteRange {
    pub(crate) fn len(self) -> u64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }
}

impl ContentRange {
    /// Reads a `Content-Range` value (RFC 9110 §14.4); what contradicts itself is none.
    pub(crate) fn parse(value: &[u8]) -> Option<ContentRange> {
        let (unit, rest) = value.split_at_checked("bytes ".len())?;
        let slash = rest.iter().position(|byte| *byte == b'/')?;
        let (range, total) = (rest.get(..slash)?, rest.get(slash + 1..)?);
        let total = if total == b"*" { None } else { Some(number(total).ok()?) };
        if !unit.eq_ignore_ascii_case(b"bytes ") {
            return None;
        }
        if range == b"*" {
            return total.map(|total| ContentRange { range: None, total: Some(total) });
        }
        let dash = range.iter().position(|byte| *byte == b'-')?;
        let (first, last) = (number(range.get(..dash)?).ok()?, number(range.get(dash + 1..)?).ok()?);
        let valid = first <= last && last < total.unwrap_or(u64::MAX);
        valid.then_some(ContentRange { range: Some(ByteRange { first, last }), total })
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.range {
            Some(ByteRange { first, last }) => write!(f, "bytes {first}-{last}/")?,
            None => f.write_str("bytes */")?,
        }
        match self.total {
            Some(total) => write!(f, "{total}"),
            None => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_resolved() {
        fn check(value: &str, total: u64, expected: &[(u64, u64)]) {
            let expected: RangeSet =
                expected.iter().map(|(first, last)| ByteRange { first: *first, last: *last }).collect();
            assert_eq!(parse(value.as_bytes(), total), Wanted::Parts(expected), "{value} of {total}");
        }
        check("bytes=0-0", 10, &[(0, 0)]);
        check("BYTES=2-5", 10, &[(2, 5)]);
        check("bytes=2-", 10, &[(2, 9)]);
        check("bytes=2-99", 10, &[(2, 9)]);
        check("bytes=2-99999999999999999999", 10, &[(2, 9)]);
        check("bytes=-3", 10, &[(7, 9)]);
        check("bytes=-30", 10, &[(0, 9)]);
        check("bytes=0-", u64::MAX, &[(0, u64::MAX - 1)]);
        check("bytes= 0-1 ,, 5-6\t", 10, &[(0, 1), (5, 6)]);
        check("bytes=5-6, 0-1, 20-30", 10, &[(5, 6), (0, 1)]);
        check("bytes=0-4, 4-6", 10, &[(0, 6)]);
        check("bytes=8-9, 0-1, 2-3", 10, &[(8, 9), (0, 3)]);
        check("bytes=0-1, 8-9, 3-4, 1-8", 10, &[(0, 9)]);
        check(
            "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30",
            99,
            &[
                (0, 0),
                (2, 2),
                (4, 4),
                (6, 6),
                (8, 8),
                (10, 10),
                (12, 12),
                (14, 14),
                (16, 16),
                (18, 18),
                (20, 20),
                (22, 22),
                (24, 24),
                (26, 26),
                (28, 28),
                (30, 30),
            ],
        );
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes 0-1",
            "lines=0-1",
            "bytes=a-b",
            "bytes=1",
            "bytes=5-2",
            "bytes=--1",
            "bytes=+1-2",
            "bytes=1 - 2",
            "bytes=0-1, x",
            "bytes=-",
            "bytes=0-1-2",
            " bytes=0-1",
        ] {
            assert_eq!(parse(value.as_bytes(), 10), Wanted::Whole, "{value}");
        }
        let many = format!("bytes={}", "0-0,".repeat(MAX_RANGES + 1));
        assert_eq!(parse(many.as_bytes(), 10), Wanted::Whole);
        assert_eq!(parse(b"bytes=-5", 0), Wanted::Whole);
    }

    #[test]
    fn what_is_behind_the_end_is_unsatisfiable() {
        for (value, total) in [
            ("bytes=10-", 10),
            ("bytes=10-20,99-", 10),
            ("bytes=-0", 10),
            ("bytes=0-", 0),
            ("bytes=99999999999999999999-", 10),
        ] {
            assert_eq!(parse(value.as_bytes(), total), Wanted::Unsatisfiable, "{value} of {total}");
        }
    }

    #[test]
    fn content_ranges_are_read_and_written() {
        for (text, range, total) in [
            ("bytes 0-9/100", Some((0, 9)), Some(100)),
            ("bytes 0-9/*", Some((0, 9)), None),
            ("bytes */100", None, Some(100)),
        ] {
            let range = range.map(|(first, last)| ByteRange { first, last });
            let expected = ContentRange { range, total };
            assert_eq!(ContentRange::parse(text.as_bytes()), Some(expected));
            assert_eq!(expected.to_string(), text);
        }
        for text in [
            "",
            "bytes",
            "bytes 0-9",
            "bytes 9-0/100",
            "bytes 0-100/100",
            "bytes */*",
            "bytes=0-9/100",
            "lines 0-9/100",
            "bytes -9/100",
            "bytes 0-9/-1",
        ] {
            assert_eq!(ContentRange::parse(text.as_bytes()), None, "{text}");
        }
    }
}
