//! Brings the bytes of one lane to the card, hashing them on the way, and enters each run when its chunk is full.

use std::io;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::cache::store::{Draft, Run};

/// Writes from one byte on, without a gap. Everything here blocks.
pub(super) struct Pen {
    draft: Arc<Draft>,
    /// Of the bytes from `start` on.
    hasher: Xxh3,
    /// Where the run of the present chunk begins.
    start: u64,
    at: u64,
}

impl Pen {
    pub(super) fn new(draft: Arc<Draft>, at: u64) -> Pen {
        let hasher = hasher(&draft, at);
        Pen { draft, hasher, start: at, at }
    }

    pub(super) fn draft(&self) -> &Arc<Draft> {
        &self.draft
    }

    /// Up to here all is written.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Writes bytes that stand at `from`; what was written already is passed over. Gives the runs of chunks that came to
    /// their end.
    pub(super) fn write(&mut self, from: u64, bytes: &[u8]) -> io::Result<Vec<Run>> {
        if from > self.at {
            // What lies between is gone: the window was let go of after the card failed.
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let skip = usize::try_from(self.at.saturating_sub(from)).unwrap_or(usize::MAX);
        let mut rest = bytes.get(skip..).unwrap_or_default();
        self.draft.write(self.at, rest)?;
        let mut ended = Vec::new();
        while !rest.is_empty() {
            let (here, after) = rest.split_at_checked(self.left_in_chunk()).unwrap_or((rest, &[]));
            self.hasher.update(here);
            self.at = self.at.saturating_add(here.len() as u64);
            rest = after;
            if self.at & (self.chunk_len() - 1) == 0 {
                ended.extend(self.run());
                self.hasher = hasher(&self.draft, self.at);
                self.start = self.at;
            }
        }
        Ok(ended)
    }

    /// The run of the present chunk as far as it goes; `None` where nothing of it was written.
    pub(super) fn run(&self) -> Option<Run> {
        let len = u32::try_from(self.at.saturating_sub(self.start)).ok().filter(|len| *len > 0)?;
        let start = u32::try_from(self.start & (self.chunk_len() - 1)).ok()?;
        let chunk = self.start / self.chunk_len();
        Some(Run { chunk, start, len, checksum: self.hasher.digest() })
    }

    fn left_in_chunk(&self) -> usize {
        usize::try_from(self.chunk_len() - (self.at & (self.chunk_len() - 1))).unwrap_or(usize::MAX)
    }

    fn chunk_len(&self) -> u64 {
        self.draft.layout().chunk_len()
    }
}

fn hasher(draft: &Draft, at: u64) -> Xxh3 {
    let chunk_len = draft.layout().chunk_len();
    let start = u32::try_from(at & (chunk_len - 1)).unwrap_or(0);
    draft.identity().hasher(at / chunk_len, start)
}
