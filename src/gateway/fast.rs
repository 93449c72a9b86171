//! The hot path: a cached answer at hand, from the bytes of the request to the bytes of the answer without waiting.
//!
//! One read has happened; here follow a parse into fixed spans, the plan, one look-up in the table of recently served
//! answers, and one `writev`, or a head and `sendfile`. Everything else (a head that is not all there, a body, a miss,
//! bytes that must be read from the card first, any refusal) is [`Attempt::Slow`]: nothing was consumed, and the slow path begins from the same bytes.

use std::io::{self, IoSlice};
use std::rc::Rc;

use crate::cache::{Hit, Piece, RequestRules, policy};
use crate::http::conditional::{self, Outcome};
use crate::http::{Fields, Method, Parse, RequestHead, Scan, status};
use crate::net::Stream;
use crate::observe::CacheResult;
use crate::transform::{NOTHING_TOLD, ReplyFraming, ToldFields, Upgrade, kept_head};

use super::admit::{Counts, Told};
use super::answer::is_as_stored;
use super::build::Origin;
use super::connection::{After, Connection};
use super::exchange::{Account, connection_option, date, record};
use super::plan::{Plan, Request, plan};
use super::repeat::{self, Answered};
use super::{Gateway, Worker, admit, cache_status, identify};
use crate::base::Now;
use crate::transform::Tail;

/// What became of the attempt.
pub(super) enum Attempt {
    Answered,
    /// Answered, and the connection ends.
    AnsweredLast,
    /// The client has left.
    Gone,
    /// The socket took only a part of the answer.
    Unsent(Box<Unsent>),
    /// Not this way.
    Slow,
}

/// Tries to answer the request whose first bytes are in the connection's buffer.
pub(super) fn attempt(connection: &mut Connection, worker: &Rc<Worker>) -> Attempt {
    if connection.stream.is_tls() || connection.admin {
        return Attempt::Slow;
    }
    let gateway = worker.gateway();
    let now = worker.process.clock.now();
    if let Some(attempt) = repeat::answer(connection, worker, &gateway, now) {
        return attempt;
    }
    let bytes = connection.buffer.bytes();
    let Ok(Parse::Complete(head)) = RequestHead::parse(bytes, &gateway.limits, &mut Scan::default()) else {
        return Attempt::Slow;
    };
    let request = Request::within(&head, bytes);
    let visible;
    let Ok(mut plan) = plan(&gateway, request, connection.arrival, worker.draw()) else { return Attempt::Slow };
    if plan.permitted().is_err() || plan.route.agreement.head(&plan).is_err() {
        return Attempt::Slow;
    }
    if plan.route.hides_anything() {
        let query = plan.target.query.as_deref();
        let Ok(caller) = identify::identify(&worker.process, &gateway, &plan, None, now) else { return Attempt::Slow };
        if !identify::hides_in_fields_alone(plan.route, query) {
            return Attempt::Slow;
        }
        visible = identify::visible(request.fields, plan.route);
        plan.request.fields = Fields::new(bytes, visible.as_slice());
        plan.caller = caller;
    }
    let Some((hit, origin, rules)) = hot_hit(&plan, worker, now) else { return Attempt::Slow };
    if !is_as_stored(&plan, hit.head()) {
        return Attempt::Slow;
    }
    let judged = match hit.head().status() {
        200 => conditional::evaluate(request.fields, request.method, &hit.head().at_hand()),
        // Conditions are about what would be answered with 200 (RFC 9110 §13.2.1).
        _ => Outcome::Proceed,
    };
    let reply = match judged {
        Outcome::Proceed if request.is_head() => Reply::whole(&hit, NO_BODY),
        Outcome::Proceed => match hit.at_hand() {
            Some(body) => Reply::whole(&hit, body),
            None => return Attempt::Slow,
        },
        Outcome::NotModified => Reply { status: 304, lines: hit.head().lines_not_modified(), body: NO_BODY },
        Outcome::PreconditionFailed => return Attempt::Slow,
    };
    let Some(told) = admitted(&plan, &gateway, worker, now) else { return Attempt::Slow };
    let told = told.as_ref().map_or(NOTHING_TOLD, Told::fields);
    let Some((mut out, after)) = write_head(&plan, &hit, &reply, worker, now, told) else { return Attempt::Slow };
    let head_len = out.len();
    let (sent, whole) = send(&mut connection.stream, &mut out, &reply.body);
    let account = Account {
        status: reply.status,
        cache: CacheResult::Hit,
        sent: (whole - head_len) as u64,
        complete: sent.is_ok(),
        ..Account::default()
    };
    record(worker, &gateway, now, &plan, &account);
    if judged == Outcome::Proceed && after == After::Keep {
        let (request, written) = (bytes.get(..head.len).unwrap_or_default(), out.get(..head_len).unwrap_or_default());
        let search = &worker.process.search;
        let answered = Answered {
            request,
            plan: &plan,
            origin,
            search,
            rules: &rules,
            hit: &hit,
            head: written,
            status: reply.status,
            now,
        };
        repeat::remember(worker, &gateway, &answered);
    }
    let attempt = settle(sent, whole, &out, &hit, after);
    worker.put_scratch(out);
    let len = head.len;
    connection.buffer.consume(len);
    attempt
}

/// Up to here copying a body behind its head costs less than a call with two parts.
const COPIED: usize = 4 << 10;

const NO_BODY: Piece<'static> = Piece::Memory(&[]);

/// What is sent, before the gateway's own fields.
struct Reply<'h> {
    status: u16,
    lines: &'h [u8],
    body: Piece<'h>,
}

impl<'h> Reply<'h> {
    fn whole(hit: &'h Hit, body: Piece<'h>) -> Reply<'h> {
        Reply { status: hit.head().status(), lines: hit.head().lines(), body }
    }
}

/// What of an answer the socket did not take at once.
pub(super) struct Unsent {
    /// The rest of the head.
    pub(super) head: Vec<u8>,
    /// The body, and the first byte of it that is left to send.
    pub(super) body: Hit,
    pub(super) from: u64,
    pub(super) after: After,
}

/// A fresh answer from the table of recently served ones, where the request is of the plain kind.
fn hot_hit<'a>(plan: &Plan<'a>, worker: &Worker, now: Now) -> Option<(Hit, &'a Origin, RequestRules)> {
    let origin = plan.origin().filter(|origin| origin.cached)?;
    let plain = matches!(plan.request.method, Method::Get | Method::Head)
        && plan.bodiless()
        && !plan.expects_continue
        && !plan.found.add_slash
        && !matches!(plan.upgrade, Upgrade::Wanted(_))
        && !plan.request.fields.contains("range");
    if !plain {
        return None;
    }
    let rules = policy::request(plan.request.fields, plan.request.method, &plan.route.config.cache).ok()?;
    let parts = plan.key(origin, &worker.process.search);
    let hit = worker.process.cache.hot(&parts.key(), plan.request.fields, &rules, now)?;
    Some((hit, origin, rules))
}

/// Asks the limits. `None`: the request or its answer has to wait, or is refused; nothing was taken. An answer at hand is gone in a
/// moment and takes no turn from others.
fn admitted<'g>(plan: &Plan<'g>, gateway: &'g Gateway, worker: &Worker, now: Now) -> Option<Option<Told>> {
    if !admit::lanes(gateway, plan).is_empty() {
        return None;
    }
    let pause = admit::patience(&worker.process, plan, now).ok()?;
    if pause.is_zero() { admit::charge(&worker.process, gateway, plan, Counts::Rates, now).ok() } else { None }
}

/// Writes the head into the worker's buffer.
fn write_head(
    plan: &Plan<'_>,
    hit: &Hit,
    reply: &Reply<'_>,
    worker: &Worker,
    now: Now,
    fields: ToldFields<'_>,
) -> Option<(Vec<u8>, After)> {
    let framing = match reply.status {
        204 | 304 => ReplyFraming::Nothing,
        _ => ReplyFraming::Length(hit.len()),
    };
    let after = if plan.persists && !worker.is_draining() { After::Keep } else { After::Close };
    let told = cache_status::hit(hit.head().ttl(now));
    let tail = Tail {
        edits: &plan.route.response_edits,
        framing,
        connection: connection_option(plan.request.version, framing, after),
        cache_status: Some(&told),
        age: Some(hit.head().age(now)),
        date: if hit.head().is_dated() { None } else { date(now) },
        request_id: Some(&plan.ids),
        told: fields,
    };
    let mut out = worker.take_scratch();
    let reason = status::reason(reply.status).as_bytes();
    match kept_head(&mut out, reply.status, reason, reply.lines, &tail) {
        Ok(_) => Some((out, after)),
        Err(_) => {
            worker.put_scratch(out);
            None
        }
    }
}

/// Sends what the socket takes at once. Gives that, and how much there is. A small body is copied behind its head.
pub(super) fn send(stream: &mut Stream, head: &mut Vec<u8>, body: &Piece<'_>) -> (io::Result<usize>, usize) {
    match body {
        Piece::Memory(body) if body.len() <= COPIED => {
            head.extend_from_slice(body);
            (stream.try_write(head), head.len())
        }
        Piece::Memory(body) => {
            (stream.try_write_vectored(&[IoSlice::new(head), IoSlice::new(body)]), head.len() + body.len())
        }
        Piece::File { file, offset, len } => (stream.try_send_with_file(head, file, *offset, *len), head.len() + len),
    }
}

pub(super) fn settle(sent: io::Result<usize>, whole: usize, head: &[u8], hit: &Hit, after: After) -> Attempt {
    let sent = match sent {
        Ok(sent) => sent,
        Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => 0,
        Err(_) => return Attempt::Gone,
    };
    if sent < whole {
        let (rest, from) = match head.get(sent..) {
            // Nothing but a head was to be sent: there is no body to go on with.
            Some(rest) if whole == head.len() => (rest.to_vec(), hit.len()),
            Some(rest) => (rest.to_vec(), 0),
            None => (Vec::new(), (sent - head.len()) as u64),
        };
        return Attempt::Unsent(Box::new(Unsent { head: rest, body: hit.clone(), from, after }));
    }
    match after {
        After::Keep => Attempt::Answered,
        After::Close | After::Cut | After::Gone => Attempt::AnsweredLast,
    }
}
