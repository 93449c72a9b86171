//! Gates under random walks with an executor that polls nobody who was not woken, and under threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

fn client(number: u32) -> Subject {
    Subject::client(std::net::IpAddr::V4(number.into()))
}

fn path(gates: &[(Subject, usize)]) -> Path {
    gates.iter().map(|(subject, most)| Gate { subject: *subject, most: *most }).collect()
}

fn permit(entered: Entered) -> GatePermit {
    match entered {
        Entered::In(permit) => permit,
        Entered::Wait(_) => panic!("waits"),
        Entered::Full(full) => panic!("{full}"),
    }
}

fn ticket(entered: Entered) -> GateTicket {
    match entered {
        Entered::In(_) => panic!("is in"),
        Entered::Wait(ticket) => ticket,
        Entered::Full(full) => panic!("{full}"),
    }
}

fn full(entered: Entered) -> Full {
    match entered {
        Entered::In(_) => panic!("is in"),
        Entered::Wait(_) => panic!("waits"),
        Entered::Full(full) => full,
    }
}

#[derive(Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Somebody who waits, and is polled only when woken.
struct Waiter {
    client: u32,
    path: Path,
    ticket: Pin<Box<GateTicket>>,
    bell: Arc<Bell>,
}

impl Waiter {
    fn new(client: u32, path: Path, ticket: GateTicket) -> Waiter {
        let bell = Arc::new(Bell(AtomicBool::new(true)));
        Waiter { client, path, ticket: Box::pin(ticket), bell }
    }

    fn poll_if_woken(&mut self) -> Option<GatePermit> {
        if !self.bell.0.swap(false, Ordering::AcqRel) {
            return None;
        }
        let waker = Waker::from(Arc::clone(&self.bell));
        match self.ticket.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }
}

#[test]
fn a_gate_shuts_and_a_dropped_permit_opens_it() {
    let gates = Gates::new();
    let route = Subject::route("r");
    let both = || path(&[(client(1), 1), (route, 2)]);
    let other = || path(&[(client(2), 1), (route, 2)]);
    let first = permit(gates.enter(client(1), &both(), false));
    assert_eq!(full(gates.enter(client(1), &both(), false)), Full::Busy);
    let second = permit(gates.enter(client(2), &other(), false));
    assert_eq!((gates.inside(route), gates.inside(client(1))), (2, 1));
    drop(first);
    assert_eq!(full(gates.enter(client(2), &other(), false)), Full::Busy);
    let third = permit(gates.enter(client(1), &both(), false));
    drop((second, third));
    assert!(gates.lock().inside.is_empty());
    assert_eq!(full(gates.enter(client(1), &path(&[(route, 0)]), true)), Full::Busy);
    drop(permit(gates.enter(client(1), &Path::new(), false)));
}

#[test]
fn clients_take_turns_whoever_has_more_waiting() {
    let gates = Gates::new();
    let one = || path(&[(Subject::route("r"), 1)]);
    let mut inside = permit(gates.enter(client(9), &one(), true));
    let mut waiters: Vec<Waiter> = [1, 1, 1, 1, 1, 2, 2, 3]
        .map(|number| Waiter::new(number, one(), ticket(gates.enter(client(number), &one(), true))))
        .into();
    assert_eq!(gates.waiting(), 8);
    let ahead: Vec<usize> = waiters.iter().map(|waiter| waiter.ticket.ahead()).collect();
    assert_eq!(ahead, [0, 3, 5, 6, 7, 1, 4, 2]);
    let mut order = Vec::new();
    while !waiters.is_empty() {
        drop(inside);
        let (at, next) = (0..waiters.len()).find_map(|at| Some((at, waiters[at].poll_if_woken()?))).unwrap();
        order.push(waiters.remove(at).client);
        inside = next;
    }
    assert_eq!(order, [1, 2, 3, 1, 2, 1, 1, 1]);
}

#[test]
fn the_queue_is_short_for_all_and_for_each() {
    let gates = Gates::new();
    let one = || path(&[(Subject::route("r"), 1)]);
    let _inside = permit(gates.enter(client(0), &one(), true));
    let mut waiting = Vec::new();
    for _ in 0..queue::MOST_OF_CLIENT {
        waiting.push(ticket(gates.enter(client(0), &one(), true)));
    }
    assert_eq!(full(gates.enter(client(0), &one(), true)), Full::ClientQueue);
    for number in waiting.len()..queue::MOST_WAITING {
        waiting.push(ticket(gates.enter(client(number as u32), &one(), true)));
    }
    assert_eq!(full(gates.enter(client(9999), &one(), true)), Full::Queue);
    drop(waiting.pop());
    waiting.push(ticket(gates.enter(client(9999), &one(), true)));
    drop(waiting);
    assert_eq!(gates.waiting(), 0);
}

#[test]
fn a_ticket_that_is_dropped_in_its_turn_passes_it_on() {
    let gates = Gates::new();
    let one = || path(&[(Subject::route("r"), 1)]);
    let inside = permit(gates.enter(client(0), &one(), true));
    let mut first = Waiter::new(1, one(), ticket(gates.enter(client(1), &one(), true)));
    let mut second = Waiter::new(2, one(), ticket(gates.enter(client(2), &one(), true)));
    assert!(first.poll_if_woken().is_none() && second.poll_if_woken().is_none());
    drop(inside);
    assert!(second.poll_if_woken().is_none());
    // It was woken, and goes before it is polled.
    drop(first);
    let permit = second.poll_if_woken().unwrap();
    assert!(second.poll_if_woken().is_none());
    drop((permit, second));
    assert!(gates.lock().inside.is_empty());
}

#[test]
fn a_shut_gate_does_not_hold_up_who_passes_others() {
    let gates = Gates::new();
    let to = |route: &str| path(&[(Subject::route(route), 1)]);
    let _a = permit(gates.enter(client(0), &to("a"), true));
    let b = permit(gates.enter(client(0), &to("b"), true));
    let mut first = Waiter::new(1, to("a"), ticket(gates.enter(client(1), &to("a"), true)));
    let mut second = Waiter::new(1, to("b"), ticket(gates.enter(client(1), &to("b"), true)));
    drop(b);
    assert!(first.poll_if_woken().is_none() && second.poll_if_woken().is_some());
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % bound
    }

    fn path(&mut self, client_number: u32) -> Path {
        let mut gates = vec![(client(client_number), 2)];
        if self.below(4) > 0 {
            gates.push((Subject::route(["a", "b"][self.below(2)]), 3));
        }
        if self.below(3) > 0 {
            gates.push((Subject::upstream("u"), 4));
        }
        path(&gates)
    }
}

/// The naive model: everybody who is in, counted anew each time.
#[derive(Default)]
struct Walk {
    inside: Vec<(Path, GatePermit)>,
    waiting: Vec<Waiter>,
    /// Everybody who was served has come in.
    settled: bool,
}

impl Walk {
    fn count<'a>(paths: impl Iterator<Item = &'a Path>, subject: Subject) -> usize {
        paths.filter(|path| path.iter().any(|gate| gate.subject == subject)).count()
    }

    fn is_open(&self, path: &Path) -> bool {
        let inside = || self.inside.iter().map(|(path, _)| path);
        path.iter().all(|gate| Walk::count(inside(), gate.subject) < gate.most)
    }

    fn step(&mut self, gates: &Arc<Gates>, dice: &mut Dice) {
        match dice.below(8) {
            0..4 => {
                let number = dice.below(5) as u32;
                let (path, queue) = (dice.path(number), dice.below(4) > 0);
                // Who was served and did not come yet is in already.
                let (open, settled) = (self.is_open(&path), self.settled);
                match gates.enter(client(number), &path, queue) {
                    Entered::In(permit) => {
                        assert!(open);
                        self.inside.push((path, permit));
                    }
                    Entered::Wait(ticket) => {
                        assert!(queue && !(open && settled));
                        self.waiting.push(Waiter::new(number, path, ticket));
                    }
                    Entered::Full(_) => assert!(!(open && settled)),
                }
            }
            4..7 if !self.inside.is_empty() => drop(self.inside.swap_remove(dice.below(self.inside.len()))),
            7 if !self.waiting.is_empty() => drop(self.waiting.remove(dice.below(self.waiting.len()))),
            _ => {}
        }
    }

    /// Polls who was woken. Nobody may be left who could go.
    fn settle(&mut self) {
        let mut at = 0;
        while at < self.waiting.len() {
            match self.waiting[at].poll_if_woken() {
                Some(permit) => self.inside.push((self.waiting.remove(at).path.clone(), permit)),
                None => at += 1,
            }
        }
        assert!(self.waiting.iter().all(|waiter| !self.is_open(&waiter.path)), "somebody sleeps before open gates");
    }

    fn check(&self, gates: &Gates) {
        assert_eq!(gates.waiting(), self.waiting.len());
        for gate in self.inside.iter().flat_map(|(path, _)| path) {
            let inside = Walk::count(self.inside.iter().map(|(path, _)| path), gate.subject);
            assert!(inside <= gate.most);
            assert_eq!(gates.inside(gate.subject), inside);
        }
    }
}

#[test]
fn never_too_many_inside_and_never_anybody_asleep_who_could_go() {
    let walks = std::env::var("HAFIR_MODEL_WALKS").ok().and_then(|count| count.parse().ok()).unwrap_or(100_u64);
    for seed in 1..=walks {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (gates, mut walk) = (Gates::new(), Walk::default());
        for _ in 0..400 {
            walk.step(&gates, &mut dice);
            // Sometimes several things happen before anybody comes to be polled.
            walk.settled = dice.below(3) > 0;
            if walk.settled {
                walk.settle();
                walk.check(&gates);
            }
        }
        walk.settle();
        while !walk.inside.is_empty() {
            walk.inside.pop();
            walk.settle();
        }
        assert!(walk.waiting.is_empty() && gates.lock().inside.is_empty(), "walk {seed}");
    }
}

/// While a client waits at one gate, no other client passes it more than twice.
#[test]
fn nobody_is_overtaken_more_than_twice_by_the_same() {
    for seed in 1..=50_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let gates = Gates::new();
        let one = || path(&[(Subject::route("r"), 1)]);
        let mut inside = Some(permit(gates.enter(client(0), &one(), true)));
        let (mut waiters, mut passed) = (Vec::<Waiter>::new(), HashMap::<(u32, u32), u32>::new());
        for _ in 0..400 {
            // The first client asks for far more than the others.
            let number = if dice.below(3) > 0 { 0 } else { dice.below(4) as u32 };
            if waiters.iter().filter(|waiter| waiter.client == number).count() < queue::MOST_OF_CLIENT
                && inside.is_some()
            {
                waiters.push(Waiter::new(number, one(), ticket(gates.enter(client(number), &one(), true))));
            }
            if dice.below(2) == 0 {
                drop(inside.take());
                let next = (0..waiters.len()).find_map(|at| Some((at, waiters[at].poll_if_woken()?)));
                let Some((at, permit)) = next else { continue };
                inside = Some(permit);
                let served = waiters.remove(at).client;
                passed.retain(|(waits, _), _| *waits != served);
                for waits in (0..4).filter(|number| waiters.iter().any(|waiter| waiter.client == *number)) {
                    if waits != served {
                        let times = passed.entry((waits, served)).or_default();
                        *times += 1;
                        assert!(*times <= 2, "walk {seed}");
                    }
                }
            }
        }
    }
}

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait_for(mut ticket: GateTicket) -> GatePermit {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(permit) => return permit,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn threads_do_not_lose_a_turn() {
    let gates = Gates::new();
    let inside = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (gates, inside) = (&gates, &inside);
            scope.spawn(move || {
                for round in 0..2000 {
                    let path = path(&[(Subject::route("r"), 2), (Subject::upstream("u"), 3)]);
                    let permit = match gates.enter(client(number), &path, true) {
                        Entered::In(permit) => permit,
                        // Some leave, in their turn or before it.
                        Entered::Wait(_) if round % 7 == 0 => continue,
                        Entered::Wait(ticket) => wait_for(ticket),
                        Entered::Full(full) => panic!("{full}"),
                    };
                    assert!(inside.fetch_add(1, Ordering::AcqRel) < 2);
                    inside.fetch_sub(1, Ordering::AcqRel);
                    drop(permit);
                }
            });
        }
    });
    assert_eq!(gates.waiting(), 0);
    assert!(gates.lock().inside.is_empty());
}
