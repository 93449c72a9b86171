//! One token bucket.

use super::policy::Pace;

/// A token bucket as the time at which it will be full again (the generic cell rate algorithm, ITU-T I.371 Annex A):
/// every token taken puts that off by one interval, and a token may be taken while that is not further away than the
/// time in which a whole bucket comes back. 32 bytes besides what else is remembered of the subject.
#[derive(Clone, Debug)]
pub(in crate::limits) struct Bucket<X> {
    /// Of the subject under its policy; [`SHARED`] for all who have none of their own.
    pub(super) key: u64,
    /// Which buckets are of one policy.
    pub(super) class: u32,
    burst: u32,
    interval: u64,
    /// Nanoseconds on the monotonic clock.
    full_at: u64,
    pub(in crate::limits) extra: X,
}

pub(super) const SHARED: u64 = 0;

impl<X> Bucket<X> {
    pub(super) fn new(key: u64, class: u32, pace: Pace, full_at: u64, extra: X) -> Bucket<X> {
        Bucket { key, class, burst: pace.burst, interval: pace.interval, full_at, extra }
    }

    /// A full bucket says nothing that a new one would not.
    pub(super) fn is_full(&self, now: u64) -> bool {
        self.full_at <= now
    }

    /// What is missing, in nanoseconds of `pace`. With another pace than before the spent tokens stay spent, as far as
    /// the bucket is deep.
    pub(in crate::limits) fn owed(&self, pace: Pace, now: u64) -> u64 {
        let owed = self.full_at.saturating_sub(now);
        if owed == 0 || self.pace() == pace {
            return owed;
        }
        let scaled = u128::from(owed) * u128::from(pace.interval) / u128::from(self.interval.max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX).min(pace.span())
    }

    /// Sets what is missing; it may be more than there is in the bucket.
    pub(in crate::limits) fn owe(&mut self, owed: u64, pace: Pace, now: u64) {
        self.burst = pace.burst;
        self.interval = pace.interval;
        self.full_at = now.saturating_add(owed);
    }

    /// What part of the bucket is missing, in 65,536ths.
    pub(super) fn share(&self, now: u64) -> u64 {
        self.full_at.saturating_sub(now) / (self.pace().span() >> 16).max(1)
    }

    pub(super) fn pace(&self) -> Pace {
        Pace { interval: self.interval, burst: self.burst }
    }

    pub(super) fn is_shared(&self) -> bool {
        self.key == SHARED
    }

    /// Becomes the bucket of all of its policy who have none of their own.
    pub(super) fn share_out(&mut self) {
        self.key = SHARED;
    }

    /// Owes at least what another one of its policy owes.
    pub(super) fn absorb(&mut self, owed: u64, pace: Pace, now: u64) {
        self.owe(self.owed(pace, now).max(owed), pace, now);
    }
}
