//! What is in the store, for accounting and eviction only: serving never asks it. 21 bytes for each place and at most 24 for
//! each object, below a ceiling; an object that finds no place pushes another one out. 200,000 objects take 4.8 MB.
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
/// A part is full when this many of 16 slots are taken, …
const FULL_OF_16: usize = 15;
/// … and then grows by one in so many. What it holds is moved often for that, which nobody waits for, and little is empty.
const GROWTH: usize = 16;
/// Uses beyond this say nothing more.
const MOST_HITS: u8 = 15;

/// The key of a partial object is its location xor this: it and a complete object of its location are two.
const PARTIAL: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834;

/// A point in time for eviction, in units of four minutes: 16 bits reach half a year.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Tick(pub(super) u16);

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Slot {
    location: [u64; 2],
    /// In blocks of 512 bytes, as [`Blocks`] can say it; zero: the slot is empty.
    blocks: u32,
    used: u16,
    hits: u8,
    flags: Flags,
}

/// A slot without its location, as it is held: size, time of use, and uses beside flags.
type Packed = [u8; 5];

/// What one place takes.
const PLACE: usize = size_of::<[u64; 2]>() + size_of::<Packed>();

/// A size in 16 bits: five of exponent, eleven of fraction. Sizes are rounded up by at most one in 2,048.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Blocks(u16);

impl Blocks {
    const FRACTION: u32 = 11;

    fn of(blocks: u32) -> Blocks {
        let bits = u32::BITS - blocks.leading_zeros();
        let shift = bits.saturating_sub(Blocks::FRACTION + 1);
        // Rounded up; what spills over into the next power of two still fits.
        let fraction = u64::from(blocks).div_ceil(1 << shift);
        let (fraction, shift) =
            if fraction >> (Blocks::FRACTION + 1) != 0 { (fraction / 2, shift + 1) } else { (fraction, shift) };
        let exponent = if fraction >> Blocks::FRACTION == 0 { 0 } else { shift + 1 };
        let below = fraction & ((1 << Blocks::FRACTION) - 1);
        Blocks(u16::try_from(u64::from(exponent << Blocks::FRACTION) | below).unwrap_or(u16::MAX))
    }

    fn get(self) -> u32 {
        let (exponent, below) =
            (u32::from(self.0) >> Blocks::FRACTION, u64::from(self.0) & ((1 << Blocks::FRACTION) - 1));
        let blocks = match exponent.checked_sub(1) {
            None => below,
            Some(shift) => ((1 << Blocks::FRACTION) | below) << shift,
        };
        u32::try_from(blocks).unwrap_or(u32::MAX)
    }
}

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
    /// Of each slot, …
    locations: Vec<[u64; 2]>,
    /// … and all else of it, apart: together they would be aligned, and so larger.
    rest: Vec<Packed>,
    taken: usize,
    most: usize,
}

impl Index {
    /// `memory` bytes at the most.
    pub(super) fn new(memory: usize) -> Index {
        let most = (memory / PLACE / PARTS).max(FIRST_SLOTS);
        let part = || Part { locations: Vec::new(), rest: Vec::new(), taken: 0, most };
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
        let blocks = Blocks::of(u32::try_from(bytes.div_ceil(512)).unwrap_or(u32::MAX).max(1)).get();
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
        self.find(key(spot)).map(|(_, _, slot)| slot.flags)
    }

    pub(super) fn contains(&mut self, spot: Spot) -> bool {
        self.find(key(spot)).is_some()
    }

    pub(super) fn remove(&mut self, spot: Spot) {
        self.take(key(spot));
    }

    /// Notes that an object was used since.
    pub(super) fn touch(&mut self, spot: Spot, used: Tick, hits: u32) {
        if let Some((part, at, mut slot)) = self.find(key(spot)) {
            slot.used = slot.used.max(used.0);
            slot.hits = slot.hits.saturating_add(u8::try_from(hits).unwrap_or(MOST_HITS)).min(MOST_HITS);
            part.set(at, slot);
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

    /// The slot of an object, and where it is.
    fn find(&mut self, location: u128) -> Option<(&mut Part, usize, Slot)> {
        let [small, large] = parts_of(location);
        let number = if self.parts.get(small)?.seek(location).is_some() { small } else { large };
        let part = self.parts.get_mut(number)?;
        let at = part.seek(location)?;
        let slot = part.get(at)?;
        Some((part, at, slot))
    }

    /// xorshift: which objects are compared need not be unguessable.
    fn roll(&mut self) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice
    }
}

/// Open addressing with linear probing, where who is further from home goes first: so nobody is far from home in a table
/// that is nearly full, and who is not there is soon known. Taking out moves the followers back; there are no graves.
impl Part {
    fn has_room(&self) -> bool {
        self.taken < self.most / 16 * FULL_OF_16
    }

    fn len(&self) -> usize {
        self.locations.len()
    }

    /// `None` beyond the end; an empty slot is one without blocks.
    fn get(&self, at: usize) -> Option<Slot> {
        Some(Slot::unpack(*self.locations.get(at)?, *self.rest.get(at)?))
    }

    fn set(&mut self, at: usize, slot: Slot) {
        if let (Some(location), Some(rest)) = (self.locations.get_mut(at), self.rest.get_mut(at)) {
            (*location, *rest) = (slot.location, slot.pack());
        }
    }

    fn seek(&self, location: u128) -> Option<usize> {
        let wanted = split(location);
        let mut at = self.home(&wanted);
        for away in 0..self.len() {
            let slot = self.get(at)?;
            if slot.location == wanted && slot.blocks != 0 {
                return Some(at);
            }
            if slot.blocks == 0 || self.distance(self.home(&slot.location), at) < away {
                return None;
            }
            at = self.next(at);
        }
        None
    }

    fn put(&mut self, slot: Slot) {
        if self.taken >= self.len() / 16 * FULL_OF_16 {
            self.grow();
        }
        let (mut slot, mut at) = (slot, self.home(&slot.location));
        let mut away = 0;
        while let Some(other) = self.get(at).filter(|other| other.blocks != 0) {
            let others = self.distance(self.home(&other.location), at);
            if others < away {
                self.set(at, slot);
                (slot, away) = (other, others);
            }
            (at, away) = (self.next(at), away + 1);
        }
        self.set(at, slot);
        self.taken = self.taken.saturating_add(1);
    }

    fn take(&mut self, location: u128) -> Option<Slot> {
        let mut hole = self.seek(location)?;
        let taken = self.get(hole)?;
        self.taken = self.taken.saturating_sub(1);
        loop {
            let at = self.next(hole);
            let moves = |slot: &Slot| slot.blocks != 0 && self.home(&slot.location) != at;
            let Some(slot) = self.get(at).filter(moves) else { break };
            self.set(hole, slot);
            hole = at;
        }
        self.set(hole, Slot::default());
        Some(taken)
    }

    /// The one that is least worth its space, of a few; `None` where all are pinned.
    fn worst(&self, dice: u64, now: Tick, sample: usize) -> Option<Slot> {
        let start = usize::try_from(dice % (self.len().max(1) as u64)).unwrap_or(0);
        let may_go = |slot: &Slot| slot.blocks != 0 && !slot.flags.has(Flags::PINNED);
        let taken = (start..self.len()).chain(0..start).filter_map(|at| self.get(at)).filter(may_go);
        taken.take(sample).max_by_key(|slot| slot.worthlessness(now))
    }

    fn grow(&mut self) {
        let len = self.len() + (self.len() / GROWTH).max(FIRST_SLOTS);
        let len = len.next_multiple_of(16).min(self.most.max(FIRST_SLOTS));
        let locations = std::mem::replace(&mut self.locations, vec![[0; 2]; len]);
        let rest = std::mem::replace(&mut self.rest, vec![Packed::default(); len]);
        self.taken = 0;
        let old = locations.into_iter().zip(rest).map(|(location, rest)| Slot::unpack(location, rest));
        old.filter(|slot| slot.blocks != 0).for_each(|slot| self.put(slot));
    }

    fn home(&self, location: &[u64; 2]) -> usize {
        let spread = u128::from(location[1]) * self.len() as u128;
        usize::try_from(spread >> 64).unwrap_or(0)
    }

    fn next(&self, at: usize) -> usize {
        if at + 1 >= self.len() { 0 } else { at + 1 }
    }

    /// Steps from one slot forward to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.len() - from }
    }
}

impl Slot {
    fn unpack(location: [u64; 2], rest: Packed) -> Slot {
        let [size, larger, used, later, marks] = rest;
        Slot {
            location,
            blocks: Blocks(u16::from_le_bytes([size, larger])).get(),
            used: u16::from_le_bytes([used, later]),
            hits: marks >> 4,
            flags: Flags(marks & 15),
        }
    }

    fn pack(&self) -> Packed {
        let ([size, larger], [used, later]) = (Blocks::of(self.blocks).0.to_le_bytes(), self.used.to_le_bytes());
        [size, larger, used, later, self.hits.min(MOST_HITS) << 4 | self.flags.0 & 15]
    }

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
            let (counted, bytes) = (index.bytes(), model.values().sum::<u64>() * 512);
            assert!((bytes..=bytes + bytes / 2048).contains(&counted), "{counted} {bytes}");
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
        assert!(memory(&index) <= 100 << 10);
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

    fn memory(index: &Index) -> usize {
        let held = |part: &Part| {
            part.locations.capacity() * size_of::<[u64; 2]>() + part.rest.capacity() * size_of::<Packed>()
        };
        index.parts.iter().map(held).sum()
    }

    #[test]
    fn an_object_takes_24_bytes_at_the_most() {
        let mut index = Index::new(8 << 20);
        for number in 0..200_000 {
            assert_eq!(index.insert(spot(number), 4096, Tick(5), Flags::NONE), None);
            // Fewer have what is set aside at first.
            if number >= 40_000 && number % 97 == 0 {
                let objects = usize::try_from(index.objects()).unwrap();
                let large = LARGE_PARTS * FIRST_SLOTS * PLACE;
                assert!(memory(&index) <= 24 * objects + large, "{} for {objects}", memory(&index));
            }
        }
    }

    #[test]
    fn sizes_are_rounded_up_a_little() {
        let edges =
            (0..32).flat_map(|bit| [1_u32 << bit, (1 << bit) - 1, (1 << bit) + 1, (1 << bit) | (1 << bit >> 5)]);
        for blocks in (0..5000).chain(edges).chain((0..5000).map(|step| scrambled(step) as u32)) {
            let held = Blocks::of(blocks).get();
            let most = u64::from(blocks) + u64::from(blocks) / 2048;
            assert!(held >= blocks && u64::from(held) <= most, "{blocks}: {held}");
            assert_eq!(Blocks::of(held).get(), held, "{blocks}");
            assert_eq!(held == 0, blocks == 0);
        }
    }

    #[test]
    fn a_slot_is_unpacked_as_it_was_packed() {
        for number in 0..1000_u64 {
            let [low, high] = split(scrambled(number));
            let blocks = Blocks::of(low as u32 >> (high % 32)).get();
            let slot = Slot {
                location: [low, high],
                blocks,
                used: high as u16,
                hits: low as u8 & 15,
                flags: Flags(high as u8 & 7),
            };
            assert_eq!(Slot::unpack(slot.location, slot.pack()), slot);
        }
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
