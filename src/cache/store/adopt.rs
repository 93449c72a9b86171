//! Taking in what another board kept. Whoever imports puts a verified file into the folder `import`; here its head is
//! looked at once more, and it goes to its place like any answer that came over the link.

use std::io;
use std::sync::Arc;

use super::carry::{Tag, is_what_it_says, is_whole};
use super::disk::Spot;
use super::draft::Plan;
use super::format::{Marks, Superblock};
use super::open::{Believed, believe};
use super::record::HeadRecord;
use super::{Epoch, Store};

/// What became of a file that was to be adopted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Adopted {
    Taken,
    /// What is here is the same, or newer, or more.
    AlreadyHere,
    /// It is not what its name says.
    Unsound,
}

impl Store {
    /// Room for a file that is about to be written into the folder of imports.
    pub(in crate::cache) fn room_for(&self, bytes: u64) -> io::Result<()> {
        self.make_room(bytes)
    }

    pub(in crate::cache) fn adopt(self: &Arc<Store>, tag: Tag) -> io::Result<Adopted> {
        let name = tag.to_string();
        let file = self.disk.open_import(&name)?;
        let Some(found) = is_what_it_says(&file, tag) else { return self.turn_away(&name, Adopted::Unsound) };
        let complete = found.block.marks.complete;
        let Some(record) = HeadRecord::decode(&found.record).filter(|_| !complete || is_whole(&file, &found.block))
        else {
            return self.turn_away(&name, Adopted::Unsound);
        };
        let location = tag.0.location;
        let _room = self.reserve(self.disk.bytes_of(&file)?)?;
        let block = Superblock {
            // It came now, whatever was purged before.
            epoch: self.purge_number(),
            sequence: found.block.sequence.saturating_add(1),
            marks: Marks { pinned: false, ..found.block.marks },
            ..found.block
        };
        self.disk.write_at(&file, &block.encode(location), found.other_slot)?;
        let spot = if complete { Spot::object(location) } else { Spot::partial(location) };
        let guard = self.stripe(location);
        if self.has_as_good(location, &found) {
            drop(guard);
            return self.turn_away(&name, Adopted::AlreadyHere);
        }
        self.sync_before_replacing(spot, &file)?;
        self.disk.take_import(&name, spot)?;
        if complete {
            // What is there of it in part has nothing more to say.
            self.remove_guarded(Spot::partial(location));
        }
        drop(guard);
        match complete {
            true => self.published(location, &file, false),
            false => self.enter(spot, self.disk.bytes_of(&file)?, block.marks.flags()),
        }
        let plan = Plan {
            location,
            primary: record.primary(location),
            marks: block.marks,
            received: block.received,
            initial_age: block.initial_age,
            epoch: Epoch::of(block.epoch),
            record,
        };
        match complete {
            true => self.list_variant(&plan)?,
            false => self.list_partial_variant(&plan)?,
        }
        Ok(Adopted::Taken)
    }

    fn turn_away(&self, name: &str, why: Adopted) -> io::Result<Adopted> {
        self.disk.drop_import(name)?;
        Ok(why)
    }

    /// For the holder of the stripe.
    fn has_as_good(&self, location: u128, new: &Believed) -> bool {
        let there = |spot| self.disk.open_object(spot).ok().and_then(|file| believe(&file, location));
        let (whole, part) = (there(Spot::object(location)), there(Spot::partial(location)));
        let newer = |old: &Believed| old.block.received >= new.block.received && !old.block.marks.invalidated;
        let same = |old: &Believed| old.block.generation == new.block.generation;
        // What is being fetched just now is newer than anything that came on a stick.
        let fetched = self.draft_of(location).is_some();
        match new.block.marks.complete {
            true => whole.is_some_and(|old| same(&old) || newer(&old)) || fetched,
            false => whole.is_some() || part.is_some() || fetched,
        }
    }
}
