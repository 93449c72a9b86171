//! The quotas of one plan or route.

use crate::base::{Allowance, Period, Quota};
use crate::limits::Subject;

/// Whose quotas they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Holder {
    Plan,
    Route,
}

/// The quotas of a plan or a route: of each unit and period one, the tightest. Made once per configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Allowances {
    holder: Holder,
    name: Box<str>,
    quotas: heapless::Vec<Quota, MOST_QUOTAS>,
    /// Holder and name.
    mark: Subject,
}

/// Two units, three periods.
pub(super) const MOST_QUOTAS: usize = 6;

impl Holder {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Holder::Plan => "plan",
            Holder::Route => "route",
        }
    }
}

impl Allowances {
    pub(crate) fn new(holder: Holder, name: &str, quotas: &[Quota]) -> Allowances {
        let mark = mark(holder, name);
        let mut allowances = Allowances { holder, name: name.into(), quotas: heapless::Vec::new(), mark };
        quotas.iter().for_each(|quota| allowances.add(*quota));
        allowances
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.quotas.is_empty()
    }

    pub(super) fn mark(&self) -> Subject {
        self.mark
    }

    /// Whether any of them is of bytes.
    pub(crate) fn counts_bytes(&self) -> bool {
        self.quotas.iter().any(|quota| Measure::of(quota).unit == Unit::Bytes)
    }

    pub(crate) fn holder(&self) -> Holder {
        self.holder
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn quotas(&self) -> &[Quota] {
        &self.quotas
    }

    fn add(&mut self, quota: Quota) {
        match self.quotas.iter_mut().find(|known| Measure::of(known) == Measure::of(&quota)) {
            Some(known) if amount(known) > amount(&quota) => *known = quota,
            Some(_) => {}
            // There are no more units and periods than places.
            None => drop(self.quotas.push(quota)),
        }
    }
}

/// The realm in which callers are counted.
pub(super) fn mark(holder: Holder, name: &str) -> Subject {
    match holder {
        Holder::Plan => Subject::plan(name),
        Holder::Route => Subject::route(name),
    }
}

/// What is counted, and in which period: a counter belongs to that, not to a limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Measure {
    pub(crate) unit: Unit,
    pub(crate) period: Period,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Unit {
    Requests,
    Bytes,
}

impl Unit {
    /// As people write it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Unit::Requests => "requests",
            Unit::Bytes => "bytes",
        }
    }
}

impl Measure {
    pub(crate) fn of(quota: &Quota) -> Measure {
        let unit = match quota.allowance {
            Allowance::Requests(_) => Unit::Requests,
            Allowance::Bytes(_) => Unit::Bytes,
        };
        Measure { unit, period: quota.period }
    }
}

/// The limit, in its unit.
pub(crate) fn amount(quota: &Quota) -> u64 {
    match quota.allowance {
        Allowance::Requests(count) => count,
        Allowance::Bytes(size) => size.as_u64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Size;

    #[test]
    fn of_two_for_one_thing_the_tighter_one_counts() {
        let quota = |allowance, period| Quota { allowance, period };
        let all = [
            quota(Allowance::Requests(1000), Period::Day),
            quota(Allowance::Bytes(Size::mib(200)), Period::Month),
            quota(Allowance::Requests(500), Period::Day),
            quota(Allowance::Bytes(Size::mib(300)), Period::Month),
            quota(Allowance::Requests(9), Period::Hour),
        ];
        let allowances = Allowances::new(Holder::Plan, "clinic", &all);
        assert_eq!(allowances.quotas(), [all[2], all[1], all[4]]);
        assert!(allowances.counts_bytes() && !Allowances::new(Holder::Route, "r", &all[..1]).counts_bytes());
    }
}
