//! Carrying purges out on the card: the list of them in its file, and the sweep that marks what they are for.

use std::io;

use xxhash_rust::xxh3::xxh3_128;

use super::disk::{Folder, SHELVES, Spot};
use super::format::{Kind, Marks, Superblock};
use super::open::{Opened, believe};
use super::purge::{Purge, Purges, What};
use super::record::HeadRecord;
use super::variants::Variants;
use super::{Store, lock};

/// Where a sweep stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sweep {
    /// The purges up to this number are carried out.
    up_to: u32,
    next_shelf: u16,
}

impl Store {
    /// Holds at once for everything that is opened from now on. `Ok(false)`: the card did not take the record, so that
    /// it holds as long as this process runs.
    pub(in crate::cache) fn purge(&self, what: &[What], how: Purge) -> io::Result<bool> {
        let mut purges = lock(&self.purges);
        purges.add(what, how)?;
        let written = self.write_purges(&mut purges);
        drop(purges);
        if let Err(error) = &written {
            self.note(error);
        }
        for what in what {
            if let What::Key(key) = what {
                self.carry_out(key);
            }
        }
        Ok(written.is_ok())
    }

    /// The same for what answers say of others, which may be often: it is in the file with the next sync.
    pub(in crate::cache) fn purge_lightly(&self, what: &[What]) -> io::Result<()> {
        let mut purges = lock(&self.purges);
        purges.add(what, Purge::Soft)?;
        purges.unwritten = true;
        self.wrote();
        Ok(())
    }

    pub(super) fn write_new_purges(&self) -> io::Result<()> {
        let mut purges = lock(&self.purges);
        if purges.unwritten {
            self.write_purges(&mut purges)?;
        }
        Ok(())
    }

    /// Purges whose sweep has not come to its end.
    pub(in crate::cache) fn purges_waiting(&self) -> usize {
        lock(&self.purges).len()
    }

    /// The number of the latest purge: an answer that was judged at an earlier one must be judged again.
    pub(in crate::cache) fn purge_number(&self) -> u32 {
        lock(&self.purges).latest()
    }

    pub(super) fn judge(&self, epoch: u32, record: &HeadRecord) -> Option<Purge> {
        lock(&self.purges).judge(epoch, record)
    }

    /// What was just opened or stored, with the mark of the purges that are for it. `None`: it is to be gone.
    pub(super) fn judged(&self, mut opened: Opened) -> Option<Opened> {
        let purges = lock(&self.purges);
        let sentence = purges.judge(opened.epoch, &opened.record);
        opened.judged = purges.latest();
        drop(purges);
        match sentence {
            None => Some(opened),
            Some(Purge::Soft) => {
                opened.marks.invalidated = true;
                Some(opened)
            }
            Some(Purge::Hard) => None,
        }
    }

    /// What was just stored. Where a purge overtook it on its way, it serves those who followed it and nobody else.
    pub(super) fn not_purged(&self, mut opened: Opened) -> Opened {
        let purges = lock(&self.purges);
        opened.marks.invalidated |= purges.judge(opened.epoch, &opened.record).is_some();
        opened.judged = purges.latest();
        opened
    }

    /// One step of the sweep: a shelf. Whether there is more to do.
    pub(super) fn sweep(&self, state: &mut Option<Sweep>) -> bool {
        let Some(sweep) = state.or_else(|| self.begin_sweep()) else { return false };
        if !self.takes_writes() {
            *state = None;
            return false;
        }
        if sweep.next_shelf < SHELVES {
            self.sweep_shelf(Folder::Objects, sweep.next_shelf);
            self.sweep_shelf(Folder::Partial, sweep.next_shelf);
            *state = Some(Sweep { next_shelf: sweep.next_shelf + 1, ..sweep });
            return true;
        }
        *state = None;
        // Only when the marks are on the card may the records go.
        if self.disk.sync().is_ok() {
            let mut purges = lock(&self.purges);
            purges.forget(sweep.up_to);
            if let Err(error) = self.write_purges(&mut purges) {
                self.note(&error);
            }
        }
        false
    }

    fn begin_sweep(&self) -> Option<Sweep> {
        let mut purges = lock(&self.purges);
        let up_to = purges.sweepable()?;
        let keys = purges.keys_only(up_to);
        drop(purges);
        let next_shelf = match keys {
            None => 0,
            Some(keys) => {
                keys.iter().for_each(|key| self.carry_out(key));
                SHELVES
            }
        };
        Some(Sweep { up_to, next_shelf })
    }

    fn sweep_shelf(&self, folder: Folder, shelf: u16) {
        let Ok(listed) = self.disk.list(folder, shelf) else { return };
        for found in listed {
            self.sweep_object(found.spot);
        }
    }

    fn sweep_object(&self, spot: Spot) {
        let location = spot.location;
        let Ok(file) = self.disk.open_object(spot) else { return };
        let Some(found) = believe(&file, location).filter(|found| found.block.kind == Kind::Answer) else { return };
        let Some(record) = HeadRecord::decode(&found.record) else { return };
        match self.judge(found.block.epoch, &record) {
            None => {}
            Some(Purge::Hard) => {
                self.remove(spot);
            }
            Some(Purge::Soft) => {
                let generation = found.block.generation;
                let marked = self.change(spot, |found| {
                    let marks = Marks { invalidated: true, ..found.block.marks };
                    let same = found.block.generation == generation;
                    same.then_some((Superblock { marks, ..found.block }, None))
                });
                // One that is being written puts its own marks into the next superblock.
                if let Some(open) = self.draft_of(location).filter(|_| spot.folder == Folder::Partial) {
                    open.invalidate();
                }
                if let Err(error) = marked {
                    self.note(&error);
                }
            }
        }
    }

    /// Marks or removes what lies under one key and is older than its purge.
    fn carry_out(&self, key: &str) {
        self.locations_of(xxh3_128(key.as_bytes())).into_iter().for_each(|location| {
            self.sweep_object(Spot::object(location));
            self.sweep_object(Spot::partial(location));
        });
    }

    /// A key's own place, and those of its variants.
    fn locations_of(&self, primary: u128) -> Vec<u128> {
        let list = self.disk.open_object(Spot::object(primary)).ok().and_then(|file| believe(&file, primary));
        let variants = list.filter(|found| found.block.kind == Kind::Variants);
        let variants = variants.and_then(|found| Variants::decode(&found.record));
        let listed = variants.iter().flat_map(Variants::locations);
        std::iter::once(primary).chain(listed).collect()
    }

    /// Writes the list anew. The earlier file stays until the new one is on the card.
    fn write_purges(&self, purges: &mut Purges) -> io::Result<()> {
        self.disk.replace_purges(purges.latest(), purges.encode().as_bytes())?;
        purges.unwritten = false;
        Ok(())
    }
}
