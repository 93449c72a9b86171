//! A door for tests and fuzzers: any bytes at all as the file of an object.

use std::fs::File;
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, memfd_create};

use super::format::{HeadPlace, SLOT_LEN, Superblock, resealed};
use super::open::{Bytes, Found, read, read_chunk};
use super::partial::read_partial;

/// Where every such object is said to be.
const LOCATION: u128 = 7;

/// What was read of an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Read {
    pub(crate) status: u16,
    pub(crate) fields: Vec<u8>,
    pub(crate) body_len: u64,
    /// Chunks that hold, of those that were looked at.
    pub(crate) chunks: usize,
    /// Bytes that it says are there, as an answer that is not whole.
    pub(crate) present: u64,
}

/// Reads a file's bytes as an object of a key. With `put_right`, the checksums of superblocks and head are made to hold
/// first, so that what lies behind them is reached.
pub(crate) fn read_object(image: &[u8], key: &[u8], put_right: bool) -> Option<Read> {
    let image = if put_right { righted(image) } else { image.to_vec() };
    let file = File::from(memfd_create("object", MemfdFlags::CLOEXEC).ok()?);
    file.write_all_at(&image, 0).ok()?;
    let present = read_partial(&file, LOCATION, key).ok().flatten();
    let present = present.map_or(0, |(_, _, entries)| entries.values().map(|entry| u64::from(entry.len)).sum());
    let Ok(Found::Answer(opened)) = read(file, LOCATION, key) else { return None };
    let chunks = match &opened.bytes {
        Bytes::Memory(_) => 0,
        Bytes::File { file, layout, checksums } => (0..)
            .zip(checksums)
            .take(8)
            .filter(|(chunk, checksum)| {
                let len = usize::try_from(layout.len_of(*chunk, opened.body_len)).unwrap_or(0);
                let place = layout.place(chunk * layout.chunk_len());
                read_chunk(file, opened.identity, *chunk, place, len, **checksum).is_some()
            })
            .count(),
    };
    let (status, fields) = (opened.record.status, opened.record.fields.to_vec());
    Some(Read { status, fields, body_len: opened.body_len, chunks, present })
}

fn righted(image: &[u8]) -> Vec<u8> {
    let mut image = image.to_vec();
    for start in [0, SLOT_LEN] {
        let Some(slot) = image.get(start..start + SLOT_LEN) else { continue };
        let mut slot = resealed(slot);
        if let Some(mut block) = Superblock::decode(&slot, LOCATION) {
            let place = usize::try_from(block.head.offset).unwrap_or(usize::MAX);
            let record = image.get(place..).and_then(|from| from.get(..block.head.len as usize));
            let checksum = block.identity(LOCATION).head_checksum(record.unwrap_or_default());
            block.head = HeadPlace { checksum, ..block.head };
            slot = block.encode(LOCATION);
        }
        if let Some(there) = image.get_mut(start..start + SLOT_LEN) {
            there.copy_from_slice(&slot);
        }
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::store::format::{CHUNK_LOG2, Entry, Kind, Marks};
    use crate::cache::store::image::Image;
    use crate::cache::store::{Epoch, HeadRecord, Plan};
    use crate::cache::tests::noise;

    const KEY: &[u8] = b"http://origin:80/a";

    fn plan() -> Plan {
        let record = HeadRecord {
            key: KEY.into(),
            status: 200,
            selection: None,
            fields: (*b"A: 1\r\n").into(),
            trailers: Box::default(),
        };
        let marks = Marks { complete: true, ..Marks::default() };
        Plan {
            location: LOCATION,
            primary: LOCATION,
            marks,
            received: Default::default(),
            initial_age: 0,
            epoch: Epoch::default(),
            record,
        }
    }

    #[test]
    fn whatever_a_file_holds_is_read_or_refused() {
        for length in [0, 700, 70_000] {
            let plan = plan();
            let head = plan.record.encode().unwrap();
            let image = Image::new(&plan, Kind::Answer, &head, &noise(length), CHUNK_LOG2).unwrap().bytes;
            let sound = read_object(&image, KEY, false).unwrap();
            assert_eq!((sound.status, sound.body_len, sound.present), (200, length as u64, length as u64));
            let random = noise(20_000);
            let mut read = 0;
            for draw in random.chunks_exact(8) {
                // Most of what can go wrong lies in front of the body.
                let at = usize::from(u16::from_le_bytes([draw[0], draw[1]])) % 1400.min(image.len());
                let mut damaged = image.clone();
                let width = usize::from(draw[2] % 8) + 1;
                let end = (at + width).min(damaged.len());
                damaged[at..end].copy_from_slice(&draw[..end - at]);
                if draw[3] % 4 == 0 {
                    damaged.truncate(usize::from(u16::from_le_bytes([draw[4], draw[5]])) * 8);
                }
                read += usize::from(read_object(&damaged, KEY, true).is_some());
            }
            assert!(read > 0);
        }
        assert_eq!(Entry::decode(&[0; 16]), None);
        assert_eq!(read_object(&[], KEY, true), None);
    }
}
