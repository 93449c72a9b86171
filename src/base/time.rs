//! Points in time. A board has no clock battery, so the two clocks are never mixed: [`Mono`] measures how long,
//! [`Wall`] says when, and [`Now`] carries both together with whether the wall clock is to be believed.

use std::time::Duration;

/// Milliseconds on the monotonic clock, counted from the start of the process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub(crate) struct Mono(u64);

impl Mono {
    pub(crate) const fn from_millis(millis: u64) -> Mono {
        Mono(millis)
    }

    pub(crate) const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this point; zero where `earlier` is later.
    pub(crate) fn since(self, earlier: Mono) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    pub(crate) fn after(self, span: Duration) -> Mono {
        Mono(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// Milliseconds on the wall clock since 1970-01-01T00:00:00Z, without leap seconds; negative before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub(crate) struct Wall(i64);

impl Wall {
    pub(crate) const fn from_millis(millis: i64) -> Wall {
        Wall(millis)
    }

    pub(crate) const fn from_seconds(seconds: i64) -> Wall {
        Wall(seconds.saturating_mul(1000))
    }

    pub(crate) const fn as_millis(self) -> i64 {
        self.0
    }

    pub(crate) const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time from `earlier` to this point; zero where `earlier` is later.
    pub(crate) fn since(self, earlier: Wall) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// One reading of both clocks, taken once per request and passed on as a value.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Now {
    /// For ages, limits and time-outs.
    pub(crate) mono: Mono,
    /// For dates that others read. Never earlier than the clock floor.
    pub(crate) wall: Wall,
    /// Whether the wall clock is believed. While it is not, freshness goes by residence time.
    pub(crate) sure: bool,
}
