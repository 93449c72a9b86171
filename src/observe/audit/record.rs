//! One line of the trail: members, the hash of the line before, and its own.

use std::io::Write;

use miniserde::{Deserialize, json};

use super::hash::{DIGITS, Hash};

/// A line with its end is never longer; what is, is no record.
pub(super) const MOST_LINE: usize = 8 << 10;

/// What a record takes besides its members.
pub(super) const FRAME: usize = 192;

const PREV: &[u8] = b",\"prev\":\"";
const HASH: &[u8] = b",\"hash\":\"";
const END: &[u8] = b"\"}";

/// A record as it is read back. Which members there are depends on the kind.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct AuditRecord {
    pub(crate) seq: u64,
    pub(crate) kind: String,
    /// RFC 3339 in UTC with milliseconds.
    pub(crate) time: String,
    pub(crate) clock_sure: bool,
    pub(crate) identity_kind: Option<String>,
    pub(crate) identity: Option<String>,
    pub(crate) client: Option<String>,
    pub(crate) route: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) outcome: Option<String>,
    pub(crate) received_bytes: Option<u64>,
    pub(crate) sent_bytes: Option<u64>,
    pub(crate) request_id: Option<String>,
    pub(super) segment: Option<u32>,
    pub(super) torn: Option<Vec<TornRecord>>,
    pub(super) missing: Option<MissingRecord>,
    pub(super) unanchored: Option<bool>,
    pub(super) first: Option<u64>,
    pub(super) records: Option<u64>,
    pub(super) count: Option<u64>,
    pub(super) through: Option<u32>,
    pub(super) dropped_hash: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct TornRecord {
    pub(super) segment: u32,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct MissingRecord {
    pub(super) from: u64,
    pub(super) through: u64,
}

/// A line in the shape of a record.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) record: AuditRecord,
    pub(super) prev: Hash,
    pub(super) hash: Hash,
    /// Whether the hash is that of the line.
    pub(super) sound: bool,
}

/// Appends one line made from members, and gives its hash.
pub(super) fn write(lines: &mut Vec<u8>, seq: u64, members: &[u8], prev: Hash) -> Hash {
    let start = lines.len();
    // Writing to memory does not fail.
    let _ = write!(lines, "{{\"seq\":{seq},");
    lines.extend_from_slice(members);
    lines.extend_from_slice(PREV);
    let _ = write!(lines, "{prev}\"");
    let hash = Hash::of(lines.get(start..).unwrap_or_default());
    lines.extend_from_slice(HASH);
    let _ = write!(lines, "{hash}");
    lines.extend_from_slice(END);
    lines.push(b'\n');
    hash
}

impl Link {
    /// Reads a line without its end. What is not in the very shape that [`write`] gives is no record.
    pub(super) fn parse(line: &[u8]) -> Option<Link> {
        let rest = line.strip_suffix(END)?;
        let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
        let hashed = rest.strip_suffix(HASH)?;
        let rest = hashed.strip_suffix(b"\"")?;
        let (rest, prev) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
        rest.strip_suffix(PREV)?;
        let (hash, prev) = (Hash::parse(hash)?, Hash::parse(prev)?);
        let record = json::from_str(std::str::from_utf8(line).ok()?).ok()?;
        Some(Link { record, prev, hash, sound: Hash::of(hashed) == hash })
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::entry;
    use super::super::entry::{Event, Opened, Stamp, Torn, write_entry, write_event};
    use super::*;

    fn line(members: &[u8]) -> String {
        let mut line = Vec::new();
        write(&mut line, 7, members, Hash::of(b"before"));
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_line_is_read_back_as_it_was_written() {
        let mut members = Vec::new();
        write_entry(&mut members, &entry());
        let text = line(&members);
        assert!(text.starts_with(
            "{\"seq\":7,\"kind\":\"access\",\"time\":\"1994-11-06T08:49:37.042Z\",\"clock_sure\":true,\
             \"identity_kind\":\"key\",\"identity\":\"k7\",\"client\":null,\"route\":\"records\",\"method\":\"GET\",\
             \"status\":200,\"outcome\":\"done\",\"received_bytes\":0,\"sent_bytes\":5120,\
             \"request_id\":\"00000000000000ab\",\"prev\":\""
        ));
        let link = Link::parse(text.trim_end().as_bytes()).unwrap();
        assert!(link.sound && link.prev == Hash::of(b"before"), "{text}");
        assert_eq!((link.record.seq, link.record.identity.as_deref()), (7, Some("k7")));
    }

    #[test]
    fn nothing_that_is_said_forges_a_record() {
        let mut members = Vec::new();
        let nasty = "x\",\"hash\":\"\n{}\u{1b}";
        let long = "é".repeat(1000);
        write_entry(
            &mut members,
            &super::super::AuditEntry { identity: Some(("key", nasty)), method: &long, ..entry() },
        );
        let text = line(&members);
        assert_eq!(text.find('\n'), Some(text.len() - 1));
        assert!(text.len() < MOST_LINE, "{}", text.len());
        let link = Link::parse(text.trim_end().as_bytes()).unwrap();
        assert!(link.sound);
        assert_eq!(link.record.identity.as_deref(), Some("x\",\"hash\":\"\u{fffd}{}\u{fffd}"));
    }

    #[test]
    fn every_event_is_read_back() {
        let torn = Torn { segment: 3, bytes: 57, hash: Hash::of(b"torn") };
        let opened =
            Opened { segment: 4, torn: vec![torn], missing: Some((5, 6, Hash::of(b"gone"))), unanchored: true };
        for event in [
            Event::Opened(opened),
            Event::Opened(Opened { segment: 1, ..Opened::default() }),
            Event::Sealed { first: 1, records: 6 },
            Event::Resumed { unanchored: false },
            Event::Lost { count: 9 },
            Event::Dropped { through: 2, hash: Hash::of(b"dropped") },
        ] {
            let mut members = Vec::new();
            write_event(&mut members, &event, Stamp::default());
            let text = line(&members);
            let link = Link::parse(text.trim_end().as_bytes()).unwrap_or_else(|| panic!("{text}"));
            assert!(link.sound, "{text}");
            if let Event::Opened(Opened { segment: 4, .. }) = event {
                let missing = link.record.missing.unwrap();
                assert_eq!((missing.from, missing.through), (5, 6));
                assert_eq!(link.record.torn.unwrap()[0].bytes, 57);
            }
        }
    }

    #[test]
    fn each_changed_byte_is_seen() {
        let mut members = Vec::new();
        write_entry(&mut members, &entry());
        let text = line(&members);
        let line = text.trim_end().as_bytes();
        for at in 0..line.len() {
            for change in [1, 0x20, 0x80] {
                let mut changed = line.to_vec();
                changed[at] ^= change;
                assert!(Link::parse(&changed).is_none_or(|link| !link.sound), "{at}");
            }
        }
        for length in 0..line.len() {
            assert!(Link::parse(&line[..length]).is_none(), "{length}");
        }
    }
}
