//! The one who writes: takes body bytes as they come, shows them to the followers at once, and brings them to the card
//! behind that, a block at a time, on the blocking pool.

use std::io;
use std::sync::Arc;

use smol::Task;
use smol::lock::SemaphoreGuardArc;
use xxhash_rust::xxh3::Xxh3;

use super::{Asker, Fill, Follower, Readable, Shared, StreamEnd};
use crate::cache::object::Object;
use crate::cache::policy::Since;
use crate::cache::reason::Failure;
use crate::cache::root::Inner;
use crate::cache::store::format::CHUNK_LOG2;
use crate::cache::store::{Draft, Opened, Plan, Run, Store};
use crate::http::FieldSpans;

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
    /// From here on it is there already.
    Covered,
}

/// Takes the body of an answer that is kept. `Send` and `'static`: belongs in a task of its own, so that it outlives
/// the client that caused it. Dropped before [`Writer::finish`], nothing is kept and followers are cut.
pub(crate) struct Writer {
    inner: Arc<Inner>,
    shared: Arc<Shared>,
    /// `None`: nothing is written any more.
    sink: Option<Sink>,
    length: Option<u64>,
    asker: Asker,
    written: u64,
    since: Since,
    over: bool,
}

/// The way to the card.
struct Sink {
    store: Arc<Store>,
    plan: Plan,
    /// Bytes handed to the card so far.
    flushed: u64,
    pen: PenState,
}

enum PenState {
    /// Nothing was written yet.
    Unused,
    Idle(Box<Pen>),
    /// Writes so many bytes.
    Busy(Task<io::Result<Box<Pen>>>, usize),
}

/// Writes a draft from its first byte to its last.
struct Pen {
    draft: Draft,
    hasher: Xxh3,
    at: u64,
}

impl Writer {
    pub(super) fn new(
        inner: Arc<Inner>,
        shared: Arc<Shared>,
        store: Arc<Store>,
        plan: Plan,
        length: Option<u64>,
        asker: Asker,
        since: Since,
    ) -> Writer {
        let sink = Some(Sink { store, plan, flushed: 0, pen: PenState::Unused });
        Writer { inner, shared, sink, length, asker, written: 0, since, over: false }
    }

    /// The reader for the client that caused this fill.
    pub(crate) fn follower(&self) -> Follower {
        Follower::own(Arc::clone(&self.inner), Arc::clone(&self.shared), self.asker)
    }

    /// Takes bytes. Waits where the card, or after it failed the slowest follower, is behind.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        for piece in bytes.chunks(BLOCK) {
            self.written = self.written.saturating_add(piece.len() as u64);
            if self.written > self.asker.max_object.as_u64() {
                self.break_off();
            }
            let waiting = self.show(piece);
            match &self.sink {
                Some(_) => self.bring_to_card(waiting).await,
                None => self.wait_for_slowest().await?,
            }
        }
        Ok(())
    }

    /// The body came to its true end. `trailers` are `Name: value CRLF` lines. A length other than the announced one
    /// is a cut.
    /// `Some`: parts of the object are missing and wanted; ask for the next with this.
    pub(crate) async fn finish(mut self, trailers: &[u8]) -> Option<Fill> {
        if self.length.is_some_and(|length| length != self.written) {
            return None;
        }
        self.over = true;
        // What could not be sent on is not kept either.
        let trailers = if FieldSpans::parse(trailers).is_ok() { trailers } else { b"" };
        if let Some(stream) = self.shared.state().stream() {
            stream.end = Some(StreamEnd::Whole { trailers: trailers.into() });
        }
        self.shared.wake_followers();
        if let Some(sink) = self.sink.take() {
            self.keep(sink, trailers.into()).await;
        }
        self.inner.fills.remove(&self.shared);
        None
    }

    /// As `drop`, with a reason for those who follow.
    pub(crate) fn cut(mut self, why: Failure) {
        self.give_up(why);
    }

    /// Adds bytes to the window. Gives how many are in it.
    fn show(&self, bytes: &[u8]) -> usize {
        let mut state = self.shared.state();
        let waiting = state.stream().map_or(0, |stream| {
            stream.window.extend_from_slice(bytes);
            stream.window.len()
        });
        state.release_window();
        drop(state);
        self.shared.wake_followers();
        waiting
    }

    async fn bring_to_card(&mut self, mut waiting: usize) {
        loop {
            let full = waiting >= self.window(waiting);
            let Some(sink) = &mut self.sink else { return };
            if sink.is_done() || full {
                waiting = waiting.saturating_sub(self.settle().await);
            }
            let Some(sink) = &mut self.sink else { return };
            if waiting >= BLOCK && !sink.is_busy() {
                let writes = &self.inner.writes;
                let turn = match writes.try_acquire_arc() {
                    None if full => Some(writes.acquire_arc().await),
                    turn => turn,
                };
                if let Some(turn) = turn {
                    sink.start(turn, &self.shared, self.length);
                }
            }
            let busy = self.sink.as_ref().is_some_and(Sink::is_busy);
            if !busy || waiting < self.window(waiting) {
                return;
            }
        }
    }

    /// The bounds of the window, asked for only where they may matter.
    fn window(&self, waiting: usize) -> usize {
        if waiting < LEAST_WINDOW { LEAST_WINDOW } else { self.inner.window().clamp(LEAST_WINDOW, WINDOW) }
    }

    /// Waits for a write that is under way, and gives how many bytes of the window it took to the card.
    async fn settle(&mut self) -> usize {
        let Some(sink) = &mut self.sink else { return 0 };
        match sink.settle().await {
            Ok(None) => 0,
            Ok(Some((readable, count))) => {
                sink.flushed = sink.flushed.saturating_add(count as u64);
                let flushed = sink.flushed;
                if let Some(stream) = self.shared.state().stream() {
                    stream.window.drain(..count.min(stream.window.len()));
                    stream.base = flushed;
                    stream.file = Some((readable, flushed));
                }
                count
            }
            Err(error) => {
                sink.store.note(&error);
                self.break_off();
                0
            }
        }
    }

    /// From here on nothing is kept; those who read get the rest from RAM. Later requests ask for themselves.
    fn break_off(&mut self) {
        if let Some(sink) = self.sink.take() {
            // Taking a large file off the card may take its time.
            smol::unblock(move || drop(sink)).detach();
            self.inner.fills.remove(&self.shared);
            self.inner.fills.remember_alone(self.shared.fill_key, self.inner.last_seen());
            if let Some(stream) = self.shared.state().stream() {
                stream.broken = true;
            }
        }
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
        if state.live_followers() == 0 {
            return Err(Stop::NobodyReads);
        }
        state.release_window();
        let waiting = state.stream().map_or(0, |stream| stream.window.len());
        drop(state);
        Ok(waiting >= self.window(waiting))
    }

    /// Brings the rest to the card and puts the object where it is found.
    async fn keep(&mut self, mut sink: Sink, trailers: Box<[u8]>) {
        let settled = sink.settle().await;
        if let Ok(Some((readable, count))) = &settled {
            sink.flushed = sink.flushed.saturating_add(*count as u64);
            let _ = readable;
        }
        let rest = self.rest_of_window(sink.flushed);
        let (store, total) = (Arc::clone(&sink.store), self.written);
        let opened = match settled {
            Ok(_) => {
                let turn = self.inner.writes.acquire_arc().await;
                smol::unblock(move || {
                    let _turn = turn;
                    sink.finish(&rest, total, &trailers)
                })
                .await
            }
            Err(error) => Err(error),
        };
        match opened {
            Ok(opened) => self.enter(&store, opened).await,
            Err(error) => store.note(&error),
        }
    }

    /// The bytes that are not on the card yet. The window keeps them for those who follow.
    fn rest_of_window(&self, flushed: u64) -> Vec<u8> {
        let mut state = self.shared.state();
        let rest = state.stream().and_then(|stream| {
            let skip = usize::try_from(flushed.saturating_sub(stream.base)).ok()?;
            stream.window.get(skip..).map(<[u8]>::to_vec)
        });
        rest.unwrap_or_default()
    }

    async fn enter(&self, store: &Arc<Store>, opened: Opened) {
        let location = opened.identity.location;
        let assigned = self.asker.rules.assigned;
        let cache = Arc::downgrade(&self.inner);
        let Some(object) = Object::new(opened, self.shared.primary, assigned, self.since, cache) else { return };
        if self.shared.state().invalidated {
            let store = Arc::clone(store);
            smol::unblock(move || store.invalidate(location)).await;
        } else {
            self.inner.make_hot(Arc::new(object));
        }
    }

    fn give_up(&mut self, why: Failure) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.inner.fills.remove(&self.shared);
        self.shared.cut(why);
        if let Some(sink) = self.sink.take() {
            smol::unblock(move || drop(sink)).detach();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.give_up(Failure::CUT);
    }
}

impl Sink {
    fn is_busy(&self) -> bool {
        matches!(self.pen, PenState::Busy(..))
    }

    /// A write was under way and is not any more.
    fn is_done(&self) -> bool {
        matches!(&self.pen, PenState::Busy(task, _) if task.is_finished())
    }

    /// Begins to write what is in the window.
    fn start(&mut self, turn: SemaphoreGuardArc, shared: &Shared, length: Option<u64>) {
        let mut state = shared.state();
        let Some(block) = state.stream().map(|stream| stream.window.clone()) else { return };
        drop(state);
        let (store, plan, count) = (Arc::clone(&self.store), self.plan.clone(), block.len());
        let task = match std::mem::replace(&mut self.pen, PenState::Unused) {
            PenState::Unused => smol::unblock(move || {
                let _turn = turn;
                let mut pen = Pen::new(store.begin(plan, length, false)?);
                pen.write(&block)?;
                Ok(Box::new(pen))
            }),
            PenState::Idle(mut pen) => smol::unblock(move || {
                let _turn = turn;
                pen.write(&block)?;
                Ok(pen)
            }),
            PenState::Busy(task, earlier) => {
                self.pen = PenState::Busy(task, earlier);
                return;
            }
        };
        self.pen = PenState::Busy(task, count);
    }

    /// Waits for the write under way. Gives how many bytes it wrote, and where they can be read.
    async fn settle(&mut self) -> io::Result<Option<(Readable, usize)>> {
        match std::mem::replace(&mut self.pen, PenState::Unused) {
            PenState::Busy(task, count) => {
                let pen = task.await?;
                let readable = Readable { file: Arc::clone(pen.draft.file()), layout: pen.draft.layout() };
                self.pen = PenState::Idle(pen);
                Ok(Some((readable, count)))
            }
            other => {
                self.pen = other;
                Ok(None)
            }
        }
    }

    /// Writes the rest, and makes the object valid. Blocks.
    fn finish(self, rest: &[u8], total: u64, trailers: &[u8]) -> io::Result<Opened> {
        match self.pen {
            PenState::Idle(mut pen) => {
                pen.write(rest)?;
                pen.finish(total, trailers)
            }
            PenState::Unused | PenState::Busy(..) => {
                let mut plan = self.plan;
                plan.record.trailers = trailers.into();
                self.store.put(plan, rest)
            }
        }
    }
}

impl Pen {
    fn new(draft: Draft) -> Pen {
        let hasher = draft.identity().hasher(0, 0);
        Pen { draft, hasher, at: 0 }
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.draft.write(self.at, bytes)?;
        while !bytes.is_empty() {
            let (here, rest) = bytes.split_at_checked(self.left_in_chunk()).unwrap_or((bytes, &[]));
            self.hasher.update(here);
            self.at = self.at.saturating_add(here.len() as u64);
            bytes = rest;
            if self.at.trailing_zeros() >= u32::from(CHUNK_LOG2) {
                self.end_chunk(1 << CHUNK_LOG2);
            }
        }
        Ok(())
    }

    fn finish(mut self, total: u64, trailers: &[u8]) -> io::Result<Opened> {
        let last = self.at & ((1 << CHUNK_LOG2) - 1);
        if last > 0 {
            self.end_chunk(u32::try_from(last).unwrap_or(u32::MAX));
        }
        self.draft.finish(total, trailers)
    }

    fn end_chunk(&mut self, len: u32) {
        let chunk = self.at.saturating_sub(1) >> CHUNK_LOG2;
        self.draft.enter(Run { chunk, start: 0, len, checksum: self.hasher.digest() });
        self.hasher = self.draft.identity().hasher(self.at >> CHUNK_LOG2, 0);
    }

    fn left_in_chunk(&self) -> usize {
        let chunk = 1_u64 << CHUNK_LOG2;
        usize::try_from(chunk - (self.at & (chunk - 1))).unwrap_or(usize::MAX)
    }
}
