//! One exchange at leisure: from the first bytes of a head to the record.

use std::rc::Rc;
use std::sync::Arc;

use crate::cache::{RequestRules, policy};
use crate::http::{BadRequest, Flaw};
use crate::http::{Fields, Method, OwnedRequest, Parse, RequestHead, Scan, connection};
use crate::net::{Filled, within};
use crate::observe::CacheResult;
use crate::routing::Found;
use crate::transform::{ReplyFraming, Upgrade};

use super::admit::{Counts, Told};
use super::body::RequestBody;
use super::build::{Destination, Origin};
use super::connection::{After, Connection};
use super::exchange::{Account, Exchange, record};
use super::fast::Unsent;
use super::flow::Pace;
use super::identify::Caller;
use super::plan::{Plan, Request, plan, plan_on};
use super::refusal::Blame;
use super::refuse::{Own, refuse_unplanned, send_unplanned};
use super::reply::Reply;
use super::{Gateway, Refusal, Worker, admin, admit, answer, cached, direct, files, identify, speak, tunnel};
use crate::cache::PassReason;

/// Serves the request whose first bytes are in the connection's buffer.
pub(super) async fn serve(connection: &mut Connection, worker: &Rc<Worker>) -> After {
    let _busy = worker.busy();
    let gateway = worker.gateway();
    let now = worker.process.clock.now();
    let mut owned = match read_head(connection, &gateway).await {
        Ok(Some(owned)) => owned,
        Ok(None) => return After::Gone,
        Err(refusal) => return refuse_unplanned(connection, worker, &gateway, now, None, &refusal, false).await,
    };
    if connection.admin {
        return admin::answer(connection, worker, &gateway, now, &Request::of(&owned)).await;
    }
    let random = worker.draw();
    let (identified, found) = identify(connection, worker, &gateway, &mut owned, random).await;
    let owned = Rc::new(owned);
    let request = Request::of(&owned);
    let planned = match found {
        Some(found) => plan_on(&gateway, request, connection.arrival, random, found),
        None => plan(&gateway, request, connection.arrival, random),
    };
    match planned {
        Ok(mut plan) => {
            let refusal = match identified {
                Ok(caller) => {
                    plan.caller = caller;
                    None
                }
                Err(refusal) => Some(refusal),
            };
            let body = RequestBody::new(plan.framing, gateway.progress, plan.expects_continue);
            let account = Account::default();
            let (told, turn) = (None, None);
            let exchange =
                Exchange { worker, gateway: &gateway, now, owned: &owned, random, plan, account, told, turn };
            carry_out(exchange, connection, body, refusal).await
        }
        Err(refusal) => refuse_unrouted(connection, worker, &gateway, &request, &refusal).await,
    }
}

/// Sends what the fast path could not get rid of at once.
pub(super) async fn finish(connection: &mut Connection, worker: &Rc<Worker>, unsent: &Unsent) -> After {
    let _busy = worker.busy();
    let progress = worker.gateway().progress;
    let framing = ReplyFraming::Length(unsent.body.len());
    let mut reply = Reply::new(connection, progress, framing, unsent.head.clone());
    let mut body = unsent.body.body(unsent.from..unsent.body.len());
    let sent = async {
        while let Some(piece) = body.next(answer::PIECE).await.map_err(|_| After::Cut)? {
            reply.piece(piece).await.map_err(|_| After::Cut)?;
        }
        reply.end(Fields::NONE).await.map_err(|_| After::Cut)
    };
    match sent.await {
        Ok(_) => unsent.after,
        Err(after) => after,
    }
}

/// Reads a head to its end, under its deadline. `None`: the client has left.
async fn read_head(connection: &mut Connection, gateway: &Gateway) -> Result<Option<OwnedRequest>, Refusal> {
    let mut scan = Scan::default();
    let Connection { buffer, stream, .. } = connection;
    let reading = async {
        loop {
            let parsed = RequestHead::parse(buffer.bytes(), &gateway.limits, &mut scan);
            if let Parse::Complete(head) = parsed.map_err(Refusal::BadRequest)? {
                let owned = head.detach(buffer.bytes());
                buffer.consume(head.len);
                return Ok(Some(owned));
            }
            match buffer.fill(stream, gateway.limits.head).await {
                Ok(Filled::Bytes(_)) => {}
                Ok(Filled::Full) => return Err(Refusal::BadRequest(BadRequest::Head(Flaw::HeadTooLarge))),
                Ok(Filled::End) | Err(_) => return Ok(None),
            }
        }
    };
    within(gateway.config.timeouts.head, reading).await.unwrap_or(Err(Refusal::HeadTooSlow))
}

async fn refuse_unrouted(
    connection: &mut Connection,
    worker: &Rc<Worker>,
    gateway: &Arc<Gateway>,
    request: &Request<'_>,
    refusal: &Refusal,
) -> After {
    let now = worker.process.clock.now();
    let mut keep = connection::persists(request.version, request.fields);
    if let (false, Ok(framing)) = (refusal.closes(), crate::http::framing::request(request.version, request.fields)) {
        let mut body = RequestBody::new(framing, gateway.progress, request.fields.contains("expect"));
        body.read_off(connection).await;
        keep &= body.is_read();
    }
    if let Refusal::Spoken(spoken) = refusal {
        let page = speak::page(worker, gateway, connection, request, *spoken);
        return send_unplanned(connection, worker, gateway, now, request, &page.own()).await;
    }
    refuse_unplanned(connection, worker, gateway, now, Some(request), refusal, keep).await
}

/// Finds out who it is, and takes out of the head what is for the gateway alone: nothing that comes after sees a
/// credential. A request without a plan is nobody's; why it has none is told when it is planned. The route that was found
/// stays the request's.
async fn identify(
    connection: &Connection,
    worker: &Worker,
    gateway: &Gateway,
    owned: &mut OwnedRequest,
    random: [u64; 4],
) -> (Result<Option<Caller>, Refusal>, Option<Found>) {
    let (identified, found) = {
        let Ok(plan) = plan(gateway, Request::of(owned), connection.arrival, random) else { return (Ok(None), None) };
        let let_in = let_in(worker, &plan).await;
        if !plan.route.hides_anything() {
            return (let_in.map(|()| None), Some(plan.found));
        }
        let presented = connection.presented.as_ref();
        let identified = match let_in {
            Ok(()) => Box::pin(identify::identify_at_leisure(worker, gateway, &plan, presented)).await,
            Err(refusal) => Err(refusal),
        };
        (identified, plan.found)
    };
    if let Some(route) = gateway.routes.get(found.route.index()) {
        identify::hide(owned, route);
    }
    (identified, Some(found))
}

/// What is asked before anybody is identified: addresses, sizes, and the budgets of addresses. One who guesses keys must
/// not find out by the answer which of them was right, and must not make us hash passwords without end.
async fn let_in(worker: &Worker, plan: &Plan<'_>) -> Result<(), Refusal> {
    plan.permitted()?;
    let process = &worker.process;
    let pause = admit::patience(process, plan, process.clock.now())?;
    if !pause.is_zero() {
        let _ = within(pause, std::future::pending::<()>()).await;
    }
    Ok(())
}

/// `refusal`: what was found out already.
async fn carry_out(
    mut exchange: Exchange<'_>,
    connection: &mut Connection,
    mut body: RequestBody,
    refusal: Option<Refusal>,
) -> After {
    let admitted = match refusal {
        Some(refusal) => Err(refusal),
        None => admit(&mut exchange).await,
    };
    connection.pace = Pace::new(&exchange.worker.process, admit::lanes(exchange.gateway, &exchange.plan));
    let answered = match admitted {
        Ok(()) => {
            let answered = dispatch(&mut exchange, connection, &mut body).await;
            let free = match &answered {
                Ok(_) => matches!(exchange.account.cache, CacheResult::Hit | CacheResult::Stale),
                Err(refusal) => refusal.verdict().blame == Blame::Peer,
            };
            if free && exchange.told.as_ref().is_some_and(Told::is_counted) {
                admit::give_back(&exchange.worker.process, exchange.gateway, &exchange.plan);
            }
            answered
        }
        Err(refusal) => Err(refusal),
    };
    // What was sent in went over the link, whatever the upstream said to it.
    let went_on = answered.as_ref().map_or_else(|refusal| refusal.verdict().blame == Blame::Peer, |_| true);
    let after = match answered {
        Ok(after) => after,
        Err(refusal) => {
            if !refusal.closes() {
                body.read_off(connection).await;
            }
            exchange.refuse(connection, &refusal, body.is_read()).await
        }
    };
    connection.pace = None;
    exchange.account.uploaded = body.reader.received();
    if went_on && exchange.plan.origin().is_some() {
        admit::pay_for(&exchange.worker.process, exchange.gateway, &exchange.plan, exchange.account.uploaded);
    }
    record(exchange.worker, exchange.gateway, exchange.now, &exchange.plan, &exchange.account);
    after
}

/// Asks the limits, and waits where they say so.
async fn admit(exchange: &mut Exchange<'_>) -> Result<(), Refusal> {
    let (process, gateway) = (&exchange.worker.process, exchange.gateway);
    exchange.turn = admit::turn(process, gateway, &exchange.plan).await?;
    // Waiting took time in which the buckets filled.
    let now = process.clock.now();
    exchange.told = admit::charge(process, gateway, &exchange.plan, Counts::Everything, now)?;
    exchange.plan.route.agreement.head(&exchange.plan)
}

/// Sends the request where its route leads. A refusal means that nothing was sent to the client.
async fn dispatch(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    body: &mut RequestBody,
) -> Result<After, Refusal> {
    let route = exchange.plan.route;
    if let Some(framing) = route.agreement.body(&exchange.plan, connection, body).await? {
        // It passed, and is read once more.
        exchange.plan.framing = framing;
        exchange.plan.expects_continue = false;
        *body = RequestBody::new(framing, exchange.gateway.progress, false);
    }
    if exchange.plan.found.add_slash && matches!(exchange.plan.request.method, Method::Get | Method::Head) {
        body.read_off(connection).await;
        let location = slashed(exchange);
        return Ok(redirect(exchange, connection, body, 301, &location).await);
    }
    if exchange.plan.origin().is_none() {
        exchange.told.as_ref().map_or(Ok(()), Told::may_answer)?;
    }
    match &route.destination {
        Destination::Upstream(origin) => forward(exchange, connection, body, origin).await,
        Destination::Files(folder) => {
            body.read_off(connection).await;
            files::answer(exchange, connection, body.is_read(), folder).await
        }
        Destination::Redirect { location, status } => {
            body.read_off(connection).await;
            Ok(redirect(exchange, connection, body, *status, location).await)
        }
        Destination::Respond { status, text, content_type } => {
            body.read_off(connection).await;
            let lines = if text.is_empty() { String::new() } else { format!("Content-Type: {content_type}\r\n") };
            let own = Own { status: *status, lines, body: text.as_bytes() };
            Ok(exchange.own(connection, &own, body.is_read()).await)
        }
        Destination::Broken(why) => Err(Refusal::Misconfigured(why.clone())),
    }
}

async fn forward(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    body: &mut RequestBody,
    origin: &Origin,
) -> Result<After, Refusal> {
    let plan = &exchange.plan;
    let may_fetch = exchange.told.as_ref().map_or(Ok(()), Told::may_fetch);
    if let (Upgrade::Wanted(protocol), true) = (plan.upgrade, plan.route.config.upgrade) {
        may_fetch?;
        return tunnel::open(exchange, connection, body, origin, protocol).await;
    }
    match policy::request(plan.request.fields, plan.request.method, &plan.route.config.cache) {
        Ok(rules) if plan.bodiless() => {
            let rules = match may_fetch {
                Ok(()) => rules,
                // Who wants no stale answer in any case gets none here either.
                Err(_) if rules.only_if_cached => rules,
                Err(_) => {
                    RequestRules { only_if_cached: true, stands_in: Some(plan.route.config.cache.stale), ..rules }
                }
            };
            let served = cached::serve(exchange, connection, body, origin, &rules).await;
            // Nothing is there that could be answered, and nothing may be fetched.
            served.map_err(|refusal| match (refusal, may_fetch) {
                (Refusal::OnlyIfCached, Err(used_up)) => used_up,
                (refusal, _) => refusal,
            })
        }
        _ if may_fetch.is_err() => may_fetch.map(|()| After::Keep),
        Ok(_) => direct::forward(exchange, connection, body, origin, PassReason::RequestBody).await,
        Err(reason) => direct::forward(exchange, connection, body, origin, reason).await,
    }
}

async fn redirect(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    body: &RequestBody,
    status: u16,
    location: &str,
) -> After {
    let own = Own { status, lines: format!("Location: {location}\r\n"), body: &[] };
    exchange.own(connection, &own, body.is_read()).await
}

/// The request's own path with a slash at its end.
fn slashed(exchange: &Exchange<'_>) -> String {
    let target = &exchange.plan.target;
    match target.query.as_deref() {
        Some(query) => format!("{}/?{query}", target.path),
        None => format!("{}/", target.path),
    }
}
