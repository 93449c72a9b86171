//! The one who writes a lane: takes body bytes as they come, shows them to the followers at once, and brings them to the
//! card behind that, a block at a time, on the blocking pool.

use std::io;
use std::sync::Arc;

use smol::Task;

use super::close::{self, Route};
use super::lane::Quill;
use super::permit::Part;
use super::{Asker, Desk, Fill, Follower, Phase, Shared, State};
use crate::cache::object::Object;
use crate::cache::reason::Failure;
use crate::cache::root::Inner;
use crate::cache::store::format::Identity;
use crate::cache::store::{Bytes, SMALL_BODY};
use crate::config::Finish;
use crate::http::FieldSpans;
use crate::http::range::ByteRange;

/// Bytes are brought to the card in blocks of at least this; a body that never fills one is written as one small file.
const BLOCK: usize = 64 << 10;
/// Bytes in RAM beyond which the upstream must wait for the card, or where the card failed for the slowest follower: at
/// most, and at least where many fills share what there is.
const WINDOW: usize = 512 << 10;
const LEAST_WINDOW: usize = 2 * BLOCK;

/// Why the upstream need not send any more. What came is kept where it can be gone on from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// Nothing can be kept any more and nobody reads.
    NobodyReads,
    /// The last reader has left, and the route's `cache.finish` says that this is the end.
    Abandoned,
    /// From here on it is there already. [`Writer::finish`] says what is to be asked next.
    Covered,
}

/// Takes the body of an answer that is kept. `Send` and `'static`: belongs in a task of its own, so that it outlives
/// the client that caused it. Dropped before [`Writer::finish`], what came is kept if it can be gone on from; else
/// nothing is, and followers are cut.
pub(crate) struct Writer {
    inner: Arc<Inner>,
    shared: Arc<Shared>,
    lane: u32,
    start: u64,
    quill: Arc<Quill>,
    /// `None`: nothing is written any more.
    desk: Option<Arc<Desk>>,
    asker: Asker,
    /// A write under way.
    job: Option<Task<io::Result<()>>>,
    /// See [`Writer::brought`].
    brought: Option<ByteRange>,
    covered: bool,
    over: bool,
}

/// What became of bytes that were shown to the followers.
struct Shown {
    /// Bytes in the window.
    waiting: usize,
    too_large: bool,
    covered: bool,
}

impl Writer {
    pub(super) fn new(inner: Arc<Inner>, shared: Arc<Shared>, desk: Arc<Desk>, lane: u32, asker: Asker) -> Writer {
        let (start, quill) = match shared.state().stream().and_then(|stream| stream.lane(lane)) {
            Some(lane) => (lane.start, Arc::clone(&lane.quill)),
            None => (0, Arc::default()),
        };
        let desk = Some(desk);
        let brought = None;
        Writer { inner, shared, lane, start, quill, desk, asker, job: None, brought, covered: false, over: false }
    }

    pub(super) fn bringing(mut self, brought: Option<ByteRange>) -> Writer {
        self.brought = brought;
        self
    }

    /// What the client that caused this fill gets, where that is not what it asked for: the upstream has sent other bytes,
    /// and more cannot be asked for.
    pub(crate) fn brought(&self) -> Option<ByteRange> {
        self.brought
    }

    /// The reader for the client that caused this fill.
    pub(crate) fn follower(&self) -> Follower {
        Follower::own(Arc::clone(&self.inner), Arc::clone(&self.shared), self.asker)
    }

    /// Takes bytes. Waits where the card, or after it failed the slowest follower, is behind.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        for piece in bytes.chunks(BLOCK) {
            let shown = self.show(piece)?;
            self.shared.wake_followers();
            if shown.too_large {
                self.outgrow();
            }
            match &self.desk {
                Some(_) => self.bring_to_card(shown.waiting).await,
                None => self.wait_for_slowest().await?,
            }
            if shown.covered {
                self.covered = true;
                return Err(Stop::Covered);
            }
        }
        Ok(())
    }

    /// The body came to its true end, or to where it is covered. `trailers` are `Name: value CRLF` lines. A length other
    /// than the announced one is a cut. `Some`: parts of the object are missing and wanted; ask for the next with this.
    pub(crate) async fn finish(mut self, trailers: &[u8]) -> Option<Fill> {
        if !self.note_end(trailers) {
            return None;
        }
        self.shared.wake_followers();
        // Noted before the lane ends, so that the object is not put away in between.
        let next = self.next();
        self.settle().await;
        if let Some(route) = self.route() {
            Box::pin(self.keep(route)).await;
        }
        self.over = true;
        self.shared.end_lane(self.lane);
        self.shared.put_away_if_idle(&self.inner);
        next
    }

    /// As `drop`, with a reason for those who follow.
    pub(crate) fn cut(mut self, why: Failure) {
        self.give_up(why);
    }

    /// Adds bytes to the window.
    fn show(&mut self, bytes: &[u8]) -> Result<Shown, Stop> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        self.go_on(&mut state)?;
        let Some(stream) = state.stream() else { return Err(Stop::NobodyReads) };
        let Some(lane) = stream.lane(self.lane) else { return Err(Stop::NobodyReads) };
        if stream.is_covered(lane) {
            self.covered = true;
            return Err(Stop::Covered);
        }
        let (arrived, most) = (lane.arrived(), self.asker.max_object.as_u64());
        let until = |at: u64| usize::try_from(at.saturating_sub(arrived)).unwrap_or(usize::MAX);
        let end = lane.end.or(stream.length);
        let overlong = end.is_some_and(|end| bytes.len() > until(end));
        // What comes behind the end belongs to nobody.
        let bytes = end.and_then(|end| bytes.get(..until(end))).unwrap_or(bytes);
        let met = stream.met_by(lane).map(until).filter(|met| *met < bytes.len());
        let too_large = arrived.saturating_add(bytes.len() as u64) > most;
        if overlong {
            // What says one length and has another is not to be believed at all.
            stream.cut = Some(Failure::CUT);
        }
        let mut covered = false;
        let mut rest = bytes;
        if let Some((here, after)) = met.and_then(|met| bytes.split_at_checked(met)) {
            rest = after;
            if let Some(lane) = stream.lane_mut(self.lane) {
                lane.window.extend_from_slice(here);
            }
            covered = stream.lane(self.lane).is_some_and(|lane| stream.is_covered(lane));
        }
        if let Some(lane) = stream.lane_mut(self.lane).filter(|_| !covered) {
            lane.window.extend_from_slice(rest);
        }
        let waiting = state.release_window(self.lane);
        Ok(Shown { waiting, too_large, covered })
    }

    /// Whether there is any sense in going on.
    fn go_on(&mut self, state: &mut State) -> Result<(), Stop> {
        // Who reads elsewhere in the object has no need of this lane.
        let nobody = state.was_followed && !state.is_read(self.lane);
        let Phase::Streaming(stream) = &state.phase else { return Err(Stop::NobodyReads) };
        let Some(lane) = stream.lane(self.lane) else { return Err(Stop::NobodyReads) };
        if stream.broken {
            self.desk = None;
        }
        if nobody && !stream.goes_on(lane, self.asker.finish) {
            return Err(Stop::Abandoned);
        }
        Ok(())
    }

    async fn bring_to_card(&mut self, mut waiting: usize) {
        loop {
            let full = waiting >= self.window(waiting);
            if self.job.as_ref().is_some_and(|job| full || job.is_finished()) {
                self.settle().await;
                waiting = self.waiting();
            }
            if self.desk.is_none() {
                return;
            }
            if waiting >= BLOCK && self.job.is_none() {
                self.start_job(full).await;
            }
            if self.job.is_none() || waiting < self.window(waiting) {
                return;
            }
        }
    }

    /// Begins to write what is in the window, if the card has a turn.
    async fn start_job(&mut self, urgent: bool) {
        let writes = &self.inner.writes;
        let turn = match writes.try_acquire_arc() {
            None if urgent => Some(writes.acquire_arc().await),
            turn => turn,
        };
        let (Some(turn), Some(route)) = (turn, self.route()) else { return };
        self.job = Some(smol::unblock(move || {
            let _turn = turn;
            route.write_window()
        }));
    }

    /// Waits for a write that is under way.
    async fn settle(&mut self) {
        let Some(job) = self.job.take() else { return };
        if let Err(error) = job.await
            && let Some(desk) = self.desk.take()
        {
            desk.store.note(&error);
            self.shared.note_broken(&self.inner, &desk);
        }
    }

    fn waiting(&self) -> usize {
        self.shared.state().stream().and_then(|stream| stream.lane(self.lane)).map_or(0, |lane| lane.window.len())
    }

    fn route(&self) -> Option<Route> {
        let (shared, desk) = (Arc::clone(&self.shared), self.desk.clone()?);
        Some(Route { shared, desk, quill: Arc::clone(&self.quill), lane: self.lane, start: self.start })
    }

    /// The bounds of the window, asked for only where they may matter.
    fn window(&self, waiting: usize) -> usize {
        if waiting < LEAST_WINDOW { LEAST_WINDOW } else { self.inner.window().clamp(LEAST_WINDOW, WINDOW) }
    }

    /// It is larger than what may be kept.
    fn outgrow(&mut self) {
        let Some(desk) = self.desk.take() else { return };
        if let Some(stream) = self.shared.state().stream() {
            stream.unwanted = true;
        }
        self.shared.note_broken(&self.inner, &desk);
    }

    async fn wait_for_slowest(&self) -> Result<(), Stop> {
        loop {
            let listener = self.shared.room.listen();
            if !self.is_full()? {
                return Ok(());
            }
            listener.await;
        }
    }

    /// Whether the slowest follower has still to read a whole window.
    fn is_full(&self) -> Result<bool, Stop> {
        let mut state = self.shared.state();
        if !state.is_read(self.lane) {
            return Err(Stop::NobodyReads);
        }
        let waiting = state.release_window(self.lane);
        drop(state);
        Ok(waiting >= self.window(waiting))
    }

    /// Notes that the lane is at its end; `false`: it is a cut.
    fn note_end(&mut self, trailers: &[u8]) -> bool {
        let mut state = self.shared.state();
        let Some(stream) = state.stream() else { return false };
        let (cut, known) = (stream.cut.is_some(), stream.length.is_some());
        let Some(lane) = stream.lane_mut(self.lane) else { return false };
        let arrived = lane.arrived();
        let as_announced = lane.end.is_none_or(|end| end == arrived);
        if cut || !(as_announced || self.covered) {
            return false;
        }
        let open_end = lane.end.is_none() && !self.covered;
        lane.end = Some(arrived);
        if open_end && !known {
            stream.length = Some(arrived);
            // What could not be sent on is not kept either.
            stream.trailers = if FieldSpans::parse(trailers).is_ok() { trailers.into() } else { Box::default() };
        }
        true
    }

    /// Brings the rest to the card and, where nothing is missing, puts the object where it is found.
    async fn keep(&self, route: Route) {
        let small = self.whole_in_window();
        self.show_at_once(small.as_deref());
        let turn = self.inner.writes.acquire_arc().await;
        let inner = Arc::clone(&self.inner);
        smol::unblock(move || {
            let _turn = turn;
            match small {
                Some(body) => put(&inner, &route, &body),
                None => close::close(&inner, &route),
            }
        })
        .await;
    }

    /// The body, where all of it is still in the window.
    fn whole_in_window(&self) -> Option<Vec<u8>> {
        let mut state = self.shared.state();
        let stream = state.stream()?;
        let lane = stream.lane(self.lane)?;
        let whole = lane.base == 0 && lane.start == 0 && stream.length == Some(lane.arrived());
        (whole && stream.file.is_none()).then(|| lane.window.clone())
    }

    /// A small answer is served from RAM as soon as its last byte came.
    fn show_at_once(&self, body: Option<&[u8]>) {
        let Some(body) = body.filter(|body| body.len() as u64 <= SMALL_BODY) else { return };
        let mut state = self.shared.state();
        if state.invalidated {
            return;
        }
        let Some(stream) = state.stream() else { return };
        let (head, trailers) = (Arc::clone(&stream.head), stream.trailers.clone());
        // Until it is on the card, no change of what is on the card is for it.
        let identity = Identity { location: stream.location, generation: 0 };
        let judged = stream.epoch.number();
        drop(state);
        let (primary, key) = (self.shared.primary, &self.shared.key);
        let bytes = Bytes::Memory(body.into());
        let object = Object::of_head(&head, primary, key, identity, trailers, bytes, Arc::downgrade(&self.inner));
        if let Some(object) = &object {
            object.note_judged(judged);
        }
        if let Some(object) = object {
            self.inner.make_hot(Arc::new(object));
        }
    }

    /// The question for the next missing part, where the route wants objects to become whole.
    fn next(&self) -> Option<Fill> {
        let mut state = self.shared.state();
        let stream = state.stream().filter(|stream| stream.resumable && !stream.broken && stream.whole_wanted)?;
        let wanted = match self.asker.finish {
            Finish::Always => true,
            Finish::Never => false,
            Finish::From(percent) => stream.is_worth_finishing(percent),
        };
        let missing = stream.next_hole(self.start).filter(|_| wanted)?;
        let range = stream.hole(missing, u64::MAX);
        let part = Part::hole(stream, Some(range), false);
        drop(state);
        let (inner, shared) = (Arc::clone(&self.inner), Arc::clone(&self.shared));
        Some(Fill::of_part(inner, shared, self.asker, part))
    }

    fn give_up(&mut self, why: Failure) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let mut state = self.shared.state();
        if let Some(stream) = state.stream() {
            let lane = stream.lane(self.lane);
            if lane.is_some_and(|lane| lane.arrived() == lane.start) {
                stream.barren = stream.barren.saturating_add(1);
                stream.failure = why;
            }
            if !stream.desk.lasting {
                stream.cut.get_or_insert(why);
            } else if stream.stands_alone() {
                stream.failure = why;
            }
            // What said one length and had another is not kept.
            stream.unwanted |= stream.cut.is_some();
        }
        let kept = state.stream().is_some_and(|stream| stream.cut.is_none());
        drop(state);
        if kept && let Some(route) = self.route() {
            let inner = Arc::clone(&self.inner);
            smol::unblock(move || close::close(&inner, &route)).detach();
            return;
        }
        self.shared.end_lane(self.lane);
        if !kept {
            self.inner.fills.remove(&self.shared);
            if let Some(desk) = self.desk.take() {
                smol::unblock(move || desk.discard()).detach();
            }
        }
        self.shared.wake_followers();
        self.shared.put_away_if_idle(&self.inner);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.give_up(Failure::CUT);
    }
}

/// Writes a small answer as one file, at once.
fn put(inner: &Arc<Inner>, route: &Route, body: &[u8]) {
    let shared = &route.shared;
    let Some(mut plan) = route.desk.take_plan() else { return close::close(inner, route) };
    if let Some(stream) = shared.state().stream() {
        stream.closing = true;
    }
    plan.record.trailers = shared.state().stream().map(|stream| stream.trailers.clone()).unwrap_or_default();
    let location = plan.location;
    match route.desk.store.put(*plan, body) {
        Ok(opened) => close::enter(inner, shared, opened),
        Err(error) => {
            route.desk.store.note(&error);
            inner.hot.remove_location(shared.primary, location);
        }
    }
    shared.end_lane(route.lane);
    inner.fills.release(shared);
    shared.put_away_if_idle(inner);
}
