//! One object under way serves all who want it: the state that [`Fill`]s, their [`Writer`]s and the [`Follower`]s share.
//!
//! ```text
//! Asking ── stored ──▶ Streaming ──▶ whole, cut, or idle and put away
//!    │ └── freshened, passed, failed ──▶ Ended
//!    └── dropped ──▶ Orphaned ── a follower takes over ──▶ Asking
//! ```
//!
//! An object may be partly there. Each upstream answer that is being written is a [`lane`]: from a first byte to a
//! planned end, its newest bytes in a window in RAM, the others on the card. A follower takes from wherever its position
//! is, as the bytes come and at its own pace: from the card, from a lane's window; it waits for a lane that will soon get
//! there; or it finds a hole and asks: it is given a [`Fill`] for the hole. Only when the card fails does a window wait
//! for the slowest of its followers.

mod alone;
mod answer;
mod close;
mod desk;
mod follower;
mod freshen;
mod lane;
mod pen;
mod permit;
mod present;
mod restore;
mod stream;
mod table;
mod tick;
mod writer;

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event;

use super::hit::Hit;
use super::policy::{self, RequestRules};
use super::reason::{Failure, PassReason};
use super::root::Inner;
use super::store::Draft;
use super::store::format::{Identity, Layout};
use super::store::purge::What;
use crate::base::{Mono, Now, Size};
use crate::config::Finish;
use crate::http::Fields;

pub(super) use alone::{Alone, beginnings};
use desk::Desk;
pub(crate) use follower::{FillEnd, Followed, Follower, Next};
pub(crate) use permit::{Answer, Ask, AskRange, Fill};
pub(super) use restore::{Reopening, Standing, Wanted, head_of};
use stream::Stream;
pub(super) use table::{Joined, Table};
pub(super) use tick::tick;
pub(crate) use writer::{Stop, Writer};

/// What fills and their followers share.
pub(super) struct Shared {
    pub(super) primary: u128,
    /// The text of the key.
    pub(super) key: Box<[u8]>,
    /// What the table of fills knows it by.
    fill_key: u128,
    /// Nobody can find it: what it brings is one client's own, and kept only when it is whole.
    private: bool,
    /// Something changed for those who follow.
    news: Event,
    /// Something changed for the ones who write.
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
    /// What becomes of the download when its last reader leaves.
    pub(super) finish: Finish,
}

/// Guarded by the lock of [`Shared`]; never held across an await.
struct State {
    phase: Phase,
    /// Positions of the live followers; `None` where one has left.
    followers: Vec<Option<u64>>,
    /// There was a follower once.
    was_followed: bool,
    /// Hits that may yet be read.
    holds: usize,
    /// When the clock first found nobody at it.
    idle_since: Option<Mono>,
    /// The stored answers of this key were invalidated while this one was on its way.
    invalidated: bool,
    /// Where it is kept, if nobody else may write there.
    claim: Option<u128>,
}

enum Phase {
    Asking,
    Orphaned,
    Streaming(Box<Stream>),
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

/// A file that may be read while it is written.
#[derive(Clone)]
struct Readable {
    file: Arc<File>,
    layout: Layout,
    identity: Identity,
}

impl Readable {
    fn of(draft: &Draft) -> Readable {
        Readable { file: Arc::clone(draft.file()), layout: draft.layout(), identity: draft.identity() }
    }
}

/// Keeps an object that lies idle open. Dropped, it may be put away.
pub(super) struct Hold {
    inner: Arc<Inner>,
    pub(super) shared: Arc<Shared>,
    pub(super) asker: Asker,
}

impl Shared {
    fn new(primary: u128, key: Box<[u8]>, fill_key: u128, private: bool) -> Shared {
        let state = State {
            phase: Phase::Asking,
            followers: Vec::new(),
            was_followed: false,
            holds: 0,
            idle_since: None,
            invalidated: false,
            claim: None,
        };
        let (news, room) = (Event::new(), Event::new());
        Shared { primary, key, fill_key, private, news, room, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_followers(&self) {
        self.news.notify(usize::MAX);
    }

    fn wake_writers(&self) {
        self.room.notify(usize::MAX);
    }

    /// Those who have got nothing yet do as they are told; the others are cut.
    fn end(&self, how: Ended) {
        let before = std::mem::replace(&mut self.state().phase, Phase::Ended(how));
        self.wake_followers();
        self.wake_writers();
        let Phase::Streaming(stream) = before else { return };
        put_away(stream);
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

    /// The origin has another representation now, or none.
    fn end_as_changed(&self) {
        if let Some(stream) = self.state().stream() {
            stream.unwanted = true;
        }
        self.end(Ended::LookAgain);
    }

    /// Whether a range from this byte on may be had from here: it is there, or will soon be, or can be asked for.
    pub(in crate::cache) fn will_have(&self, byte: u64) -> bool {
        match &self.state().phase {
            Phase::Streaming(stream) => stream.will_have(byte),
            Phase::Asking | Phase::Orphaned => true,
            Phase::Ended(_) => false,
        }
    }

    /// Whether all of it has come.
    pub(in crate::cache) fn is_whole(&self) -> bool {
        match &self.state().phase {
            Phase::Streaming(stream) => stream.is_whole(),
            Phase::Asking | Phase::Orphaned | Phase::Ended(_) => false,
        }
    }

    fn is_selected_by(&self, request: Fields<'_>) -> bool {
        match &self.state().phase {
            Phase::Streaming(stream) => stream.selection.as_ref().is_some_and(|selection| selection.matches(request)),
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

    fn note_invalidated(&self) {
        self.state().invalidated = true;
    }

    /// With nobody writing, asking, reading or about to read, what there is of the object is put away. What is kept in part
    /// stays open for a while: who watches a film asks for its parts one after the other.
    fn put_away_if_idle(self: &Arc<Shared>, inner: &Arc<Inner>) {
        let state = self.state();
        let (over, lingers) = match &state.phase {
            Phase::Streaming(stream) => (state.is_idle(), stream.lingers() && state.claim.is_some()),
            Phase::Asking | Phase::Orphaned | Phase::Ended(_) => (false, false),
        };
        let left_behind = matches!(state.phase, Phase::Ended(_)) && state.claim.is_some();
        drop(state);
        if left_behind {
            inner.fills.release(self);
        }
        if over && !lingers {
            self.leave(inner);
        } else if over && inner.fills.is_crowded() {
            let (shared, inner) = (Arc::clone(self), Arc::clone(inner));
            smol::unblock(move || shared.put_away(&inner)).detach();
        }
    }

    /// Puts an idle object away. Blocks.
    pub(in crate::cache) fn put_away(self: &Arc<Shared>, inner: &Inner) {
        let Some((desk, seen)) = self.state().at_rest() else { return };
        // Written while it is still found here: who looks it up on the card before that would miss it.
        if let Some(Err(error)) = desk.begun().map(|draft| draft.sync()) {
            desk.store.note(&error);
        }
        let unchanged = self.state().at_rest().is_some_and(|(_, now)| now == seen);
        if unchanged {
            self.leave(inner);
        }
    }

    fn leave(&self, inner: &Inner) {
        let before = std::mem::replace(&mut self.state().phase, Phase::Ended(Ended::LookAgain));
        inner.fills.release(self);
        if let Phase::Streaming(stream) = before {
            put_away(stream);
        }
    }
}

/// What there is of an object at the store is let go of, which may take its time.
fn put_away(stream: Box<Stream>) {
    if stream.file.is_some() && !stream.closing {
        smol::unblock(move || stream.put_away()).detach();
    }
}

impl State {
    /// Where it is kept, and the number of the last lane or question, while nobody is at it.
    fn at_rest(&self) -> Option<(Arc<Desk>, u32)> {
        match &self.phase {
            Phase::Streaming(stream) if self.is_idle() => Some((Arc::clone(&stream.desk), stream.last_id())),
            Phase::Streaming(_) | Phase::Asking | Phase::Orphaned | Phase::Ended(_) => None,
        }
    }

    /// Nobody writes, asks, reads or is about to read.
    fn is_idle(&self) -> bool {
        let quiet = match &self.phase {
            Phase::Streaming(stream) => stream.is_idle(),
            Phase::Asking | Phase::Orphaned | Phase::Ended(_) => false,
        };
        quiet && self.live_followers() == 0 && self.holds == 0
    }

    fn live_followers(&self) -> usize {
        self.followers.iter().flatten().count()
    }

    /// Enters a follower at the first byte and gives its number.
    fn enter(&mut self) -> usize {
        self.was_followed = true;
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

    /// Lets go of what every live follower of a lane that is not written any more has. Gives how many bytes are left.
    fn release_window(&mut self, lane: u32) -> usize {
        let followers = &self.followers;
        let Phase::Streaming(stream) = &mut self.phase else { return 0 };
        let broken = stream.broken;
        let Some(lane) = stream.lane_mut(lane) else { return 0 };
        if broken {
            let slowest = followers.iter().flatten().filter(|at| lane.serves(**at)).min().copied();
            lane.release(slowest.unwrap_or(u64::MAX));
        }
        lane.window.len()
    }

    /// Whether somebody reads what a lane brings, waits for it, or comes to it over what is there already.
    fn is_read(&self, lane: u32) -> bool {
        let Phase::Streaming(stream) = &self.phase else { return false };
        let Some(lane) = stream.lane(lane) else { return false };
        let comes_to = |at: u64| at < lane.start && stream.covered(at, lane.start).is_some_and(|end| end >= lane.start);
        self.followers.iter().flatten().any(|at| lane.serves(*at) || comes_to(*at))
    }
}

impl Hold {
    pub(super) fn new(inner: Arc<Inner>, shared: Arc<Shared>, asker: Asker) -> Hold {
        shared.state().holds += 1;
        Hold { inner, shared, asker }
    }

    pub(super) fn follower(&self) -> Follower {
        Follower::new(Arc::clone(&self.inner), Arc::clone(&self.shared), self.asker, None, None)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.holds = state.holds.saturating_sub(1);
        drop(state);
        self.shared.put_away_if_idle(&self.inner);
    }
}
