//! How the bytes of a lane get to the card, and what follows when the last of them is there. Everything here blocks: for
//! the blocking pool.

use std::io;
use std::sync::Arc;

use super::desk::{self, Desk};
use super::lane::Quill;
use super::pen::Pen;
use super::{Readable, Shared};
use crate::cache::object::Object;
use crate::cache::root::Inner;
use crate::cache::store::{Draft, Opened, Run};

/// A lane, as those see it who write to the card.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) shared: Arc<Shared>,
    pub(super) desk: Arc<Desk>,
    pub(super) quill: Arc<Quill>,
    pub(super) lane: u32,
    pub(super) start: u64,
}

impl Route {
    /// Writes bytes that stand at `from`.
    pub(super) fn write(&self, from: u64, bytes: &[u8]) -> io::Result<()> {
        let mut held = self.quill.lock();
        if held.is_none() {
            let draft = self.desk.draft()?;
            self.shared.note_draft(&draft);
            *held = Some(Pen::new(draft, self.start));
        }
        let Some(pen) = held.as_mut() else { return Ok(()) };
        let ended = pen.write(from, bytes)?;
        let at = pen.at();
        // Within the lock: who ends the lane must find these entered.
        ended.into_iter().for_each(|run| self.enter(pen.draft(), run));
        if let Some(lane) = self.shared.state().stream().and_then(|stream| stream.lane_mut(self.lane)) {
            lane.written_to(at);
        }
        Ok(())
    }

    /// Writes what is in the window.
    pub(super) fn write_window(&self) -> io::Result<()> {
        let window = self.shared.state().stream().and_then(|stream| {
            let lane = stream.lane_mut(self.lane)?;
            Some((lane.base, lane.window.clone()))
        });
        match window {
            Some((from, bytes)) if !bytes.is_empty() => self.write(from, &bytes),
            Some(_) | None => Ok(()),
        }
    }

    /// What came of a chunk that is not full yet is worth keeping too.
    pub(super) fn enter_rest(&self) {
        let rest = self.quill.lock().as_ref().and_then(|pen| Some((pen.run()?, Arc::clone(pen.draft()))));
        if let Some((run, draft)) = rest {
            self.enter(&draft, run);
        }
    }

    /// Enters a run, put together with those it touches.
    fn enter(&self, draft: &Draft, mut run: Run) {
        let _guard = self.desk.joining();
        let neighbour = |run: &Run| self.shared.state().stream()?.present.neighbour(run);
        while let Some(other) = neighbour(&run) {
            match desk::join(draft, run, other) {
                Ok(joined) => run = joined,
                Err(bad) if bad == other => {
                    draft.verify(other);
                    self.shared.judge(other, false);
                }
                // What was written a moment ago is not there: nothing of it is entered.
                Err(_) => return,
            }
        }
        draft.enter(run);
        if let Some(stream) = self.shared.state().stream() {
            stream.present.add(run);
        }
    }
}

/// Ends a lane: what is in its window goes to the card, and the object is made whole if nothing is missing any more.
pub(super) fn close(inner: &Arc<Inner>, route: &Route) {
    let shared = &route.shared;
    if !shared.has_lane(route.lane) {
        return;
    }
    match route.write_window() {
        Ok(()) => {
            route.enter_rest();
            make_whole(inner, route);
            // Last: as long as there is a lane, nobody puts the object away.
            if let Some(stream) = shared.state().stream() {
                stream.lanes.retain(|lane| lane.id != route.lane);
            }
        }
        Err(error) => {
            route.desk.store.note(&error);
            shared.note_broken(inner, &route.desk);
            shared.end_lane(route.lane);
        }
    }
    shared.keep_invalidated(&route.desk);
    shared.wake_followers();
    shared.put_away_if_idle(inner);
}

/// Puts an object of which nothing is missing any more where it is found.
fn make_whole(inner: &Arc<Inner>, route: &Route) {
    // What an earlier process wrote is checked first: a hole that is found now can still be filled here.
    while let Some((readable, run)) = route.shared.last_doubt() {
        let sound = desk::is_sound(&readable, run);
        if !sound {
            route.desk.note_damage(&readable, run);
        }
        route.shared.judge(run, sound);
    }
    let Some((total, trailers)) = route.shared.take_whole() else { return };
    match route.desk.finish(total, &trailers) {
        Ok(opened) => enter(inner, &route.shared, opened),
        Err(error) => route.desk.store.note(&error),
    }
    inner.fills.release(&route.shared);
}

/// Makes a complete object known to those who come.
pub(super) fn enter(inner: &Arc<Inner>, shared: &Shared, opened: Opened) {
    let location = opened.identity.location;
    let Some((assigned, since)) = shared.assigned_since() else { return };
    let Some(object) = Object::new(opened, shared.primary, assigned, since, Arc::downgrade(inner)) else { return };
    if !shared.state().invalidated {
        inner.make_hot(Arc::new(object));
    } else if let Some(store) = inner.store() {
        store.invalidate(location);
    }
}

impl Shared {
    /// From now on there is a file to read from.
    fn note_draft(&self, draft: &Draft) {
        let readable = Readable::of(draft);
        if let Some(stream) = self.state().stream() {
            stream.present.align(readable.layout.chunk_len());
            stream.file = Some(readable);
        }
    }

    pub(in crate::cache) fn judge(&self, run: Run, sound: bool) {
        if let Some(stream) = self.state().stream() {
            stream.present.judge(run, sound);
        }
    }

    /// The card failed: from here on nothing is kept, and those who read get the rest from RAM. Later requests ask for
    /// themselves.
    pub(super) fn note_broken(&self, inner: &Inner, desk: &Arc<Desk>) {
        let mut state = self.state();
        let Some(stream) = state.stream().filter(|stream| !stream.broken) else { return };
        stream.broken = true;
        let unwanted = stream.unwanted;
        drop(state);
        inner.fills.remove(self);
        inner.fills.remember_alone(self.fill_key, inner.last_seen());
        let desk = Arc::clone(desk);
        // Taking a large file off the card may take its time.
        smol::unblock(move || if unwanted { desk.discard() } else { desk.give_up() }).detach();
        self.wake_writers();
    }

    fn has_lane(&self, lane: u32) -> bool {
        self.state().stream().and_then(|stream| stream.lane(lane)).is_some_and(|lane| !lane.ended)
    }

    /// No more bytes come by a lane; what is in its window is for those who read.
    pub(super) fn end_lane(&self, lane: u32) {
        if let Some(lane) = self.state().stream().and_then(|stream| stream.lane_mut(lane)) {
            lane.ended = true;
        }
    }

    /// A run to be checked before an object of which nothing seems to be missing is whole.
    fn last_doubt(&self) -> Option<(Readable, Run)> {
        let mut state = self.state();
        let stream = state.stream()?;
        let length = stream.length?;
        stream.present.covered(0, length).filter(|end| *end >= length)?;
        Some((stream.file.clone()?, stream.present.unchecked()?))
    }

    /// The length and trailers of an object of which nothing is missing; to one caller only.
    fn take_whole(&self) -> Option<(u64, Box<[u8]>)> {
        let mut state = self.state();
        let stream = state.stream().filter(|stream| !stream.closing && !stream.broken && !stream.unwanted)?;
        let length = stream.length?;
        let whole = stream.present.covered(0, length).is_some_and(|end| end >= length);
        stream.closing = whole;
        whole.then(|| (length, stream.trailers.clone()))
    }

    fn assigned_since(&self) -> Option<(crate::cache::policy::Assigned, crate::cache::policy::Since)> {
        let mut state = self.state();
        let head = &state.stream()?.head;
        Some((head.assigned(), head.stored().times.since))
    }

    /// What was invalidated while it came must not look fresh when it is found again.
    fn keep_invalidated(&self, desk: &Desk) {
        let mut state = self.state();
        let invalidated = state.invalidated;
        let Some(location) = state.stream().map(|stream| stream.location).filter(|_| invalidated) else { return };
        drop(state);
        desk.store.invalidate(location);
    }
}
