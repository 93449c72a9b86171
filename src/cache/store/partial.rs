//! Answers of which only some bytes are there: how they are found again, and what becomes of a complete one that has lost
//! some of its bytes. What the tables say is there is to be verified, run by run, before it is used.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Arc;

use super::disk::Spot;
use super::draft::{Draft, Open, Plan};
use super::format::{Entry, Identity, Kind, Marks};
use super::open::{Believed, Found, believe, entries, read_chunk, read_exactly, whole};
use super::purge::Purge;
use super::record::HeadRecord;
use super::{Epoch, Store, lock};
use crate::base::Wall;

/// A stored answer that is not all there.
pub(in crate::cache) struct Partial {
    pub(in crate::cache) identity: Identity,
    pub(in crate::cache) marks: Marks,
    pub(in crate::cache) received: Wall,
    /// In milliseconds.
    pub(in crate::cache) initial_age: u64,
    pub(in crate::cache) record: HeadRecord,
    /// `None` while it is not known.
    pub(in crate::cache) body_len: Option<u64>,
    /// What is there, not verified yet, in order. May be everything.
    pub(in crate::cache) present: Vec<Run>,
    pub(in crate::cache) draft: Draft,
}

/// Bytes of one chunk that lie together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cache) struct Run {
    pub(in crate::cache) chunk: u64,
    /// From the beginning of the chunk.
    pub(in crate::cache) start: u32,
    pub(in crate::cache) len: u32,
    pub(in crate::cache) checksum: u64,
}

impl Store {
    /// The answer of which some bytes are there, also where a complete one is kept beside it.
    pub(in crate::cache) fn find_partial(self: &Arc<Store>, location: u128, key: &[u8]) -> Option<Box<Partial>> {
        if self.is_disowned(location) {
            return None;
        }
        let open = self.open_partial(location, key)?;
        let known = open.look(|state| {
            let (plan, entries) = (&state.plan, &state.entries);
            (*plan.record.key == *key && !entries.is_empty()).then(|| (plan.clone(), state.body_len, runs(entries)))
        });
        let (mut plan, body_len, present) = known??;
        match self.judge(plan.epoch.number(), &plan.record) {
            None => {}
            Some(Purge::Soft) => {
                plan.marks.invalidated = true;
                open.invalidate();
            }
            Some(Purge::Hard) => {
                self.discard_partial(open.identity);
                return None;
            }
        }
        Some(Box::new(Partial {
            identity: open.identity,
            marks: plan.marks,
            received: plan.received,
            initial_age: plan.initial_age,
            record: plan.record,
            body_len,
            present,
            draft: Draft { open },
        }))
    }

    /// What there is where no complete object is. One that was all there but for its last step takes that now.
    pub(super) fn find_unfinished(self: &Arc<Store>, location: u128, key: &[u8]) -> Found {
        let Some(partial) = self.find_partial(location, key) else { return Found::Nothing };
        let unattended = Arc::strong_count(&partial.draft.open) == 1;
        match partial.body_len.filter(|len| unattended && partial.draft.is_whole(*len)) {
            Some(len) => match partial.draft.finish(len, b"") {
                Ok(opened) => Found::Answer(Box::new(opened)),
                Err(error) => {
                    self.note(&error);
                    Found::Partial(partial)
                }
            },
            None => Found::Partial(partial),
        }
    }

    /// A chunk of a complete object did not match when it was read. What else is there of it is kept where it can be
    /// completed. It is read once more first: somebody slower may say so of a chunk that was mended meanwhile.
    pub(in crate::cache) fn doubt(self: &Arc<Store>, identity: Identity, chunk: u64) {
        self.demote_without(identity, Some(chunk), |file, found| is_sound(file, found, identity, chunk));
    }

    /// The same, whatever the chunk is like.
    #[cfg(any(test, feature = "doors"))]
    pub(in crate::cache) fn demote(self: &Arc<Store>, identity: Identity, chunk: u64) {
        self.demote_without(identity, Some(chunk), |_, _| false);
    }

    /// A complete object says of itself that it is not all there.
    pub(super) fn demote_holed(self: &Arc<Store>, identity: Identity) {
        self.demote_without(identity, None, |_, _| false);
    }

    /// The origin has another one now, or none.
    pub(in crate::cache) fn discard_partial(&self, identity: Identity) {
        let spot = Spot::partial(identity.location);
        // Declared first, to be let go of when the stripe is free again.
        let open;
        let _guard = self.stripe(identity.location);
        open = self.draft_of(identity.location);
        if let Some(open) = open.as_ref().filter(|open| open.identity == identity) {
            open.end();
            lock(&self.drafts).remove(&identity.location);
            self.remove_guarded(spot);
        } else if open.is_none() {
            let there = self.disk.open_object(spot).ok().and_then(|file| believe(&file, identity.location));
            if there.is_some_and(|there| there.block.generation == identity.generation) {
                self.remove_guarded(spot);
            }
        }
    }

    /// The one that somebody has, or else the one on the card.
    fn open_partial(self: &Arc<Store>, location: u128, key: &[u8]) -> Option<Arc<Open>> {
        let spot = Spot::partial(location);
        // Mostly there is none, and a miss waits for nobody who syncs a file with the stripe in hand.
        if self.draft_of(location).is_none() && self.disk.open_object(spot).is_err() {
            return None;
        }
        let _guard = self.stripe(location);
        if let Some(open) = self.draft_of(location) {
            return Some(open);
        }
        // A card that is read-only still gives what it has.
        let file = self.disk.open_for_change(spot).or_else(|_| self.disk.open_object(spot)).ok()?;
        let open = match read_partial(&file, location, key) {
            Ok(Some((found, plan, entries))) => Arc::new(Open::reopened(self, file, &found, plan, entries)),
            Ok(None) => return None,
            Err(NotWritten) => {
                self.count_damage();
                self.remove_guarded(spot);
                return None;
            }
        };
        lock(&self.drafts).insert(location, Arc::downgrade(&open));
        Some(open)
    }

    fn demote_without(
        self: &Arc<Store>,
        identity: Identity,
        chunk: Option<u64>,
        stays: impl FnOnce(&File, &Believed) -> bool,
    ) {
        let location = identity.location;
        let (from, to) = (Spot::object(location), Spot::partial(location));
        let guard = self.stripe(location);
        let Ok(file) = self.disk.open_object(from) else { return };
        let Some(found) = believe(&file, location) else { return };
        let chunks = found.block.body_len.map_or(0, |len| found.block.layout.chunks(len));
        if found.block.generation != identity.generation || chunk.is_some_and(|chunk| chunk >= chunks) {
            return;
        }
        if stays(&file, &found) {
            return;
        }
        self.count_damage();
        let newer = self.draft_of(location);
        let worth_it = newer.is_none() && self.disk.open_object(to).is_err() && can_be_completed(&file, &found, chunk);
        let moved = worth_it && self.make_partial(&found, location, chunk).is_ok();
        let gone = moved || self.remove_guarded(from);
        drop(guard);
        drop(newer);
        if moved {
            self.books().index.remove(from);
            self.enter(to, self.disk.bytes_of(&file).unwrap_or(0), found.block.marks.flags());
        } else if !gone {
            self.disown(location);
        }
    }

    /// Clears the chunk's entry and the mark that all is there, and moves the file. For the holder of the stripe.
    fn make_partial(&self, found: &Believed, location: u128, chunk: Option<u64>) -> io::Result<()> {
        let (from, to) = (Spot::object(location), Spot::partial(location));
        let file = self.disk.open_for_change(from)?;
        if let Some(chunk) = chunk {
            self.disk.write_at(&file, &[0; Entry::LEN], found.block.layout.entry(chunk))?;
        }
        let mut block = found.block;
        block.marks.complete = false;
        self.write_change(&file, location, found, &mut block, None)?;
        self.disk.shift(from, to)
    }
}

impl Draft {
    fn is_whole(&self, body_len: u64) -> bool {
        self.open.look(|state| whole(&state.entries, &self.layout(), body_len).is_some()) == Some(true)
    }
}

impl Run {
    pub(super) fn of(chunk: u64, entry: &Entry) -> Run {
        Run { chunk, start: entry.start, len: entry.len, checksum: entry.checksum }
    }

    pub(super) fn entry(&self) -> Entry {
        Entry { checksum: self.checksum, start: self.start, len: self.len }
    }
}

/// A file that is not what was written.
pub(super) struct NotWritten;

pub(super) type Read = (Believed, Plan, BTreeMap<u64, Entry>);

/// `None`: another key's.
pub(super) fn read_partial(file: &File, location: u128, key: &[u8]) -> Result<Option<Read>, NotWritten> {
    let found = believe(file, location).filter(|found| found.block.kind == Kind::Answer).ok_or(NotWritten)?;
    let record = HeadRecord::decode(&found.record).ok_or(NotWritten)?;
    if *record.key != *key {
        return Ok(None);
    }
    let block = &found.block;
    let entries =
        entries(file, &block.layout, block.body_len).filter(|entries| !entries.is_empty()).ok_or(NotWritten)?;
    let plan = Plan {
        location,
        primary: record.primary(location),
        marks: Marks { complete: false, ..block.marks },
        received: block.received,
        initial_age: block.initial_age,
        epoch: Epoch::of(block.epoch),
        record,
    };
    Ok(Some((found, plan, entries)))
}

pub(super) fn runs(entries: &BTreeMap<u64, Entry>) -> Vec<Run> {
    entries.iter().map(|(chunk, entry)| Run::of(*chunk, entry)).collect()
}

/// Whether a chunk is what its entry says.
fn is_sound(file: &File, found: &Believed, identity: Identity, chunk: u64) -> bool {
    let Believed { block, .. } = found;
    let len = block.body_len.and_then(|len| usize::try_from(block.layout.len_of(chunk, len)).ok());
    let entry = read_exactly(file, block.layout.entry(chunk), Entry::LEN).ok().and_then(|bytes| Entry::decode(&bytes));
    let Some((len, entry)) = len.zip(entry) else { return false };
    let place = block.layout.place(chunk * block.layout.chunk_len());
    read_chunk(file, identity, chunk, place, len, entry.checksum).is_some()
}

/// Whether something is there but for this chunk, and the origin can be asked for the rest of the same representation.
fn can_be_completed(file: &File, found: &Believed, without: Option<u64>) -> bool {
    let block = &found.block;
    let something = || {
        let entries = entries(file, &block.layout, block.body_len);
        entries.is_some_and(|entries| entries.keys().any(|chunk| Some(*chunk) != without))
    };
    let record = HeadRecord::decode(&found.record).filter(|_| block.kind == Kind::Answer);
    record.is_some_and(|record| record.can_be_resumed()) && something()
}
