//! When an upstream that fails is tried again. Pure: `now` is passed in.

use std::fmt;
use std::time::Duration;

use crate::base::Mono;

/// The first time an upstream is skipped for, after one failure.
const FIRST: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST: Duration = Duration::from_secs(60);

/// What an upstream did wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Failure {
    Name,
    Connect,
    Tls,
    TimedOut,
    Truncated,
    BadAnswer,
    Status(u16),
}

/// Whether an upstream works, from what its exchanges brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Health {
    #[default]
    Up,
    Failing(Failing),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Failing {
    pub(super) why: Failure,
    /// When the first of the failures in a row was.
    pub(super) since: Mono,
    pub(super) last: Mono,
    /// When one request may try it again.
    pub(super) again: Mono,
    pause: Duration,
    probing: bool,
}

/// What may be done with an upstream now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    Up,
    /// Its pause is over: one request may probe it.
    Due,
    /// It is left alone; it failed last at this time.
    Skipped(Mono),
}

impl Health {
    pub(super) fn standing(&self, now: Mono) -> Standing {
        match self {
            Health::Up => Standing::Up,
            Health::Failing(failing) if now >= failing.again && !failing.probing => Standing::Due,
            Health::Failing(failing) => Standing::Skipped(failing.last),
        }
    }

    /// Whether asking it now would most likely be in vain. Who gave one request a bad answer, or cut it, may give others a
    /// good one; who goes on like that after its pause, and gave nobody a good one meanwhile, is as good as gone.
    pub(super) fn looks_down(&self, now: Mono) -> bool {
        match self {
            Health::Up => false,
            Health::Failing(failing) => {
                let lasting = failing.why.is_out_of_reach() || failing.pause > FIRST;
                lasting && matches!(self.standing(now), Standing::Skipped(_))
            }
        }
    }

    /// Failures of requests that were under way together count as one: only what fails after the pause doubles it.
    pub(super) fn failed(&mut self, why: Failure, now: Mono) {
        *self = Health::Failing(match *self {
            Health::Up => Failing { why, since: now, last: now, again: now.after(FIRST), pause: FIRST, probing: false },
            Health::Failing(before) if now < before.again => Failing { why, last: now, ..before },
            Health::Failing(before) => {
                let pause = before.pause.saturating_mul(2).min(LONGEST);
                Failing { why, last: now, again: now.after(pause), pause, probing: false, ..before }
            }
        });
    }

    pub(super) fn succeeded(&mut self) {
        *self = Health::Up;
    }

    /// Reserves the one probe. False where it is not due, or somebody else has it.
    pub(super) fn begin_probe(&mut self, now: Mono) -> bool {
        let due = self.standing(now) == Standing::Due;
        if let Health::Failing(failing) = self {
            failing.probing |= due;
        }
        due
    }

    /// The probe brought neither success nor failure: another request may try.
    pub(super) fn end_probe(&mut self) {
        if let Health::Failing(failing) = self {
            failing.probing = false;
        }
    }
}

impl Failure {
    /// Whether it never came to an answer.
    fn is_out_of_reach(self) -> bool {
        match self {
            Failure::Name | Failure::Connect | Failure::Tls | Failure::TimedOut => true,
            Failure::Truncated | Failure::BadAnswer | Failure::Status(_) => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Name => f.write_str("its name has no address"),
            Failure::Connect => f.write_str("it cannot be connected to"),
            Failure::Tls => f.write_str("its TLS cannot be trusted"),
            Failure::TimedOut => f.write_str("it takes too long"),
            Failure::Truncated => f.write_str("it cut an answer short"),
            Failure::BadAnswer => f.write_str("it sent an answer that is no HTTP"),
            Failure::Status(status) => write!(f, "it answered {status}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono::from_millis(seconds * 1000)
    }

    #[test]
    fn the_pause_doubles_from_a_second_to_a_minute() {
        let mut health = Health::default();
        let mut now = at(100);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            health.failed(Failure::Connect, now);
            let Health::Failing(failing) = health else { panic!("not failing") };
            pauses.push(failing.again.since(now).as_secs());
            assert_eq!(failing.since, at(100));
            now = failing.again;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        health.succeeded();
        assert_eq!(health.standing(now), Standing::Up);
    }

    #[test]
    fn failures_under_way_together_count_once() {
        let mut health = Health::default();
        for millis in 0..30 {
            health.failed(Failure::TimedOut, Mono::from_millis(millis));
        }
        assert_eq!(health.standing(Mono::from_millis(999)), Standing::Skipped(Mono::from_millis(29)));
        assert_eq!(health.standing(Mono::from_millis(1000)), Standing::Due);
    }

    #[test]
    fn one_bad_answer_is_not_the_end_of_an_upstream() {
        for (why, down) in [(Failure::Connect, true), (Failure::TimedOut, true), (Failure::Truncated, false)] {
            let mut health = Health::default();
            assert!(!health.looks_down(at(0)));
            health.failed(why, at(0));
            assert_eq!(health.looks_down(at(0)), down, "{why}");
            assert!(!health.looks_down(at(1)), "it is to be probed: {why}");
            health.failed(why, at(1));
            assert!(health.looks_down(at(2)), "and failed again: {why}");
            health.succeeded();
            assert!(!health.looks_down(at(2)));
        }
    }

    #[test]
    fn one_request_probes_at_a_time() {
        let mut health = Health::default();
        assert!(!health.begin_probe(at(0)), "what works needs no probe");
        health.failed(Failure::Status(503), at(0));
        assert!(!health.begin_probe(Mono::from_millis(500)));
        assert!(health.begin_probe(at(1)));
        assert!(!health.begin_probe(at(1)));
        assert_eq!(health.standing(at(1)), Standing::Skipped(at(0)));
        health.end_probe();
        assert!(health.begin_probe(at(1)));
        health.failed(Failure::Status(503), at(1));
        assert!(!health.begin_probe(at(2)));
        assert!(health.begin_probe(at(3)));
    }
}
