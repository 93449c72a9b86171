//! Answers on their way from one board to another: a form without holes and without the table, in which every part says
//! where it belongs and carries the checksum that the card has.
//!
//! ```text
//! 0    superblock                512 bytes, as format 1 has it
//! 512  head record               as long as the superblock says
//!      then for each chunk of which something is there, in order
//!        u64 its number, u32 where its bytes begin in it, u32 how many, u64 their checksum
//!        the bytes
//! ```
//!
//! Location and generation stay what they were, and all checksums are bound to them: what is taken apart here is put
//! together again elsewhere without a byte being believed for another reason than on the card itself.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::format::{HEAD_AREA, HeadPlace, Identity, Kind, Layout, Put, SLOT_A, SLOT_LEN, Superblock, Take};
use super::open::{MOST_CHUNKS, believe};
use super::partial::Run;
use super::record::HeadRecord;
use super::survey::Kept;

/// What stands in front of the bytes of a chunk.
const RUN_LEN: usize = 24;

/// The name of an answer in the course of its journey: its location and its generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tag(pub(super) Identity);

/// Why something that came is not taken.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// It is not what was written.
    Damaged,
    Io(io::Error),
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Unfit {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Unfit::Damaged,
            _ => Unfit::Io(error),
        }
    }
}

impl Tag {
    pub(in crate::cache) fn location(self) -> u128 {
        self.0.location
    }

    /// Exactly as [`std::fmt::Display`] writes it.
    pub(crate) fn parse(text: &str) -> Option<Tag> {
        let (location, generation) = text.split_once('-')?;
        let hex =
            |text: &str, len| text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !hex(location, 32) || !hex(generation, 16) {
            return None;
        }
        let location = u128::from_str_radix(location, 16).ok()?;
        Some(Tag(Identity { location, generation: u64::from_str_radix(generation, 16).ok()? }))
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}-{:016x}", self.0.location, self.0.generation)
    }
}

impl Kept {
    pub(crate) fn tag(&self) -> Tag {
        Tag(self.identity())
    }

    /// What all that is said to be there amounts to: two answers with the same one have the same bytes.
    pub(crate) fn sum(&self) -> u64 {
        let mut sum = Xxh3::new();
        self.runs().iter().for_each(|run| sum.update(&encoded(run)));
        sum.digest()
    }

    /// Bytes of the packed form; `None` for what cannot be packed.
    pub(crate) fn packed_len(&self) -> Option<u64> {
        let head = self.record().encode()?.len() as u64;
        let runs = self.runs().iter().map(|run| RUN_LEN as u64 + u64::from(run.len)).sum::<u64>();
        Some(SLOT_LEN as u64 + head + runs)
    }

    /// Writes the packed form. Each chunk is compared with its checksum once more.
    pub(crate) fn pack(&self, out: &mut dyn Write) -> Result<(), Unfit> {
        let head = self.record().encode().ok_or(Unfit::Damaged)?;
        let mut block = packed(self.block(), self.identity(), &head);
        block.marks.invalidated |= self.invalidated();
        out.write_all(&block.encode(self.identity().location))?;
        out.write_all(&head)?;
        for run in self.runs() {
            let bytes = self.read(run).ok_or(Unfit::Damaged)?;
            out.write_all(&encoded(run))?;
            out.write_all(&bytes)?;
        }
        Ok(())
    }
}

/// The same answer with its head right behind the superblocks.
fn packed(block: &Superblock, identity: Identity, head: &[u8]) -> Superblock {
    let len = u32::try_from(head.len()).unwrap_or(u32::MAX);
    let chunk_log2 = u8::try_from(block.layout.chunk_len().trailing_zeros()).unwrap_or(0);
    Superblock {
        sequence: 1,
        epoch: 0,
        marks: super::format::Marks { pinned: false, ..block.marks },
        head: HeadPlace { offset: HEAD_AREA, len, checksum: identity.head_checksum(head) },
        layout: Layout::new(len, block.body_len, chunk_log2),
        ..*block
    }
}

/// Puts a packed answer of `len` bytes together in an empty file, verifying all of it.
pub(crate) fn unpack(from: &mut dyn Read, len: u64, tag: Tag, to: &File) -> Result<(), Unfit> {
    let mut from = from.take(len);
    let identity = tag.0;
    let slot: [u8; SLOT_LEN] = taken(&mut from)?;
    let block = Superblock::decode(&slot, identity.location).ok_or(Unfit::Damaged)?;
    let sound = block.kind == Kind::Answer && block.generation == identity.generation && block.sequence == 1;
    if !sound
        || block.head.offset != HEAD_AREA
        || block.body_len.is_some_and(|len| block.layout.chunks(len) > MOST_CHUNKS)
    {
        return Err(Unfit::Damaged);
    }
    let mut head = vec![0; usize::try_from(block.head.len).map_err(|_| Unfit::Damaged)?];
    from.read_exact(&mut head)?;
    if packed(&block, identity, &head) != block || !is_at_its_place(identity.location, &head) {
        return Err(Unfit::Damaged);
    }
    to.write_all_at(&head, block.head.offset)?;
    let present = unpack_runs(&mut from, &block, identity, to)?;
    let complete = block.body_len == Some(present);
    if block.marks.complete && !complete || present == 0 && !block.marks.complete {
        return Err(Unfit::Damaged);
    }
    to.write_all_at(&slot, SLOT_A)?;
    to.set_len(if complete { block.end() } else { to.metadata()?.len() })?;
    Ok(())
}

/// How many bytes of the body came.
fn unpack_runs(from: &mut dyn Read, block: &Superblock, identity: Identity, to: &File) -> Result<u64, Unfit> {
    let layout = &block.layout;
    let (mut present, mut next) = (0_u64, 0);
    let mut bytes = Vec::new();
    while let Some(run) = next_run(from)? {
        let most = layout.len_of(run.chunk, block.body_len.unwrap_or(u64::MAX));
        if run.chunk < next || run.chunk >= MOST_CHUNKS || run.len == 0 || run.entry().end() > most {
            return Err(Unfit::Damaged);
        }
        bytes.resize(usize::try_from(run.len).map_err(|_| Unfit::Damaged)?, 0);
        from.read_exact(&mut bytes)?;
        if identity.checksum(run.chunk, run.start, &bytes) != run.checksum {
            return Err(Unfit::Damaged);
        }
        let start = run.chunk * layout.chunk_len() + u64::from(run.start);
        to.write_all_at(&bytes, layout.place(start))?;
        to.write_all_at(&run.entry().encode(), layout.entry(run.chunk))?;
        (present, next) = (present + u64::from(run.len), run.chunk + 1);
    }
    Ok(present)
}

/// `None` at the end.
fn next_run(from: &mut dyn Read) -> Result<Option<Run>, Unfit> {
    let mut bytes = [0; RUN_LEN];
    let (first, rest) = bytes.split_at_mut(1);
    if from.read(first)? == 0 {
        return Ok(None);
    }
    from.read_exact(rest)?;
    let mut fields = Take { rest: &bytes };
    let run = || Some((fields.u64()?, fields.u32()?, fields.u32()?, fields.u64()?));
    let mut run = run;
    Ok(run().map(|(chunk, start, len, checksum)| Run { chunk, start, len, checksum }))
}

/// Whether an answer with this head belongs to this location.
pub(super) fn is_at_its_place(location: u128, head: &[u8]) -> bool {
    HeadRecord::decode(head).is_some_and(|record| {
        let primary = xxh3_128(&record.key);
        record.selection.as_ref().map_or(primary, |selection| selection.location(primary)) == location
    })
}

fn encoded(run: &Run) -> [u8; RUN_LEN] {
    let mut bytes = [0; RUN_LEN];
    let mut out = Put { rest: &mut bytes };
    out.u64(run.chunk);
    out.bytes(&run.start.to_le_bytes());
    out.bytes(&run.len.to_le_bytes());
    out.u64(run.checksum);
    bytes
}

fn taken<const N: usize>(from: &mut dyn Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Whether a file in the folder of imports is what its name says, as far as its head tells.
pub(super) fn is_what_it_says(file: &File, tag: Tag) -> Option<super::open::Believed> {
    let found = believe(file, tag.0.location)?;
    let same = found.block.kind == Kind::Answer && found.block.generation == tag.0.generation;
    (same && is_at_its_place(tag.0.location, &found.record)).then_some(found)
}

/// What the tables of a complete one must say.
pub(super) fn is_whole(file: &File, block: &Superblock) -> bool {
    let entries = super::open::entries(file, &block.layout, block.body_len);
    entries.zip(block.body_len).is_some_and(|(entries, len)| super::open::whole(&entries, &block.layout, len).is_some())
}
