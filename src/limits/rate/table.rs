//! Buckets in sets of fixed size.
//!
//! A subject belongs to one set, and a set has [`WAYS`] places. Who is new gets a free place, else that of a full bucket,
//! which says nothing. Where every bucket of the set lacks something, the one of which the least part is missing goes,
//! **but what it owes stays**: it becomes, or goes into, the *shared* bucket of its policy in this set, and whoever comes
//! without a bucket of their own begins with what the shared one owes. (So do Metwally's *Space-Saving* counters.)
//!
//! Two things follow, whatever anybody sends, and the tests hold the table to them:
//! - **Nobody gets more than their rate.** A bucket never owes less than its subject took: while it is there it is exact,
//!   and when it goes the shared one owes at least as much until that is paid. So a flood gives nothing back to anybody.
//! - **A flood refuses few others.** One who is new begins with no more missing than was missing, in part, from any of
//!   the other buckets of the set when the last one went. To have new ones refused in every set, a flood has to keep
//!   all buckets of the table empty, each at its full rate.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::bucket::{Bucket, SHARED};
use super::policy::{Pace, Policy};
use crate::limits::Subject;

/// Places of a set. More make it less likely that the busy subjects of a set fill it; fewer are quicker to look through.
pub(in crate::limits) const WAYS: usize = 16;

/// A table for all threads, made on its first use: who limits nothing pays nothing.
pub(in crate::limits) struct SharedTable<X> {
    entries: usize,
    /// One lock for all. It is held for some ten nanoseconds a bucket, so two threads with microseconds of work between
    /// hardly ever meet, and what belongs together is done under it at once.
    table: OnceLock<Mutex<Table<X>>>,
}

pub(in crate::limits) struct Table<X> {
    sets: Box<[Set<X>]>,
}

/// Whose bucket, and by what policy.
#[derive(Clone, Copy)]
pub(in crate::limits) struct Claim {
    pub(in crate::limits) key: u64,
    pub(in crate::limits) class: u32,
    pub(in crate::limits) pace: Pace,
}

/// The set has no place for one who is new: its buckets are of as many policies as there are places, and none is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::limits) struct Crowded;

/// `heapless` keeps the places in the set itself: a table is one allocation, and no flood makes it another.
#[derive(Clone)]
struct Set<X> {
    buckets: heapless::Vec<Bucket<X>, WAYS>,
}

impl Claim {
    pub(in crate::limits) fn new(subject: Subject, policy: &Policy) -> Claim {
        let key = subject.within(policy.mark()).bits();
        // One bucket in 2⁶⁴ is renamed, so that none is taken for a shared one.
        let key = if key == SHARED { !SHARED } else { key };
        // The lower half does: two policies of one class would only share what is shared.
        Claim { key, class: policy.mark().bits() as u32, pace: policy.pace() }
    }
}

impl<X: Clone + Default> SharedTable<X> {
    pub(in crate::limits) fn new(entries: usize) -> SharedTable<X> {
        SharedTable { entries, table: OnceLock::new() }
    }

    pub(in crate::limits) fn lock(&self) -> MutexGuard<'_, Table<X>> {
        let table = self.table.get_or_init(|| Mutex::new(Table::new(self.entries)));
        table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<X: Clone + Default> Table<X> {
    /// At least so many places.
    fn new(entries: usize) -> Table<X> {
        let sets = entries.div_ceil(WAYS).clamp(1, 1 << 20);
        Table { sets: vec![Set { buckets: heapless::Vec::new() }; sets].into_boxed_slice() }
    }

    /// What the subject owes, in nanoseconds of its pace.
    pub(in crate::limits) fn owed(&self, claim: &Claim, now: u64) -> Result<u64, Crowded> {
        self.sets.get(self.place(claim.key)).map_or(Err(Crowded), |set| set.owed(claim, now))
    }

    /// The bucket of the subject, made where there is none.
    pub(in crate::limits) fn bucket(&mut self, claim: &Claim, now: u64) -> Result<&mut Bucket<X>, Crowded> {
        let place = self.place(claim.key);
        self.sets.get_mut(place).map_or(Err(Crowded), |set| set.bucket(claim, now))
    }

    #[cfg(test)]
    pub(in crate::limits) fn entries(&self) -> usize {
        self.sets.len() * WAYS
    }

    #[cfg(test)]
    pub(in crate::limits) fn bytes(&self) -> usize {
        size_of_val(&*self.sets)
    }

    fn place(&self, key: u64) -> usize {
        // The upper half of the key, scaled to the number of sets, which is below 2³².
        let sets = self.sets.len() as u64;
        ((key >> 32).wrapping_mul(sets) >> 32) as usize
    }
}

impl<X: Default> Set<X> {
    fn owed(&self, claim: &Claim, now: u64) -> Result<u64, Crowded> {
        match self.buckets.iter().find(|bucket| bucket.key == claim.key) {
            Some(bucket) => Ok(bucket.owed(claim.pace, now)),
            None if self.has_room(now) => Ok(self.owed_by_unknown(claim, now)),
            None => Err(Crowded),
        }
    }

    fn bucket(&mut self, claim: &Claim, now: u64) -> Result<&mut Bucket<X>, Crowded> {
        let at = match self.buckets.iter().position(|bucket| bucket.key == claim.key) {
            Some(at) => at,
            None => self.begin(claim, now)?,
        };
        self.buckets.get_mut(at).ok_or(Crowded)
    }

    /// Gives one who is new a place.
    fn begin(&mut self, claim: &Claim, now: u64) -> Result<usize, Crowded> {
        let place = self.room(now)?;
        // Only now: making room may have raised it.
        let full_at = now.saturating_add(self.owed_by_unknown(claim, now));
        let bucket = Bucket::new(claim.key, claim.class, claim.pace, full_at, X::default());
        match self.buckets.get_mut(place) {
            Some(there) => *there = bucket,
            None => self.buckets.push(bucket).map_err(|_| Crowded)?,
        }
        Ok(place)
    }

    fn owed_by_unknown(&self, claim: &Claim, now: u64) -> u64 {
        let shared = self.buckets.iter().find(|bucket| bucket.is_shared() && bucket.class == claim.class);
        shared.map_or(0, |bucket| bucket.owed(claim.pace, now))
    }

    /// Whether [`Set::room`] would find some: a free place, a full bucket, or two of one policy.
    fn has_room(&self, now: u64) -> bool {
        let buckets = &self.buckets;
        !buckets.is_full()
            || buckets.iter().any(|bucket| bucket.is_full(now))
            || buckets.iter().enumerate().any(|(at, one)| buckets.iter().skip(at + 1).any(|two| one.class == two.class))
    }

    /// A place that may be given away.
    fn room(&mut self, now: u64) -> Result<usize, Crowded> {
        if !self.buckets.is_full() {
            return Ok(self.buckets.len());
        }
        if let Some(at) = self.buckets.iter().position(|bucket| bucket.is_full(now)) {
            return Ok(at);
        }
        if !self.has_room(now) {
            return Err(Crowded);
        }
        for _ in 0..WAYS {
            if let Some(at) = self.give_up_least(now) {
                return Ok(at);
            }
        }
        Err(Crowded)
    }

    /// Takes the bucket of which the least part is missing from its subject. Its place is free where the policy has a
    /// shared bucket to go into; otherwise it is the shared one from now on.
    fn give_up_least(&mut self, now: u64) -> Option<usize> {
        let own = self.buckets.iter().enumerate().filter(|(_, bucket)| !bucket.is_shared());
        let (at, _) = own.min_by_key(|(_, bucket)| bucket.share(now))?;
        let gone = self.buckets.get(at)?;
        let (class, pace) = (gone.class, gone.pace());
        let owed = gone.owed(pace, now);
        match self.buckets.iter_mut().find(|bucket| bucket.is_shared() && bucket.class == class) {
            Some(shared) => {
                shared.absorb(owed, pace, now);
                Some(at)
            }
            None => {
                self.buckets.get_mut(at)?.share_out();
                None
            }
        }
    }
}
