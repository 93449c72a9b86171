//! How many exchanges at the same time, and who is next.
//!
//! An exchange passes several gates at once: of its client, its route, its upstream. Where one of them is shut it may
//! wait. Whenever a permit goes, the queue is looked through in its order, and everybody for whom all gates are open then
//! is let in; so nobody waits who could go, and one who comes later overtakes only those who could not have gone.
//!
//! **Fair between clients**: each ticket has a round. A client's next ticket is one round after its last one, and none
//! is before the round that is being served (start-time fair queueing with equal parts). So clients take turns, whoever
//! has more waiting, and each client's own tickets go in the order they came.

mod queue;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::hash::{BuildHasherDefault, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::Subject;
use queue::{Queue, Waiting};

pub(crate) use queue::Full;

/// Gates that one exchange passes: of the client, the plan, the route and the upstream.
pub(crate) const MOST_GATES: usize = 4;

/// Shared by all threads and kept over reloads.
pub(crate) struct Gates {
    /// Guards who is in and who waits. Held while the queue is looked through, never while somebody is woken.
    state: Mutex<State>,
}

/// One gate: at most so many at the same time. With zero nobody passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Gate {
    pub(crate) subject: Subject,
    pub(crate) most: usize,
}

/// The gates of one exchange.
pub(crate) type Path = heapless::Vec<Gate, MOST_GATES>;

pub(crate) enum Entered {
    In(GatePermit),
    Wait(GateTicket),
    Full(Full),
}

/// The right to one exchange. Dropping it lets the next ones in.
pub(crate) struct GatePermit {
    gates: Arc<Gates>,
    path: Path,
}

/// A place in the queue: ready with the permit when it is this one's turn. Dropping it leaves the queue; where it was
/// its turn already, the turn goes on to the next.
pub(crate) struct GateTicket {
    gates: Arc<Gates>,
    number: u64,
    /// Taken when the permit is given out.
    path: Option<Path>,
}

#[derive(Default)]
struct State {
    /// How many are in. Holds no more subjects than [`MOST_GATES`] for each exchange that is in.
    inside: HashMap<Subject, usize, BuildHasherDefault<AsItIs>>,
    queue: Queue,
}

impl Gates {
    pub(crate) fn new() -> Arc<Gates> {
        Arc::new(Gates { state: Mutex::default() })
    }

    /// `client` is who takes turns with others. With `queue` it waits where a gate is shut.
    pub(crate) fn enter(self: &Arc<Self>, client: Subject, path: &Path, queue: bool) -> Entered {
        let mut state = self.lock();
        if state.is_open(path) {
            state.let_in(path);
            return Entered::In(GatePermit { gates: Arc::clone(self), path: path.clone() });
        }
        if !queue || path.iter().any(|gate| gate.most == 0) {
            return Entered::Full(Full::Busy);
        }
        match state.queue.join(client, path.clone()) {
            Ok(number) => Entered::Wait(GateTicket { gates: Arc::clone(self), number, path: Some(path.clone()) }),
            Err(full) => Entered::Full(full),
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.lock().queue.len()
    }

    /// How many have passed the gate of a subject and are still in.
    #[cfg(test)]
    pub(crate) fn inside(&self, subject: Subject) -> usize {
        self.lock().inside.get(&subject).copied().unwrap_or(0)
    }

    fn leave(&self, path: &Path) {
        let woken = {
            let mut state = self.lock();
            state.let_out(path);
            state.admit()
        };
        // Not under the lock: a waker may run what it likes.
        woken.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_open(&self, path: &Path) -> bool {
        path.iter().all(|gate| self.inside.get(&gate.subject).copied().unwrap_or(0) < gate.most)
    }

    fn let_in(&mut self, path: &Path) {
        for gate in path {
            let inside = self.inside.entry(gate.subject).or_insert(0);
            *inside = inside.saturating_add(1);
        }
    }

    fn let_out(&mut self, path: &Path) {
        for gate in path {
            if let Entry::Occupied(mut inside) = self.inside.entry(gate.subject) {
                *inside.get_mut() = inside.get().saturating_sub(1);
                if *inside.get() == 0 {
                    inside.remove();
                }
            }
        }
    }

    /// Lets in whoever waits and can go, in turn. Gives those who are to be told.
    fn admit(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        let mut at = 0;
        while let Some(waiting) = self.queue.get(at) {
            if !self.is_open(&waiting.path) {
                at += 1;
                continue;
            }
            if let Some(Waiting { path, waker, .. }) = self.queue.serve(at) {
                self.let_in(&path);
                woken.extend(waker);
            }
        }
        woken
    }
}

impl GateTicket {
    /// How many are before this one at the moment, for the waiting page.
    #[cfg(test)]
    pub(crate) fn ahead(&self) -> usize {
        self.gates.lock().queue.find(self.number).unwrap_or(0)
    }
}

impl Future for GateTicket {
    type Output = GatePermit;

    /// Ready once: who polls again after that waits for ever.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<GatePermit> {
        let before = {
            let mut state = self.gates.lock();
            let at = state.queue.find(self.number);
            at.and_then(|at| state.queue.get_mut(at)).map(|waiting| waiting.wake_by(context.waker()))
        };
        match (before, self.path.take()) {
            // Only a served ticket is gone from the queue: it is in already.
            (None, Some(path)) => Poll::Ready(GatePermit { gates: Arc::clone(&self.gates), path }),
            (_, path) => {
                self.path = path;
                Poll::Pending
            }
        }
    }
}

impl Drop for GateTicket {
    fn drop(&mut self) {
        let Some(path) = self.path.take() else { return };
        let left = {
            let mut state = self.gates.lock();
            state.queue.find(self.number).and_then(|at| state.queue.leave(at))
        };
        if left.is_none() {
            self.gates.leave(&path);
        }
    }
}

impl Drop for GatePermit {
    fn drop(&mut self) {
        self.gates.leave(&self.path);
    }
}

/// Subjects are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
