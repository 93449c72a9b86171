//! Requests that came before, byte for byte.
//!
//! Thirty children with the same tablets who open the same page send the same head thirty times, and one who comes again sends
//! it again. What such a head came to is remembered for a while: a repeat is not parsed, not routed, and its answer's
//! head is not written anew. Only what follows from the bytes, the configuration and the answer alone is remembered; what
//! depends on the moment (is it fresh, is it still the answer, has it aged by a second) is asked each time, by the same rules
//! as ever. Where the answer depends on who asks (keys, limits, allowed addresses, patient data), nothing is.

use std::ops::Range;
use std::rc::Rc;

use xxhash_rust::xxh3::xxh3_64;

use super::admit;
use super::build::Origin;
use super::connection::{After, Connection};
use super::exchange::{Account, date};
use super::fast::{Attempt, send, settle};
use super::plan::Plan;
use super::{Gateway, Worker};
use crate::base::{Now, RequestId};
use crate::cache::{Hit, KeptKey, Known, Piece, RequestRules, SearchRules};
use crate::config::Class;
use crate::http::{Fields, Method};
use crate::observe::{CacheResult, Record};
use crate::transform::Ids;

/// Heads that are remembered, on each worker.
const PLACES: usize = 64;
/// The longest head of a request or an answer that is.
const LONGEST: usize = 2 << 10;
/// What stands in front of the id that each answer gets anew.
const ID_FIELD: &[u8] = b"X-Request-Id: ";
/// Digits of that id.
const ID_LEN: usize = 16;

/// What a worker remembers: for each hash of a head one place, which is given to the head that came twice in a row there.
#[derive(Default)]
pub(super) struct Repeats {
    places: Vec<Place>,
}

#[derive(Clone, Default)]
struct Place {
    /// The hash of the last head that was not known here.
    seen: u64,
    repeat: Option<Rc<Repeat>>,
}

/// A request, and what it came to.
struct Repeat {
    request: Box<[u8]>,
    key: KeptKey,
    rules: RequestRules,
    object: Known,
    moment: Moment,
    head: Box<[u8]>,
    /// Where in the head the id of the exchange stands.
    id: Option<usize>,
    /// The request was for the head alone.
    bodiless: bool,
    status: u16,
    about: About,
}

/// What the record of an exchange says of its request.
struct About {
    route: usize,
    method: &'static str,
    version: &'static str,
    host: Box<str>,
    path: Box<str>,
    query: Option<Box<str>>,
    /// Where in the request they stand.
    referer: Option<Range<usize>>,
    user_agent: Option<Range<usize>>,
}

/// What of an answer's head changes from second to second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Moment {
    age: u64,
    ttl: i64,
    /// The `Date` that was added, in seconds.
    date: Option<i64>,
}

impl Moment {
    fn of(hit: &Hit, now: Now) -> Moment {
        let added = if hit.head().is_dated() { None } else { date(now) };
        Moment {
            age: hit.head().age(now),
            ttl: hit.head().ttl(now),
            date: added.map(|wall| wall.as_millis().div_euclid(1000)),
        }
    }
}

/// An exchange that has just been answered the ordinary way.
pub(super) struct Answered<'a> {
    /// The whole head.
    pub(super) request: &'a [u8],
    pub(super) plan: &'a Plan<'a>,
    pub(super) origin: &'a Origin,
    pub(super) search: &'a SearchRules,
    pub(super) rules: &'a RequestRules,
    pub(super) hit: &'a Hit,
    pub(super) head: &'a [u8],
    pub(super) status: u16,
    pub(super) now: Now,
}

impl Repeats {
    /// Another configuration may come to something else.
    pub(super) fn forget(&mut self) {
        self.places.clear();
    }

    fn find(&self, bytes: &[u8]) -> Option<Rc<Repeat>> {
        let repeat = self.places.get(place_of(xxh3_64(bytes)))?.repeat.as_ref()?;
        (*repeat.request == *bytes).then(|| Rc::clone(repeat))
    }

    /// Whether a request that was not known, or is not any more what it was, is worth to be remembered: it came before.
    fn wants(&mut self, request: &[u8]) -> bool {
        let hash = xxh3_64(request);
        if self.places.is_empty() {
            self.places.resize(PLACES, Place::default());
        }
        let Some(place) = self.places.get_mut(place_of(hash)) else { return false };
        let known = place.repeat.as_ref().is_some_and(|repeat| *repeat.request == *request);
        known || std::mem::replace(&mut place.seen, hash) == hash
    }

    fn remember(&mut self, answered: &Answered<'_>) {
        if let Some(place) = self.places.get_mut(place_of(xxh3_64(answered.request))) {
            place.repeat = Repeat::of(answered).map(Rc::new);
        }
    }
}

fn place_of(hash: u64) -> usize {
    hash as usize % PLACES
}

/// Whether an answer follows from the request's bytes, whoever sends them.
fn is_for_anybody(gateway: &Gateway, plan: &Plan<'_>) -> bool {
    let config = &plan.route.config;
    let fields = plan.request.fields;
    let names_itself = ["x-request-id", "traceparent", "cookie", "authorization"];
    gateway.config.gateway.trusted_proxies.is_empty()
        && config.allow.is_empty()
        && config.deny.is_empty()
        && config.cache.class == Class::Public
        && !config.audit
        && !plan.route.hides_anything()
        && plan.route.limits.holds_nobody()
        && admit::lanes(gateway, plan).is_empty()
        && !names_itself.iter().any(|name| fields.contains(name))
}

impl Repeat {
    /// `None`: it is not worth it, or not for others.
    fn of(answered: &Answered<'_>) -> Option<Repeat> {
        let Answered { request, plan, search, origin, rules, hit, head, status, now } = *answered;
        let fits = request.len() <= LONGEST && head.len() <= LONGEST && status < 400 && !rules.precondition;
        if !fits || !hit.is_unselected() {
            return None;
        }
        let fields = plan.request.fields;
        let target = &plan.target;
        let about = About {
            route: plan.found.route.index(),
            method: match plan.request.method {
                Method::Get => "GET",
                Method::Head => "HEAD",
                _ => return None,
            },
            version: plan.request.version.as_str(),
            host: target.authority.as_ref().map_or("", |authority| authority.host).into(),
            path: (*target.path).into(),
            query: target.query.as_deref().map(Into::into),
            referer: fields.first("referer").and_then(|value| within(request, value)),
            user_agent: fields.first("user-agent").and_then(|value| within(request, value)),
        };
        let written = head.windows(ID_FIELD.len()).position(|part| part == ID_FIELD).map(|at| at + ID_FIELD.len());
        let own = plan.ids.to_string();
        let is_own = |at: &usize| {
            head.get(*at..)
                .and_then(|rest| rest.strip_prefix(own.as_bytes()))
                .is_some_and(|rest| rest.starts_with(b"\r"))
        };
        let id = written.filter(is_own).filter(|_| own.len() == ID_LEN);
        // Another one, by an edit of the route for instance.
        if id.is_none() && written.is_some() {
            return None;
        }
        Some(Repeat {
            request: request.into(),
            key: plan.key(origin, search).key().keep(),
            rules: *rules,
            object: hit.known(),
            moment: Moment::of(hit, now),
            head: head.into(),
            id,
            bodiless: plan.request.is_head(),
            status,
            about,
        })
    }
}

/// Answers what the connection's buffer holds, where it is all of one head that is known. `None`: it is for others to answer.
pub(super) fn answer(connection: &mut Connection, worker: &Rc<Worker>, gateway: &Gateway, now: Now) -> Option<Attempt> {
    let repeat = worker.repeats().find(connection.buffer.bytes())?;
    let process = &worker.process;
    if worker.is_draining() || !process.search.is_empty() {
        return None;
    }
    let hit = process.cache.hot(&repeat.key.key(), Fields::NONE, &repeat.rules, now)?;
    if !hit.is(&repeat.object) || Moment::of(&hit, now) != repeat.moment {
        return None;
    }
    let body = if repeat.bodiless { Piece::Memory(&[]) } else { hit.at_hand()? };
    let random = worker.draw();
    let mut out = worker.take_scratch();
    out.extend_from_slice(&repeat.head);
    if let Some(place) = repeat.id.and_then(|at| out.get_mut(at..at + ID_LEN)) {
        let [id, ..] = random;
        place.copy_from_slice(&RequestId(id).digits());
    }
    let head_len = out.len();
    let (sent, whole) = send(&mut connection.stream, &mut out, &body);
    let account = Account {
        status: repeat.status,
        cache: CacheResult::Hit,
        sent: (whole - head_len) as u64,
        complete: sent.is_ok(),
        ..Account::default()
    };
    let peer = connection.arrival.peer;
    worker
        .process
        .observer
        .record(&gateway.scope, &repeat.record(worker, gateway, now, peer, &Ids::made(random), &account));
    let attempt = settle(sent, whole, &out, &hit, After::Keep);
    worker.put_scratch(out);
    connection.buffer.consume(repeat.request.len());
    Some(attempt)
}

impl Repeat {
    fn record<'r>(
        &'r self,
        worker: &Worker,
        gateway: &'r Gateway,
        now: Now,
        client: std::net::IpAddr,
        ids: &'r Ids<'r>,
        account: &Account,
    ) -> Record<'r> {
        let About { route, method, version, host, path, query, referer, user_agent } = &self.about;
        let value = |range: &Option<Range<usize>>| range.clone().and_then(|range| self.request.get(range));
        Record {
            now,
            route: Some(*route),
            class: Class::Public,
            mask: gateway.routes.get(*route).map_or(&[], |route| &route.config.mask),
            identity: None,
            client,
            method,
            host,
            path,
            query: query.as_deref(),
            version,
            referer: value(referer),
            user_agent: value(user_agent),
            status: account.status,
            cache: account.cache,
            sent: account.sent,
            uplink: 0,
            uplink_time: None,
            elapsed: worker.process.clock.mono().since(now.mono),
            refusal: None,
            request_id: ids,
            complete: account.complete,
        }
    }
}

/// Remembers an exchange for others that are the same.
pub(super) fn remember(worker: &Worker, gateway: &Gateway, answered: &Answered<'_>) {
    let mut repeats = worker.repeats();
    if repeats.wants(answered.request) && is_for_anybody(gateway, answered.plan) {
        repeats.remember(answered);
    }
}

/// Where a part of a slice lies in it.
fn within(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let at = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    (at + part.len() <= whole.len()).then(|| at..at + part.len())
}
