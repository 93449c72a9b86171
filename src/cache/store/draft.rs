//! Writing new objects. Each is made in the folder of unfinished files and put in its place, in one step, when it is
//! whole; whatever happens before that, the earlier object stays.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::disk::TempName;
use super::format::{
    CHUNK_LOG2, Entry, HEAD_AREA, HeadPlace, Identity, Kind, Layout, Marks, SLOT_A, SLOT_B, Superblock,
};
use super::index::Flags;
use super::open::{Bytes, Found, Opened, SMALL_BODY};
use super::record::HeadRecord;
use super::space::Reservation;
use super::variants::Variants;
use super::{Epoch, Store, lock};
use crate::base::Wall;

/// Room is taken in steps that grow with the file, from the least to the most: few books to keep, little to give back.
const LEAST_STEP: u64 = 256 << 10;
const MOST_STEP: u64 = 4 << 20;

/// What a new object is to be.
#[derive(Clone)]
pub(in crate::cache) struct Plan {
    pub(in crate::cache) location: u128,
    /// Where the list of variants is, for an answer with `Vary`.
    pub(in crate::cache) primary: u128,
    pub(in crate::cache) marks: Marks,
    pub(in crate::cache) received: Wall,
    /// In milliseconds.
    pub(in crate::cache) initial_age: u64,
    /// When the upstream was asked.
    pub(in crate::cache) epoch: Epoch,
    pub(in crate::cache) record: HeadRecord,
}

/// An object that is being written. Dropped before [`Draft::finish`], it was never there.
pub(in crate::cache) struct Draft {
    store: Arc<Store>,
    file: Arc<File>,
    temp: Option<TempName>,
    plan: Plan,
    block: Superblock,
    checksums: Vec<u64>,
    reserved: Reservation,
    /// File offset up to which room was taken.
    reserved_to: u64,
}

impl Store {
    /// Writes a small answer, whole and at once.
    pub(in crate::cache) fn put(self: &Arc<Store>, plan: Plan, body: &[u8]) -> io::Result<Opened> {
        let body_len = body.len() as u64;
        let head = plan.record.encode().ok_or(io::ErrorKind::InvalidInput)?;
        let Image { bytes, block, checksums } = Image::new(&plan, Kind::Answer, &head, body)?;
        let file = self.publish_image(plan.location, &bytes, plan.marks.pinned)?;
        self.list_variant(&plan)?;
        let bytes = if body_len <= SMALL_BODY {
            Bytes::Memory(body.into())
        } else {
            Bytes::File { file: Arc::new(file), layout: block.layout, checksums: checksums.into() }
        };
        Ok(opened(plan, &block, body_len, bytes))
    }

    /// Begins a larger answer, or one whose length is not known.
    pub(in crate::cache) fn begin(self: &Arc<Store>, plan: Plan, body_len: Option<u64>) -> io::Result<Draft> {
        let head = plan.record.encode().ok_or(io::ErrorKind::InvalidInput)?;
        let block = superblock(&plan, Kind::Answer, &head, body_len);
        let reserved = self.reserve(0)?;
        let (file, temp) = self.disk.create()?;
        let mut draft = Draft {
            store: Arc::clone(self),
            file: Arc::new(file),
            temp: Some(temp),
            plan,
            block,
            checksums: Vec::new(),
            reserved,
            reserved_to: 0,
        };
        draft.reserve_to(block.layout.place(0))?;
        self.disk.write_at(&draft.file, &head, block.head.offset)?;
        self.disk.write_at(&draft.file, &block.encode(draft.plan.location), SLOT_A)?;
        Ok(draft)
    }

    /// Writes a whole file and puts it in its place.
    fn publish_image(self: &Arc<Store>, location: u128, image: &[u8], pinned: bool) -> io::Result<File> {
        let _room = self.reserve(image.len() as u64)?;
        let (file, temp) = self.disk.create()?;
        let written = self.disk.write_at(&file, image, 0).and_then(|()| self.publish(&temp, location, &file, pinned));
        if written.is_err() {
            let _ = self.disk.discard(&temp);
        }
        written.map(|()| file)
    }

    fn publish(&self, temp: &TempName, location: u128, file: &File, pinned: bool) -> io::Result<()> {
        let guard = self.stripe(location);
        self.disk.publish(temp, location)?;
        drop(guard);
        lock(&self.disowned).some.remove(&location);
        self.wrote();
        // Blocks are given out late on some file systems: the length is the better guess while they are not.
        let length = file.metadata().map_or(0, |found| found.len());
        let flags = Flags::NONE.with(Flags::PINNED, pinned);
        self.enter(location, self.disk.bytes_of(file).unwrap_or(0).max(length), flags);
        Ok(())
    }

    /// Writes the list of variants anew, with this answer in it. Nothing to do for one without `Vary`.
    fn list_variant(self: &Arc<Store>, plan: &Plan) -> io::Result<()> {
        let Some(selection) = &plan.record.selection else { return Ok(()) };
        let _guard = lock(&self.lists);
        let mut variants = match self.find(plan.primary, &plan.record.key) {
            Found::Variants(variants) => *variants,
            Found::Nothing | Found::Answer(_) => Variants::new(plan.record.key.clone()),
        };
        let gone = variants.add(plan.location, selection.clone());
        let head = variants.encode();
        // A list that leads to something pinned must stay as well.
        let marks = Marks { pinned: plan.marks.pinned || self.is_pinned(plan.primary), ..Marks::default() };
        let list = Plan { location: plan.primary, marks, initial_age: 0, ..plan.clone() };
        let image = Image::new(&list, Kind::Variants, &head, b"")?;
        self.publish_image(plan.primary, &image.bytes, list.marks.pinned)?;
        gone.into_iter().for_each(|location| {
            self.remove(location);
        });
        Ok(())
    }
}

impl Draft {
    pub(in crate::cache) fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(in crate::cache) fn layout(&self) -> Layout {
        self.block.layout
    }

    pub(in crate::cache) fn identity(&self) -> Identity {
        self.block.identity(self.plan.location)
    }

    /// Writes body bytes.
    pub(in crate::cache) fn write(&mut self, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
        let layout = self.block.layout;
        while !bytes.is_empty() {
            let run = usize::try_from(layout.run(at)).unwrap_or(usize::MAX).min(bytes.len());
            let (here, rest) = bytes.split_at_checked(run).unwrap_or((bytes, &[]));
            let place = layout.place(at);
            self.reserve_to(place + here.len() as u64)?;
            self.store.disk.write_at(&self.file, here, place)?;
            (at, bytes) = (at + here.len() as u64, rest);
        }
        Ok(())
    }

    /// Enters the next chunk, all of whose bytes are written.
    pub(in crate::cache) fn chunk(&mut self, entry: Entry) -> io::Result<()> {
        let place = self.block.layout.entry(self.checksums.len() as u64);
        self.store.disk.write_at(&self.file, &entry.encode(), place)?;
        self.checksums.push(entry.checksum);
        Ok(())
    }

    /// Makes the object valid and puts it in its place.
    pub(in crate::cache) fn finish(mut self, body_len: u64, trailers: &[u8]) -> io::Result<Opened> {
        let store = Arc::clone(&self.store);
        self.block.body_len = Some(body_len);
        self.block.marks.complete = true;
        self.block.sequence += 1;
        if !trailers.is_empty() {
            self.plan.record.trailers = trailers.into();
            let head = self.plan.record.encode().ok_or(io::ErrorKind::InvalidInput)?;
            self.block.head = head_place(&self.block, self.plan.location, &head);
            self.reserve_to(self.block.head.end())?;
            store.disk.write_at(&self.file, &head, self.block.head.offset)?;
        }
        store.disk.write_at(&self.file, &self.block.encode(self.plan.location), SLOT_B)?;
        // Gives back what was taken beyond the end.
        self.file.set_len(self.block.end())?;
        if let Some(temp) = &self.temp {
            store.publish(temp, self.plan.location, &self.file, self.block.marks.pinned)?;
        }
        self.temp = None;
        store.list_variant(&self.plan)?;
        let checksums = std::mem::take(&mut self.checksums).into();
        let bytes = Bytes::File { file: Arc::clone(&self.file), layout: self.block.layout, checksums };
        Ok(opened(self.plan.clone(), &self.block, body_len, bytes))
    }

    fn reserve_to(&mut self, end: u64) -> io::Result<()> {
        while self.reserved_to < end {
            let step = self.reserved_to.clamp(LEAST_STEP, MOST_STEP);
            let step = match self.block.body_len {
                Some(_) => step.min(self.block.end().max(end) - self.reserved_to),
                None => step,
            };
            self.reserved.grow(step)?;
            self.store.disk.allocate(&self.file, self.reserved_to, step)?;
            self.reserved_to += step;
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(temp) = &self.temp {
            let _ = self.store.disk.discard(temp);
        }
    }
}

/// A whole file that is written once.
pub(super) struct Image {
    pub(super) bytes: Vec<u8>,
    block: Superblock,
    checksums: Vec<u64>,
}

impl Image {
    pub(super) fn new(plan: &Plan, kind: Kind, head: &[u8], body: &[u8]) -> io::Result<Image> {
        let mut block = superblock(plan, kind, head, Some(body.len() as u64));
        block.marks.complete = true;
        let (identity, layout) = (block.identity(plan.location), block.layout);
        let mut bytes = vec![0; usize::try_from(block.end()).map_err(io::Error::other)?];
        put_at(&mut bytes, SLOT_A, &block.encode(plan.location));
        put_at(&mut bytes, block.head.offset, head);
        put_at(&mut bytes, layout.place(0), body);
        let mut checksums = Vec::new();
        for (chunk, part) in (0..).zip(body.chunks(1 << CHUNK_LOG2)) {
            let entry = Entry::of(identity, chunk, part);
            put_at(&mut bytes, layout.entry(chunk), &entry.encode());
            checksums.push(entry.checksum);
        }
        Ok(Image { bytes, block, checksums })
    }
}

impl Entry {
    fn of(identity: Identity, chunk: u64, bytes: &[u8]) -> Entry {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Entry { checksum: identity.checksum(chunk, bytes), len }
    }
}

/// The first superblock of an object, its head record right behind the superblocks.
fn superblock(plan: &Plan, kind: Kind, head: &[u8], body_len: Option<u64>) -> Superblock {
    let generation = super::new_generation();
    let identity = Identity { location: plan.location, generation };
    let len = u32::try_from(head.len()).unwrap_or(u32::MAX);
    Superblock {
        kind,
        sequence: 1,
        generation,
        marks: plan.marks,
        head: HeadPlace { offset: HEAD_AREA, len, checksum: identity.head_checksum(head) },
        layout: Layout::new(len, body_len),
        body_len,
        received: plan.received,
        initial_age: plan.initial_age,
        epoch: plan.epoch.number(),
    }
}

/// Where a new head record of an object goes.
pub(super) fn head_place(block: &Superblock, location: u128, head: &[u8]) -> HeadPlace {
    let len = u32::try_from(head.len()).unwrap_or(u32::MAX);
    let checksum = block.identity(location).head_checksum(head);
    HeadPlace { offset: block.room_for_head(len), len, checksum }
}

fn put_at(image: &mut [u8], offset: u64, bytes: &[u8]) {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    if let Some(place) = image.get_mut(start..).and_then(|from| from.get_mut(..bytes.len())) {
        place.copy_from_slice(bytes);
    }
}

fn opened(plan: Plan, block: &Superblock, body_len: u64, bytes: Bytes) -> Opened {
    Opened {
        identity: block.identity(plan.location),
        marks: block.marks,
        received: plan.received,
        initial_age: plan.initial_age,
        record: plan.record,
        body_len,
        bytes,
    }
}
