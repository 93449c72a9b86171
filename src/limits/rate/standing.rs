//! What is left, in the words of the `RateLimit` fields (draft-ietf-httpapi-ratelimit-headers).

use std::fmt;
use std::time::Duration;

use super::policy::{Policy, whole_seconds};

/// Policies that are told of at most: those of a route and of a plan. What comes after is charged, but not told of.
pub(crate) const MOST_TOLD: usize = 8;

/// All charges were taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing<'a> {
    lines: heapless::Vec<Line<'a>, MOST_TOLD>,
}

/// Nothing was taken.
#[derive(Clone, Debug)]
pub(crate) struct Exceeded<'a> {
    /// After this all of the buckets have enough, if nobody takes from them meanwhile.
    pub(crate) retry_after: Duration,
    /// The one that has to be waited for longest.
    pub(crate) policy: &'a Policy,
    pub(crate) why: Why,
    pub(super) standing: Standing<'a>,
}

/// Why a charge is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    /// The bucket has not enough.
    Empty,
    /// The subject is new, and there is no place for it: a flood of other subjects has its part of the table.
    Crowded,
}

/// One policy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) policy: &'a Policy,
    /// Nanoseconds of the policy's pace that are missing from the bucket.
    pub(super) owed: u64,
    pub(super) told: Told,
}

/// What is told of a policy besides how much is left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Told {
    /// When there will be more.
    More,
    /// That it was exceeded, and when there will be more.
    Exceeded,
    /// Nothing.
    Left,
}

impl<'a> Standing<'a> {
    pub(super) fn tell(&mut self, line: Line<'a>) {
        // What does not fit is not told of, see `MOST_TOLD`.
        let _ = self.lines.push(line);
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The value of `RateLimit-Policy`: `"burst";q=20;w=4, "daily";q=1000;w=86400`.
    pub(crate) fn write_policy(&self, to: &mut impl fmt::Write) -> fmt::Result {
        self.write(to, |line, to| to.write_str(line.policy.promise()))
    }

    /// The value of `RateLimit`: `"burst";r=19;t=1, "daily";r=999;t=87`.
    pub(crate) fn write_limit(&self, to: &mut impl fmt::Write) -> fmt::Result {
        self.write(to, |line, to| {
            write!(to, ";r={}", line.remaining())?;
            line.more_in().map_or(Ok(()), |span| write!(to, ";t={}", whole_seconds(span)))
        })
    }

    fn write<W: fmt::Write>(&self, to: &mut W, rest: impl Fn(&Line<'a>, &mut W) -> fmt::Result) -> fmt::Result {
        for (at, line) in self.lines.iter().enumerate() {
            to.write_str(if at == 0 { "" } else { ", " })?;
            to.write_str(line.policy.quoted())?;
            rest(line, to)?;
        }
        Ok(())
    }
}

impl Line<'_> {
    fn remaining(&self) -> u32 {
        let pace = self.policy.pace();
        // Below the burst, which is of 32 bits.
        u32::try_from(pace.span().saturating_sub(self.owed) / pace.interval).unwrap_or(u32::MAX)
    }

    /// Until there is one more than remains; `None` where the bucket is full, or where it is not to be said.
    fn more_in(&self) -> Option<Duration> {
        let pace = self.policy.pace();
        let missing = u64::from(pace.burst.saturating_sub(self.remaining()));
        match self.told {
            Told::More | Told::Exceeded if missing > 0 => {
                let then = missing.saturating_sub(1).saturating_mul(pace.interval);
                Some(Duration::from_nanos(self.owed.saturating_sub(then)))
            }
            Told::More | Told::Exceeded | Told::Left => None,
        }
    }
}

impl<'a> Exceeded<'a> {
    /// The value of `Retry-After`: whole seconds, at least one.
    pub(crate) fn retry_seconds(&self) -> u64 {
        whole_seconds(self.retry_after).max(1)
    }

    /// The names for `violated-policies` of the problem.
    pub(crate) fn violated(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.standing.lines.iter().filter(|line| line.told == Told::Exceeded).map(|line| line.policy.name())
    }

    pub(crate) fn write_policy(&self, to: &mut impl fmt::Write) -> fmt::Result {
        self.standing.write_policy(to)
    }

    /// A policy that was not exceeded comes without `t`: `Retry-After` is not to be earlier than any of them.
    pub(crate) fn write_limit(&self, to: &mut impl fmt::Write) -> fmt::Result {
        self.standing.write_limit(to)
    }
}

impl Why {
    /// In logs and metrics.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Why::Empty => "rate",
            Why::Crowded => "rate-crowded",
        }
    }
}
