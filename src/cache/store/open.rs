//! Reading an object: nothing in a file is believed before it is checked, and any bytes at all may be in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::Store;
use super::disk::Spot;
use super::format::{Entry, HEAD_AREA, HeadPlace, Identity, Kind, Layout, Marks, SLOT_LEN, Superblock};
use super::partial::Partial;
use super::record::HeadRecord;
use super::variants::Variants;
use crate::base::Wall;

/// Bodies up to this length are read, checked and kept in RAM when an object is opened.
pub(in crate::cache) const SMALL_BODY: u64 = 32 << 10;
/// The first read of a file: both superblocks, and nearly always the whole head.
const FIRST_READ: usize = 4 << 10;
/// Chunks that are checked for being there when an object is opened; their checksums are then in RAM. A body of more
/// than 64 GB is not kept.
pub(super) const MOST_CHUNKS: u64 = 1 << 18;

/// What is at a location.
pub(in crate::cache) enum Found {
    Nothing,
    Variants(Box<Variants>),
    /// A complete one.
    Answer(Box<Opened>),
    /// Some bytes of one.
    Partial(Box<Partial>),
}

/// A complete answer.
pub(in crate::cache) struct Opened {
    pub(in crate::cache) identity: Identity,
    pub(in crate::cache) marks: Marks,
    pub(in crate::cache) received: Wall,
    /// In milliseconds.
    pub(in crate::cache) initial_age: u64,
    /// The purge number at which its upstream was asked, and the one up to which it was compared with purges.
    pub(in crate::cache) epoch: u32,
    pub(in crate::cache) judged: u32,
    pub(in crate::cache) record: HeadRecord,
    pub(in crate::cache) body_len: u64,
    pub(in crate::cache) bytes: Bytes,
}

/// Where the body of a complete answer is.
pub(in crate::cache) enum Bytes {
    /// Checked.
    Memory(Box<[u8]>),
    /// To be checked chunk by chunk against these checksums.
    File { file: Arc<File>, layout: Layout, checksums: Box<[u64]> },
}

/// A file that is open, with what of it was believed.
pub(super) struct Believed {
    pub(super) block: Superblock,
    pub(super) record: Vec<u8>,
    /// The slot that was not believed: the next change goes there.
    pub(super) other_slot: u64,
}

/// Why a file gives no answer.
pub(super) enum Unsound {
    /// It is not what was written.
    Damaged,
    /// Parts of it are.
    Incomplete(Identity),
    /// Another key's: two keys with one hash.
    OtherKey,
}

impl Store {
    /// What is kept at a location for a key. What is damaged is removed and counts as absent; a complete object with
    /// holes becomes a partial one.
    pub(in crate::cache) fn find(self: &Arc<Store>, location: u128, key: &[u8]) -> Found {
        if self.is_disowned(location) {
            return Found::Nothing;
        }
        if let Ok(file) = self.disk.open_object(Spot::object(location)) {
            match read(file, location, key) {
                Ok(Found::Answer(opened)) => {
                    let purged = opened.identity;
                    match self.judged(*opened) {
                        Some(opened) => return Found::Answer(Box::new(opened)),
                        None => self.remove_stored(purged),
                    }
                }
                Ok(found) => return found,
                Err((_, Unsound::OtherKey)) => return Found::Nothing,
                Err((file, Unsound::Damaged)) => self.remove_damaged(location, &file),
                Err((_, Unsound::Incomplete(identity))) => self.demote_holed(identity),
            }
        }
        self.find_unfinished(location, key)
    }
}

/// Reads one chunk and checks it.
pub(in crate::cache) fn read_chunk(
    file: &File,
    identity: Identity,
    chunk: u64,
    place: u64,
    len: usize,
    checksum: u64,
) -> Option<Vec<u8>> {
    let bytes = read_exactly(file, place, len).ok()?;
    (identity.checksum(chunk, 0, &bytes) == checksum).then_some(bytes)
}

/// The newest superblock whose head record holds, and that record.
pub(super) fn believe(file: &File, location: u128) -> Option<Believed> {
    let first = read_up_to(file, 0, FIRST_READ).ok()?;
    let slot = |start: usize| Superblock::decode(first.get(start..start.checked_add(SLOT_LEN)?)?, location);
    let (a, b) = (slot(0), slot(SLOT_LEN));
    let newer_b = b.map(|block| block.sequence) > a.map(|block| block.sequence);
    let slots = [(a, super::format::SLOT_B), (b, super::format::SLOT_A)];
    let [older, newer] = if newer_b { slots } else { [slots[1], slots[0]] };
    [newer, older].into_iter().find_map(|(block, other_slot)| {
        let block = block?;
        let record = head_bytes(file, &first, &block.head)?;
        let identity = Identity { location, generation: block.generation };
        let holds = identity.head_checksum(&record) == block.head.checksum;
        holds.then_some(Believed { block, record, other_slot })
    })
}

pub(super) fn read(file: File, location: u128, key: &[u8]) -> Result<Found, (File, Unsound)> {
    let Some(believed) = believe(&file, location) else { return Err((file, Unsound::Damaged)) };
    match believed.block.kind {
        Kind::Variants => match Variants::decode(&believed.record) {
            Some(variants) if &*variants.key == key => Ok(Found::Variants(Box::new(variants))),
            Some(_) => Err((file, Unsound::OtherKey)),
            None => Err((file, Unsound::Damaged)),
        },
        Kind::Answer => match HeadRecord::decode(&believed.record) {
            Some(record) if &*record.key == key => answer(file, location, &believed.block, record),
            Some(_) => Err((file, Unsound::OtherKey)),
            None => Err((file, Unsound::Damaged)),
        },
    }
}

fn answer(file: File, location: u128, block: &Superblock, record: HeadRecord) -> Result<Found, (File, Unsound)> {
    let identity = block.identity(location);
    let Some(body_len) = block.body_len.filter(|_| block.marks.complete) else {
        return Err((file, Unsound::Incomplete(identity)));
    };
    let Some(checksums) = checksums(&file, &block.layout, body_len) else {
        return Err((file, Unsound::Incomplete(identity)));
    };
    let bytes = if body_len <= SMALL_BODY {
        match small_body(&file, identity, &block.layout, body_len, &checksums) {
            Some(body) => Bytes::Memory(body.into()),
            None => return Err((file, Unsound::Damaged)),
        }
    } else {
        Bytes::File { file: Arc::new(file), layout: block.layout, checksums }
    };
    Ok(Found::Answer(Box::new(Opened {
        identity,
        marks: block.marks,
        received: block.received,
        initial_age: block.initial_age,
        epoch: block.epoch,
        judged: block.epoch,
        record,
        body_len,
        bytes,
    })))
}

/// All checksums of a body; `None` where a chunk is absent, or not all of it is there.
fn checksums(file: &File, layout: &Layout, body_len: u64) -> Option<Box<[u64]>> {
    let entries = entries(file, layout, Some(body_len))?;
    whole(&entries, layout, body_len)
}

/// The checksums of a body whose chunks are all there.
pub(super) fn whole(entries: &BTreeMap<u64, Entry>, layout: &Layout, body_len: u64) -> Option<Box<[u64]>> {
    let chunks = layout.chunks(body_len);
    let expected = (0..chunks).map(|chunk| (chunk, layout.len_of(chunk, body_len)));
    let is_whole = |((at, entry), (chunk, len)): ((&u64, &Entry), (u64, u64))| *at == chunk && entry.is_whole(len);
    let complete = entries.len() as u64 >= chunks && entries.iter().zip(expected).all(is_whole);
    complete.then(|| entries.range(..chunks).map(|(_, entry)| entry.checksum).collect())
}

/// What the tables say is there; `None` for a body that is too long. Tables behind the end of the file say nothing.
pub(super) fn entries(file: &File, layout: &Layout, body_len: Option<u64>) -> Option<BTreeMap<u64, Entry>> {
    let chunks = body_len.map_or(MOST_CHUNKS, |len| layout.chunks(len));
    if chunks > MOST_CHUNKS {
        return None;
    }
    let file_len = file.metadata().ok()?.len();
    let mut entries = BTreeMap::new();
    let mut chunk = 0;
    while chunk < chunks && layout.entry(chunk) < file_len {
        let in_table = layout.chunks_of_table(chunk).min(chunks - chunk);
        let len = usize::try_from(in_table).ok()?.checked_mul(Entry::LEN)?;
        let table = read_up_to(file, layout.entry(chunk), len).ok()?;
        for (index, bytes) in (chunk..).zip(table.chunks_exact(Entry::LEN)) {
            let most = layout.len_of(index, body_len.unwrap_or(u64::MAX));
            entries.extend(Entry::decode(bytes).filter(|entry| entry.end() <= most).map(|entry| (index, entry)));
        }
        chunk += in_table;
    }
    Some(entries)
}

/// A body of a few chunks, at most.
fn small_body(file: &File, identity: Identity, layout: &Layout, body_len: u64, checksums: &[u64]) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity(usize::try_from(body_len).ok()?);
    for (chunk, checksum) in (0..).zip(checksums) {
        let len = usize::try_from(layout.len_of(chunk, body_len)).ok()?;
        let place = layout.place(chunk * layout.chunk_len());
        body.extend_from_slice(&read_chunk(file, identity, chunk, place, len, *checksum)?);
    }
    Some(body)
}

fn head_bytes(file: &File, first: &[u8], place: &HeadPlace) -> Option<Vec<u8>> {
    if place.offset < HEAD_AREA {
        return None;
    }
    let (start, len) = (usize::try_from(place.offset).ok()?, usize::try_from(place.len).ok()?);
    match first.get(start..).and_then(|from| from.get(..len)) {
        Some(bytes) => Some(bytes.to_vec()),
        None => read_exactly(file, place.offset, len).ok(),
    }
}

pub(super) fn read_exactly(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let bytes = read_up_to(file, offset, len)?;
    if bytes.len() == len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn read_up_to(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
