//! One download serves all who want it: the state that a [`Fill`], its [`Writer`] and its [`Follower`]s share.
//!
//! ```text
//! Asking ── stored ──▶ Streaming ──▶ whole, or cut
//!    │ └── freshened, passed, failed ──▶ Ended
//!    └── dropped ──▶ Orphaned ── a follower takes over ──▶ Asking
//! ```
//!
//! Bytes go through a window in RAM; what has been written to the card is read from there. A follower takes from
//! wherever its position is, as the bytes come and at its own pace; only when the card fails does the window wait for the
//! slowest.

mod follower;
mod permit;
mod table;
mod writer;

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event;

use super::head::Head;
use super::hit::Hit;
use super::policy::{self, RequestRules};
use super::reason::{Failure, PassReason};
use super::store::format::Layout;
use super::store::purge::What;
use super::vary::Selection;
use crate::base::{Now, Size};
use crate::http::Fields;

pub(crate) use follower::{FillEnd, Followed, Follower, Next};
pub(crate) use permit::{Answer, Ask, AskRange, Fill};
pub(super) use table::{Joined, Table};
pub(crate) use writer::{Stop, Writer};

/// What fills and their followers share.
pub(super) struct Shared {
    pub(super) primary: u128,
    /// The text of the key.
    pub(super) key: Box<[u8]>,
    /// What the table of fills knows it by.
    fill_key: u128,
    /// Something changed for those who follow.
    news: Event,
    /// Something changed for the one who writes.
    room: Event,
    state: Mutex<State>,
}

/// Whose request it is that asks or follows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) rules: RequestRules,
    pub(super) max_object: Size,
    /// What is kept for it never leaves to make room (`cache.pin`).
    pub(super) pinned: bool,
}

/// Guarded by the lock of [`Shared`]; never held across an await.
struct State {
    phase: Phase,
    /// Positions of the live followers; `None` where one has left.
    followers: Vec<Option<u64>>,
    /// The stored answers of this key were invalidated while this one was on its way.
    invalidated: bool,
}

enum Phase {
    Asking,
    Orphaned,
    Streaming(Stream),
    Ended(Ended),
}

/// How it ended without a body of its own.
#[derive(Clone)]
enum Ended {
    Alone(PassReason),
    LookAgain,
    Failed(Failure),
    Fresh(Hit),
}

/// An answer on its way.
struct Stream {
    head: Arc<Head>,
    length: Option<u64>,
    selection: Option<Selection>,
    /// Fresh when it came: others than the one who asked may have it.
    for_all: bool,
    /// The bytes from `base` on.
    window: Vec<u8>,
    base: u64,
    /// The file, and how many bytes from the first on are in it.
    file: Option<(Readable, u64)>,
    /// The card failed or the answer outgrew its limit: the window is all there is for what comes.
    broken: bool,
    end: Option<StreamEnd>,
}

enum StreamEnd {
    Whole { trailers: Box<[u8]> },
    Cut(Failure),
}

/// A file that may be read while it is written.
#[derive(Clone)]
struct Readable {
    file: Arc<File>,
    layout: Layout,
}

impl Shared {
    fn new(primary: u128, key: Box<[u8]>, fill_key: u128) -> Shared {
        let state = State { phase: Phase::Asking, followers: Vec::new(), invalidated: false };
        Shared { primary, key, fill_key, news: Event::new(), room: Event::new(), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_followers(&self) {
        self.news.notify(usize::MAX);
    }

    fn wake_writer(&self) {
        self.room.notify(usize::MAX);
    }

    fn end(&self, how: Ended) {
        self.state().phase = Phase::Ended(how);
        self.wake_followers();
    }

    fn cut(&self, why: Failure) {
        if let Phase::Streaming(stream) = &mut self.state().phase {
            stream.end.get_or_insert(StreamEnd::Cut(why));
        }
        self.wake_followers();
    }

    /// A request that would have to wait for less than `reach` bytes more to get this byte.
    pub(super) fn will_soon_have(&self, byte: u64, reach: u64) -> bool {
        match &self.state().phase {
            Phase::Streaming(stream) => byte <= stream.arrived().saturating_add(reach),
            Phase::Asking | Phase::Orphaned => byte <= reach,
            Phase::Ended(_) => false,
        }
    }

    /// Whether what is on its way may answer a request that came later: nothing has come yet, or what has come would be
    /// served if it were stored. `no-cache` asks for what the origin says from now on.
    pub(in crate::cache) fn serves(&self, rules: &RequestRules, now: Now) -> bool {
        match &self.state().phase {
            Phase::Streaming(stream) => {
                matches!(policy::may_serve(stream.head.stored(), rules, now), policy::Reuse::Serve)
            }
            Phase::Asking | Phase::Orphaned | Phase::Ended(_) => true,
        }
    }

    /// Whether all of it has come.
    pub(in crate::cache) fn is_whole(&self) -> bool {
        self.state().stream().is_some_and(|stream| stream.is_whole())
    }

    fn is_selected_by(&self, request: Fields<'_>) -> bool {
        match &self.state().phase {
            Phase::Streaming(stream) => {
                stream.for_all && stream.selection.as_ref().is_none_or(|selection| selection.matches(request))
            }
            Phase::Asking | Phase::Orphaned | Phase::Ended(_) => false,
        }
    }

    /// Whether a purge is for what is on its way, as far as that is known.
    fn is_meant(&self, what: &[What]) -> bool {
        let mut state = self.state();
        let head = state.stream().map(|stream| Arc::clone(&stream.head));
        drop(state);
        let lines = head.as_ref().map(|head| head.lines());
        what.iter().any(|what| what.is_for(&self.key, lines))
    }

    pub(super) fn note_invalidated(&self) {
        self.state().invalidated = true;
    }
}

impl State {
    fn live_followers(&self) -> usize {
        self.followers.iter().flatten().count()
    }

    /// Enters a follower at the first byte and gives its number.
    fn enter(&mut self) -> usize {
        match self.followers.iter().position(Option::is_none) {
            Some(free) => {
                if let Some(place) = self.followers.get_mut(free) {
                    *place = Some(0);
                }
                free
            }
            None => {
                self.followers.push(Some(0));
                self.followers.len() - 1
            }
        }
    }

    fn leave(&mut self, number: usize) {
        if let Some(place) = self.followers.get_mut(number) {
            *place = None;
        }
    }

    fn stream(&mut self) -> Option<&mut Stream> {
        match &mut self.phase {
            Phase::Streaming(stream) => Some(stream),
            Phase::Asking | Phase::Orphaned | Phase::Ended(_) => None,
        }
    }

    /// Lets go of what every live follower of a broken stream has.
    fn release_window(&mut self) {
        let slowest = self.followers.iter().flatten().min().copied();
        let Some(stream) = self.stream().filter(|stream| stream.broken) else { return };
        let released = slowest.unwrap_or(u64::MAX).saturating_sub(stream.base);
        let count = usize::try_from(released).unwrap_or(usize::MAX).min(stream.window.len());
        stream.window.drain(..count);
        stream.base = stream.base.saturating_add(count as u64);
    }
}

impl Stream {
    /// Bytes that have come.
    fn arrived(&self) -> u64 {
        self.base.saturating_add(self.window.len() as u64)
    }

    /// Whether all of it has come.
    fn is_whole(&self) -> bool {
        matches!(self.end, Some(StreamEnd::Whole { .. })) || self.length == Some(self.arrived())
    }

    /// Whether a reader may still begin here.
    fn has_from(&self, position: u64) -> bool {
        position >= self.base || self.file.as_ref().is_some_and(|(_, on_file)| *on_file >= self.base)
    }
}
