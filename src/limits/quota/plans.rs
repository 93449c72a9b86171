//! Plans, ready for use.

use super::allowances::{Allowances, Holder};
use crate::base::LinkRate;
use crate::config::PlanConfig;
use crate::limits::Subject;
use crate::limits::rate::Policy;

/// All plans of a configuration, in its order: what they allow to use. Whom they let in is for `auth`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plans {
    plans: Vec<Plan>,
}

/// One plan. Counters belong to its name: a reload with other numbers keeps what was used.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) subject: Subject,
    pub(crate) rates: Vec<Policy>,
    pub(crate) allowances: Allowances,
    pub(crate) concurrency: Option<usize>,
    pub(crate) bandwidth: Option<LinkRate>,
}

impl Plans {
    pub(crate) fn build(plans: &[PlanConfig]) -> Plans {
        Plans { plans: plans.iter().map(Plan::of).collect() }
    }

    /// By its place in the configuration.
    pub(crate) fn at(&self, number: usize) -> Option<&Plan> {
        self.plans.get(number)
    }
}

impl Plan {
    fn of(config: &PlanConfig) -> Plan {
        let of = format!("plan {}", config.name);
        let policy = |(at, rate): (usize, &crate::base::Rate)| {
            let name = if at == 0 { "plan".to_owned() } else { format!("plan-{}", at + 1) };
            Policy::new(&of, &name, *rate)
        };
        Plan {
            subject: Subject::plan(&config.name),
            rates: config.rates.iter().enumerate().map(policy).collect(),
            allowances: Allowances::new(Holder::Plan, &config.name, &config.quotas),
            concurrency: config.concurrency,
            bandwidth: config.bandwidth,
        }
    }
}
