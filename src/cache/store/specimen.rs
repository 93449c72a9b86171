//! Answers made for tests and fuzzers: each says of itself which it is, so that whatever a store gives back can be judged.
#![allow(clippy::expect_used, reason = "what cannot be opened cannot be tested")]

use std::sync::Arc;

use super::draft::{Draft, Plan};
use super::format::{Identity, Marks};
use super::open::{Bytes, Opened, read_chunk};
use super::partial::{Partial, Run};
use super::record::HeadRecord;
use super::{Epoch, Renewal, Store};
use crate::base::Wall;
use crate::cache::vary::{Names, Selection};
use crate::http::{FieldSpans, Fields};

/// One representation that was given to a store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Specimen {
    pub(super) number: u32,
    pub(super) place: Place,
    pub(super) len: u64,
}

/// Where it belongs: a key, and for one with `Vary` which of its variants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Place {
    pub(super) key: u8,
    pub(super) variant: Option<u8>,
}

/// What a stored head says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub(super) number: u32,
    /// How many times it was renewed.
    pub(super) renewed: u32,
}

impl Place {
    pub(super) fn key(self) -> Box<[u8]> {
        format!("http://origin:80/{}", self.key).into_bytes().into()
    }

    pub(super) fn primary(self) -> u128 {
        xxhash_rust::xxh3::xxh3_128(&self.key())
    }

    pub(super) fn location(self) -> u128 {
        self.selection().map_or(self.primary(), |selection| selection.location(self.primary()))
    }

    fn selection(self) -> Option<Selection> {
        let value = self.variant?;
        let select = |lines: String, what: &dyn Fn(Fields<'_>) -> Option<Selection>| {
            let spans = FieldSpans::parse(lines.as_bytes()).ok()?;
            what(Fields::new(lines.as_bytes(), spans.as_slice()))
        };
        select("Vary: x-kind\r\n".to_owned(), &|answer| {
            let names = Names::of(answer, &[])?;
            select(format!("X-Kind: {value}\r\n"), &|request| names.select(request))
        })
    }
}

impl Specimen {
    pub(super) fn plan(self, renewed: u32) -> Plan {
        Plan {
            location: self.place.location(),
            primary: self.place.primary(),
            marks: Marks { sure: true, ..Marks::default() },
            received: Wall::from_seconds(i64::from(renewed)),
            initial_age: 0,
            epoch: Epoch::default(),
            record: self.record(renewed),
        }
    }

    pub(super) fn renewal(self, renewed: u32) -> Renewal {
        let Plan { marks, received, initial_age, epoch, record, .. } = self.plan(renewed);
        Renewal { record, marks: Marks { complete: true, ..marks }, received, initial_age, epoch }
    }

    fn record(self, renewed: u32) -> HeadRecord {
        // Heads of different lengths, so that renewed ones do not just fit.
        let filler = "x".repeat((self.number as usize * 37 + renewed as usize * 91) % 700);
        let fields = format!("ETag: \"{}\"\r\nX-Renewed: {renewed}\r\nX-Filler: {filler}\r\n", self.number);
        HeadRecord {
            key: self.place.key(),
            status: 200,
            selection: self.place.selection(),
            fields: fields.into_bytes().into(),
            trailers: Box::default(),
        }
    }

    /// These bytes of the body.
    pub(super) fn bytes(self, at: u64, len: usize) -> Vec<u8> {
        let (skip, words) = ((at % 8) as usize, len as u64 / 8 + 2);
        let mut bytes = Vec::with_capacity(len + 16);
        for number in at / 8..at / 8 + words {
            let mut mixed = ((u64::from(self.number) << 40) | number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed ^= mixed >> 29;
            bytes.extend_from_slice(&mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9).to_le_bytes());
        }
        bytes.drain(..skip);
        bytes.truncate(len);
        bytes
    }

    pub(super) fn body(self) -> Vec<u8> {
        self.bytes(0, self.len as usize)
    }

    /// Writes bytes of one chunk and gives what is to be entered for them.
    pub(super) fn write(self, draft: &Draft, chunk: u64, start: u32, len: u32) -> std::io::Result<Run> {
        let at = chunk * draft.layout().chunk_len() + u64::from(start);
        let bytes = self.bytes(at, len as usize);
        draft.write(at, &bytes)?;
        Ok(Run { chunk, start, len, checksum: draft.identity().checksum(chunk, start, &bytes) })
    }

    /// Writes and enters all bytes of a chunk.
    pub(super) fn write_chunk(self, draft: &Draft, chunk: u64) -> std::io::Result<()> {
        let len = draft.layout().len_of(chunk, self.len);
        let run = self.write(draft, chunk, 0, u32::try_from(len).unwrap_or(u32::MAX))?;
        draft.enter(run);
        Ok(())
    }
}

/// Which answer this is the head of; `None` if it is none that was ever given away.
pub(super) fn told(record: &HeadRecord, place: Place) -> Option<Told> {
    let text = std::str::from_utf8(&record.fields).ok()?;
    let number = text.strip_prefix("ETag: \"")?.split('"').next()?.parse().ok()?;
    let renewed = text.split("X-Renewed: ").nth(1)?.split('\r').next()?.parse().ok()?;
    let specimen = Specimen { number, place, len: 0 };
    (*record == specimen.record(renewed)).then_some(Told { number, renewed })
}

/// Reads a complete answer's body and compares. Gives the first chunk that is not what was written.
///
/// # Panics
///
/// Where bytes pass that are not the specimen's.
pub(super) fn bad_chunk(opened: &Opened, specimen: Specimen) -> Option<u64> {
    assert_eq!(opened.body_len, specimen.len, "the length of {specimen:?}");
    match &opened.bytes {
        Bytes::Memory(body) => {
            assert!(**body == specimen.body(), "the body of {specimen:?}");
            None
        }
        Bytes::File { file, layout, checksums } => (0..).zip(checksums).find_map(|(chunk, checksum)| {
            let at = chunk * layout.chunk_len();
            let len = layout.len_of(chunk, specimen.len) as usize;
            match read_chunk(file, opened.identity, chunk, layout.place(at), len, *checksum) {
                Some(bytes) => {
                    assert!(bytes == specimen.bytes(at, len), "chunk {chunk} of {specimen:?}");
                    None
                }
                None => Some(chunk),
            }
        }),
    }
}

/// Verifies all runs of a partial answer and gives those that hold.
///
/// # Panics
///
/// Where bytes pass that are not the specimen's.
pub(super) fn sound_runs(partial: &Partial, specimen: Specimen) -> Vec<Run> {
    assert!(partial.body_len.is_none_or(|len| len == specimen.len), "the length of {specimen:?}");
    let layout = partial.draft.layout();
    let mut sound = partial.present.clone();
    sound.retain(|run| partial.draft.verify(*run));
    for run in &sound {
        let at = run.chunk * layout.chunk_len() + u64::from(run.start);
        assert!(at + u64::from(run.len) <= specimen.len, "{run:?} of {specimen:?}");
        let expected = specimen.bytes(at, run.len as usize);
        assert_eq!(run.checksum, checksum(partial.identity, run, &expected), "{run:?} of {specimen:?}");
    }
    sound
}

fn checksum(identity: Identity, run: &Run, bytes: &[u8]) -> u64 {
    identity.checksum(run.chunk, run.start, bytes)
}

/// A store with small chunks, so that small answers have many.
pub(super) fn open(folder: &std::path::Path, limits: super::Limits) -> Arc<Store> {
    let mut store = Store::open(folder, limits, 64 << 10).expect("a folder of our own");
    store.chunk_log2 = 12;
    Arc::new(store)
}
