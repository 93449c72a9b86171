//! A fill's own task: it asks the upstream for the cache, not for the client that caused it, and goes on when that
//! client leaves.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use smol::channel::{self, Receiver, Sender};

use crate::base::{Now, Wall};
use crate::cache::{self, Failure, Fill, Follower, Head, Hit, Lookup, NotStored, PassReason, StaleFor, Stop, Writer};
use crate::codings::{self, Coding};
use crate::http::range::ByteRange;
use crate::http::{BodyFraming, CacheControl, FieldSpans, Fields, OwnedRequest, OwnedResponse, date, hop_by_hop};
use crate::limits::quota::Payer;
use crate::net::spawn;
use crate::transform::Conditions;
use crate::upstream::exchange::ResponseBody;
use crate::upstream::{Failure as UpstreamFailure, Lease};

use super::admit;
use super::ask::{Answered, Caller, Question, ask};
use super::build::Origin;
use super::exchange::Exchange;
use super::flow::Toll;
use super::plan::{Arrival, Plan, Request, plan_on};
use super::{Gateway, Refusal, Worker};
use crate::cache::RequestRules;
use crate::routing::Found;

/// Interim answers that wait for the client; more are dropped.
const EVENTS: usize = 8;

/// What the client that caused a fill hears of it.
pub(super) enum Event {
    Interim(OwnedResponse),
    /// The answer is being stored: read it as everybody does, with what is for this client alone.
    Stored(Follower, Own),
    /// The stored answer is still good (304).
    Freshened(Hit, Own),
    /// The answer is not kept: it is for this client alone.
    Direct(Box<Answered>, NotStored),
    /// What came is of no use to the client: it asks for itself.
    Alone(PassReason),
    /// There is no answer; a stale one may stand in.
    Failed(Refusal, StaleFor),
}

/// What a fill took over the uplink and that is in no record yet. The client that caused it takes it into its own
/// record; what comes after it has left is counted when the fill ends.
#[derive(Default)]
pub(super) struct Received {
    bytes: Cell<u64>,
    time: Cell<Option<Duration>>,
}

impl Received {
    fn add(&self, bytes: usize) {
        self.bytes.set(self.bytes.get().saturating_add(bytes as u64));
    }

    /// The head of an answer has come.
    fn add_head(&self, answered: &Answered) {
        self.add(answered.head_bytes);
        self.time.set(Some(answered.received.mono.since(answered.asked.mono)));
    }

    pub(super) fn take(&self) -> u64 {
        self.bytes.take()
    }

    /// How long the upstream took to begin its answer.
    pub(super) fn time(&self) -> Option<Duration> {
        self.time.get()
    }
}

/// All that is needed to ask the upstream for the cache on behalf of one exchange, while that goes on and after it.
#[derive(Clone)]
pub(super) struct Asking {
    worker: Rc<Worker>,
    gateway: Arc<Gateway>,
    owned: Rc<OwnedRequest>,
    arrival: Arrival,
    random: [u64; 4],
    /// Found while the request still had its credentials.
    found: Found,
    rules: RequestRules,
    received: Rc<Received>,
    /// Who caused it pays for it.
    payer: Payer,
}

impl Asking {
    pub(super) fn of(exchange: &Exchange<'_>, arrival: Arrival, rules: &RequestRules) -> Asking {
        Asking {
            worker: exchange.worker.clone(),
            gateway: exchange.gateway.clone(),
            owned: exchange.owned.clone(),
            arrival,
            random: exchange.random,
            found: exchange.plan.found,
            rules: *rules,
            received: Rc::default(),
            payer: admit::payer(exchange.gateway, &exchange.plan),
        }
    }

    /// Starts the task of a fill. `stale`: what is stored and may stand in.
    pub(super) fn start(&self, fill: Fill, stale: Option<&Hit>) -> Receiver<Event> {
        let (sender, events) = channel::bounded(EVENTS);
        let task = Task { asking: self.clone(), stale: stale.cloned() };
        spawn(task.run(fill, sender));
        events
    }

    /// The same where nobody waits for what becomes of it.
    pub(super) fn start_behind(&self, fill: Fill) {
        drop(self.start(fill, None));
    }

    pub(super) fn fields(&self) -> Fields<'_> {
        self.owned.fields()
    }

    pub(super) fn now(&self) -> Now {
        self.worker.process.clock.now()
    }

    /// Keeps an answer that was asked for a client alone.
    pub(super) fn keep(&self, plan: &Plan<'_>, fill: Fill, answered: Answered) -> Result<Kept, Box<Answered>> {
        match fill.stored(plan.request.fields, &cache_answer(&answered)) {
            Err(_) => Err(Box::new(answered)),
            Ok(writer) => {
                let kept = Kept { follower: writer.follower(), own: Own::of(answered.head.fields()) };
                let task = Task { asking: self.clone(), stale: None };
                spawn(task.take_down(answered, writer));
                Ok(kept)
            }
        }
    }

    /// What came over the uplink for this exchange and is in no record yet.
    pub(super) fn received(&self) -> &Received {
        &self.received
    }

    /// What the cache has for the request now.
    pub(super) async fn look_up(&self) -> Option<Lookup> {
        let plan = plan_on(&self.gateway, Request::of(&self.owned), self.arrival, self.random, self.found).ok()?;
        Some(look_up(&self.worker, &plan, plan.origin()?, &self.rules, self.now()).await)
    }
}

pub(super) async fn look_up(
    worker: &Worker,
    plan: &Plan<'_>,
    origin: &Origin,
    rules: &RequestRules,
    now: Now,
) -> Lookup {
    let (parts, route) = (plan.key(origin, &worker.process.search), &plan.route.config.cache);
    worker.process.cache.lookup(&parts.key(), plan.request.fields, rules, route, now).await
}

/// An answer that is being kept, for the client that it came for.
pub(super) struct Kept {
    pub(super) follower: Follower,
    pub(super) own: Own,
}

/// What of an answer is for the client alone that it came for.
pub(super) struct Own {
    /// Field lines.
    pub(super) withheld: Vec<u8>,
    /// It comes from the origin itself: no cache said how old it is.
    pub(super) original: bool,
    /// See [`Writer::brought`].
    pub(super) brought: Option<ByteRange>,
}

/// A fill under way.
struct Task {
    asking: Asking,
    stale: Option<Hit>,
}

impl Task {
    async fn run(self, fill: Fill, events: Sender<Event>) {
        let Asking { worker, gateway, owned, arrival, random, found, received, .. } = &self.asking;
        let _busy = worker.busy();
        // The same head led to a plan a moment ago: planning is pure, so it does again.
        let Ok(plan) = plan_on(gateway, Request::of(owned), *arrival, *random, *found) else { return };
        let Some(origin) = plan.origin() else { return };
        let mut next = Some(fill);
        while let Some(fill) = next {
            next = self.ask(&plan, origin, fill, &events).await;
        }
        drop(events);
        // The client's end is still there: it takes them when its own answer is complete.
        if Rc::strong_count(received) == 1 {
            worker.process.observer.uplink(&gateway.scope, plan.found.route.index(), received.take());
        }
    }

    /// Carries the body of an answer that was not asked for by a fill.
    async fn take_down(self, answered: Answered, writer: Writer) {
        let Asking { worker, gateway, owned, arrival, random, found, .. } = &self.asking;
        let _busy = worker.busy();
        let Ok(plan) = plan_on(gateway, Request::of(owned), *arrival, *random, *found) else { return };
        // What else is missing is asked for when somebody wants it.
        drop(self.pump(&plan, answered, writer).await);
    }

    /// Asks, at most twice: a 304 that fits nothing stored is followed by a question without conditions. Gives what is
    /// to be asked next.
    async fn ask(&self, plan: &Plan<'_>, origin: &Origin, mut fill: Fill, events: &Sender<Event>) -> Option<Fill> {
        for first in [true, false] {
            let answered = match self.question(plan, origin, &fill, first, events).await {
                Ok(answered) => answered,
                Err(refusal) => {
                    self.fail(fill, refusal, StaleFor::Unreachable, events).await;
                    return None;
                }
            };
            self.asking.received.add_head(&answered);
            let wanted = fill.question();
            let validating = first && wanted.validators.is_some() && wanted.range.is_none();
            if answered.head.status == 304 && !first {
                break;
            }
            if !(validating && answered.head.status == 304) {
                return self.take(plan, fill, answered, events).await;
            }
            match fill.freshened(&cache_answer(&answered)).await {
                Ok(hit) => {
                    let own = Own { withheld: Vec::new(), ..Own::of(answered.head.fields()) };
                    answered.lease.done();
                    let _ = events.send(Event::Freshened(hit, own)).await;
                    return None;
                }
                Err(again) => fill = again,
            }
        }
        self.fail(fill, Refusal::UnaskedNotModified, StaleFor::Unreachable, events).await;
        None
    }

    /// Puts the fill's question; the second time without conditions.
    async fn question(
        &self,
        plan: &Plan<'_>,
        origin: &Origin,
        fill: &Fill,
        first: bool,
        events: &Sender<Event>,
    ) -> Result<Answered, Refusal> {
        let wanted = fill.question();
        let range = wanted.range.map(|range| range.to_string());
        let mut written = [0; 29];
        let conditions = match (&range, &wanted.validators) {
            (Some(range), _) => Conditions::Part { range, if_range: wanted.if_range },
            (None, Some(validators)) if first => Conditions::Validate {
                etag: validators.etag,
                last_modified: validators.last_modified.map(|date| imf(date, &mut written)),
            },
            // Nothing is stored that the client's own conditions could be compared with (RFC 9111 §4.3.2): they are for
            // the origin, whose 304 is for this client alone.
            (None, None) if first => Conditions::Validate {
                etag: plan.request.fields.sole("if-none-match").ok().flatten(),
                last_modified: plan.request.fields.sole("if-modified-since").ok().flatten(),
            },
            (None, _) => Conditions::Whole,
        };
        let (process, gateway) = (&self.asking.worker.process, &self.asking.gateway);
        let ours = plan.route.config.cache.compress || wanted.if_range.is_some();
        let accept_encoding = ours.then(|| Task::codings(plan, &wanted));
        let question = Question { process, gateway, plan, origin, conditions, accept_encoding, upgrade: None };
        ask(&question, &mut Caller::Fill(events)).await
    }

    async fn fail(&self, fill: Fill, refusal: Refusal, instead: StaleFor, events: &Sender<Event>) {
        let verdict = refusal.verdict();
        if matches!(refusal, Refusal::Loop | Refusal::Internal(_)) {
            // What is wrong with this request alone is no answer for those who follow: one of them asks now.
            drop(fill);
        } else {
            fill.failed(Failure { status: refusal.upstream_status().unwrap_or(verdict.status), word: verdict.word });
        }
        let _ = events.send(Event::Failed(refusal, instead)).await;
    }

    /// The codings to ask for: for the rest of what is stored in part, its own; to validate a coded answer, those among
    /// which it was chosen.
    fn codings(plan: &Plan<'_>, wanted: &cache::Ask<'_>) -> &'static str {
        match wanted.stored {
            Some(head) if wanted.range.is_some() => codings::asked_for_more(coding_of(head)),
            Some(head) if head.is_coded() => codings::SELECTING,
            Some(_) | None => codings::asked(plan.request.fields),
        }
    }

    /// Decides what becomes of an answer: a stale one may be better, it may be kept, or it is for one client alone.
    async fn take(&self, plan: &Plan<'_>, fill: Fill, answered: Answered, events: &Sender<Event>) -> Option<Fill> {
        let status = answered.head.status;
        if matches!(status, 500 | 502 | 503 | 504) && self.stale_will_do(plan, status) {
            self.fail(fill, Refusal::ServerError(status), StaleFor::ServerError(status), events).await;
            return None;
        }
        let search = &self.asking.worker.process.search;
        let named =
            plan.origin().is_none_or(|origin| plan.key(origin, search).learn(search, status, answered.head.fields()));
        if !named {
            drop(fill);
            let _ = events.send(Event::Direct(Box::new(answered), NotStored::OneRequest)).await;
            return None;
        }
        let wanted = fill.question();
        let of_cache = wanted.range.is_some() && wanted.stored.is_some();
        match fill.stored(plan.request.fields, &cache_answer(&answered)) {
            // An answer to a question of the cache's own: the client asked something else.
            Err(_) if of_cache && matches!(status, 206 | 416) => {
                drop(answered);
                let _ = events.send(Event::Alone(PassReason::RangeMiss)).await;
                None
            }
            Ok(writer) => {
                let own = Own { brought: writer.brought(), ..Own::of(answered.head.fields()) };
                let _ = events.send(Event::Stored(writer.follower(), own)).await;
                self.pump(plan, answered, writer).await
            }
            Err(reason) => {
                let _ = events.send(Event::Direct(Box::new(answered), reason)).await;
                None
            }
        }
    }

    fn stale_will_do(&self, plan: &Plan<'_>, status: u16) -> bool {
        let now = self.asking.worker.process.clock.now();
        let (route, instead) = (&plan.route.config.cache, StaleFor::ServerError(status));
        self.stale.as_ref().is_some_and(|hit| hit.stale_allowed(&self.asking.rules, route, instead, now).is_ok())
    }

    /// Carries the body from the upstream to the store. Gives what is to be asked next.
    async fn pump(&self, plan: &Plan<'_>, answered: Answered, mut writer: Writer) -> Option<Fill> {
        let Answered { mut lease, framing, head, .. } = answered;
        let mut watched = plan.route.agreement.watch(&plan.route.config, head.status, head.fields());
        let mut body = ResponseBody::new(framing, plan.route.config.upstream.idle);
        let class = plan.route.config.limits.priority;
        let mut toll = Toll::new(&self.asking.worker.process, self.asking.payer.clone(), class);
        loop {
            match body.next(&mut lease).await {
                Ok(Some(bytes)) => {
                    self.asking.received.add(bytes.len());
                    toll.pay(bytes.len()).await;
                    watched.piece(bytes);
                    match writer.write(bytes).await {
                        Ok(()) => {}
                        Err(Stop::NobodyReads | Stop::Abandoned) => return None,
                        Err(Stop::Covered) => {
                            // Closed first: what is on its way would be paid for twice.
                            drop(lease);
                            return writer.finish(b"").await;
                        }
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    log::info!("[route {}] an answer was cut by the upstream: {error}", plan.route.config.name);
                    cut(lease, writer);
                    return None;
                }
            }
        }
        watched.end();
        let next = writer.finish(&lines(body.trailers())).await;
        lease.done();
        next
    }
}

fn cut(mut lease: Lease, writer: Writer) {
    lease.failed(UpstreamFailure::Truncated);
    writer.cut(Failure { status: 502, word: "upstream-cut" });
}

/// Field lines as they stand on the wire.
fn lines(fields: Fields<'_>) -> Vec<u8> {
    let mut lines = Vec::new();
    for (name, value) in fields.iter() {
        lines.extend_from_slice(name);
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value);
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

fn coding_of(head: &Head) -> Option<Coding> {
    let spans = FieldSpans::parse(head.lines()).ok()?;
    Coding::of(Fields::new(head.lines(), spans.as_slice())).ok().flatten()
}

impl Own {
    fn of(fields: Fields<'_>) -> Own {
        Own { withheld: withheld(fields), original: !fields.contains("age"), brought: None }
    }
}

/// The lines of fields that an answer keeps from all but the client it was made for (RFC 9111 §5.2.2.4, §5.2.2.7).
fn withheld(fields: Fields<'_>) -> Vec<u8> {
    let directives = CacheControl::parse(fields);
    let (no_cache, private) = (directives.no_cache, directives.private);
    let mut lines = Vec::new();
    for (name, value) in fields.iter() {
        let mut named = no_cache.names().chain(private.names());
        if named.any(|other| other.eq_ignore_ascii_case(name)) && !hop_by_hop::is(name, fields) {
            [name, b": ", value, b"\r\n"].iter().for_each(|piece| lines.extend_from_slice(piece));
        }
    }
    lines
}

fn imf(time: Wall, out: &mut [u8; 29]) -> &[u8] {
    date::format(time, out);
    out
}

/// An answer as the cache wants to see it.
fn cache_answer(answered: &Answered) -> cache::Answer<'_> {
    cache::Answer {
        status: answered.head.status,
        fields: answered.head.fields(),
        length: match answered.framing {
            BodyFraming::Length(length) => Some(length),
            BodyFraming::None => Some(0),
            BodyFraming::Chunked | BodyFraming::UntilClose => None,
        },
        asked: answered.asked,
        received: answered.received,
    }
}
