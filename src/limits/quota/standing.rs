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
    pub(super) standing: Box<QuotaStanding>,
}

/// One quota.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Line {
    pub(super) holder: Holder,
    pub(super) quota: Quota,
    pub(super) used: u64,
    /// Seconds until the period ends.
    pub(super) resets: u32,
    /// Seconds of the whole period.
    pub(super) window: u32,
}

impl QuotaStanding {
    pub(super) fn tell(&mut self, line: Line) {
        // A plan and a route have no more quotas than places.
        let _ = self.lines.push(line);
    }

    pub(super) fn count_request(&mut self) {
        let requests = self.lines.iter_mut().filter(|line| line.unit() == Unit::Requests);
        requests.for_each(|line| line.used = line.used.saturating_add(1));
    }

    pub(super) fn refusal(&self, unit: Unit) -> Result<(), QuotaUsed> {
        let used_up = self.lines.iter().filter(|line| line.unit() == unit && line.is_used_up());
        match used_up.max_by_key(|line| line.resets) {
            None => Ok(()),
            Some(line) => Err(QuotaUsed {
                retry_after: line.resets.into(),
                holder: line.holder,
                quota: line.quota,
                standing: Box::new(self.clone()),
            }),
        }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether anything may come over the uplink. What the cache holds may be answered all the same, stale or fresh.
    pub(crate) fn may_fetch(&self) -> Result<(), QuotaUsed> {
        self.refusal(Unit::Bytes)
    }

    /// Whether 80 % of a quota are used.
    pub(crate) fn nearly(&self) -> bool {
        self.lines.iter().any(Line::is_nearly_used_up)
    }

    /// The value of `Hafir-Quota`, a List of RFC 9651 §3.1: what is nearly used up. Bytes have the unit of the
    /// `RateLimit` fields: `"quota-day";used=812;limit=1000;reset=4021, "quota-month-bytes";used=…;limit=…;reset=…`.
    pub(crate) fn write_warning(&self, to: &mut impl fmt::Write) -> fmt::Result {
        let lines = self.lines.iter().filter(|line| line.is_nearly_used_up());
        write_list(lines, to, |line, to| {
            let (used, limit) = (integer(line.used), integer(amount(&line.quota)));
            write!(to, ";used={used};limit={limit};reset={}", line.resets)
        })
    }

    /// Members for `RateLimit-Policy`: `"quota-month-bytes";q=209715200;qu="content-bytes";w=2592000`.
    pub(crate) fn write_policy(&self, to: &mut impl fmt::Write) -> fmt::Result {
        write_list(self.lines.iter(), to, |line, to| {
            let unit = match line.unit() {
                Unit::Requests => "",
                Unit::Bytes => ";qu=\"content-bytes\"",
            };
            write!(to, ";q={}{unit};w={}", integer(amount(&line.quota)), line.window)
        })
    }

    /// Members for `RateLimit`: `"quota-day";r=188;t=4021`.
    pub(crate) fn write_limit(&self, to: &mut impl fmt::Write) -> fmt::Result {
        write_list(self.lines.iter(), to, |line, to| {
            let rest = amount(&line.quota).saturating_sub(line.used);
            write!(to, ";r={};t={}", integer(rest), line.resets)
        })
    }
}

fn write_list<'a, W: fmt::Write>(
    lines: impl Iterator<Item = &'a Line>,
    to: &mut W,
    parameters: impl Fn(&Line, &mut W) -> fmt::Result,
) -> fmt::Result {
    for (at, line) in lines.enumerate() {
        write!(to, "{}\"{}\"", if at == 0 { "" } else { ", " }, line.name())?;
        parameters(line, to)?;
    }
    Ok(())
}

/// The largest that RFC 9651 §3.3.1 can write.
fn integer(number: u64) -> u64 {
    number.min(999_999_999_999_999)
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
        let unit = Measure::of(&self.quota).unit;
        self.standing.lines.iter().filter(move |line| line.unit() == unit && line.is_used_up()).map(Line::name)
    }

    pub(crate) fn standing(&self) -> &QuotaStanding {
        &self.standing
    }
}

impl Line {
    fn unit(&self) -> Unit {
        Measure::of(&self.quota).unit
    }

    /// 80 % and more.
    fn is_nearly_used_up(&self) -> bool {
        u128::from(self.used) * 5 >= u128::from(amount(&self.quota)) * 4
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Allowance, Size};

    fn standing(lines: &[(Holder, Allowance, Period, u64, u32)]) -> QuotaStanding {
        let mut standing = QuotaStanding::default();
        for (holder, allowance, period, used, resets) in lines {
            let quota = Quota { allowance: *allowance, period: *period };
            standing.tell(Line { holder: *holder, quota, used: *used, resets: *resets, window: 2 * resets });
        }
        standing
    }

    fn clinic() -> QuotaStanding {
        standing(&[
            (Holder::Plan, Allowance::Requests(1000), Period::Day, 812, 4021),
            (Holder::Plan, Allowance::Bytes(Size::mib(200)), Period::Month, 209_715_200, 90_000),
            (Holder::Route, Allowance::Requests(10), Period::Hour, 7, 21),
        ])
    }

    fn text(write: impl Fn(&mut String) -> fmt::Result) -> String {
        let mut text = String::new();
        write(&mut text).unwrap();
        text
    }

    #[test]
    fn fields_say_what_is_left() {
        let standing = clinic();
        assert!(standing.nearly());
        assert_eq!(
            text(|to| standing.write_warning(to)),
            "\"quota-day\";used=812;limit=1000;reset=4021, \
             \"quota-month-bytes\";used=209715200;limit=209715200;reset=90000"
        );
        assert_eq!(
            text(|to| standing.write_policy(to)),
            "\"quota-day\";q=1000;w=8042, \"quota-month-bytes\";q=209715200;qu=\"content-bytes\";w=180000, \
             \"route-quota-hour\";q=10;w=42"
        );
        assert_eq!(
            text(|to| standing.write_limit(to)),
            "\"quota-day\";r=188;t=4021, \"quota-month-bytes\";r=0;t=90000, \"route-quota-hour\";r=3;t=21"
        );
    }

    #[test]
    fn eighty_percent_is_nearly() {
        for (used, limit, nearly) in [(7, 10, false), (8, 10, true), (799, 1000, false), (0, 0, true), (4, 5, true)] {
            let standing = standing(&[(Holder::Plan, Allowance::Requests(limit), Period::Day, used, 5)]);
            assert_eq!(standing.nearly(), nearly, "{used} of {limit}");
        }
        let huge = standing(&[(Holder::Plan, Allowance::Requests(u64::MAX), Period::Day, u64::MAX, 5)]);
        assert!(text(|to| huge.write_warning(to)).contains("used=999999999999999;limit=999999999999999"));
    }

    #[test]
    fn a_refusal_names_what_is_used_up_and_waits_for_the_last_of_it() {
        let bytes = clinic().may_fetch().unwrap_err();
        assert_eq!((bytes.retry_after, bytes.word()), (90_000, "quota-bytes"));
        assert_eq!(bytes.violated().collect::<Vec<_>>(), ["quota-month-bytes"]);
        let both = standing(&[
            (Holder::Plan, Allowance::Requests(10), Period::Day, 10, 4021),
            (Holder::Plan, Allowance::Requests(10), Period::Hour, 11, 21),
        ]);
        assert!(both.may_fetch().is_ok());
        let used = both.refusal(Unit::Requests).unwrap_err();
        assert_eq!((used.retry_after, used.quota.period, used.word()), (4021, Period::Day, "quota-requests"));
        assert_eq!(used.violated().collect::<Vec<_>>(), ["quota-day", "quota-hour"]);
    }
}
