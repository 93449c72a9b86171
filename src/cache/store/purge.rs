//! What was purged: a short list of records that every answer is compared with when it is opened, until all that lies on
//! the card has been marked.
//!
//! Boards have no clock to be trusted, so records and answers are put in order by a number: each purge takes the next
//! one, and each answer bears the number at which its upstream was asked. A record is for the answers with a lower
//! number, whenever they came.
//!
//! The list is one file in the cache folder, named `purges-` and the latest number in eight hexadecimal digits:
//!
//! ```text
//! hafir purges 1
//! 0000002a soft prefix http://origin:80/wiki/
//! 0000002b hard tag film
//! xxh3 0123456789abcdef
//! ```
//!
//! A changed list is written whole under its new name, synced, and only then is the earlier one taken away: after a
//! power cut either is there. Where the newest file is not what was written, its name still tells the number, and
//! everything from before it counts as purged softly.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;

use xxhash_rust::xxh3::xxh3_64;

use super::Epoch;
use super::disk::Disk;
use super::record::HeadRecord;
use crate::cache::tags;

/// A folder with more purges waiting than this has its older ones put together to one: everything from before is stale.
const MOST_RECORDS: usize = 256;
/// Keys, beginnings and tags are not longer: a request's target has a limit as well.
const MOST_TEXT: usize = 16 << 10;
pub(super) const MOST_FILE: usize = MOST_RECORDS * 4096;
const FIRST_LINE: &str = "hafir purges 1";

/// What is purged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// The answers of one key, with all their variants.
    Key(String),
    /// All whose key begins like this; an empty beginning is everything.
    Beginning(String),
    /// All that carry this name (`Surrogate-Key`, `Cache-Groups`, `Cache-Tag`).
    Tag(String),
    /// All that carry this name and come from one origin (RFC 9875).
    Group { origin: String, name: String },
}

/// How a purged answer is to be treated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Purge {
    /// It is validated before its next use; its bytes stay.
    Soft,
    /// It is gone.
    Hard,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Record {
    number: u32,
    how: Purge,
    what: What,
}

/// All records that wait for the sweep, the earliest first.
#[derive(Default)]
pub(super) struct Purges {
    records: VecDeque<Record>,
    now: Epoch,
    /// Something was entered that is not in the file yet.
    pub(super) unwritten: bool,
    /// The numbers before `now` that somebody may still hold.
    earlier: Vec<Epoch>,
}

impl What {
    /// `lines` are the answer's fields; while they are not known, everything that could be meant is.
    pub(in crate::cache) fn is_for(&self, key: &[u8], lines: Option<&[u8]>) -> bool {
        match self {
            What::Key(wanted) => *key == *wanted.as_bytes(),
            What::Beginning(beginning) => key.starts_with(beginning.as_bytes()),
            What::Tag(tag) => lines.is_none_or(|lines| tags::has(lines, tag)),
            What::Group { origin, name } => {
                let of_origin = key.strip_prefix(origin.as_bytes()).is_some_and(|rest| rest.starts_with(b"/"));
                of_origin && lines.is_none_or(|lines| tags::has_group(lines, name))
            }
        }
    }

    fn is_sound(&self) -> bool {
        self.to_text().len() <= MOST_TEXT
    }

    /// One line, as the file has it.
    pub(crate) fn to_text(&self) -> String {
        match self {
            What::Key(key) => format!("key {}", escaped(key)),
            What::Beginning(beginning) => format!("prefix {}", escaped(beginning)),
            What::Tag(tag) => format!("tag {}", escaped(tag)),
            What::Group { origin, name } => format!("group {}:{}{}", origin.len(), escaped(origin), escaped(name)),
        }
    }

    pub(crate) fn parse(line: &str) -> Option<What> {
        let (kind, text) = line.split_once(' ')?;
        let text = unescaped(text)?;
        Some(match kind {
            "key" => What::Key(text),
            "prefix" => What::Beginning(text),
            "tag" => What::Tag(text),
            "group" => {
                let (len, rest) = text.split_once(':')?;
                let (origin, name) = rest.split_at_checked(len.parse().ok()?)?;
                What::Group { origin: origin.to_owned(), name: name.to_owned() }
            }
            _ => return None,
        })
    }
}

/// A key may have line feeds: they stand in front of fields and cookies that count.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")
}

fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        plain.push(match sign {
            '\\' => match signs.next()? {
                '\\' => '\\',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            sign => sign,
        });
    }
    Some(plain)
}

impl Purges {
    /// What an earlier run left.
    pub(super) fn load(disk: &Disk) -> Purges {
        match disk.purges() {
            Ok(None) => Purges::default(),
            Ok(Some((number, bytes))) => Purges::decode(number, &bytes),
            Err(error) => {
                log::warn!("the list of purges in the cache folder cannot be read: {error}");
                Purges::decode(0, b"")
            }
        }
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.now.clone()
    }

    /// What an answer that was asked for at this number has to suffer.
    pub(super) fn judge(&self, number: u32, record: &HeadRecord) -> Option<Purge> {
        // A number that is still to come is from another count, whose file was lost: it is older than anything here.
        let number = if number > self.latest() { 0 } else { number };
        let later = self.records.iter().rev().take_while(|purge| purge.number > number);
        later.filter(|purge| purge.what.is_for(&record.key, Some(&record.fields))).map(|purge| purge.how).max()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// The number of the latest purge.
    pub(super) fn latest(&self) -> u32 {
        self.now.number()
    }

    /// Enters purges of one moment under one number.
    pub(super) fn add(&mut self, what: &[What], how: Purge) -> io::Result<()> {
        if !what.iter().all(What::is_sound) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the name is too long"));
        }
        let same = |record: &Record| what.contains(&record.what) && record.how <= how;
        self.records.retain(|record| !same(record));
        if self.records.len().saturating_add(what.len()) > MOST_RECORDS || self.encode().len() > MOST_FILE / 2 {
            self.put_together()?;
        }
        let number = self.advance();
        self.records.extend(what.iter().map(|what| Record { number, how, what: what.clone() }));
        Ok(())
    }

    /// What a sweep that begins now may mark and forget: nothing that is for answers still on their way.
    pub(super) fn sweepable(&mut self) -> Option<u32> {
        self.earlier.retain(Epoch::is_held);
        let oldest = self.earlier.iter().map(Epoch::number).min().unwrap_or(u32::MAX);
        self.records.iter().map(|record| record.number).filter(|number| *number <= oldest).max()
    }

    /// The keys among what such a sweep is for; `None` where only looking at everything will do.
    pub(super) fn keys_only(&self, up_to: u32) -> Option<Vec<String>> {
        let swept = self.records.iter().filter(|record| record.number <= up_to);
        let key = |record: &Record| match &record.what {
            What::Key(key) => Some(key.clone()),
            What::Beginning(_) | What::Tag(_) | What::Group { .. } => None,
        };
        swept.map(key).collect()
    }

    /// All that lies on the card is marked.
    pub(super) fn forget(&mut self, up_to: u32) {
        self.records.retain(|record| record.number > up_to);
    }

    fn advance(&mut self) -> u32 {
        let number = self.now.number().saturating_add(1);
        let earlier = std::mem::replace(&mut self.now, Epoch::of(number));
        self.earlier.retain(Epoch::is_held);
        self.earlier.push(earlier);
        number
    }

    /// Too many: all that make answers stale become one. Nothing is forgotten, only asked for too often.
    fn put_together(&mut self) -> io::Result<()> {
        self.records.retain(|record| record.how == Purge::Hard);
        if self.records.len() >= MOST_RECORDS / 2 {
            return Err(io::Error::other("the card is still busy with earlier purges; try again in some minutes"));
        }
        let (number, what) = (self.now.number(), What::Beginning(String::new()));
        self.records.push_back(Record { number, how: Purge::Soft, what });
        Ok(())
    }

    pub(super) fn encode(&self) -> String {
        let mut text = format!("{FIRST_LINE}\n");
        for Record { number, how, what } in &self.records {
            let how = if *how == Purge::Hard { "hard" } else { "soft" };
            let _ = writeln!(text, "{number:08x} {how} {}", what.to_text());
        }
        let sum = xxh3_64(text.as_bytes());
        let _ = writeln!(text, "xxh3 {sum:016x}");
        text
    }

    /// The list that a file holds whose name tells this number. One that is not what was written purges everything.
    pub(super) fn decode(number: u32, bytes: &[u8]) -> Purges {
        let mut purges = Purges { now: Epoch::of(number), ..Purges::default() };
        match decode(number, bytes) {
            Some(records) => purges.records = records,
            None => {
                log::warn!("the list of purges in the cache folder is damaged: everything kept is validated anew");
                let number = purges.advance();
                let what = What::Beginning(String::new());
                purges.records.push_back(Record { number, how: Purge::Soft, what });
            }
        }
        purges
    }
}

fn decode(latest: u32, bytes: &[u8]) -> Option<VecDeque<Record>> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MOST_FILE)?;
    let (content, last) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let sum = u64::from_str_radix(last.strip_prefix("xxh3 ")?, 16).ok()?;
    let content = text.get(..content.len().checked_add(1)?)?;
    if xxh3_64(content.as_bytes()) != sum {
        return None;
    }
    let lines = content.strip_prefix(FIRST_LINE)?.strip_prefix('\n')?.lines();
    lines.map(|line| record(line).filter(|record| record.number <= latest)).collect()
}

fn record(line: &str) -> Option<Record> {
    let mut words = line.splitn(3, ' ');
    let number = u32::from_str_radix(words.next()?, 16).ok()?;
    let how = match words.next()? {
        "soft" => Purge::Soft,
        "hard" => Purge::Hard,
        _ => return None,
    };
    let what = What::parse(words.next()?)?;
    Some(Record { number, how, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(key: &str, fields: &str) -> HeadRecord {
        HeadRecord {
            key: key.as_bytes().into(),
            status: 200,
            selection: None,
            fields: fields.as_bytes().into(),
            trailers: Box::default(),
        }
    }

    fn tag(name: &str) -> What {
        What::Tag(name.to_owned())
    }

    #[test]
    fn a_purge_is_for_what_was_asked_for_before_it() {
        let mut purges = Purges::default();
        let before = purges.epoch();
        purges.add(&[tag("film")], Purge::Soft).unwrap();
        let film = answer("http://o:80/a", "Surrogate-Key: film\r\n");
        assert_eq!(purges.judge(before.number(), &film), Some(Purge::Soft));
        assert_eq!(purges.judge(purges.epoch().number(), &film), None);
        assert_eq!(purges.judge(before.number(), &answer("http://o:80/a", "")), None);
        purges.add(&[What::Beginning("http://o:80/".to_owned())], Purge::Hard).unwrap();
        assert_eq!(purges.judge(before.number(), &film), Some(Purge::Hard));
    }

    #[test]
    fn a_lost_file_lets_no_answer_escape_later_purges() {
        let mut purges = Purges::default();
        purges.add(&[tag("film")], Purge::Hard).unwrap();
        assert_eq!(purges.judge(40, &answer("http://o:80/a", "Cache-Tag: film\r\n")), Some(Purge::Hard));
    }

    #[test]
    fn records_stay_while_something_older_is_on_its_way() {
        let mut purges = Purges::default();
        let held = purges.epoch();
        purges.add(&[tag("a")], Purge::Soft).unwrap();
        assert_eq!(purges.sweepable(), None);
        drop(held);
        assert_eq!(purges.sweepable(), Some(1));
        assert_eq!(purges.keys_only(1), None);
        purges.forget(1);
        assert!(purges.is_empty());
    }

    #[test]
    fn the_same_again_takes_the_earlier_ones_place() {
        let mut purges = Purges::default();
        for how in [Purge::Soft, Purge::Soft, Purge::Hard, Purge::Soft] {
            purges.add(&[What::Key("k".to_owned())], how).unwrap();
        }
        let numbers: Vec<u32> = purges.records.iter().map(|record| record.number).collect();
        assert_eq!(numbers, [3, 4]);
        assert_eq!(purges.keys_only(4).unwrap().len(), 2);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut purges = Purges::default();
        let group = What::Group { origin: "http://o:80".to_owned(), name: "a b".to_owned() };
        let all =
            [What::Key("http://o:80/a b\\\ncookie: \r".to_owned()), What::Beginning(String::new()), tag("x"), group];
        for what in &all {
            purges.add(std::slice::from_ref(what), Purge::Hard).unwrap();
        }
        let again = Purges::decode(purges.latest(), purges.encode().as_bytes());
        assert_eq!((&again.records, again.latest()), (&purges.records, 4));
        assert!(purges.add(&[tag(&"x".repeat(MOST_TEXT))], Purge::Soft).is_err());
    }

    #[test]
    fn a_damaged_list_makes_everything_stale() {
        let mut purges = Purges::default();
        purges.add(&[tag("x")], Purge::Hard).unwrap();
        let text = purges.encode();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let again = Purges::decode(7, &bytes);
            assert_eq!(again.judge(7, &answer("http://o:80/a", "")), Some(Purge::Soft), "{at}");
            assert_eq!(again.judge(again.latest(), &answer("http://o:80/a", "")), None);
        }
    }

    #[test]
    fn too_many_become_one() {
        let mut purges = Purges::default();
        for number in 0..=MOST_RECORDS {
            purges.add(&[tag(&number.to_string())], Purge::Soft).unwrap();
        }
        assert!(purges.len() < 3);
        assert_eq!(purges.judge(0, &answer("http://o:80/a", "")), Some(Purge::Soft));
    }
}
