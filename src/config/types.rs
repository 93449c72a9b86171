//! What a configuration file says, complete and typed: every default is filled in, every unit is gone.
//!
//! Plain data for the other rooms; nothing here knows what a value means to them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::access::{
    AuditConfig, AuthConfig, ContentConfig, JwtConfig, LinkConfig, PlanConfig, RouteLimitsConfig, UserConfig,
};
use super::board::{BoardConfig, PortalConfig, WifiConfig};
use crate::base::{AddrRange, Size};

/// One whole configuration file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    pub(crate) gateway: GatewayConfig,
    pub(crate) limits: LimitsConfig,
    pub(crate) timeouts: TimeoutsConfig,
    /// One per `[tls]` or `[tls NAME]` section: a certificate, and the addresses where it is offered.
    pub(crate) tls: Vec<TlsConfig>,
    pub(crate) cache: CacheConfig,
    pub(crate) log: LogConfig,
    pub(crate) metrics: MetricsConfig,
    pub(crate) link: LinkConfig,
    pub(crate) audit: AuditConfig,
    pub(crate) portal: PortalConfig,
    pub(crate) wifi: WifiConfig,
    pub(crate) board: BoardConfig,
    pub(crate) plans: Vec<PlanConfig>,
    pub(crate) jwt: Vec<JwtConfig>,
    pub(crate) users: Vec<UserConfig>,
    /// In file order.
    pub(crate) routes: Vec<RouteConfig>,
}

/// `[gateway]`
#[derive(Clone, Debug, Default)]
pub(crate) struct GatewayConfig {
    pub(crate) name: String,
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) state: PathBuf,
    /// Language tags in the order of preference, for pages the gateway writes itself.
    pub(crate) languages: Vec<String>,
    /// ISO 3166 code, upper case; empty where not given.
    pub(crate) country: String,
    /// The ceiling for buffers and tables, beside a fixed base.
    pub(crate) memory: Size,
    /// Executor threads; 0 means one per core.
    pub(crate) workers: usize,
    /// The account to become after the listeners are bound; empty: stay.
    pub(crate) user: String,
    /// Proxies whose `Forwarded` and `X-Forwarded-*` fields are believed.
    pub(crate) trusted_proxies: Vec<AddrRange>,
    /// How long SIGTERM waits for exchanges in flight.
    pub(crate) drain: Duration,
    /// Minutes that local time is ahead of UTC: 180 for UTC+03:00, -300 for UTC-05:00. Quotas begin anew at local midnight.
    pub(crate) timezone: i16,
    pub(crate) robots: Robots,
}

/// What `/robots.txt` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Robots {
    /// The routes decide.
    #[default]
    Off,
    /// Crawlers are to stay away.
    Refuse,
    /// They may come.
    Allow,
}

/// `[limits]`
#[derive(Clone, Debug, Default)]
pub(crate) struct LimitsConfig {
    /// Bytes of a request or response head (431 / 502).
    pub(crate) head: Size,
    /// Field lines in a head (431 / 502). At most [`crate::config::MAX_FIELDS`].
    pub(crate) fields: usize,
    /// Bytes of a request-target (414).
    pub(crate) target: Size,
    /// Client connections in all.
    pub(crate) connections: usize,
    /// Client connections of one address.
    pub(crate) connections_per_client: usize,
}

/// `[timeouts]`
#[derive(Clone, Debug, Default)]
pub(crate) struct TimeoutsConfig {
    /// From the first byte of a request head to its last.
    pub(crate) head: Duration,
    /// Between two requests of a client's connection.
    pub(crate) idle: Duration,
    /// The TLS handshake of a client.
    pub(crate) handshake: Duration,
    /// A body must move at least `progress_bytes` in each `progress` span, in either direction.
    pub(crate) progress: Duration,
    pub(crate) progress_bytes: Size,
}

/// `[tls NAME]`
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsConfig {
    pub(crate) name: String,
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// Whether clients are asked for a certificate on these addresses.
    pub(crate) client: ClientCertificate,
    /// PEM file of the authorities that clients' certificates must come from.
    pub(crate) client_ca: Option<PathBuf>,
    /// PEM file of revocation lists.
    pub(crate) client_crl: Option<PathBuf>,
}

/// The later ones ask for more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) enum ClientCertificate {
    #[default]
    Off,
    /// Who shows none is let in as nobody; who shows a bad one is not.
    Optional,
    Required,
}

/// `[cache]`
#[derive(Clone, Debug, Default)]
pub(crate) struct CacheConfig {
    /// Where objects are kept. Default: `cache` in the state folder.
    pub(crate) dir: PathBuf,
    /// Zero keeps nothing.
    pub(crate) size: Size,
    /// Space on the card that is left to others.
    pub(crate) keep_free: Size,
    pub(crate) max_object: Size,
    /// At most this much recent work is lost in a power cut.
    pub(crate) sync: Duration,
    /// Names of targeted fields (RFC 9213 §2) that count before `Cache-Control`, the first one first; in lower case.
    pub(crate) targets: Vec<String>,
}

/// `[log]`
#[derive(Clone, Debug, Default)]
pub(crate) struct LogConfig {
    pub(crate) level: LogLevel,
    pub(crate) access: LogTarget,
    pub(crate) format: LogFormat,
    /// When an access log file reaches this size it is renamed to `NAME.1` and begun again.
    pub(crate) size: Size,
    /// Whether query strings are written out.
    pub(crate) query: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum LogTarget {
    #[default]
    Off,
    Stderr,
    File(PathBuf),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum LogFormat {
    #[default]
    Combined,
    Json,
}

/// `[metrics]`: the admin listener with `/metrics` and `/status`.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetricsConfig {
    /// Empty: no admin listener.
    pub(crate) listen: Vec<SocketAddr>,
}

/// `[route NAME]`
#[derive(Clone, Debug)]
pub(crate) struct RouteConfig {
    pub(crate) name: String,
    /// The line of the section's head, for messages.
    pub(crate) line: usize,
    pub(crate) matches: MatchConfig,
    pub(crate) destination: DestinationConfig,
    pub(crate) upstream: UpstreamConfig,
    pub(crate) allow: Vec<AddrRange>,
    pub(crate) deny: Vec<AddrRange>,
    /// Request body bytes (413).
    pub(crate) body: Size,
    /// Whether `Upgrade` (WebSocket) is passed on.
    pub(crate) upgrade: bool,
    pub(crate) edit_request: Vec<FieldEdit>,
    pub(crate) edit_response: Vec<FieldEdit>,
    pub(crate) cache: RouteCacheConfig,
    pub(crate) auth: AuthConfig,
    pub(crate) limits: RouteLimitsConfig,
    pub(crate) content: ContentConfig,
    /// Whether each exchange is written into the audit trail.
    pub(crate) audit: bool,
    /// Names of header fields, in lower case, that no log shows.
    pub(crate) mask: Vec<String>,
}

/// What a request must look like to take a route. Empty lists match everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct MatchConfig {
    pub(crate) paths: Vec<PathMatch>,
    pub(crate) hosts: Vec<HostMatch>,
    /// Upper-case method names.
    pub(crate) methods: Vec<String>,
    /// Field name in lower case, and the value it must have (`None`: any).
    pub(crate) headers: Vec<(String, Option<String>)>,
    /// Name and value as people read them, not percent-encoded.
    pub(crate) queries: Vec<(String, Option<String>)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum PathMatch {
    /// `/wiki/` or `/wiki`: that path and everything below it, by whole segments.
    Prefix(String),
    /// `exact /health`
    Exact(String),
    /// `/a/*/b` and `*.mp4`: each `*` stands for any run of characters, slashes included.
    Pattern(String),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum HostMatch {
    /// Lower case, no port; an IPv6 address in brackets.
    Exact(String),
    /// `*.example.org`, held as `.example.org`: any name below it, not itself.
    Below(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DestinationConfig {
    /// Tried in order. Never empty.
    Upstream(Vec<UpstreamUrl>),
    Files(FilesConfig),
    Redirect {
        location: String,
        status: u16,
    },
    Respond {
        status: u16,
        text: String,
        content_type: String,
    },
}

/// `http://name:port/path` or `https://…`. A path other than empty replaces the part of the path that the route matched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UpstreamUrl {
    pub(crate) tls: bool,
    /// A lower-case name or an address; IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Empty, or beginning with `/`.
    pub(crate) path: String,
}

/// How a route speaks to its upstreams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UpstreamConfig {
    /// Remove the matched prefix from the path.
    pub(crate) strip: bool,
    /// Put this in place of the matched prefix.
    pub(crate) rewrite: Option<String>,
    pub(crate) host: HostPolicy,
    /// PEM file of the certificate authorities to trust instead of the web's.
    pub(crate) ca: Option<PathBuf>,
    /// The name that the upstream's certificate must carry, where it is not the host.
    pub(crate) verify: Option<String>,
    /// Connections to each upstream at the same time.
    pub(crate) connections: usize,
    pub(crate) connect: Duration,
    pub(crate) first_byte: Duration,
    /// How long a body may pause.
    pub(crate) idle: Duration,
    /// How long an unused connection is kept.
    pub(crate) keep: Duration,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum HostPolicy {
    /// The upstream's own authority.
    #[default]
    Replace,
    /// What the client sent.
    Keep,
    Name(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilesConfig {
    pub(crate) root: PathBuf,
    pub(crate) index: Vec<String>,
    pub(crate) listing: bool,
    /// Whether links inside the folder may lead outside of it.
    pub(crate) symlinks: bool,
}

/// An edit of a head, in file order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldEdit {
    Set { name: String, value: String },
    Remove { name: String },
}

/// How a route's answers are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteCacheConfig {
    pub(crate) mode: CacheMode,
    pub(crate) class: Class,
    /// The freshness of answers that state none (mode `on`), or of all (mode `forced`).
    pub(crate) fresh_for: Option<Duration>,
    /// How long past its freshness an answer is served while the upstream cannot be reached.
    pub(crate) stale: Duration,
    /// Larger answers pass by. Default: the cache's own.
    pub(crate) max_object: Option<Size>,
    /// The statuses that `fresh_for` is for. Empty: those that say something by themselves.
    pub(crate) statuses: Vec<u16>,
    pub(crate) key: KeyConfig,
    /// Kept answers never leave to make room for others.
    pub(crate) pin: bool,
    pub(crate) finish: Finish,
    /// The upstream is asked for compressed answers, which are taken apart for clients that cannot read them.
    pub(crate) compress: bool,
}

/// What of a request names an answer, beside upstream and path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyConfig {
    pub(crate) query: QueryKey,
    /// Query parameters that name nothing; a `*` at the end stands for any rest.
    pub(crate) ignored: Vec<String>,
    /// Names of fields, in lower case.
    pub(crate) headers: Vec<String>,
    pub(crate) cookies: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum QueryKey {
    #[default]
    Whole,
    Nothing,
    /// These parameters only.
    Only(Vec<String>),
}

/// What becomes of a download whose last client has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Finish {
    #[default]
    Always,
    /// What has come is kept, and goes on when somebody asks again.
    Never,
    /// It goes on where at least so many percent have come.
    From(u8),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum CacheMode {
    #[default]
    On,
    Off,
    /// Kept whatever the origin says, but never answers to `Authorization` or with `private` where the class forbids.
    Forced,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Class {
    /// RFC 9111 as it is written.
    #[default]
    Public,
    /// Requests with `Cookie` or `Authorization` also go by the cache.
    Personal,
    /// Nothing is kept, nothing is logged that tells of a person, and nobody is unknown.
    Patient,
}
