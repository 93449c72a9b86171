//! What goes on behind the requests: counting what is there, keeping within the limits, syncing, and coming back from
//! trouble. A step at a time, so that the thread that does it never holds anything for long.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::disk::{Folder, Listed, SHELVES};
use super::index::{Flags, Tick, Victim};
use super::space::Health;
use super::sweep::Sweep;
use super::{Store, lock};
use crate::base::{Mono, Now};

/// Between two folders while counting: 256 of each kind take a few seconds, and serving has the card in between.
const COUNTING_PAUSE: Duration = Duration::from_millis(20);
/// Between two looks when all is well.
const IDLE_PAUSE: Duration = Duration::from_secs(1);
/// Between two tries to write to a card that failed.
const RETRY: Duration = Duration::from_secs(5);
/// Objects in the trial file that shows whether the card takes writes again.
const TRIAL: [u8; 4096] = [0; 4096];
/// Room that must be there before a full store takes writes again, so that it does not change its mind at each object.
const TRIAL_ROOM: u64 = 1 << 20;

/// Where the background work of a store stands. Held by the one who does it.
#[derive(Default)]
pub(in crate::cache) struct Upkeep {
    next_shelf: u16,
    synced: Mono,
    tried: Mono,
    sweep: Option<Sweep>,
}

impl Store {
    /// One step. Gives the time until the next is wanted.
    pub(in crate::cache) fn upkeep(&self, state: &mut Upkeep, sync: Duration, now: Now) -> Duration {
        self.books().tick = Tick::at(now.mono);
        self.sync_if_due(state, sync, now.mono);
        self.recover_if_due(state, now.mono);
        if state.next_shelf < SHELVES {
            self.count(Folder::Objects, state.next_shelf, now);
            self.count(Folder::Partial, state.next_shelf, now);
            state.next_shelf += 1;
            self.books().counted = state.next_shelf == SHELVES;
            return COUNTING_PAUSE;
        }
        // Others fill the card too.
        let _ = self.make_room(0);
        if self.sweep(&mut state.sweep) { COUNTING_PAUSE } else { IDLE_PAUSE }
    }

    /// At most `sync` of work is lost in a power cut: what has come before one sync is entered after it, and the entries
    /// are on the card with the next.
    fn sync_if_due(&self, state: &mut Upkeep, sync: Duration, now: Mono) {
        if now.since(state.synced) >= sync / 2 && self.unsynced.swap(false, Ordering::Relaxed) {
            state.synced = now;
            if let Err(error) = self.sync() {
                self.wrote();
                self.note(&error);
            }
        }
    }

    fn sync(&self) -> io::Result<()> {
        let handed_in = self.handed_in();
        let changed = std::mem::take(&mut *lock(&self.changed));
        self.disk.sync().inspect_err(|_| lock(&self.changed).extend(&changed))?;
        self.write_new_purges()?;
        handed_in.iter().try_for_each(|(open, handed)| open.write_down(handed))
    }

    fn recover_if_due(&self, state: &mut Upkeep, now: Mono) {
        if self.takes_writes() || now.since(state.tried) < RETRY {
            return;
        }
        state.tried = now;
        if !self.disk.is_there() {
            self.set_health(Health::Gone);
            return;
        }
        match self.trial() {
            Ok(()) => {
                self.set_health(Health::Good);
                self.remove_disowned();
            }
            Err(error) => self.note(&error),
        }
    }

    fn trial(&self) -> io::Result<()> {
        self.make_room(TRIAL_ROOM)?;
        let (file, temp) = self.disk.create()?;
        let written = self.disk.write_at(&file, &TRIAL, 0).and_then(|()| self.disk.sync_file(&file));
        self.disk.discard(&temp)?;
        written
    }

    /// Enters what lies in one folder and is not known yet.
    fn count(&self, folder: Folder, shelf: u16, now: Now) {
        let Ok(listed) = self.disk.list(folder, shelf) else { return };
        for found in listed {
            let idle = u64::try_from(now.wall.as_seconds().saturating_sub(found.used)).unwrap_or(0);
            let victim = self.count_one(&found, Tick::before_start(idle));
            if let Some(victim) = victim {
                self.remove(victim.spot);
                self.evicted.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn count_one(&self, found: &Listed, used: Tick) -> Option<Victim> {
        let location = found.spot.location;
        // Declared first, to be let go of when the stripe is free again.
        let open;
        let _guard = self.stripe(location);
        open = self.draft_of(location).filter(|_| found.spot.folder == Folder::Partial);
        // What is being written has its room already.
        let known = open.as_ref().is_some_and(|open| open.is_being_written());
        let mut books = self.books();
        if known || books.index.contains(found.spot) {
            return None;
        }
        books.index.insert(found.spot, found.bytes, used, Flags::UNREAD)
    }
}
