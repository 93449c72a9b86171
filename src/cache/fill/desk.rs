//! Where the bytes of an object under way are brought to: what is to be written, and the draft once there is one.
//!
//! Everything here blocks, but for what only looks.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Readable;
use crate::cache::store::{Draft, Opened, Plan, Renewal, Run, Store};

/// One object's place at the store. All its lanes share it.
pub(super) struct Desk {
    pub(super) store: Arc<Store>,
    /// What came is kept, whatever interrupts it.
    pub(super) lasting: bool,
    slot: Mutex<Slot>,
    /// Held by the one who puts runs of a chunk together: who comes second sees what the first one made.
    joining: Mutex<()>,
}

/// What there is of the object at the store.
enum Slot {
    /// Nothing was written yet.
    Planned(Box<Plan>, Option<u64>),
    Open(Arc<Draft>),
    /// It is complete, or cannot be written.
    Over,
}

impl Desk {
    pub(super) fn new(store: Arc<Store>, plan: Plan, length: Option<u64>, lasting: bool) -> Desk {
        let slot = Mutex::new(Slot::Planned(Box::new(plan), length));
        Desk { store, lasting, slot, joining: Mutex::new(()) }
    }

    pub(super) fn open(store: Arc<Store>, draft: Draft) -> Desk {
        Desk { store, lasting: true, slot: Mutex::new(Slot::Open(Arc::new(draft))), joining: Mutex::new(()) }
    }

    /// The draft, begun now if it was not.
    pub(super) fn draft(&self) -> io::Result<Arc<Draft>> {
        let mut slot = lock(&self.slot);
        let draft = match std::mem::replace(&mut *slot, Slot::Over) {
            Slot::Planned(plan, length) => Arc::new(self.store.begin(*plan, length, self.lasting)?),
            Slot::Open(draft) => draft,
            Slot::Over => return Err(io::ErrorKind::NotFound.into()),
        };
        *slot = Slot::Open(Arc::clone(&draft));
        Ok(draft)
    }

    /// The draft where there is one already.
    pub(super) fn begun(&self) -> Option<Arc<Draft>> {
        match &*lock(&self.slot) {
            Slot::Open(draft) => Some(Arc::clone(draft)),
            Slot::Planned(..) | Slot::Over => None,
        }
    }

    /// The whole of an answer of which nothing was written yet, where that is so.
    pub(super) fn take_plan(&self) -> Option<Box<Plan>> {
        let mut slot = lock(&self.slot);
        match std::mem::replace(&mut *slot, Slot::Over) {
            Slot::Planned(plan, _) => Some(plan),
            other => {
                *slot = other;
                None
            }
        }
    }

    /// A new head, from an answer that confirms or adds to what is there.
    pub(super) fn renew(&self, renewal: &Renewal) -> io::Result<()> {
        let mut slot = lock(&self.slot);
        match &mut *slot {
            Slot::Planned(plan, _) => {
                plan.record = renewal.record.clone();
                (plan.marks, plan.received, plan.initial_age) = (renewal.marks, renewal.received, renewal.initial_age);
                Ok(())
            }
            Slot::Open(draft) => draft.renew(renewal),
            Slot::Over => Ok(()),
        }
    }

    /// The length is known now.
    pub(super) fn set_length(&self, total: u64) {
        match &mut *lock(&self.slot) {
            Slot::Planned(_, length) => *length = Some(total),
            Slot::Open(draft) => draft.set_body_len(total),
            Slot::Over => {}
        }
    }

    /// Makes the object valid: all its bytes are there.
    pub(super) fn finish(&self, total: u64, trailers: &[u8]) -> io::Result<Opened> {
        let draft = match std::mem::replace(&mut *lock(&self.slot), Slot::Over) {
            Slot::Open(draft) => draft,
            Slot::Planned(..) | Slot::Over => return Err(io::ErrorKind::NotFound.into()),
        };
        draft.finish(total, trailers)
    }

    /// Nothing more is written.
    pub(super) fn give_up(&self) {
        *lock(&self.slot) = Slot::Over;
    }

    /// A run is not what was written: it is not there any more.
    pub(super) fn note_damage(&self, readable: &Readable, run: Run) {
        match self.begun() {
            Some(draft) => {
                draft.verify(run);
            }
            None => self.store.doubt(readable.identity, run.chunk),
        }
    }

    /// Nothing of it is to be believed, now or later.
    pub(super) fn discard(&self) {
        if let (true, Some(draft)) = (self.lasting, self.begun()) {
            self.store.discard_partial(draft.identity());
        }
        self.give_up();
    }

    /// Held while runs of a chunk are put together.
    pub(super) fn joining(&self) -> MutexGuard<'_, ()> {
        lock(&self.joining)
    }
}

/// One run made of two that overlap or touch; `Err` names the one that is not what was written.
pub(super) fn join(draft: &Draft, one: Run, other: Run) -> Result<Run, Run> {
    let end = |run: &Run| run.start.saturating_add(run.len);
    let (start, end) = (one.start.min(other.start), end(&one).max(end(&other)));
    let bytes = read(&Readable::of(draft), one.chunk, start, end.saturating_sub(start)).ok_or(other)?;
    for run in [other, one] {
        let from = run.start.saturating_sub(start) as usize;
        let part = bytes.get(from..).and_then(|from| from.get(..run.len as usize)).ok_or(run)?;
        if draft.identity().checksum(run.chunk, run.start, part) != run.checksum {
            return Err(run);
        }
    }
    let checksum = draft.identity().checksum(one.chunk, start, &bytes);
    Ok(Run { chunk: one.chunk, start, len: end.saturating_sub(start), checksum })
}

/// Whether a run is what was written. Blocks.
pub(super) fn is_sound(readable: &Readable, run: Run) -> bool {
    let bytes = read(readable, run.chunk, run.start, run.len);
    bytes.is_some_and(|bytes| readable.identity.checksum(run.chunk, run.start, &bytes) == run.checksum)
}

fn read(readable: &Readable, chunk: u64, start: u32, len: u32) -> Option<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let layout = &readable.layout;
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    readable.file.read_exact_at(&mut bytes, layout.place(chunk * layout.chunk_len() + u64::from(start))).ok()?;
    Some(bytes)
}

/// A lock whose holder panicked guards nothing that a panic leaves half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
