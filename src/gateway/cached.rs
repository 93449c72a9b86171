//! A request that may be answered from the cache: look up, and where that is not enough, fill or follow.

use crate::cache::{Failure, RequestRules, StaleFor};
use crate::cache::{Fill, FillEnd, Followed, Follower, Forward, Head, Hit, Key, Lookup, NotStored, PassReason, Permit};
use crate::observe::CacheResult;
use std::rc::Rc;
use std::sync::Arc;

use smol::channel::Receiver;

use super::answer::{self, Shown};
use super::ask::{Answered, pass_interim};
use super::body::RequestBody;
use super::build::Origin;
use super::connection::{After, Connection};
use super::exchange::Exchange;
use super::fill::{self, Event, Received, Started};
use super::refusal::SERVER_ERROR;
use super::{Refusal, cache_status, direct};

/// How often a request looks again because what it followed turned out to be for others.
const LOOKS: usize = 4;

/// Answers from the cache, from a fill, or from the upstream alone.
pub(super) async fn serve(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    body: &mut RequestBody,
    origin: &Origin,
    rules: &RequestRules,
) -> Result<After, Refusal> {
    for _ in 0..LOOKS {
        let looked = look_up(exchange, origin, rules).await;
        match answer(exchange, connection, body, origin, rules, looked).await {
            Ok(Some(after)) => return Ok(after),
            Ok(None) | Err(Refusal::Damaged) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    direct::forward(exchange, connection, body, origin, PassReason::Busy).await
}

/// Answers from what a look-up found; `None`: look again.
async fn answer(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    body: &mut RequestBody,
    origin: &Origin,
    rules: &RequestRules,
    looked: Lookup,
) -> Result<Option<After>, Refusal> {
    let pursuit = match looked {
        Lookup::Fresh(hit) => {
            let told = cache_status::hit(hit.head().ttl(exchange.now));
            let shown = Shown { told, result: CacheResult::Hit };
            return answer::hit(exchange, connection, &hit, &shown).await.map(Some);
        }
        Lookup::StaleWhileRevalidate(hit, _) => {
            let told = cache_status::stale_hit(hit.head().ttl(exchange.now), "stale-while-revalidate");
            let shown = Shown { told, result: CacheResult::Stale };
            return answer::hit(exchange, connection, &hit, &shown).await.map(Some);
        }
        Lookup::Partial { follower, missing: _ } => Pursuit::other(follower, None, Forward::Partial),
        Lookup::OnlyIfCached => return Err(Refusal::OnlyIfCached),
        Lookup::Pass(reason) => return direct::forward(exchange, connection, body, origin, reason).await.map(Some),
        Lookup::Miss(fill, forward) => Pursuit::own(exchange, connection, rules, fill, None, forward),
        Lookup::Follow(follower, forward) => Pursuit::other(follower, None, forward),
        Lookup::Stale(hit, permit, forward) => {
            let down = origin.group.looks_down(exchange.now.mono);
            if down && allowed(exchange, rules, &hit, StaleFor::Unreachable) {
                release(permit);
                return stale(exchange, connection, &hit, forward, StaleFor::Unreachable).await.map(Some);
            }
            match permit {
                Permit::Fill(fill) => Pursuit::own(exchange, connection, rules, fill, Some(hit), forward),
                Permit::Follow(follower) => Pursuit::other(follower, Some(hit), forward),
            }
        }
    };
    pursuit.run_to_its_end(exchange, connection, body, origin, rules).await
}

async fn look_up(exchange: &Exchange<'_>, origin: &Origin, rules: &RequestRules) -> Lookup {
    let plan = &exchange.plan;
    let key_origin = plan.key_origin(origin);
    let path = plan.forwarded_path(origin, 0);
    let key = Key::new(&key_origin, &path, plan.target.query.as_deref());
    let cache = &exchange.worker.process.cache;
    cache.lookup(&key, plan.request.fields, rules, &plan.route.config.cache, exchange.now).await
}

/// A stale answer is at hand and the upstream is known to be down: nobody asks now, and nobody waits for us.
fn release(permit: Permit) {
    match permit {
        Permit::Fill(fill) => fill.failed(Failure { status: 502, word: "unreachable" }),
        Permit::Follow(_) => {}
    }
}

/// Where the answer comes from.
#[expect(clippy::large_enum_variant, reason = "moved a few times in the course of a miss, never kept in numbers")]
enum Source {
    Own(Receiver<Event>),
    Other(Follower),
}

/// The way from a look-up that was not enough to an answer.
struct Pursuit {
    source: Source,
    /// What this request's own fill took over the uplink.
    received: Option<Rc<Received>>,
    /// What may stand in.
    stale: Option<Hit>,
    forward: Forward,
}

/// How a fill's bytes come to a client.
enum Came {
    /// By its own request.
    Asked,
    /// By somebody else's request, as they arrive.
    Shared,
    /// They had all arrived when it asked.
    Whole,
}

/// What a step of the pursuit came to.
#[expect(clippy::large_enum_variant, reason = "moved a few times in the course of a miss, never kept in numbers")]
enum Turn {
    /// `came`: how the bytes come to this client.
    Stream {
        follower: Follower,
        head: Arc<Head>,
        length: Option<u64>,
        came: Came,
    },
    Hit(Hit),
    Direct(Box<Answered>, NotStored),
    GoAlone(PassReason),
    LookAgain,
    Failed(Refusal, StaleFor),
    TakeOver(Fill),
}

impl Pursuit {
    fn other(follower: Follower, stale: Option<Hit>, forward: Forward) -> Pursuit {
        Pursuit { source: Source::Other(follower), received: None, stale, forward }
    }

    fn own(
        exchange: &Exchange<'_>,
        connection: &Connection,
        rules: &RequestRules,
        fill: Fill,
        stale: Option<Hit>,
        forward: Forward,
    ) -> Pursuit {
        let Started { events, received } = fill::start(exchange, connection.arrival, rules, fill, stale.as_ref());
        Pursuit { source: Source::Own(events), received: Some(received), stale, forward }
    }

    /// `None`: look up again.
    async fn run_to_its_end(
        self,
        exchange: &mut Exchange<'_>,
        connection: &mut Connection,
        body: &mut RequestBody,
        origin: &Origin,
        rules: &RequestRules,
    ) -> Result<Option<After>, Refusal> {
        let Pursuit { mut source, mut received, stale, forward } = self;
        let after = loop {
            match turn(source, exchange, connection).await {
                // A fill asks with the client's own method: HEAD would bring no body. Somebody else takes over.
                Turn::TakeOver(fill) if exchange.plan.request.is_head() => {
                    drop(fill);
                    break direct::forward(exchange, connection, body, origin, PassReason::HeadMiss).await;
                }
                Turn::TakeOver(fill) => {
                    let started = fill::start(exchange, connection.arrival, rules, fill, stale.as_ref());
                    source = Source::Own(started.events);
                    received = Some(started.received);
                }
                Turn::LookAgain => return Ok(None),
                Turn::GoAlone(reason) => break direct::forward(exchange, connection, body, origin, reason).await,
                Turn::Direct(answered, why) => {
                    exchange.account.cache = CacheResult::Pass;
                    let told = cache_status::passed(forward, why.word());
                    break direct::relay(exchange, connection, body, *answered, Some(told)).await;
                }
                Turn::Hit(hit) => {
                    let told = cache_status::forwarded_as(forward, 304, None);
                    let shown = Shown { told, result: CacheResult::Revalidated };
                    break answer::hit(exchange, connection, &hit, &shown).await;
                }
                Turn::Stream { follower, head, length, came } => {
                    let shown = match came {
                        Came::Asked => Shown { told: cache_status::stored(forward), result: CacheResult::Miss },
                        Came::Shared => Shown { told: cache_status::collapsed(forward), result: CacheResult::Miss },
                        Came::Whole => {
                            Shown { told: cache_status::hit(head.ttl(exchange.now)), result: CacheResult::Hit }
                        }
                    };
                    break answer::followed(exchange, connection, follower, &head, length, &shown).await;
                }
                Turn::Failed(refusal, instead) => match &stale {
                    Some(hit) if allowed(exchange, rules, hit, instead) => {
                        break self::stale(exchange, connection, hit, forward, instead).await;
                    }
                    Some(_) | None => break Err(refusal),
                },
            }
        };
        if let Some(received) = received {
            exchange.account.uplink += received.take();
            exchange.account.uplink_time = exchange.account.uplink_time.or(received.time());
        }
        after.map(Some)
    }
}

/// Waits for the next thing that decides about the answer.
async fn turn(source: Source, exchange: &Exchange<'_>, connection: &mut Connection) -> Turn {
    let (fields, now) = (exchange.plan.request.fields, exchange.now);
    let events = match source {
        Source::Own(events) => events,
        Source::Other(mut follower) => {
            let followed = follower.head(fields, now).await;
            return turn_of(followed, follower, false);
        }
    };
    loop {
        match events.recv().await {
            Ok(Event::Interim(head)) => {
                // A client that is gone is noticed when its answer is written.
                let _ = pass_interim(connection, exchange.gateway, exchange.plan.request.version, &head).await;
            }
            Ok(Event::Stored(mut follower)) => {
                let followed = follower.head(fields, now).await;
                return turn_of(followed, follower, true);
            }
            Ok(Event::Freshened(hit)) => return Turn::Hit(hit),
            Ok(Event::Direct(answered, why)) => return Turn::Direct(answered, why),
            Ok(Event::Failed(refusal, instead)) => return Turn::Failed(refusal, instead),
            Err(_) => return Turn::Failed(Refusal::Internal("a fill ended without a word"), StaleFor::Unreachable),
        }
    }
}

fn turn_of(followed: Result<Followed, FillEnd>, follower: Follower, own: bool) -> Turn {
    match followed {
        Ok(Followed::Stream { head, length, whole }) => {
            let came = match (own, whole) {
                (true, _) => Came::Asked,
                (false, true) => Came::Whole,
                (false, false) => Came::Shared,
            };
            Turn::Stream { follower, head, length, came }
        }
        Ok(Followed::Hit(hit)) => Turn::Hit(hit),
        Ok(Followed::Ask(_)) => Turn::LookAgain,
        Err(FillEnd::GoAlone(reason)) => Turn::GoAlone(reason),
        Err(FillEnd::LookAgain) => Turn::LookAgain,
        Err(FillEnd::TakeOver(fill)) => Turn::TakeOver(fill),
        Err(FillEnd::Failed(failure)) => {
            let instead = match failure.word {
                SERVER_ERROR => StaleFor::ServerError(failure.status),
                _ => StaleFor::Unreachable,
            };
            Turn::Failed(Refusal::OfFill(failure), instead)
        }
    }
}

fn allowed(exchange: &Exchange<'_>, rules: &RequestRules, hit: &Hit, instead: StaleFor) -> bool {
    hit.stale_allowed(rules, &exchange.plan.route.config.cache, instead, exchange.now).is_ok()
}

/// Serves a stale answer in place of an upstream that cannot be reached, or that failed.
async fn stale(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    hit: &Hit,
    forward: Forward,
    instead: StaleFor,
) -> Result<After, Refusal> {
    let told = match instead {
        StaleFor::ServerError(status) => cache_status::forwarded_as(forward, status, Some("stale-if-error")),
        StaleFor::Unreachable => cache_status::stale_hit(hit.head().ttl(exchange.now), "unreachable"),
    };
    answer::hit(exchange, connection, hit, &Shown { told, result: CacheResult::Stale }).await
}
