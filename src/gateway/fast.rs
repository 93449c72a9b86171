//! The hot path: a small cached answer, from the bytes of the request to the bytes of the answer without waiting.
//!
//! One read has happened; here follow a parse into fixed spans, the plan, one look-up in the table of recently served
//! answers, and one `writev`. Everything else (a head that is not all there, a body, a miss, a large answer, any
//! refusal) is [`Attempt::Slow`]: nothing was consumed, and the slow path begins from the same bytes.

use std::io::{self, IoSlice};
use std::rc::Rc;

use crate::cache::{Hit, Key, policy};
use crate::http::conditional::{self, Outcome};
use crate::http::{Method, Parse, RequestHead, Scan, status};
use crate::observe::CacheResult;
use crate::transform::{ReplyFraming, Upgrade, stored_head};

use super::connection::{After, Connection};
use super::exchange::{Account, connection_option, date, record};
use super::plan::{Plan, Request, plan};
use super::{Gateway, Worker, cache_status};
use crate::base::Now;
use crate::transform::Tail;

/// What became of the attempt.
pub(super) enum Attempt {
    Answered,
    /// Answered, and the connection ends.
    AnsweredLast,
    /// The client has left.
    Gone,
    /// The socket took only a part of the answer; these bytes are left, and then the connection goes on or ends.
    Unsent(Vec<u8>, After),
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
    let bytes = connection.buffer.bytes();
    let Ok(Parse::Complete(head)) = RequestHead::parse(bytes, &gateway.limits, &mut Scan::default()) else {
        return Attempt::Slow;
    };
    let request = Request::within(&head, bytes);
    let Ok(plan) = plan(&gateway, request, connection.arrival, worker.draw()) else { return Attempt::Slow };
    let Some(hit) = hot_hit(&plan, worker, now) else { return Attempt::Slow };
    let Some(body) = hit.memory() else { return Attempt::Slow };
    let reply = match conditional::evaluate(request.fields, request.method, &hit.head().validators()) {
        Outcome::Proceed => Reply { status: hit.head().status(), lines: hit.head().lines(), body },
        Outcome::NotModified => Reply { status: 304, lines: hit.head().lines_not_modified(), body: &[] },
        Outcome::PreconditionFailed => return Attempt::Slow,
    };
    let written = answer(&plan, &hit, &reply, &gateway, worker, now);
    let Some((out, after)) = written else { return Attempt::Slow };
    let body = if request.is_head() { &[] } else { reply.body };
    let sent = connection.stream.try_write_vectored(&[IoSlice::new(&out), IoSlice::new(body)]);
    let account = Account {
        status: reply.status,
        cache: CacheResult::Hit,
        sent: body.len() as u64,
        complete: sent.is_ok(),
        ..Account::default()
    };
    record(worker, &gateway, now, &plan, &account);
    let attempt = settle(sent, &out, body, after);
    worker.put_scratch(out);
    let len = head.len;
    connection.buffer.consume(len);
    attempt
}

/// What is sent, before the gateway's own fields.
struct Reply<'h> {
    status: u16,
    lines: &'h [u8],
    body: &'h [u8],
}

/// A fresh answer from the table of recently served ones, where the request is of the plain kind.
fn hot_hit(plan: &Plan<'_>, worker: &Worker, now: Now) -> Option<Hit> {
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
    let key_origin = plan.key_origin(origin);
    let path = plan.forwarded_path(origin, 0);
    let key = Key::new(&key_origin, &path, plan.target.query.as_deref());
    worker.process.cache.hot(&key, plan.request.fields, &rules, now)
}

/// Writes the head into the worker's buffer.
fn answer(
    plan: &Plan<'_>,
    hit: &Hit,
    reply: &Reply<'_>,
    gateway: &Gateway,
    worker: &Worker,
    now: Now,
) -> Option<(Vec<u8>, After)> {
    let framing = if reply.status == 304 { ReplyFraming::Nothing } else { ReplyFraming::Length(hit.len()) };
    let after = if plan.persists && !worker.is_draining() { After::Keep } else { After::Close };
    let told = cache_status::hit(hit.head().ttl(now));
    let tail = Tail {
        edits: &plan.route.response_edits,
        framing,
        connection: connection_option(plan.request.version, framing, after),
        cache_status: Some(&told),
        age: Some(hit.head().age(now)),
        date: date(now),
        request_id: Some(&plan.ids),
    };
    let _ = gateway;
    let mut out = worker.take_scratch();
    let reason = status::reason(reply.status).as_bytes();
    match stored_head(&mut out, reply.status, reason, reply.lines, &tail) {
        Ok(_) => Some((out, after)),
        Err(_) => {
            worker.put_scratch(out);
            None
        }
    }
}

fn settle(sent: io::Result<usize>, head: &[u8], body: &[u8], after: After) -> Attempt {
    let sent = match sent {
        Ok(sent) => sent,
        Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => 0,
        Err(_) => return Attempt::Gone,
    };
    let whole = head.len() + body.len();
    if sent < whole {
        let rest = head.iter().chain(body).skip(sent).copied().collect();
        return Attempt::Unsent(rest, after);
    }
    match after {
        After::Keep => Attempt::Answered,
        After::Close | After::Cut | After::Gone => Attempt::AnsweredLast,
    }
}
