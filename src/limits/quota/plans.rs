//! Plans, ready for use.

use super::allowances::{Allowances, Holder};
use crate::base::LinkRate;
use crate::config::PlanConfig;
use crate::limits::Subject;
use crate::limits::rate::Policy;

/// All plans of a configuration, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plans {
    plans: Vec<Plan>,
}

/// One plan. Counters belong to its name: a reload with other numbers keeps what was used.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) name: Box<str>,
    pub(crate) subject: Subject,
    pub(crate) rates: Vec<Policy>,
    pub(crate) allowances: Allowances,
    pub(crate) concurrency: Option<usize>,
    pub(crate) bandwidth: Option<LinkRate>,
    pub(crate) scopes: Vec<String>,
    routes: Vec<String>,
}

impl Plans {
    pub(crate) fn build(plans: &[PlanConfig]) -> Plans {
        Plans { plans: plans.iter().map(Plan::of).collect() }
    }

    /// By its place in the configuration.
    pub(crate) fn at(&self, number: usize) -> Option<&Plan> {
        self.plans.get(number)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| *plan.name == *name)
    }

    /// The plan that the credential names, else the route's. A credential's plan that the file does not know counts as
    /// none at all: it must not open what the route's plan would not.
    pub(crate) fn of_caller(&self, named: Option<&str>, of_route: Option<&str>) -> Option<&Plan> {
        named.and_then(|name| self.get(name)).or_else(|| of_route.and_then(|name| self.get(name)))
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
            name: config.name.as_str().into(),
            subject: Subject::plan(&config.name),
            rates: config.rates.iter().enumerate().map(policy).collect(),
            allowances: Allowances::new(Holder::Plan, &config.name, &config.quotas),
            concurrency: config.concurrency,
            bandwidth: config.bandwidth,
            scopes: config.scopes.clone(),
            routes: config.routes.clone(),
        }
    }

    pub(crate) fn allows(&self, route: &str) -> bool {
        self.routes.is_empty() || self.routes.iter().any(|own| own == route)
    }
}
