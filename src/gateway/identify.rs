//! Who it is: what a request shows, judged by the doorkeepers of `auth`, and what has to be asked or computed first.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::certificate::{self, Authorities, CertificateProblem, Fingerprint};
use crate::auth::{self, Doorkeepers, Identity, Judged, Kind, Later, NotAllowed, NotKnown, Shown};
use crate::base::{Now, PeerCertificate};
use crate::config::{AuthMethod, Class, Tell};
use crate::http::{FieldSpans, Fields, OwnedRequest, looks_like};
use crate::limits::gate::Full;
use crate::net::{TlsFront, within};

use super::plan::Plan;
use super::{Gateway, Process, Refusal, Route, Worker, provider};

/// How often a request is judged again after something was asked or computed for it, or while it waits for others'
/// passwords: ten seconds at the most.
const JUDGEMENTS: usize = 50;
/// Between two looks whether a password can be judged.
const PASSWORD_TURN: Duration = Duration::from_millis(200);

/// Somebody who is known and may use the route.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) identity: Arc<Identity>,
    /// In the configuration's list of plans.
    pub(crate) plan: Option<usize>,
    /// What the upstream is to see of the client's certificate.
    pub(crate) certificate: Option<PeerCertificate>,
}

impl Caller {
    /// What the upstream is told: fields and their values.
    pub(super) fn told(&self, route: &Route, gateway: &Gateway) -> Vec<(String, String)> {
        let identity = &self.identity;
        let plan = || self.plan.and_then(|number| gateway.config.plans.get(number));
        let value = |tell: &Tell| match tell {
            Tell::Id => format!("{}/{}", identity.kind.word(), identity.id),
            Tell::Name => identity.name.clone(),
            Tell::Plan => plan().map_or(String::new(), |plan| plan.name.clone()),
            Tell::Scope => {
                let of_plan = plan().into_iter().flat_map(|plan| &plan.scopes);
                let mut scopes: Vec<&str> = identity.scopes.iter().chain(of_plan).map(String::as_str).collect();
                scopes.sort_unstable();
                scopes.dedup();
                scopes.join(" ")
            }
            Tell::Claim(name) => identity.claim(name).join(", "),
        };
        let tells = route.config.auth.tells.iter().map(|(name, tell)| (name.clone(), value(tell)));
        tells.filter(|(_, value)| !value.is_empty()).collect()
    }
}

/// The client's certificate, as it came with the connection.
pub(super) struct Presented {
    /// The address that it was shown at, as configured.
    listen: SocketAddr,
    /// The authorities and revocation lists that it was judged by, as [`TlsFront::generation`] counts them.
    generation: Cell<u64>,
    certificate: PeerCertificate,
    fingerprint: Fingerprint,
    identity: Result<Arc<Identity>, CertificateProblem>,
    /// What narrower authorities said of it.
    judged: RefCell<Vec<(Arc<Authorities>, bool)>>,
}

/// Why there is no caller (yet).
pub(super) enum Unidentified {
    Refused(Refusal),
    Later(Later),
}

impl Presented {
    pub(super) fn new(certificate: &PeerCertificate, listen: SocketAddr, generation: u64) -> Presented {
        Presented {
            listen,
            generation: Cell::new(generation),
            certificate: certificate.clone(),
            fingerprint: certificate::fingerprint(certificate),
            identity: certificate::identity(certificate),
            judged: RefCell::default(),
        }
    }

    /// Who it is, where the route takes it.
    fn on(&self, gateway: &Gateway, route: &Route, now: Now) -> Result<&Arc<Identity>, CertificateProblem> {
        let identity = self.identity.as_ref().map_err(|problem| *problem)?;
        if !self.is_still_taken(gateway.tls.as_deref()) {
            return Err(CertificateProblem::NoLonger);
        }
        let names = &route.config.auth.client_names;
        if !names.is_empty() && !certificate::is_named(identity, names) {
            return Err(CertificateProblem::Name);
        }
        match &route.client_authorities {
            Some(authorities) if !self.comes_from(authorities, now) => Err(CertificateProblem::Authority),
            Some(_) | None => Ok(identity),
        }
    }

    /// Whether the handshake would end as it did. A revocation holds for connections that are open already.
    fn is_still_taken(&self, front: Option<&TlsFront>) -> bool {
        let Some(front) = front else { return false };
        let generation = front.generation();
        if generation != self.generation.get() {
            if !front.still_takes(self.listen, &self.certificate) {
                return false;
            }
            self.generation.set(generation);
            self.judged.borrow_mut().clear();
        }
        true
    }

    /// Judged once per connection.
    fn comes_from(&self, authorities: &Arc<Authorities>, now: Now) -> bool {
        let mut judged = self.judged.borrow_mut();
        if let Some((_, answer)) = judged.iter().find(|(known, _)| Arc::ptr_eq(known, authorities)) {
            return *answer;
        }
        let answer = certificate::issued_by(&self.certificate, authorities, now);
        judged.push((Arc::clone(authorities), answer));
        answer
    }
}

/// Judges a request. Does not wait. `None`: nobody is asked.
pub(super) fn identify(
    process: &Process,
    gateway: &Gateway,
    plan: &Plan<'_>,
    presented: Option<&Presented>,
    now: Now,
) -> Result<Option<Caller>, Unidentified> {
    let refused = |refusal| Err(Unidentified::Refused(refusal));
    let (route, rules) = (plan.route, &plan.route.config.auth);
    if route.config.cache.class == Class::Patient && !plan.client.secure {
        return refused(Refusal::NotSecure);
    }
    if !rules.asks_anything() {
        return Ok(None);
    }
    let certificate = match presented {
        Some(presented) if rules.asks(AuthMethod::Mtls) => presented.on(gateway, route, now),
        Some(_) | None => Err(CertificateProblem::Missing),
    };
    let shown = Shown {
        credentials: auth::credentials(rules, plan.request.fields, plan.target.query.as_deref()),
        secure: plan.client.secure,
        certificate,
        fingerprint: presented.map(|presented| &presented.fingerprint),
    };
    let doorkeepers = Doorkeepers { keys: &process.keys, tokens: &process.tokens, users: &gateway.users };
    match auth::judge(rules, &shown, &doorkeepers, now) {
        Judged::Open => Ok(None),
        Judged::Known(identity) => match rights(gateway, plan, identity) {
            Ok(caller) => {
                let told = presented.filter(|_| rules.client_forward);
                Ok(Some(Caller { certificate: told.map(|presented| presented.certificate.clone()), ..caller }))
            }
            Err(why) => refused(Refusal::NotAllowed(why, realm(route))),
        },
        Judged::NotKnown(why) => refused(not_known(plan, why)),
        Judged::Later(later) => Err(Unidentified::Later(later)),
    }
}

fn not_known(plan: &Plan<'_>, why: NotKnown) -> Refusal {
    let (route, secure) = (&plan.route.config, plan.client.secure);
    let challenges = auth::challenges(&route.auth, &route.name, Some(&why), secure);
    if challenges.is_empty() && !secure && route.auth.asks(AuthMethod::Basic) {
        return Refusal::NotSecure;
    }
    Refusal::NotKnown(Box::new(why), challenges)
}

fn realm(route: &Route) -> String {
    route.config.name.clone()
}

/// The plan that holds, and whether it and the credential suffice.
fn rights(gateway: &Gateway, plan: &Plan<'_>, identity: Arc<Identity>) -> Result<Caller, NotAllowed> {
    let number_of = |name: &String| gateway.config.plans.iter().position(|plan| plan.name == *name);
    let number = match (&identity.plan, identity.kind) {
        (None, _) => plan.route.limits.plan(),
        // What a provider says need not be a plan of this board.
        (Some(name), Kind::Token) => number_of(name).or_else(|| plan.route.limits.plan()),
        (Some(name), Kind::Key | Kind::User | Kind::Certificate) => {
            Some(number_of(name).ok_or_else(|| NotAllowed::UnknownPlan(name.clone()))?)
        }
    };
    let of_file = number.and_then(|number| gateway.config.plans.get(number));
    let route = &plan.route.config;
    auth::may(&route.auth, &identity, of_file, &route.name, plan.request.method.as_str())?;
    Ok(Caller { identity, plan: number, certificate: None })
}

/// The same, and waits for what has to be asked or computed first.
pub(super) async fn identify_at_leisure(
    worker: &Worker,
    gateway: &Gateway,
    plan: &Plan<'_>,
    presented: Option<&Presented>,
) -> Result<Option<Caller>, Refusal> {
    let process = &worker.process;
    let mut last = None;
    for _ in 0..JUDGEMENTS {
        match identify(process, gateway, plan, presented, process.clock.now()) {
            Ok(caller) => return Ok(caller),
            Err(Unidentified::Refused(refusal)) => return Err(refusal),
            Err(Unidentified::Later(later)) => {
                let problem = find_out(worker, gateway, plan, later).await;
                // The same again, right after it was asked: there is nothing more to be had.
                if problem.is_some() && problem == last {
                    break;
                }
                last = problem;
            }
        }
    }
    match last {
        Some(problem) => Err(not_known(plan, NotKnown::Token(problem))),
        None => Err(Refusal::Full(Full::Busy)),
    }
}

/// Asks or computes. Gives the problem that was to be mended, where the judgement may find it again.
async fn find_out(worker: &Worker, gateway: &Gateway, plan: &Plan<'_>, later: Later) -> Option<auth::TokenProblem> {
    let rules = &plan.route.config.auth;
    let text = auth::credentials(rules, plan.request.fields, None).ok().and_then(|shown| shown.bearer).unwrap_or("");
    match later {
        Later::Introspect(problem) => {
            provider::introspect(worker, text, &rules.issuers).await;
            Some(problem)
        }
        Later::Keys(problem) => {
            provider::refresh(worker).await;
            Some(problem)
        }
        Later::PasswordTurn => {
            let _ = within(PASSWORD_TURN, std::future::pending::<()>()).await;
            None
        }
        Later::Password(job) => {
            let verified = smol::unblock(move || job.run()).await;
            gateway.users.remember(verified);
            None
        }
    }
}

impl Route {
    /// Whether a field is for the gateway alone: a credential that the upstream does not see, or one by which the gateway
    /// tells the upstream who it is, which nobody else may say.
    pub(super) fn hides(&self, name: &[u8]) -> bool {
        let auth = &self.config.auth;
        !auth.forward && auth.is_credential(name)
            || auth.tells.iter().any(|(told, _)| name.eq_ignore_ascii_case(told.as_bytes()) || looks_like(name, told))
    }

    /// Whether there is anything to hide.
    pub(super) fn hides_anything(&self) -> bool {
        self.config.auth.asks_anything()
    }
}

/// Takes out of a head what is for the gateway alone.
pub(super) fn hide(owned: &mut OwnedRequest, route: &Route) {
    owned.hide(|name| route.hides(name));
    if let Some(name) = route.config.auth.key_query.as_ref().filter(|_| !route.config.auth.forward) {
        owned.cut_query(name);
    }
}

/// Whether a view of the fields is enough: nothing has to be taken out of the target.
pub(super) fn hides_in_fields_alone(route: &Route, query: Option<&str>) -> bool {
    route.config.auth.key_query.is_none() || query.is_none()
}

/// The fields without those that are for the gateway alone.
pub(super) fn visible(fields: Fields<'_>, route: &Route) -> FieldSpans {
    fields.without(|name| route.hides(name))
}
