//! Reading a whole trail, and saying what of it is not as it was written.

use std::fmt;
use std::io;
use std::path::Path;

use super::entry::Torn;
use super::folder::{self, Anchor, Headline};
use super::hash::Hash;
use super::lines::{self, Line, Lines};
use super::record::{AuditRecord, Link};

/// Findings that are told one by one; of the others, how many they are.
const MOST_FINDINGS: usize = 100;

/// How often a folder is read anew because its oldest segment went while it was read.
const ATTEMPTS: usize = 3;

/// What a trail is found to be.
#[derive(Default, Debug)]
pub(crate) struct Report {
    pub(crate) segments: u64,
    pub(crate) records: u64,
    pub(crate) exchanges: u64,
    /// Exchanges that could not be written down.
    pub(crate) lost: u64,
    /// Segments that went because of the size bound: up to this one.
    pub(crate) dropped: Option<u32>,
    pub(crate) first_time: String,
    pub(crate) last_time: String,
    pub(crate) last: Option<Anchor>,
    /// What was cut by a loss of power: the segment and the bytes.
    pub(crate) torn: Vec<(u32, u64)>,
    pub(crate) findings: Vec<Finding>,
    /// More of them.
    pub(crate) further: u64,
    /// Whether the anchor given is older than everything that is there.
    pub(crate) anchor_dropped: bool,
}

/// What is not as it was written, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    pub(super) segment: u32,
    /// From 1; 0: the segment as a whole.
    pub(super) line: u64,
    pub(super) fault: Fault,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    Unreadable,
    Changed {
        seq: u64,
    },
    Order {
        expected: u64,
        found: u64,
    },
    Unlinked {
        seq: u64,
    },
    /// The segment does not begin with the record that opens it.
    NotOpened,
    NotSealed,
    AfterSeal {
        seq: u64,
    },
    SealCount {
        said: u64,
        found: u64,
    },
    SegmentsMissing {
        from: u32,
        through: u32,
    },
    /// Noticed by the gateway when it was started.
    Missing {
        from: u64,
        through: u64,
    },
    Unanchored,
    HeadGone,
    /// Records that the head or an anchor names, behind the end.
    End {
        last: u64,
        named: u64,
    },
    /// A record that the head or an anchor names has another hash.
    Replaced {
        seq: u64,
    },
    /// A record that the head or an anchor names is not in its place.
    NotThere {
        seq: u64,
    },
}

/// Verifies a folder, or a file that was exported. `kept`: a record by its number and hash, as it was kept elsewhere.
pub(crate) fn verify(path: &Path, kept: Option<(u64, Hash)>) -> io::Result<Report> {
    if path.is_file() {
        let mut walk = Walk::new(kept, None);
        walk.export(path)?;
        return Ok(walk.finish());
    }
    let mut attempt = 1;
    loop {
        match folder(path, kept) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => attempt += 1,
            done => return done,
        }
    }
}

fn folder(path: &Path, kept: Option<(u64, Hash)>) -> io::Result<Report> {
    // The head first: what it names must be there when the segments are read later.
    let headline = folder::headline(path)?;
    let mut walk = Walk::new(kept, Some(headline));
    for number in folder::segments(path)? {
        walk.segment(number, &folder::segment(path, number))?;
    }
    walk.check_dropped();
    Ok(walk.finish())
}

struct Walk {
    report: Report,
    /// The next record's number, and what it must name as the hash before.
    expected: Option<(u64, Hash)>,
    /// Records that must be there.
    wanted: Vec<Wanted>,
    headline: Option<Headline>,
    segment: u32,
    /// Whether the segment before is sealed, or need not be.
    ended: bool,
    opened: bool,
    sealed: bool,
    first_seq: u64,
    count: u64,
    /// Ends of segments that no later one has spoken of yet: the line where each begins.
    torn: Vec<(Torn, u64)>,
    dropped: Option<(u32, Hash)>,
    /// Of the oldest record: segment, number, and the hash before it.
    oldest: Option<(u32, u64, Hash)>,
}

struct Wanted {
    seq: u64,
    hash: Hash,
    met: bool,
}

impl Walk {
    fn new(kept: Option<(u64, Hash)>, headline: Option<Headline>) -> Walk {
        let headed = match headline {
            Some(Headline::At(anchor)) => Some((anchor.seq, anchor.hash)),
            Some(Headline::Absent | Headline::Unreadable) | None => None,
        };
        let wanted = headed.into_iter().chain(kept).map(|(seq, hash)| Wanted { seq, hash, met: false });
        Walk {
            report: Report::default(),
            expected: None,
            wanted: wanted.collect(),
            headline,
            segment: 0,
            ended: true,
            opened: false,
            sealed: false,
            first_seq: 0,
            count: 0,
            torn: Vec::new(),
            dropped: None,
            oldest: None,
        }
    }

    fn find(&mut self, line: u64, fault: Fault) {
        if self.report.findings.len() < MOST_FINDINGS {
            self.report.findings.push(Finding { segment: self.segment, line, fault });
        } else {
            self.report.further += 1;
        }
    }

    fn segment(&mut self, number: u32, path: &Path) -> io::Result<()> {
        self.turn_to(number);
        let mut lines = Lines::open(path)?;
        let mut bad: Option<(u64, u64)> = None;
        while let Some(Line { number, offset, link, .. }) = lines.next()? {
            let Some(link) = link else {
                bad = bad.or(Some((offset, number)));
                continue;
            };
            if let Some((_, line)) = bad.take() {
                self.find(line, Fault::Unreadable);
            }
            self.link(number, &link);
        }
        if let Some((offset, line)) = bad {
            let (bytes, hash) = lines::rest(path, offset)?;
            self.torn.push((Torn { segment: number, bytes, hash }, line));
        }
        Ok(())
    }

    /// Whole records of all segments, one behind the other.
    fn export(&mut self, path: &Path) -> io::Result<()> {
        let mut lines = Lines::open(path)?;
        while let Some(line) = lines.next()? {
            let Some(link) = line.link else {
                self.find(line.number, Fault::Unreadable);
                continue;
            };
            if let Some(number) = link.record.segment.filter(|number| *number != self.segment) {
                self.turn_to(number);
            }
            self.link(line.number, &link);
        }
        Ok(())
    }

    /// Another segment begins.
    fn turn_to(&mut self, number: u32) {
        if self.report.segments > 0 {
            self.ended = self.ended && (self.count == 0 || self.sealed);
            let next = self.segment.saturating_add(1);
            if number > next {
                self.segment = number;
                self.find(0, Fault::SegmentsMissing { from: next, through: number - 1 });
                (self.expected, self.ended) = (None, true);
            }
        }
        self.report.segments += 1;
        self.segment = number;
        (self.opened, self.sealed, self.count) = (false, false, 0);
    }

    fn link(&mut self, line: u64, link: &Link) {
        let record = &link.record;
        if self.sealed {
            self.find(line, Fault::AfterSeal { seq: record.seq });
        }
        self.count += 1;
        self.report.records += 1;
        if !link.sound {
            self.opened = true;
            let seq = self.expected.map_or(record.seq, |(seq, _)| seq);
            self.find(line, Fault::Changed { seq });
            self.follow(seq, link);
            return;
        }
        if !std::mem::replace(&mut self.opened, true) {
            self.open(line, record);
        }
        self.check_place(line, link);
        self.follow(record.seq, link);
        self.note(line, record);
        for wanted in self.wanted.iter_mut().filter(|wanted| wanted.seq == record.seq) {
            wanted.met = true;
        }
        let replaced = |wanted: &Wanted| wanted.seq == record.seq && wanted.hash != link.hash;
        if self.wanted.iter().any(replaced) {
            self.find(line, Fault::Replaced { seq: record.seq });
        }
    }

    fn check_place(&mut self, line: u64, link: &Link) {
        let seq = link.record.seq;
        if self.oldest.is_none() {
            self.oldest = Some((self.segment, seq, link.prev));
        }
        match self.expected {
            Some((expected, _)) if expected != seq => self.find(line, Fault::Order { expected, found: seq }),
            Some((_, prev)) if prev != link.prev => self.find(line, Fault::Unlinked { seq }),
            None if seq == 1 && link.prev != Hash::default() => self.find(line, Fault::Unlinked { seq }),
            Some(_) | None => {}
        }
    }

    /// What comes behind this record.
    fn follow(&mut self, seq: u64, link: &Link) {
        self.expected = Some((seq.saturating_add(1), link.hash));
        self.report.last = Some(Anchor { seq, segment: self.segment, hash: link.hash });
    }

    /// The first record of a segment, which speaks of those before.
    fn open(&mut self, line: u64, record: &AuditRecord) {
        self.first_seq = record.seq;
        if record.kind != "opened" || record.segment != Some(self.segment) {
            self.find(line, Fault::NotOpened);
        }
        let told = record.torn.as_deref().unwrap_or_default();
        for (torn, line) in std::mem::take(&mut self.torn) {
            let hash = torn.hash.to_string();
            if told.iter().any(|told| told.segment == torn.segment && told.bytes == torn.bytes && told.sha256 == hash) {
                self.report.torn.push((torn.segment, torn.bytes));
            } else {
                let own = std::mem::replace(&mut self.segment, torn.segment);
                self.find(line, Fault::Unreadable);
                self.segment = own;
            }
        }
        if let Some(missing) = &record.missing {
            self.find(line, Fault::Missing { from: missing.from, through: missing.through });
            self.expected = self.expected.map(|(_, hash)| (missing.through.saturating_add(1), hash));
        }
        if !self.ended && told.is_empty() && record.missing.is_none() {
            self.segment = self.segment.saturating_sub(1);
            self.find(0, Fault::NotSealed);
            self.segment = self.segment.saturating_add(1);
        }
        self.ended = true;
    }

    /// What a record says of the trail.
    fn note(&mut self, line: u64, record: &AuditRecord) {
        if self.report.first_time.is_empty() {
            self.report.first_time.clone_from(&record.time);
        }
        self.report.last_time.clone_from(&record.time);
        match record.kind.as_str() {
            "access" => self.report.exchanges += 1,
            "lost" => self.report.lost = self.report.lost.saturating_add(record.count.unwrap_or(0)),
            "dropped" => {
                let hash = record.dropped_hash.as_deref().and_then(|hash| Hash::parse(hash.as_bytes()));
                self.dropped = record.through.zip(hash);
            }
            "sealed" => {
                self.sealed = true;
                let said = record.records.unwrap_or(0);
                if said != self.count || record.first != Some(self.first_seq) {
                    self.find(line, Fault::SealCount { said, found: self.count });
                }
            }
            _ => {}
        }
        if record.unanchored == Some(true) {
            self.find(line, Fault::Unanchored);
        }
    }

    /// Whether what is not there any more went by itself.
    fn check_dropped(&mut self) {
        self.report.dropped = self.dropped.map(|(through, _)| through);
        let Some((segment, seq, prev)) = self.oldest else { return };
        let (through, hash) = self.dropped.unwrap_or((0, Hash::default()));
        self.segment = segment;
        if segment > through.saturating_add(1) {
            self.find(0, Fault::SegmentsMissing { from: through.saturating_add(1), through: segment - 1 });
        } else if segment == through.saturating_add(1) && through > 0 && hash != Hash::default() && hash != prev {
            self.find(1, Fault::Unlinked { seq });
        }
    }

    fn finish(mut self) -> Report {
        let last = self.report.last.map_or(0, |last| last.seq);
        let first = self.oldest.map_or(0, |(_, seq, _)| seq);
        self.segment = self.report.last.map_or(0, |last| last.segment);
        self.report.torn.extend(self.torn.iter().map(|(torn, _)| (torn.segment, torn.bytes)));
        for wanted in std::mem::take(&mut self.wanted) {
            if wanted.seq > last {
                self.find(0, Fault::End { last, named: wanted.seq });
            } else if wanted.seq < first {
                self.report.anchor_dropped = true;
            } else if !wanted.met && self.report.findings.is_empty() {
                self.find(0, Fault::NotThere { seq: wanted.seq });
            }
        }
        let headless = matches!(self.headline, Some(Headline::Absent | Headline::Unreadable));
        if headless && self.report.records > 0 {
            self.find(0, Fault::HeadGone);
        }
        self.report
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.segment, self.line) {
            (0, _) => {}
            (segment, 0) => write!(f, "{}: ", folder::file_name(segment))?,
            (segment, line) => write!(f, "{} line {line}: ", folder::file_name(segment))?,
        }
        self.fault.fmt(f)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Unreadable => f.write_str("what stands here is no record"),
            Fault::Changed { seq } => write!(f, "record {seq} was changed: its hash is not that of its text"),
            Fault::Order { expected, found } if found > expected => {
                write!(f, "record {found} stands here: {} not in place", span(*expected, found - 1))
            }
            Fault::Order { expected, found } => {
                write!(f, "record {found} stands where record {expected} should: it was moved or repeated")
            }
            Fault::Unlinked { seq } => write!(f, "record {seq} does not follow the one before: one of them was exchanged"),
            Fault::NotOpened => f.write_str("the segment does not begin with the record that opened it"),
            Fault::NotSealed => f.write_str("the segment has lost its end: the record that sealed it"),
            Fault::AfterSeal { seq } => write!(f, "record {seq} stands behind the seal"),
            Fault::SealCount { said, found } => write!(f, "the seal counts {said} records, and there are {found}"),
            Fault::SegmentsMissing { from, through } if from == through => write!(f, "segment {from} was removed"),
            Fault::SegmentsMissing { from, through } => write!(f, "segments {from} to {through} were removed"),
            Fault::Missing { from, through } => {
                write!(f, "{} missing, as the gateway noticed when it was started", span(*from, *through))
            }
            Fault::Unanchored => f.write_str(
                "when the gateway was started, audit.head was gone: whether records before this one are missing cannot be told",
            ),
            Fault::HeadGone => {
                f.write_str("audit.head is gone or unreadable: whether the newest records are missing cannot be told")
            }
            Fault::End { last, named } => {
                write!(f, "{} missing at the end: removed, or damaged beyond reading", span(last + 1, *named))
            }
            Fault::Replaced { seq } => write!(f, "record {seq} is not the one that was written: it has another hash"),
            Fault::NotThere { seq } => write!(f, "record {seq} is not in its place"),
        }
    }
}

fn span(from: u64, through: u64) -> String {
    if from >= through { format!("record {from} is") } else { format!("records {from} to {through} are") }
}
