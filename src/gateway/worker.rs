//! One executor thread's own things. A connection lives and dies on one thread, so nothing here needs a lock.

use std::cell::{Cell, RefCell, RefMut};
use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use event_listener::Event;

use super::repeat::Repeats;
use super::{Gateway, Process};

/// Heads are written into one buffer per thread that is used again and again; one that a large head has blown up
/// beyond this is given back.
const SCRATCH_KEPT: usize = 16 * 1024;

/// What the tasks of one thread share.
pub(crate) struct Worker {
    pub(crate) process: Arc<Process>,
    current: RefCell<Arc<Gateway>>,
    scratch: RefCell<Vec<u8>>,
    repeats: RefCell<Repeats>,
    /// Exchanges and fills under way; a drain waits for them.
    active: Cell<usize>,
    /// Told when the last of them has ended.
    ended: Event,
    draining: Cell<bool>,
    idle: RefCell<IdleConnections>,
    lots: Cell<u64>,
}

impl Worker {
    pub(crate) fn new(process: Arc<Process>, gateway: Arc<Gateway>) -> Rc<Worker> {
        Rc::new(Worker {
            process,
            current: RefCell::new(gateway),
            scratch: RefCell::new(Vec::new()),
            repeats: RefCell::default(),
            active: Cell::new(0),
            ended: Event::new(),
            draining: Cell::new(false),
            idle: RefCell::default(),
            lots: Cell::new(RandomState::new().hash_one(std::thread::current().id())),
        })
    }

    /// The configuration in force. An exchange asks once and keeps the answer to its end.
    pub(crate) fn gateway(&self) -> Arc<Gateway> {
        self.current.borrow().clone()
    }

    pub(crate) fn swap(&self, gateway: Arc<Gateway>) {
        *self.current.borrow_mut() = gateway;
        self.repeats.borrow_mut().forget();
    }

    /// From now on every answer closes its connection, and those that are idle are closed at once.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
        self.idle.borrow_mut().wake_all();
    }

    /// A place where a connection can be woken by a drain.
    pub(super) fn place(self: &Rc<Worker>) -> Place {
        Place { worker: self.clone(), number: self.idle.borrow_mut().take_place() }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Waits until nothing is under way.
    pub(crate) async fn idle(&self) {
        while self.active.get() > 0 {
            self.ended.listen().await;
        }
    }

    /// Counts something under way until the value is dropped.
    pub(crate) fn busy(self: &Rc<Worker>) -> Busy {
        self.active.set(self.active.get() + 1);
        Busy(self.clone())
    }

    /// How long a connection may be idle, and how many bytes of a head are read.
    pub(super) fn idle_rule(&self) -> (Duration, usize) {
        let gateway = self.current.borrow();
        (gateway.config.timeouts.idle, gateway.limits.head)
    }

    /// Requests that came before.
    pub(super) fn repeats(&self) -> RefMut<'_, Repeats> {
        self.repeats.borrow_mut()
    }

    /// An empty buffer to write a head into; give it back with [`Worker::put_scratch`].
    pub(super) fn take_scratch(&self) -> Vec<u8> {
        self.scratch.take()
    }

    pub(super) fn put_scratch(&self, mut scratch: Vec<u8>) {
        if scratch.capacity() <= SCRATCH_KEPT {
            scratch.clear();
            self.scratch.replace(scratch);
        }
    }

    /// Numbers for request and trace ids: never the same twice, and not to be guessed from outside by counting. They
    /// protect nothing, so SplitMix64 from a random start will do.
    pub(super) fn draw(&self) -> [u64; 4] {
        std::array::from_fn(|_| {
            let state = self.lots.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.lots.set(state);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        })
    }
}

/// The wakers of a worker's connections, by place. As many places as there were connections at the same time.
#[derive(Default)]
struct IdleConnections {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl IdleConnections {
    fn take_place(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            self.wakers.len() - 1
        })
    }

    fn wake_all(&mut self) {
        self.wakers.iter_mut().filter_map(Option::take).for_each(Waker::wake);
    }
}

/// A connection's place among those that a drain wakes. `Drop` gives it up.
pub(super) struct Place {
    worker: Rc<Worker>,
    number: usize,
}

impl Place {
    /// Waits for `future`, or gives `None` as soon as the worker drains. A connection that waits again and again
    /// registers itself once: its task's waker stays the same.
    pub(super) async fn unless_draining<F: Future + Unpin>(&self, mut future: F) -> Option<F::Output> {
        poll_fn(|context| {
            if self.worker.is_draining() {
                return Poll::Ready(None);
            }
            self.register(context.waker());
            Pin::new(&mut future).poll(context).map(Some)
        })
        .await
    }

    fn register(&self, waker: &Waker) {
        if let Some(place) = self.worker.idle.borrow_mut().wakers.get_mut(self.number)
            && !place.as_ref().is_some_and(|known| known.will_wake(waker))
        {
            *place = Some(waker.clone());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut idle = self.worker.idle.borrow_mut();
        if let Some(place) = idle.wakers.get_mut(self.number) {
            *place = None;
        }
        idle.free.push(self.number);
    }
}

/// Something under way on a worker. `Drop` ends it.
pub(crate) struct Busy(Rc<Worker>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get() - 1);
        if self.0.active.get() == 0 {
            self.0.ended.notify(usize::MAX);
        }
    }
}
