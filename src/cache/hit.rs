//! A stored answer selected for a request, and the walk over its bytes.

use std::fs::File;
use std::ops::Range;
use std::sync::{Arc, Weak};

use super::fill::{Follower, Hold};
use super::head::Head;
use super::object::{ChunkedFile, Object, Place};
use super::policy::{self, RequestRules};
use super::reason::{StaleFor, StaleForbidden};
use super::store::{is_in_page_cache, read_chunk};
use crate::base::{Mono, Now};
use crate::config::RouteCacheConfig;

/// For so many seconds what was in the page cache is taken to be there still.
const MOMENT: u32 = 2;
/// Where the page cache is asked within a piece: it takes and gives back in runs, not page by page.
const PROBE_STEP: u64 = 256 << 10;
/// Up to here a body that was just seen in the page cache leaves in one go, whatever its number of chunks.
const AT_ONCE: u64 = 1 << 20;
/// What one reader brings into the page cache at once.
const READ_AHEAD: usize = 64 << 10;

/// A complete stored answer, selected for one request. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Hit {
    object: Arc<Object>,
    /// When it was looked up.
    at: Mono,
    /// Of an object that is partly there: its length, and what keeps it open.
    part: Option<(u64, Arc<Hold>)>,
}

/// A stored answer that was seen, to be recognised. Keeps none of its bytes.
pub(crate) struct Known(Weak<Object>);

/// A walk over the bytes of a hit. Owns what it needs.
pub(crate) struct HitBody {
    object: Arc<Object>,
    position: u64,
    end: u64,
    /// When the walk began.
    begun: Mono,
    /// No piece was given yet.
    fresh: bool,
    /// The byte before this one was in the page cache a moment ago.
    seen_to: u64,
}

/// Bytes to send. Those of a `File` piece are checked and were just seen in the page cache.
pub(crate) enum Piece<'a> {
    Memory(&'a [u8]),
    File { file: &'a File, offset: u64, len: usize },
}

/// What is on the card is not what was written. The object is gone already; the answer must be cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Damaged;

impl Hit {
    pub(super) fn new(object: Arc<Object>, now: Now) -> Hit {
        Hit { object, at: now.mono, part: None }
    }

    pub(super) fn partial(object: Arc<Object>, now: Now, length: u64, hold: Hold) -> Hit {
        Hit { object, at: now.mono, part: Some((length, Arc::new(hold))) }
    }

    pub(crate) fn head(&self) -> &Head {
        &self.object.head
    }

    pub(crate) fn known(&self) -> Known {
        Known(Arc::downgrade(&self.object))
    }

    /// Whether it is the very one that was seen.
    pub(crate) fn is(&self, known: &Known) -> bool {
        // What is known cannot be given away to another one while somebody knows it.
        std::ptr::eq(Arc::as_ptr(&self.object), known.0.as_ptr())
    }

    /// Whether no field of a request selects it (RFC 9111 §4.1).
    pub(crate) fn is_unselected(&self) -> bool {
        self.object.head.selection().is_none()
    }

    /// Bytes of the body.
    pub(crate) fn len(&self) -> u64 {
        self.part.as_ref().map_or(self.object.body.len, |(length, _)| *length)
    }

    /// Not all of it is there: it is read through [`Hit::follower`], and [`Hit::body`] gives nothing.
    pub(crate) fn is_partial(&self) -> bool {
        self.part.is_some()
    }

    /// A reader of a partial object, which asks for what is missing.
    pub(crate) fn follower(&self) -> Option<Follower> {
        self.part.as_ref().map(|(_, hold)| hold.follower())
    }

    /// The whole body, where it can leave at once: in RAM, or one short run of a file that is checked and was in the page
    /// cache a moment ago.
    pub(crate) fn at_hand(&self) -> Option<Piece<'_>> {
        match &self.object.body.place {
            Place::Memory(_) if self.is_partial() => None,
            Place::Memory(bytes) => Some(Piece::Memory(bytes)),
            Place::File(chunked) => {
                let layout = &chunked.layout;
                let one_run = self.len() <= layout.run(0).min(AT_ONCE);
                let chunks = 0..self.len().div_ceil(layout.chunk_len()).max(1);
                let mut seen = chunks.map(|chunk| chunked.was_just_seen(chunk, self.at, MOMENT));
                (one_run && seen.all(|seen| seen)).then(|| Piece::File {
                    file: &chunked.file,
                    offset: layout.place(0),
                    len: usize::try_from(self.len()).unwrap_or(0),
                })
            }
        }
    }

    /// These bytes of the body; an end beyond the end is the end.
    pub(crate) fn body(&self, range: Range<u64>) -> HitBody {
        let end = range.end.min(self.object.body.len);
        HitBody {
            object: Arc::clone(&self.object),
            position: range.start,
            end,
            begun: self.at,
            fresh: true,
            seen_to: 0,
        }
    }

    /// Trailer lines, `Name: value CRLF`; mostly none.
    pub(crate) fn trailers(&self) -> &[u8] {
        &self.object.trailers
    }

    /// Whether this answer, which is not fresh for the request, may be served where the upstream gives none.
    pub(crate) fn stale_allowed(
        &self,
        rules: &RequestRules,
        route: &RouteCacheConfig,
        instead: StaleFor,
        now: Now,
    ) -> Result<(), StaleForbidden> {
        policy::may_serve_stale(self.head().stored(), rules, route.stale, instead, now)
    }

    pub(super) fn object(&self) -> &Arc<Object> {
        &self.object
    }
}

impl HitBody {
    /// The next bytes, at most `max`; `None` at the end. Waits only where the card must be read.
    pub(crate) async fn next(&mut self, max: usize) -> Result<Option<Piece<'_>>, Damaged> {
        let fresh = std::mem::take(&mut self.fresh);
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX).min(max);
        if left == 0 {
            return Ok(None);
        }
        match &self.object.body.place {
            Place::Memory(bytes) => {
                let start = usize::try_from(self.position).map_err(|_| Damaged)?;
                self.position = self.position.saturating_add(left as u64);
                let piece = bytes.get(start..).and_then(|from| from.get(..left));
                piece.map(|bytes| Some(Piece::Memory(bytes))).ok_or(Damaged)
            }
            Place::File(chunked) => {
                let len = self.ready(chunked, left, fresh).await?;
                let offset = chunked.layout.place(self.position);
                self.position = self.position.saturating_add(len as u64);
                self.seen_to = self.position;
                Ok(Some(Piece::File { file: &chunked.file, offset, len }))
            }
        }
    }

    /// How many bytes from here lie together, are checked, and can be sent without waiting for the card.
    async fn ready(&self, chunked: &ChunkedFile, most: usize, fresh: bool) -> Result<usize, Damaged> {
        let layout = &chunked.layout;
        let most = layout.run(self.position).min(most as u64);
        let first = layout.chunk_of(self.position);
        if !chunked.is_checked(first) {
            self.check(chunked, first).await?;
        }
        let mut next = first;
        let mut end = self.position;
        while end < self.position.saturating_add(most) && chunked.is_checked(next) {
            next += 1;
            end = (next << layout.chunk_len().trailing_zeros()).min(self.position.saturating_add(most));
        }
        let just_seen = fresh && (first..next).all(|chunk| chunked.was_just_seen(chunk, self.begun, MOMENT));
        let len = end.saturating_sub(self.position);
        if !just_seen {
            let known = if self.seen_to == self.position && !fresh { PROBE_STEP.min(len) } else { 0 };
            bring_in_from(&chunked.file, layout.place(self.position), known, len).await;
            (first..next).for_each(|chunk| chunked.note_seen(chunk, self.begun));
        }
        usize::try_from(len).map_err(|_| Damaged)
    }

    /// Reads a chunk for the first time since its object was opened.
    async fn check(&self, chunked: &ChunkedFile, chunk: u64) -> Result<(), Damaged> {
        let layout = &chunked.layout;
        let (file, identity) = (Arc::clone(&chunked.file), self.object.identity);
        let place = layout.place(chunk * layout.chunk_len());
        let len = usize::try_from(layout.len_of(chunk, self.object.body.len)).map_err(|_| Damaged)?;
        let index = usize::try_from(chunk).map_err(|_| Damaged)?;
        let checksum = *chunked.checksums.get(index).ok_or(Damaged)?;
        let cache = self.object.cache.upgrade();
        let turn = match &cache {
            Some(cache) => Some(cache.reads.acquire_arc().await),
            None => None,
        };
        let sound = smol::unblock(move || {
            let _turn = turn;
            read_chunk(&file, identity, chunk, place, len, checksum).is_some()
        })
        .await;
        if !sound {
            self.object.demote(chunk).await;
            return Err(Damaged);
        }
        chunked.note_seen(chunk, self.begun);
        Ok(())
    }
}

/// Makes sure, as far as can be known, that bytes are in the page cache.
pub(super) async fn bring_in(file: &Arc<File>, offset: u64, len: u64) {
    bring_in_from(file, offset, 0, len).await;
}

/// The same where the first `known` of the bytes follow others that were there a moment ago.
async fn bring_in_from(file: &Arc<File>, offset: u64, known: u64, len: u64) {
    let last = offset.saturating_add(len.saturating_sub(1));
    let mut at = offset.saturating_add(known);
    while at < last && is_in_page_cache(file, at) {
        at = at.saturating_add(PROBE_STEP);
    }
    if at >= last && is_in_page_cache(file, last) {
        return;
    }
    let file = Arc::clone(file);
    smol::unblock(move || read_through(&file, offset, len)).await;
}

fn read_through(file: &File, offset: u64, len: u64) {
    use std::os::unix::fs::FileExt;
    let mut scratch = vec![0; READ_AHEAD];
    let mut at = offset;
    // An error is found again by whoever sends the bytes.
    while at < offset.saturating_add(len) {
        match file.read_at(&mut scratch, at) {
            Ok(0) | Err(_) => return,
            Ok(count) => at = at.saturating_add(count as u64),
        }
    }
}
