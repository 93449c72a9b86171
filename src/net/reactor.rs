//! What runs the tasks of one thread and wakes them: its sockets, its timers, and calls from other threads.
//!
//! Each thread that runs [`run`] has a reactor of its own, so nothing here is shared but the way to wake a sleeper. A
//! socket is registered once, edge-triggered, with the thread that first waits for it. What epoll says of it is
//! remembered until a call finds out that it no longer holds, so that a busy connection costs no system call besides its
//! reads and writes; one `epoll_wait` serves all connections that have something to say. Timers are kept in a map and
//! bound how long `epoll_wait` sleeps. Other threads write to an `eventfd`, and only where the thread sleeps.
//!
//! Between two turns each task that was woken runs once, in the order of waking; whoever is woken meanwhile runs after the
//! next turn, so that no number of busy tasks keeps a new event waiting. The queue is this thread's own: waking a task of
//! the same thread takes no lock and allocates nothing.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use async_task::Runnable;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

use crate::net::clock::instant_now;

/// Events taken from the kernel at once; more wait for the next turn.
const EVENTS: usize = 128;
/// A thread that ends runs what is woken then so many times round; who still goes on is cut.
const LAST_ROUNDS: usize = 1000;
/// What the eventfd is known by; no place has this number.
const CALL: u64 = u64::MAX;

thread_local! {
    static REACTOR: Reactor = Reactor::default();
}

/// The reactor of one thread.
#[derive(Default)]
struct Reactor {
    home: OnceCell<Arc<Home>>,
    running: Cell<bool>,
    /// When the present turn began.
    turn: Cell<Option<Instant>>,
    /// Tasks to run.
    woken: RefCell<VecDeque<Runnable>>,
    places: RefCell<Places>,
    timers: RefCell<Timers>,
    /// Tasks that go on after the next turn.
    later: RefCell<Vec<Waker>>,
}

/// The part of a reactor that other threads may touch.
pub(super) struct Home {
    epoll: OwnedFd,
    call: OwnedFd,
    /// The thread is in `epoll_wait`, or about to be.
    asleep: AtomicBool,
    /// What is run here is to be polled.
    woken: AtomicBool,
    /// Other threads left something in one of the lists.
    has_mail: AtomicBool,
    /// Tasks woken by other threads; guarded for the moment of an entry.
    calls: Mutex<Vec<Runnable>>,
    /// Places given up by other threads; guarded for the moment of an entry.
    left: Mutex<Vec<u32>>,
}

/// Where a socket is registered.
pub(super) struct Place {
    home: Arc<Home>,
    number: u32,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    Reading,
    Writing,
}

/// A deadline in the thread's map of timers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Alarm {
    pub(super) at: Instant,
    number: u64,
}

#[derive(Default)]
struct Places {
    states: Vec<State>,
    free: Vec<u32>,
}

/// What is known of a registered socket.
#[derive(Default)]
struct State {
    /// Tells an event of an earlier socket in this place from one of the present.
    generation: u32,
    readable: bool,
    writable: bool,
    /// The peer has ended, or the connection broke: there is always something to read, if only that.
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Default)]
struct Timers {
    alarms: BTreeMap<Alarm, Waker>,
    next: u64,
}

/// Runs a future to its end on this thread, with whatever tasks it drives. The only place where sockets and deadlines
/// of this room come to life: where they are polled otherwise, they fail at once.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> io::Result<T> {
    REACTOR.with(|reactor| {
        let home = reactor.home()?;
        let waker = Waker::from(Arc::clone(home));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        let _running = Running::begin(reactor);
        home.woken.store(true, Ordering::SeqCst);
        loop {
            if home.woken.swap(false, Ordering::SeqCst)
                && let Poll::Ready(output) = future.as_mut().poll(&mut context)
            {
                reactor.last_rounds(home);
                return Ok(output);
            }
            reactor.run_woken();
            reactor.turn(home)?;
        }
    })
}

/// Starts a task of this thread. It lives as long as [`run`] does, or until it is done.
pub(crate) fn spawn(future: impl Future<Output = ()> + 'static) {
    // Boxed before it is handed on: some are large, and each hand would hold a copy on the stack.
    let future: Pin<Box<dyn Future<Output = ()>>> = Box::pin(future);
    let started = on_this_thread(|reactor| {
        let home = Arc::clone(reactor.home()?);
        let (runnable, task) = async_task::spawn_local(future, move |runnable| home.schedule(runnable));
        runnable.schedule();
        task.detach();
        Ok(())
    });
    if let Err(error) = started {
        log::error!("a task was started where nothing runs it: {error}");
    }
}

/// The time at which the present turn of this thread began, where it takes turns. Cheap, and late by what the turn
/// took so far.
pub(super) fn turn_began() -> Instant {
    REACTOR.try_with(|reactor| reactor.turn.get()).ok().flatten().unwrap_or_else(instant_now)
}

/// Lets everything else of the thread come first that has something to do.
pub(super) fn go_on_later(waker: &Waker) {
    if REACTOR.try_with(|reactor| reactor.later.borrow_mut().push(waker.clone())).is_err() {
        waker.wake_by_ref();
    }
}

/// Wakes once `at` has passed. `None`: nothing runs here, so nobody would.
pub(super) fn set_alarm(at: Instant, waker: &Waker) -> Option<Alarm> {
    let set = |reactor: &Reactor| reactor.running.get().then(|| reactor.timers.borrow_mut().set(at, waker.clone()));
    REACTOR.try_with(set).ok().flatten()
}

pub(super) fn drop_alarm(alarm: Alarm) {
    let dropped = REACTOR.try_with(|reactor| reactor.timers.borrow_mut().alarms.remove(&alarm));
    // The waker goes when the map is no longer borrowed: with it may go a task that holds other alarms.
    drop(dropped);
}

impl Place {
    /// Registers a socket with this thread.
    pub(super) fn take(socket: impl AsFd) -> io::Result<Place> {
        on_this_thread(|reactor| {
            let home = reactor.home()?;
            let (number, generation) = reactor.places.borrow_mut().take()?;
            let place = Place { home: Arc::clone(home), number };
            let interest = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&home.epoll, socket, EventData::new_u64(data(number, generation)), interest)?;
            Ok(place)
        })
    }

    pub(super) fn is_here(&self) -> bool {
        let here = |reactor: &Reactor| reactor.home.get().is_some_and(|home| Arc::ptr_eq(home, &self.home));
        REACTOR.try_with(here).unwrap_or(false)
    }

    /// Takes a socket that lives on out of the reactor that it was registered with.
    pub(super) fn leave(self, socket: impl AsFd) {
        // What is not registered any more needs not be.
        let _ = epoll::delete(&self.home.epoll, socket);
    }

    /// Ready where a call is worth trying; else the task is woken when it is.
    pub(super) fn poll(&self, context: &mut Context<'_>, way: Way) -> Poll<io::Result<()>> {
        let polled = on_this_thread(|reactor| {
            let mut places = reactor.places.borrow_mut();
            let state = places.state(self.number)?;
            if state.is_ready(way) {
                return Ok(Poll::Ready(()));
            }
            let waiting = state.waiting(way);
            if !waiting.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
                *waiting = Some(context.waker().clone());
            }
            Ok(Poll::Pending)
        });
        match polled {
            Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
            Ok(Poll::Pending) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// A call found that there is nothing (more) to read, or no room to write.
    pub(super) fn exhausted(&self, way: Way) {
        self.update(|state| match way {
            Way::Reading => state.readable = false,
            Way::Writing => state.writable = false,
        });
    }

    /// A read brought less than it could: all is read, unless the peer's end is still to come.
    pub(super) fn read_short(&self) {
        self.update(|state| state.readable = state.ended);
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        // Where the state is gone, so is what it was for.
        let _ = on_this_thread(|reactor| reactor.places.borrow_mut().state(self.number).map(change));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_here() {
            let state = REACTOR.try_with(|reactor| reactor.places.borrow_mut().give_up(self.number));
            // Dropped when the table is no longer borrowed: with a waker may go a task that holds other places.
            drop(state);
        } else {
            self.home.left.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
            // Whoever leaves mail calls, unless somebody has: who comes later relies on that.
            if !self.home.has_mail.swap(true, Ordering::SeqCst) {
                self.home.call();
            }
        }
    }
}

impl Reactor {
    fn home(&self) -> io::Result<&Arc<Home>> {
        if let Some(home) = self.home.get() {
            return Ok(home);
        }
        let home = Arc::new(Home::open()?);
        Ok(self.home.get_or_init(|| home))
    }

    /// Runs each task once that is woken now.
    fn run_woken(&self) -> bool {
        let count = self.woken.borrow().len();
        for _ in 0..count {
            let Some(runnable) = self.next_woken() else { break };
            runnable.run();
        }
        count > 0
    }

    fn next_woken(&self) -> Option<Runnable> {
        self.woken.borrow_mut().pop_front()
    }

    /// Whoever was woken last, to close a connection for instance, still does so.
    fn last_rounds(&self, home: &Home) {
        for _ in 0..LAST_ROUNDS {
            self.take_mail(home);
            if !self.run_woken() {
                return;
            }
        }
    }

    /// Sleeps until something happens, unless there is something to do, and wakes whom it concerns.
    fn turn(&self, home: &Home) -> io::Result<()> {
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(CALL) }; EVENTS];
        home.asleep.store(true, Ordering::SeqCst);
        let busy = home.woken.load(Ordering::SeqCst)
            || home.has_mail.load(Ordering::SeqCst)
            || !self.later.borrow().is_empty()
            || !self.woken.borrow().is_empty();
        let timeout = if busy { Some(Duration::ZERO) } else { self.timers.borrow().sleep() };
        let waited = epoll::wait(&home.epoll, &mut events[..], timeout.map(whole_milliseconds).as_ref());
        home.asleep.store(false, Ordering::SeqCst);
        let count = match waited {
            Ok(count) => count,
            Err(Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        let now = instant_now();
        self.turn.set(Some(now));
        self.take_mail(home);
        events.iter().take(count).for_each(|event| self.happened(event));
        while let Some(waker) = self.next_due(now) {
            waker.wake();
        }
        let later = self.later.take();
        later.iter().for_each(Waker::wake_by_ref);
        self.keep_room(later);
        Ok(())
    }

    fn happened(&self, event: &Event) {
        let (flags, data) = (event.flags, event.data.u64());
        if data == CALL {
            return;
        }
        let wakers = self.places.borrow_mut().happened(data, flags);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn next_due(&self, now: Instant) -> Option<Waker> {
        let mut timers = self.timers.borrow_mut();
        let first = timers.alarms.first_entry().filter(|first| first.key().at <= now)?;
        Some(first.remove())
    }

    /// The list's memory is used again.
    fn keep_room(&self, mut list: Vec<Waker>) {
        list.clear();
        let mut later = self.later.borrow_mut();
        if later.is_empty() {
            *later = list;
        }
    }

    /// Takes what other threads left.
    fn take_mail(&self, home: &Home) {
        if !home.has_mail.load(Ordering::Relaxed) || !home.has_mail.swap(false, Ordering::SeqCst) {
            return;
        }
        let calls = std::mem::take(&mut *home.calls.lock().unwrap_or_else(PoisonError::into_inner));
        self.woken.borrow_mut().extend(calls);
        let left = std::mem::take(&mut *home.left.lock().unwrap_or_else(PoisonError::into_inner));
        for number in left {
            let state = self.places.borrow_mut().give_up(number);
            drop(state);
        }
    }
}

impl Home {
    fn open() -> io::Result<Home> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let call = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Edge-triggered: each call is one event, and nobody has to read the count.
        epoll::add(&epoll, &call, EventData::new_u64(CALL), EventFlags::IN | EventFlags::ET)?;
        Ok(Home {
            epoll,
            call,
            asleep: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            has_mail: AtomicBool::new(false),
            calls: Mutex::default(),
            left: Mutex::default(),
        })
    }
}

impl Home {
    /// Puts a task among those to run, from whatever thread.
    fn schedule(self: &Arc<Home>, runnable: Runnable) {
        let mut runnable = Some(runnable);
        // Where the thread has ended, so has its queue.
        let _ = REACTOR.try_with(|reactor| {
            if reactor.home.get().is_some_and(|home| Arc::ptr_eq(home, self))
                && let Ok(mut woken) = reactor.woken.try_borrow_mut()
                && let Some(runnable) = runnable.take()
            {
                woken.push_back(runnable);
            }
        });
        if let Some(runnable) = runnable {
            self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(runnable);
            if !self.has_mail.swap(true, Ordering::SeqCst) {
                self.call();
            }
        }
    }

    /// Wakes the thread where it sleeps.
    fn call(&self) {
        if self.asleep.load(Ordering::SeqCst) {
            // Fails only where the count is full, and then the thread has been called often enough.
            let _ = rustix::io::write(&self.call, &1_u64.to_ne_bytes());
        }
    }
}

impl Wake for Home {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::SeqCst) {
            self.call();
        }
    }
}

impl Places {
    /// A free place, and the generation of the socket that takes it.
    fn take(&mut self) -> io::Result<(u32, u32)> {
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                let number = u32::try_from(self.states.len()).map_err(|_| io::ErrorKind::OutOfMemory)?;
                self.states.push(State::default());
                number
            }
        };
        Ok((number, self.state(number)?.generation))
    }

    fn state(&mut self, number: u32) -> io::Result<&mut State> {
        self.states.get_mut(number as usize).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Gives what was known, to be dropped.
    fn give_up(&mut self, number: u32) -> State {
        let Ok(state) = self.state(number) else { return State::default() };
        let next = State { generation: state.generation.wrapping_add(1), ..State::default() };
        let last = std::mem::replace(state, next);
        self.free.push(number);
        last
    }

    /// Notes an event and gives those to wake.
    fn happened(&mut self, data: u64, flags: EventFlags) -> [Option<Waker>; 2] {
        let number = (data & u64::from(u32::MAX)) as u32;
        match self.state(number) {
            Ok(state) if data == self::data(number, state.generation) => state.happened(flags),
            Ok(_) | Err(_) => [None, None],
        }
    }
}

impl State {
    fn is_ready(&self, way: Way) -> bool {
        match way {
            Way::Reading => self.readable,
            Way::Writing => self.writable,
        }
    }

    fn waiting(&mut self, way: Way) -> &mut Option<Waker> {
        match way {
            Way::Reading => &mut self.reader,
            Way::Writing => &mut self.writer,
        }
    }

    fn happened(&mut self, flags: EventFlags) -> [Option<Waker>; 2] {
        let broken = flags.intersects(EventFlags::ERR | EventFlags::HUP);
        let ended = broken || flags.contains(EventFlags::RDHUP);
        let (readable, writable) = (ended || flags.contains(EventFlags::IN), broken || flags.contains(EventFlags::OUT));
        self.ended |= ended;
        self.readable |= readable;
        self.writable |= writable;
        [if readable { self.reader.take() } else { None }, if writable { self.writer.take() } else { None }]
    }
}

impl Timers {
    fn set(&mut self, at: Instant, waker: Waker) -> Alarm {
        let alarm = Alarm { at, number: self.next };
        self.next = self.next.wrapping_add(1);
        self.alarms.insert(alarm, waker);
        alarm
    }

    /// How long there is nothing to do; `None` without end.
    fn sleep(&self) -> Option<Duration> {
        let (first, _) = self.alarms.first_key_value()?;
        Some(first.at.saturating_duration_since(instant_now()))
    }
}

/// Marks that a thread takes turns.
struct Running<'r>(&'r Reactor);

impl<'r> Running<'r> {
    fn begin(reactor: &'r Reactor) -> Running<'r> {
        reactor.running.set(true);
        reactor.turn.set(Some(instant_now()));
        Running(reactor)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.set(false);
        self.0.turn.set(None);
    }
}

fn on_this_thread<T>(then: impl FnOnce(&Reactor) -> io::Result<T>) -> io::Result<T> {
    let nobody = || io::Error::other("a socket was waited for on a thread that does not wait for sockets");
    REACTOR
        .try_with(|reactor| if reactor.running.get() { then(reactor) } else { Err(nobody()) })
        .map_err(|_| nobody())?
}

fn data(number: u32, generation: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(number)
}

/// Rounded up, so that nobody is woken before the time, and bounded: who sleeps for a day may wake in between.
fn whole_milliseconds(span: Duration) -> Timespec {
    const DAY: Duration = Duration::from_secs(86_400);
    let nanos = span.min(DAY).as_nanos().div_ceil(1_000_000).saturating_mul(1_000_000);
    let seconds = i64::try_from(nanos / 1_000_000_000).unwrap_or(0);
    Timespec { tv_sec: seconds, tv_nsec: (nanos % 1_000_000_000) as _ }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::io::Write;
    use std::sync::mpsc;

    use smol::io::AsyncRead;

    use super::*;
    use crate::net::testing::{PATIENCE, block_on, pair};
    use crate::net::within;

    #[test]
    fn another_thread_wakes_the_sleeper() {
        let (sender, receiver) = smol::channel::bounded(1);
        let (asleep, told) = mpsc::channel();
        let sleeper = std::thread::spawn(move || {
            block_on(async {
                asleep.send(()).unwrap();
                receiver.recv().await
            })
        });
        told.recv().unwrap();
        sender.send_blocking(7).unwrap();
        assert_eq!(sleeper.join().unwrap(), Ok(7));
    }

    #[test]
    fn tasks_run_in_turns_and_may_be_woken_from_elsewhere() {
        let (sender, receiver) = smol::channel::bounded(1);
        let (done, ended) = smol::channel::bounded(1);
        block_on(async {
            spawn(async move {
                smol::future::yield_now().await;
                done.send(receiver.recv().await.unwrap()).await.unwrap();
            });
            smol::unblock(move || sender.send_blocking(7).unwrap()).await;
            assert_eq!(within(PATIENCE, ended.recv()).await, Ok(Ok(7)));
        });
    }

    #[test]
    fn who_was_woken_last_still_runs() {
        let counted = std::rc::Rc::new(Cell::new(0));
        let count = std::rc::Rc::clone(&counted);
        block_on(async {
            spawn(async move {
                for _ in 0..3 {
                    count.set(count.get() + 1);
                    smol::future::yield_now().await;
                }
            });
        });
        assert_eq!(counted.get(), 3);
    }

    #[test]
    fn a_connection_may_be_carried_to_another_thread_and_back() {
        let (mut stream, mut peer) = pair();
        let mut listen = |stream: &mut crate::net::Stream| {
            block_on(async {
                let mut polled = false;
                let mut byte = [0];
                let read = poll_fn(|cx| {
                    let read = Pin::new(&mut *stream).poll_read(cx, &mut byte);
                    if !std::mem::replace(&mut polled, true) {
                        assert!(read.is_pending());
                        peer.write_all(b"x").unwrap();
                    }
                    read
                });
                assert_eq!(within(PATIENCE, read).await.unwrap().unwrap(), 1);
            });
        };
        listen(&mut stream);
        std::thread::scope(|scope| scope.spawn(|| listen(&mut stream)).join().unwrap());
        listen(&mut stream);
    }

    #[test]
    fn a_place_is_used_again_and_the_last_one_s_events_do_not_count() {
        let mut places = Places::default();
        let (first, generation) = places.take().unwrap();
        places.give_up(first);
        let (second, next) = places.take().unwrap();
        assert_eq!(first, second);
        assert_ne!(generation, next);
        places.happened(data(first, generation), EventFlags::IN);
        assert!(!places.state(second).unwrap().is_ready(Way::Reading));
        places.happened(data(second, next), EventFlags::IN);
        assert!(places.state(second).unwrap().is_ready(Way::Reading));
        assert!(!places.state(second).unwrap().is_ready(Way::Writing));
    }

    #[test]
    fn who_waits_where_nothing_would_wake_him_is_told_at_once() {
        let (mut stream, _peer) = pair();
        assert!(smol::block_on(stream.readable()).is_err());
        assert!(smol::block_on(within(PATIENCE, pending::<()>())).is_err());
    }

    #[test]
    fn nobody_is_woken_before_the_time() {
        assert_eq!(whole_milliseconds(Duration::ZERO), Timespec { tv_sec: 0, tv_nsec: 0 });
        assert_eq!(whole_milliseconds(Duration::from_nanos(1)), Timespec { tv_sec: 0, tv_nsec: 1_000_000 });
        assert_eq!(whole_milliseconds(Duration::from_micros(1_999_001)), Timespec { tv_sec: 2, tv_nsec: 0 });
        assert_eq!(whole_milliseconds(Duration::MAX), Timespec { tv_sec: 86_400, tv_nsec: 0 });
    }

    #[test]
    fn who_lets_others_go_first_goes_on_after_them() {
        let (mut stream, mut peer) = pair();
        peer.write_all(b"x").unwrap();
        block_on(async {
            let mut turns = 0;
            let waiting = async {
                stream.readable().await.unwrap();
            };
            let polite = poll_fn(|cx| {
                turns += 1;
                go_on_later(cx.waker());
                Poll::<()>::Pending
            });
            smol::future::or(waiting, polite).await;
            assert!(turns > 0);
        });
    }
}
