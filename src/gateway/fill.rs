//! A fill's own task: it asks the upstream for the cache, not for the client that caused it, and goes on when that
//! client leaves.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use smol::channel::{self, Receiver, Sender};

use crate::base::Wall;
use crate::cache::{self, Failure, Fill, Follower, Hit, NotStored, StaleFor, Writer};
use crate::http::{BodyFraming, Fields, OwnedRequest, OwnedResponse, date};
use crate::transform::Conditions;
use crate::upstream::exchange::ResponseBody;
use crate::upstream::{Failure as UpstreamFailure, Lease};

use super::ask::{Answered, Caller, Question, ask};
use super::build::Origin;
use super::exchange::Exchange;
use super::plan::{Arrival, Plan, Request, plan};
use super::{Gateway, Refusal, Worker};
use crate::cache::RequestRules;

/// Interim answers that wait for the client; more are dropped.
const EVENTS: usize = 8;

/// What the client that caused a fill hears of it.
#[expect(clippy::large_enum_variant, reason = "moved a few times in the course of a miss, never kept in numbers")]
pub(super) enum Event {
    Interim(OwnedResponse),
    /// The answer is being stored: read it as everybody does.
    Stored(Follower),
    /// The stored answer is still good (304).
    Freshened(Hit),
    /// The answer is not kept: it is for this client alone.
    Direct(Box<Answered>, NotStored),
    /// There is no answer; a stale one may stand in.
    Failed(Refusal, StaleFor),
}

/// The client's end of its fill.
pub(super) struct Started {
    pub(super) events: Receiver<Event>,
    pub(super) received: Rc<Received>,
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

/// All that the task owns.
struct Task {
    worker: Rc<Worker>,
    gateway: Arc<Gateway>,
    owned: Rc<OwnedRequest>,
    arrival: Arrival,
    random: [u64; 4],
    rules: RequestRules,
    /// What is stored and stale, where there is something.
    stale: Option<Hit>,
    received: Rc<Received>,
}

/// Starts the task of a fill.
pub(super) fn start(
    exchange: &Exchange<'_>,
    arrival: Arrival,
    rules: &RequestRules,
    fill: Fill,
    stale: Option<&Hit>,
) -> Started {
    let (sender, events) = channel::bounded(EVENTS);
    let received = Rc::new(Received::default());
    let task = Task {
        worker: exchange.worker.clone(),
        gateway: exchange.gateway.clone(),
        owned: exchange.owned.clone(),
        arrival,
        random: exchange.random,
        rules: *rules,
        stale: stale.cloned(),
        received: received.clone(),
    };
    exchange.worker.executor.spawn(task.run(fill, sender)).detach();
    Started { events, received }
}

impl Task {
    async fn run(self, fill: Fill, events: Sender<Event>) {
        let _busy = self.worker.busy();
        let request = Request::of(&self.owned);
        // The same head led to a plan a moment ago: planning is pure, so it does again.
        let Ok(plan) = plan(&self.gateway, request, self.arrival, self.random) else { return };
        let Some(origin) = plan.origin() else { return };
        self.ask(&plan, origin, fill, &events).await;
        drop(events);
        // The client's end is still there: it takes them when its own answer is complete.
        if Rc::strong_count(&self.received) == 1 {
            let route = plan.found.route.index();
            self.worker.process.observer.uplink(&self.gateway.scope, route, self.received.take());
        }
    }

    /// Asks, at most twice: a 304 that fits nothing stored is followed by a question without conditions.
    async fn ask(&self, plan: &Plan<'_>, origin: &Origin, mut fill: Fill, events: &Sender<Event>) {
        for conditional in [true, false] {
            let validators = fill.question().validators.filter(|_| conditional);
            let mut written = [0; 29];
            let conditions = match &validators {
                Some(validators) => Conditions::Validate {
                    etag: validators.etag,
                    last_modified: validators.last_modified.map(|date| imf(date, &mut written)),
                },
                None => Conditions::Whole,
            };
            let validating = validators.is_some();
            let question = Question {
                process: &self.worker.process,
                gateway: &self.gateway,
                plan,
                origin,
                conditions,
                upgrade: None,
            };
            let answered = match ask(&question, &mut Caller::Fill(events)).await {
                Ok(answered) => answered,
                Err(refusal) => return self.fail(fill, refusal, StaleFor::Unreachable, events).await,
            };
            self.received.add_head(&answered);
            if answered.head.status == 304 && !conditional {
                break;
            }
            if !(validating && answered.head.status == 304) {
                return self.take(plan, fill, answered, events).await;
            }
            match fill.freshened(&cache_answer(&answered)).await {
                Ok(hit) => {
                    answered.lease.done();
                    let _ = events.send(Event::Freshened(hit)).await;
                    return;
                }
                Err(again) => fill = again,
            }
        }
        self.fail(fill, Refusal::UnaskedNotModified, StaleFor::Unreachable, events).await;
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

    /// Decides what becomes of an answer: a stale one may be better, it may be kept, or it is for one client alone.
    async fn take(&self, plan: &Plan<'_>, fill: Fill, answered: Answered, events: &Sender<Event>) {
        let status = answered.head.status;
        if matches!(status, 500 | 502 | 503 | 504) && self.stale_will_do(plan, status) {
            return self.fail(fill, Refusal::ServerError(status), StaleFor::ServerError(status), events).await;
        }
        match fill.stored(plan.request.fields, &cache_answer(&answered)) {
            Ok(writer) => {
                let _ = events.send(Event::Stored(writer.follower())).await;
                self.pump(plan, answered, writer).await;
            }
            Err(reason) => {
                let _ = events.send(Event::Direct(Box::new(answered), reason)).await;
            }
        }
    }

    fn stale_will_do(&self, plan: &Plan<'_>, status: u16) -> bool {
        let now = self.worker.process.clock.now();
        let stale = self.stale.as_ref();
        stale.is_some_and(|hit| {
            hit.stale_allowed(&self.rules, &plan.route.config.cache, StaleFor::ServerError(status), now).is_ok()
        })
    }

    /// Carries the body from the upstream to the store.
    async fn pump(&self, plan: &Plan<'_>, answered: Answered, mut writer: Writer) {
        let Answered { mut lease, framing, .. } = answered;
        let mut body = ResponseBody::new(framing, plan.route.config.upstream.idle);
        loop {
            match body.next(&mut lease).await {
                Ok(Some(bytes)) => {
                    self.received.add(bytes.len());
                    if writer.write(bytes).await.is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    log::info!("[route {}] an answer was cut by the upstream: {error}", plan.route.config.name);
                    return cut(lease, writer);
                }
            }
        }
        writer.finish(&lines(body.trailers())).await;
        lease.done();
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
