//! Bandwidth towards clients: of each client, route and plan, all at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::bucket::{Bucket, Pace};
use crate::base::{LinkRate, Mono};
use crate::limits::Subject;

/// Buckets that a subject may lie in.
const WAYS: usize = 8;

/// Buckets of clients, routes and plans; shared by all threads and kept over reloads. 24 bytes for each.
///
/// Grants are reservations: each ask is put behind those before it and is told how long to wait, so who asks
/// in turns has a fair part, and nobody has to ask twice. In a crowded set the bucket goes that was not used for
/// longest: its subject has a full one again, a quarter of a second's worth. Who has which set is known to nobody.
pub(crate) struct Shaper {
    sets: Mutex<Box<[[Cell; WAYS]]>>,
}

/// One bucket that bytes go through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lane {
    pub(crate) subject: Subject,
    pub(crate) rate: LinkRate,
}

/// So many bytes may be sent after so long. They are reserved: whoever does not send them gives them back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Grant {
    /// At least 1 where anything was wanted; at least 1,500 where so much was wanted.
    pub(crate) bytes: u64,
    /// Zero: at once.
    pub(crate) wait: Duration,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    /// Zero: free. One subject of 2⁶⁴ has no place and shares that of others.
    subject: u64,
    bucket: Bucket,
}

impl Shaper {
    /// Buckets that are remembered at the same time, rounded up. Only those count through which something is being sent.
    pub(crate) fn new(entries: usize) -> Shaper {
        let sets = entries.div_ceil(WAYS).next_power_of_two();
        Shaper { sets: Mutex::new(vec![[Cell::default(); WAYS]; sets].into_boxed_slice()) }
    }

    /// Reserves bytes in all lanes: at most `want`, fewer where a lane is narrow or many wait.
    pub(crate) fn take(&self, lanes: &[Lane], want: u64, now: Mono) -> Grant {
        let mut grant = Grant { bytes: want, wait: Duration::ZERO };
        if lanes.is_empty() || want == 0 {
            return grant;
        }
        let mut sets = self.sets();
        for lane in lanes {
            let pace = Pace::of(lane.rate);
            grant.bytes = grant.bytes.min(bucket(&mut sets, lane.subject, pace, now).fitting(pace));
        }
        for lane in lanes {
            let pace = Pace::of(lane.rate);
            let bucket = bucket(&mut sets, lane.subject, pace, now);
            bucket.draw(grant.bytes);
            grant.wait = grant.wait.max(bucket.wait(pace));
        }
        grant
    }

    /// Bytes that were granted and not sent.
    #[cfg(test)]
    pub(crate) fn give_back(&self, lanes: &[Lane], bytes: u64, now: Mono) {
        let mut sets = self.sets();
        for lane in lanes {
            let pace = Pace::of(lane.rate);
            bucket(&mut sets, lane.subject, pace, now).give_back(bytes, pace);
        }
    }

    /// Whoever panicked has drawn from some of its lanes.
    fn sets(&self) -> MutexGuard<'_, Box<[[Cell; WAYS]]>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The subject's bucket as it is now; a full one where it had none.
fn bucket(sets: &mut [[Cell; WAYS]], subject: Subject, pace: Pace, now: Mono) -> &mut Bucket {
    let subject = subject.bits();
    let at = usize::try_from(subject >> 32).unwrap_or(0) & sets.len().saturating_sub(1);
    #[expect(clippy::indexing_slicing, reason = "the number of sets is a power of two, and at least one")]
    let set = &mut sets[at];
    let own = set.iter().position(|cell| cell.subject == subject);
    let free = || set.iter().enumerate().min_by_key(|(_, cell)| (cell.subject != 0, cell.bucket.last_used()));
    let way = own.or_else(|| free().map(|(way, _)| way)).unwrap_or(0);
    #[expect(clippy::indexing_slicing, reason = "a position in the set")]
    let cell = &mut set[way];
    if own.is_none() {
        *cell = Cell { subject, bucket: Bucket::full(pace, now) };
    }
    cell.bucket.refill(pace, now);
    &mut cell.bucket
}
