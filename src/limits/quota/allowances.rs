//! The quotas of one plan or route.

use crate::base::{Allowance, Period, Quota};

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
        let mut allowances = Allowances { holder, name: name.into(), quotas: heapless::Vec::new() };
        quotas.iter().for_each(|quota| allowances.add(*quota));
        allowances
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.quotas.is_empty()
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

/// What is counted, and in which period: a counter belongs to that, not to a limit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Measure {
    pub(super) unit: Unit,
    pub(super) period: Period,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Unit {
    Requests,
    Bytes,
}

impl Measure {
    pub(super) fn of(quota: &Quota) -> Measure {
        let unit = match quota.allowance {
            Allowance::Requests(_) => Unit::Requests,
            Allowance::Bytes(_) => Unit::Bytes,
        };
        Measure { unit, period: quota.period }
    }
}

/// The limit, in its unit.
pub(super) fn amount(quota: &Quota) -> u64 {
    match quota.allowance {
        Allowance::Requests(count) => count,
        Allowance::Bytes(size) => size.as_u64(),
    }
}
