//! How an object is kept, format 1.
//!
//! One file holds one object: a stored answer, or the list of the variants of a key. It has a head and, for an answer, a
//! body in chunks; of each chunk one run of bytes is present, with a checksum, or nothing. All numbers are little-endian.
//!
//! ```text
//! 0      superblock A            512 bytes
//! 512    superblock B            512 bytes
//! 1024   head record             as long as it is; a superblock says where
//!        table of group 0        16 bytes for each chunk, directly before the first chunk
//! body   chunks of group 0       up to 256
//!        table of group 1        4096 bytes
//!        chunks of group 1       up to 256
//!        …
//! ```
//!
//! **A superblock** says everything about the object but its head and bytes: where those are, how long, when they came.
//! There are two, so that a change never touches the valid one: it is written into the other slot with the next
//! sequence number. The one with the highest number whose own checksum holds, and whose head record matches the checksum
//! it names, is believed. A torn or lost write of either leaves the earlier state.
//!
//! **The head record** holds the key's text, the selecting values (`Vary`), the status, the stored fields and the
//! trailers. A new one (a 304 changes fields) is written to space that the believed one does not use: between the
//! superblocks and the first table, or behind a body whose length is known; then the superblock changes. Two changes
//! follow each other only with a sync between them: the second overwrites what the first would fall back to.
//!
//! **The body** is cut into chunks of one size, a power of two, the last one shorter. 256 chunks form a group, led by
//! the group's table. Where the number of chunks is known when the file is begun, the first table has just that many
//! entries, so that a small object is one short file, written once; where it is not known, or there are more, it has 256.
//! A body of more than 64 KB starts at a multiple of 4096, and so does every group; a smaller one at a multiple of 16. The
//! place of each byte follows from the superblock by arithmetic. What is absent is a hole in the file, where the file
//! system can have holes.
//!
//! **A table entry** says which bytes of its chunk are there: one run, from `start` on, `length` bytes.
//!
//! ```text
//! u64  checksum of the run
//! u32  length; never 0
//! u32  0x70726573 xor start, which is less than 2^24; with any other value here nothing is there
//! ```
//!
//! No entry lies across two sectors, so that none is torn. One that says more than the one before it is written when the
//! bytes it speaks of are synced: a power cut must not cost what was safe already.
//!
//! **A checksum** of a run is the XXH3-64 of its bytes, seeded with the XXH3-64 of the object's location, its generation,
//! the chunk's number and, where that is not 0, `start`: a block of another object, of another answer for the same key, or
//! of another place in it never passes. The generation is a random number drawn for each new representation; a 304 keeps
//! it. Nothing is synced to make an object valid: what was lost, torn or rotten does not match and counts as absent.
//!
//! **Where**: below the cache folder, `xxy…` being the 32 hexadecimal digits of the location: the hash of the key, or of
//! the key and the selecting names and values for an answer with `Vary`, when the file of the key itself is the list of
//! variants.
//!
//! - `objects/xx/y…`: complete answers, and lists of variants. A file here that says of itself that it is not complete, or
//!   whose tables have holes, has lost something and goes to `partial/`.
//! - `partial/xx/y…`: answers that are not all there and can be completed, in files of the same kind. What can be resumed
//!   lies here from its first byte and is renamed into `objects/` as its last step; one that is all there but for that step
//!   takes it when it is next looked for. Beside a complete object there may be a partial one: a newer answer on its way.
//! - `unfinished/N`: what the process that holds the lock is writing and could not resume. Nothing here is ever read, and
//!   all of it is removed when the folder is next opened.
//! - `purges-…`: what was purged and is not marked yet (see `purge`). `import`: where an importer puts what is to be
//!   adopted.
//! - `format`: the number of the format. A folder of another format is left alone and nothing is kept in it.

use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_64_with_seed};

use crate::base::Wall;

/// The contents of the file `format`.
pub(in crate::cache) const FORMAT: &str = "hafir cache 1\n";

const MAGIC: [u8; 8] = *b"hafirobj";
const VERSION: u16 = 1;

/// One disk sector: written whole or not at all by nearly all devices.
pub(super) const SLOT_LEN: usize = 512;
pub(super) const SLOT_A: u64 = 0;
pub(super) const SLOT_B: u64 = SLOT_A + SLOT_LEN as u64;
/// Where head records may begin.
pub(super) const HEAD_AREA: u64 = SLOT_B + SLOT_LEN as u64;

/// Small enough that a lost chunk costs the link little, large enough that a table of a film is short.
pub(in crate::cache) const CHUNK_LOG2: u8 = 18;
const CHUNK_LOG2_LEAST: u8 = 12;
const CHUNK_LOG2_MOST: u8 = 24;
/// Chunks in a group.
const GROUP: u64 = 256;
const ENTRY_LEN: u64 = 16;
/// The table of every group but the first.
const TABLE_LEN: u64 = GROUP * ENTRY_LEN;
/// Larger bodies begin at a multiple of [`PAGE`], and leave room for two head records, each so much longer than the
/// first: a head is renewed in front of the body, whose length may not be known yet.
const ALIGNED_FROM: u64 = 64 << 10;
const SPARE_HEAD: u64 = 128;
const PAGE: u64 = 4096;

/// Bounds for what a file may claim; they keep all arithmetic below far from overflowing.
const MOST_BODY: u64 = 1 << 46;
const MOST_OFFSET: u64 = 1 << 47;
/// Key, selecting values, fields and trailers: each is bounded where it comes from, all of them here.
pub(super) const MOST_HEAD: u32 = 1 << 18;

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Answer,
    /// The list of a key's variants; its head record is a [`super::variants::Variants`].
    Variants,
}

/// Marks of an object, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(in crate::cache) struct Marks {
    /// All chunks were written.
    pub(in crate::cache) complete: bool,
    /// To be validated before its next use (RFC 9111 §4.4), or purged softly.
    pub(in crate::cache) invalidated: bool,
    /// The wall clock was believed when it came.
    pub(in crate::cache) sure: bool,
    /// The request that brought it had a `Cookie`.
    pub(in crate::cache) personal: bool,
    /// Never leaves to make room for others.
    pub(in crate::cache) pinned: bool,
}

/// A head record's place and checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct HeadPlace {
    pub(super) offset: u64,
    pub(super) len: u32,
    pub(super) checksum: u64,
}

/// Where the body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cache) struct Layout {
    /// The file offset of the first body byte.
    body: u64,
    chunk_log2: u8,
    /// Entries in the table of the first group.
    first_table: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Superblock {
    pub(super) kind: Kind,
    pub(super) sequence: u64,
    pub(super) generation: u64,
    pub(super) marks: Marks,
    pub(super) head: HeadPlace,
    pub(super) layout: Layout,
    /// `None` while it is not known.
    pub(super) body_len: Option<u64>,
    /// When the answer came (RFC 9111 §4.2.3 `response_time`).
    pub(super) received: Wall,
    /// In milliseconds.
    pub(super) initial_age: u64,
    /// The store's purge number when it was asked for: later purges are for it, earlier ones are not. No clock is
    /// needed to tell.
    pub(super) epoch: u32,
}

/// What a chunk table says of one chunk: these bytes of it are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cache) struct Entry {
    pub(in crate::cache) checksum: u64,
    /// The first byte, from the beginning of the chunk.
    pub(in crate::cache) start: u32,
    pub(in crate::cache) len: u32,
}

/// An object's identity, which all its checksums are bound to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cache) struct Identity {
    pub(in crate::cache) location: u128,
    pub(in crate::cache) generation: u64,
}

impl Superblock {
    pub(super) fn encode(&self, location: u128) -> [u8; SLOT_LEN] {
        let mut slot = [0; SLOT_LEN];
        let mut out = Put { rest: &mut slot };
        out.bytes(&MAGIC);
        out.u16(VERSION);
        out.u16(self.marks.bits());
        out.bytes(&[self.kind.number(), self.layout.chunk_log2]);
        out.u16(self.layout.first_table);
        out.bytes(&location.to_le_bytes());
        out.u64(self.sequence);
        out.u64(self.generation);
        out.u64(self.head.offset);
        out.u64(self.head.checksum);
        out.bytes(&self.head.len.to_le_bytes());
        out.bytes(&self.epoch.to_le_bytes());
        out.u64(self.layout.body);
        out.u64(self.body_len.unwrap_or(u64::MAX));
        out.u64(self.received.as_millis().cast_unsigned());
        out.u64(self.initial_age);
        seal(slot)
    }

    /// `None` for everything that this format would not have written at this place.
    pub(super) fn decode(slot: &[u8], location: u128) -> Option<Superblock> {
        let mut from = Take { rest: unseal(slot)? };
        if from.bytes(8)? != MAGIC || from.u16()? != VERSION {
            return None;
        }
        let marks = Marks::from_bits(from.u16()?)?;
        let (kind, chunk_log2) = (Kind::from_number(from.u8()?)?, from.u8()?);
        let first_table = from.u16()?;
        if from.bytes(16)? != location.to_le_bytes() {
            return None;
        }
        let (sequence, generation) = (from.u64()?, from.u64()?);
        let (offset, checksum, len) = (from.u64()?, from.u64()?, from.u32()?);
        let epoch = from.u32()?;
        let layout = Layout { body: from.u64()?, chunk_log2, first_table };
        let body_len = Some(from.u64()?).filter(|len| *len != u64::MAX);
        let received = Wall::from_millis(from.u64()?.cast_signed());
        let initial_age = from.u64()?;
        let head = HeadPlace { offset, len, checksum };
        let block =
            Superblock { kind, sequence, generation, marks, head, layout, body_len, received, initial_age, epoch };
        block.is_sound().then_some(block)
    }

    pub(super) fn identity(&self, location: u128) -> Identity {
        Identity { location, generation: self.generation }
    }

    /// Behind everything that this superblock speaks of.
    pub(super) fn end(&self) -> u64 {
        self.head.end().max(self.layout.end(self.body_len.unwrap_or(0)))
    }

    /// Where a new head record of this length goes without touching the present one or the body. `None`: there is no room
    /// in front of a body whose end is not known.
    pub(super) fn room_for_head(&self, len: u32) -> Option<u64> {
        let len = u64::from(len);
        let free = |start: u64, limit: u64| {
            let end = start + len;
            (end <= limit && (end <= self.head.offset || start >= self.head.end())).then_some(start)
        };
        let before = self.layout.start();
        free(HEAD_AREA, before).or_else(|| free(sector_up(self.head.end()), before)).or_else(|| {
            let behind = sector_up(self.layout.end(self.body_len?));
            free(behind, u64::MAX).or_else(|| Some(sector_up(self.head.end().max(behind))))
        })
    }

    /// In this order: the arithmetic of each line relies on the bounds above it.
    fn is_sound(&self) -> bool {
        let layout = &self.layout;
        let table = u64::from(layout.first_table);
        (CHUNK_LOG2_LEAST..=CHUNK_LOG2_MOST).contains(&layout.chunk_log2)
            && table <= GROUP
            && self.body_len.is_none_or(|len| len <= MOST_BODY)
            && (HEAD_AREA + table * ENTRY_LEN..=MOST_OFFSET).contains(&layout.body)
            && (HEAD_AREA..=MOST_OFFSET).contains(&self.head.offset)
            && self.head.len <= MOST_HEAD
            && match self.body_len {
                Some(len) => layout.chunks(len).min(GROUP) <= table,
                None => table == GROUP,
            }
    }
}

impl HeadPlace {
    pub(super) fn end(&self) -> u64 {
        self.offset + u64::from(self.len)
    }
}

impl Layout {
    /// For a body of this length (`None`: unknown) behind a head record of this length.
    pub(in crate::cache) fn new(head_len: u32, body_len: Option<u64>, chunk_log2: u8) -> Layout {
        let chunks = body_len.map_or(GROUP, |len| len.div_ceil(1 << chunk_log2).min(GROUP));
        let (head, table) = (u64::from(head_len), chunks * ENTRY_LEN);
        let large = body_len.is_none_or(|len| len > ALIGNED_FROM);
        let body = match large {
            true => (HEAD_AREA + 2 * sector_up(head + SPARE_HEAD) + table).next_multiple_of(PAGE),
            // No entry lies across two sectors, so that none is ever torn.
            false => (HEAD_AREA + head + table).next_multiple_of(ENTRY_LEN),
        };
        Layout { body, chunk_log2, first_table: u16::try_from(chunks).unwrap_or(u16::MAX) }
    }

    pub(in crate::cache) fn chunk_len(&self) -> u64 {
        1 << self.chunk_log2
    }

    pub(in crate::cache) fn chunks(&self, body_len: u64) -> u64 {
        body_len.div_ceil(self.chunk_len())
    }

    pub(in crate::cache) fn chunk_of(&self, at: u64) -> u64 {
        at >> self.chunk_log2
    }

    /// How long this chunk of a body of this length is.
    pub(in crate::cache) fn len_of(&self, chunk: u64, body_len: u64) -> u64 {
        body_len.saturating_sub(chunk << self.chunk_log2).min(self.chunk_len())
    }

    /// Where a body byte is in the file.
    pub(in crate::cache) fn place(&self, at: u64) -> u64 {
        self.body + at + self.group_of(at) * TABLE_LEN
    }

    /// Body bytes from here that lie one after the other in the file.
    pub(in crate::cache) fn run(&self, at: u64) -> u64 {
        self.group_len() - (at & (self.group_len() - 1))
    }

    /// Where the table entry of a chunk is in the file.
    pub(in crate::cache) fn entry(&self, chunk: u64) -> u64 {
        let (group, index) = (chunk / GROUP, chunk % GROUP);
        let first = self.place(group * self.group_len());
        let table = if group == 0 { u64::from(self.first_table) * ENTRY_LEN } else { TABLE_LEN };
        first - table + index * ENTRY_LEN
    }

    /// Chunks from this one on whose entries follow each other in one table.
    pub(in crate::cache) fn chunks_of_table(&self, chunk: u64) -> u64 {
        GROUP - chunk % GROUP
    }

    /// Where the first table begins: head records in front of the body end here.
    fn start(&self) -> u64 {
        self.body.saturating_sub(u64::from(self.first_table) * ENTRY_LEN)
    }

    /// Where a body of this length ends in the file.
    pub(in crate::cache) fn end(&self, body_len: u64) -> u64 {
        match body_len.checked_sub(1) {
            Some(last) => self.place(last) + 1,
            None => self.body,
        }
    }

    fn group_len(&self) -> u64 {
        GROUP << self.chunk_log2
    }

    fn group_of(&self, at: u64) -> u64 {
        at / self.group_len()
    }
}

impl Entry {
    pub(in crate::cache) const LEN: usize = ENTRY_LEN as usize;
    const PRESENT: u32 = 0x7072_6573;
    /// No chunk has so many bytes.
    const START_END: u32 = 1 << CHUNK_LOG2_MOST;

    pub(in crate::cache) fn encode(&self) -> [u8; Entry::LEN] {
        let mut bytes = [0; Entry::LEN];
        let mut out = Put { rest: &mut bytes };
        out.u64(self.checksum);
        out.bytes(&self.len.to_le_bytes());
        out.bytes(&(Entry::PRESENT ^ self.start).to_le_bytes());
        bytes
    }

    /// `None`: the chunk is absent.
    pub(in crate::cache) fn decode(bytes: &[u8]) -> Option<Entry> {
        let mut from = Take { rest: bytes };
        let (checksum, len, start) = (from.u64()?, from.u32()?, from.u32()? ^ Entry::PRESENT);
        (start < Entry::START_END && len > 0).then_some(Entry { checksum, start, len })
    }

    /// Behind the last byte, from the beginning of the chunk.
    pub(in crate::cache) fn end(&self) -> u64 {
        u64::from(self.start) + u64::from(self.len)
    }

    /// Whether it says that all of a chunk of this length is there.
    pub(in crate::cache) fn is_whole(&self, chunk_len: u64) -> bool {
        self.start == 0 && u64::from(self.len) == chunk_len
    }
}

impl Identity {
    /// The hasher for a chunk's bytes from this one on.
    pub(in crate::cache) fn hasher(&self, chunk: u64, start: u32) -> Xxh3 {
        Xxh3::with_seed(self.seed(chunk, start))
    }

    pub(in crate::cache) fn checksum(&self, chunk: u64, start: u32, bytes: &[u8]) -> u64 {
        xxh3_64_with_seed(bytes, self.seed(chunk, start))
    }

    /// For the head record, which is bound to the same identity.
    pub(super) fn head_checksum(&self, bytes: &[u8]) -> u64 {
        xxh3_64_with_seed(bytes, self.seed(u64::MAX, 0))
    }

    fn seed(&self, chunk: u64, start: u32) -> u64 {
        let mut text = [0; 36];
        let mut out = Put { rest: &mut text };
        out.bytes(&self.location.to_le_bytes());
        out.u64(self.generation);
        out.u64(chunk);
        out.bytes(&start.to_le_bytes());
        // Where a run begins counts only where it is not the beginning of the chunk.
        let (whole, text) = (text.split_last_chunk::<4>().map(|(front, _)| front), &text);
        xxh3_64(whole.filter(|_| start == 0).unwrap_or(text))
    }
}

impl Marks {
    fn bits(self) -> u16 {
        u16::from(self.complete)
            | u16::from(self.invalidated) << 1
            | u16::from(self.sure) << 2
            | u16::from(self.personal) << 3
            | u16::from(self.pinned) << 4
    }

    fn from_bits(bits: u16) -> Option<Marks> {
        let has = |bit: u16| bits & (1 << bit) != 0;
        let marks = Marks { complete: has(0), invalidated: has(1), sure: has(2), personal: has(3), pinned: has(4) };
        (marks.bits() == bits).then_some(marks)
    }
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Kind::Answer => 1,
            Kind::Variants => 2,
        }
    }

    fn from_number(number: u8) -> Option<Kind> {
        match number {
            1 => Some(Kind::Answer),
            2 => Some(Kind::Variants),
            _ => None,
        }
    }
}

/// The next multiple of a sector.
fn sector_up(offset: u64) -> u64 {
    offset.next_multiple_of(SLOT_LEN as u64)
}

/// Puts the checksum of a slot into its last eight bytes.
fn seal(mut slot: [u8; SLOT_LEN]) -> [u8; SLOT_LEN] {
    if let Some((content, sum)) = slot.split_last_chunk_mut::<8>() {
        *sum = xxh3_64(content).to_le_bytes();
    }
    slot
}

/// A slot of any bytes with a checksum that holds.
#[cfg(any(test, feature = "doors"))]
pub(super) fn resealed(slot: &[u8]) -> [u8; SLOT_LEN] {
    let mut copy = [0; SLOT_LEN];
    Put { rest: &mut copy }.bytes(slot);
    seal(copy)
}

fn unseal(slot: &[u8]) -> Option<&[u8]> {
    let (content, sum) = slot.get(..SLOT_LEN)?.split_last_chunk::<8>()?;
    (xxh3_64(content).to_le_bytes() == *sum).then_some(content)
}

/// Writes numbers one after the other; what does not fit is left out.
pub(super) struct Put<'a> {
    pub(super) rest: &'a mut [u8],
}

impl Put<'_> {
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let rest = std::mem::take(&mut self.rest);
        if let Some((here, after)) = rest.split_at_mut_checked(bytes.len()) {
            here.copy_from_slice(bytes);
            self.rest = after;
        }
    }

    pub(super) fn u16(&mut self, number: u16) {
        self.bytes(&number.to_le_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }
}

/// Reads numbers one after the other from bytes that may be anything.
pub(super) struct Take<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Take<'a> {
    pub(super) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (here, after) = self.rest.split_at_checked(len)?;
        self.rest = after;
        Some(here)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn u128(&mut self) -> Option<u128> {
        self.array().map(u128::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (here, after) = self.rest.split_first_chunk::<N>()?;
        self.rest = after;
        Some(*here)
    }
}
