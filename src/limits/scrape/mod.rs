//! How many different addresses (URLs) and how many errors: what tells those who read from those who harvest or guess.

use std::time::Duration;

use super::Subject;
use super::rate::Policy;
use crate::base::Mono;

/// Shared by all threads and kept over reloads.
pub(crate) struct Scrape;

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

impl Scrape {
    /// Clients that are remembered at the same time, rounded up.
    pub(crate) fn new(entries: usize) -> Scrape {
        let _ = entries;
        Scrape
    }

    /// Judges a request, and counts its target where it is let through.
    pub(crate) fn ask(&self, budgets: &Budgets<'_>, target: &[u8], now: Mono) -> Verdict {
        let _ = (budgets, target, now);
        Verdict::Go
    }

    /// Counts an answer of 4xx (401 among them; not the 429 that a verdict led to).
    pub(crate) fn erred(&self, budgets: &Budgets<'_>, now: Mono) {
        let _ = (budgets, now);
    }
}
