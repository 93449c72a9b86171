//! A connection that changes its protocol (WebSocket): forwarded where the route allows, changed only after 101.

use crate::http::connection::upgrade;
use crate::net::{Meter, both_ways, write_all};
use crate::transform::{ConnectionOption, ReplyFraming, ResponseParts, Tail, response_head};

use super::ask::Answered;
use super::body::RequestBody;
use super::build::Origin;
use super::connection::{After, Connection};
use super::direct;
use super::exchange::Exchange;
use super::{Refusal, admit};

/// Asks the upstream to change to `protocol`; where it does not, its answer is passed on as any other.
pub(super) async fn open(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    body: &mut RequestBody,
    origin: &Origin,
    protocol: &[u8],
) -> Result<After, Refusal> {
    let answered = direct::ask_alone(exchange, connection, body, origin, Some(protocol)).await?;
    if answered.head.status != 101 {
        return direct::relay(exchange, connection, body, answered, None).await;
    }
    let changed = upgrade(answered.head.version, answered.head.fields());
    if !changed.is_some_and(|to| to.eq_ignore_ascii_case(protocol)) || !body.is_read() {
        return Err(Refusal::SwitchedUnasked);
    }
    exchange.account.status = 101;
    Ok(run(exchange, connection, answered, protocol).await)
}

async fn run(exchange: &mut Exchange<'_>, connection: &mut Connection, answered: Answered, protocol: &[u8]) -> After {
    let Answered { mut lease, head, .. } = answered;
    let tail = Tail {
        connection: ConnectionOption::Upgrade(protocol),
        ..exchange.tail(ReplyFraming::Nothing, After::Keep, None)
    };
    let parts =
        ResponseParts { version: head.version, status: 101, reason: head.reason(), fields: head.fields(), tail };
    let mut out = Vec::with_capacity(512);
    let mut meter = Meter::new(exchange.gateway.progress);
    let written =
        response_head(&mut out, &parts).is_ok() && write_all(&mut connection.stream, &out, &mut meter).await.is_ok();
    if !written {
        return After::Cut;
    }
    let idle = exchange.gateway.config.timeouts.idle.max(exchange.plan.route.config.upstream.idle);
    let client = (&mut connection.stream, &mut connection.buffer);
    let carried = both_ways(client, lease.tunnel(), idle).await;
    exchange.account.sent = carried.back;
    let both = carried.back.saturating_add(carried.there);
    admit::pay_for(&exchange.worker.process, exchange.gateway, &exchange.plan, both);
    exchange.account.uplink += both;
    exchange.account.complete = true;
    After::Gone
}
