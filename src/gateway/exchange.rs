//! One exchange under way: what is known of it, and the account that becomes its record.

use std::rc::Rc;
use std::time::Duration;

use crate::base::{Now, Wall};
use crate::config::{Class, RouteConfig};
use crate::http::{OwnedRequest, Version};
use crate::limits::gate::GatePermit;
use crate::observe::audit::AuditEntry;
use crate::observe::{CacheResult, Record};
use crate::transform::{Client, ConnectionOption, Ids, NOTHING_TOLD, ReplyFraming, Tail};

use super::admit::{self, Told};
use super::connection::{After, Connection};
use super::plan::{Plan, Request};
use super::{Gateway, Worker};

/// What the exchange came to, for the record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    pub(super) status: u16,
    pub(super) cache: CacheResult,
    /// Body bytes sent to the client.
    pub(super) sent: u64,
    /// Bytes of the request's body.
    pub(super) uploaded: u64,
    /// Bytes that came over the uplink.
    pub(super) uplink: u64,
    pub(super) uplink_time: Option<Duration>,
    pub(super) refusal: Option<&'static str>,
    pub(super) complete: bool,
}

impl Default for Account {
    fn default() -> Account {
        Account {
            status: 0,
            cache: CacheResult::None,
            sent: 0,
            uploaded: 0,
            uplink: 0,
            uplink_time: None,
            refusal: None,
            complete: false,
        }
    }
}

/// A planned exchange.
pub(super) struct Exchange<'a> {
    pub(super) worker: &'a Rc<Worker>,
    pub(super) gateway: &'a std::sync::Arc<Gateway>,
    /// When the request came in.
    pub(super) now: Now,
    pub(super) owned: &'a Rc<OwnedRequest>,
    /// What the request's ids were drawn from: a fill's own plan must come to the same ones.
    pub(super) random: [u64; 4],
    pub(super) plan: Plan<'a>,
    pub(super) account: Account,
    /// What the answer tells of limits.
    pub(super) told: Option<Told>,
    /// The right to be one of so many at the same time.
    pub(super) turn: Option<GatePermit>,
}

impl<'a> Exchange<'a> {
    /// What the gateway adds to the head of an answer that ends or keeps the connection as `after` says.
    pub(super) fn tail<'t>(&'t self, framing: ReplyFraming, after: After, cache_status: Option<&'t str>) -> Tail<'t> {
        Tail {
            edits: &self.plan.route.response_edits,
            framing,
            connection: connection_option(self.plan.request.version, framing, after),
            cache_status,
            age: None,
            date: date(self.now),
            request_id: Some(&self.plan.ids),
            told: self.told.as_ref().map_or(NOTHING_TOLD, Told::fields),
        }
    }

    /// How a body of `length` bytes, or of a length nobody knows yet, is delimited for this client.
    pub(super) fn framing(&self, length: Option<u64>) -> ReplyFraming {
        match (length, self.plan.request.version) {
            (Some(length), _) => ReplyFraming::Length(length),
            (None, _) if self.plan.request.is_head() => ReplyFraming::Nothing,
            (None, Version::Http11) => ReplyFraming::Chunked,
            (None, Version::Http10) => ReplyFraming::Close,
        }
    }

    /// What becomes of the connection once this answer is complete: it is kept where the client wants that, the body
    /// of the request was read (or is none), and the process is not stopping.
    pub(super) fn after(&self, framing: ReplyFraming, body_read: bool) -> After {
        let keep = self.plan.persists && body_read && framing != ReplyFraming::Close && !self.worker.is_draining();
        if keep { After::Keep } else { After::Close }
    }
}

/// What `Connection` has to say so that the client knows what becomes of the connection.
pub(super) fn connection_option(version: Version, framing: ReplyFraming, after: After) -> ConnectionOption<'static> {
    match (after, version) {
        _ if framing == ReplyFraming::Close => ConnectionOption::Close,
        (After::Keep, Version::Http11) => ConnectionOption::Implied,
        (After::Keep, Version::Http10) => ConnectionOption::KeepAlive,
        (After::Close | After::Cut | After::Gone, _) => ConnectionOption::Close,
    }
}

/// `Date`, where the clock is believed (RFC 9110 §6.6.1).
pub(super) fn date(now: Now) -> Option<Wall> {
    now.sure.then_some(now.wall)
}

/// Tells `observe` of an exchange that got as far as a plan.
pub(super) fn record(worker: &Worker, gateway: &Gateway, now: Now, plan: &Plan<'_>, account: &Account) {
    let fields = plan.request.fields;
    let record = Record {
        route: Some(plan.found.route.index()),
        class: plan.route.config.cache.class,
        mask: &plan.route.config.mask,
        identity: plan.caller.as_ref().map(|caller| caller.identity.id.as_str()),
        client: plan.client.address,
        host: plan.target.authority.as_ref().map_or("", |authority| authority.host),
        path: &plan.target.path,
        query: plan.target.query.as_deref(),
        referer: fields.first("referer"),
        user_agent: fields.first("user-agent"),
        ..blank(worker, now, &plan.request, &plan.ids, account)
    };
    worker.process.observer.record(&gateway.scope, &record);
    admit::note_error(&worker.process, plan, account.status, now);
    if plan.route.config.audit {
        audit(worker, now, plan, account);
    }
}

/// Who did what, for the audit trail.
fn audit(worker: &Worker, now: Now, plan: &Plan<'_>, account: &Account) {
    let identity = plan.caller.as_ref().map(|caller| &caller.identity);
    let done = if account.complete { "done" } else { "cut" };
    worker.process.audit.note(&AuditEntry {
        now,
        identity: identity.map(|identity| (identity.kind.word(), identity.id.as_str())),
        client: plan.client.address,
        route: &plan.route.config.name,
        method: plan.request.method.as_str(),
        status: account.status,
        outcome: account.refusal.unwrap_or(done),
        received: account.uploaded,
        sent: account.sent,
        request_id: &plan.ids,
    });
}

/// Tells `observe` of an exchange that was refused before it had a plan.
pub(super) fn record_refused(
    worker: &Worker,
    gateway: &Gateway,
    now: Now,
    connection: &Connection,
    request: &Request<'_>,
    ids: &Ids<'_>,
    account: &Account,
) {
    let target = std::str::from_utf8(request.target).unwrap_or("");
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let (fields, arrival) = (request.fields, connection.arrival);
    let client = Client::of(fields, arrival.peer, arrival.secure, &gateway.config.gateway.trusted_proxies);
    let record = Record {
        class: strictest(&gateway.config.routes),
        client: client.address,
        path,
        query,
        referer: fields.first("referer"),
        user_agent: fields.first("user-agent"),
        ..blank(worker, now, request, ids, account)
    };
    worker.process.observer.record(&gateway.scope, &record);
}

/// Where nobody knows which route it would have taken, it may have been any; and its query may hold a key.
fn strictest(routes: &[RouteConfig]) -> Class {
    if routes.iter().any(|route| route.cache.class == Class::Patient) {
        Class::Patient
    } else if routes.iter().any(|route| route.cache.class == Class::Personal || route.auth.key_query.is_some()) {
        Class::Personal
    } else {
        Class::Public
    }
}

fn blank<'r>(worker: &Worker, now: Now, request: &Request<'r>, ids: &'r Ids<'r>, account: &Account) -> Record<'r> {
    Record {
        now,
        route: None,
        class: Class::Public,
        mask: &[],
        identity: None,
        client: std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        method: request.method.as_str(),
        host: "",
        path: "",
        query: None,
        version: request.version.as_str(),
        referer: None,
        user_agent: None,
        status: account.status,
        cache: account.cache,
        sent: account.sent,
        uplink: account.uplink,
        uplink_time: account.uplink_time,
        elapsed: worker.process.clock.mono().since(now.mono),
        refusal: account.refusal,
        request_id: ids,
        complete: account.complete,
    }
}
