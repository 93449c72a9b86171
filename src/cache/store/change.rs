//! Changes of an object in its place: fields that a 304 renews, and the mark that it must be validated. The believed
//! superblock and head are never touched, so that a change torn by a power cut leaves the earlier state.

use std::fs::File;
use std::io;

use super::disk::Spot;
use super::draft::head_place;
use super::format::{Identity, Kind, Marks, Superblock};
use super::open::{Believed, believe};
use super::record::HeadRecord;
use super::variants::Variants;
use super::{Epoch, Store, lock};
use crate::base::Wall;

/// Changed objects that are remembered between two syncs; more are synced one by one.
const MOST_CHANGED: usize = 4096;

/// What a 304 changes.
pub(in crate::cache) struct Renewal {
    pub(in crate::cache) record: HeadRecord,
    pub(in crate::cache) marks: Marks,
    pub(in crate::cache) received: Wall,
    /// In milliseconds.
    pub(in crate::cache) initial_age: u64,
    /// When the upstream was asked.
    pub(in crate::cache) epoch: Epoch,
}

impl Store {
    /// Freshens an object. One that was replaced meanwhile is left as it is.
    pub(in crate::cache) fn renew(&self, identity: Identity, renewal: &Renewal) -> io::Result<()> {
        self.change(Spot::object(identity.location), |found| {
            let block = &found.block;
            if block.generation != identity.generation || block.kind != Kind::Answer {
                return None;
            }
            let head = renewal.record.encode()?;
            let place = head_place(block, identity.location, &head)?;
            let (marks, received, initial_age) = (renewal.marks, renewal.received, renewal.initial_age);
            let epoch = renewal.epoch.number().max(block.epoch);
            Some((Superblock { head: place, marks, received, initial_age, epoch, ..*block }, Some(head)))
        })
    }

    /// RFC 9111 §4.4: what is kept for a key must be validated before its next use.
    pub(in crate::cache) fn invalidate(&self, primary: u128) {
        let mut variants = Vec::new();
        self.mark_or_remove(primary, |found| {
            variants.extend(Variants::decode(&found.record).iter().flat_map(Variants::locations));
        });
        variants.into_iter().for_each(|location| self.mark_or_remove(location, |_| {}));
    }

    /// What cannot be marked must go; what cannot even go is not served as long as this process runs.
    fn mark_or_remove(&self, location: u128, mut list: impl FnMut(&Believed)) {
        let mark = |found: &Believed| match found.block.kind {
            Kind::Answer => {
                let marks = Marks { invalidated: true, ..found.block.marks };
                Some((Superblock { marks, ..found.block }, None))
            }
            Kind::Variants => {
                list(found);
                None
            }
        };
        let marked = self.change(Spot::object(location), mark).and_then(|()| self.mark_partial(location));
        if let Err(error) = marked {
            self.note(&error);
            if !self.remove_all(location) {
                self.disown(location);
            }
        }
    }

    fn mark_partial(&self, location: u128) -> io::Result<()> {
        if self.draft_of(location).is_none() {
            self.change(Spot::partial(location), |found| {
                let marks = Marks { invalidated: true, ..found.block.marks };
                Some((Superblock { marks, ..found.block }, None))
            })?;
        }
        // Also one that somebody has opened meanwhile.
        if let Some(open) = self.draft_of(location) {
            open.invalidate();
        }
        Ok(())
    }

    /// Writes what `decide` makes of the believed superblock into the other slot, after the new head record.
    pub(super) fn change(
        &self,
        spot: Spot,
        mut decide: impl FnMut(&Believed) -> Option<(Superblock, Option<Vec<u8>>)>,
    ) -> io::Result<()> {
        let location = spot.location;
        let _guard = self.stripe(location);
        let file = match self.disk.open_for_change(spot) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        let Some(found) = believe(&file, location) else { return Ok(()) };
        let Some((mut block, head)) = decide(&found) else { return Ok(()) };
        self.write_change(&file, location, &found, &mut block, head.as_deref())
    }

    /// Two changes without a sync between them could both be torn, and the state before them with them: the second
    /// overwrites its slot. So it waits for the first.
    pub(super) fn write_change(
        &self,
        file: &File,
        location: u128,
        found: &Believed,
        block: &mut Superblock,
        head: Option<&[u8]>,
    ) -> io::Result<()> {
        if lock(&self.changed).contains(&location) {
            self.disk.sync_file(file)?;
        }
        block.sequence = found.block.sequence.saturating_add(1);
        let written = match head {
            Some(head) => self.disk.write_at(file, head, block.head.offset),
            None => Ok(()),
        };
        let written = written.and_then(|()| self.disk.write_at(file, &block.encode(location), found.other_slot));
        self.wrote();
        if !self.remember_changed(location) {
            self.disk.sync_file(file)?;
        }
        written
    }

    /// Whether there was room to remember it.
    fn remember_changed(&self, location: u128) -> bool {
        let mut changed = lock(&self.changed);
        let room = changed.len() < MOST_CHANGED;
        room && {
            changed.insert(location);
            true
        }
    }
}
