//! A look at everything in a cache folder, for people: what is kept, and whether it is what was written. Reads only, and
//! takes no lock, so that it works beside a running gateway. What that changes meanwhile is seen as it was or as it is.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_128;

use super::carry::Tag;
use super::disk::{Folder, IMPORTS, Listed, SHELVES, Shelves, Spot, purges_name, purges_number};
use super::format::{FORMAT, Identity, Kind, Superblock};
use super::open::{believe, entries, read_exactly};
use super::partial::{Run, runs};
use super::purge::Purges;
use super::record::HeadRecord;
use super::variants::Variants;
use crate::base::{Now, Wall};
use crate::cache::head::{About, Head};
use crate::cache::policy::{Assigned, Since, Targets, Times};
use crate::cache::vary::Selection;
use crate::config::RouteCacheConfig;
use std::time::Duration;

/// A cache folder, open for looking.
pub(crate) struct Card {
    root: PathBuf,
    shelves: Shelves,
    purges: Purges,
}

/// A file that is named as an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Bytes it takes on the card.
    pub(crate) bytes: u64,
    spot: Spot,
}

/// What a file turned out to be.
pub(crate) enum Sight {
    Answer(Box<Kept>),
    /// The list of a key's variants.
    List,
    /// It is not what was written.
    Unsound,
    /// It was taken away meanwhile.
    Gone,
}

/// An answer as it lies on the card: its head is sound, its bytes are not read yet.
pub(crate) struct Kept {
    pub(crate) seen: Seen,
    file: File,
    block: Superblock,
    record: HeadRecord,
    /// As the tables say, not verified.
    present: Vec<Run>,
    purged: bool,
}

/// What became of reading every byte.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Verified {
    pub(crate) sound: u64,
    pub(crate) damaged: u64,
}

impl Card {
    /// The text says, for an operator, why the folder cannot be read.
    pub(crate) fn open(folder: &Path) -> Result<Card, String> {
        let format = fs::read(folder.join("format")).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("{}: nothing has been kept here yet", folder.display()),
            io::ErrorKind::PermissionDenied => {
                format!("{}: {error}; run this as the gateway's account, or as root", folder.display())
            }
            _ => format!("{}: {error}", folder.display()),
        })?;
        if format != FORMAT.as_bytes() {
            return Err(format!("{} holds a store of another version of hafir", folder.display()));
        }
        let shelves = Shelves::open(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Card { root: folder.to_owned(), shelves, purges: purges(folder) })
    }

    /// Space on the card that an ordinary process may take.
    pub(crate) fn free(&self) -> u64 {
        rustix::fs::statvfs(&self.root).map_or(0, |system| system.f_bavail.saturating_mul(system.f_frsize))
    }

    /// Everything that is named as an object, shelf by shelf. One that cannot be listed has nothing that could be served.
    pub(crate) fn all(&self) -> impl Iterator<Item = Seen> {
        let folders = [Folder::Objects, Folder::Partial];
        let shelves = folders.into_iter().flat_map(|folder| (0..SHELVES).map(move |number| (folder, number)));
        let listed = shelves.flat_map(|(folder, number)| self.shelves.list(folder, number).unwrap_or_default());
        listed.map(|Listed { spot, bytes, .. }| Seen { bytes, spot })
    }

    pub(crate) fn path(&self, seen: &Seen) -> PathBuf {
        self.root.join(seen.spot.path())
    }

    /// What is kept for a key: the answer itself, or its variants, and what of them is there in part only.
    pub(crate) fn find(&self, key: &str) -> Vec<Kept> {
        let primary = xxh3_128(key.as_bytes());
        let list = self.shelves.open_object(Spot::object(primary)).ok().and_then(|file| variants(&file, primary));
        let listed = list.iter().flat_map(Variants::locations);
        let spots = std::iter::once(primary).chain(listed).flat_map(|at| [Spot::object(at), Spot::partial(at)]);
        let kept = spots.filter_map(|spot| match self.read(&Seen { bytes: self.taken(spot)?, spot }) {
            Sight::Answer(kept) => Some(*kept),
            Sight::List | Sight::Unsound | Sight::Gone => None,
        });
        kept.filter(|kept| *kept.record.key == *key.as_bytes()).collect()
    }

    /// The answer of this name, if it is still here.
    pub(crate) fn tagged(&self, tag: Tag) -> Option<Kept> {
        let location = tag.0.location;
        let spots = [Spot::object(location), Spot::partial(location)];
        let found = spots.into_iter().filter_map(|spot| match self.read(&Seen { bytes: self.taken(spot)?, spot }) {
            Sight::Answer(kept) => Some(*kept),
            Sight::List | Sight::Unsound | Sight::Gone => None,
        });
        found.into_iter().find(|kept| kept.tag() == tag)
    }

    /// Where an importer puts what is to be adopted.
    pub(crate) fn imports(folder: &Path) -> PathBuf {
        folder.join(IMPORTS)
    }

    pub(crate) fn read(&self, seen: &Seen) -> Sight {
        let read = || self.shelves.open_object(seen.spot).map(|file| self.sight(file, seen));
        match read() {
            Ok(Some(sight)) => sight,
            // Perhaps it was being changed just now.
            Ok(None) => read().map_or(Sight::Gone, |sight| sight.unwrap_or(Sight::Unsound)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Sight::Gone,
            Err(_) => Sight::Unsound,
        }
    }

    /// `None`: not what was written.
    fn sight(&self, file: File, seen: &Seen) -> Option<Sight> {
        let found = believe(&file, seen.spot.location)?;
        match found.block.kind {
            Kind::Variants => {
                Variants::decode(&found.record)?;
                Some(Sight::List)
            }
            Kind::Answer => {
                let record = HeadRecord::decode(&found.record)?;
                let present = runs(&entries(&file, &found.block.layout, found.block.body_len)?);
                let purged = self.purges.judge(found.block.epoch, &record).is_some();
                Some(Sight::Answer(Box::new(Kept { seen: *seen, file, block: found.block, record, present, purged })))
            }
        }
    }

    fn taken(&self, spot: Spot) -> Option<u64> {
        let found = fs::symlink_metadata(self.root.join(spot.path())).ok()?;
        Some(found.blocks().saturating_mul(512))
    }
}

impl Seen {
    /// Of an answer that is not all there.
    pub(crate) fn is_partial(&self) -> bool {
        self.spot.folder == Folder::Partial
    }
}

impl Kept {
    /// The key's text.
    pub(crate) fn key(&self) -> String {
        String::from_utf8_lossy(&self.record.key).into_owned()
    }

    pub(crate) fn status(&self) -> u16 {
        self.record.status
    }

    /// `Name: value` lines.
    pub(crate) fn fields(&self) -> String {
        String::from_utf8_lossy(&self.record.fields).into_owned()
    }

    /// The names and values by which a request selects it.
    pub(crate) fn selection(&self) -> Option<String> {
        self.record.selection.as_ref().map(Selection::describe)
    }

    pub(crate) fn received(&self) -> Wall {
        self.block.received
    }

    /// The clock was believed when it came.
    pub(crate) fn sure(&self) -> bool {
        self.block.marks.sure
    }

    /// To be validated before its next use: marked so, or meant by a purge whose marks are still to come.
    pub(crate) fn invalidated(&self) -> bool {
        self.block.marks.invalidated || self.purged
    }

    pub(crate) fn pinned(&self) -> bool {
        self.block.marks.pinned
    }

    /// `None` while nobody knows it.
    pub(crate) fn body_len(&self) -> Option<u64> {
        self.block.body_len
    }

    /// Age and time to live in seconds, as the gateway would reckon them now.
    pub(crate) fn freshness(&self, route: &RouteCacheConfig, targets: &[String], now: Now) -> Option<(u64, i64)> {
        let times = Times {
            initial_age: Duration::from_millis(self.block.initial_age),
            received: self.block.received,
            sure: self.block.marks.sure,
            since: Since::Opened(now.mono),
        };
        let about = About {
            times,
            invalidated: self.block.marks.invalidated,
            personal: self.block.marks.personal,
            assigned: Assigned::by(route),
            targets: Targets::of(targets),
            selection: None,
        };
        let head = Head::new(self.record.status, &self.record.fields, about)?;
        Some((head.age(now), head.ttl(now)))
    }

    /// The body bytes that are said to be there, as few ranges as possible.
    pub(crate) fn present(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for run in &self.present {
            let bytes = self.bytes_of(run);
            match ranges.last_mut().filter(|last| last.end == bytes.start) {
                Some(last) => last.end = bytes.end,
                None => ranges.push(bytes),
            }
        }
        ranges
    }

    /// Reads everything.
    pub(crate) fn verify(&self) -> Verified {
        let mut verified = Verified::default();
        for run in &self.present {
            match self.read(run).is_some() {
                true => verified.sound += u64::from(run.len),
                false => verified.damaged += u64::from(run.len),
            }
        }
        verified
    }

    pub(super) fn identity(&self) -> Identity {
        self.block.identity(self.seen.spot.location)
    }

    pub(super) fn block(&self) -> &Superblock {
        &self.block
    }

    pub(super) fn record(&self) -> &HeadRecord {
        &self.record
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.present
    }

    /// The bytes of a run, if they are what was written.
    pub(super) fn read(&self, run: &Run) -> Option<Vec<u8>> {
        let (at, len) = (self.bytes_of(run).start, usize::try_from(run.len).unwrap_or(usize::MAX));
        let bytes = read_exactly(&self.file, self.block.layout.place(at), len).ok()?;
        (self.identity().checksum(run.chunk, run.start, &bytes) == run.checksum).then_some(bytes)
    }

    fn bytes_of(&self, run: &Run) -> Range<u64> {
        let start = run.chunk * self.block.layout.chunk_len() + u64::from(run.start);
        start..start + u64::from(run.len)
    }

    /// All bytes are there, and none is said to be missing.
    pub(crate) fn is_complete(&self) -> bool {
        self.block.marks.complete && !self.seen.is_partial()
    }
}

fn variants(file: &File, location: u128) -> Option<Variants> {
    let found = believe(file, location)?;
    (found.block.kind == Kind::Variants).then(|| Variants::decode(&found.record))?
}

fn purges(folder: &Path) -> Purges {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let Some(number) = names.filter_map(|name| purges_number(name.to_str()?)).max() else { return Purges::default() };
    fs::read(folder.join(purges_name(number)))
        .map_or_else(|_| Purges::default(), |bytes| Purges::decode(number, &bytes))
}
