//! One configuration, built whole: what cannot work costs its own route, never the gateway.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::auth::basic::Users;
use crate::auth::certificate::Authorities;
use crate::cache::KeyRules;
use crate::config::{
    self, CacheMode, Class, Config, DestinationConfig, FieldEdit, FilesConfig, HostPolicy, PlanConfig, RouteConfig,
    UpstreamUrl,
};
use crate::http::HeadLimits;
use crate::limits::quota::Plans;
use crate::net::{Progress, TlsFront};
use crate::observe::Scope;
use crate::routing::{self, Table};
use crate::transform::Edits;
use crate::upstream::Group;

use super::admit::RouteLimits;
use super::agree::Agreement;
use super::{DoorKind, Process};

const _: () = assert!(crate::config::MAX_FIELDS == crate::http::MAX_FIELDS);

/// One configuration in force. Immutable; an exchange keeps the one it began with.
pub(crate) struct Gateway {
    pub(crate) config: Config,
    pub(crate) table: Table,
    pub(crate) routes: Box<[Route]>,
    pub(crate) plans: Plans,
    pub(crate) users: Users,
    pub(crate) tls: Option<Arc<TlsFront>>,
    /// Every address where clients come in, with what is spoken there.
    pub(crate) doors: Box<[(DoorKind, SocketAddr)]>,
    pub(crate) scope: Scope,
    pub(crate) limits: HeadLimits,
    /// For bodies and answers between the gateway and its clients.
    pub(crate) progress: Progress,
    /// What needs somebody's attention, a sentence each.
    pub(crate) problems: Vec<String>,
    /// What is wrong with the file, where another configuration had to be taken.
    pub(crate) file_problems: Vec<String>,
    /// Whether this is the last good configuration, taken because the file is broken.
    pub(crate) last_good: bool,
}

/// A route with all that its exchanges need.
pub(crate) struct Route {
    pub(crate) config: RouteConfig,
    pub(crate) destination: Destination,
    pub(crate) key_rules: KeyRules,
    pub(crate) limits: RouteLimits,
    pub(crate) agreement: Agreement,
    /// Those whose client certificates count here, where they are fewer than the listener's.
    pub(crate) client_authorities: Option<Arc<Authorities>>,
    pub(crate) request_edits: Edits,
    pub(crate) response_edits: Edits,
}

pub(crate) enum Destination {
    Upstream(Origin),
    Files(Arc<FilesConfig>),
    Redirect {
        location: String,
        status: u16,
    },
    Respond {
        status: u16,
        text: String,
        content_type: String,
    },
    /// The route cannot work as it is configured, in an operator's words.
    Broken(String),
}

/// Where an upstream route gets its answers.
pub(crate) struct Origin {
    pub(crate) group: Arc<Group>,
    pub(crate) urls: Vec<UpstreamUrl>,
    /// `Host` towards each of `urls`; unused where the client's is kept.
    pub(crate) hosts: Vec<String>,
    /// What cache keys begin with, see [`key_prefix`].
    pub(crate) key_prefix: String,
    /// The same for clients that came over TLS: upstreams are told, and some answer with a redirect.
    pub(crate) key_prefix_secure: String,
    pub(crate) cached: bool,
}

/// Where a configuration came from, for the status page.
#[derive(Default)]
pub(crate) struct Provenance {
    pub(crate) last_good: bool,
    pub(crate) file_problems: Vec<String>,
}

impl Gateway {
    pub(crate) fn build(config: Config, provenance: Provenance, process: &Process) -> Gateway {
        let mut problems = Vec::new();
        let table = Table::build(&config.routes).unwrap_or_else(|problem| {
            problems.push(problem.to_string());
            Table::default()
        });
        let routes: Box<[Route]> =
            config.routes.iter().map(|route| Route::build(route, &config.plans, process, &mut problems)).collect();
        let plans = Plans::build(&config.plans);
        let users = Users::build(&config.users);
        problems.extend(users.notes().iter().cloned());
        let names: Vec<&str> = config.routes.iter().map(|route| route.name.as_str()).collect();
        let scope = process.observer.scope(&names);
        let tls = build_tls(&config, process, &mut problems);
        let limits = HeadLimits {
            head: config.limits.head.as_usize(),
            fields: config.limits.fields,
            target: config.limits.target.as_usize(),
        };
        let progress = Progress { bytes: config.timeouts.progress_bytes, span: config.timeouts.progress };
        let Provenance { last_good, file_problems } = provenance;
        let doors = doors(&config);
        Gateway {
            config,
            table,
            routes,
            plans,
            users,
            tls,
            doors,
            scope,
            limits,
            progress,
            problems,
            file_problems,
            last_good,
        }
    }
}

impl Route {
    fn build(config: &RouteConfig, plans: &[PlanConfig], process: &Process, problems: &mut Vec<String>) -> Route {
        let mut broken = None;
        let mut edits = |edits| match Edits::build(edits) {
            Ok(edits) => edits,
            Err(problem) => {
                broken = Some(format!("[route {}] {problem}", config.name));
                Edits::default()
            }
        };
        let (request_edits, response_edits) = (edits(&config.edit_request), edits(&response_edits(config)));
        let agreement = Agreement::build(config).unwrap_or_else(|problem| {
            broken = Some(format!("[route {}] {problem}", config.name));
            Agreement::none()
        });
        let destination = match broken {
            Some(why) => Destination::Broken(why),
            None => Destination::build(config, process),
        };
        if let Destination::Broken(why) = &destination {
            problems.push(why.clone());
        }
        let key_rules = KeyRules::of(&config.cache.key);
        let limits = RouteLimits::build(config, plans);
        let client_authorities = client_authorities(config, problems);
        Route {
            config: config.clone(),
            destination,
            key_rules,
            limits,
            agreement,
            client_authorities,
            request_edits,
            response_edits,
        }
    }
}

/// What the class asks for holds against everything else: no store behind this gateway keeps a patient's answer, whichever
/// field it obeys (RFC 9111 §5.2.2.5, RFC 9213 §2.2).
fn response_edits(config: &RouteConfig) -> Vec<FieldEdit> {
    let mut edits = config.edit_response.clone();
    match config.cache.class {
        Class::Public | Class::Personal => {}
        Class::Patient => {
            edits.push(FieldEdit::Set { name: "Cache-Control".into(), value: "private, no-store".into() });
            edits
                .extend(["CDN-Cache-Control", "Surrogate-Control"].map(|name| FieldEdit::Remove { name: name.into() }));
        }
    }
    edits
}

/// A file that cannot be read leaves nobody, not everybody.
fn client_authorities(config: &RouteConfig, problems: &mut Vec<String>) -> Option<Arc<Authorities>> {
    let path = config.auth.client_ca.as_ref()?;
    let read = config::contents(path).map_err(|cause| cause.to_string());
    match read.and_then(|bytes| Authorities::from_pem(&bytes)) {
        Ok(authorities) => Some(Arc::new(authorities)),
        Err(why) => {
            problems.push(format!(
                "[route {}] mtls.ca: {} {why}; nobody's certificate counts",
                config.name,
                path.display()
            ));
            Some(Arc::new(Authorities::none()))
        }
    }
}

impl Route {
    /// Where its answers come from, for routes that lead to an upstream.
    pub(super) fn origin(&self) -> Option<&Origin> {
        match &self.destination {
            Destination::Upstream(origin) => Some(origin),
            Destination::Files(_)
            | Destination::Redirect { .. }
            | Destination::Respond { .. }
            | Destination::Broken(_) => None,
        }
    }
}

impl Destination {
    fn build(route: &RouteConfig, process: &Process) -> Destination {
        match &route.destination {
            DestinationConfig::Upstream(urls) => match Origin::build(route, urls, process) {
                Ok(origin) => Destination::Upstream(origin),
                Err(why) => Destination::Broken(format!("[route {}] {why}", route.name)),
            },
            DestinationConfig::Files(files) => Destination::Files(Arc::new(files.clone())),
            DestinationConfig::Redirect { location, status } => {
                Destination::Redirect { location: location.clone(), status: *status }
            }
            DestinationConfig::Respond { status, text, content_type } => {
                Destination::Respond { status: *status, text: text.clone(), content_type: content_type.clone() }
            }
        }
    }
}

impl Origin {
    fn build(route: &RouteConfig, urls: &[UpstreamUrl], process: &Process) -> Result<Origin, String> {
        let group = process.upstreams.group(urls, &route.upstream);
        let first = urls.first().ok_or("has no upstream")?;
        Ok(Origin {
            group,
            urls: urls.to_vec(),
            hosts: urls.iter().map(|url| host_value(url, &route.upstream.host)).collect(),
            key_prefix: key_prefix(route, first),
            key_prefix_secure: format!("+{}", key_prefix(route, first)),
            cached: route.cache.mode != CacheMode::Off,
        })
    }
}

/// The first upstream, and what makes its answers others than those that another route gets from it: edits of requests,
/// a `Host` of the route's own (as a client's would stand there), and that the route keeps what answers forbid to keep.
pub(super) fn key_prefix(route: &RouteConfig, first: &UpstreamUrl) -> String {
    let forced = if route.cache.mode == CacheMode::Forced { "!" } else { "" };
    let edited = if route.edit_request.is_empty() { String::new() } else { format!("[{}]", route.name) };
    let host = match &route.upstream.host {
        HostPolicy::Name(name) => format!(" {}", name.to_ascii_lowercase()),
        HostPolicy::Keep | HostPolicy::Replace => String::new(),
    };
    format!("{forced}{edited}{}{host}", url_origin(first))
}

/// The value of `Host` for an upstream (RFC 9110 §7.2): without the scheme's own port.
fn host_value(url: &UpstreamUrl, policy: &HostPolicy) -> String {
    if let HostPolicy::Name(name) = policy {
        return name.clone();
    }
    let own_port = if url.tls { 443 } else { 80 };
    let host = bracketed(&url.host);
    if url.port == own_port { host } else { format!("{host}:{}", url.port) }
}

/// `https://name:port`
pub(super) fn url_origin(url: &UpstreamUrl) -> String {
    let scheme = if url.tls { "https" } else { "http" };
    format!("{scheme}://{}:{}", bracketed(&url.host), url.port)
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn build_tls(config: &Config, process: &Process, problems: &mut Vec<String>) -> Option<Arc<TlsFront>> {
    if config.tls.is_empty() {
        return None;
    }
    let (front, troubles) = TlsFront::build(&config.tls, &process.clock);
    problems.extend(troubles.iter().map(ToString::to_string));
    Some(front)
}

fn doors(config: &Config) -> Box<[(DoorKind, SocketAddr)]> {
    let of = |kind: DoorKind, addresses: &[SocketAddr]| addresses.iter().map(move |address| (kind, *address)).collect();
    let mut doors: Vec<_> = of(DoorKind::Plain, &config.gateway.listen);
    for tls in &config.tls {
        doors.append(&mut of(DoorKind::Tls, &tls.listen));
    }
    doors.append(&mut of(DoorKind::Admin, &config.metrics.listen));
    doors.sort_unstable_by_key(|(kind, address)| (*address, *kind));
    doors.dedup_by_key(|(_, address)| *address);
    doors.into()
}

/// The part of a request's path that the route's own path does not cover.
pub(crate) fn rest_of<'p>(path: &'p str, found: &routing::Found) -> &'p str {
    path.get(found.matched..).unwrap_or("")
}
