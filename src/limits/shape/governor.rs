//! The uplink of all fills together, in classes.
//!
//! High goes first, then normal, then low. A class that waits while higher ones go gets a twentieth of what they get,
//! so none starves. In a class the fill goes first that has had least (start-time fair queueing, Goyal,
//! Vin and Cheng 1996). Whoever is alone has all of the uplink.
//!
//! A grant is what the uplink carries in a sixteenth of a second (at least 1,500 bytes), and is given when all before it
//! have been carried: so long, and no longer, a patient record waits for a film.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::bucket::{Bucket, Pace};
use crate::base::{LinkRate, Mono};
use crate::config::Priority;

/// A class that waits gets one byte for so many of each higher one: 5 %.
const SHARE: u64 = 20;

/// Shared by all threads and kept over reloads.
pub(crate) struct Governor {
    queue: Mutex<Queue>,
}

/// One fill's place. Dropping it leaves the queue and wakes who is next. It may be kept as long as the fill takes;
/// it waits in the queue only from a [`Turn::Wait`] to the next [`Turn::Go`].
pub(crate) struct Line {
    governor: Arc<Governor>,
    id: u64,
    class: Priority,
    /// Bytes that its class had got when it is fair that this fill goes again.
    tag: u64,
}

/// What one asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// So many bytes are paid: at least 1 where any were wanted, at most what was wanted.
    Go(u64),
    /// Ask again after so long, or when the waker is called, whichever comes first.
    Wait(Duration),
}

struct Queue {
    pace: Option<Pace>,
    bucket: Bucket,
    /// At most one for each fill.
    waiting: Vec<Waiter>,
    classes: [Class; 3],
    next_id: u64,
}

struct Waiter {
    id: u64,
    class: Priority,
    tag: u64,
    want: u64,
    waker: Waker,
}

#[derive(Clone, Copy, Default)]
struct Class {
    /// The tag of who went last.
    clock: u64,
    /// Bytes, times [`SHARE`], that higher ones got while this one waited. At most one grant's.
    owed: u64,
}

impl Governor {
    /// `None`: the uplink gives what it has.
    pub(crate) fn new(rate: Option<LinkRate>) -> Arc<Governor> {
        let queue = Queue {
            pace: rate.map(Pace::of),
            bucket: Bucket::default(),
            waiting: Vec::new(),
            classes: [Class::default(); 3],
            next_id: 0,
        };
        Arc::new(Governor { queue: Mutex::new(queue) })
    }

    /// What a new configuration says.
    pub(crate) fn set_rate(&self, rate: Option<LinkRate>) {
        let mut queue = self.queue();
        queue.pace = rate.map(Pace::of);
        let all: Vec<Waker> = queue.waiting.iter().map(|waiter| waiter.waker.clone()).collect();
        drop(queue);
        all.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn join(self: &Arc<Governor>, class: Priority) -> Line {
        let mut queue = self.queue();
        queue.next_id += 1;
        Line { governor: Arc::clone(self), id: queue.next_id, class, tag: 0 }
    }

    /// Whoever panicked has taken a turn or none.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Pays for bytes that came over the uplink. Ask until the whole piece is paid, then read the next one: TCP slows
    /// the upstream down meanwhile.
    pub(crate) fn ask(&mut self, want: u64, now: Mono, waker: &Waker) -> Turn {
        let mut queue = self.governor.queue();
        let Some(pace) = queue.pace else {
            queue.leave(self.id);
            return Turn::Go(want);
        };
        queue.bucket.refill(pace, now);
        let tag = self.tag.max(queue.class(self.class).clock);
        queue.enter(Waiter { id: self.id, class: self.class, tag, want, waker: waker.clone() });
        let first = queue.first(pace);
        // Who is first and does not come holds nobody up for longer than it takes a full bucket to run over.
        let goes = first == Some(self.id) || queue.bucket.is_full(pace);
        if !(goes && queue.bucket.is_even()) {
            let wait = queue.wait(self.id, first, pace);
            let next = Some(first).filter(|_| queue.bucket.is_even()).and_then(|first| queue.waker(first));
            drop(queue);
            next.into_iter().for_each(Waker::wake);
            return Turn::Wait(wait);
        }
        let bytes = want.min(pace.slice());
        queue.go(self.id, self.class, tag, bytes, pace);
        let next = queue.first(pace);
        let next = queue.waker(next);
        drop(queue);
        self.tag = tag.saturating_add(bytes);
        next.into_iter().for_each(Waker::wake);
        Turn::Go(bytes)
    }

    /// Bytes that were paid and did not come.
    #[cfg(test)]
    pub(crate) fn give_back(&mut self, bytes: u64) {
        let mut queue = self.governor.queue();
        if let Some(pace) = queue.pace {
            queue.bucket.give_back(bytes, pace);
        }
        self.tag = self.tag.saturating_sub(bytes);
    }
}

/// Leaves the queue; who is next is told, because the time until its turn has changed.
impl Drop for Line {
    fn drop(&mut self) {
        let mut queue = self.governor.queue();
        let next = if queue.leave(self.id) { queue.pace.and_then(|pace| queue.first(pace)) } else { None };
        let next = queue.waker(next);
        drop(queue);
        next.into_iter().for_each(Waker::wake);
    }
}

impl Queue {
    fn enter(&mut self, waiter: Waiter) {
        match self.waiting.iter_mut().find(|known| known.id == waiter.id) {
            // The place in the queue stays.
            Some(known) => (known.want, known.waker) = (waiter.want, waiter.waker),
            None => self.waiting.push(waiter),
        }
    }

    fn leave(&mut self, id: u64) -> bool {
        let place = self.waiting.iter().position(|waiter| waiter.id == id);
        place.map(|place| self.waiting.swap_remove(place)).is_some()
    }

    /// Whose turn it is: a class that is owed a grant, else the highest; in it, the fill that has had least.
    fn first(&self, pace: Pace) -> Option<u64> {
        let best = |class: Priority| {
            let waiting = self.waiting.iter().filter(move |waiter| waiter.class == class);
            waiting.min_by_key(|waiter| (waiter.tag, waiter.id))
        };
        let heads = [Priority::High, Priority::Normal, Priority::Low].map(best);
        let is_owed = |waiter: &&Waiter| self.class(waiter.class).owed >= SHARE * waiter.want.min(pace.slice());
        let owed = heads.into_iter().flatten().filter(|waiter| waiter.class != Priority::High).find(is_owed);
        owed.or_else(|| heads.into_iter().flatten().next()).map(|waiter| waiter.id)
    }

    fn go(&mut self, id: u64, class: Priority, tag: u64, bytes: u64, pace: Pace) {
        self.leave(id);
        self.bucket.draw(bytes);
        let own = self.class_mut(class);
        own.clock = own.clock.max(tag);
        own.owed = own.owed.saturating_sub(SHARE * bytes);
        for lower in [Priority::Normal, Priority::Low].into_iter().filter(|lower| *lower > class) {
            if self.waiting.iter().any(|waiter| waiter.class == lower) {
                let lower = self.class_mut(lower);
                lower.owed = lower.owed.saturating_add(bytes).min(SHARE * pace.slice());
            }
        }
    }

    /// Until the turn of somebody, if nobody else comes and all go as they stand now. At least a millisecond.
    fn wait(&self, id: u64, first: Option<u64>, pace: Pace) -> Duration {
        let own = self.waiting.iter().find(|waiter| waiter.id == id).map(|own| (own.class, own.tag, own.id));
        let goes_before = |waiter: &&Waiter| {
            waiter.id != id && (Some(waiter.id) == first || Some((waiter.class, waiter.tag, waiter.id)) < own)
        };
        let before = self.waiting.iter().filter(goes_before).filter(|_| first != Some(id));
        let bytes = before.map(|waiter| waiter.want.min(pace.slice())).fold(0, u64::saturating_add);
        (self.bucket.wait(pace) + pace.span(bytes)).max(Duration::from_millis(1))
    }

    fn waker(&self, id: Option<u64>) -> Option<Waker> {
        self.waiting.iter().find(|waiter| Some(waiter.id) == id).map(|waiter| waiter.waker.clone())
    }

    fn class(&self, class: Priority) -> Class {
        let [high, normal, low] = self.classes;
        match class {
            Priority::High => high,
            Priority::Normal => normal,
            Priority::Low => low,
        }
    }

    fn class_mut(&mut self, class: Priority) -> &mut Class {
        let [high, normal, low] = &mut self.classes;
        match class {
            Priority::High => high,
            Priority::Normal => normal,
            Priority::Low => low,
        }
    }
}
