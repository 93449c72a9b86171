//! How much: what is asked of a request's caller before it is carried out, and what the answer tells of it.

use std::time::Duration;

use heapless::{String as Text, Vec as List};

use crate::base::{Allowance, Now};
use crate::config::{Each, MAX_RATES, PlanConfig, RouteConfig};
use crate::limits::Subject;
use crate::limits::gate::{Entered, Full, Gate, GatePermit, MOST_GATES};
use crate::limits::quota::{self, Allowances, Holder, Payer, QuotaCharge, QuotaStanding, QuotaUsed};
use crate::limits::rate::{Charge, Exceeded, Policy, Standing};
use crate::limits::scrape::{Budgets, Verdict};
use crate::limits::shape::Lane;
use crate::net::{TimedOut, within};
use crate::transform::ToldFields;

use super::flow::MOST_LANES;
use super::identify::Caller;
use super::plan::Plan;
use super::refusal::Overuse;
use super::{Gateway, Process, Refusal};

/// Rates that hold for one request: those of a plan and those of a route.
const MOST_CHARGES: usize = 2 * MAX_RATES;
/// Room for the value of one `RateLimit` field. What is longer is not told.
const TOLD: usize = 256;

/// What a route allows, ready for use.
#[derive(Default)]
pub(crate) struct RouteLimits {
    rates: Box<[(Each, Policy)]>,
    distinct: Option<Policy>,
    errors: Option<Policy>,
    concurrency: Option<usize>,
    route_concurrency: Option<usize>,
    queue: Duration,
    /// The plan of those who come with none of their own: its place in the list.
    plan: Option<usize>,
    allowances: Option<Allowances>,
}

impl RouteLimits {
    pub(crate) fn build(route: &RouteConfig, plans: &[PlanConfig]) -> RouteLimits {
        let (limits, of) = (&route.limits, format!("route {}", route.name));
        let rates = limits.rates.iter().zip(1..);
        let rates = rates.map(|(rule, number)| (rule.each, policy(&of, &route.name, number, rule.rate)));
        RouteLimits {
            rates: rates.collect(),
            distinct: limits.distinct.map(|rate| Policy::new(&of, "pages", rate)),
            errors: limits.errors.map(|rate| Policy::new(&of, "errors", rate)),
            concurrency: limits.concurrency,
            route_concurrency: limits.route_concurrency,
            queue: limits.queue,
            allowances: Some(Allowances::new(Holder::Route, &route.name, &limits.quotas)).filter(|own| !own.is_empty()),
            plan: limits.plan.as_ref().and_then(|name| plans.iter().position(|plan| plan.name == *name)),
        }
    }

    fn charges_nothing(&self) -> bool {
        self.rates.is_empty() && self.allowances.is_none() && self.plan.is_none()
    }

    /// Whether nobody is counted or slowed down here, so that it does not matter who asks.
    pub(super) fn holds_nobody(&self) -> bool {
        self.charges_nothing() && self.distinct.is_none() && self.errors.is_none()
    }

    /// The plan of those who come with none of their own.
    pub(super) fn plan(&self) -> Option<usize> {
        self.plan
    }
}

/// Clients read the name of the plan or route; a number tells several rates of one apart.
fn policy(of: &str, name: &str, number: usize, rate: crate::base::Rate) -> Policy {
    match number {
        1 => Policy::new(of, name, rate),
        number => Policy::new(of, &format!("{name} {number}"), rate),
    }
}

/// What answers tell of limits: values of `RateLimit-Policy`, `RateLimit` and `Hafir-Quota`.
#[derive(Default)]
pub(super) struct Told {
    policy: Text<TOLD>,
    limit: Text<TOLD>,
    warning: Text<TOLD>,
    /// Nothing may come over the uplink any more; what the cache holds may be answered all the same.
    used_up: Option<Box<QuotaUsed>>,
}

impl Told {
    fn add_rates(&mut self, standing: &Standing<'_>) {
        let told = standing.write_policy(&mut self.policy).and_then(|()| standing.write_limit(&mut self.limit));
        if told.is_err() {
            self.cut(0, 0);
        }
    }

    fn add_quotas(&mut self, standing: &QuotaStanding) {
        let (policy, limit) = (self.policy.len(), self.limit.len());
        let comma = if policy == 0 { "" } else { ", " };
        let told = self.policy.push_str(comma).is_ok()
            && self.limit.push_str(comma).is_ok()
            && standing.write_policy(&mut self.policy).and_then(|()| standing.write_limit(&mut self.limit)).is_ok();
        if !told {
            self.cut(policy, limit);
        }
        self.used_up = standing.may_fetch().err().map(Box::new);
        if standing.nearly() && standing.write_warning(&mut self.warning).is_err() {
            self.warning.clear();
        }
    }

    /// What does not fit is not told.
    fn cut(&mut self, policy: usize, limit: usize) {
        self.policy.truncate(policy);
        self.limit.truncate(limit);
    }

    /// Whether the request was counted.
    pub(super) fn is_counted(&self) -> bool {
        !self.used_up.as_ref().is_some_and(|used| matches!(used.quota.allowance, Allowance::Requests(_)))
    }

    /// Whether something that lies here, and is not kept for anybody, may be answered.
    pub(super) fn may_answer(&self) -> Result<(), Refusal> {
        if self.is_counted() { Ok(()) } else { self.may_fetch() }
    }

    /// Whether anything may come over the uplink.
    pub(super) fn may_fetch(&self) -> Result<(), Refusal> {
        self.used_up.as_ref().map_or(Ok(()), |used| Err(used_up(used)))
    }

    pub(super) fn fields(&self) -> ToldFields<'_> {
        [("RateLimit-Policy", &self.policy), ("RateLimit", &self.limit), ("Hafir-Quota", &self.warning)]
    }
}

/// Who counts as one: somebody who is known, or an address.
fn caller_of(plan: &Plan<'_>) -> Subject {
    match &plan.caller {
        Some(Caller { identity, .. }) => Subject::identity(identity.kind.word(), &identity.id),
        None => Subject::client(plan.client.address),
    }
}

/// The plan that holds for the caller.
fn plan_of<'g>(gateway: &'g Gateway, plan: &Plan<'g>) -> Option<&'g quota::Plan> {
    let number = plan.caller.as_ref().map_or_else(|| plan.route.limits.plan(), |caller| caller.plan)?;
    gateway.plans.at(number)
}

/// Takes what the request costs from all of its rates, or nothing from any. A quota that is used up refuses nothing here:
/// what is kept may be answered all the same, see [`Told::may_fetch`]. Does not wait.
pub(super) fn charge<'g>(
    process: &Process,
    gateway: &'g Gateway,
    plan: &Plan<'g>,
    counts: Counts,
    now: Now,
) -> Result<Option<Told>, Refusal> {
    let (limits, of_plan) = (&plan.route.limits, plan_of(gateway, plan));
    if limits.charges_nothing() && of_plan.is_none() {
        return Ok(None);
    }
    let mut told = Told::default();
    let charges = rates(plan, &limits.rates, of_plan.map_or(&[][..], |of_plan| &of_plan.rates));
    if !charges.is_empty() {
        let standing = process.rates.take(&charges, now.mono).map_err(|exceeded| overuse(&exceeded))?;
        told.add_rates(&standing);
    }
    let charges = quota_charges(gateway, plan);
    if counts == Counts::Everything && !charges.is_empty() {
        match process.quotas.take(&charges, now) {
            Ok(standing) => told.add_quotas(&standing),
            Err(used) => told.used_up = Some(Box::new(used)),
        }
    }
    Ok(Some(told))
}

/// What a request is charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Counts {
    Everything,
    /// Rates alone: what is kept here costs no quota.
    Rates,
}

/// It was answered from what is kept, or nothing came of it and the caller is not to blame: it does not count towards the
/// quotas. The rates keep it,
/// so that nobody asks faster for that.
pub(super) fn give_back(process: &Process, gateway: &Gateway, plan: &Plan<'_>) {
    let charges = quota_charges(gateway, plan);
    if !charges.is_empty() {
        process.quotas.give_back(&charges, process.clock.now());
    }
}

/// Who pays for what comes over the uplink.
pub(super) fn payer(gateway: &Gateway, plan: &Plan<'_>) -> Payer {
    Payer::of(&quota_charges(gateway, plan))
}

/// Counts bytes that went over the uplink, besides those of answers, which are paid for as they come.
pub(super) fn pay_for(process: &Process, gateway: &Gateway, plan: &Plan<'_>, bytes: u64) {
    if bytes > 0 {
        process.quotas.spend_bytes(&quota_charges(gateway, plan), bytes, process.clock.now());
    }
}

fn quota_charges<'p>(gateway: &'p Gateway, plan: &'p Plan<'_>) -> List<QuotaCharge<'p>, 2> {
    let caller = match &plan.caller {
        Some(Caller { identity, .. }) => quota::Caller::Known { kind: identity.kind.word(), id: &identity.id },
        None => quota::Caller::Address(plan.client.address),
    };
    let of_plan = plan_of(gateway, plan).map(|of_plan| &of_plan.allowances).filter(|allowances| !allowances.is_empty());
    let all = of_plan.into_iter().chain(&plan.route.limits.allowances);
    all.map(|allowances| QuotaCharge { caller, allowances }).collect()
}

fn rates<'p>(plan: &Plan<'_>, own: &'p [(Each, Policy)], of_plan: &'p [Policy]) -> List<Charge<'p>, MOST_CHARGES> {
    let caller = caller_of(plan);
    let mut charges: List<Charge<'_>, MOST_CHARGES> = List::new();
    let of_plan = of_plan.iter().map(|policy| Charge { subject: caller, policy, weight: 1 });
    let own = own.iter().map(|(each, policy)| {
        let subject = match each {
            Each::Caller => caller,
            Each::Address => Subject::client(plan.client.address),
            Each::Route => Subject::everybody(),
        };
        Charge { subject, policy, weight: 1 }
    });
    // There is room for all: the configuration takes no more.
    charges.extend(of_plan.chain(own).take(MOST_CHARGES));
    charges
}

fn overuse(exceeded: &Exceeded<'_>) -> Refusal {
    let (mut policy, mut limit) = (String::new(), String::new());
    let _ = exceeded.write_policy(&mut policy).and_then(|()| exceeded.write_limit(&mut limit));
    Refusal::Overuse(Box::new(Overuse {
        retry_after: exceeded.retry_seconds(),
        fields: vec![("RateLimit-Policy", policy), ("RateLimit", limit)],
        violated: exceeded.violated().map(str::to_owned).collect(),
        period: None,
        limit: format!("{} of {}", exceeded.policy.rate(), exceeded.policy.name()),
        word: exceeded.why.word(),
    }))
}

fn used_up(used: &QuotaUsed) -> Refusal {
    let (mut policy, mut limit) = (String::new(), String::new());
    let _ = used.standing().write_policy(&mut policy).and_then(|()| used.standing().write_limit(&mut limit));
    Refusal::Overuse(Box::new(Overuse {
        retry_after: used.retry_after,
        fields: vec![("RateLimit-Policy", policy), ("RateLimit", limit)],
        violated: used.violated().map(str::to_owned).collect(),
        period: Some(used.quota.period),
        limit: format!("{} of the {}", used.quota, used.holder.word()),
        word: used.word(),
    }))
}

/// Waits for a turn, where the route has turns. The permit is held to the end of the exchange.
pub(super) async fn turn(process: &Process, gateway: &Gateway, plan: &Plan<'_>) -> Result<Option<GatePermit>, Refusal> {
    let (limits, caller) = (&plan.route.limits, caller_of(plan));
    let route = Subject::route(&plan.route.config.name);
    let of_plan = plan_of(gateway, plan);
    let gates = [
        limits.concurrency.map(|most| Gate { subject: caller.within(route), most }),
        limits.route_concurrency.map(|most| Gate { subject: route, most }),
        of_plan.and_then(|plan| {
            let most = plan.concurrency?;
            Some(Gate { subject: caller.within(plan.subject), most })
        }),
    ];
    let gates: List<Gate, MOST_GATES> = gates.into_iter().flatten().collect();
    if gates.is_empty() {
        return Ok(None);
    }
    let ticket = match process.gates.enter(caller, &gates, !limits.queue.is_zero()) {
        Entered::In(permit) => return Ok(Some(permit)),
        Entered::Full(full) => return Err(Refusal::Full(full)),
        Entered::Wait(ticket) => ticket,
    };
    match within(limits.queue, ticket).await {
        Ok(permit) => Ok(Some(permit)),
        Err(TimedOut) => Err(Refusal::Full(Full::Queue)),
    }
}

fn budgets<'p>(plan: &'p Plan<'_>) -> Option<Budgets<'p>> {
    let RouteLimits { distinct, errors, .. } = &plan.route.limits;
    let (distinct, errors) = (distinct.as_ref(), errors.as_ref());
    let is_there = distinct.is_some() || errors.is_some();
    is_there.then(|| Budgets { client: Subject::client(plan.client.address), distinct, errors })
}

/// Whether a client that collects pages or guesses keys is to be slowed down, for how long, or refused.
pub(super) fn patience(process: &Process, plan: &Plan<'_>, now: Now) -> Result<Duration, Refusal> {
    let Some(budgets) = budgets(plan) else { return Ok(Duration::ZERO) };
    match process.scrape.ask(&budgets, plan.target.path.as_bytes(), now.mono) {
        Verdict::Go => Ok(Duration::ZERO),
        Verdict::Slow(span) => Ok(span),
        Verdict::Refuse { retry_after, budget } => {
            let word = budget.word();
            Err(Refusal::Overuse(Box::new(Overuse {
                retry_after: retry_after.as_secs().max(1),
                fields: Vec::new(),
                violated: vec![word.to_owned()],
                period: None,
                limit: word.to_owned(),
                word,
            })))
        }
    }
}

/// Counts an answer that says that the request was wrong. One that says "later" is no error of the client's.
pub(super) fn note_error(process: &Process, plan: &Plan<'_>, status: u16, now: Now) {
    if matches!(status, 400..=499)
        && !matches!(status, 408 | 425 | 429 | 499)
        && let Some(budgets) = budgets(plan)
    {
        process.scrape.erred(&budgets, now.mono);
    }
}

/// The lanes that the answer goes through on its way to the client.
pub(super) fn lanes(gateway: &Gateway, plan: &Plan<'_>) -> List<Lane, MOST_LANES> {
    let (limits, of_plan) = (&plan.route.config.limits, plan_of(gateway, plan));
    let of_plan = of_plan.and_then(|of_plan| Some((of_plan.subject, of_plan.bandwidth?)));
    if limits.bandwidth.is_none() && limits.route_bandwidth.is_none() && of_plan.is_none() {
        return List::new();
    }
    let (caller, route) = (caller_of(plan), Subject::route(&plan.route.config.name));
    let lanes = [
        limits.bandwidth.map(|rate| Lane { subject: caller.within(route), rate }),
        limits.route_bandwidth.map(|rate| Lane { subject: route, rate }),
        of_plan.map(|(subject, rate)| Lane { subject: caller.within(subject), rate }),
    ];
    lanes.into_iter().flatten().collect()
}
