//! What is left, for answers.

use std::fmt;

use super::allowances::{Holder, Unit, amount};
use super::allowances::{MOST_QUOTAS, Measure};
use crate::base::{Period, Quota};

/// Quotas of a plan and of a route.
const MOST_LINES: usize = 2 * MOST_QUOTAS;

/// A request was counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct QuotaStanding {
    lines: heapless::Vec<Line, MOST_LINES>,
}

/// A quota is used up; nothing was counted.
#[derive(Clone, Debug)]
pub(crate) struct QuotaUsed {
    /// Whole seconds until the period ends: of several that are used up, the last one. At least 1.
    pub(crate) retry_after: u64,
    pub(crate) holder: Holder,
    pub(crate) quota: Quota,
    pub(super) standing: QuotaStanding,
}

/// One quota.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Line {
    pub(super) holder: Holder,
    pub(super) quota: Quota,
    pub(super) used: u64,
    /// Seconds until the period ends.
    pub(super) resets: u64,
    /// Seconds of the whole period.
    pub(super) window: u64,
}

impl QuotaStanding {
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether anything may come over the uplink. What the cache holds may be answered all the same, stale or fresh.
    pub(crate) fn may_fetch(&self) -> Result<(), QuotaUsed> {
        Ok(())
    }

    /// Whether 80 % of a quota are used.
    pub(crate) fn nearly(&self) -> bool {
        false
    }

    /// The value of `Hafir-Quota` for what is nearly used up: `"quota-day";used=812;limit=1000;reset=4021`.
    pub(crate) fn write_warning(&self, to: &mut impl fmt::Write) -> fmt::Result {
        let _ = to;
        Ok(())
    }

    /// Members for `RateLimit-Policy`: `"quota-month-bytes";q=209715200;qu="content-bytes";w=2592000`.
    pub(crate) fn write_policy(&self, to: &mut impl fmt::Write) -> fmt::Result {
        let _ = to;
        Ok(())
    }

    /// Members for `RateLimit`: `"quota-day";r=188;t=4021`.
    pub(crate) fn write_limit(&self, to: &mut impl fmt::Write) -> fmt::Result {
        let _ = to;
        Ok(())
    }
}

impl QuotaUsed {
    /// In logs and metrics.
    pub(crate) fn word(&self) -> &'static str {
        match Measure::of(&self.quota).unit {
            Unit::Requests => "quota-requests",
            Unit::Bytes => "quota-bytes",
        }
    }

    /// The names for `violated-policies` of the problem.
    pub(crate) fn violated(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.standing.lines.iter().filter(|line| line.is_used_up()).map(Line::name)
    }

    pub(crate) fn standing(&self) -> &QuotaStanding {
        &self.standing
    }
}

impl Line {
    fn is_used_up(&self) -> bool {
        self.used >= amount(&self.quota)
    }

    /// As clients read it.
    fn name(&self) -> &'static str {
        let Measure { unit, period } = Measure::of(&self.quota);
        match (self.holder, unit, period) {
            (Holder::Plan, Unit::Requests, Period::Hour) => "quota-hour",
            (Holder::Plan, Unit::Requests, Period::Day) => "quota-day",
            (Holder::Plan, Unit::Requests, Period::Month) => "quota-month",
            (Holder::Plan, Unit::Bytes, Period::Hour) => "quota-hour-bytes",
            (Holder::Plan, Unit::Bytes, Period::Day) => "quota-day-bytes",
            (Holder::Plan, Unit::Bytes, Period::Month) => "quota-month-bytes",
            (Holder::Route, Unit::Requests, Period::Hour) => "route-quota-hour",
            (Holder::Route, Unit::Requests, Period::Day) => "route-quota-day",
            (Holder::Route, Unit::Requests, Period::Month) => "route-quota-month",
            (Holder::Route, Unit::Bytes, Period::Hour) => "route-quota-hour-bytes",
            (Holder::Route, Unit::Bytes, Period::Day) => "route-quota-day-bytes",
            (Holder::Route, Unit::Bytes, Period::Month) => "route-quota-month-bytes",
        }
    }
}
