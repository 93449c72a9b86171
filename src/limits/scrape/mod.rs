//! How many different addresses (URLs) and how many errors: what tells those who read from those who harvest or guess.
//!
//! Both budgets are token buckets in tables of fixed size (see [`super::rate`]), so a flood of clients gives nothing back
//! to anybody. A different target takes a token when it is asked for; one that was asked for before is free, as far as a
//! sketch of 64 bytes remembers it (until the period of the budget is over). An answer of 4xx takes one afterwards.
//!
//! From half of a budget on, answers come late: the later the more is used, up to [`SLOWEST`]. With less than one token
//! left nothing is answered. A client takes 104 bytes for its targets and 32 for its errors, under each policy.
//! Where a flood fills the tables, one who is new may begin with a part of a budget used (see [`super::rate`]).

mod seen;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::Subject;
use super::rate::{Claim, Crowded, Pace, Policy, SharedTable, nanoseconds};
use crate::base::Mono;
use seen::Seen;

/// How long an answer is held back at most. Longer would cost more in open connections than it costs a scraper.
pub(crate) const SLOWEST: Duration = Duration::from_secs(2);

/// Shared by all threads and kept over reloads.
pub(crate) struct Scrape {
    targets: SharedTable<Seen>,
    errors: SharedTable<()>,
}

/// What is held against a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budgets<'a> {
    pub(crate) client: Subject,
    /// Different addresses that it may ask for.
    pub(crate) distinct: Option<&'a Policy>,
    /// Answers of 4xx that it may cause.
    pub(crate) errors: Option<&'a Policy>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Go,
    /// Half of a budget is used: answered after a while, the longer the more is used.
    Slow(Duration),
    Refuse {
        retry_after: Duration,
        budget: Budget,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Budget {
    Distinct,
    Errors,
}

impl Budget {
    /// In logs and metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Budget::Distinct => "scrape-distinct",
            Budget::Errors => "scrape-errors",
        }
    }
}

impl Scrape {
    /// Clients whose errors are remembered at the same time, rounded up; targets are of a quarter of them. With 16,384
    /// that is 530 KB for errors and 430 KB for targets, each from its first use on.
    pub(crate) fn new(entries: usize) -> Scrape {
        Scrape { targets: SharedTable::new(entries / 4), errors: SharedTable::new(entries) }
    }

    /// Judges a request, and counts its target where it is let through.
    pub(crate) fn ask(&self, budgets: &Budgets<'_>, target: &[u8], now: Mono) -> Verdict {
        let now = nanoseconds(now);
        let errors = budgets.errors.map_or(Verdict::Go, |policy| self.judge_errors(budgets.client, policy, now));
        if matches!(errors, Verdict::Refuse { .. }) {
            return errors;
        }
        let count = |policy| self.count_target(budgets.client, policy, target, now);
        errors.or_worse(budgets.distinct.map_or(Verdict::Go, count))
    }

    /// Counts an answer of 4xx (401 among them; not the 429 that a verdict led to).
    pub(crate) fn erred(&self, budgets: &Budgets<'_>, now: Mono) {
        let Some(policy) = budgets.errors else { return };
        let (now, claim) = (nanoseconds(now), Claim::new(budgets.client, policy));
        // Where there is no place for it, it is judged as one who may not hurry.
        if let Ok(bucket) = self.errors.lock().bucket(&claim, now) {
            let owed = bucket.owed(claim.pace, now);
            // Those that were under way when the budget ended do not make it last longer.
            bucket.owe(owed.saturating_add(claim.pace.interval).min(claim.pace.span()), claim.pace, now);
        }
    }

    fn judge_errors(&self, client: Subject, policy: &Policy, now: u64) -> Verdict {
        let claim = Claim::new(client, policy);
        match self.errors.lock().owed(&claim, now) {
            Ok(owed) => refusal(owed, claim.pace, Budget::Errors).unwrap_or_else(|| slow_down(owed, claim.pace)),
            Err(Crowded) => Verdict::Slow(SLOWEST),
        }
    }

    /// What was seen before is not held back: a page that is opened again brings all its images at once.
    fn count_target(&self, client: Subject, policy: &Policy, target: &[u8], now: u64) -> Verdict {
        let (claim, target) = (Claim::new(client, policy), Subject::target(target));
        let mut targets = self.targets.lock();
        // One who is refused leaves no trace.
        match targets.owed(&claim, now) {
            Ok(owed) => {
                if let Some(refusal) = refusal(owed, claim.pace, Budget::Distinct) {
                    return refusal;
                }
            }
            Err(Crowded) => return Verdict::Slow(SLOWEST),
        }
        let Ok(bucket) = targets.bucket(&claim, now) else { return Verdict::Slow(SLOWEST) };
        let Some(count) = bucket.extra.note(client, target, policy.rate(), now) else { return Verdict::Go };
        let owed = bucket.owed(claim.pace, now).saturating_add(count.of(claim.pace.interval));
        bucket.owe(owed, claim.pace, now);
        slow_down(owed, claim.pace)
    }
}

/// Where less than one token is left: until there is one.
fn refusal(owed: u64, pace: Pace, budget: Budget) -> Option<Verdict> {
    let wait = owed.saturating_add(pace.interval).saturating_sub(pace.span());
    (wait > 0).then_some(Verdict::Refuse { retry_after: Duration::from_nanos(wait), budget })
}

/// From nothing at half of the budget to [`SLOWEST`] at its end.
fn slow_down(owed: u64, pace: Pace) -> Verdict {
    let half = pace.span() / 2;
    let (over, rest) = (owed.saturating_sub(half), pace.span().saturating_sub(half).max(1));
    let held = SLOWEST.as_nanos() * u128::from(over.min(rest)) / u128::from(rest);
    match u64::try_from(held).map_or(SLOWEST, Duration::from_nanos) {
        Duration::ZERO => Verdict::Go,
        held => Verdict::Slow(held),
    }
}

impl Verdict {
    fn or_worse(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::Refuse { .. }, _) | (Verdict::Slow(_), Verdict::Go) => self,
            (Verdict::Slow(one), Verdict::Slow(two)) => Verdict::Slow(one.max(two)),
            (Verdict::Go, _) | (Verdict::Slow(_), Verdict::Refuse { .. }) => other,
        }
    }
}
