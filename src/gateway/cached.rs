//! A request that may be answered from the cache: look up, and where that is not enough, fill or follow.

use std::sync::Arc;

use smol::channel::Receiver;

use crate::base::Now;
use crate::cache::{Failure, Fill, FillEnd, Followed, Follower, Forward, Head, Hit, Lookup, NotStored};
use crate::cache::{PassReason, Permit, RequestRules, StaleFor};
use crate::http::Fields;
use crate::observe::CacheResult;

use super::answer::{self, Shown};
use super::ask::{Answered, pass_interim};
use super::body::RequestBody;
use super::build::Origin;
use super::connection::{After, Connection};
use super::exchange::Exchange;
use super::fill::{self, Asking, Event, Kept, Own};
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
    let asking = Asking::of(exchange, connection.arrival, rules);
    let answered = try_to_answer(exchange, connection, body, origin, rules, &asking).await;
    exchange.account.uplink += asking.received().take();
    exchange.account.uplink_time = exchange.account.uplink_time.or(asking.received().time());
    answered
}

async fn try_to_answer(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    body: &mut RequestBody,
    origin: &Origin,
    rules: &RequestRules,
    asking: &Asking,
) -> Result<After, Refusal> {
    for _ in 0..LOOKS {
        let looked = fill::look_up(exchange.worker, &exchange.plan, origin, rules, exchange.now).await;
        match answer(exchange, connection, body, origin, rules, looked, asking).await {
            Ok(Some(after)) => return Ok(after),
            Ok(None) | Err(Refusal::Damaged) => {}
            Err(Refusal::OtherForm) => {
                return direct::forward(exchange, connection, body, origin, PassReason::NoTransform).await;
            }
            Err(refusal) => return Err(refusal),
        }
    }
    direct::forward(exchange, connection, body, origin, PassReason::Busy).await
}

/// Answers with what is being kept of an answer that was asked for this client.
pub(super) async fn serve_kept(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    kept: Kept,
    forward: Forward,
    asking: &Asking,
) -> Result<After, Refusal> {
    let Kept { follower, own } = kept;
    let came = Came::Asked(Box::new(own));
    let answered = match follow(follower, exchange.plan.request.fields, exchange.now, asking, came).await {
        Turn::Stream { follower, head, length, came } => {
            let shown = shown(came, forward, false, head.ttl(exchange.now));
            answer::followed(exchange, connection, follower, &head, length, &shown, asking).await
        }
        Turn::Hit(..) | Turn::Direct(..) | Turn::GoAlone(_) | Turn::LookAgain | Turn::TakeOver(_) => {
            Err(Refusal::Internal("an answer that is kept cannot be read"))
        }
        Turn::Failed(refusal, _) => Err(refusal),
    };
    exchange.account.uplink += asking.received().take();
    answered
}

/// Answers from what a look-up found; `None`: look again.
async fn answer(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    body: &mut RequestBody,
    origin: &Origin,
    rules: &RequestRules,
    looked: Lookup,
    asking: &Asking,
) -> Result<Option<After>, Refusal> {
    let pursuit = match looked {
        Lookup::Fresh(hit) => {
            let told = cache_status::hit(hit.head().ttl(exchange.now));
            let shown = Shown::new(told, CacheResult::Hit);
            return answer::hit(exchange, connection, &hit, &shown, asking).await.map(Some);
        }
        Lookup::StaleWhileRevalidate(hit, fill) => {
            fill.into_iter().for_each(|fill| asking.start_behind(fill));
            let why = if rules.stands_in.is_some() { "quota" } else { "stale-while-revalidate" };
            let told = cache_status::stale_hit(hit.head().ttl(exchange.now), why);
            let shown = Shown::new(told, CacheResult::Stale);
            return answer::hit(exchange, connection, &hit, &shown, asking).await.map(Some);
        }
        Lookup::OnlyIfCached => return Err(Refusal::OnlyIfCached),
        Lookup::Pass(reason) => return direct::forward(exchange, connection, body, origin, reason).await.map(Some),
        Lookup::Partial { follower, missing } => Pursuit::stored_in_part(follower, missing),
        Lookup::Miss(fill, forward) => Pursuit::own(asking, fill, None, forward),
        Lookup::Follow(follower, forward) => Pursuit::other(follower, None, forward),
        Lookup::Stale(hit, permit, forward) => {
            let down = origin.group.looks_down(exchange.now.mono);
            if down && allowed(exchange, rules, &hit, StaleFor::Unreachable) {
                release(permit);
                let instead = StaleFor::Unreachable;
                return stale(exchange, connection, &hit, forward, instead, asking).await.map(Some);
            }
            match permit {
                Permit::Fill(fill) => Pursuit::own(asking, fill, Some(hit), forward),
                Permit::Follow(follower) => Pursuit::other(follower, Some(hit), forward),
            }
        }
    };
    pursuit.run_to_its_end(exchange, connection, body, origin, rules, asking).await
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
    /// What may stand in.
    stale: Option<Hit>,
    forward: Forward,
    /// All that is wanted is stored, though not all there is.
    covered: bool,
}

/// How a fill's bytes come to a client.
enum Came {
    /// By its own request, beside the field lines that are for it alone.
    Asked(Box<Own>),
    /// By somebody else's request, as they arrive.
    Shared,
    /// They had all arrived when it asked.
    Whole,
}

/// What a step of the pursuit came to.
enum Turn {
    /// `came`: how the bytes come to this client.
    Stream {
        follower: Follower,
        head: Arc<Head>,
        length: Option<u64>,
        came: Came,
    },
    /// And whether the origin itself confirmed it for this request.
    Hit(Hit, bool),
    Direct(Box<Answered>, NotStored),
    GoAlone(PassReason),
    LookAgain,
    Failed(Refusal, StaleFor),
    TakeOver(Fill),
}

impl Pursuit {
    fn other(follower: Follower, stale: Option<Hit>, forward: Forward) -> Pursuit {
        Pursuit { source: Source::Other(follower), stale, forward, covered: false }
    }

    fn own(asking: &Asking, fill: Fill, stale: Option<Hit>, forward: Forward) -> Pursuit {
        let events = asking.start(fill, stale.as_ref());
        Pursuit { source: Source::Own(events), stale, forward, covered: false }
    }

    fn stored_in_part(follower: Follower, missing: bool) -> Pursuit {
        let source = Source::Other(follower);
        Pursuit { source, stale: None, forward: Forward::Partial, covered: !missing }
    }

    /// `None`: look up again.
    async fn run_to_its_end(
        self,
        exchange: &mut Exchange<'_>,
        connection: &mut Connection,
        body: &mut RequestBody,
        origin: &Origin,
        rules: &RequestRules,
        asking: &Asking,
    ) -> Result<Option<After>, Refusal> {
        let Pursuit { mut source, stale, forward, covered } = self;
        let after = loop {
            match turn(source, exchange, connection, asking).await {
                // A fill asks with the client's own method: HEAD would bring no body. Somebody else takes over.
                Turn::TakeOver(fill) if exchange.plan.request.is_head() => {
                    drop(fill);
                    break direct::forward(exchange, connection, body, origin, PassReason::HeadMiss).await;
                }
                Turn::TakeOver(fill) => {
                    source = Source::Own(asking.start(fill, stale.as_ref()));
                }
                Turn::LookAgain => return Ok(None),
                Turn::GoAlone(reason) => break direct::forward(exchange, connection, body, origin, reason).await,
                Turn::Direct(answered, _) if direct::is_for_others(exchange, &answered) => {
                    drop(answered);
                    break Err(Refusal::OtherForm);
                }
                Turn::Direct(answered, why) => {
                    exchange.account.cache = CacheResult::Pass;
                    let told = cache_status::passed(forward, why.word());
                    break direct::relay(exchange, connection, body, *answered, Some(told)).await;
                }
                Turn::Hit(hit, original) => {
                    let told = cache_status::forwarded_as(forward, 304, None);
                    let shown = Shown { original, ..Shown::new(told, CacheResult::Revalidated) };
                    break answer::hit(exchange, connection, &hit, &shown, asking).await;
                }
                Turn::Stream { follower, head, length, came } => {
                    let shown = shown(came, forward, covered, head.ttl(exchange.now));
                    break answer::followed(exchange, connection, follower, &head, length, &shown, asking).await;
                }
                Turn::Failed(refusal, instead) => match &stale {
                    Some(hit) if allowed(exchange, rules, hit, instead) => {
                        break self::stale(exchange, connection, hit, forward, instead, asking).await;
                    }
                    Some(_) => break Err(refusal),
                    None => match in_another_language(exchange, origin, rules, forward, instead).await {
                        Some(hit) => break self::stale(exchange, connection, &hit, forward, instead, asking).await,
                        None => break Err(refusal),
                    },
                },
            }
        };
        after.map(Some)
    }
}

/// Where only the language that is wanted is not kept, and nobody can be asked for it: another one.
async fn in_another_language(
    exchange: &Exchange<'_>,
    origin: &Origin,
    rules: &RequestRules,
    forward: Forward,
    instead: StaleFor,
) -> Option<Hit> {
    if forward != Forward::VaryMiss || instead != StaleFor::Unreachable {
        return None;
    }
    let (process, fields) = (&exchange.worker.process, exchange.plan.request.fields);
    let parts = exchange.plan.key(origin, &process.search);
    let hit = process.cache.in_another_language(&parts.key(), fields, rules, exchange.now).await?;
    allowed(exchange, rules, &hit, instead).then_some(hit)
}

/// What a client is told of an answer that it reads from a fill. `covered`: all that it wants was stored.
fn shown(came: Came, forward: Forward, covered: bool, ttl: i64) -> Shown {
    let hit = || Shown::new(cache_status::hit(ttl), CacheResult::Hit);
    match came {
        _ if covered => hit(),
        Came::Asked(own) => {
            let Own { withheld, original, brought } = *own;
            Shown { withheld, original, brought, ..Shown::new(cache_status::stored(forward), CacheResult::Miss) }
        }
        Came::Shared if forward == Forward::Partial => Shown::new(cache_status::completed(forward), CacheResult::Miss),
        Came::Shared => Shown::new(cache_status::collapsed(forward), CacheResult::Miss),
        Came::Whole => hit(),
    }
}

/// Waits for the next thing that decides about the answer.
async fn turn(source: Source, exchange: &Exchange<'_>, connection: &mut Connection, asking: &Asking) -> Turn {
    let (fields, now) = (exchange.plan.request.fields, exchange.now);
    let events = match source {
        Source::Own(events) => events,
        Source::Other(follower) => return follow(follower, fields, now, asking, Came::Shared).await,
    };
    loop {
        match events.recv().await {
            Ok(Event::Interim(head)) => {
                // A client that is gone is noticed when its answer is written.
                let _ = pass_interim(connection, exchange.gateway, exchange.plan.request.version, &head).await;
            }
            Ok(Event::Stored(follower, own)) => {
                let came = Came::Asked(Box::new(own));
                return follow(follower, fields, now, asking, came).await;
            }
            Ok(Event::Freshened(hit, own)) => return Turn::Hit(hit, own.original),
            Ok(Event::Direct(answered, why)) => return Turn::Direct(answered, why),
            Ok(Event::Alone(reason)) => return Turn::GoAlone(reason),
            Ok(Event::Failed(refusal, instead)) => return Turn::Failed(refusal, instead),
            Err(_) => return Turn::Failed(Refusal::Internal("a fill ended without a word"), StaleFor::Unreachable),
        }
    }
}

/// Waits for the head of what is followed.
async fn follow(mut follower: Follower, fields: Fields<'_>, now: Now, asking: &Asking, came: Came) -> Turn {
    loop {
        match follower.head(fields, now).await {
            Ok(Followed::Ask(fill)) => asking.start_behind(fill),
            followed => return turn_of(followed, follower, came),
        }
    }
}

fn turn_of(followed: Result<Followed, FillEnd>, follower: Follower, came: Came) -> Turn {
    match followed {
        Ok(Followed::Stream { head, length, whole }) => {
            let came = match (came, whole) {
                (Came::Shared, true) => Came::Whole,
                (came, _) => came,
            };
            Turn::Stream { follower, head, length, came }
        }
        Ok(Followed::Hit(hit)) => Turn::Hit(hit, false),
        Ok(Followed::Ask(fill)) => Turn::TakeOver(fill),
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
    asking: &Asking,
) -> Result<After, Refusal> {
    let told = match instead {
        StaleFor::ServerError(status) => cache_status::forwarded_as(forward, status, Some("stale-if-error")),
        StaleFor::Unreachable => cache_status::stale_hit(hit.head().ttl(exchange.now), "unreachable"),
    };
    answer::hit(exchange, connection, hit, &Shown::new(told, CacheResult::Stale), asking).await
}
