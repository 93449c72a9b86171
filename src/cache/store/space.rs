//! Room on the card: what is taken, what may be taken, and what to do when it does not suffice or does not work.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::io::Errno;

use super::disk::Spot;
use super::index::{Flags, Index, Tick, Victim};
use super::open::believe;
use super::{Store, lock};
use crate::base::{Mono, Size};
use crate::cache::StoreState;

/// One [`Tick`].
const TICK_MILLIS: u64 = 4 * 60 * 1000;
/// The tick at which the process starts: half of what there is lies before it, for objects of earlier runs.
const FIRST_TICK: u16 = 1 << 15;
/// Objects that may go to make room for one step of writing (about 8 MB). More would keep a writer waiting for minutes.
const MOST_EVICTIONS: usize = 4096;

/// What the operator allows.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(in crate::cache) struct Limits {
    pub(in crate::cache) size: Size,
    pub(in crate::cache) keep_free: Size,
}

/// What is there.
pub(super) struct Books {
    pub(super) index: Index,
    pub(super) limits: Limits,
    /// Taken for writing, not yet in the index.
    reserved: u64,
    pub(super) tick: Tick,
    /// Every object in the folder has been entered.
    pub(super) counted: bool,
}

/// Whether the card does what it should.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Health {
    Good,
    Full,
    /// Writing fails, for this reason.
    Failing(String),
    /// The folder is gone.
    Gone,
}

/// Room that was taken and is given back when this is dropped.
pub(super) struct Reservation {
    store: Arc<Store>,
    bytes: u64,
}

impl Books {
    pub(super) fn new(limits: Limits, index_memory: usize) -> Books {
        Books { index: Index::new(index_memory), limits, reserved: 0, tick: Tick(FIRST_TICK), counted: false }
    }

    pub(super) fn taken(&self) -> u64 {
        self.index.bytes().saturating_add(self.reserved)
    }
}

impl Tick {
    pub(super) fn at(now: Mono) -> Tick {
        let passed = u16::try_from(now.as_millis() / TICK_MILLIS).unwrap_or(u16::MAX);
        Tick(FIRST_TICK.saturating_add(passed))
    }

    /// For an object last used this many seconds before the process started.
    pub(super) fn before_start(seconds: u64) -> Tick {
        Tick(FIRST_TICK.saturating_sub(u16::try_from(seconds.saturating_mul(1000) / TICK_MILLIS).unwrap_or(u16::MAX)))
    }
}

impl Store {
    pub(in crate::cache) fn state(&self) -> StoreState {
        match &*lock(&self.health) {
            Health::Good => StoreState::Ready,
            Health::Full => StoreState::Full,
            Health::Failing(why) => StoreState::ReadOnly(why.clone()),
            Health::Gone => StoreState::Off("the cache folder is gone".to_owned()),
        }
    }

    pub(in crate::cache) fn takes_writes(&self) -> bool {
        *lock(&self.health) == Health::Good
    }

    pub(in crate::cache) fn set_limits(&self, limits: Limits) {
        self.books().limits = limits;
    }

    /// What the operator allows it to take.
    pub(super) fn size(&self) -> u64 {
        self.books().limits.size.as_u64()
    }

    pub(in crate::cache) fn objects(&self) -> u64 {
        self.books().index.objects()
    }

    pub(in crate::cache) fn bytes(&self) -> u64 {
        self.books().taken()
    }

    /// Room that is taken for what is being written.
    #[cfg(test)]
    pub(super) fn reserved(&self) -> u64 {
        self.books().reserved
    }

    pub(in crate::cache) fn is_counted(&self) -> bool {
        self.books().counted
    }

    pub(in crate::cache) fn touch(&self, location: u128, now: Mono, hits: u32) {
        let mut books = self.books();
        for spot in [Spot::object(location), Spot::partial(location)] {
            books.index.touch(spot, Tick::at(now), hits);
        }
    }

    /// Takes over room that an object in the index has taken, which it is taken out of.
    pub(super) fn reserve_known(self: &Arc<Store>, spot: Spot, bytes: u64) -> Reservation {
        let mut books = self.books();
        books.index.remove(spot);
        books.reserved = books.reserved.saturating_add(bytes);
        Reservation { store: Arc::clone(self), bytes }
    }

    /// Takes room for bytes about to be written, removing other objects where there is none.
    pub(super) fn reserve(self: &Arc<Store>, bytes: u64) -> io::Result<Reservation> {
        self.make_room(bytes)?;
        let mut books = self.books();
        books.reserved = books.reserved.saturating_add(bytes);
        Ok(Reservation { store: Arc::clone(self), bytes })
    }

    /// Removes objects until so many bytes more fit into `size` and leave `keep_free`.
    pub(super) fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut free = self.disk.free()?;
        for _ in 0..MOST_EVICTIONS {
            let mut books = self.books();
            let fits = books.taken().saturating_add(bytes) <= books.limits.size.as_u64();
            let leaves = free >= books.limits.keep_free.as_u64().saturating_add(bytes);
            if fits && leaves {
                return Ok(());
            }
            if bytes > books.limits.size.as_u64() {
                break;
            }
            let tick = books.tick;
            let Some(victim) = books.index.take_victim(tick) else { break };
            drop(books);
            if self.turns_out_pinned(&victim) {
                continue;
            }
            let _guard = self.stripe(victim.spot.location);
            // Gone already, or not to be removed: either way it is out of the books and the next one is tried.
            let _ = self.disk.remove(victim.spot);
            self.evicted.fetch_add(1, Ordering::Relaxed);
            free = free.saturating_add(victim.bytes);
        }
        Err(Errno::NOSPC.into())
    }

    /// Of an object of an earlier run nobody knows whether it is pinned until it is to go.
    fn turns_out_pinned(&self, victim: &Victim) -> bool {
        let unread = victim.flags.has(Flags::UNREAD);
        let file = self.disk.open_object(victim.spot).ok().filter(|_| unread);
        let found = file.and_then(|file| believe(&file, victim.spot.location));
        let pinned = found.is_some_and(|found| found.block.marks.pinned);
        if pinned {
            let mut books = self.books();
            let (tick, flags) = (books.tick, Flags::NONE.with(Flags::PINNED, true));
            // Where the books have no place for it, it stays on the card without one.
            let _ = books.index.insert(victim.spot, victim.bytes, tick, flags);
        }
        pinned
    }

    /// Enters an object that was just published or changed. For one who holds no stripe.
    pub(super) fn enter(&self, spot: Spot, bytes: u64, flags: Flags) {
        let mut books = self.books();
        let tick = books.tick;
        let victim = books.index.insert(spot, bytes, tick, flags);
        drop(books);
        if let Some(victim) = victim {
            self.remove(victim.spot);
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the books know an object as pinned.
    pub(super) fn is_pinned(&self, location: u128) -> bool {
        self.books().index.flags(Spot::object(location)).is_some_and(|flags| flags.has(Flags::PINNED))
    }

    /// Says what an error on the card means for the store. [`Store::upkeep`] tries again later.
    pub(in crate::cache) fn note(&self, error: &io::Error) {
        let health = match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOSPC | Errno::DQUOT) => Health::Full,
            Some(Errno::NOENT | Errno::NODEV | Errno::NXIO | Errno::STALE) => Health::Gone,
            Some(Errno::ROFS) => Health::Failing("the card is read-only".to_owned()),
            Some(Errno::IO) => Health::Failing("the card reports errors".to_owned()),
            Some(Errno::ACCESS | Errno::PERM) => Health::Failing("the cache folder is not ours to write".to_owned()),
            // Too many open files and the like pass by themselves; a file that is too large for its file system says
            // nothing about others.
            Some(_) | None => return,
        };
        *lock(&self.health) = health;
    }

    pub(super) fn set_health(&self, health: Health) {
        *lock(&self.health) = health;
    }
}

impl Reservation {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds another one's room to this.
    pub(super) fn absorb(&mut self, mut other: Reservation) {
        self.bytes = self.bytes.saturating_add(std::mem::take(&mut other.bytes));
    }

    /// Makes it as large as what was really taken.
    pub(super) fn settle(&mut self, bytes: u64) {
        let mut books = self.store.books();
        books.reserved = books.reserved.saturating_sub(self.bytes).saturating_add(bytes);
        self.bytes = bytes;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut books = self.store.books();
        books.reserved = books.reserved.saturating_sub(self.bytes);
    }
}
