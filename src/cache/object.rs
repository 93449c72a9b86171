//! A complete stored answer, open: head parsed, small body in RAM, larger one as a file whose chunks are checked on
//! their first use.

use std::fs::File;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use super::head::{About, Head};
use super::key::Key;
use super::policy::{Assigned, Since, Times};
use super::root::Inner;
use super::store::format::{Identity, Layout, Marks};
use super::store::{Bytes, HeadRecord, Opened};
use crate::base::Mono;
use std::time::Duration;

/// An open answer. Shared by the table of hot objects and by everybody who is reading it.
pub(super) struct Object {
    pub(super) primary: u128,
    pub(super) key: Box<[u8]>,
    pub(super) identity: Identity,
    pub(super) head: Head,
    pub(super) trailers: Box<[u8]>,
    pub(super) body: Arc<Body>,
    pub(super) pinned: bool,
    /// The purge number up to which it was compared with purges.
    pub(super) judged: AtomicU32,
    /// Uses since the books of the store were last told.
    pub(super) uses: AtomicU32,
    pub(super) cache: Weak<Inner>,
}

pub(super) struct Body {
    pub(super) len: u64,
    pub(super) place: Place,
}

pub(super) enum Place {
    Memory(Box<[u8]>),
    File(ChunkedFile),
}

/// A body on the card.
pub(super) struct ChunkedFile {
    pub(super) file: Arc<File>,
    pub(super) layout: Layout,
    pub(super) checksums: Box<[u64]>,
    /// For each chunk: zero until it was checked, then one more than the second (on the monotonic clock) at which it
    /// was last seen in the page cache.
    seen: Box<[AtomicU32]>,
}

impl Object {
    pub(super) fn new(
        opened: Opened,
        primary: u128,
        assigned: Assigned,
        since: Since,
        cache: Weak<Inner>,
    ) -> Option<Object> {
        let times = Times {
            initial_age: Duration::from_millis(opened.initial_age),
            received: opened.received,
            sure: opened.marks.sure,
            since,
        };
        let HeadRecord { key, status, selection, fields, trailers } = opened.record;
        let judged = AtomicU32::new(opened.judged);
        let (invalidated, personal, pinned) = (opened.marks.invalidated, opened.marks.personal, opened.marks.pinned);
        let targets = cache.upgrade().map(|cache| cache.targets()).unwrap_or_default();
        let about = About { times, invalidated, personal, assigned, targets, selection };
        let head = Head::new(status, &fields, about)?;
        let body = Arc::new(Body { len: opened.body_len, place: Place::of(opened.bytes) });
        let uses = AtomicU32::new(0);
        Some(Object { primary, key, identity: opened.identity, head, trailers, body, pinned, judged, uses, cache })
    }

    /// One that is not on the card, or not all of it, as it would be opened from there.
    pub(super) fn of_head(
        head: &Head,
        primary: u128,
        key: &[u8],
        identity: Identity,
        trailers: Box<[u8]>,
        bytes: Bytes,
        cache: Weak<Inner>,
    ) -> Option<Object> {
        let body_len = match &bytes {
            Bytes::Memory(bytes) => bytes.len() as u64,
            Bytes::File { .. } => 0,
        };
        let about = head.about();
        let head = Head::new(head.status(), head.lines(), about)?;
        let body = Arc::new(Body { len: body_len, place: Place::of(bytes) });
        let uses = AtomicU32::new(0);
        let (pinned, judged) = (false, AtomicU32::new(0));
        let key = key.into();
        Some(Object { primary, key, identity, head, trailers, body, pinned, judged, uses, cache })
    }

    /// The same answer with another head.
    pub(super) fn with_head(&self, head: Head) -> Object {
        Object {
            primary: self.primary,
            key: self.key.clone(),
            identity: self.identity,
            head,
            trailers: self.trailers.clone(),
            body: Arc::clone(&self.body),
            pinned: self.pinned,
            judged: AtomicU32::new(self.judged()),
            uses: AtomicU32::new(self.uses.load(Ordering::Relaxed)),
            cache: Weak::clone(&self.cache),
        }
    }

    pub(super) fn judged(&self) -> u32 {
        self.judged.load(Ordering::Relaxed)
    }

    /// It was compared with all purges up to this number.
    pub(super) fn note_judged(&self, number: u32) {
        self.judged.fetch_max(number, Ordering::Relaxed);
    }

    pub(super) fn is(&self, key: &Key<'_>) -> bool {
        self.primary == key.hash() && key.is(&self.key)
    }

    pub(super) fn marks(&self) -> Marks {
        let stored = self.head.stored();
        Marks {
            complete: true,
            invalidated: stored.invalidated,
            sure: stored.times.sure,
            personal: stored.personal,
            pinned: self.pinned,
        }
    }

    /// Bytes it takes in RAM, roughly.
    pub(super) fn footprint(&self) -> usize {
        let body = match &self.body.place {
            Place::Memory(bytes) => bytes.len(),
            Place::File(chunked) => chunked.checksums.len() * (size_of::<u64>() + size_of::<AtomicU32>()),
        };
        size_of::<Object>() + size_of::<Body>() + self.head.footprint() + self.key.len() + self.trailers.len() + body
    }

    pub(super) fn holds_file(&self) -> bool {
        matches!(self.body.place, Place::File(_))
    }

    /// A chunk is not what was written: from now on the object is one that lacks it.
    pub(super) async fn demote(&self, chunk: u64) {
        if let Some(cache) = self.cache.upgrade() {
            cache.hot.remove_location(self.primary, self.identity.location);
            if let Some(store) = cache.store() {
                let identity = self.identity;
                smol::unblock(move || store.doubt(identity, chunk)).await;
            }
        }
    }
}

impl Place {
    fn of(bytes: Bytes) -> Place {
        match bytes {
            Bytes::Memory(bytes) => Place::Memory(bytes),
            Bytes::File { file, layout, checksums } => {
                let seen = checksums.iter().map(|_| AtomicU32::new(0)).collect();
                Place::File(ChunkedFile { file, layout, checksums, seen })
            }
        }
    }
}

impl ChunkedFile {
    pub(super) fn is_checked(&self, chunk: u64) -> bool {
        self.stamp(chunk).is_some_and(|stamp| stamp.load(Ordering::Relaxed) != 0)
    }

    /// Whether a chunk was in the page cache a moment ago.
    pub(super) fn was_just_seen(&self, chunk: u64, now: Mono, moment: u32) -> bool {
        let seen = self.stamp(chunk).map_or(0, |stamp| stamp.load(Ordering::Relaxed));
        seen != 0 && stamp_of(now).saturating_sub(seen) <= moment
    }

    /// Notes that a chunk is checked and in the page cache.
    pub(super) fn note_seen(&self, chunk: u64, now: Mono) {
        if let Some(stamp) = self.stamp(chunk) {
            stamp.fetch_max(stamp_of(now), Ordering::Relaxed);
        }
    }

    fn stamp(&self, chunk: u64) -> Option<&AtomicU32> {
        self.seen.get(usize::try_from(chunk).ok()?)
    }
}

fn stamp_of(now: Mono) -> u32 {
    u32::try_from(now.as_millis() / 1000).unwrap_or(u32::MAX - 1).saturating_add(1)
}
