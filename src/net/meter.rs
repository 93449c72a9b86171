//! The progress rule: a peer that moves too few bytes in too long a time is cut.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::base::Size;
use crate::net::clock::{instant_after, instant_now};
use crate::net::deadline::IdleTimer;

/// At least `bytes` must move in each `span` that is spent waiting for the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Progress {
    pub(crate) bytes: Size,
    pub(crate) span: Duration,
}

impl Progress {
    /// Anything at all must move in each `span`.
    pub(crate) fn idle(span: Duration) -> Progress {
        Progress { bytes: Size::bytes(1), span }
    }
}

/// The peer broke the progress rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer moved too few bytes in too long a time")
    }
}

/// Holds one peer to the progress rule, over all reads or all writes of one body.
///
/// Only time spent waiting for this peer counts: a client is not blamed for a slow upstream. Small pieces do not buy
/// more time, because the measure goes on from one to the next.
pub(crate) struct Meter {
    rule: Progress,
    /// Waited since the last time that `rule.bytes` had moved.
    waited: Duration,
    /// Moved since then.
    moved: u64,
    timer: IdleTimer,
}

impl Meter {
    pub(crate) fn new(rule: Progress) -> Meter {
        Meter { rule, waited: Duration::ZERO, moved: 0, timer: IdleTimer::default() }
    }

    /// The peer took or sent as much.
    pub(crate) fn moved(&mut self, bytes: usize) {
        self.moved = self.moved.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if self.moved >= self.rule.bytes.as_u64() {
            self.moved = 0;
            self.waited = Duration::ZERO;
        }
    }

    /// Waits for the peer. Nothing is timed where the future is ready at once.
    pub(crate) fn wait<'a, F>(
        &'a mut self,
        mut future: F,
    ) -> impl Future<Output = Result<F::Output, TooSlow>> + Unpin + use<'a, F>
    where
        F: Future + Unpin + 'a,
    {
        let mut wait = None;
        poll_fn(move |cx| {
            if let Poll::Ready(output) = Pin::new(&mut future).poll(cx) {
                if let Some((begun, _)) = wait {
                    self.waited = self.waited.saturating_add(instant_now().saturating_duration_since(begun));
                }
                return Poll::Ready(Ok(output));
            }
            let left = self.rule.span.saturating_sub(self.waited);
            let (_, deadline) = *wait.get_or_insert_with(|| (instant_now(), instant_after(left)));
            self.timer.poll_until(cx, deadline).map(|()| Err(TooSlow))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::testing::block_on;
    use std::future::{pending, ready};

    #[test]
    fn a_peer_that_does_not_move_is_too_slow() {
        let mut meter = Meter::new(Progress::idle(Duration::from_millis(5)));
        assert_eq!(block_on(meter.wait(pending::<()>())), Err(TooSlow));
    }

    #[test]
    fn waits_add_up_until_enough_has_moved() {
        let rule = Progress { bytes: Size::bytes(100), span: Duration::from_secs(10) };
        let mut meter = Meter::new(rule);
        meter.waited = Duration::from_secs(9);
        meter.moved(99);
        assert_eq!(meter.waited, Duration::from_secs(9), "a drip buys no time");
        meter.moved(1);
        assert_eq!(meter.waited, Duration::ZERO);
    }

    #[test]
    fn a_spent_span_leaves_no_time_for_the_next_wait() {
        let rule = Progress { bytes: Size::bytes(100), span: Duration::from_secs(10) };
        let mut meter = Meter::new(rule);
        meter.waited = Duration::from_secs(10);
        assert_eq!(block_on(meter.wait(pending::<()>())), Err(TooSlow));
        assert_eq!(block_on(meter.wait(ready(1))), Ok(1), "what is there needs no wait");
    }
}
