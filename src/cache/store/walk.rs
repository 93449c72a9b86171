//! Reading a cache folder without holding it: beside the gateway that runs on it, and of folders that nobody runs on.
//! Nothing is changed, and nothing is believed that its checksums do not confirm.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use xxhash_rust::xxh3::xxh3_128;

use super::disk::{SHELVES, location_of, path, purges_name, purges_number};
use super::format::{FORMAT, Kind, Superblock};
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

/// Where an object lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// All of it is there.
    Objects,
    /// Some of it is there.
    Partial,
}

/// A cache folder, open for looking.
pub(crate) struct Card {
    root: PathBuf,
    purges: Purges,
}

/// A file that is named as an object.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: PathBuf,
    /// Bytes it takes on the card.
    pub(crate) bytes: u64,
    pub(crate) place: Place,
    location: u128,
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
            _ => format!("{}: {error}", folder.display()),
        })?;
        if format != FORMAT.as_bytes() {
            return Err(format!("{} holds a store of another version of hafir", folder.display()));
        }
        Ok(Card { root: folder.to_owned(), purges: purges(folder) })
    }

    /// Space on the card that an ordinary process may take.
    pub(crate) fn free(&self) -> u64 {
        rustix::fs::statvfs(&self.root).map_or(0, |system| system.f_bavail.saturating_mul(system.f_frsize))
    }

    /// Everything that is named as an object, shelf by shelf.
    pub(crate) fn all(&self) -> impl Iterator<Item = Seen> {
        let places = [Place::Objects, Place::Partial];
        let shelves = places.into_iter().flat_map(|place| (0..SHELVES).map(move |number| (place, number)));
        shelves.flat_map(|(place, number)| self.shelf(place, number))
    }

    /// What is kept for a key: the answer itself, or its variants, and what of them is there in part only.
    pub(crate) fn find(&self, key: &str) -> Vec<Kept> {
        let primary = xxh3_128(key.as_bytes());
        let mut locations = vec![primary];
        if let Some(list) = self.look(Place::Objects, primary).and_then(|seen| variants(&seen)) {
            locations.extend(list.locations());
        }
        let of_key = |kept: &Kept| &*kept.record.key == key.as_bytes();
        let both = locations.into_iter().flat_map(|at| [(Place::Objects, at), (Place::Partial, at)]);
        let seen = both.filter_map(|(place, at)| self.look(place, at));
        let kept = seen.filter_map(|seen| match self.read(&seen) {
            Sight::Answer(kept) => Some(*kept),
            Sight::List | Sight::Unsound | Sight::Gone => None,
        });
        kept.filter(of_key).collect()
    }

    pub(crate) fn read(&self, seen: &Seen) -> Sight {
        let Ok(file) = open(&seen.path) else { return Sight::Gone };
        let Some(found) = believe(&file, seen.location) else { return Sight::Unsound };
        match found.block.kind {
            Kind::Variants if Variants::decode(&found.record).is_some() => Sight::List,
            Kind::Variants => Sight::Unsound,
            Kind::Answer => match HeadRecord::decode(&found.record) {
                Some(record) => {
                    let purged = self.purges.judge(found.block.epoch, &record).is_some();
                    Sight::Answer(Box::new(Kept { seen: seen.clone(), file, block: found.block, record, purged }))
                }
                None => Sight::Unsound,
            },
        }
    }

    fn shelf(&self, place: Place, number: u16) -> Vec<Seen> {
        let name = format!("{number:02x}");
        let Ok(entries) = fs::read_dir(self.root.join(place.folder()).join(&name)) else { return Vec::new() };
        let locations = entries.flatten().filter_map(|entry| location_of(&name, entry.file_name().as_encoded_bytes()));
        locations.filter_map(|location| self.look(place, location)).collect()
    }

    fn look(&self, place: Place, location: u128) -> Option<Seen> {
        let path = self.root.join(place.folder()).join(path(location));
        let found = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?;
        Some(Seen { path, bytes: found.blocks().saturating_mul(512), place, location })
    }
}

impl Place {
    fn folder(self) -> &'static str {
        match self {
            Place::Objects => "objects",
            Place::Partial => "partial",
        }
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
        for run in self.runs() {
            let bytes = self.bytes_of(&run);
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
        for run in self.runs() {
            match self.holds(&run) {
                true => verified.sound += u64::from(run.len),
                false => verified.damaged += u64::from(run.len),
            }
        }
        verified
    }

    fn holds(&self, run: &Run) -> bool {
        let (at, len) = (self.bytes_of(run).start, usize::try_from(run.len).unwrap_or(usize::MAX));
        let bytes = read_exactly(&self.file, self.block.layout.place(at), len);
        let identity = self.block.identity(self.seen.location);
        bytes.is_ok_and(|bytes| identity.checksum(run.chunk, run.start, &bytes) == run.checksum)
    }

    fn bytes_of(&self, run: &Run) -> Range<u64> {
        let start = run.chunk * self.block.layout.chunk_len() + u64::from(run.start);
        start..start + u64::from(run.len)
    }

    /// All bytes are there, and none is said to be missing.
    pub(crate) fn is_complete(&self) -> bool {
        self.block.marks.complete && self.seen.place == Place::Objects
    }

    fn runs(&self) -> Vec<Run> {
        let entries = entries(&self.file, &self.block.layout, self.block.body_len);
        entries.map(|entries| runs(&entries)).unwrap_or_default()
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    File::options().read(true).custom_flags(flags.cast_signed()).open(path)
}

fn variants(seen: &Seen) -> Option<Variants> {
    let found = believe(&open(&seen.path).ok()?, seen.location)?;
    (found.block.kind == Kind::Variants).then(|| Variants::decode(&found.record))?
}

fn purges(folder: &Path) -> Purges {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let Some(number) = names.filter_map(|name| purges_number(name.to_str()?)).max() else { return Purges::default() };
    fs::read(folder.join(purges_name(number)))
        .map_or_else(|_| Purges::default(), |bytes| Purges::decode(number, &bytes))
}
