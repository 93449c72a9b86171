//! The chain and those who write it: taking it up after any stop, adding records, sealing segments, letting old ones go.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::entry::{Event, Opened, Stamp, Torn, write_event};
use super::folder::{self, Anchor, Head, Headline};
use super::hash::Hash;
use super::lines::{self, Lines};
use super::record;

/// Records that are written and synced together are at most this long: all that waits at once, as a card takes as long for
/// one record as for a thousand.
const BATCH: usize = 512 << 10;

/// What a file takes at least on the card.
const BLOCK: u64 = 4096;

/// Room for the record that seals a segment.
const SEAL: usize = 512;

/// How much of the card the trail may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limits {
    pub(super) size: u64,
    pub(super) segment: u64,
}

/// What waits to be written: the members of records, a line each, and how many found no room.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) members: Vec<u8>,
    pub(super) lost: u64,
    /// Of the newest entry.
    pub(super) stamp: Stamp,
}

/// A trail that is being written. After an error it is to be taken up anew.
pub(super) struct Chain {
    folder: PathBuf,
    limits: Limits,
    head: Head,
    last: Anchor,
    state: State,
}

enum State {
    /// A segment is to be begun.
    Between(Opened),
    /// Going on in one, which is to be said.
    Resumed(Segment, bool),
    Within(Segment),
}

struct Segment {
    number: u32,
    file: File,
    length: u64,
    /// Its first record.
    first: u64,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.lost == 0
    }
}

impl Limits {
    /// There is always room for two segments, or none could be let go.
    pub(super) fn new(size: u64, segment: u64) -> Limits {
        Limits { size, segment: segment.min(size / 2) }
    }
}

impl Chain {
    /// Takes up the chain where it ends on the card. `remembered`: a record that this process knows to have written.
    /// Nothing that is there is changed.
    pub(super) fn take_up(folder: &Path, limits: Limits, remembered: Option<Anchor>) -> io::Result<Chain> {
        folder::make(folder)?;
        let headline = folder::headline(folder)?;
        let head = Head::hold(folder)?;
        let tail = Tail::find(folder)?;
        let headed = match headline {
            Headline::At(anchor) => Some(anchor),
            Headline::Absent | Headline::Unreadable => None,
        };
        let promised = headed.into_iter().chain(remembered).max_by_key(|anchor| anchor.seq);
        let unanchored = promised.is_none() && tail.last.is_some();
        let (last, state) = tail.go_on(folder, promised, unanchored)?;
        Ok(Chain { folder: folder.to_owned(), limits, head, last, state })
    }

    /// The last record that is on the card.
    pub(super) fn last(&self) -> Anchor {
        self.last
    }

    /// Writes down what waits, as far as it gets: what is on the card is taken out of `pending`.
    pub(super) fn append(&mut self, pending: &mut Pending) -> io::Result<()> {
        while !pending.is_empty() {
            self.append_batch(pending)?;
        }
        Ok(())
    }

    fn append_batch(&mut self, pending: &mut Pending) -> io::Result<()> {
        let mut batch = Batch { lines: Vec::new(), seq: self.last.seq, hash: self.last.hash };
        let mut leaving = Vec::new();
        let mut segment = match std::mem::replace(&mut self.state, State::Between(Opened::default())) {
            State::Within(segment) => segment,
            State::Resumed(segment, unanchored) => {
                batch.tell(&Event::Resumed { unanchored }, pending.stamp);
                segment
            }
            State::Between(opened) => self.begin(opened, &mut batch, &mut leaving, pending.stamp)?,
        };
        let room = usize::try_from(self.limits.segment.saturating_sub(segment.length)).unwrap_or(usize::MAX);
        let taken = batch.take(&pending.members, room);
        let lost = if taken == pending.members.len() { pending.lost } else { 0 };
        if lost > 0 {
            batch.tell(&Event::Lost { count: lost }, pending.stamp);
        }
        let full = batch.lines.len() + SEAL > room || (taken < pending.members.len() && batch.lines.len() < BATCH);
        if full {
            let records = batch.seq.saturating_sub(segment.first).saturating_add(2);
            batch.tell(&Event::Sealed { first: segment.first, records }, pending.stamp);
        }
        segment.append(&batch.lines)?;
        pending.members.drain(..taken);
        pending.lost -= lost;
        self.last = Anchor { seq: batch.seq, segment: segment.number, hash: batch.hash };
        self.head.say(self.last)?;
        if full {
            segment.file.set_permissions(Permissions::from_mode(0o440))?;
            self.state = State::Between(Opened { segment: segment.number.saturating_add(1), ..Opened::default() });
        } else {
            self.state = State::Within(segment);
        }
        self.remove(&leaving)
    }

    /// Begins a segment, and says which ones make room for it.
    fn begin(&self, opened: Opened, batch: &mut Batch, leaving: &mut Vec<u32>, stamp: Stamp) -> io::Result<Segment> {
        let number = opened.segment;
        let path = folder::segment(&self.folder, number);
        let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
        folder::sync(&self.folder)?;
        let length = file.metadata()?.len();
        if let Some((_, through, _)) = opened.missing {
            batch.seq = through;
        }
        let first = batch.seq.saturating_add(1);
        batch.tell(&Event::Opened(opened), stamp);
        *leaving = self.oldest(number)?;
        if let Some(through) = leaving.last().copied() {
            let hash = scan(&folder::segment(&self.folder, through))?.last.map_or(Hash::default(), |last| last.hash);
            batch.tell(&Event::Dropped { through, hash }, stamp);
        }
        Ok(Segment { number, file, length, first })
    }

    /// The segments that must go before another one has room.
    fn oldest(&self, number: u32) -> io::Result<Vec<u32>> {
        let mut all = Vec::new();
        for other in folder::segments(&self.folder)?.into_iter().filter(|other| *other < number) {
            let length = fs::metadata(folder::segment(&self.folder, other))?.len();
            all.push((other, length.next_multiple_of(BLOCK)));
        }
        let mut total = all.iter().map(|(_, length)| length).sum::<u64>();
        let room = self.limits.size.saturating_sub(self.limits.segment);
        let mut leaving = Vec::new();
        for (other, length) in all {
            if total <= room {
                break;
            }
            leaving.push(other);
            total -= length;
        }
        Ok(leaving)
    }

    fn remove(&self, leaving: &[u32]) -> io::Result<()> {
        for number in leaving {
            fs::remove_file(folder::segment(&self.folder, *number))?;
        }
        if leaving.is_empty() { Ok(()) } else { folder::sync(&self.folder) }
    }
}

impl Segment {
    /// On the card when it returns; else the segment is as before, as far as the card lets it.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        match self.file.write_all(lines).and_then(|()| self.file.sync_data()) {
            Ok(()) => {
                self.length += lines.len() as u64;
                Ok(())
            }
            Err(error) => {
                let _ = self.file.set_len(self.length);
                Err(error)
            }
        }
    }
}

/// Lines to be written together.
struct Batch {
    lines: Vec<u8>,
    seq: u64,
    hash: Hash,
}

impl Batch {
    fn add(&mut self, members: &[u8]) {
        self.seq = self.seq.saturating_add(1);
        self.hash = record::write(&mut self.lines, self.seq, members, self.hash);
    }

    fn tell(&mut self, event: &Event, stamp: Stamp) {
        let mut members = Vec::new();
        write_event(&mut members, event, stamp);
        self.add(&members);
    }

    /// Takes what fits, at least one, and gives the length of what it took.
    fn take(&mut self, members: &[u8], room: usize) -> usize {
        let mut taken = 0;
        for line in members.split_inclusive(|byte| *byte == b'\n') {
            let fits = self.lines.len() + line.len() + record::FRAME + SEAL <= room;
            if taken > 0 && (!fits || self.lines.len() >= BATCH) {
                break;
            }
            self.add(line.strip_suffix(b"\n").unwrap_or(line));
            taken += line.len();
        }
        taken
    }
}

/// The end of a trail, as it is on the card.
#[derive(Default)]
struct Tail {
    /// The last whole record.
    last: Option<Last>,
    /// The segment of that record: its number, its first record, and where the record ends.
    segment: u32,
    first: u64,
    end: u64,
    torn: Vec<Torn>,
    /// The highest number of a segment; and whether nothing stands in it.
    newest: u32,
    newest_is_empty: bool,
}

#[derive(Clone, Copy)]
struct Last {
    seq: u64,
    hash: Hash,
    sealed: bool,
}

/// What a segment holds.
struct Scanned {
    last: Option<Last>,
    first: u64,
    /// Where the last record ends.
    end: u64,
    length: u64,
}

impl Tail {
    fn find(folder: &Path) -> io::Result<Tail> {
        let mut tail = Tail::default();
        for number in folder::segments(folder)?.into_iter().rev() {
            let path = folder::segment(folder, number);
            let scanned = scan(&path)?;
            if tail.newest == 0 {
                (tail.newest, tail.newest_is_empty) = (number, scanned.length == 0);
            }
            if scanned.end < scanned.length {
                let (bytes, hash) = lines::rest(&path, scanned.end)?;
                tail.torn.push(Torn { segment: number, bytes, hash });
            }
            if scanned.last.is_some() {
                (tail.last, tail.first, tail.end) = (scanned.last, scanned.first, scanned.end);
                tail.segment = number;
                break;
            }
        }
        Ok(tail)
    }

    /// In the last segment where that ends well, else in a new one that says how the last one ended.
    fn go_on(self, folder: &Path, promised: Option<Anchor>, unanchored: bool) -> io::Result<(Anchor, State)> {
        let (seq, hash, sealed) =
            self.last.map_or((0, Hash::default(), true), |last| (last.seq, last.hash, last.sealed));
        let last = Anchor { seq, segment: self.segment, hash };
        let gone = promised.filter(|promised| promised.seq > seq);
        let missing = gone.map(|gone| (seq.saturating_add(1), gone.seq, gone.hash));
        let ends_well = !sealed && self.torn.is_empty() && missing.is_none() && self.segment == self.newest;
        if ends_well {
            let file = OpenOptions::new().append(true).open(folder::segment(folder, self.segment))?;
            let segment = Segment { number: self.segment, file, length: self.end, first: self.first };
            return Ok((last, State::Resumed(segment, unanchored)));
        }
        let next = if self.newest_is_empty { self.newest } else { self.newest.saturating_add(1) };
        let named = gone.map_or(0, |gone| gone.segment);
        let segment = if named > self.newest { named.saturating_add(1) } else { next };
        Ok((last, State::Between(Opened { segment, torn: self.torn, missing, unanchored })))
    }
}

fn scan(path: &Path) -> io::Result<Scanned> {
    let mut scanned = Scanned { last: None, first: 0, end: 0, length: 0 };
    let mut lines = Lines::open(path)?;
    while let Some(line) = lines.next()? {
        scanned.length = line.end;
        let Some(link) = line.link.filter(|link| link.sound) else { continue };
        if scanned.last.is_none() {
            scanned.first = link.record.seq;
        }
        let sealed = link.record.kind == "sealed";
        scanned.last = Some(Last { seq: link.record.seq, hash: link.hash, sealed });
        scanned.end = line.end;
    }
    Ok(scanned)
}
