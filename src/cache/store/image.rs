//! Small objects, each written at once: an answer that was there as a whole before the first byte went to the card, and the
//! list of a key's variants. A file is made in the folder of unfinished ones and put in its place in one step.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::disk::{Spot, TempName};
use super::draft::{Plan, opened, superblock};
use super::format::{Entry, Identity, Kind, Marks, SLOT_A, Superblock};
use super::open::{Bytes, Found, Opened, SMALL_BODY};
use super::variants::Variants;
use super::{Store, lock};
use crate::cache::vary::Selection;

/// A whole file that is written once.
pub(super) struct Image {
    pub(super) bytes: Vec<u8>,
    block: Superblock,
    checksums: Vec<u64>,
}

impl Store {
    /// Writes a small answer, whole and at once.
    pub(in crate::cache) fn put(self: &Arc<Store>, plan: Plan, body: &[u8]) -> io::Result<Opened> {
        let body_len = body.len() as u64;
        let head = plan.record.encode().ok_or(io::ErrorKind::InvalidInput)?;
        let Image { bytes, block, checksums } = Image::new(&plan, Kind::Answer, &head, body, self.chunk_log2)?;
        let file = self.publish_image(plan.location, &bytes, plan.marks.pinned)?;
        self.list_variant(&plan)?;
        let bytes = if body_len <= SMALL_BODY {
            Bytes::Memory(body.into())
        } else {
            Bytes::File { file: Arc::new(file), layout: block.layout, checksums: checksums.into() }
        };
        Ok(self.not_purged(opened(plan, &block, body_len, bytes)))
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
        let spot = Spot::object(location);
        let guard = self.stripe(location);
        self.sync_before_replacing(spot, file)?;
        self.disk.publish(temp, spot)?;
        drop(guard);
        self.published(location, file, pinned);
        Ok(())
    }

    /// Where an object takes the place of another, a power cut must not cost both.
    pub(super) fn sync_before_replacing(&self, spot: Spot, file: &File) -> io::Result<()> {
        match self.disk.open_object(spot) {
            Ok(_) => self.disk.sync_file(file),
            Err(_) => Ok(()),
        }
    }

    /// Keeps the books of a complete object that was just put in its place.
    pub(super) fn published(&self, location: u128, file: &File, pinned: bool) {
        lock(&self.disowned).some.remove(&location);
        self.wrote();
        self.enter(Spot::object(location), self.taken_by(file), Marks { pinned, ..Marks::default() }.flags());
    }

    /// Blocks are given out late on some file systems: the length is the better guess while they are not.
    fn taken_by(&self, file: &File) -> u64 {
        let length = file.metadata().map_or(0, |found| found.len());
        self.disk.bytes_of(file).unwrap_or(0).max(length)
    }

    /// Puts this answer first in the list of variants. Nothing to do for one without `Vary`.
    pub(super) fn list_variant(self: &Arc<Store>, plan: &Plan) -> io::Result<()> {
        self.list(plan, |variants, selection| variants.is_first(plan.location, selection))
    }

    /// Makes sure that an answer on its way is found in the list of variants.
    pub(super) fn list_partial_variant(self: &Arc<Store>, plan: &Plan) -> io::Result<()> {
        self.list(plan, |variants, _| variants.has(plan.location))
    }

    /// Writes the list anew, with this answer in front, where it does not do as it is.
    fn list(self: &Arc<Store>, plan: &Plan, does: impl FnOnce(&Variants, &Selection) -> bool) -> io::Result<()> {
        let Some(selection) = &plan.record.selection else { return Ok(()) };
        let _guard = lock(&self.lists);
        let mut variants = match self.find(plan.primary, &plan.record.key) {
            Found::Variants(variants) if does(&variants, selection) => return Ok(()),
            Found::Variants(variants) => *variants,
            Found::Nothing | Found::Answer(_) | Found::Partial(_) => Variants::new(plan.record.key.clone()),
        };
        let gone = variants.add(plan.location, selection.clone());
        let head = variants.encode();
        // A list that leads to something pinned must stay as well.
        let marks = Marks { pinned: plan.marks.pinned || self.is_pinned(plan.primary), ..Marks::default() };
        let list = Plan { location: plan.primary, marks, initial_age: 0, ..plan.clone() };
        let image = Image::new(&list, Kind::Variants, &head, b"", self.chunk_log2)?;
        self.publish_image(plan.primary, &image.bytes, list.marks.pinned)?;
        gone.into_iter().for_each(|location| {
            self.remove_all(location);
        });
        Ok(())
    }
}

impl Image {
    pub(super) fn new(plan: &Plan, kind: Kind, head: &[u8], body: &[u8], chunk_log2: u8) -> io::Result<Image> {
        let mut block = superblock(plan, kind, head, Some(body.len() as u64), chunk_log2);
        block.marks.complete = true;
        let (identity, layout) = (block.identity(plan.location), block.layout);
        let mut bytes = vec![0; usize::try_from(block.end()).map_err(io::Error::other)?];
        put_at(&mut bytes, SLOT_A, &block.encode(plan.location));
        put_at(&mut bytes, block.head.offset, head);
        put_at(&mut bytes, layout.place(0), body);
        let mut checksums = Vec::new();
        for (chunk, part) in (0..).zip(body.chunks(1 << chunk_log2)) {
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
        Entry { checksum: identity.checksum(chunk, 0, bytes), start: 0, len }
    }
}

fn put_at(image: &mut [u8], offset: u64, bytes: &[u8]) {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    if let Some(place) = image.get_mut(start..).and_then(|from| from.get_mut(..bytes.len())) {
        place.copy_from_slice(bytes);
    }
}
