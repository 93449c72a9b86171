//! Names of other sections, and what only several sections together show.

use super::access::{AuthMethod, JwtConfig, PlanConfig, UserConfig};
use super::problem::{Fault, Report};
use super::section::Given;
use super::suggest;
use super::table::Kind;
use super::types::{Class, ClientCertificate, RouteConfig, TlsConfig};

/// All sections that speak of each other.
pub(super) struct Sections<'a> {
    pub(super) given: &'a [Given],
    pub(super) tls: &'a [TlsConfig],
    pub(super) plans: &'a [PlanConfig],
    pub(super) jwt: &'a [JwtConfig],
    pub(super) users: &'a [UserConfig],
    pub(super) routes: &'a [RouteConfig],
}

impl Sections<'_> {
    pub(super) fn judge(&self, report: &mut Report) {
        for (given, plan) in self.of(Kind::Plan).zip(self.plans) {
            for route in &plan.routes {
                known(route, "routes", Kind::Route, self.routes.iter().map(|route| &route.name), given, report);
            }
        }
        for (given, jwt) in self.of(Kind::Jwt).zip(self.jwt) {
            for (value, plan) in &jwt.plans {
                self.plan(plan, &format!("plan.{value}"), given, report);
            }
        }
        for (given, user) in self.of(Kind::User).zip(self.users) {
            user.plan.iter().for_each(|plan| self.plan(plan, "plan", given, report));
        }
        for route in self.routes {
            if let Some(given) = self.of(Kind::Route).find(|given| given.line == route.line) {
                self.route(route, given, report);
            }
        }
    }

    fn of(&self, kind: Kind) -> impl Iterator<Item = &Given> {
        self.given.iter().filter(move |given| given.kind == kind)
    }

    fn plan(&self, name: &str, key: &str, given: &Given, report: &mut Report) {
        known(name, key, Kind::Plan, self.plans.iter().map(|plan| &plan.name), given, report);
    }

    fn route(&self, route: &RouteConfig, given: &Given, report: &mut Report) {
        let auth = &route.auth;
        route.limits.plan.iter().for_each(|plan| self.plan(plan, "plan", given, report));
        for issuer in &auth.issuers {
            known(issuer, "auth.jwt", Kind::Jwt, self.jwt.iter().map(|jwt| &jwt.name), given, report);
        }
        let asks = |method| auth.any.contains(&method) || auth.all.contains(&method);
        let key = if auth.any.is_empty() { "auth.require" } else { "auth" };
        let mut missing = |key: &str, expected: &str| {
            report.add(given.line_or_head(key), &given.title, key, Fault::Missing { expected: expected.to_owned() });
        };
        if asks(AuthMethod::Jwt) && self.jwt.is_empty() {
            missing(key, "a section [jwt NAME] that says whose tokens count");
        }
        if asks(AuthMethod::Basic) && self.users.is_empty() {
            missing(key, "a section [user NAME] for each one with a password");
        }
        if asks(AuthMethod::Mtls) && self.tls.iter().all(|tls| tls.client == ClientCertificate::Off) {
            missing(key, "'client = optional' or 'client = required' in [tls], beside 'client.ca'");
        }
        let nobody =
            auth.any.is_empty() && auth.all.is_empty() && !given.is_tried("auth") && !given.is_tried("auth.require");
        if nobody && route.cache.class == Class::Patient {
            missing("auth", "a way to show who one is, as 'auth = key', beside 'class = patient'");
        }
        if nobody && !(auth.scopes.is_empty() && auth.claims.is_empty() && auth.tells.is_empty()) {
            missing("auth", "a way to show who one is, as 'auth = key', beside scope, claim and tell");
        }
        if route.cache.class == Class::Patient && self.tls.is_empty() {
            missing("class", "a section [tls], as 'class = patient' is answered over HTTPS only");
        }
    }
}

/// Whether a section of this name is there, in any case of letters.
fn known<'n>(
    name: &str,
    key: &str,
    kind: Kind,
    names: impl Iterator<Item = &'n String>,
    given: &Given,
    report: &mut Report,
) {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.contains(&name) {
        return;
    }
    let fault = Fault::value(name, format!("the name of a section [{} NAME]", kind.word()));
    let fault = match suggest::nearest(name, names) {
        Some(meant) => fault.meant(meant),
        None => fault,
    };
    report.add(given.line_or_head(key), &given.title, key, fault);
}
