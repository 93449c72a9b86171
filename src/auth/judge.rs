//! The rules of a route against what a request shows: who it is, and whether that one may.

use std::fmt::{self, Write};
use std::sync::Arc;

use super::Identity;
use super::basic::{self, PasswordJob, Users};
use super::certificate::{CertificateProblem, Fingerprint, is_bound_here};
use super::credentials::{Ambiguous, Credentials};
use super::jwt::{TokenProblem, Tokens};
use super::key::{KeyProblem, KeyRing};
use crate::base::Now;
use crate::config::{AuthConfig, AuthMethod, PlanConfig, UnsureClock};

/// Those who know who is who.
#[derive(Clone, Copy)]
pub(crate) struct Doorkeepers<'a> {
    pub(crate) keys: &'a KeyRing,
    pub(crate) tokens: &'a Tokens,
    pub(crate) users: &'a Users,
}

/// All that a request shows, and the connection it came on.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) credentials: Result<Credentials<'a>, Ambiguous>,
    /// It came over TLS.
    pub(crate) secure: bool,
    /// The client's certificate, as the route sees it.
    pub(crate) certificate: Result<&'a Arc<Identity>, CertificateProblem>,
    pub(crate) fingerprint: Option<&'a Fingerprint>,
}

/// Why nobody is known (401).
#[derive(Debug)]
pub(crate) enum NotKnown {
    /// Nothing is shown that the route asks for.
    Nothing,
    Ambiguous,
    Key(KeyProblem),
    Token(TokenProblem),
    /// An unknown user, another password, or no such thing at all.
    Password,
    /// A password came where everybody on the way can read it.
    PlainHttp,
    Certificate(CertificateProblem),
    /// It holds or has ended: nobody knows while the clock is not believed.
    ClockUnsure,
}

/// Why somebody may not (403).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NotAllowed {
    /// All that are needed, separated by blanks.
    Scope(String),
    Claim(String),
    /// The plan does not have this route.
    Plan(String),
    /// No section of the file has this name.
    UnknownPlan(String),
}

/// Where it must be asked or computed first. Then the same question finds the answer remembered.
pub(crate) enum Later {
    /// The provider knows.
    Introspect(TokenProblem),
    /// Fetching the provider's keys anew may help.
    Keys(TokenProblem),
    Password(PasswordJob),
    /// Others' passwords are being judged.
    PasswordTurn,
}

/// The outcome of a judgement.
pub(crate) enum Judged {
    /// Nobody is asked.
    Open,
    Known(Arc<Identity>),
    NotKnown(NotKnown),
    Later(Later),
}

/// How a single way to be known came out.
enum One {
    Known(Arc<Identity>),
    /// Nothing was shown for this way.
    Absent,
    No(NotKnown),
    Later(Later),
}

/// Who it is. Any one of `auth`, and all of `auth.require` besides. What is shown and does not hold is refused even where
/// something else would do.
pub(crate) fn judge(rules: &AuthConfig, shown: &Shown<'_>, doorkeepers: &Doorkeepers<'_>, now: Now) -> Judged {
    if !rules.asks_anything() {
        return Judged::Open;
    }
    let Ok(credentials) = shown.credentials else { return Judged::NotKnown(NotKnown::Ambiguous) };
    let judgement = Judgement { rules, shown, credentials, doorkeepers, now };
    let mut found = None;
    for (number, method) in rules.any.iter().chain(&rules.all).enumerate() {
        let is_needed = number >= rules.any.len();
        match judgement.one(*method) {
            One::Known(identity) if judgement.is_bound_elsewhere(&identity) => {
                return Judged::NotKnown(NotKnown::Certificate(CertificateProblem::Binding));
            }
            One::Known(identity) => found = found.or(Some(identity)),
            One::Absent if is_needed => return Judged::NotKnown(NotKnown::Nothing),
            One::Absent => {}
            One::No(no) => return Judged::NotKnown(no),
            One::Later(later) => return Judged::Later(later),
        }
        if number + 1 == rules.any.len() && found.is_none() {
            return Judged::NotKnown(NotKnown::Nothing);
        }
    }
    found.map_or(Judged::NotKnown(NotKnown::Nothing), Judged::Known)
}

struct Judgement<'a> {
    rules: &'a AuthConfig,
    shown: &'a Shown<'a>,
    credentials: Credentials<'a>,
    doorkeepers: &'a Doorkeepers<'a>,
    now: Now,
}

impl Judgement<'_> {
    fn one(&self, method: AuthMethod) -> One {
        match method {
            AuthMethod::Key => self.key(),
            AuthMethod::Jwt => self.token(),
            AuthMethod::Basic => self.password(),
            AuthMethod::Mtls => self.certificate(),
        }
    }

    fn key(&self) -> One {
        let behind_bearer = self.rules.key_headers.iter().any(|name| name == "authorization");
        let bearer = self.credentials.bearer.filter(|_| behind_bearer);
        let Some(text) = self.credentials.key.or(bearer) else { return One::Absent };
        if bearer.is_some_and(|bearer| bearer != text && KeyRing::looks_like_a_key(bearer)) {
            return One::No(NotKnown::Ambiguous);
        }
        match self.doorkeepers.keys.check(text, self.now) {
            Ok(identity) => self.in_time(identity, true),
            // A token, where tokens count too.
            Err(KeyProblem::NotAKey) if self.credentials.key.is_none() && self.rules.asks(AuthMethod::Jwt) => {
                One::Absent
            }
            Err(problem) => One::No(NotKnown::Key(problem)),
        }
    }

    fn token(&self) -> One {
        let Some(text) = self.credentials.bearer else { return One::Absent };
        // A key is nobody's business but the board's: no provider is asked about it.
        if KeyRing::looks_like_a_key(text) {
            return if self.rules.asks(AuthMethod::Key) {
                One::Absent
            } else {
                One::No(NotKnown::Token(TokenProblem::NotAToken))
            };
        }
        match self.doorkeepers.tokens.check(text, &self.rules.issuers, self.rules.offline, self.now) {
            Ok(checked) => self.in_time(checked.identity, checked.sure),
            Err(problem @ TokenProblem::Introspect(_)) => One::Later(Later::Introspect(problem)),
            Err(problem @ (TokenProblem::UnknownKey(_) | TokenProblem::NoKeys(_))) => One::Later(Later::Keys(problem)),
            Err(problem) => One::No(NotKnown::Token(problem)),
        }
    }

    fn password(&self) -> One {
        let Some(coded) = self.credentials.basic else { return One::Absent };
        if !self.shown.secure && !self.rules.plain_http {
            return One::No(NotKnown::PlainHttp);
        }
        let Some(login) = basic::login(coded) else { return One::No(NotKnown::Password) };
        match self.doorkeepers.users.check(&login.user, &login.password, self.now) {
            basic::Checked::Known(identity) => self.in_time(identity, true),
            basic::Checked::Unknown => One::No(NotKnown::Password),
            basic::Checked::Ask(job) => One::Later(Later::Password(job)),
            basic::Checked::Busy => One::Later(Later::PasswordTurn),
        }
    }

    fn certificate(&self) -> One {
        match self.shown.certificate {
            Ok(identity) => self.in_time(Arc::clone(identity), true),
            Err(CertificateProblem::Missing) => One::Absent,
            Err(problem) => One::No(NotKnown::Certificate(problem)),
        }
    }

    /// What the route says of credentials with an end while the clock is not believed. `known`: given out here, or judged
    /// while it was.
    fn in_time(&self, identity: Arc<Identity>, known: bool) -> One {
        let ends = identity.expires.is_some() || identity.not_before.is_some();
        let refused = match self.rules.unsure {
            _ if self.now.sure || !ends => false,
            UnsureClock::Accept => false,
            UnsureClock::AcceptKnown => !known,
            UnsureClock::Refuse => true,
        };
        if refused { One::No(NotKnown::ClockUnsure) } else { One::Known(identity) }
    }

    fn is_bound_elsewhere(&self, identity: &Identity) -> bool {
        !is_bound_here(identity, self.shown.fingerprint)
    }
}

/// Whether somebody who is known may do this. `plan`: the one that holds, with what the file says of it.
pub(crate) fn may(
    rules: &AuthConfig,
    identity: &Identity,
    plan: Option<&PlanConfig>,
    route: &str,
    method: &str,
) -> Result<(), NotAllowed> {
    if let Some(plan) = plan.filter(|plan| !plan.routes.is_empty() && !plan.routes.iter().any(|own| own == route)) {
        return Err(NotAllowed::Plan(plan.name.clone()));
    }
    let has = |scope: &String| identity.has_scope(scope) || plan.is_some_and(|plan| plan.scopes.contains(scope));
    let needed = rules.scopes.iter().filter(|rule| rule.method.as_deref().is_none_or(|own| is_like(method, own)));
    if needed.clone().any(|rule| !rule.scopes.iter().all(has)) {
        let names: Vec<&str> = needed.flat_map(|rule| &rule.scopes).map(String::as_str).collect();
        return Err(NotAllowed::Scope(names.join(" ")));
    }
    let claimed = |name: &str| {
        let mut wanted = rules.claims.iter().filter(|(own, _)| own == name).map(|(_, value)| value);
        wanted.any(|value| identity.claim(name).contains(value))
    };
    match rules.claims.iter().find(|(name, _)| !claimed(name)) {
        Some((name, _)) => Err(NotAllowed::Claim(name.clone())),
        None => Ok(()),
    }
}

/// Whether what a rule says of a method (in upper case) holds for this one. `HEAD` tells what `GET` would (RFC 9110 §9.3.2);
/// and methods that differ in case are not the same, but software that takes them for the same is no way around a rule.
fn is_like(method: &str, own: &str) -> bool {
    method.eq_ignore_ascii_case(own) || own == "GET" && method.eq_ignore_ascii_case("HEAD")
}

/// The values of `WWW-Authenticate` (RFC 9110 §11.6.1), one for each way that HTTP knows. None where only a certificate
/// would do.
pub(crate) fn challenges(rules: &AuthConfig, realm: &str, why: Option<&NotKnown>, secure: bool) -> Vec<String> {
    let realm: String = realm.chars().filter(|c| !matches!(c, '"' | '\\') && !c.is_control()).collect();
    let mut challenges = Vec::new();
    let in_authorization = rules.key_headers.iter().any(|name| name == "authorization");
    if rules.asks(AuthMethod::Jwt) || rules.asks(AuthMethod::Key) && in_authorization {
        let mut bearer = format!("Bearer realm=\"{realm}\"");
        // RFC 6750 §3: who showed nothing is told nothing.
        if matches!(why, Some(NotKnown::Key(_) | NotKnown::Token(_) | NotKnown::ClockUnsure)) {
            bearer.push_str(", error=\"invalid_token\"");
        }
        challenges.push(bearer);
    } else if let Some(name) = rules.key_headers.first().filter(|_| rules.asks(AuthMethod::Key)) {
        challenges.push(format!("ApiKey realm=\"{realm}\", header=\"{name}\""));
    }
    // Nobody is to be invited to send a password where everybody can read it.
    if rules.asks(AuthMethod::Basic) && (secure || rules.plain_http) {
        challenges.push(format!("Basic realm=\"{realm}\", charset=\"UTF-8\""));
    }
    challenges
}

/// RFC 6750 §3.1.
pub(crate) fn scope_challenge(realm: &str, scopes: &str) -> String {
    let realm: String = realm.chars().filter(|c| !matches!(c, '"' | '\\') && !c.is_control()).collect();
    let mut challenge = format!("Bearer realm=\"{realm}\", error=\"insufficient_scope\"");
    let _ = write!(challenge, ", scope=\"{scopes}\"");
    challenge
}

impl NotKnown {
    /// In records and logs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            NotKnown::Nothing => "no-credential",
            NotKnown::Ambiguous => "two-credentials",
            NotKnown::Key(problem) => problem.word(),
            NotKnown::Token(problem) => problem.word(),
            NotKnown::Password => "password",
            NotKnown::PlainHttp => "password-in-clear",
            NotKnown::Certificate(problem) => problem.word(),
            NotKnown::ClockUnsure => "clock-unsure",
        }
    }
}

impl NotAllowed {
    /// In records and logs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            NotAllowed::Scope(_) => "scope",
            NotAllowed::Claim(_) => "claim",
            NotAllowed::Plan(_) => "plan",
            NotAllowed::UnknownPlan(_) => "unknown-plan",
        }
    }
}

impl fmt::Display for NotKnown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotKnown::Nothing => f.write_str("nothing shows who it is"),
            NotKnown::Ambiguous => f.write_str("two credentials of a kind, and they differ"),
            NotKnown::Key(problem) => problem.fmt(f),
            NotKnown::Token(problem) => problem.fmt(f),
            NotKnown::Password => f.write_str("no such user, or another password"),
            NotKnown::PlainHttp => f.write_str("a password without TLS, which the route does not take"),
            NotKnown::Certificate(problem) => problem.fmt(f),
            NotKnown::ClockUnsure => {
                f.write_str("whether the credential still holds is not known while the clock is unsure")
            }
        }
    }
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotAllowed::Scope(scopes) => write!(f, "needs the scopes {scopes}"),
            NotAllowed::Claim(name) => write!(f, "the claim '{name}' is not as the route wants it"),
            NotAllowed::Plan(plan) => write!(f, "the plan '{plan}' does not have this route"),
            NotAllowed::UnknownPlan(plan) => write!(f, "the file has no section [plan {plan}]"),
        }
    }
}

#[cfg(test)]
mod tests;
