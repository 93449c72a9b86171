//! The files of a trail: its segments, and the head that names the last record.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use miniserde::{Deserialize, json};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::hash::Hash;

const HEAD: &str = "audit.head";

/// A slot of the head. Two of them are written in turn, so that one is whole whenever the power goes.
const SLOT: usize = 160;

/// A process that ends, or is only just begun by one that holds the trail, lets go of it in a moment.
const TRIES: u32 = 50;
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// A record by its number and hash: who keeps it elsewhere can tell whether the trail still holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Anchor {
    pub(crate) seq: u64,
    pub(crate) segment: u32,
    pub(crate) hash: Hash,
}

/// What the head says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Headline {
    Absent,
    Unreadable,
    At(Anchor),
}

/// The head, held by the one who writes the trail.
pub(super) struct Head {
    file: File,
    slot: u64,
}

/// Who asked for what is nobody's business but the operator's.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o750).create(folder)
}

pub(super) fn segment(folder: &Path, number: u32) -> PathBuf {
    folder.join(file_name(number))
}

pub(super) fn file_name(number: u32) -> String {
    format!("audit-{number:06}.jsonl")
}

/// The numbers of all segments, the oldest first. A folder that is not there holds none.
pub(super) fn segments(folder: &Path) -> io::Result<Vec<u32>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("audit-")?.strip_suffix(".jsonl")?.parse().ok());
        numbers.extend(number.filter(|number| name.to_str() == Some(&file_name(*number))));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Makes names durable: a segment that was begun, one that was removed.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(super) fn headline(folder: &Path) -> io::Result<Headline> {
    let mut bytes = Vec::new();
    match File::open(folder.join(HEAD)) {
        Ok(file) => file.take(2 * SLOT as u64).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Headline::Absent),
        Err(error) => return Err(error),
    };
    Ok(bytes.chunks(SLOT).filter_map(parse).max_by_key(|anchor| anchor.seq).map_or(Headline::Unreadable, Headline::At))
}

impl Head {
    /// Makes one if there is none, and keeps every other process from writing this trail.
    pub(super) fn hold(folder: &Path) -> io::Result<Head> {
        let path = folder.join(HEAD);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o640).open(path)?;
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(TRY_AGAIN);
            }
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Head { file, slot: 0 }),
                Err(Errno::WOULDBLOCK) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process writes this trail"))
    }

    /// Says that the record is on the card. Is itself not waited for: what it says was true before it said so.
    pub(super) fn say(&mut self, anchor: Anchor) -> io::Result<()> {
        self.file.write_all_at(&print(anchor), self.slot * SLOT as u64)?;
        self.slot = 1 - self.slot;
        Ok(())
    }
}

fn print(anchor: Anchor) -> [u8; SLOT] {
    let text = format!("{{\"seq\":{},\"segment\":{},\"hash\":\"{}\"", anchor.seq, anchor.segment, anchor.hash);
    let line = format!("{text},\"check\":\"{}\"}}", check(&text));
    let mut slot = [b' '; SLOT];
    for (to, from) in slot.iter_mut().zip(line.bytes()) {
        *to = from;
    }
    if let Some(last) = slot.last_mut() {
        *last = b'\n';
    }
    slot
}

fn check(text: &str) -> String {
    Hash::of(text.as_bytes()).to_string().chars().take(16).collect()
}

#[derive(Deserialize)]
struct Slot {
    seq: u64,
    segment: u32,
    hash: String,
    check: String,
}

fn parse(slot: &[u8]) -> Option<Anchor> {
    let text = std::str::from_utf8(slot).ok()?.trim_end();
    let said: Slot = json::from_str(text).ok()?;
    let checked = text.get(..text.find(",\"check\"")?)?;
    let hash = Hash::parse(said.hash.as_bytes())?;
    (said.check == check(checked)).then_some(Anchor { seq: said.seq, segment: said.segment, hash })
}

#[cfg(test)]
pub(in crate::observe) mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    /// A folder of its own for a test, removed at its end.
    pub(in crate::observe) struct Folder(pub(in crate::observe) PathBuf);

    impl Folder {
        pub(in crate::observe) fn new() -> Folder {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("hafir-audit-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn anchor(seq: u64) -> Anchor {
        Anchor { seq, segment: 2, hash: Hash::of(&seq.to_be_bytes()) }
    }

    #[test]
    fn the_head_outlives_a_torn_slot() {
        let folder = Folder::new();
        assert_eq!(headline(&folder.0).unwrap(), Headline::Absent);
        let mut head = Head::hold(&folder.0).unwrap();
        assert_eq!(headline(&folder.0).unwrap(), Headline::Unreadable);
        for seq in [9, 10, 11] {
            head.say(anchor(seq)).unwrap();
            assert_eq!(headline(&folder.0).unwrap(), Headline::At(anchor(seq)));
        }
        head.file.write_all_at(b"\0\0\0\0", 30).unwrap();
        assert_eq!(headline(&folder.0).unwrap(), Headline::At(anchor(10)));
        let widest = Anchor { seq: u64::MAX, segment: u32::MAX, ..anchor(1) };
        assert_eq!(parse(&print(widest)), Some(widest));
    }

    #[test]
    fn one_process_writes_a_trail() {
        let folder = Folder::new();
        let first = Head::hold(&folder.0).unwrap();
        assert!(Head::hold(&folder.0).is_err());
        drop(first);
        assert!(Head::hold(&folder.0).is_ok());
    }

    #[test]
    fn only_segments_are_taken_for_segments() {
        let folder = Folder::new();
        for name in ["audit-000002.jsonl", "audit-1000000.jsonl", "audit-2.jsonl", "audit-x.jsonl", "audit.head"] {
            fs::write(folder.0.join(name), "").unwrap();
        }
        assert_eq!(segments(&folder.0).unwrap(), [2, 1_000_000]);
        assert!(segments(&folder.0.join("missing")).unwrap().is_empty());
    }
}
