//! The table of recently served objects: what thirty children open on the same morning is answered from here, without
//! a system call to find it and without an allocation.
//!
//! A fixed number of sets of eight places; a key's objects (its variants) are all in one set. Each set has a lock of
//! its own, held for a few comparisons. Within a set the place that was not used since the hand last came by is given
//! away (CLOCK); beyond the bounds of bytes and open files, sets are swept one after the other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::key::Key;
use super::object::Object;
use crate::http::Fields;

/// Places of a set.
const WAYS: usize = 8;
/// What an object in RAM is taken to cost when the number of places is chosen.
const TYPICAL: usize = 8 << 10;
const FEWEST_SETS: usize = 16;
const MOST_SETS: usize = 4096;

pub(super) struct Hot {
    sets: Box<[Mutex<Set>]>,
    bounds: Bounds,
    bytes: AtomicUsize,
    files: AtomicUsize,
    objects: AtomicUsize,
    /// The set at which the next sweep begins.
    hand: AtomicUsize,
}

/// What the table may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) bytes: usize,
    pub(super) files: usize,
}

#[derive(Default)]
struct Set {
    ways: [Option<Way>; WAYS],
    hand: usize,
}

struct Way {
    /// Compared before the object is looked at: most places of a set are of other keys.
    primary: u128,
    object: Arc<Object>,
    used: bool,
}

impl Hot {
    pub(super) fn new(bounds: Bounds) -> Hot {
        let sets = (bounds.bytes / TYPICAL / WAYS).clamp(FEWEST_SETS, MOST_SETS);
        Hot {
            sets: std::iter::repeat_with(Mutex::default).take(sets).collect(),
            bounds,
            bytes: AtomicUsize::new(0),
            files: AtomicUsize::new(0),
            objects: AtomicUsize::new(0),
            hand: AtomicUsize::new(0),
        }
    }

    /// The object that a request selects; of several, the newest (RFC 9111 §4).
    pub(super) fn find(&self, key: &Key<'_>, request: Fields<'_>) -> Option<Arc<Object>> {
        let mut set = self.set(key.hash())?;
        let selected = |way: &&mut Way| {
            let selection = way.object.head.selection();
            way.primary == key.hash()
                && way.object.is(key)
                && selection.is_none_or(|selection| selection.matches(request))
        };
        let ways = set.ways.iter_mut().flatten().filter(selected);
        let way = ways.max_by_key(|way| way.object.head.stored().times.received)?;
        way.used = true;
        way.object.uses.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&way.object))
    }

    /// All objects of a key.
    pub(super) fn all(&self, key: &Key<'_>) -> Vec<Arc<Object>> {
        let Some(set) = self.set(key.hash()) else { return Vec::new() };
        let ours = |way: &&Way| way.primary == key.hash() && way.object.is(key);
        set.ways.iter().flatten().filter(ours).map(|way| Arc::clone(&way.object)).collect()
    }

    /// Enters an object in place of its earlier self. One without `Vary` is alone with its key.
    pub(super) fn insert(&self, object: Arc<Object>) {
        let (bytes, file) = cost(&object);
        if bytes > self.bounds.bytes / 2 {
            return;
        }
        // Counted before anybody can see it and take it out again.
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.files.fetch_add(file, Ordering::Relaxed);
        self.objects.fetch_add(1, Ordering::Relaxed);
        let Some(mut set) = self.set(object.primary) else { return };
        let varies = |object: &Object| object.head.selection().is_some();
        let replaced = |way: &Way| {
            way.primary == object.primary
                && (way.object.identity.location == object.identity.location || varies(&way.object) != varies(&object))
        };
        self.take_out(&mut set, replaced);
        let way = Way { primary: object.primary, object, used: true };
        let gone = set.put(way);
        drop(set);
        gone.iter().for_each(|way| self.forget(&way.object));
        self.sweep();
    }

    /// All objects of a key leave.
    pub(super) fn remove(&self, primary: u128) {
        if let Some(mut set) = self.set(primary) {
            self.take_out(&mut set, |way| way.primary == primary);
        }
    }

    pub(super) fn remove_location(&self, primary: u128, location: u128) {
        if let Some(mut set) = self.set(primary) {
            self.take_out(&mut set, |way| way.primary == primary && way.object.identity.location == location);
        }
    }

    pub(super) fn remove_where(&self, which: impl Fn(&Object) -> bool) {
        self.sets.iter().for_each(|set| self.take_out(&mut lock(set), |way| which(&way.object)));
    }

    pub(super) fn clear(&self) {
        self.sets.iter().for_each(|set| self.take_out(&mut lock(set), |_| true));
    }

    /// Tells the books of the store what was used since the last time.
    pub(super) fn report_uses(&self, mut report: impl FnMut(u128, u32)) {
        for set in &self.sets {
            let used: heapless::Vec<(u128, u32), WAYS> = lock(set)
                .ways
                .iter()
                .flatten()
                .map(|way| (way.object.identity.location, way.object.uses.swap(0, Ordering::Relaxed)))
                .filter(|(_, uses)| *uses > 0)
                .collect();
            used.into_iter().for_each(|(location, uses)| report(location, uses));
        }
    }

    pub(super) fn objects(&self) -> usize {
        self.objects.load(Ordering::Relaxed)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn set(&self, primary: u128) -> Option<MutexGuard<'_, Set>> {
        // Any part of a hash is as good as all of it.
        let number = primary as usize % self.sets.len().max(1);
        self.sets.get(number).map(lock)
    }

    fn take_out(&self, set: &mut Set, mut which: impl FnMut(&Way) -> bool) {
        for place in &mut set.ways {
            if let Some(way) = place.take_if(|way| which(way)) {
                self.forget(&way.object);
            }
        }
    }

    /// Sweeps until the bounds hold again; twice around gives every place away.
    fn sweep(&self) {
        for _ in 0..self.sets.len().saturating_mul(2 * WAYS) {
            let full = self.bytes.load(Ordering::Relaxed) > self.bounds.bytes;
            let many_files = self.files.load(Ordering::Relaxed) > self.bounds.files;
            if !full && !many_files {
                return;
            }
            let number = self.hand.fetch_add(1, Ordering::Relaxed) % self.sets.len().max(1);
            let Some(mut set) = self.sets.get(number).map(lock) else { return };
            let gone = set.give_away(|way| full || way.object.holds_file());
            drop(set);
            gone.iter().for_each(|way| self.forget(&way.object));
        }
    }

    fn forget(&self, object: &Object) {
        let (bytes, file) = cost(object);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.files.fetch_sub(file, Ordering::Relaxed);
        self.objects.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Set {
    /// Puts a way into a free place, or into one that is given away.
    fn put(&mut self, way: Way) -> Option<Way> {
        let gone = if self.ways.iter().all(Option::is_some) {
            self.give_away(|_| true).or_else(|| self.give_away(|_| true))
        } else {
            None
        };
        if let Some(place) = self.ways.iter_mut().find(|place| place.is_none()) {
            *place = Some(way);
        }
        gone
    }

    /// The first place, from the hand on, that was not used since the hand last came by.
    fn give_away(&mut self, may: impl Fn(&Way) -> bool) -> Option<Way> {
        for _ in 0..WAYS {
            self.hand = (self.hand + 1) % WAYS;
            let place = self.ways.get_mut(self.hand)?;
            if place.as_mut().is_some_and(|way| may(way) && !std::mem::take(&mut way.used)) {
                return place.take();
            }
        }
        None
    }
}

fn cost(object: &Object) -> (usize, usize) {
    (object.footprint(), usize::from(object.holds_file()))
}

/// A lock whose holder panicked guards places that are each whole in themselves.
fn lock(set: &Mutex<Set>) -> MutexGuard<'_, Set> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}
