//! A rate as the tables use it, and who is charged by it.

use std::time::Duration;

use crate::base::Rate;
use crate::limits::Subject;

/// A rate with its name, made once per configuration. Buckets belong to where it stands and what it is called, not to
/// its numbers: with other numbers they go on with what was spent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Policy {
    name: Box<str>,
    /// The name as a string of structured fields, and what `RateLimit-Policy` says after it: each answer tells them.
    quoted: Box<str>,
    promise: Box<str>,
    rate: Rate,
    mark: Subject,
    pace: Pace,
}

/// A rate in nanoseconds. Each token takes a whole number of them, rounded up, so there is no drift, and never more is
/// let through than the rate says: at 1,000 a second at most one in a million is lost by that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::limits) struct Pace {
    /// Until one token comes back. At least 1.
    pub(in crate::limits) interval: u64,
    /// Tokens of a full bucket. At least 1.
    pub(in crate::limits) burst: u32,
}

/// One bucket to be taken from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge<'a> {
    pub(crate) subject: Subject,
    pub(crate) policy: &'a Policy,
    /// Tokens. More than the bucket holds count as all that it holds: a full bucket lets everything through.
    pub(crate) weight: u32,
}

impl Policy {
    /// `of` says where it stands in the configuration, as `route records`; `name` is what clients read. The two together
    /// make it out.
    pub(crate) fn new(of: &str, name: &str, rate: Rate) -> Policy {
        let pace = Pace::of(rate);
        let (quota, window) = window(rate, pace);
        Policy {
            name: name.into(),
            quoted: quoted(name).into(),
            promise: format!(";q={quota};w={window}").into(),
            rate,
            mark: Subject::policy(of, name),
            pace,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    pub(super) fn mark(&self) -> Subject {
        self.mark
    }

    pub(in crate::limits) fn pace(&self) -> Pace {
        self.pace
    }

    pub(super) fn quoted(&self) -> &str {
        &self.quoted
    }

    pub(super) fn promise(&self) -> &str {
        &self.promise
    }
}

/// What `RateLimit-Policy` says: so many in so many seconds. A burst above the amount is the larger promise: then the
/// window is the time in which the whole bucket comes back, rounded up, so that nobody is promised more than there is.
fn window(Rate { amount, per, burst }: Rate, pace: Pace) -> (u32, u64) {
    if burst <= amount {
        return (amount, whole_seconds(per).max(1));
    }
    (burst, whole_seconds(Duration::from_nanos(pace.span())).max(1))
}

/// A string of RFC 9651 §3.3.3. What it cannot hold becomes `?`.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            ' '..='~' => quoted.push(char),
            _ => quoted.push('?'),
        }
    }
    quoted.push('"');
    quoted
}

impl Pace {
    fn of(rate: Rate) -> Pace {
        let per = u64::try_from(rate.per.as_nanos()).unwrap_or(u64::MAX);
        Pace { interval: per.div_ceil(u64::from(rate.amount.max(1))).max(1), burst: rate.burst.max(1) }
    }

    /// From empty to full.
    pub(in crate::limits) fn span(self) -> u64 {
        self.interval.saturating_mul(u64::from(self.burst))
    }

    pub(super) fn cost(self, weight: u32) -> u64 {
        self.interval.saturating_mul(u64::from(weight.min(self.burst)))
    }
}

/// Rounded up: who comes back then does not come too early.
pub(super) fn whole_seconds(span: Duration) -> u64 {
    span.as_secs().saturating_add(u64::from(span.subsec_nanos() > 0))
}
