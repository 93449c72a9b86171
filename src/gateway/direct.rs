//! A request that goes by the cache: the upstream's answer streams to this client alone.

use crate::cache::policy::{self, TargetUri};
use crate::cache::{PassReason, tags};
use crate::codings::{self, Coding, Serving};
use crate::http::{BodyFraming, FieldSpans, Fields, Method, OwnedResponse, framing, host};
use crate::observe::CacheResult;
use crate::transform::{ReplyFraming, ResponseParts, response_head};
use crate::upstream::exchange::ResponseBody;

use super::ask::{Answered, Caller, Question, ask};
use super::body::RequestBody;
use super::build::Origin;
use super::cache_status::{self, Member};
use super::cached;
use super::connection::{After, Connection};
use super::exchange::Exchange;
use super::fill::{Asking, Kept};
use super::flow::Toll;
use super::plan::Plan;
use super::reply::Reply;
use super::{Refusal, admit};
use crate::transform::Conditions;

/// Asks the upstream for this client alone and passes the answer on.
pub(super) async fn forward(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    body: &mut RequestBody,
    origin: &Origin,
    why: PassReason,
) -> Result<After, Refusal> {
    let answered = ask_alone(exchange, connection, body, origin, None).await?;
    let told = cache_status::passed(why.forward(), why.word());
    invalidate(exchange, origin, &answered.head).await;
    match keep_for_get(exchange, connection, origin, answered) {
        Ok((kept, asking)) => cached::serve_kept(exchange, connection, kept, why.forward(), &asking).await,
        Err(answered) => relay(exchange, connection, body, *answered, Some(told)).await,
    }
}

/// Keeps an answer to `POST` for later `GET`s of the same URI, where it says that it is good for that (RFC 9110 §9.3.3).
fn keep_for_get(
    exchange: &Exchange<'_>,
    connection: &Connection,
    origin: &Origin,
    answered: Answered,
) -> Result<(Kept, Asking), Box<Answered>> {
    let (plan, process) = (&exchange.plan, &exchange.worker.process);
    let good = plan.request.method == Method::Post && answered.head.status == 200 && origin.cached && {
        let path = plan.forwarded_path(origin, 0);
        target_uri(plan, origin, &path).is_some_and(|target| policy::names_its_target(&target, answered.head.fields()))
    };
    let rules = policy::request_of_post(plan.request.fields, &plan.route.config.cache);
    let (true, Ok(rules)) = (good, rules) else { return Err(Box::new(answered)) };
    let parts = plan.key(origin, &process.search);
    let route = &plan.route.config.cache;
    match process.cache.offer(&parts.key(), plan.request.fields, &rules, route, exchange.now) {
        None => Err(Box::new(answered)),
        Some(fill) => {
            let asking = Asking::of(exchange, connection.arrival, &rules);
            asking.keep(plan, fill, answered).map(|kept| (kept, asking))
        }
    }
}

/// The URI that the origin was asked for: names in its answers are its own, as are keys.
fn target_uri<'p>(plan: &'p Plan<'_>, origin: &'p Origin, path: &'p str) -> Option<TargetUri<'p>> {
    let url = origin.urls.first()?;
    let authority = host::parse(plan.upstream_host(origin, 0).as_bytes()).ok();
    Some(TargetUri { secure: url.tls, authority, path, query: plan.target.query.as_deref() })
}

/// Asks the upstream for this client alone, with its own conditions, and with the protocol it wants to change to.
pub(super) async fn ask_alone(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    body: &mut RequestBody,
    origin: &Origin,
    upgrade: Option<&[u8]>,
) -> Result<Answered, Refusal> {
    exchange.account.cache = CacheResult::Pass;
    let question = Question {
        process: &exchange.worker.process,
        gateway: exchange.gateway,
        plan: &exchange.plan,
        origin,
        conditions: Conditions::Client,
        accept_encoding: None,
        upgrade,
    };
    let answered = ask(&question, &mut Caller::Client { connection, body }).await?;
    exchange.account.uplink += answered.head_bytes as u64;
    Ok(answered)
}

/// After a success of an unsafe method, what is stored under its URL must not be used unasked, nor what its answer
/// names as changed (RFC 9111 §4.4, RFC 9875).
async fn invalidate(exchange: &Exchange<'_>, origin: &Origin, head: &OwnedResponse) {
    let (plan, process) = (&exchange.plan, &exchange.worker.process);
    if !origin.cached || plan.request.method.is_safe() {
        return;
    }
    let path = plan.forwarded_path(origin, 0);
    let Some(target) = target_uri(plan, origin, &path) else { return };
    for (path, query) in policy::invalidated(plan.request.method, head.status, &target, head.fields()) {
        for secure in [false, true] {
            let parts = plan.key_of(origin, secure, &path, query.as_deref(), &process.search);
            process.cache.invalidate(&parts.key()).await;
        }
    }
    if head.status < 400 {
        for secure in [false, true] {
            let groups = tags::changed_groups(head.fields());
            let origin = plan.key_prefix(origin, secure);
            exchange.worker.process.cache.invalidate_groups(&origin, groups).await;
        }
    }
}

/// Streams an upstream's answer to the client, piece by piece as it comes.
pub(super) async fn relay(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    body: &RequestBody,
    answered: Answered,
    told: Option<Member>,
) -> Result<After, Refusal> {
    let Answered { mut lease, head, framing: incoming, asked, received, coding_is_ours, .. } = answered;
    // What was asked for the cache may be coded in a way that this client did not ask for.
    let coding = match codings::serving(exchange.plan.request.fields, head.fields()) {
        // The middle of a coded form cannot be decoded.
        Serving::Decoded(coding) if coding_is_ours && head.status != 206 => Some(coding),
        Serving::Decoded(_) | Serving::AsStored | Serving::Past(_) => None,
    };
    let decoded = Decoded::of(&head, coding)?;
    let fields = decoded.as_ref().map_or(head.fields(), Decoded::fields);
    let outgoing = match coding {
        Some(_) if !matches!(incoming, BodyFraming::None) => exchange.framing(None),
        Some(_) | None => exchange.reply_framing(incoming, fields),
    };
    let after = exchange.after(outgoing, body.is_read());
    exchange.account.status = head.status;
    exchange.account.uplink_time = Some(received.mono.since(asked.mono));
    let parts = ResponseParts {
        version: head.version,
        status: head.status,
        reason: head.reason(),
        fields,
        tail: exchange.tail(outgoing, after, told.as_deref()),
    };
    let mut out = Vec::with_capacity(1024);
    response_head(&mut out, &parts).map_err(|_| Refusal::Internal("the upstream's head is not legal"))?;
    let coding = coding.filter(|_| !matches!(incoming, BodyFraming::None));
    let mut reply = Reply::new(connection, exchange.gateway.progress, outgoing, out).decoding(coding);
    let mut body = ResponseBody::new(incoming, exchange.plan.route.config.upstream.idle);
    let mut toll = exchange.toll();
    let route = exchange.plan.route;
    let mut watched = route.agreement.watch(&route.config, head.status, head.fields());
    if lease.buffer.is_empty() && reply.head().await.is_err() {
        return Ok(After::Gone);
    }
    loop {
        let piece = match body.next(&mut lease).await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(error) => {
                log::info!("[route {}] an answer was cut: {error}", exchange.plan.route.config.name);
                exchange.count(&reply, &body);
                return Ok(After::Cut);
            }
        };
        toll.pay(piece.len()).await;
        watched.piece(piece);
        if reply.bytes(piece).await.is_err() {
            // Gone, or merely slow: then it must not take the end of the connection for that of the body.
            exchange.count(&reply, &body);
            return Ok(After::Cut);
        }
    }
    watched.end();
    exchange.count(&reply, &body);
    let ended = reply.end(body.trailers()).await;
    lease.done();
    exchange.account.complete = ended.is_ok();
    Ok(if ended.is_ok() { after } else { After::Cut })
}

/// Whether an answer that was asked for the cache is in a form that this client cannot read and that must not be
/// changed for it.
pub(super) fn is_for_others(exchange: &Exchange<'_>, answered: &Answered) -> bool {
    let serving = || codings::serving(exchange.plan.request.fields, answered.head.fields());
    answered.coding_is_ours && matches!(serving(), Serving::Past(_))
}

/// The head of an answer whose body is decoded on its way.
struct Decoded {
    lines: Vec<u8>,
    spans: FieldSpans,
}

impl Decoded {
    fn of(head: &OwnedResponse, coding: Option<Coding>) -> Result<Option<Decoded>, Refusal> {
        if coding.is_none() {
            return Ok(None);
        }
        let mut lines = Vec::new();
        let illegal = || Refusal::Internal("the upstream's head is not legal");
        codings::decoded_head(&mut lines, head.fields()).map_err(|_| illegal())?;
        let spans = FieldSpans::parse(&lines).map_err(|_| illegal())?;
        Ok(Some(Decoded { lines, spans }))
    }

    fn fields(&self) -> Fields<'_> {
        Fields::new(&self.lines, self.spans.as_slice())
    }
}

impl Exchange<'_> {
    /// How the upstream's body is delimited towards the client; what announces a body without sending one (HEAD, 304)
    /// keeps its announcement.
    fn reply_framing(&self, incoming: BodyFraming, fields: Fields<'_>) -> ReplyFraming {
        match incoming {
            BodyFraming::None => match framing::content_length(fields) {
                Ok(Some(length)) => ReplyFraming::Length(length),
                Ok(None) | Err(_) => ReplyFraming::Nothing,
            },
            BodyFraming::Length(length) => ReplyFraming::Length(length),
            BodyFraming::Chunked | BodyFraming::UntilClose => self.framing(None),
        }
    }

    /// Pays for what this exchange takes over the uplink.
    fn toll(&self) -> Toll {
        let payer = admit::payer(self.gateway, &self.plan);
        Toll::new(&self.worker.process, payer, self.plan.route.config.limits.priority)
    }

    fn count(&mut self, reply: &Reply<'_>, body: &ResponseBody) {
        self.account.sent = reply.sent();
        self.account.uplink += body.received();
    }
}
