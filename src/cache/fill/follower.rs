//! The ones who read what another one's request brings.

use std::ops::Range;
use std::sync::Arc;

use super::{Asker, Ended, Fill, Phase, Readable, Shared, State, Stream, StreamEnd};
use crate::base::Now;
use crate::cache::head::Head;
use crate::cache::hit::{Hit, Piece, bring_in};
use crate::cache::policy::{self, Reuse};
use crate::cache::reason::{Failure, PassReason};
use crate::cache::root::Inner;
use crate::cache::vary::Names;
use crate::http::Fields;

/// Bytes that a follower copies out of the window at once: the lock is held for that long.
const COPY: usize = 32 << 10;

/// A client that reads from a fill. Drop it when it leaves.
pub(crate) struct Follower {
    inner: Arc<Inner>,
    shared: Arc<Shared>,
    asker: Asker,
    /// What was stored, when it was looked up.
    previous: Option<Hit>,
    names: Option<Names>,
    /// The reader of the client that asks: what comes is its own answer.
    own: bool,
    number: usize,
    position: u64,
    end: u64,
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
    /// The answer is for others: look up again.
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
    End,
    Cut(Failure),
}

impl Follower {
    pub(in crate::cache) fn new(
        inner: Arc<Inner>,
        shared: Arc<Shared>,
        asker: Asker,
        previous: Option<Hit>,
        names: Option<Names>,
    ) -> Follower {
        let number = shared.state().enter();
        Follower {
            inner,
            shared,
            asker,
            previous,
            names,
            own: false,
            number,
            position: 0,
            end: u64::MAX,
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
            match self.step(max) {
                Step::Wait => {}
                step => break step,
            }
            let listener = self.shared.news.listen();
            match self.step(max) {
                Step::Wait => listener.await,
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
            Step::End | Step::Wait => Ok(Next::End),
            Step::Cut(why) => Err(FillEnd::Failed(why)),
        }
    }

    /// Trailer lines, `Name: value CRLF`; after the end.
    pub(crate) fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// What the fill has come to, for this follower; `None`: wait.
    fn seen(&self, request: Fields<'_>, now: Now) -> Option<Result<Followed, FillEnd>> {
        let mut state = self.shared.state();
        let seen = match &state.phase {
            Phase::Asking => return None,
            Phase::Orphaned => {
                state.phase = Phase::Asking;
                drop(state);
                return Some(Err(FillEnd::TakeOver(self.take_over())));
            }
            Phase::Streaming(stream) => self.seen_stream(stream, request),
            Phase::Ended(Ended::Alone(reason)) => Err(FillEnd::GoAlone(*reason)),
            Phase::Ended(Ended::LookAgain) => Err(FillEnd::LookAgain),
            Phase::Ended(Ended::Failed(why)) => Err(FillEnd::Failed(*why)),
            Phase::Ended(Ended::Fresh(hit)) => self.seen_fresh(hit, request, now),
        };
        Some(seen)
    }

    fn seen_stream(&self, stream: &Stream, request: Fields<'_>) -> Result<Followed, FillEnd> {
        if let Some(StreamEnd::Cut(why)) = stream.end {
            return Err(FillEnd::Failed(why));
        }
        let selected = stream.selection.as_ref().is_none_or(|selection| selection.matches(request));
        if self.own || (stream.for_all && selected && stream.has_from(self.position)) {
            return Ok(Followed::Stream {
                head: Arc::clone(&stream.head),
                length: stream.length,
                whole: stream.is_whole(),
            });
        }
        Err(FillEnd::LookAgain)
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
        Fill::new(inner, shared, self.asker, self.previous.clone(), self.names.clone())
    }

    fn step(&mut self, max: usize) -> Step {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        let step = match &mut state.phase {
            Phase::Streaming(stream) => self.step_in(stream, max),
            Phase::Asking | Phase::Orphaned => Step::Wait,
            Phase::Ended(_) => Step::Cut(Failure::CUT),
        };
        let taken = match &step {
            Step::Copied(len) | Step::File(_, _, len) => *len,
            Step::Wait | Step::End | Step::Cut(_) => 0,
        };
        self.position = self.position.saturating_add(taken as u64);
        self.enter_position(&mut state);
        step
    }

    fn step_in(&mut self, stream: &Stream, max: usize) -> Step {
        let left = self.end.saturating_sub(self.position);
        if left == 0 || max == 0 {
            return Step::End;
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(max);
        if let Some(step) = self.step_on_file(stream, most) {
            return step;
        }
        // Neither on the card nor in RAM any more: only after a seek back in a stream that the card failed.
        let Some(start) = self.position.checked_sub(stream.base) else { return Step::Cut(Failure::CUT) };
        match usize::try_from(start).ok().and_then(|start| stream.window.get(start..)) {
            Some(here) if !here.is_empty() => {
                let here = here.get(..most.min(COPY)).unwrap_or(here);
                self.copy.clear();
                self.copy.extend_from_slice(here);
                Step::Copied(here.len())
            }
            Some(_) | None => match &stream.end {
                None => Step::Wait,
                Some(StreamEnd::Cut(why)) => Step::Cut(*why),
                Some(StreamEnd::Whole { trailers }) => {
                    self.trailers = trailers.clone();
                    Step::End
                }
            },
        }
    }

    fn step_on_file(&self, stream: &Stream, most: usize) -> Option<Step> {
        let (readable, on_file) = stream.file.as_ref()?;
        let there = on_file.checked_sub(self.position).filter(|there| *there > 0)?;
        let run = readable.layout.run(self.position).min(there).min(most as u64);
        Some(Step::File(readable.clone(), readable.layout.place(self.position), usize::try_from(run).ok()?))
    }

    fn note_position(&self) {
        self.enter_position(&mut self.shared.state());
    }

    fn enter_position(&self, state: &mut State) {
        if let Some(place) = state.followers.get_mut(self.number) {
            *place = Some(self.position);
        }
        if state.stream().is_some_and(|stream| stream.broken) {
            self.shared.wake_writer();
        }
    }
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
            self.inner.fills.remove(&self.shared);
        }
        self.shared.wake_writer();
    }
}
