//! Who may use a route, how much, and what its messages may hold: the plain data.

use std::path::PathBuf;
use std::time::Duration;

use super::types::UpstreamUrl;
use crate::base::{LinkRate, Quota, Rate, Size};

/// Who may use a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuthConfig {
    /// Any of these will do. Empty: nobody is asked.
    pub(crate) any: Vec<AuthMethod>,
    /// All of these are needed besides.
    pub(crate) all: Vec<AuthMethod>,
    /// The `[jwt NAME]` sections whose tokens count here. Empty: all.
    pub(crate) issuers: Vec<String>,
    /// Header fields that may carry a key, in lower case. `authorization` stands for `Authorization: Bearer`.
    pub(crate) key_headers: Vec<String>,
    /// The query parameter that may carry a key.
    pub(crate) key_query: Option<String>,
    /// Whether the upstream sees the caller's credential.
    pub(crate) forward: bool,
    /// Whether passwords are taken over plain HTTP.
    pub(crate) plain_http: bool,
    /// How long somebody whom the provider confirmed is believed while it cannot be asked.
    pub(crate) offline: Duration,
    pub(crate) scopes: Vec<ScopeRule>,
    /// Claims with the values of which one must be there.
    pub(crate) claims: Vec<(String, String)>,
    /// Header fields that tell the upstream who it is.
    pub(crate) tells: Vec<(String, Tell)>,
    pub(crate) unsure: UnsureClock,
    /// PEM file of the authorities whose client certificates count here. `None`: those of the listener.
    pub(crate) client_ca: Option<PathBuf>,
    /// The names of client certificates that count here: alternative names or the common name; `*.` stands for one label.
    pub(crate) client_names: Vec<String>,
    /// Whether the upstream is told the client's certificate (RFC 9440).
    pub(crate) client_forward: bool,
}

/// A way to be known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum AuthMethod {
    Key,
    Jwt,
    Basic,
    Mtls,
}

/// Scopes of which all are needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScopeRule {
    /// For this method alone; upper case.
    pub(crate) method: Option<String>,
    pub(crate) scopes: Vec<String>,
}

/// What a header field tells the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    Id,
    Name,
    Plan,
    Scope,
    Claim(String),
}

/// What becomes of credentials with an end while the clock is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum UnsureClock {
    /// Those given out here (keys, passwords, certificates), and tokens that were judged while the clock was believed.
    #[default]
    AcceptKnown,
    Refuse,
    Accept,
}

/// How much of a route one may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RouteLimitsConfig {
    /// The plan of those whose credential names none.
    pub(crate) plan: Option<String>,
    pub(crate) rates: Vec<RateRule>,
    pub(crate) quotas: Vec<Quota>,
    /// Exchanges of one client, and of all, at the same time.
    pub(crate) concurrency: Option<usize>,
    pub(crate) route_concurrency: Option<usize>,
    /// How long one waits for a turn. Zero: not at all.
    pub(crate) queue: Duration,
    /// Towards one client, and towards all.
    pub(crate) bandwidth: Option<LinkRate>,
    pub(crate) route_bandwidth: Option<LinkRate>,
    pub(crate) priority: Priority,
    /// Different addresses (URLs) that one client may ask for.
    pub(crate) distinct: Option<Rate>,
    /// Answers of 4xx that one client may cause.
    pub(crate) errors: Option<Rate>,
}

/// A rate, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateRule {
    pub(crate) rate: Rate,
    pub(crate) each: Each,
}

/// Who has a bucket of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Each {
    /// Who is known by the identity, others by their address.
    #[default]
    Caller,
    /// By address, known or not.
    Address,
    /// All together.
    Route,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(crate) enum Priority {
    High,
    #[default]
    Normal,
    Low,
}

/// `[plan NAME]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PlanConfig {
    pub(crate) name: String,
    pub(crate) rates: Vec<Rate>,
    pub(crate) quotas: Vec<Quota>,
    pub(crate) concurrency: Option<usize>,
    pub(crate) bandwidth: Option<LinkRate>,
    /// Scopes that those on the plan have.
    pub(crate) scopes: Vec<String>,
    /// The routes that those on the plan may use. Empty: all.
    pub(crate) routes: Vec<String>,
}

/// `[user NAME]`
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct UserConfig {
    pub(crate) name: String,
    /// A hash as `hafir password` prints it, or the password itself.
    pub(crate) password: String,
    pub(crate) plan: Option<String>,
    pub(crate) scopes: Vec<String>,
}

impl std::fmt::Debug for UserConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserConfig").field("name", &self.name).finish_non_exhaustive()
    }
}

/// `[jwt NAME]`
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct JwtConfig {
    pub(crate) name: String,
    /// The value of `iss`.
    pub(crate) issuer: String,
    /// Of which `aud` must have one. Never empty.
    pub(crate) audience: Vec<String>,
    pub(crate) keys: KeySource,
    /// Names of RFC 7518 §3.1 and RFC 8037, as `RS256`. Empty: every one that is supported.
    pub(crate) algorithms: Vec<String>,
    /// Values of `typ` that count, in lower case and without `application/`. Empty: none, `jwt` and `at+jwt`.
    pub(crate) types: Vec<String>,
    pub(crate) leeway: Duration,
    /// How often fetched keys are asked for anew.
    pub(crate) refresh: Duration,
    /// How long fetched keys count while they cannot be asked for.
    pub(crate) keep: Duration,
    /// The claim by which people are told apart.
    pub(crate) identity: String,
    /// The claim that carries the scopes.
    pub(crate) scope: String,
    /// The claim that picks the plan.
    pub(crate) plan_claim: String,
    /// Values of that claim with their plans.
    pub(crate) plans: Vec<(String, String)>,
    /// Where the provider is asked about each token (RFC 7662).
    pub(crate) introspect: Option<UpstreamUrl>,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    /// PEM file of the authorities by which the provider's certificate is judged. `None`: the web's.
    pub(crate) ca: Option<PathBuf>,
}

impl std::fmt::Debug for JwtConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwtConfig").field("name", &self.name).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Where the keys come from by which tokens are verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// From what the issuer's `/.well-known/openid-configuration` names.
    #[default]
    Discovery,
    Url(UpstreamUrl),
    /// A JWK Set or PEM public keys.
    File(PathBuf),
}

/// `[audit]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuditConfig {
    /// Default: `audit` in the state folder.
    pub(crate) dir: PathBuf,
    /// Of all segments together; the oldest one goes.
    pub(crate) size: Size,
    pub(crate) segment: Size,
}

/// `[link]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkConfig {
    /// What all routes together may take from the uplink. `None`: all there is.
    pub(crate) rate: Option<LinkRate>,
}

/// What messages on a route may hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContentConfig {
    /// By upper-case method; `*` for every one that is not named.
    pub(crate) schemas: Vec<(String, PathBuf)>,
    /// For answers, which are judged and told of, not changed.
    pub(crate) response_schema: Option<PathBuf>,
    /// Bodies to be judged are held in RAM: the most of one.
    pub(crate) schema_size: Size,
    pub(crate) schema_depth: usize,
    /// Media types of request bodies, in lower case; `text/*` stands for all of a kind. Empty: every one.
    pub(crate) types: Vec<String>,
    /// Upper case. Empty: every one.
    pub(crate) methods: Vec<String>,
    /// By the name of a query parameter.
    pub(crate) query: Vec<(String, ValueRule)>,
    /// By the name of a header field, in lower case.
    pub(crate) headers: Vec<(String, ValueRule)>,
    /// Whether query parameters without a rule are refused.
    pub(crate) strict_query: bool,
}

/// What a query parameter or header field may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ValueRule {
    pub(crate) required: bool,
    pub(crate) shape: ValueShape,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ValueShape {
    #[default]
    Any,
    /// Characters, the least and the most.
    Text(usize, usize),
    Integer(i64, i64),
    Number,
    Bool,
    /// `YYYY-MM-DD`
    Date,
    Uuid,
    OneOf(Vec<String>),
}
