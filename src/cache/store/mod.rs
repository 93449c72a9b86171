//! Answers on the card: found by a path made from their location, believed only where their checksums hold.
//!
//! [`format`] says how an object looks, [`disk`] makes the system calls, [`open`](Store::find) reads, [`image`] writes small
//! answers, [`draft`] larger ones, piece by piece, and [`partial`] knows those that are not all there. [`change`] marks and
//! freshens what is kept, [`space`] keeps the books of what there is room for. All of it may
//! block; `crate::cache` runs it on the blocking pool.
//!
//! **Locks**, in the order in which they are taken: the lists, a stripe, a draft's state, the books. Room is made (which
//! takes stripes) with none of them held.

mod adopt;
pub(in crate::cache) mod carry;
mod change;
mod disk;
#[cfg(any(test, feature = "doors"))]
pub(crate) mod doors;
mod draft;
mod epoch;
#[cfg(test)]
pub(in crate::cache) mod faults;
pub(in crate::cache) mod format;
mod image;
mod index;
#[cfg(test)]
mod journal;
#[cfg(any(test, feature = "doors"))]
pub(crate) mod model;
mod open;
mod partial;
pub(in crate::cache) mod purge;
mod record;
mod space;
#[cfg(any(test, feature = "doors"))]
mod specimen;
pub(in crate::cache) mod survey;
mod sweep;
#[cfg(test)]
mod tests;
mod upkeep;
mod variants;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use disk::{Disk, Spot};
use draft::Open;
use purge::Purges;
use space::{Books, Health};

pub(crate) use adopt::Adopted;
pub(in crate::cache) use change::Renewal;
pub(in crate::cache) use disk::is_in_page_cache;
pub(in crate::cache) use draft::{Draft, Plan};
pub(in crate::cache) use epoch::Epoch;
pub(in crate::cache) use open::{Bytes, Found, Opened, SMALL_BODY, read_chunk};
pub(in crate::cache) use partial::{Partial, Run};
pub(in crate::cache) use record::HeadRecord;
pub(in crate::cache) use space::Limits;
pub(in crate::cache) use upkeep::Upkeep;

/// Changes of one object follow each other; objects share so many locks.
const STRIPES: usize = 16;
/// Invalidations that a card which takes no writes may have waiting.
const MOST_DISOWNED: usize = 4096;

/// An open store. `Arc` it: reservations and drafts keep it open.
pub(in crate::cache) struct Store {
    disk: Disk,
    books: Mutex<Books>,
    health: Mutex<Health>,
    /// Each guards publishing, changing and removing the objects whose location falls to it.
    stripes: [Mutex<()>; STRIPES],
    /// Guards the lists of variants: each is read and written anew by one at a time.
    lists: Mutex<()>,
    /// Objects that must not be served, on a card that takes no change.
    disowned: Mutex<Disowned>,
    /// What was purged and is not marked on the card yet.
    purges: Mutex<Purges>,
    /// The drafts in the folder of partial objects, by their location. Changed only by the holder of its stripe.
    drafts: Mutex<HashMap<u128, Weak<Open>>>,
    /// Objects with a superblock that may not be on the card yet: the next change of one waits for it.
    changed: Mutex<HashSet<u128>>,
    /// Something was written since the last sync.
    unsynced: AtomicBool,
    chunk_log2: u8,
    damaged: AtomicU64,
    evicted: AtomicU64,
}

#[derive(Default)]
struct Disowned {
    some: HashSet<u128>,
    /// There were too many of them: nothing is served from this card any more.
    all: bool,
}

impl Store {
    /// The text says, for an operator, why the folder cannot be used.
    pub(in crate::cache) fn open(folder: &Path, limits: Limits, index_memory: usize) -> Result<Store, String> {
        let disk = Disk::open(folder).map_err(|why| format!("{}: {why}", folder.display()))?;
        let purges = Mutex::new(Purges::load(&disk));
        Ok(Store {
            disk,
            purges,
            books: Mutex::new(Books::new(limits, index_memory)),
            health: Mutex::new(Health::Good),
            stripes: Default::default(),
            lists: Mutex::new(()),
            disowned: Mutex::default(),
            drafts: Mutex::default(),
            changed: Mutex::default(),
            unsynced: AtomicBool::new(false),
            chunk_log2: format::CHUNK_LOG2,
            damaged: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        })
    }

    /// For what is asked of an upstream from now on.
    pub(in crate::cache) fn epoch(&self) -> Epoch {
        lock(&self.purges).epoch()
    }

    pub(in crate::cache) fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    fn count_damage(&self) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::cache) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    pub(in crate::cache) fn written(&self) -> u64 {
        self.disk.written()
    }

    #[cfg(test)]
    pub(in crate::cache) fn faults(&self) -> &faults::Faults {
        &self.disk.faults
    }

    /// Removes a complete object that is not what was written, unless another one took its place meanwhile.
    pub(in crate::cache) fn remove_damaged(&self, location: u128, file: &File) {
        self.count_damage();
        self.remove_same(Spot::object(location), file);
    }

    /// Removes this file, if it is still the one that is there.
    fn remove_same(&self, spot: Spot, file: &File) {
        let _guard = self.stripe(spot.location);
        let identity = |file: &File| file.metadata().map(|found| (found.dev(), found.ino()));
        let same = match (self.disk.open_object(spot).and_then(|found| identity(&found)), identity(file)) {
            (Ok(there), Ok(ours)) => there == ours,
            (Err(_), _) | (_, Err(_)) => false,
        };
        if same && self.disk.remove(spot).is_ok() {
            self.books().index.remove(spot);
        }
    }

    /// Removes this representation, if it is still there.
    pub(in crate::cache) fn remove_stored(&self, identity: format::Identity) {
        let _guard = self.stripe(identity.location);
        let spot = Spot::object(identity.location);
        let found = self.disk.open_object(spot);
        let there = found.ok().and_then(|file| open::believe(&file, identity.location));
        if there.is_some_and(|there| there.block.generation == identity.generation) && self.disk.remove(spot).is_ok() {
            self.books().index.remove(spot);
        }
    }

    /// Whether it is gone now.
    fn remove(&self, spot: Spot) -> bool {
        let _guard = self.stripe(spot.location);
        self.remove_guarded(spot)
    }

    /// The same for one who holds the stripe.
    fn remove_guarded(&self, spot: Spot) -> bool {
        let gone = match self.disk.remove(spot) {
            Ok(()) => true,
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if gone {
            self.books().index.remove(spot);
        }
        gone
    }

    /// Removes whatever is kept at a location. Whether it is gone now.
    fn remove_all(&self, location: u128) -> bool {
        let complete = self.remove(Spot::object(location));
        let partial = self.remove(Spot::partial(location));
        complete && partial
    }

    /// What is there must not be served, and the card does not let it be marked or removed.
    fn disown(&self, location: u128) {
        let mut disowned = lock(&self.disowned);
        if disowned.some.len() < MOST_DISOWNED {
            disowned.some.insert(location);
        } else {
            disowned.all = true;
        }
    }

    fn is_disowned(&self, location: u128) -> bool {
        let disowned = lock(&self.disowned);
        disowned.all || disowned.some.contains(&location)
    }

    /// The card takes changes again: what must not be served can go.
    fn remove_disowned(&self) {
        let locations = std::mem::take(&mut lock(&self.disowned).some);
        for location in locations {
            if !self.remove_all(location) {
                self.disown(location);
            }
        }
    }

    /// The draft of a partial object that somebody has.
    fn draft_of(&self, location: u128) -> Option<Arc<Open>> {
        lock(&self.drafts).get(&location).and_then(Weak::upgrade)
    }

    fn stripe(&self, location: u128) -> MutexGuard<'_, ()> {
        let number = usize::try_from(location % STRIPES as u128).unwrap_or(0);
        let [first, ..] = &self.stripes;
        lock(self.stripes.get(number).unwrap_or(first))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    fn wrote(&self) {
        self.unsynced.store(true, Ordering::Relaxed);
    }
}

/// A lock whose holder panicked guards nothing that a panic leaves half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The random number that sets a representation apart from all others of its key.
fn new_generation() -> u64 {
    RandomState::new().hash_one(0)
}
