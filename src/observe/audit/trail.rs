//! Who is told of exchanges, and the thread that writes them down.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::chain::{Chain, Limits, Pending};
use super::entry::{AuditEntry, Stamp, write_entry};
use super::folder::Anchor;
use crate::config::AuditConfig;

/// What waits for the card: about a thousand exchanges. As much again is held while the card does not take it, and twice as
/// much while it is being written: 1 MB at the very most, a few KB as a rule.
const BUFFER: usize = 256 << 10;

/// From here on the writer does not wait for more.
const ENOUGH: usize = BUFFER / 2;

/// How long an exchange may wait for others, so that a card which takes half a second has it within a second.
const LATENCY: Duration = Duration::from_millis(500);

/// How long a card that failed is left alone, at first and at most: looking at a trail again reads its last segment.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(30);

/// The audit trail. Lives as long as the process; dropping it writes down what is left.
pub(crate) struct Audit {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

/// How the trail is.
#[derive(Clone, Default, Debug)]
pub(crate) struct AuditStatus {
    /// Exchanges that were noted since the start.
    #[cfg(test)]
    pub(crate) noted: u64,
    /// Those that could not be written down.
    pub(crate) lost: u64,
    /// Why it does not work at present, for an operator.
    pub(crate) failing: Option<String>,
}

struct Shared {
    /// Guards what waits and what the writer is asked to do. Held to copy an entry, never to write one out.
    state: Mutex<State>,
    work: Condvar,
    done: Condvar,
    noted: AtomicU64,
    lost: AtomicU64,
}

#[derive(Default)]
struct State {
    filled: Pending,
    failing: Option<String>,
    /// A new place to write to.
    change: Option<Place>,
    flushes_asked: u64,
    flushes_done: u64,
    stop: bool,
}

thread_local! {
    /// An entry being written, kept for the next one.
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Audit {
    /// Starts the writer's thread. Never fails, and touches nothing before the first exchange is noted.
    pub(crate) fn start(config: &AuditConfig) -> Audit {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
            noted: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        });
        let (theirs, place) = (Arc::clone(&shared), Place::of(config));
        let writer = std::thread::Builder::new().name("audit".into()).spawn(move || theirs.write_out(place));
        if let Err(error) = &writer {
            log::error!("there is no audit trail: its thread could not be started: {error}");
            shared.lock().failing = Some(format!("its thread could not be started: {error}"));
        }
        Audit { shared, writer: writer.ok() }
    }

    /// After a reload: what is noted from now on goes there.
    pub(crate) fn reconfigure(&self, config: &AuditConfig) {
        self.shared.lock().change = Some(Place::of(config));
        self.shared.work.notify_one();
    }

    /// Never waits for the card. What finds no room is counted, and the trail tells how many they were.
    pub(crate) fn note(&self, entry: &AuditEntry<'_>) {
        TEXT.with_borrow_mut(|text| {
            text.clear();
            write_entry(text, entry);
            text.push(b'\n');
            self.shared.note(text, Stamp(entry.now), self.writer.is_some());
        });
    }

    pub(crate) fn status(&self) -> AuditStatus {
        let state = self.shared.lock();
        AuditStatus {
            #[cfg(test)]
            noted: self.shared.noted.load(Relaxed),
            lost: self.shared.lost.load(Relaxed),
            failing: state.failing.clone(),
        }
    }

    /// Waits until everything noted before is on the card, or was found impossible to write: blocks.
    #[cfg(test)]
    pub(crate) fn flush(&self) {
        if self.writer.is_none() {
            return;
        }
        let mut state = self.shared.lock();
        state.flushes_asked += 1;
        let mine = state.flushes_asked;
        self.shared.work.notify_one();
        let waiting = self.shared.done.wait_while(state, |state| state.flushes_done < mine && !state.stop);
        drop(waiting);
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.work.notify_one();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, text: &[u8], stamp: Stamp, written: bool) {
        self.noted.fetch_add(1, Relaxed);
        let mut state = self.lock();
        let before = state.filled.members.len();
        state.filled.stamp = stamp;
        if before + text.len() > BUFFER || !written {
            state.filled.lost += 1;
            self.lost.fetch_add(1, Relaxed);
            return;
        }
        state.filled.members.extend_from_slice(text);
        let crossed = |mark: usize| before < mark && before + text.len() >= mark;
        if crossed(1) || crossed(ENOUGH) {
            self.work.notify_one();
        }
    }

    /// The writer thread.
    fn write_out(&self, mut place: Place) {
        let mut pending = Pending::default();
        loop {
            let mut state = self.next_work(&pending, place.retry);
            let (flush, stop) = (state.flushes_asked, state.stop);
            let change = state.change.take();
            if pending.is_empty() {
                std::mem::swap(&mut pending, &mut state.filled);
            }
            drop(state);
            let failing = place.write(&mut pending);
            if let Some(change) = change {
                place.move_to(change);
            }
            let mut state = self.lock();
            let waits = pending.is_empty() && !state.filled.is_empty();
            state.failing = failing;
            // What was noted before the flush may have been behind what the card did not take.
            state.flushes_done = if waits && flush > state.flushes_done { state.flushes_done } else { flush };
            drop(state);
            self.done.notify_all();
            if stop && !waits {
                return;
            }
        }
    }

    /// Waits for an entry, then for more of them, up to [`ENOUGH`] or for [`LATENCY`]; while the card fails, for as long
    /// as it is left alone.
    fn next_work(&self, pending: &Pending, retry: Option<Duration>) -> MutexGuard<'_, State> {
        if let (Some(retry), false) = (retry, pending.is_empty()) {
            let waited = self.work.wait_timeout_while(self.lock(), retry, |state| !state.is_urgent());
            return waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let idle = |state: &mut State| state.filled.is_empty() && !state.is_urgent();
        let state = self.work.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let lasting = |state: &mut State| state.filled.members.len() < ENOUGH && !state.is_urgent();
        let waited = self.work.wait_timeout_while(state, LATENCY, lasting);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    fn is_urgent(&self) -> bool {
        self.stop || self.change.is_some() || self.flushes_done < self.flushes_asked
    }
}

/// Where the trail is kept. Taken up at the first record, and again after a failure.
struct Place {
    folder: PathBuf,
    limits: Limits,
    chain: Option<Chain>,
    /// What this process knows to be on the card.
    last: Option<Anchor>,
    /// Since it fails: how long it is left alone.
    retry: Option<Duration>,
}

impl Place {
    fn of(config: &AuditConfig) -> Place {
        let limits = Limits::new(config.size.as_u64(), config.segment.as_u64());
        Place { folder: config.dir.clone(), limits, chain: None, last: None, retry: None }
    }

    /// What the old place did not take waits for the new one.
    fn move_to(&mut self, place: Place) {
        if (&place.folder, place.limits) != (&self.folder, self.limits) {
            let last = self.last.filter(|_| place.folder == self.folder);
            *self = Place { last, ..place };
        }
    }

    /// Says why it could not be written down, if it could not.
    fn write(&mut self, pending: &mut Pending) -> Option<String> {
        if pending.is_empty() {
            return None;
        }
        match self.try_write(pending) {
            Ok(()) => {
                if self.retry.take().is_some() {
                    log::info!("the audit trail in '{}' works again", self.folder.display());
                }
                None
            }
            Err(error) => {
                let why = failure(&self.folder, &error);
                if self.retry.is_none() {
                    log::error!("{why}");
                }
                self.retry = Some(self.retry.map_or(RETRY, |retry| (retry * 2).min(RETRY_MOST)));
                Some(why)
            }
        }
    }

    fn try_write(&mut self, pending: &mut Pending) -> io::Result<()> {
        let mut chain = match self.chain.take() {
            Some(chain) => chain,
            None => Chain::take_up(&self.folder, self.limits, self.last)?,
        };
        let written = chain.append(pending);
        self.last = Some(chain.last()).filter(|last| last.seq > 0).or(self.last);
        written?;
        self.chain = Some(chain);
        Ok(())
    }
}

fn failure(folder: &Path, error: &io::Error) -> String {
    format!("the audit trail in '{}' cannot be written: {error}", folder.display())
}
