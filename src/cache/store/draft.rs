//! Writing larger answers, piece by piece and by several hands. What can be resumed lies in the folder of partial objects
//! from its beginning and stays there when the work is interrupted; the rest is made in the folder of unfinished files.
//! When all of it is there, it is put in its place in one step; whatever happens before that, the earlier object stays.
//!
//! Data goes to the card as it comes. The entries that say so wait in RAM until the data was synced: an entry that covers
//! more than the one it replaces must not be there without its bytes, or a power cut would cost what was safe before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, Weak};

use super::change::Renewal;
use super::disk::{Spot, TempName, is_linked};
use super::format::{Entry, HEAD_AREA, HeadPlace, Identity, Kind, Layout, Marks, SLOT_A, Superblock};
use super::open::{Believed, Bytes, MOST_CHUNKS, Opened, believe, read_exactly, whole};
use super::partial::Run;
use super::record::HeadRecord;
use super::space::Reservation;
use super::{Epoch, Store, lock};
use crate::base::Wall;

/// Room is taken in steps that grow with the file, from the least to the most: few books to keep, little to give back.
const LEAST_STEP: u64 = 256 << 10;
const MOST_STEP: u64 = 4 << 20;
/// At most this part of the store in one step: room is taken from others before it is known to be needed.
const STEPS_OF_STORE: u64 = 16;

/// What a new object is to be.
#[derive(Clone)]
pub(in crate::cache) struct Plan {
    pub(in crate::cache) location: u128,
    /// Where the list of variants is, for an answer with `Vary`.
    pub(in crate::cache) primary: u128,
    pub(in crate::cache) marks: Marks,
    pub(in crate::cache) received: Wall,
    /// In milliseconds.
    pub(in crate::cache) initial_age: u64,
    /// When the upstream was asked.
    pub(in crate::cache) epoch: Epoch,
    pub(in crate::cache) record: HeadRecord,
}

/// An object that is being written, or can be. All who have one of a location share what they know of it. With the last
/// of them an unfinished file goes; a partial object stays if at least one byte of it was entered. One that was opened
/// and not changed is left as it is.
pub(in crate::cache) struct Draft {
    pub(super) open: Arc<Open>,
}

/// What the drafts of one file share.
pub(super) struct Open {
    pub(super) store: Arc<Store>,
    file: Arc<File>,
    pub(super) identity: Identity,
    layout: Layout,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) home: Home,
    pub(super) plan: Plan,
    pub(super) body_len: Option<u64>,
    pub(super) entries: BTreeMap<u64, Entry>,
    /// Chunks of which the card says something else than `entries`.
    unwritten: BTreeSet<u64>,
    /// One of these covers bytes that the card says are there already.
    replaces: bool,
    /// Head, marks, times or length are others than on the card.
    renewed: bool,
    /// `None`: only read so far, and counted as any object.
    room: Option<Room>,
}

/// Where the file is.
#[derive(Debug)]
pub(super) enum Home {
    Unfinished(TempName),
    Partial,
    /// Not ours any more: finished, replaced, or removed.
    Over,
}

struct Room {
    reservation: Reservation,
    used: u64,
}

/// What was handed in before a sync, and may be written after it.
pub(super) struct HandedIn {
    chunks: BTreeSet<u64>,
    renewed: bool,
}

impl Store {
    /// Begins an answer that is written in pieces. `resumable`: what came of it is kept when the work is interrupted. An
    /// earlier partial object of this location goes.
    pub(in crate::cache) fn begin(
        self: &Arc<Store>,
        plan: Plan,
        body_len: Option<u64>,
        resumable: bool,
    ) -> io::Result<Draft> {
        let head = plan.record.encode().ok_or(io::ErrorKind::InvalidInput)?;
        let block = superblock(&plan, Kind::Answer, &head, body_len, self.chunk_log2);
        if body_len.is_some_and(|len| block.layout.chunks(len) > MOST_CHUNKS) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let reservation = self.reserve(block.layout.place(0))?;
        let (file, temp) = self.disk.create()?;
        let state = State {
            home: Home::Unfinished(temp),
            plan,
            body_len,
            entries: BTreeMap::new(),
            unwritten: BTreeSet::new(),
            replaces: false,
            renewed: false,
            room: Some(Room { used: reservation.bytes(), reservation }),
        };
        let location = state.plan.location;
        let open = Open {
            store: Arc::clone(self),
            file: Arc::new(file),
            identity: block.identity(location),
            layout: block.layout,
            state: Mutex::new(state),
        };
        self.disk.write_at(&open.file, &head, block.head.offset)?;
        self.disk.write_at(&open.file, &block.encode(location), SLOT_A)?;
        let draft = Draft { open: Arc::new(open) };
        if resumable {
            self.settle_in(&draft.open)?;
        }
        Ok(draft)
    }

    /// Puts a new draft among the partial objects, where it is found again.
    fn settle_in(self: &Arc<Store>, open: &Arc<Open>) -> io::Result<()> {
        let location = open.identity.location;
        // Declared first, to be let go of when the stripe is free again.
        let replaced;
        let guard = self.stripe(location);
        replaced = self.draft_of(location);
        let mut state = lock(&open.state);
        if let Home::Unfinished(temp) = &state.home {
            self.disk.publish(temp, Spot::partial(location))?;
        }
        state.home = Home::Partial;
        let plan = state.plan.clone();
        drop(state);
        if let Some(replaced) = &replaced {
            replaced.end();
        }
        lock(&self.drafts).insert(location, Arc::downgrade(open));
        self.books().index.remove(Spot::partial(location));
        drop(guard);
        self.wrote();
        self.list_partial_variant(&plan)
    }

    /// What the drafts hold that is not on the card yet.
    pub(super) fn handed_in(&self) -> Vec<(Arc<Open>, HandedIn)> {
        let open: Vec<_> = lock(&self.drafts).values().filter_map(Weak::upgrade).collect();
        open.into_iter().filter_map(|open| open.hand_in().map(|handed| (open, handed))).collect()
    }
}

impl Draft {
    pub(in crate::cache) fn file(&self) -> &Arc<File> {
        &self.open.file
    }

    pub(in crate::cache) fn layout(&self) -> Layout {
        self.open.layout
    }

    pub(in crate::cache) fn identity(&self) -> Identity {
        self.open.identity
    }

    pub(in crate::cache) fn body_len(&self) -> Option<u64> {
        lock(&self.open.state).body_len
    }

    /// The length has become known. One that is known stays.
    pub(in crate::cache) fn set_body_len(&self, body_len: u64) {
        let mut state = lock(&self.open.state);
        if state.body_len.is_none() {
            state.body_len = Some(body_len);
            state.renewed = true;
        }
    }

    /// What is entered, in order.
    #[cfg(any(test, feature = "doors"))]
    pub(in crate::cache) fn present(&self) -> Vec<Run> {
        lock(&self.open.state).entries.iter().map(|(chunk, entry)| Run::of(*chunk, entry)).collect()
    }

    /// Writes body bytes, wherever they belong.
    pub(in crate::cache) fn write(&self, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
        let Open { store, file, layout, .. } = &*self.open;
        let most = self.body_len().unwrap_or(u64::MAX).min(MOST_CHUNKS * layout.chunk_len());
        if at.checked_add(bytes.len() as u64).is_none_or(|end| end > most) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.open.take_room(bytes.len() as u64)?;
        while !bytes.is_empty() {
            let run = usize::try_from(layout.run(at)).unwrap_or(usize::MAX).min(bytes.len());
            let (here, rest) = bytes.split_at_checked(run).unwrap_or((bytes, &[]));
            store.disk.write_at(file, here, layout.place(at))?;
            (at, bytes) = (at + here.len() as u64, rest);
        }
        store.wrote();
        Ok(())
    }

    /// Enters a run, all of whose bytes are written. Of each chunk the longest is kept.
    pub(in crate::cache) fn enter(&self, run: Run) {
        let fits = run.entry().end() <= self.open.layout.chunk_len() && run.len > 0 && run.chunk < MOST_CHUNKS;
        let mut state = lock(&self.open.state);
        if fits && state.entries.get(&run.chunk).is_none_or(|entry| entry.len < run.len) {
            let earlier = state.entries.insert(run.chunk, run.entry());
            let is_news = state.unwritten.insert(run.chunk);
            state.replaces |= is_news && earlier.is_some();
            self.open.store.wrote();
        }
    }

    /// Reads a run back. One that does not match is taken out.
    pub(in crate::cache) fn verify(&self, run: Run) -> bool {
        let Open { store, file, identity, layout, .. } = &*self.open;
        let place = layout.place(run.chunk * layout.chunk_len() + u64::from(run.start));
        let bytes = usize::try_from(run.len).map_err(io::Error::other).and_then(|len| read_exactly(file, place, len));
        let sound = bytes.is_ok_and(|bytes| identity.checksum(run.chunk, run.start, &bytes) == run.checksum);
        let mut state = lock(&self.open.state);
        if !sound && state.entries.get(&run.chunk) == Some(&run.entry()) {
            state.entries.remove(&run.chunk);
            state.unwritten.insert(run.chunk);
            store.count_damage();
        }
        sound
    }

    /// Brings what was written and entered to the card now. [`Store::upkeep`] does it for all drafts, from time to time.
    pub(in crate::cache) fn sync(&self) -> io::Result<()> {
        let handed = self.open.hand_in();
        self.open.store.disk.sync_file(&self.open.file)?;
        handed.map_or(Ok(()), |handed| self.open.write_down(&handed))
    }

    /// Another head or other times, as of a 304 or 206.
    pub(in crate::cache) fn renew(&self, renewal: &Renewal) -> io::Result<()> {
        renewal.record.encode().ok_or(io::ErrorKind::InvalidInput)?;
        let mut state = lock(&self.open.state);
        state.plan.record = renewal.record.clone();
        state.plan.marks = Marks { complete: false, ..renewal.marks };
        (state.plan.received, state.plan.initial_age) = (renewal.received, renewal.initial_age);
        state.renewed = true;
        self.open.store.wrote();
        Ok(())
    }

    /// Makes the object complete and puts it in its place. All chunks must be entered.
    pub(in crate::cache) fn finish(&self, body_len: u64, trailers: &[u8]) -> io::Result<Opened> {
        let Open { store, file, identity, layout, .. } = &*self.open;
        self.open.take_room(trailers.len() as u64)?;
        let guard = store.stripe(identity.location);
        let mut state = lock(&self.open.state);
        if state.body_len.is_some_and(|known| known != body_len) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let checksums = whole(&state.entries, layout, body_len).ok_or(io::ErrorKind::InvalidInput)?;
        state.renewed |= state.body_len.is_none();
        state.body_len = Some(body_len);
        if !trailers.is_empty() {
            state.plan.record.trailers = trailers.into();
        }
        let block = self.open.complete(&mut state)?;
        let plan = state.plan.clone();
        let room = state.room.take();
        drop((state, guard));
        drop(room);
        store.published(identity.location, file, plan.marks.pinned);
        store.list_variant(&plan)?;
        let bytes = Bytes::File { file: Arc::clone(file), layout: *layout, checksums };
        Ok(store.not_purged(opened(plan, &block, body_len, bytes)))
    }
}

impl Open {
    pub(super) fn reopened(
        store: &Arc<Store>,
        file: File,
        found: &Believed,
        plan: Plan,
        entries: BTreeMap<u64, Entry>,
    ) -> Open {
        let state = State {
            home: Home::Partial,
            plan,
            body_len: found.block.body_len,
            entries,
            unwritten: BTreeSet::new(),
            replaces: false,
            renewed: false,
            room: None,
        };
        let identity = found.block.identity(state.plan.location);
        Open {
            store: Arc::clone(store),
            file: Arc::new(file),
            identity,
            layout: found.block.layout,
            state: Mutex::new(state),
        }
    }

    /// What is known of it; `None` if it is not ours any more.
    pub(super) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> Option<T> {
        let state = lock(&self.state);
        let ours = !matches!(state.home, Home::Over) && is_linked(&self.file);
        ours.then(|| look(&state))
    }

    /// Somebody else's from here on. For the holder of the stripe.
    pub(super) fn end(&self) {
        let mut state = lock(&self.state);
        state.home = Home::Over;
        state.room = None;
    }

    /// RFC 9111 §4.4.
    pub(super) fn invalidate(&self) {
        let mut state = lock(&self.state);
        state.plan.marks.invalidated = true;
        state.renewed = true;
        self.store.wrote();
    }

    pub(super) fn is_being_written(&self) -> bool {
        lock(&self.state).room.is_some()
    }

    /// Takes room for so many bytes more.
    fn take_room(self: &Arc<Open>, bytes: u64) -> io::Result<()> {
        self.claim()?;
        let mut state = lock(&self.state);
        let Some(room) = &mut state.room else { return Err(over()) };
        room.used = room.used.saturating_add(bytes);
        let missing = room.used.saturating_sub(room.reservation.bytes());
        if missing == 0 {
            return Ok(());
        }
        let most = (self.store.size() / STEPS_OF_STORE).clamp(LEAST_STEP, MOST_STEP);
        let step = missing.max(room.reservation.bytes().clamp(LEAST_STEP, most));
        drop(state);
        let more = self.store.reserve(step)?;
        if let Some(room) = &mut lock(&self.state).room {
            room.reservation.absorb(more);
        }
        Ok(())
    }

    /// From its first change on an object belongs to those who write it and is not evicted.
    fn claim(&self) -> io::Result<()> {
        let location = self.identity.location;
        if self.is_being_written() {
            return Ok(());
        }
        let _guard = self.store.stripe(location);
        let mut state = lock(&self.state);
        if matches!(state.home, Home::Over) || !is_linked(&self.file) {
            state.home = Home::Over;
            return Err(over());
        }
        if state.room.is_none() {
            let used = self.store.disk.bytes_of(&self.file)?;
            let reservation = self.store.reserve_known(Spot::partial(location), used);
            state.room = Some(Room { reservation, used });
        }
        Ok(())
    }

    fn hand_in(&self) -> Option<HandedIn> {
        let state = lock(&self.state);
        let anything = !state.unwritten.is_empty() || state.renewed;
        anything.then(|| HandedIn { chunks: state.unwritten.clone(), renewed: state.renewed })
    }

    /// Writes the entries of chunks whose bytes were synced, and what else was handed in.
    pub(super) fn write_down(&self, handed: &HandedIn) -> io::Result<()> {
        let _guard = self.store.stripe(self.identity.location);
        let mut state = lock(&self.state);
        if matches!(state.home, Home::Over) {
            return Ok(());
        }
        self.write_entries(&mut state, &handed.chunks)?;
        if handed.renewed && state.renewed {
            self.write_block(&mut state, false)?;
        }
        let used = self.store.disk.bytes_of(&self.file)?;
        if let Some(room) = &mut state.room {
            room.used = used;
            room.reservation.settle(room.reservation.bytes().min(used.saturating_add(MOST_STEP)).max(used));
        }
        self.store.wrote();
        Ok(())
    }

    /// Writes what the tables say of these chunks, as far as it is not written yet.
    fn write_entries(&self, state: &mut State, chunks: &BTreeSet<u64>) -> io::Result<()> {
        let mut wanted = chunks.intersection(&state.unwritten).copied().peekable();
        let mut written = Vec::new();
        while let Some(first) = wanted.next() {
            let of = |chunk: u64| state.entries.get(&chunk).map_or([0; Entry::LEN], Entry::encode);
            let mut bytes = of(first).to_vec();
            let mut next = first + 1;
            let end = first + self.layout.chunks_of_table(first);
            while next < end && wanted.next_if_eq(&next).is_some() {
                bytes.extend_from_slice(&of(next));
                next += 1;
            }
            self.store.disk.write_at(&self.file, &bytes, self.layout.entry(first))?;
            written.extend(first..next);
        }
        written.iter().for_each(|chunk| {
            state.unwritten.remove(chunk);
        });
        state.replaces &= !state.unwritten.is_empty();
        Ok(())
    }

    /// Writes the superblock that says what is known now, and before it the head where that is another one.
    fn write_block(&self, state: &mut State, complete: bool) -> io::Result<Superblock> {
        let location = self.identity.location;
        let found = believe(&self.file, location).ok_or_else(over)?;
        let plan = &state.plan;
        let head = plan.record.encode().ok_or(io::ErrorKind::InvalidInput)?;
        let mut block = Superblock {
            marks: Marks { complete, ..plan.marks },
            received: plan.received,
            initial_age: plan.initial_age,
            body_len: state.body_len,
            ..found.block
        };
        let head = if head == found.record {
            None
        } else {
            block.head = head_place(&block, location, &head).ok_or(io::ErrorKind::InvalidInput)?;
            Some(head)
        };
        self.store.write_change(&self.file, location, &found, &mut block, head.as_deref())?;
        state.renewed = false;
        Ok(block)
    }

    /// Writes what is still missing and puts the file in its place. For the holder of the stripe.
    fn complete(&self, state: &mut State) -> io::Result<Superblock> {
        let (store, location) = (&self.store, self.identity.location);
        if matches!(state.home, Home::Over) || !is_linked(&self.file) {
            return Err(over());
        }
        self.write_all_entries(state)?;
        let block = self.write_block(state, true)?;
        let to = Spot::object(location);
        store.sync_before_replacing(to, &self.file)?;
        match &state.home {
            Home::Unfinished(temp) => store.disk.publish(temp, to)?,
            Home::Partial => store.disk.shift(Spot::partial(location), to)?,
            Home::Over => return Err(over()),
        }
        state.home = Home::Over;
        state.plan.marks.complete = true;
        lock(&store.drafts).retain(|_, draft| !std::ptr::eq(draft.as_ptr(), self));
        Ok(block)
    }

    /// The last one leaves a partial object.
    fn leave(&self) {
        let (store, location) = (&self.store, self.identity.location);
        let spot = Spot::partial(location);
        let guard = store.stripe(location);
        let ours = lock(&store.drafts).get(&location).is_some_and(|draft| std::ptr::eq(draft.as_ptr(), self));
        if !ours {
            return;
        }
        lock(&store.drafts).remove(&location);
        let mut state = lock(&self.state);
        let changed = state.room.is_some() || state.renewed || !state.unwritten.is_empty();
        if !changed || !is_linked(&self.file) {
            return;
        }
        state.room = None;
        if state.entries.is_empty() {
            store.remove_guarded(spot);
            return;
        }
        let flags = state.plan.marks.flags();
        let entered = state.entries.values().map(|entry| u64::from(entry.len)).sum();
        let written = self.write_all(&mut state);
        drop((state, guard));
        if let Err(error) = written {
            store.note(&error);
        }
        store.enter(spot, store.disk.bytes_of(&self.file).unwrap_or(0).max(entered), flags);
    }

    /// Writes what is known and not on the card yet.
    fn write_all(&self, state: &mut State) -> io::Result<()> {
        self.write_all_entries(state)?;
        if state.renewed {
            self.write_block(state, false)?;
        }
        Ok(())
    }

    fn write_all_entries(&self, state: &mut State) -> io::Result<()> {
        if state.replaces {
            self.store.disk.sync_file(&self.file)?;
        }
        let all = state.unwritten.clone();
        self.write_entries(state, &all)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let state = lock(&self.state);
        match &state.home {
            Home::Over => {}
            Home::Unfinished(temp) => {
                let _ = self.store.disk.discard(temp);
            }
            Home::Partial => {
                drop(state);
                self.leave();
            }
        }
    }
}

/// The draft is not ours any more. Says nothing about the card.
fn over() -> io::Error {
    io::Error::other("the stored object was replaced or removed meanwhile")
}

/// The first superblock of an object, its head record right behind the superblocks.
pub(super) fn superblock(plan: &Plan, kind: Kind, head: &[u8], body_len: Option<u64>, chunk_log2: u8) -> Superblock {
    let generation = super::new_generation();
    let identity = Identity { location: plan.location, generation };
    let len = u32::try_from(head.len()).unwrap_or(u32::MAX);
    Superblock {
        kind,
        sequence: 1,
        generation,
        marks: plan.marks,
        head: HeadPlace { offset: HEAD_AREA, len, checksum: identity.head_checksum(head) },
        layout: Layout::new(len, body_len, chunk_log2),
        body_len,
        received: plan.received,
        initial_age: plan.initial_age,
        epoch: plan.epoch.number(),
    }
}

/// Where a new head record of an object goes, if there is room for it.
pub(super) fn head_place(block: &Superblock, location: u128, head: &[u8]) -> Option<HeadPlace> {
    let len = u32::try_from(head.len()).ok()?;
    let checksum = block.identity(location).head_checksum(head);
    Some(HeadPlace { offset: block.room_for_head(len)?, len, checksum })
}

pub(super) fn opened(plan: Plan, block: &Superblock, body_len: u64, bytes: Bytes) -> Opened {
    Opened {
        identity: block.identity(plan.location),
        marks: block.marks,
        received: plan.received,
        initial_age: plan.initial_age,
        epoch: block.epoch,
        judged: block.epoch,
        record: plan.record,
        body_len,
        bytes,
    }
}
