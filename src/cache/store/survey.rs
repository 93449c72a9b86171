//! A look at everything in a cache folder, for people: what is kept, and whether it is what was written. Reads only, and
//! takes no lock, so that it works beside a running gateway. What that changes meanwhile is seen as it was or as it is.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use super::disk::{Folder, Listed, SHELVES, Shelves};
use super::format::{Identity, Kind, Layout};
use super::open::{believe, entries, read_exactly};
use super::partial::{Run, runs};
use super::record::HeadRecord;
use super::variants::Variants;
use crate::base::Wall;

/// A walk through a folder, in no particular order. One folder of files is listed at a time.
pub(crate) struct Survey {
    folder: PathBuf,
    shelves: Shelves,
    /// Counts the folders, those of complete objects first.
    next: u16,
    listed: IntoIter<Listed>,
}

/// One file.
pub(crate) struct Surveyed {
    pub(crate) path: PathBuf,
    /// What it takes on the card.
    pub(crate) bytes: u64,
    pub(crate) what: Contents,
}

pub(crate) enum Contents {
    Answer(Box<SurveyedAnswer>),
    /// The list of variants of this key.
    Variants {
        key: Box<[u8]>,
        count: usize,
    },
    /// Nothing in it can be believed.
    Damaged,
}

/// A stored answer, as its head says.
pub(crate) struct SurveyedAnswer {
    pub(crate) key: Box<[u8]>,
    pub(crate) status: u16,
    /// `Name: value CRLF` lines.
    pub(crate) fields: Box<[u8]>,
    pub(crate) received: Wall,
    /// In milliseconds.
    pub(crate) initial_age: u64,
    /// The wall clock was believed when it came.
    pub(crate) sure: bool,
    /// To be validated before its next use.
    pub(crate) invalidated: bool,
    /// `None` while it is not known.
    pub(crate) body_len: Option<u64>,
    /// It says that all of it is there.
    pub(crate) complete: bool,
    file: File,
    identity: Identity,
    layout: Layout,
    present: Vec<Run>,
}

/// What reading a stored answer's body found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Verified {
    /// Bytes that are there and right; neighbours are one range.
    pub(crate) sound: Vec<Range<u64>>,
    /// Bytes that are not what was written.
    pub(crate) damaged: Vec<Range<u64>>,
}

impl Survey {
    /// The folder must be a cache folder.
    pub(crate) fn open(folder: &Path) -> io::Result<Survey> {
        let shelves = Shelves::open(folder)?;
        Ok(Survey { folder: folder.to_owned(), shelves, next: 0, listed: Vec::new().into_iter() })
    }

    fn list_next(&mut self) -> Option<()> {
        let folder = match self.next {
            ..SHELVES => Folder::Objects,
            _ if self.next < 2 * SHELVES => Folder::Partial,
            _ => return None,
        };
        // A folder that cannot be listed has nothing that could be served.
        self.listed = self.shelves.list(folder, self.next % SHELVES).unwrap_or_default().into_iter();
        self.next += 1;
        Some(())
    }

    fn look(&self, listed: &Listed) -> Option<Surveyed> {
        let read = || self.shelves.open_object(listed.spot).map(|file| contents(file, listed));
        let what = match read() {
            // Perhaps it was being changed just now.
            Ok(None) => read().ok()?.unwrap_or(Contents::Damaged),
            Ok(Some(what)) => what,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(_) => Contents::Damaged,
        };
        Some(Surveyed { path: self.folder.join(listed.spot.path()), bytes: listed.bytes, what })
    }
}

impl Iterator for Survey {
    type Item = Surveyed;

    fn next(&mut self) -> Option<Surveyed> {
        loop {
            match self.listed.next() {
                // One that went meanwhile is passed over.
                Some(listed) => match self.look(&listed) {
                    Some(surveyed) => return Some(surveyed),
                    None => continue,
                },
                None => self.list_next()?,
            }
        }
    }
}

impl SurveyedAnswer {
    /// Bytes of the body that are said to be there.
    pub(crate) fn present(&self) -> u64 {
        self.present.iter().map(|run| u64::from(run.len)).sum()
    }

    /// Whether bytes are missing by its own account.
    pub(crate) fn has_holes(&self) -> bool {
        !self.complete || self.body_len != Some(self.present())
    }

    /// Reads all that is said to be there.
    pub(crate) fn verify(&self) -> Verified {
        let mut found = Verified::default();
        for run in &self.present {
            let start = run.chunk * self.layout.chunk_len() + u64::from(run.start);
            let to = if self.holds(run, start) { &mut found.sound } else { &mut found.damaged };
            let end = start + u64::from(run.len);
            match to.last_mut() {
                Some(last) if last.end == start => last.end = end,
                Some(_) | None => to.push(start..end),
            }
        }
        found
    }

    fn holds(&self, run: &Run, start: u64) -> bool {
        let len = usize::try_from(run.len).unwrap_or(usize::MAX);
        let bytes = read_exactly(&self.file, self.layout.place(start), len);
        bytes.is_ok_and(|bytes| self.identity.checksum(run.chunk, run.start, &bytes) == run.checksum)
    }
}

/// `None`: not what was written.
fn contents(file: File, listed: &Listed) -> Option<Contents> {
    let found = believe(&file, listed.spot.location)?;
    let block = &found.block;
    match block.kind {
        Kind::Variants => {
            let variants = Variants::decode(&found.record)?;
            Some(Contents::Variants { count: variants.locations().count(), key: variants.key })
        }
        Kind::Answer => {
            let HeadRecord { key, status, fields, .. } = HeadRecord::decode(&found.record)?;
            Some(Contents::Answer(Box::new(SurveyedAnswer {
                key,
                status,
                fields,
                received: block.received,
                initial_age: block.initial_age,
                sure: block.marks.sure,
                invalidated: block.marks.invalidated,
                body_len: block.body_len,
                complete: block.marks.complete,
                present: runs(&entries(&file, &block.layout, block.body_len)?),
                identity: block.identity(listed.spot.location),
                layout: block.layout,
                file,
            })))
        }
    }
}
