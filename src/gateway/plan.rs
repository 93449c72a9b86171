//! From a head to a plan: one function without `await`. Each `?` turns a room's small error into a [`Refusal`].

use std::borrow::Cow;
use std::net::IpAddr;

use crate::auth;
use crate::cache::{Key, SearchRules};
use crate::config::{Class, HostPolicy, PathMatch, Robots};
use crate::http::connection::{self, Expectation};
use crate::http::{BodyFraming, Fields, Method, OwnedRequest, RequestHead, Target, Version, framing, target};
use crate::portal::{ProbeAnswer, probe};
use crate::routing::{self, Found};
use crate::transform::{Client, Ids, Upgrade};

use super::build::Origin;
use super::identify::Caller;
use super::refusal::Spoken;
use super::{Gateway, Refusal, Route};

/// RFC 9309 §2.3.
const ROBOTS: &str = "/robots.txt";

/// A request head, wherever its bytes are held.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method<'a>,
    pub(crate) version: Version,
    pub(crate) target: &'a [u8],
    pub(crate) fields: Fields<'a>,
}

impl<'a> Request<'a> {
    pub(crate) fn within(head: &'a RequestHead, buf: &'a [u8]) -> Request<'a> {
        Request { method: head.method(buf), version: head.version, target: head.target(buf), fields: head.fields(buf) }
    }

    pub(crate) fn of(head: &'a OwnedRequest) -> Request<'a> {
        Request { method: head.method(), version: head.version, target: head.target(), fields: head.fields() }
    }

    /// Stands in where there is no head.
    pub(crate) const NONE: Request<'static> =
        Request { method: Method::Other(""), version: Version::Http11, target: b"", fields: Fields::NONE };

    /// Whether a body follows the head, as far as a glance can tell.
    pub(crate) fn has_body(&self) -> bool {
        self.fields.contains("content-length") || self.fields.contains("transfer-encoding")
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::Head
    }
}

/// What is known of where a request comes from before its head is read.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) peer: IpAddr,
    pub(crate) secure: bool,
}

/// What is to be done for a request: read, routed, allowed.
pub(crate) struct Plan<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) target: Target<'a>,
    pub(crate) framing: BodyFraming,
    pub(crate) client: Client,
    pub(crate) ids: Ids<'a>,
    pub(crate) found: Found,
    pub(crate) route: &'a Route,
    /// Who it is, where the route asks and somebody was found.
    pub(crate) caller: Option<Caller>,
    pub(crate) upgrade: Upgrade<'a>,
    /// The client waits for 100 before it sends its body.
    pub(crate) expects_continue: bool,
    /// The client lets its connection carry another request.
    pub(crate) persists: bool,
}

/// The parts of a cache key, as far as they had to be made.
pub(crate) struct KeyParts<'p> {
    origin: Cow<'p, str>,
    path: Cow<'p, str>,
    query: Option<Cow<'p, str>>,
    extra: Cow<'p, str>,
    /// The query is not the request's own: an earlier answer said that they name the same.
    renamed: bool,
}

impl KeyParts<'_> {
    /// Notes what an answer that is about to be kept says of queries. False: it was asked for under another query's name,
    /// and does not say any more that this is the same, so that it must not be kept under that.
    pub(crate) fn learn(&self, search: &SearchRules, status: u16, answer: Fields<'_>) -> bool {
        if status == 200 {
            search.learn(&self.origin, &self.path, self.query.as_deref(), answer);
        }
        !self.renamed || matches!(status, 206 | 304) || answer.contains("no-vary-search")
    }

    pub(crate) fn key(&self) -> Key<'_> {
        Key::with(&self.origin, &self.path, self.query.as_deref(), &self.extra)
    }
}

/// Decides. Nothing is changed anywhere; the order is: framing, target, route. Whether the client may have it is for
/// [`Plan::permitted`] and what comes after.
pub(crate) fn plan<'a>(
    gateway: &'a Gateway,
    request: Request<'a>,
    arrival: Arrival,
    random: [u64; 4],
) -> Result<Plan<'a>, Refusal> {
    planned(gateway, request, arrival, random, None)
}

/// The same for a request whose route was found before its credentials were taken out of it: without them another route
/// might be found, whose rules nobody was held to.
pub(crate) fn plan_on<'a>(
    gateway: &'a Gateway,
    request: Request<'a>,
    arrival: Arrival,
    random: [u64; 4],
    found: Found,
) -> Result<Plan<'a>, Refusal> {
    planned(gateway, request, arrival, random, Some(found))
}

fn planned<'a>(
    gateway: &'a Gateway,
    request: Request<'a>,
    arrival: Arrival,
    random: [u64; 4],
    found: Option<Found>,
) -> Result<Plan<'a>, Refusal> {
    let framing = framing::request(request.version, request.fields).map_err(Refusal::BadRequest)?;
    let target =
        target::of(request.method, request.target, request.version, request.fields).map_err(Refusal::BadRequest)?;
    let upgrade = Upgrade::of(request.version, request.fields);
    if upgrade == Upgrade::H2c {
        return Err(Refusal::H2c);
    }
    let expects_continue = expects_continue(&request, framing)?;
    let trusted = &gateway.config.gateway.trusted_proxies;
    let client = Client::of(request.fields, arrival.peer, arrival.secure, trusted);
    let found = found.or_else(|| gateway.table.find(&routing_request(&request, &target)));
    let led = found.and_then(|found| Some((found, gateway.routes.get(found.route.index())?)));
    if let Some(spoken) = spoken(gateway, &request, &target, led.map(|(_, route)| route)) {
        return Err(Refusal::Spoken(spoken));
    }
    let (found, route) = led.ok_or(Refusal::NoRoute)?;
    let ids = Ids::of(request.fields, random);
    Ok(Plan {
        request,
        target,
        framing,
        client,
        ids: if route.config.cache.class == Class::Patient { ids.untraced() } else { ids },
        found,
        route,
        caller: None,
        upgrade,
        expects_continue,
        persists: connection::persists(request.version, request.fields),
    })
}

/// What routing looks at.
pub(crate) fn routing_request<'a>(request: &Request<'a>, target: &'a Target<'_>) -> routing::Request<'a> {
    routing::Request {
        method: request.method.as_str(),
        host: target.authority.as_ref().map_or("", |authority| authority.host),
        path: &target.path,
        query: target.query.as_deref(),
        fields: request.fields,
    }
}

/// What the gateway itself says, before any route is asked.
fn spoken(gateway: &Gateway, request: &Request<'_>, target: &Target<'_>, route: Option<&Route>) -> Option<Spoken> {
    if !matches!(request.method, Method::Get | Method::Head) {
        return None;
    }
    let to_devices = || answered(gateway, target, route);
    let start = || (route.is_none() && target.path == "/" && gateway.config.portal.start).then_some(Spoken::Start);
    robots(gateway, target, route).map(|allowed| Spoken::Robots { allowed }).or_else(to_devices).or_else(start)
}

/// What a device is told that asks for the Internet. A route that names its host answers by itself: somebody meant it.
fn answered(gateway: &Gateway, target: &Target<'_>, route: Option<&Route>) -> Option<Spoken> {
    let host = target.authority.as_ref()?.host;
    let answer = probe(gateway.config.portal.probes, host, &target.path)?;
    if route.is_some_and(|route| !route.config.matches.hosts.is_empty()) {
        return None;
    }
    Some(match answer {
        ProbeAnswer::Online(online) => Spoken::Online(online),
        ProbeAnswer::Portal => Spoken::ToStart,
    })
}

/// What the gateway itself tells crawlers (RFC 9309 §2.3), and whether they may come. A route that is for this very path
/// answers by itself.
fn robots(gateway: &Gateway, target: &Target<'_>, route: Option<&Route>) -> Option<bool> {
    let allowed = match gateway.config.gateway.robots {
        Robots::Off => return None,
        Robots::Refuse => false,
        Robots::Allow => true,
    };
    let asked = target.path == ROBOTS;
    let own = |route: &Route| {
        route.config.matches.paths.iter().any(|path| matches!(path, PathMatch::Exact(path) if path == ROBOTS))
    };
    (asked && !route.is_some_and(own)).then_some(allowed)
}

fn expects_continue(request: &Request<'_>, framing: BodyFraming) -> Result<bool, Refusal> {
    match connection::expectation(request.version, request.fields) {
        Expectation::None => Ok(false),
        Expectation::Continue => Ok(!matches!(framing, BodyFraming::None | BodyFraming::Length(0))),
        Expectation::Unknown => Err(Refusal::Expectation),
    }
}

impl<'a> Plan<'a> {
    /// By the client's address and the body's size.
    pub(crate) fn permitted(&self) -> Result<(), Refusal> {
        auth::allowed(&self.route.config, self.client.address).map_err(Refusal::Denied)?;
        match self.framing {
            BodyFraming::Length(length) if length > self.route.config.body.as_u64() => Err(Refusal::BodyTooLarge),
            BodyFraming::None | BodyFraming::Length(_) | BodyFraming::Chunked | BodyFraming::UntilClose => Ok(()),
        }
    }

    /// Whether there is no request body to read.
    pub(crate) fn bodiless(&self) -> bool {
        matches!(self.framing, BodyFraming::None | BodyFraming::Length(0))
    }

    pub(crate) fn origin(&self) -> Option<&'a Origin> {
        self.route.origin()
    }

    /// The value of `Host` as the client sent it; empty in HTTP/1.0 without one.
    pub(crate) fn client_host(&self) -> &'a str {
        let value = self.request.fields.first("host").unwrap_or(b"");
        std::str::from_utf8(value).unwrap_or("")
    }

    /// What names the answer to this request in the cache.
    pub(crate) fn key<'p>(&'p self, origin: &'p Origin, search: &SearchRules) -> KeyParts<'p> {
        let prefix = self.key_prefix(origin, self.client.secure);
        self.key_parts(prefix, self.forwarded_path(origin, 0), self.target.query.as_deref(), search)
    }

    /// What names the answers to this path and query of the upstream, for clients that came over TLS or did not.
    pub(crate) fn key_of<'p>(
        &self,
        origin: &'p Origin,
        secure: bool,
        path: &'p str,
        query: Option<&'p str>,
        search: &SearchRules,
    ) -> KeyParts<'p> {
        self.key_parts(self.key_prefix(origin, secure), path.into(), query, search)
    }

    fn key_parts<'p>(
        &self,
        origin: Cow<'p, str>,
        path: Cow<'p, str>,
        query: Option<&'p str>,
        search: &SearchRules,
    ) -> KeyParts<'p> {
        let rules = &self.route.key_rules;
        let own = rules.query(query);
        let query = search.query(&origin, &path, own.clone());
        let renamed = own != query;
        KeyParts { origin, path, query, extra: rules.extra(self.request.fields), renamed }
    }

    /// Answers for another `Host`, or for clients that came in another way, are other answers.
    pub(super) fn key_prefix<'p>(&self, origin: &'p Origin, secure: bool) -> Cow<'p, str> {
        let prefix = if secure { &origin.key_prefix_secure } else { &origin.key_prefix };
        match &self.route.config.upstream.host {
            HostPolicy::Keep => format!("{prefix} {}", self.client_host().to_ascii_lowercase()).into(),
            HostPolicy::Replace | HostPolicy::Name(_) => prefix.as_str().into(),
        }
    }

    /// The value of `Host` for `origin`'s upstream of this number.
    pub(crate) fn upstream_host<'p>(&'p self, origin: &'p Origin, number: usize) -> &'p str {
        let client_host = self.client_host();
        match &self.route.config.upstream.host {
            HostPolicy::Keep if !client_host.is_empty() => client_host,
            HostPolicy::Keep | HostPolicy::Replace | HostPolicy::Name(_) => {
                origin.hosts.get(number).map_or("", String::as_str)
            }
        }
    }

    /// The path that `origin`'s upstream of this number is asked for.
    pub(crate) fn forwarded_path(&self, origin: &Origin, number: usize) -> Cow<'_, str> {
        match origin.urls.get(number) {
            Some(url) => routing::forwarded_path(&self.route.config, url, &self.found, &self.target.path),
            None => Cow::Borrowed(&self.target.path),
        }
    }
}
