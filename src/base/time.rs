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

    pub(crate) fn after(self, span: Duration) -> Wall {
        Wall(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// When this version was made: a time that is surely over, the earliest one that a board without a clock can believe.
pub(crate) const BUILT: Wall = Wall::from_seconds(built(option_env!("SOURCE_DATE_EPOCH"), RELEASED));

/// No version is in use for longer: who tells a time so far behind the build is wrong, be it a server or a file.
pub(crate) const LONGEST_USE: Duration = Duration::from_secs(30 * 365 * 86_400);

/// 2026-11-01T00:00:00Z
const RELEASED: i64 = 1_793_491_200;

/// The seconds that the build was given (<https://reproducible-builds.org/specs/source-date-epoch/>), unless that is no
/// time after the release: some builds are given 0 or 1.
const fn built(given: Option<&str>, released: i64) -> i64 {
    /// Digits up to the year 2286.
    const LONGEST: usize = 10;
    let Some(given) = given else { return released };
    let mut rest = given.as_bytes();
    if rest.len() > LONGEST {
        return released;
    }
    let mut seconds: i64 = 0;
    while let [digit, after @ ..] = rest {
        if !digit.is_ascii_digit() {
            return released;
        }
        seconds = seconds * 10 + (*digit - b'0') as i64;
        rest = after;
    }
    if seconds > released { seconds } else { released }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_says_when_it_was_unless_it_cannot_be_so() {
        let table = [
            (None, 500),
            (Some("501"), 501),
            (Some("1793491200"), 1_793_491_200),
            (Some("0"), 500),
            (Some("499"), 500),
            (Some(""), 500),
            (Some("-501"), 500),
            (Some("2026-11-01"), 500),
            (Some("99999999999"), 500),
        ];
        for (given, expected) in table {
            assert_eq!(built(given, 500), expected, "{given:?}");
        }
        assert!(BUILT >= Wall::from_seconds(RELEASED));
    }
}
