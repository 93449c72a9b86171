//! What was found out about tokens, remembered under their SHA-256 in a table that does not grow.
//!
//! A token itself is never kept. Only tokens that hold, or that a provider was asked about, get in, each into its own table,
//! so that a flood of others pushes nothing out.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Parts of the table with a lock of their own, so that workers seldom meet.
const SHARDS: usize = 8;
/// Places where a digest may be.
const WAYS: usize = 4;

/// SHA-256 of a token.
pub(super) type Digest = [u8; 32];

/// A set-associative table: a digest has [`WAYS`] places, and takes that of the one that was used the longest ago.
pub(super) struct Memory<V> {
    shards: [Mutex<Shard<V>>; SHARDS],
    /// In each shard.
    sets: usize,
    /// The most that the values of a shard may weigh, in bytes.
    weight: usize,
}

struct Shard<V> {
    /// Empty until something is remembered.
    slots: Vec<Option<Slot<V>>>,
    weight: usize,
    /// Counts uses.
    tick: u64,
    /// Where room is made next when the values weigh too much.
    hand: usize,
}

struct Slot<V> {
    digest: Digest,
    /// Under which form of which section: a reload or other keys make it worthless.
    form: u64,
    used: u64,
    weight: usize,
    value: V,
}

impl<V> Memory<V> {
    /// At least `slots` places, and values of `weight` bytes in all.
    pub(super) fn new(slots: usize, weight: usize) -> Memory<V> {
        let shard = |_| Mutex::new(Shard { slots: Vec::new(), weight: 0, tick: 0, hand: 0 });
        let sets = slots.div_ceil(SHARDS * WAYS);
        Memory { shards: std::array::from_fn(shard), sets, weight: weight / SHARDS }
    }

    /// What `look` makes of what is remembered of the digest; it is given the form, and may say that it is not this one.
    pub(super) fn find<R>(&self, digest: &Digest, mut look: impl FnMut(u64, &mut V) -> Option<R>) -> Option<R> {
        let (mut shard, begin) = self.locate(digest)?;
        shard.tick += 1;
        let tick = shard.tick;
        let set = shard.slots.get_mut(begin..begin + WAYS)?;
        set.iter_mut().flatten().filter(|slot| slot.digest == *digest).find_map(|slot| {
            let found = look(slot.form, &mut slot.value)?;
            slot.used = tick;
            Some(found)
        })
    }

    /// Remembers a value that takes `weight` bytes beside the table; one that takes more than a quarter of a shard is not.
    pub(super) fn insert(&self, digest: &Digest, form: u64, weight: usize, value: V) {
        let Some((mut shard, begin)) = self.locate(digest) else { return };
        if weight > self.weight / 4 {
            return;
        }
        if shard.slots.is_empty() {
            shard.slots.resize_with(self.sets * WAYS, || None);
        }
        shard.tick += 1;
        let used = shard.tick;
        let Some(at) = shard.place(begin, digest, form) else { return };
        shard.put(at, Some(Slot { digest: *digest, form, used, weight, value }));
        shard.make_room(self.weight, at);
    }

    fn locate(&self, digest: &Digest) -> Option<(MutexGuard<'_, Shard<V>>, usize)> {
        let [first, second, third, ..] = *digest;
        let shard = self.shards.get(usize::from(first) % SHARDS)?;
        let set = usize::from(u16::from_be_bytes([second, third])).checked_rem(self.sets)?;
        // What a panicking holder left is whole: each change is one assignment.
        Some((shard.lock().unwrap_or_else(PoisonError::into_inner), set * WAYS))
    }
}

impl<V> Shard<V> {
    /// Where the digest is, or an empty place, or the one that was used the longest ago.
    fn place(&self, begin: usize, digest: &Digest, form: u64) -> Option<usize> {
        let age = |slot: &Option<Slot<V>>| match slot {
            Some(slot) if slot.digest == *digest && slot.form == form => 0,
            None => 1,
            Some(slot) => slot.used.saturating_add(2),
        };
        let set = self.slots.get(begin..begin + WAYS)?;
        set.iter().enumerate().min_by_key(|(_, slot)| age(slot)).map(|(way, _)| begin + way)
    }

    fn put(&mut self, at: usize, slot: Option<Slot<V>>) {
        let Some(place) = self.slots.get_mut(at) else { return };
        let before = place.as_ref().map_or(0, |slot| slot.weight);
        let after = slot.as_ref().map_or(0, |slot| slot.weight);
        *place = slot;
        self.weight = self.weight.saturating_sub(before).saturating_add(after);
    }

    /// Takes out what comes next, but not what has just come in.
    fn make_room(&mut self, most: usize, newest: usize) {
        for _ in 0..self.slots.len() {
            if self.weight <= most {
                return;
            }
            let at = self.hand;
            self.hand = (at + 1).checked_rem(self.slots.len()).unwrap_or(0);
            if at != newest {
                self.put(at, None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u32) -> Digest {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b9).to_be_bytes());
        digest[28..].copy_from_slice(&number.to_be_bytes());
        digest
    }

    fn get(memory: &Memory<u32>, number: u32) -> Option<u32> {
        memory.find(&digest(number), |form, value| (form == 1).then_some(*value))
    }

    #[test]
    fn what_went_in_comes_out_under_its_form() {
        let memory = Memory::new(64, 1 << 20);
        assert_eq!(get(&memory, 7), None);
        memory.insert(&digest(7), 1, 10, 70);
        memory.insert(&digest(7), 1, 10, 71);
        memory.insert(&digest(7), 2, 10, 72);
        assert_eq!(get(&memory, 7), Some(71));
        assert_eq!(get(&memory, 8), None);
    }

    #[test]
    fn what_is_used_stays_and_nothing_grows() {
        let memory = Memory::new(64, 64 * 1024);
        memory.insert(&digest(0), 1, 100, 0);
        for number in 1..10_000 {
            memory.insert(&digest(number), 1, 100, number);
            assert_eq!(get(&memory, 0), Some(0), "{number}");
        }
        let held: usize = memory.shards.iter().map(|shard| shard.lock().unwrap().slots.iter().flatten().count()).sum();
        assert_eq!(held, 64);
    }

    #[test]
    fn weight_is_bounded_too() {
        let memory = Memory::new(1024, 8 * 1000);
        for number in 0..5000 {
            memory.insert(&digest(number), 1, 200, number);
            assert_eq!(get(&memory, number), Some(number));
        }
        for shard in &memory.shards {
            let shard = shard.lock().unwrap();
            let sum: usize = shard.slots.iter().flatten().map(|slot| slot.weight).sum();
            assert!(shard.weight <= 1000 && sum == shard.weight);
        }
        memory.insert(&digest(1), 1, 251, 1);
        memory.insert(&digest(6000), 1, 251, 1);
        assert_eq!(get(&memory, 6000), None);
    }
}
