//! Every wait for a peer ends: futures with a deadline.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::net::clock::after;
use crate::net::reactor::{Alarm, drop_alarm, set_alarm, turn_began};

/// The deadline came first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it took too long")
    }
}

/// Waits for `future`, but no longer than `span`. No timer is set where the future is ready at once.
pub(crate) async fn within<F: Future>(span: Duration, future: F) -> Result<F::Output, TimedOut> {
    let future = pin!(future);
    IdleTimer::default().within(span, future).await
}

/// A timer for deadlines that are nearly always met and set anew for each request.
///
/// While a deadline moves away, the alarm that is set for an earlier one is left alone; when it goes off early it is
/// set again for the true deadline. So a busy connection does not touch the thread's map of timers.
#[derive(Default)]
pub(crate) struct IdleTimer {
    set: Option<Set>,
}

/// An alarm, and whom it wakes.
struct Set {
    alarm: Alarm,
    wakes: Waker,
}

impl IdleTimer {
    /// Waits for `future`, but no longer than `span`, counted from where it is first found unready.
    ///
    /// The future is `Unpin` so that it is not stored twice; a caller with another kind passes `pin!(future)`.
    pub(crate) fn within<'a, F>(
        &'a mut self,
        span: Duration,
        mut future: F,
    ) -> impl Future<Output = Result<F::Output, TimedOut>> + Unpin + use<'a, F>
    where
        F: Future + Unpin + 'a,
    {
        let mut deadline = None;
        poll_fn(move |cx| {
            if let Poll::Ready(output) = Pin::new(&mut future).poll(cx) {
                return Poll::Ready(Ok(output));
            }
            let deadline = *deadline.get_or_insert_with(|| after(turn_began(), span));
            self.poll_until(cx, deadline).map(|()| Err(TimedOut))
        })
    }

    /// Ready once `deadline` has passed, or where nothing runs on this thread that would ever wake the task.
    pub(super) fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let now = turn_began();
        if now >= deadline {
            return Poll::Ready(());
        }
        let holds = |set: &Set| set.alarm.at > now && set.alarm.at <= deadline && set.wakes.will_wake(cx.waker());
        if self.set.as_ref().is_some_and(holds) {
            return Poll::Pending;
        }
        self.stop();
        match set_alarm(deadline, cx.waker()) {
            Some(alarm) => {
                self.set = Some(Set { alarm, wakes: cx.waker().clone() });
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }

    fn stop(&mut self) {
        if let Some(set) = self.set.take() {
            drop_alarm(set.alarm);
        }
    }
}

impl Drop for IdleTimer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits for so long.
pub(super) async fn pause(span: Duration) {
    // A future that is never ready always times out.
    let _ = within(span, std::future::pending::<()>()).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::clock::{instant_after, instant_now};
    use crate::net::testing::block_on;
    use std::future::{pending, ready};

    const TINY: Duration = Duration::from_millis(5);
    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn the_first_of_future_and_deadline_wins() {
        block_on(async {
            assert_eq!(within(LONG, ready(7)).await, Ok(7));
            assert_eq!(within(TINY, pending::<()>()).await, Err(TimedOut));
            assert_eq!(within(Duration::MAX, ready(7)).await, Ok(7));
        });
    }

    #[test]
    fn a_ready_future_arms_nothing_and_a_later_deadline_leaves_the_timer_alone() {
        block_on(async {
            let mut timer = IdleTimer::default();
            assert_eq!(timer.within(LONG, ready(1)).await, Ok(1));
            assert!(timer.set.is_none());
            let once = || {
                let mut polled = false;
                poll_fn(move |cx| {
                    cx.waker().wake_by_ref();
                    if std::mem::replace(&mut polled, true) { Poll::Ready(2) } else { Poll::Pending }
                })
            };
            assert_eq!(timer.within(LONG, once()).await, Ok(2));
            let armed = timer.set.as_ref().map(|set| set.alarm);
            assert!(armed.is_some());
            assert_eq!(timer.within(LONG * 2, once()).await, Ok(2));
            assert_eq!(timer.set.as_ref().map(|set| set.alarm), armed);
            assert_eq!(timer.within(TINY, pending::<()>()).await, Err(TimedOut));
            assert_eq!(timer.within(TINY * 4, pending::<()>()).await, Err(TimedOut));
        });
    }

    #[test]
    fn a_timer_that_fires_early_waits_for_the_true_deadline() {
        block_on(async {
            let mut timer = IdleTimer::default();
            let early = instant_after(TINY);
            let late = instant_after(TINY * 4);
            poll_fn(|cx| {
                assert!(timer.poll_until(cx, early).is_pending());
                Poll::Ready(())
            })
            .await;
            poll_fn(|cx| timer.poll_until(cx, late)).await;
            assert!(instant_now() >= late);
        });
    }

    #[test]
    fn the_timer_is_small() {
        assert!(size_of::<IdleTimer>() <= 48, "{}", size_of::<IdleTimer>());
    }
}
