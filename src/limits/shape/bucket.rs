//! A token bucket that may be overdrawn: who overdraws it waits until it is even.

use std::time::Duration;

use crate::base::{LinkRate, Mono};

/// The least that is granted at once, where more is wanted: a packet's worth.
const LEAST_GRANT: u64 = 1_500;
/// A bucket holds what comes in a quarter of a second: enough for a page to begin at once, too little to be noticed by
/// others.
const BURST_PARTS: u64 = 4;
/// A grant is what comes in a sixteenth of a second: so long somebody waits for a grant that was given before.
const SLICE_PARTS: u64 = 16;
const THOUSANDTHS: i64 = 1000;

/// Bytes per second. At least 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pace(u64);

/// What is left. Does not hold its pace: a reload changes that.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Bucket {
    /// Thousandths of a byte; negative while it is overdrawn.
    level: i64,
    at: Mono,
}

impl Pace {
    pub(super) fn of(rate: LinkRate) -> Pace {
        // No link has a terabyte per second; sums of such paces stay far from their bounds.
        Pace(rate.bytes_per_second().clamp(1, 1 << 40))
    }

    /// Bytes of a full bucket.
    pub(super) fn burst(self) -> u64 {
        (self.0 / BURST_PARTS).max(LEAST_GRANT)
    }

    /// Bytes of a grant.
    pub(super) fn slice(self) -> u64 {
        (self.0 / SLICE_PARTS).max(LEAST_GRANT)
    }

    /// How long so many bytes take, rounded up to milliseconds.
    pub(super) fn span(self, bytes: u64) -> Duration {
        Duration::from_millis(bytes.saturating_mul(1000).div_ceil(self.0))
    }

    fn full(self) -> i64 {
        thousandths(self.burst())
    }
}

impl Bucket {
    pub(super) fn full(pace: Pace, now: Mono) -> Bucket {
        Bucket { level: pace.full(), at: now }
    }

    /// A reading from before the last one changes nothing.
    pub(super) fn refill(&mut self, pace: Pace, now: Mono) {
        let elapsed = i64::try_from(now.since(self.at).as_millis()).unwrap_or(i64::MAX);
        let gained = elapsed.saturating_mul(i64::try_from(pace.0).unwrap_or(i64::MAX));
        self.level = self.level.saturating_add(gained).min(pace.full());
        self.at = self.at.max(now);
    }

    pub(super) fn draw(&mut self, bytes: u64) {
        self.level = self.level.saturating_sub(thousandths(bytes));
    }

    #[cfg(test)]
    pub(super) fn give_back(&mut self, bytes: u64, pace: Pace) {
        self.level = self.level.saturating_add(thousandths(bytes)).min(pace.full());
    }

    pub(super) fn is_even(&self) -> bool {
        self.level >= 0
    }

    pub(super) fn is_full(&self, pace: Pace) -> bool {
        self.level >= pace.full()
    }

    /// When it is even again.
    pub(super) fn wait(&self, pace: Pace) -> Duration {
        let owed = u64::try_from(self.level.saturating_neg()).unwrap_or(0);
        Duration::from_millis(owed.div_ceil(pace.0))
    }

    /// How much to grant: what is there, and a slice at least; where many wait already, as little as is sensible.
    pub(super) fn fitting(&self, pace: Pace) -> u64 {
        match u64::try_from(self.level / THOUSANDTHS) {
            Ok(there) => there.max(pace.slice()),
            Err(_) if self.level > -pace.full() => pace.slice(),
            Err(_) => LEAST_GRANT,
        }
    }

    pub(super) fn last_used(&self) -> Mono {
        self.at
    }
}

fn thousandths(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX).saturating_mul(THOUSANDTHS)
}
