//! How often: token buckets on the monotonic clock, in tables of fixed size.
//!
//! A table of n entries takes 32.5 bytes for each of them (32 for the bucket, the rest for its set), all at once on its
//! first use, and never more. What happens where there are more subjects than places is said in [`table`].

mod bucket;
mod policy;
mod standing;
mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::base::Mono;
use standing::{Line, Told};
use table::Table;

pub(super) use policy::Pace;
pub(super) use table::{Claim, Crowded, SharedTable};

pub(crate) use policy::{Charge, Policy};
pub(crate) use standing::{Exceeded, Standing, Why};

/// Entries of a gateway's table: half a megabyte. A household, a school, a clinic are some hundred subjects under a few
/// policies each; the rest is for a flood to fill.
pub(crate) const ENTRIES: usize = 16_384;

/// When somebody for whom there was no place may come again. Full buckets make room all the time.
const CROWDED_RETRY: Duration = Duration::from_secs(1);

/// Shared by all threads and kept over reloads.
pub(crate) struct RateTable {
    table: SharedTable<()>,
}

impl RateTable {
    /// Buckets that are remembered at the same time, rounded up to whole sets.
    pub(crate) fn new(entries: usize) -> RateTable {
        RateTable { table: SharedTable::new(entries) }
    }

    /// Takes from all of the buckets or from none. Each bucket comes at most once.
    #[expect(clippy::result_large_err, reason = "what is told with a refusal is made without allocation")]
    pub(crate) fn take<'a>(&self, charges: &[Charge<'a>], now: Mono) -> Result<Standing<'a>, Exceeded<'a>> {
        let now = nanoseconds(now);
        let mut table = self.table.lock();
        if let Some(first) = charges.iter().find(|charge| charge.look(&table, now).is_err()) {
            return Err(refuse(first, charges, &table, now));
        }
        let mut standing = Standing::default();
        for charge in charges {
            let owed = charge.pay(&mut table, now);
            standing.tell(Line { policy: charge.policy, owed, told: Told::More });
        }
        Ok(standing)
    }
}

/// What one charge would come to.
enum Short {
    /// What is owed, and how long until it is little enough.
    Empty {
        owed: u64,
        wait: u64,
    },
    Crowded,
}

impl Charge<'_> {
    /// What the bucket would owe.
    fn look(&self, table: &Table<()>, now: u64) -> Result<u64, Short> {
        let pace = self.policy.pace();
        let owed = table.owed(&self.claim(), now).map_err(|Crowded| Short::Crowded)?;
        let then = owed.saturating_add(pace.cost(self.weight));
        match then.checked_sub(pace.span()) {
            None | Some(0) => Ok(then),
            Some(wait) => Err(Short::Empty { owed, wait }),
        }
    }

    /// What the bucket owes from now on.
    fn pay(&self, table: &mut Table<()>, now: u64) -> u64 {
        let pace = self.policy.pace();
        let Ok(bucket) = table.bucket(&self.claim(), now) else {
            // An earlier charge of the same request took the last place of a set that is full of other policies.
            return pace.cost(self.weight);
        };
        let owed = bucket.owed(pace, now).saturating_add(pace.cost(self.weight));
        bucket.owe(owed, pace, now);
        owed
    }

    fn claim(&self) -> Claim {
        Claim::new(self.subject, self.policy)
    }
}

/// Says what all of the buckets have, and how long the worst of them takes.
fn refuse<'a>(first: &Charge<'a>, charges: &[Charge<'a>], table: &Table<()>, now: u64) -> Exceeded<'a> {
    let standing = Standing::default();
    let mut exceeded = Exceeded { retry_after: Duration::ZERO, policy: first.policy, why: Why::Empty, standing };
    for charge in charges {
        let policy = charge.policy;
        let (owed, told, wait, why) = match charge.look(table, now) {
            Ok(then) => {
                (then.saturating_sub(policy.pace().cost(charge.weight)), Told::Left, Duration::ZERO, Why::Empty)
            }
            Err(Short::Empty { owed, wait }) => (owed, Told::Exceeded, Duration::from_nanos(wait), Why::Empty),
            Err(Short::Crowded) => (policy.pace().span(), Told::Left, CROWDED_RETRY, Why::Crowded),
        };
        exceeded.standing.tell(Line { policy, owed, told });
        if wait > exceeded.retry_after {
            exceeded = Exceeded { retry_after: wait, policy, why, ..exceeded };
        }
    }
    exceeded
}

pub(super) fn nanoseconds(now: Mono) -> u64 {
    now.as_millis().saturating_mul(1_000_000)
}
