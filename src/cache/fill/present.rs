//! Which bytes of a body are on the card: runs within chunks, each with its checksum.

use std::collections::BTreeMap;

use crate::cache::store::Run;

/// The runs that are known, by chunk. Runs of a chunk are few: they grow together as holes are filled.
#[derive(Default)]
pub(super) struct Present {
    chunks: BTreeMap<u64, Vec<Piece>>,
    chunk_log2: u32,
}

/// A run, and whether its bytes are known to be what was written.
#[derive(Clone, Copy)]
struct Piece {
    run: Run,
    sound: bool,
}

/// What there is from a place on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum There {
    /// Bytes up to here can be read.
    Sound(u64),
    /// A run of an earlier process that must be checked first.
    Unchecked(Run),
}

impl Present {
    pub(super) fn new(runs: &[Run], chunk_len: u64) -> Present {
        let mut present = Present { chunks: BTreeMap::new(), chunk_log2: chunk_len.trailing_zeros() };
        for run in runs {
            present.chunks.entry(run.chunk).or_default().push(Piece { run: *run, sound: false });
        }
        present
    }

    /// Chunks are of this length; said before the first run is added.
    pub(super) fn align(&mut self, chunk_len: u64) {
        if self.chunks.is_empty() {
            self.chunk_log2 = chunk_len.trailing_zeros();
        }
    }

    pub(super) fn chunk_len(&self) -> u64 {
        1 << self.chunk_log2
    }

    /// The first byte of the chunk that holds this byte.
    pub(super) fn chunk_start(&self, at: u64) -> u64 {
        at & !(self.chunk_len() - 1)
    }

    /// What can be read at a place, as far as `limit`.
    pub(super) fn at(&self, at: u64, limit: u64) -> Option<There> {
        let first = self.piece(at)?;
        if !first.sound {
            return Some(There::Unchecked(first.run));
        }
        let mut end = self.end_of(&first.run);
        while end < limit {
            match self.piece(end) {
                Some(next) if next.sound => end = self.end_of(&next.run),
                Some(_) | None => break,
            }
        }
        Some(There::Sound(end))
    }

    /// Where the bytes that are here without a gap end, as far as `limit`; `None` where there are none.
    pub(super) fn covered(&self, at: u64, limit: u64) -> Option<u64> {
        let mut end = self.end_of(&self.piece(at)?.run);
        while end < limit {
            let Some(next) = self.piece(end) else { break };
            end = self.end_of(&next.run);
        }
        Some(end)
    }

    /// The next byte from here on that is present.
    pub(super) fn next(&self, at: u64) -> Option<u64> {
        let from = self.chunks.range(at >> self.chunk_log2..);
        from.filter_map(|(_, pieces)| {
            let behind = pieces.iter().filter(|piece| self.end_of(&piece.run) > at);
            behind.map(|piece| self.start_of(&piece.run).max(at)).min()
        })
        .next()
    }

    /// Where the last run of this chunk that ends at or before a byte ends.
    pub(super) fn end_before(&self, at: u64) -> Option<u64> {
        let pieces = self.chunks.get(&(at >> self.chunk_log2))?;
        pieces.iter().map(|piece| self.end_of(&piece.run)).filter(|end| *end <= at).max()
    }

    /// Adds a run that was just written. What it holds within itself goes.
    pub(super) fn add(&mut self, run: Run) {
        let pieces = self.chunks.entry(run.chunk).or_default();
        let end = run.start.saturating_add(run.len);
        pieces.retain(|piece| piece.run.start < run.start || piece.run.start.saturating_add(piece.run.len) > end);
        pieces.push(Piece { run, sound: true });
    }

    /// It was checked: it is what was written, or it is not there.
    pub(super) fn judge(&mut self, run: Run, sound: bool) {
        let Some(pieces) = self.chunks.get_mut(&run.chunk) else { return };
        if sound {
            pieces.iter_mut().filter(|piece| piece.run == run).for_each(|piece| piece.sound = true);
        } else {
            pieces.retain(|piece| piece.run != run);
            if pieces.is_empty() {
                self.chunks.remove(&run.chunk);
            }
        }
    }

    /// Another run of the same chunk that overlaps or touches this one, and reaches further to one side.
    pub(super) fn neighbour(&self, run: &Run) -> Option<Run> {
        let end = |run: &Run| run.start.saturating_add(run.len);
        let pieces = self.chunks.get(&run.chunk)?;
        let touches = |other: &Run| other.start <= end(run) && run.start <= end(other);
        let within = |other: &Run| other.start >= run.start && end(other) <= end(run);
        pieces.iter().map(|piece| piece.run).find(|other| touches(other) && !within(other))
    }

    /// A run that was not checked yet.
    pub(super) fn unchecked(&self) -> Option<Run> {
        self.chunks.values().flatten().find(|piece| !piece.sound).map(|piece| piece.run)
    }

    /// Bytes present.
    pub(super) fn bytes(&self) -> u64 {
        let runs = self.chunks.values().flatten();
        runs.map(|piece| u64::from(piece.run.len)).fold(0, u64::saturating_add)
    }

    fn piece(&self, at: u64) -> Option<&Piece> {
        let pieces = self.chunks.get(&(at >> self.chunk_log2))?;
        let here = pieces.iter().filter(|piece| self.start_of(&piece.run) <= at && at < self.end_of(&piece.run));
        here.max_by_key(|piece| self.end_of(&piece.run))
    }

    fn start_of(&self, run: &Run) -> u64 {
        (run.chunk << self.chunk_log2).saturating_add(u64::from(run.start))
    }

    fn end_of(&self, run: &Run) -> u64 {
        self.start_of(run).saturating_add(u64::from(run.len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(chunk: u64, start: u32, len: u32) -> Run {
        Run { chunk, start, len, checksum: 0 }
    }

    #[test]
    fn runs_are_walked_over_chunks() {
        let mut present = Present::new(&[run(0, 2, 4), run(1, 0, 16)], 16);
        assert_eq!(present.covered(2, 99), Some(6));
        assert_eq!(present.covered(1, 99), None);
        assert_eq!(present.next(0), Some(2));
        assert_eq!(present.next(6), Some(16));
        assert_eq!(present.next(32), None);
        assert_eq!(present.end_before(9), Some(6));
        assert_eq!(present.end_before(5), None);
        assert_eq!(present.at(3, 99), Some(There::Unchecked(run(0, 2, 4))));
        assert_eq!(present.neighbour(&run(0, 6, 2)), Some(run(0, 2, 4)));
        assert_eq!(present.neighbour(&run(0, 7, 2)), None);
        assert_eq!(present.neighbour(&run(0, 0, 9)), None);
        present.judge(run(1, 0, 16), true);
        present.add(run(0, 0, 16));
        assert_eq!(present.at(0, 99), Some(There::Sound(32)));
        assert_eq!(present.at(0, 10), Some(There::Sound(16)));
        assert_eq!(present.bytes(), 32);
        present.judge(run(1, 0, 16), false);
        assert_eq!(present.covered(0, 99), Some(16));
    }
}
