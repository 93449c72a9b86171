//! How old an answer is (RFC 9111 §4.2.3), on boards whose clock may be wrong.
//!
//! An answer that came in this run of the process is aged by the monotonic clock alone. One from an earlier run is aged
//! by the wall clock, if that is believed now and was believed then, and has not gone backwards between. Where it is not,
//! nobody knows how old the answer is: it counts as stale, to be validated or, while the upstream is out of reach, to be
//! served as any stale answer, its staleness counted from when it was opened.

use std::time::Duration;

use crate::base::{Mono, Now, Wall};
use crate::http::cache_control::delta_seconds;
use crate::http::{Fields, date};

/// How far the wall clock may seem to have gone backwards: a request reads the clock once, and what it waits for may come
/// a moment later; a clock that is kept right is moved by less than this.
const BACKWARDS: Duration = Duration::from_secs(2);

/// When an answer came, and how old it was then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Times {
    /// `corrected_initial_age`
    pub(crate) initial_age: Duration,
    /// `response_time` on the wall clock, and whether that was believed.
    pub(crate) received: Wall,
    pub(crate) sure: bool,
    pub(crate) since: Since,
}

/// From when the monotonic clock has been counting for an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Since {
    Received(Mono),
    /// It came in an earlier run of the process and was opened at this time of this run.
    Opened(Mono),
}

impl Times {
    /// `resident_time`; `None` where nobody can know it.
    pub(crate) fn residence(&self, now: Now) -> Option<Duration> {
        match self.since {
            Since::Received(received) => Some(now.mono.since(received)),
            Since::Opened(_) if self.sure && now.sure && self.received.since(now.wall) <= BACKWARDS => {
                Some(now.wall.since(self.received))
            }
            Since::Opened(_) => None,
        }
    }

    /// `current_age`; `None` where nobody can know it.
    pub(crate) fn age(&self, now: Now) -> Option<Duration> {
        Some(self.initial_age.saturating_add(self.residence(now)?))
    }

    /// The most that is known of the age, for the `Age` field.
    pub(crate) fn least_age(&self, now: Now) -> Duration {
        let known = match self.since {
            Since::Received(since) | Since::Opened(since) => now.mono.since(since),
        };
        self.initial_age.saturating_add(self.residence(now).unwrap_or(known))
    }
}

/// `corrected_initial_age`. The apparent age counts only where the clock is believed.
pub(crate) fn initial_age(fields: Fields<'_>, asked: Now, received: Now) -> Duration {
    let delay = received.mono.since(asked.mono);
    let corrected = age_value(fields).saturating_add(delay);
    let apparent = match fields.first("date").and_then(date::parse) {
        Some(date) if received.sure => received.wall.since(date),
        Some(_) | None => Duration::ZERO,
    };
    corrected.max(apparent)
}

/// RFC 9111 §5.1: the first member counts; what is no number counts as absent.
fn age_value(fields: Fields<'_>) -> Duration {
    fields.list("age").next().and_then(delta_seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_came_after_the_request_read_the_clock_is_new() {
        let received = Wall::from_seconds(1_000_000);
        let since = Since::Opened(Mono::default());
        let times = Times { initial_age: Duration::ZERO, received, sure: true, since };
        let age_at = |millis: i64, sure: bool| {
            let wall = Wall::from_millis(received.as_millis() + millis);
            times.age(Now { mono: Mono::default(), wall, sure }).map(|age| age.as_millis())
        };
        assert_eq!(age_at(5000, true), Some(5000));
        assert_eq!(age_at(0, true), Some(0));
        assert_eq!(age_at(-3, true), Some(0));
        assert_eq!(age_at(-3000, true), None, "a clock that went backwards is not believed");
        assert_eq!(age_at(5000, false), None);
    }
}
