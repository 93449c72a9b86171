//! The ones who read what another one's request brings.

use std::ops::Range;
use std::sync::Arc;

use super::desk;
use super::permit::{Fill, Part};
use super::stream::{Here, MOST_BARREN, Stream};
use super::{Asker, Ended, Phase, Readable, Shared, State};
use crate::base::Now;
use crate::cache::head::Head;
use crate::cache::hit::{Hit, Piece, bring_in};
use crate::cache::policy::{self, Reuse};
use crate::cache::reason::{Failure, PassReason};
use crate::cache::root::Inner;
use crate::cache::store::Run;
use crate::cache::vary::Names;
use crate::http::Fields;

/// Bytes that a follower copies out of the window at once: the lock is held for that long.
const COPY: usize = 32 << 10;

/// A client that reads from an object under way. Drop it when it leaves.
pub(crate) struct Follower {
    inner: Arc<Inner>,
    shared: Arc<Shared>,
    asker: Box<Asker>,
    /// What was stored, when it was looked up.
    previous: Option<Hit>,
    names: Option<Names>,
    /// The reader of the client that asks: what comes is its own answer.
    own: bool,
    /// It waits until the head has been confirmed oftener, or refused oftener, than this.
    noted: Option<(u32, u32)>,
    number: usize,
    position: u64,
    end: u64,
    /// It has got bytes: there is no way back.
    begun: bool,
    /// Questions that had brought nothing when it last got on, of all and of its own.
    barren: u32,
    asks: u32,
    copy: Vec<u8>,
    file: Option<Readable>,
    trailers: Box<[u8]>,
}

/// What a follower gets.
pub(crate) enum Followed {
    /// Bytes as they come: [`Follower::range`], then [`Follower::next`].
    /// `whole`: nothing is missing any more, so that it is as good as stored.
    Stream { head: Arc<Head>, length: Option<u64>, whole: bool },
    /// What was stored is still good (304).
    Hit(Hit),
    /// Something must be asked first: have it asked, and call [`Follower::head`] again.
    Ask(Fill),
}

/// What there is for a follower next.
pub(crate) enum Next<'a> {
    Piece(Piece<'a>),
    /// Something is missing: have it asked, and call [`Follower::next`] again.
    Ask(Fill),
    /// The true end.
    End,
}

/// Why following ended: without an answer, or within it, when the client's connection must be cut.
pub(crate) enum FillEnd {
    /// Forward this request past the cache.
    GoAlone(PassReason),
    /// The answer is for others, or another one came: look up again. Within an answer, it is a cut.
    LookAgain,
    Failed(Failure),
    /// The one who asked is gone without a word: this client asks now.
    TakeOver(Fill),
}

/// What there is for a follower at this moment.
enum Step {
    Wait,
    /// So many bytes were copied.
    Copied(usize),
    File(Readable, u64, usize),
    Check(Run),
    Ask(Part),
    End,
    Over(FillEnd),
}

impl Follower {
    pub(in crate::cache) fn new(
        inner: Arc<Inner>,
        shared: Arc<Shared>,
        asker: Asker,
        previous: Option<Hit>,
        names: Option<Names>,
    ) -> Follower {
        let mut state = shared.state();
        let number = state.enter();
        let barren = state.stream().map_or(0, |stream| stream.barren);
        drop(state);
        Follower {
            inner,
            shared,
            asker: Box::new(asker),
            previous,
            names,
            own: false,
            noted: None,
            number,
            position: 0,
            end: u64::MAX,
            begun: false,
            barren,
            asks: 0,
            copy: Vec::new(),
            file: None,
            trailers: Box::default(),
        }
    }

    pub(super) fn own(inner: Arc<Inner>, shared: Arc<Shared>, asker: Asker) -> Follower {
        let mut follower = Follower::new(inner, shared, asker, None, None);
        follower.own = true;
        follower
    }

    pub(super) fn after_renewal(mut self, noted: Option<(u32, u32)>) -> Follower {
        self.noted = noted;
        self
    }

    /// Waits for the head. `request` are the client's fields as they were looked up.
    pub(crate) async fn head(&mut self, request: Fields<'_>, now: Now) -> Result<Followed, FillEnd> {
        loop {
            let listener = self.shared.news.listen();
            if let Some(outcome) = self.seen(request, now) {
                return outcome;
            }
            listener.await;
        }
    }

    /// Read these bytes next; at the beginning, and again after each end. An end beyond the end is the end.
    pub(crate) fn range(&mut self, range: Range<u64>) {
        (self.position, self.end) = (range.start, range.end);
        self.note_position();
    }

    /// The next bytes, at most `max`, as soon as there are any.
    pub(crate) async fn next(&mut self, max: usize) -> Result<Next<'_>, FillEnd> {
        let step = loop {
            let listener = match self.step(max) {
                Step::Wait => self.shared.news.listen(),
                Step::Check(run) => {
                    Box::pin(self.check(run)).await;
                    continue;
                }
                step => break step,
            };
            match self.step(max) {
                Step::Wait => listener.await,
                Step::Check(run) => Box::pin(self.check(run)).await,
                step => break step,
            }
        };
        match step {
            Step::Copied(len) => Ok(Next::Piece(Piece::Memory(self.copy.get(..len).unwrap_or_default()))),
            Step::File(readable, offset, len) => {
                bring_in(&readable.file, offset, len as u64).await;
                let readable = self.file.insert(readable);
                Ok(Next::Piece(Piece::File { file: &readable.file, offset, len }))
            }
            Step::Ask(part) => {
                let (inner, shared) = (Arc::clone(&self.inner), Arc::clone(&self.shared));
                Ok(Next::Ask(Fill::of_part(inner, shared, *self.asker, part)))
            }
            Step::End | Step::Wait | Step::Check(_) => Ok(Next::End),
            Step::Over(end) => Err(end),
        }
    }

    /// Trailer lines, `Name: value CRLF`; after the end.
    pub(crate) fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// What the fill has come to, for this follower; `None`: wait.
    fn seen(&mut self, request: Fields<'_>, now: Now) -> Option<Result<Followed, FillEnd>> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        let seen = match &mut state.phase {
            Phase::Asking => return None,
            Phase::Orphaned => {
                state.phase = Phase::Asking;
                drop(state);
                return Some(Err(FillEnd::TakeOver(self.take_over())));
            }
            Phase::Streaming(stream) => match self.seen_renewal(stream) {
                Renewal::Confirmed => self.seen_stream(stream, request),
                Renewal::Wait => return None,
                Renewal::Refused(end) => Err(end),
                Renewal::Unasked(part) => {
                    drop(state);
                    let (inner, shared) = (Arc::clone(&self.inner), Arc::clone(&self.shared));
                    return Some(Ok(Followed::Ask(Fill::of_part(inner, shared, *self.asker, part))));
                }
            },
            Phase::Ended(Ended::Alone(reason)) => Err(FillEnd::GoAlone(*reason)),
            Phase::Ended(Ended::LookAgain) => Err(FillEnd::LookAgain),
            Phase::Ended(Ended::Failed(why)) => Err(FillEnd::Failed(*why)),
            Phase::Ended(Ended::Fresh(hit)) => self.seen_fresh(hit, request, now),
        };
        Some(seen)
    }

    /// Whether the head has been confirmed, for one whose request wants that.
    fn seen_renewal(&mut self, stream: &mut Stream) -> Renewal {
        match self.noted {
            Some((renewals, _)) if stream.renewals != renewals => Renewal::Confirmed,
            None => Renewal::Confirmed,
            Some(_) if stream.is_being_renewed() => Renewal::Wait,
            Some((_, refusals)) if stream.refusals != refusals => {
                Renewal::Refused(stream.refusal.map_or(FillEnd::LookAgain, FillEnd::Failed))
            }
            Some(_) if self.asks >= MOST_BARREN => Renewal::Refused(FillEnd::Failed(stream.failure)),
            Some(_) => {
                self.asks += 1;
                Renewal::Unasked(Part::hole(stream, None, true))
            }
        }
    }

    fn seen_stream(&self, stream: &Stream, request: Fields<'_>) -> Result<Followed, FillEnd> {
        if let Some(why) = stream.cut {
            return Err(FillEnd::Failed(why));
        }
        let selected = stream.selection.as_ref().is_none_or(|selection| selection.matches(request));
        let for_this = self.own || (stream.for_all && selected);
        if !for_this {
            return Err(FillEnd::LookAgain);
        }
        if !self.own && stream.stands_alone() && !stream.answers(request, &self.asker.rules) {
            return Err(FillEnd::LookAgain);
        }
        let first = self.asker.rules.first_byte.filter(|_| !self.asker.rules.head).unwrap_or(self.position);
        if !self.own && !stream.stands_alone() && !stream.will_have(first) {
            let far = first > self.position;
            return Err(if far { FillEnd::GoAlone(PassReason::RangeMiss) } else { FillEnd::LookAgain });
        }
        let (head, whole) = (Arc::clone(&stream.head), stream.is_whole());
        // One that turned out at the end is not told: trailers can only follow a body whose length was not.
        let length = stream.length.filter(|_| stream.announced);
        Ok(Followed::Stream { head, length, whole })
    }

    /// A validation is for all who have the same selecting values and for whom what was validated is fresh now.
    fn seen_fresh(&self, hit: &Hit, request: Fields<'_>, now: Now) -> Result<Followed, FillEnd> {
        let head = hit.head();
        let selected = head.selection().is_none_or(|selection| selection.matches(request));
        match policy::may_serve(head.stored(), &policy::RequestRules::PLAIN, now) {
            Reuse::Serve if selected => Ok(Followed::Hit(hit.clone())),
            Reuse::Serve | Reuse::Validate(_) => Err(FillEnd::LookAgain),
        }
    }

    fn take_over(&self) -> Fill {
        let (inner, shared) = (Arc::clone(&self.inner), Arc::clone(&self.shared));
        Fill::new(inner, shared, *self.asker, self.previous.clone(), self.names.clone())
    }

    fn step(&mut self, max: usize) -> Step {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        let step = match &mut state.phase {
            Phase::Streaming(stream) => self.step_in(stream, max),
            Phase::Asking | Phase::Orphaned => Step::Wait,
            Phase::Ended(_) if self.begun => Step::Over(FillEnd::Failed(Failure::CUT)),
            Phase::Ended(_) => Step::Over(FillEnd::LookAgain),
        };
        let taken = match &step {
            Step::Copied(len) | Step::File(_, _, len) => *len,
            Step::Wait | Step::Check(_) | Step::Ask(_) | Step::End | Step::Over(_) => 0,
        };
        if taken > 0 {
            self.position = self.position.saturating_add(taken as u64);
            (self.begun, self.asks) = (true, 0);
            self.barren = state.stream().map_or(0, |stream| stream.barren);
        }
        self.enter_position(&mut state);
        step
    }

    fn step_in(&mut self, stream: &mut Stream, max: usize) -> Step {
        let left = self.end.saturating_sub(self.position);
        if left == 0 || max == 0 {
            return Step::End;
        }
        stream.whole_wanted |= self.end == u64::MAX && self.position == 0;
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(max);
        let limit = self.position.saturating_add(most as u64);
        match stream.here(self.position, limit, false) {
            Here::File(readable, end) => {
                let there = end.min(limit).saturating_sub(self.position);
                let run = readable.layout.run(self.position).min(there);
                let offset = readable.layout.place(self.position);
                Step::File(readable, offset, usize::try_from(run).unwrap_or(0))
            }
            Here::Unchecked(run) => Step::Check(run),
            Here::Window(lane) => self.copy_from(stream, lane, most),
            Here::Wait => Step::Wait,
            // What was there a moment ago is not, or does not come: it may be asked for from the beginning.
            Here::Cut(_) if stream.stands_alone() && !self.begun && !self.own => Step::Over(FillEnd::LookAgain),
            Here::Cut(why) => Step::Over(FillEnd::Failed(why)),
            Here::End => {
                self.trailers = stream.trailers.clone();
                Step::End
            }
            Here::Hole => self.ask(stream),
        }
    }

    fn copy_from(&mut self, stream: &Stream, lane: u32, most: usize) -> Step {
        let here = stream.lane(lane).and_then(|lane| {
            let start = usize::try_from(self.position.checked_sub(lane.base)?).ok()?;
            lane.window.get(start..)
        });
        let here = here.unwrap_or_default();
        let here = here.get(..most.min(COPY)).unwrap_or(here);
        self.copy.clear();
        self.copy.extend_from_slice(here);
        Step::Copied(here.len())
    }

    /// Asks for what is missing here, unless that has been in vain for some time.
    fn ask(&mut self, stream: &mut Stream) -> Step {
        let in_vain = stream.barren.wrapping_sub(self.barren) >= MOST_BARREN || self.asks >= MOST_BARREN;
        if in_vain {
            return Step::Over(FillEnd::Failed(stream.failure));
        }
        self.asks += 1;
        let hole = stream.hole(self.position, self.end);
        Step::Ask(Part::hole(stream, Some(hole), false))
    }

    /// Reads a run back, that was written before this process began.
    async fn check(&self, run: Run) {
        let there = self.shared.state().stream().map(|stream| (Arc::clone(&stream.desk), stream.file.clone()));
        let Some((desk, Some(readable))) = there else { return };
        let turn = self.inner.reads.acquire_arc().await;
        let sound = smol::unblock(move || {
            let _turn = turn;
            let sound = desk::is_sound(&readable, run);
            if !sound {
                desk.note_damage(&readable, run);
            }
            sound
        })
        .await;
        self.shared.judge(run, sound);
    }

    fn note_position(&self) {
        self.enter_position(&mut self.shared.state());
    }

    fn enter_position(&self, state: &mut State) {
        if let Some(place) = state.followers.get_mut(self.number) {
            *place = Some(self.position);
        }
        if state.stream().is_some_and(|stream| stream.broken) {
            self.shared.wake_writers();
        }
    }
}

/// What has become of the question whether the head still holds.
enum Renewal {
    Confirmed,
    Wait,
    Refused(FillEnd),
    /// Nobody asks any more.
    Unasked(Part),
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.leave(self.number);
        let abandoned = matches!(state.phase, Phase::Orphaned) && state.live_followers() == 0;
        if abandoned {
            state.phase = Phase::Ended(Ended::LookAgain);
        }
        drop(state);
        if abandoned {
            self.inner.fills.release(&self.shared);
        }
        self.shared.wake_writers();
        self.shared.put_away_if_idle(&self.inner);
    }
}
