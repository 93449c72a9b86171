//! What is in the store, for accounting and eviction only: serving never asks it. 24 bytes for each place, below a
//! ceiling; an object that finds no place pushes another one out. 200,000 objects take 6 MB.
//!
//! **Who must go** when room is wanted: the object that is least dear for the space it takes. Dear is what would have to
//! be paid for it again, its bytes and a round trip, as often as it was used, the less the longer that is ago. So a small
//! page stays longer than a film that was seen as often, because fetching it again costs more for each byte of the card
//! that it takes; a film that comes in once goes again before the pages that the class uses each day; and of two films
//! the one goes that was asked for least and longest ago. Pinned objects never go.
//!
//! The worst of some is taken, not of all. Large objects are few among many small ones, and have parts of the table for
//! themselves so that they are always among those that are compared.

use super::disk::{Folder, Spot};
use super::format::Marks;

/// How many objects are compared when one must go: so many of each of so many parts. Sampling 32 finds one of the worst
/// 9 % in 19 of 20 cases, and costs no list that every hit would have to touch.
const SAMPLE: usize = 4;
const SAMPLED_PARTS: usize = 8;
/// Parts that grow each for itself, so that growing never needs twice the memory of the whole; the last ones are for large
/// objects.
const PARTS: usize = SMALL_PARTS + LARGE_PARTS;
const SMALL_PARTS: usize = 14;
const LARGE_PARTS: usize = 2;
/// From here on an object is large, in blocks (1 MB).
const LARGE: u32 = 2048;
/// What asking costs beside the bytes, in blocks: 64 KB go over a thin link in the time of a round trip.
const ROUND_TRIP: u64 = 128;
/// Somebody who came just now may come again, but is no better than this (an hour): what everybody else has used in the
/// meantime must not go for it.
const SETTLING: u64 = 15;
/// After this long without use, uses count half (a day).
const HALF_LIFE: u64 = 360;
/// The first size of a part.
const FIRST_SLOTS: usize = 64;
/// A part is full when this many of 8 slots are taken.
const FULL_OF_8: usize = 7;
/// Uses beyond this say nothing more.
const MOST_HITS: u8 = 15;

/// The key of a partial object is its location xor this: it and a complete object of its location are two.
const PARTIAL: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834;

/// A point in time for eviction, in units of four minutes: 16 bits reach half a year.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Tick(pub(super) u16);

#[derive(Clone, Copy, Default)]
struct Slot {
    location: [u64; 2],
    /// In blocks of 512 bytes; zero: the slot is empty.
    blocks: u32,
    used: u16,
    hits: u8,
    flags: Flags,
}

const _: () = assert!(size_of::<Slot>() == 24);

/// What the books know of an object beside its size and its uses, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Flags(u8);

impl Flags {
    pub(super) const NONE: Flags = Flags(0);
    /// It lies in `partial/`.
    pub(super) const PARTIAL: Flags = Flags(1);
    /// It never leaves to make room.
    pub(super) const PINNED: Flags = Flags(1 << 1);
    /// Only its file's name and size were seen, in a folder of an earlier run: it may be pinned.
    pub(super) const UNREAD: Flags = Flags(1 << 2);

    pub(super) fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 != 0
    }

    #[must_use]
    pub(super) fn with(self, flag: Flags, on: bool) -> Flags {
        if on { Flags(self.0 | flag.0) } else { Flags(self.0 & !flag.0) }
    }
}

impl Marks {
    /// What of them the books know.
    pub(super) fn flags(self) -> Flags {
        Flags::NONE.with(Flags::PINNED, self.pinned)
    }
}

/// An object that must go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Victim {
    pub(super) spot: Spot,
    pub(super) bytes: u64,
    pub(super) flags: Flags,
}

pub(super) struct Index {
    parts: Vec<Part>,
    objects: u64,
    blocks: u64,
    dice: u64,
}

struct Part {
    slots: Vec<Slot>,
    taken: usize,
    most: usize,
}

impl Index {
    /// `memory` bytes at the most.
    pub(super) fn new(memory: usize) -> Index {
        let most = (memory / size_of::<Slot>() / PARTS).max(FIRST_SLOTS);
        let part = || Part { slots: Vec::new(), taken: 0, most };
        Index { parts: std::iter::repeat_with(part).take(PARTS).collect(), objects: 0, blocks: 0, dice: 1 }
    }

    pub(super) fn objects(&self) -> u64 {
        self.objects
    }

    pub(super) fn bytes(&self) -> u64 {
        self.blocks.saturating_mul(512)
    }

    /// Enters an object, or its new size. The victim, where there is one, is already taken out; it may be this object, where
    /// only pinned ones are left.
    pub(super) fn insert(&mut self, spot: Spot, bytes: u64, used: Tick, flags: Flags) -> Option<Victim> {
        let location = key(spot);
        let flags = flags.with(Flags::PARTIAL, spot.folder == Folder::Partial);
        let blocks = u32::try_from(bytes.div_ceil(512)).unwrap_or(u32::MAX).max(1);
        // One that grew or shrank may belong to another part now.
        let old = self.take_slot(location).unwrap_or_default();
        let slot = Slot { location: split(location), blocks, used: old.used.max(used.0), hits: old.hits, flags };
        let number = part_of(location, blocks);
        let dice = self.roll();
        let full = self.parts.get(number).filter(|part| !part.has_room());
        let worst = full.map(|part| part.worst(dice, used, SAMPLE).map(|slot| join(slot.location)));
        let victim = match worst {
            None => None,
            Some(Some(worst)) => self.take(worst),
            Some(None) => return Some(slot.victim()),
        };
        if let Some(part) = self.parts.get_mut(number) {
            part.put(slot);
            self.objects = self.objects.saturating_add(1);
            self.blocks = self.blocks.saturating_add(u64::from(blocks));
        }
        victim
    }

    pub(super) fn flags(&mut self, spot: Spot) -> Option<Flags> {
        self.find(key(spot)).map(|slot| slot.flags)
    }

    pub(super) fn contains(&mut self, spot: Spot) -> bool {
        self.find(key(spot)).is_some()
    }

    pub(super) fn remove(&mut self, spot: Spot) {
        self.take(key(spot));
    }

    /// Notes that an object was used since.
    pub(super) fn touch(&mut self, spot: Spot, used: Tick, hits: u32) {
        if let Some(slot) = self.find(key(spot)) {
            slot.used = slot.used.max(used.0);
            slot.hits = slot.hits.saturating_add(u8::try_from(hits).unwrap_or(MOST_HITS)).min(MOST_HITS);
        }
    }

    /// Takes out the object that is least worth its space among some; never a pinned one.
    pub(super) fn take_victim(&mut self, now: Tick) -> Option<Victim> {
        let first = usize::try_from(self.roll() % SMALL_PARTS as u64).unwrap_or(0);
        let dice = self.roll();
        let (small, large) = self.parts.split_at_checked(SMALL_PARTS)?;
        let small = (0..SMALL_PARTS).filter_map(|step| small.get((first + step) % SMALL_PARTS));
        let small = small.filter_map(|part| part.worst(dice, now, SAMPLE)).take(SAMPLED_PARTS);
        let large = large.iter().filter_map(|part| part.worst(dice, now, SAMPLE * SAMPLED_PARTS / LARGE_PARTS));
        let worst = small.chain(large).max_by_key(|slot| slot.worthlessness(now))?;
        self.take(join(worst.location))
    }

    fn take(&mut self, location: u128) -> Option<Victim> {
        self.take_slot(location).map(|slot| slot.victim())
    }

    fn take_slot(&mut self, location: u128) -> Option<Slot> {
        let slot = parts_of(location).into_iter().find_map(|number| self.parts.get_mut(number)?.take(location))?;
        self.objects = self.objects.saturating_sub(1);
        self.blocks = self.blocks.saturating_sub(u64::from(slot.blocks));
        Some(slot)
    }

    fn find(&mut self, location: u128) -> Option<&mut Slot> {
        let [small, large] = parts_of(location);
        let number = if self.parts.get(small)?.seek(location).is_some() { small } else { large };
        self.parts.get_mut(number)?.find(location)
    }

    /// xorshift: which objects are compared need not be unguessable.
    fn roll(&mut self) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice
    }
}

/// Open addressing with linear probing; taking out moves the followers back, so that there are no graves.
impl Part {
    fn has_room(&self) -> bool {
        self.taken < self.most / 8 * FULL_OF_8
    }

    fn find(&mut self, location: u128) -> Option<&mut Slot> {
        let at = self.seek(location)?;
        self.slots.get_mut(at)
    }

    fn seek(&self, location: u128) -> Option<usize> {
        let wanted = split(location);
        let mut at = self.home(&wanted);
        loop {
            let slot = self.slots.get(at)?;
            if slot.blocks == 0 {
                return None;
            }
            if slot.location == wanted {
                return Some(at);
            }
            at = self.next(at);
        }
    }

    fn put(&mut self, slot: Slot) {
        if self.slots.is_empty() || self.taken >= self.slots.len() / 8 * FULL_OF_8 {
            self.grow();
        }
        let mut at = self.home(&slot.location);
        while self.slots.get(at).is_some_and(|other| other.blocks != 0) {
            at = self.next(at);
        }
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
            self.taken = self.taken.saturating_add(1);
        }
    }

    fn take(&mut self, location: u128) -> Option<Slot> {
        let mut hole = self.seek(location)?;
        let taken = std::mem::take(self.slots.get_mut(hole)?);
        self.taken = self.taken.saturating_sub(1);
        let mut at = self.next(hole);
        while let Some(slot) = self.slots.get(at).copied().filter(|slot| slot.blocks != 0) {
            if self.distance(self.home(&slot.location), at) >= self.distance(hole, at) {
                self.slots.swap(hole, at);
                hole = at;
            }
            at = self.next(at);
        }
        Some(taken)
    }

    /// The one that is least worth its space, of a few; `None` where all are pinned.
    fn worst(&self, dice: u64, now: Tick, sample: usize) -> Option<Slot> {
        let start = usize::try_from(dice % (self.slots.len().max(1) as u64)).unwrap_or(0);
        let (before, after) = self.slots.split_at_checked(start)?;
        let may_go = |slot: &&Slot| slot.blocks != 0 && !slot.flags.has(Flags::PINNED);
        let taken = after.iter().chain(before).filter(may_go);
        taken.take(sample).max_by_key(|slot| slot.worthlessness(now)).copied()
    }

    fn grow(&mut self) {
        let len = self.slots.len().saturating_mul(2).clamp(FIRST_SLOTS, self.most.max(FIRST_SLOTS));
        let old = std::mem::replace(&mut self.slots, vec![Slot::default(); len]);
        self.taken = 0;
        old.into_iter().filter(|slot| slot.blocks != 0).for_each(|slot| self.put(slot));
    }

    fn home(&self, location: &[u64; 2]) -> usize {
        let spread = u128::from(location[1]) * self.slots.len() as u128;
        usize::try_from(spread >> 64).unwrap_or(0)
    }

    fn next(&self, at: usize) -> usize {
        if at + 1 >= self.slots.len() { 0 } else { at + 1 }
    }

    /// Steps from one slot forward to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.slots.len() - from }
    }
}

impl Slot {
    fn spot(&self) -> Spot {
        let location = join(self.location);
        if self.flags.has(Flags::PARTIAL) { Spot::partial(location ^ PARTIAL) } else { Spot::object(location) }
    }

    fn victim(&self) -> Victim {
        Victim { spot: self.spot(), bytes: u64::from(self.blocks).saturating_mul(512), flags: self.flags }
    }

    /// The time without use, for each use and for each byte that would have to be paid again, by the space taken. Among
    /// equals the larger goes, which makes room at once.
    fn worthlessness(&self, now: Tick) -> (u64, u32) {
        let idle = u64::from(now.0.saturating_sub(self.used));
        let uses = ((u64::from(self.hits) + 1) * 16) >> (idle / HALF_LIFE).min(4);
        let (space, dear) = (u64::from(self.blocks), u64::from(self.blocks) + ROUND_TRIP);
        let share = (space << 16) / dear;
        ((((idle + SETTLING) * share) << 8) / uses.max(1), self.blocks)
    }
}

fn key(spot: Spot) -> u128 {
    match spot.folder {
        Folder::Objects => spot.location,
        Folder::Partial => spot.location ^ PARTIAL,
    }
}

fn part_of(location: u128, blocks: u32) -> usize {
    let [small, large] = parts_of(location);
    if blocks >= LARGE { large } else { small }
}

/// Where it is if it is small, and if it is large.
fn parts_of(location: u128) -> [usize; 2] {
    let part = |parts: usize| usize::try_from(location % parts as u128).unwrap_or(0);
    [part(SMALL_PARTS), SMALL_PARTS + part(LARGE_PARTS)]
}

fn split(location: u128) -> [u64; 2] {
    [(location & u128::from(u64::MAX)) as u64, (location >> 64) as u64]
}

fn join(location: [u64; 2]) -> u128 {
    u128::from(location[1]) << 64 | u128::from(location[0])
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn scrambled(number: u64) -> u128 {
        xxhash_rust::xxh3::xxh3_128(&number.to_le_bytes())
    }

    /// Every other one is partial.
    fn spot(number: u64) -> Spot {
        let folder = if number.is_multiple_of(2) { Folder::Objects } else { Folder::Partial };
        Spot { folder, location: scrambled(number / 2) }
    }

    #[test]
    fn it_holds_what_a_map_holds() {
        let (mut index, mut model) = (Index::new(1 << 20), HashMap::new());
        for step in 0..20_000_u64 {
            let spot = spot(scrambled(step) as u64 % 700);
            if step % 3 == 0 {
                index.remove(spot);
                model.remove(&spot);
            } else {
                assert_eq!(index.insert(spot, step * 512 + 1, Tick(1), Flags::NONE), None);
                model.insert(spot, step + 1);
            }
            assert_eq!(index.objects(), model.len() as u64);
            assert_eq!(index.bytes(), model.values().sum::<u64>() * 512);
        }
        assert!((0..700).map(spot).all(|spot| index.contains(spot) == model.contains_key(&spot)));
    }

    #[test]
    fn the_ceiling_holds() {
        let mut index = Index::new(100 << 10);
        let mut pushed_out = 0;
        for number in 0..20_000 {
            pushed_out += u64::from(index.insert(spot(number), 4096, Tick(5), Flags::NONE).is_some());
        }
        assert_eq!(index.objects() + pushed_out, 20_000);
        assert!(index.parts.iter().map(|part| part.slots.len() * size_of::<Slot>()).sum::<usize>() <= 100 << 10);
        assert!(index.objects() > 3_000);
    }

    #[test]
    fn the_unused_go_first() {
        let mut index = Index::new(1 << 20);
        assert!((0..1000).all(|number| index.insert(spot(number), 4096, Tick(100), Flags::NONE).is_none()));
        (0..500).for_each(|number| index.touch(spot(number), Tick(200), 3));
        let victims = (0..300).filter_map(|_| index.take_victim(Tick(200))).collect::<Vec<_>>();
        assert_eq!(victims.len(), 300);
        let used = (0..500).map(spot).collect::<std::collections::HashSet<_>>();
        let wrong = victims.iter().filter(|victim| used.contains(&victim.spot)).count();
        assert!(wrong <= 15, "{wrong}");
    }

    #[test]
    fn pinned_objects_stay_and_new_ones_pass_by() {
        let mut index = Index::new(100 << 10);
        for number in 0..20_000 {
            let flags = Flags::NONE.with(Flags::PINNED, true);
            let victim = index.insert(spot(number), 4096, Tick(5), flags);
            assert!(victim.is_none_or(|victim| victim.spot == spot(number)));
        }
        assert!(index.objects() > 3_000);
        assert_eq!(index.take_victim(Tick(9)), None);
    }

    #[test]
    fn two_hundred_thousand_objects_take_six_megabytes() {
        let mut index = Index::new(8 << 20);
        for number in 0..200_000 {
            assert_eq!(index.insert(spot(number), 4096, Tick(5), Flags::NONE), None);
        }
        let taken: usize = index.parts.iter().map(|part| part.slots.len() * size_of::<Slot>()).sum();
        assert!(taken <= 8 << 20, "{taken}");
    }

    /// What a cache of some size does with requests, in hits and in bytes of hits.
    #[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
    struct Score {
        hits: u64,
        bytes: u64,
    }

    /// One request: what, how large, when.
    type Request = (u64, u64, Tick);

    const ROOM: u64 = 256 << 20;

    fn ours(requests: &[Request]) -> Score {
        let (mut index, mut score) = (Index::new(1 << 20), Score::default());
        for (number, bytes, now) in requests {
            if index.contains(spot(*number)) {
                score = Score { hits: score.hits + 1, bytes: score.bytes + bytes };
                index.touch(spot(*number), *now, 1);
                continue;
            }
            while index.bytes() + bytes > ROOM {
                index.take_victim(*now).unwrap();
            }
            assert_eq!(index.insert(spot(*number), *bytes, *now, Flags::NONE), None);
        }
        score
    }

    /// The least recently used goes.
    fn plain(requests: &[Request]) -> Score {
        let (mut kept, mut order) = (HashMap::new(), std::collections::BTreeMap::new());
        let (mut taken, mut score) = (0, Score::default());
        for (at, (number, bytes, _)) in requests.iter().enumerate() {
            if let Some(old) = kept.insert(*number, at) {
                order.remove(&old);
                score = Score { hits: score.hits + 1, bytes: score.bytes + bytes };
            } else {
                taken += bytes;
            }
            order.insert(at, (*number, *bytes));
            while taken > ROOM {
                let (_, (number, bytes)) = order.pop_first().unwrap();
                kept.remove(&number);
                taken -= bytes;
            }
        }
        score
    }

    /// Pages and pictures as a class asks for them (Zipf), and, where `films` says so, one film after the other that is
    /// seen once. A request each half minute.
    fn lessons(films: bool, seed: u64) -> Vec<Request> {
        let pages = 4000_u64;
        let weights: Vec<f64> = (1..=pages)
            .scan(0.0, |sum, rank| {
                *sum += 1.0 / (rank as f64).powf(0.8);
                Some(*sum)
            })
            .collect();
        let draw = |step: u64| scrambled(step ^ seed) as u64;
        let size = |number: u64| match draw(number << 32) % 100 {
            0..60 => 2_000 + draw(number << 33) % 30_000,
            60..95 => 30_000 + draw(number << 33) % 300_000,
            _ => 1_000_000 + draw(number << 33) % 4_000_000,
        };
        (0..20_000_u64)
            .map(|step| {
                let now = Tick((1 << 15) + u16::try_from(step / 8).unwrap());
                if films && step % 150 == 100 {
                    return (1_000_000 + step, (40 << 20) + draw(step) % (60 << 20), now);
                }
                let point = (draw(step) % 1_000_000) as f64 / 1e6 * weights.last().unwrap();
                let page = weights.partition_point(|sum| *sum < point) as u64;
                (page, size(page), now)
            })
            .collect()
    }

    #[test]
    fn it_is_not_worse_than_least_recently_used() {
        for seed in [1, 2, 3] {
            let requests = lessons(false, seed);
            let (ours, plain) = (ours(&requests), plain(&requests));
            assert!(ours.hits >= plain.hits && ours.bytes * 100 >= plain.bytes * 99, "{ours:?} {plain:?}");
        }
    }

    #[test]
    fn films_that_pass_through_do_not_push_out_what_is_used_each_day() {
        for seed in [1, 2, 3] {
            let requests = lessons(true, seed);
            let (ours, plain) = (ours(&requests), plain(&requests));
            assert!(ours.hits * 10 > plain.hits * 11 && ours.bytes * 10 > plain.bytes * 11, "{ours:?} {plain:?}");
        }
    }

    #[test]
    fn it_empties() {
        let mut index = Index::new(1 << 16);
        assert!((0..50).all(|number| index.insert(spot(number), 1, Tick(0), Flags::NONE).is_none()));
        assert_eq!(std::iter::from_fn(|| index.take_victim(Tick(9))).count(), 50);
        assert_eq!((index.objects(), index.bytes()), (0, 0));
    }
}
