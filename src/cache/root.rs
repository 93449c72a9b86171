//! The cache of the process: the table of hot objects, the fills, the store behind them, and its look-ups.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use smol::lock::Semaphore;

use super::fill::{Asker, Fill, Joined, Table};
use super::hit::Hit;
use super::hot::{Bounds, Hot};
use super::key::Key;
use super::policy::{self, RequestRules, Reuse, Targets};
use super::store::{Limits, Store, Upkeep};
use crate::base::{Mono, Now, Size};
use crate::config::{CacheConfig, RouteCacheConfig};
use crate::http::{Fields, conditional};

/// Parts of `memory`: of the rest live connections, buffers and TLS.
const HOT_PART: usize = 4;
const INDEX_PART: usize = 8;
const WINDOWS_PART: usize = 8;
/// One object may take this part of `size`: a single film must not push everything else out.
const OBJECT_PART: u64 = 2;
/// Open files of hot objects: a quarter of what processes are allowed everywhere (1024).
const HOT_FILES: usize = 256;
/// Reads of cold objects that may wait for the card at the same time. A card does one thing after the other; more would
/// only cost threads.
const COLD_READS: usize = 16;
/// The same for writes of fills; those that wait keep at most their window in RAM.
const WRITES: usize = 8;
/// Between two tries to open a store that could not be opened.
const REOPEN: Duration = Duration::from_secs(5);
/// Between two reports of what was used to the books of the store.
const REPORT_USES: Duration = Duration::from_secs(60);

/// The cache of the process. Lives as long as it does, whatever is reloaded.
pub(crate) struct Cache {
    pub(super) inner: Arc<Inner>,
}

/// What hits, fills and writers share with the cache.
pub(crate) struct Inner {
    pub(super) hot: Hot,
    pub(super) fills: Table,
    /// Turns at reading cold objects. A turn is moved into the job, so that it lasts as long as that.
    pub(super) reads: Arc<Semaphore>,
    pub(super) writes: Arc<Semaphore>,
    shelf: Mutex<Shelf>,
    settings: Mutex<Settings>,
    upkeep: Mutex<Background>,
    index_memory: usize,
    /// For the windows of all fills together.
    windows_memory: usize,
    /// The latest point in time at which anybody asked, in milliseconds.
    last_seen: AtomicU64,
}

/// Whether there is a store.
enum Shelf {
    Open(Arc<Store>),
    /// Why not.
    Closed(String),
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Settings {
    dir: PathBuf,
    limits: Limits,
    max_object: Size,
    sync: Duration,
    targets: Targets,
}

#[derive(Default)]
struct Background {
    upkeep: Upkeep,
    reopened: Mono,
    reported: Mono,
}

/// What the store can do at present.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum StoreState {
    Ready,
    /// What is kept is served, nothing new is kept. The text says why.
    ReadOnly(String),
    /// There is no room within `size` and `keep_free`.
    Full,
    /// Everything passes by. The text says why.
    Off(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct CacheStat {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    /// Whether everything in the folder has been counted since the start.
    pub(crate) counted: bool,
    pub(crate) hot_objects: u64,
    pub(crate) hot_bytes: u64,
    pub(crate) fills: u64,
    pub(crate) evicted: u64,
    /// Objects that were not what was written.
    pub(crate) damaged: u64,
    /// Bytes written to the card since the start.
    pub(crate) written: u64,
}

impl Cache {
    /// Never fails: a store that cannot be used is off or read-only, visibly, and tries again by itself. `memory` is
    /// the gateway's; the cache takes its parts of it.
    pub(crate) fn open(config: &CacheConfig, memory: Size) -> Cache {
        let settings = Settings::of(config);
        let index_memory = memory.as_usize() / INDEX_PART;
        let shelf = settings.open(index_memory);
        let inner = Inner {
            hot: Hot::new(Bounds { bytes: memory.as_usize() / HOT_PART, files: HOT_FILES }),
            fills: Table::default(),
            reads: Arc::new(Semaphore::new(COLD_READS)),
            writes: Arc::new(Semaphore::new(WRITES)),
            shelf: Mutex::new(shelf),
            settings: Mutex::new(settings),
            upkeep: Mutex::new(Background::default()),
            index_memory,
            windows_memory: memory.as_usize() / WINDOWS_PART,
            last_seen: AtomicU64::new(0),
        };
        Cache { inner: Arc::new(inner) }
    }

    /// Takes what a reloaded configuration says. Another folder begins with another store; `memory` stays.
    pub(crate) fn reconfigure(&self, config: &CacheConfig) {
        let inner = &self.inner;
        let new = Settings::of(config);
        let old = std::mem::replace(&mut *lock(&inner.settings), new.clone());
        let switched = old.dir != new.dir || (old.limits.size == Size::ZERO) != (new.limits.size == Size::ZERO);
        if switched {
            // Given back first: the new folder may be the old one by another name.
            *lock(&inner.shelf) = Shelf::Closed("the store is being opened".to_owned());
            *lock(&inner.shelf) = new.open(inner.index_memory);
            lock(&inner.upkeep).upkeep = Upkeep::default();
            inner.hot.clear();
            inner.fills.kept().iter().for_each(|shared| shared.put_away(inner));
        } else if let Some(store) = inner.store() {
            store.set_limits(new.limits);
        }
        if old.targets != new.targets {
            // The hot objects were judged by the old ones.
            inner.hot.clear();
        }
    }

    /// A fresh answer from the table of recently served objects: no system call, no allocation, no await. `None` says
    /// nothing: go on with [`Cache::lookup`].
    pub(crate) fn hot(&self, key: &Key<'_>, request: Fields<'_>, rules: &RequestRules, now: Now) -> Option<Hit> {
        let object = self.inner.hot.find(key, request)?;
        let fresh = object.head.assigned() == rules.assigned
            && policy::may_serve(object.head.stored(), rules, now) == Reuse::Serve
            && (!rules.precondition || conditional::meets(request, &object.head.validators()));
        fresh.then(|| Hit::new(object, now))
    }

    /// The right to keep the answer to a POST for later GETs of the same URI (RFC 9110 §9.3.3): the caller has seen that
    /// its `Content-Location` is that URI; [`Fill::stored`] sees to it that the freshness is explicit. `None`: somebody is
    /// asking for it just now.
    pub(crate) fn offer(
        &self,
        key: &Key<'_>,
        request: Fields<'_>,
        rules: &RequestRules,
        route: &RouteCacheConfig,
        now: Now,
    ) -> Option<Fill> {
        let inner = &self.inner;
        inner.note_time(now);
        let shared = match inner.fills.join(key, key.hash(), request, now.mono) {
            Joined::Lead(shared) => shared,
            Joined::Alone(_) | Joined::Follow(_) => return None,
        };
        Some(Fill::new(Arc::clone(inner), shared, inner.asker(rules, route), None, None).for_post())
    }

    /// RFC 9111 §4.4: after a 2xx or 3xx answer to an unsafe request. What is kept for the key must be validated before
    /// its next use, and so must what is on its way.
    pub(crate) async fn invalidate(&self, key: &Key<'_>) {
        let primary = key.hash();
        let gone = self.inner.fills.invalidate(primary);
        self.inner.hot.remove(primary);
        let inner = Arc::clone(&self.inner);
        smol::unblock(move || {
            gone.iter().for_each(|shared| shared.put_away(&inner));
            if let Some(store) = inner.store() {
                store.invalidate(primary);
            }
        })
        .await;
        // Somebody may have opened it between these two steps.
        self.inner.hot.remove(primary);
    }

    /// One step of the background work: counting, keeping within the limits, syncing, recovery. Blocks: for a thread of
    /// its own. Gives the time until the next step is wanted.
    pub(crate) fn maintain(&self, now: Now) -> Duration {
        let inner = &self.inner;
        let mut background = lock(&inner.upkeep);
        let settings = lock(&inner.settings).clone();
        inner.reopen_if_due(&mut background, &settings, now.mono);
        let Some(store) = inner.store() else { return REOPEN };
        if now.mono.since(background.reported) >= REPORT_USES {
            background.reported = now.mono;
            inner.hot.report_uses(|location, uses| store.touch(location, now.mono, uses));
        }
        super::fill::tick(inner, now.mono);
        store.upkeep(&mut background.upkeep, settings.sync, now)
    }

    pub(crate) fn state(&self) -> StoreState {
        match &*lock(&self.inner.shelf) {
            Shelf::Open(store) => store.state(),
            Shelf::Closed(why) => StoreState::Off(why.clone()),
        }
    }

    pub(crate) fn stat(&self) -> CacheStat {
        let inner = &self.inner;
        let mut stat = CacheStat {
            hot_objects: inner.hot.objects() as u64,
            hot_bytes: inner.hot.bytes() as u64,
            fills: inner.fills.under_way() as u64,
            ..CacheStat::default()
        };
        if let Some(store) = inner.store() {
            (stat.objects, stat.bytes) = (store.objects(), store.bytes());
            stat.counted = store.is_counted();
            (stat.evicted, stat.damaged, stat.written) = (store.evicted(), store.damaged(), store.written());
        }
        stat
    }
}

impl Inner {
    pub(super) fn store(&self) -> Option<Arc<Store>> {
        match &*lock(&self.shelf) {
            Shelf::Open(store) => Some(Arc::clone(store)),
            Shelf::Closed(_) => None,
        }
    }

    pub(super) fn asker(&self, rules: &RequestRules, route: &RouteCacheConfig) -> Asker {
        let most = self.max_object();
        let max_object = route.max_object.map_or(most, |most_of_route| most_of_route.min(most));
        Asker { rules: *rules, max_object, pinned: route.pin, finish: route.finish }
    }

    pub(super) fn max_object(&self) -> Size {
        let settings = lock(&self.settings);
        settings.max_object.min(Size::bytes(settings.limits.size.as_u64() / OBJECT_PART))
    }

    pub(super) fn targets(&self) -> Targets {
        lock(&self.settings).targets.clone()
    }

    /// What one of so many fills may hold in RAM while the card, or after it failed its slowest follower, is behind.
    pub(super) fn window(&self) -> usize {
        self.windows_memory / self.fills.count().max(1)
    }

    pub(super) fn note_time(&self, now: Now) {
        self.last_seen.fetch_max(now.mono.as_millis(), Ordering::Relaxed);
    }

    pub(super) fn last_seen(&self) -> Mono {
        Mono::from_millis(self.last_seen.load(Ordering::Relaxed))
    }

    fn reopen_if_due(&self, background: &mut Background, settings: &Settings, now: Mono) {
        let usable = self.store().is_some_and(|store| !matches!(store.state(), StoreState::Off(_)));
        let due = background.reopened == Mono::default() || now.since(background.reopened) >= REOPEN;
        if usable || !due || settings.limits.size == Size::ZERO {
            return;
        }
        background.reopened = now;
        let reopened = settings.open(self.index_memory);
        if matches!(reopened, Shelf::Open(_)) {
            background.upkeep = Upkeep::default();
            self.hot.clear();
        }
        *lock(&self.shelf) = reopened;
    }
}

impl Settings {
    fn of(config: &CacheConfig) -> Settings {
        Settings {
            dir: config.dir.clone(),
            limits: Limits { size: config.size, keep_free: config.keep_free },
            max_object: config.max_object,
            sync: config.sync,
            targets: Targets::of(&config.targets),
        }
    }

    fn open(&self, index_memory: usize) -> Shelf {
        if self.limits.size == Size::ZERO {
            return Shelf::Closed("[cache] size is 0".to_owned());
        }
        match Store::open(&self.dir, self.limits, index_memory) {
            Ok(store) => Shelf::Open(Arc::new(store)),
            Err(why) => Shelf::Closed(why),
        }
    }
}

/// A lock whose holder panicked guards nothing that a panic leaves half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
