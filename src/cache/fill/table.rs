//! The fills under way, and the keys whose answers lately were for nobody but the one who asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Ended, Shared};
use crate::base::Mono;
use crate::cache::key::Key;
use crate::cache::store::purge::What;
use crate::http::Fields;

/// More fills at the same time than this do not find each other any more; 1024 is what a link of 100 Mbit/s with 1 s of
/// round trip could have under way.
const MOST_FILLS: usize = 1024;
/// Objects that are partly there and open; beyond, idle ones are closed: each holds a file.
const MOST_OPEN: usize = 64;
/// Keys that are remembered as not worth waiting for. One that falls on another's place takes it.
const REMEMBERED: usize = 1024;
/// What is remembered of a key's ranges stands in a place of its own.
const RANGES: u128 = 0x2c1b_3c6d_297a_2d39_9e37_79b1_85eb_ca87;
/// For so long.
const REMEMBER_FOR: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(in crate::cache) struct Table(Mutex<Fills>);

struct Fills {
    by_key: HashMap<u128, Arc<Shared>>,
    /// Those that turned out to have `Vary`, by the hash of their key: whoever has the same values may follow.
    varied: HashMap<u128, Vec<Arc<Shared>>>,
    alone: Box<[(u128, Mono)]>,
    /// Those that may write where their object is kept, by that place: one at a time.
    claims: HashMap<u128, Arc<Shared>>,
}

/// What a request is to a fill.
pub(in crate::cache) enum Joined {
    /// It asks, and others may follow.
    Lead(Arc<Shared>),
    /// It asks for itself: answers to this key were not for others a moment ago.
    Alone(Arc<Shared>),
    Follow(Arc<Shared>),
}

impl Table {
    /// `fill_key` is where the answer will be, as far as that is known yet.
    pub(in crate::cache) fn join(&self, key: &Key<'_>, fill_key: u128, request: Fields<'_>, now: Mono) -> Joined {
        let mut fills = self.lock();
        if let Some(found) = fills.find(key, fill_key, request) {
            return Joined::Follow(found);
        }
        if fills.is_taken(fill_key) || fills.is_remembered(fill_key, now) {
            return Joined::Alone(Table::private(key, fill_key));
        }
        let shared = Arc::new(Shared::new(key.hash(), key.text(), fill_key, false));
        fills.by_key.insert(fill_key, Arc::clone(&shared));
        Joined::Lead(shared)
    }

    /// The same for one who saw an object that is partly there. `Lead`: it is to be opened, and nobody else writes there.
    pub(in crate::cache) fn reopen(
        &self,
        key: &Key<'_>,
        fill_key: u128,
        location: u128,
        request: Fields<'_>,
    ) -> Joined {
        let mut fills = self.lock();
        if let Some(found) = fills.find(key, fill_key, request) {
            return Joined::Follow(found);
        }
        if fills.is_taken(fill_key) || fills.claims.contains_key(&location) {
            return Joined::Alone(Table::private(key, fill_key));
        }
        let shared = Arc::new(Shared::new(key.hash(), key.text(), fill_key, false));
        fills.by_key.insert(fill_key, Arc::clone(&shared));
        fills.claim(location, &shared);
        Joined::Lead(shared)
    }

    /// Takes the place where an object is kept; `false`: somebody else writes there.
    pub(super) fn claim(&self, location: u128, shared: &Arc<Shared>) -> bool {
        self.lock().claim(location, shared)
    }

    /// Nobody can join it any more, and it writes no more.
    pub(super) fn release(&self, shared: &Shared) {
        let mut fills = self.lock();
        fills.take(shared);
        let claim = shared.state().claim.take();
        if let Some(location) = claim {
            fills.claims.remove(&location);
        }
    }

    /// Another representation comes in the place of what was under way.
    pub(super) fn replace(&self, old: &Shared, new: &Arc<Shared>) {
        self.release(old);
        let mut fills = self.lock();
        if !fills.is_taken(new.fill_key) {
            fills.by_key.insert(new.fill_key, Arc::clone(new));
        }
    }

    /// Whether somebody writes where an object is kept, or reads from what is there in part.
    pub(in crate::cache) fn is_claimed(&self, location: u128) -> bool {
        self.lock().claims.contains_key(&location)
    }

    /// Whether no more idle objects should stay open.
    pub(super) fn is_crowded(&self) -> bool {
        self.lock().claims.len() > MOST_OPEN
    }

    /// All that is written where it is kept.
    pub(in crate::cache) fn kept(&self) -> Vec<Arc<Shared>> {
        self.lock().claims.values().map(Arc::clone).collect()
    }

    /// A fill that a request could follow.
    pub(in crate::cache) fn find(&self, key: &Key<'_>, fill_key: u128, request: Fields<'_>) -> Option<Arc<Shared>> {
        self.lock().find(key, fill_key, request)
    }

    pub(in crate::cache) fn is_remembered(&self, fill_key: u128, now: Mono) -> bool {
        self.lock().is_remembered(fill_key, now)
    }

    /// A fill that nobody can find.
    pub(in crate::cache) fn private(key: &Key<'_>, fill_key: u128) -> Arc<Shared> {
        Arc::new(Shared::new(key.hash(), key.text(), fill_key, true))
    }

    /// From now on it is found by those who have the same selecting values, and its place is free for other variants.
    pub(super) fn file_as_variant(&self, shared: &Arc<Shared>) {
        let mut fills = self.lock();
        if fills.take(shared) {
            fills.varied.entry(shared.primary).or_default().push(Arc::clone(shared));
        }
    }

    /// Nobody can join it any more.
    pub(super) fn remove(&self, shared: &Shared) {
        self.lock().take(shared);
    }

    /// It was begun for something that somebody else's fill has brought meanwhile.
    pub(in crate::cache) fn withdraw(&self, shared: &Arc<Shared>) {
        self.release(shared);
        shared.end(Ended::LookAgain);
    }

    /// For some seconds, requests for this key will not wait for each other.
    pub(super) fn remember_alone(&self, fill_key: u128, now: Mono) {
        let mut fills = self.lock();
        if let Some(place) = fills.place(fill_key) {
            *place = (fill_key, now.after(REMEMBER_FOR));
        }
    }

    /// The same for ranges: they could not be kept.
    pub(super) fn remember_no_ranges(&self, fill_key: u128, now: Mono) {
        self.remember_alone(fill_key ^ RANGES, now);
    }

    pub(in crate::cache) fn is_without_ranges(&self, fill_key: u128, now: Mono) -> bool {
        self.is_remembered(fill_key ^ RANGES, now)
    }

    /// All fills of a key are for those who already follow; what they bring is stale. Gives them.
    pub(in crate::cache) fn invalidate(&self, primary: u128) -> Vec<Arc<Shared>> {
        let mut fills = self.lock();
        let mut gone: Vec<Arc<Shared>> = fills.varied.remove(&primary).unwrap_or_default();
        gone.extend(fills.by_key.extract_if(|_, shared| shared.primary == primary).map(|(_, shared)| shared));
        drop(fills);
        gone.iter().for_each(|shared| shared.note_invalidated());
        gone
    }

    /// Fills that a purge is for, or could be for, are for those who already follow. What they bring is compared with the
    /// purge when it is stored. Gives them.
    pub(in crate::cache) fn purge(&self, what: &[What]) -> Vec<Arc<Shared>> {
        let mut fills = self.lock();
        let mut gone: Vec<Arc<Shared>> =
            fills.by_key.extract_if(|_, shared| shared.is_meant(what)).map(|(_, shared)| shared).collect();
        for list in fills.varied.values_mut() {
            gone.extend(list.extract_if(.., |shared| shared.is_meant(what)));
        }
        fills.varied.retain(|_, list| !list.is_empty());
        gone
    }

    pub(in crate::cache) fn count(&self) -> usize {
        self.lock().count()
    }

    /// Without those at which nobody is.
    pub(in crate::cache) fn under_way(&self) -> usize {
        let fills = self.lock();
        let all = fills.by_key.values().chain(fills.varied.values().flatten());
        all.filter(|shared| !shared.state().is_idle()).count()
    }

    fn lock(&self) -> MutexGuard<'_, Fills> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fills {
    fn find(&self, key: &Key<'_>, fill_key: u128, request: Fields<'_>) -> Option<Arc<Shared>> {
        let same_key = |shared: &&Arc<Shared>| shared.primary == key.hash() && key.is(&shared.key);
        let varied = self.varied.get(&key.hash()).into_iter().flatten();
        let mut varied = varied.filter(same_key).filter(|shared| shared.is_selected_by(request));
        varied.next().or_else(|| self.by_key.get(&fill_key).filter(same_key)).map(Arc::clone)
    }

    fn count(&self) -> usize {
        self.by_key.len() + self.varied.values().map(Vec::len).sum::<usize>()
    }

    fn is_taken(&self, fill_key: u128) -> bool {
        self.by_key.contains_key(&fill_key) || self.count() >= MOST_FILLS
    }

    fn claim(&mut self, location: u128, shared: &Arc<Shared>) -> bool {
        let free = !self.claims.contains_key(&location);
        if free {
            self.claims.insert(location, Arc::clone(shared));
            shared.state().claim = Some(location);
        }
        free
    }

    fn take(&mut self, shared: &Shared) -> bool {
        let same = |other: &Arc<Shared>| std::ptr::eq(Arc::as_ptr(other), shared);
        if self.by_key.get(&shared.fill_key).is_some_and(same) {
            return self.by_key.remove(&shared.fill_key).is_some();
        }
        let Some(list) = self.varied.get_mut(&shared.primary) else { return false };
        let before = list.len();
        list.retain(|other| !same(other));
        let found = list.len() < before;
        if list.is_empty() {
            self.varied.remove(&shared.primary);
        }
        found
    }

    fn is_remembered(&self, fill_key: u128, now: Mono) -> bool {
        let index = usize::try_from(fill_key % REMEMBERED as u128).unwrap_or(0);
        self.alone.get(index).is_some_and(|(key, until)| *key == fill_key && *until > now)
    }

    fn place(&mut self, fill_key: u128) -> Option<&mut (u128, Mono)> {
        self.alone.get_mut(usize::try_from(fill_key % REMEMBERED as u128).ok()?)
    }
}

impl Default for Fills {
    fn default() -> Fills {
        let alone = vec![(0, Mono::default()); REMEMBERED].into();
        Fills { by_key: HashMap::new(), varied: HashMap::new(), alone, claims: HashMap::new() }
    }
}
