//! Whether a client asked for something before: a sketch of 64 bytes.

use crate::base::Rate;
use crate::limits::Subject;

const WORDS: usize = 8;
const BITS: u32 = 512;
/// Different targets that a sketch is to hold in a period: with twice as many as bits an eighth of them is still clear.
const MOST: u64 = 1024;
/// With fewer clear bits than this it begins anew: it would see next to nothing as new.
const FEWEST_CLEAR: u32 = BITS / 8;
/// One sampled target may empty this part of the bucket, not more.
const LEAST_SAMPLES: u32 = 16;

/// Targets by one bit each (linear counting). What falls on a bit that is set counts as seen, so what falls on a clear
/// one stands for all that would have: with z of m bits clear, for m/z new targets. On average that is exact.
///
/// Where a budget is of more than [`MOST`] targets in a period, one in 2ⁿ is looked at and stands for 2ⁿ. The standard
/// error of what is counted up to a whole budget is at most 8 %.
#[derive(Clone, Default)]
pub(super) struct Seen {
    bits: [u64; WORDS],
    /// Of the period, in nanoseconds on the monotonic clock.
    since: u64,
}

/// What is counted for one target, in 512ths, where it is new.
pub(super) struct Count(u64);

impl Count {
    /// Of what one target costs.
    pub(super) fn of(&self, cost: u64) -> u64 {
        let counted = u128::from(cost) * u128::from(self.0) / u128::from(BITS);
        u64::try_from(counted).unwrap_or(u64::MAX)
    }
}

impl Seen {
    /// Takes down that `client` asks for `target`; `None` where it counts as seen.
    pub(super) fn note(&mut self, client: Subject, target: Subject, rate: Rate, now: u64) -> Option<Count> {
        let clear = self.clear_bits(rate, now);
        let hash = target.within(client).bits();
        let sampling = sampling(rate);
        // The bit and the sample are of different parts of the hash.
        if (hash >> 32).trailing_zeros() < sampling {
            return None;
        }
        let bit = (hash % u64::from(BITS)) as usize;
        let word = self.bits.get_mut(bit / 64)?;
        let mask = 1 << (bit % 64);
        if *word & mask != 0 {
            return None;
        }
        *word |= mask;
        let stands_for = u64::from(BITS) * u64::from(BITS) / u64::from(clear.max(1));
        Some(Count(stands_for << sampling))
    }

    /// How many bits are clear, after beginning anew where it is time to.
    fn clear_bits(&mut self, rate: Rate, now: u64) -> u32 {
        let clear = self.bits.iter().map(|word| word.count_zeros()).sum();
        let period = u64::try_from(rate.per.as_nanos()).unwrap_or(u64::MAX);
        if clear >= FEWEST_CLEAR && now.saturating_sub(self.since) < period {
            return clear;
        }
        *self = Seen { bits: [0; WORDS], since: now };
        BITS
    }
}

/// The n of one target in 2ⁿ that is looked at.
fn sampling(rate: Rate) -> u32 {
    let in_period = u64::from(rate.amount) + u64::from(rate.burst);
    let needed = in_period.div_ceil(MOST).max(1).next_power_of_two().ilog2();
    needed.min((rate.burst / LEAST_SAMPLES).max(1).ilog2())
}
