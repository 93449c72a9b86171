//! Answers from stored bytes: a hit, or somebody's fill as it goes on.

use std::borrow::Cow;
use std::ops::Range;

use crate::cache::{Follower, Head, Hit, HitBody, Piece};
use crate::http::conditional::{self, Outcome};
use crate::http::range::{self, ByteRange, ContentRange, RangeSet, Wanted};
use crate::http::{FieldSpans, Fields, Method, status};
use crate::net::WriteError;
use crate::observe::CacheResult;
use crate::transform::{ReplyFraming, Tail, stored_head};

use super::Refusal;
use super::cache_status::Member;
use super::connection::{After, Connection};
use super::exchange::Exchange;
use super::multipart::Multipart;
use super::reply::Reply;

/// The most that is sent of a stored body before other connections of the thread get their turn.
pub(super) const PIECE: usize = 256 * 1024;

/// What the client and the record are told about where an answer came from.
pub(super) struct Shown {
    pub(super) told: Member,
    pub(super) result: CacheResult,
}

/// What of a stored representation a request asks for.
enum Part {
    Whole,
    /// Never empty.
    Ranges(RangeSet),
    /// 304
    Nothing,
    Unsatisfiable,
}

/// Answers with a complete stored answer. [`Refusal::Damaged`]: it turned out not to be what was stored before any of
/// it was sent, and is gone; look again.
pub(super) async fn hit(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    hit: &Hit,
    shown: &Shown,
) -> Result<After, Refusal> {
    let head = Outgoing::new(exchange, hit.head(), Some(hit.len()), shown)?;
    let Some(mut reply) = head.begin(exchange, connection) else {
        return Ok(exchange.bodiless_end(connection, head).await);
    };
    let mut source = Source::Hit(hit.body(0..0), hit);
    let sent = head.body.send(&mut reply, &mut source).await;
    if matches!(sent, Err(Broken::Source)) && reply.is_untouched() {
        return Err(Refusal::Damaged);
    }
    Ok(exchange.settle(reply, sent, hit.trailers(), head.after).await)
}

/// Answers from a fill that is under way, as its bytes arrive.
pub(super) async fn followed(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    follower: Follower,
    stored: &Head,
    length: Option<u64>,
    shown: &Shown,
) -> Result<After, Refusal> {
    let head = Outgoing::new(exchange, stored, length, shown)?;
    let Some(mut reply) = head.begin(exchange, connection) else {
        return Ok(exchange.bodiless_end(connection, head).await);
    };
    let mut source = Source::Follower(Box::new(follower));
    let sent = match reply.head().await {
        Ok(()) => head.body.send(&mut reply, &mut source).await,
        Err(error) => Err(error.into()),
    };
    Ok(exchange.settle(reply, sent, source.trailers(), head.after).await)
}

/// Where the bytes of a body come from.
enum Source<'h> {
    Hit(HitBody, &'h Hit),
    Follower(Box<Follower>),
}

impl Source<'_> {
    /// From here on these bytes are wanted.
    fn range(&mut self, range: Range<u64>) {
        match self {
            Source::Hit(body, hit) => *body = hit.body(range),
            Source::Follower(follower) => follower.range(range),
        }
    }

    async fn next(&mut self) -> Result<Option<Piece<'_>>, Broken> {
        match self {
            Source::Hit(body, _) => body.next(PIECE).await.map_err(|_| Broken::Source),
            Source::Follower(follower) => follower.next(PIECE).await.map_err(|_| Broken::Source),
        }
    }

    fn trailers(&self) -> &[u8] {
        match self {
            Source::Hit(_, hit) => hit.trailers(),
            Source::Follower(follower) => follower.trailers(),
        }
    }
}

/// What follows the head.
enum Body {
    None,
    Whole,
    One(ByteRange),
    Several(Multipart),
}

impl Body {
    async fn send(&self, reply: &mut Reply<'_>, source: &mut Source<'_>) -> Result<(), Broken> {
        match self {
            Body::None => Ok(()),
            Body::Whole => {
                source.range(0..u64::MAX);
                pass(reply, source).await
            }
            Body::One(range) => {
                source.range(bytes_of(*range));
                pass(reply, source).await
            }
            Body::Several(parts) => {
                for range in parts.ranges() {
                    reply.bytes(&parts.delimiter(*range)).await?;
                    source.range(bytes_of(*range));
                    pass(reply, source).await?;
                }
                Ok(reply.bytes(&parts.end()).await?)
            }
        }
    }
}

async fn pass(reply: &mut Reply<'_>, source: &mut Source<'_>) -> Result<(), Broken> {
    while let Some(piece) = source.next().await? {
        reply.piece(piece).await?;
    }
    Ok(())
}

fn bytes_of(range: ByteRange) -> Range<u64> {
    range.first..range.last.saturating_add(1)
}

/// Why a body did not get to the client whole.
enum Broken {
    /// The card or the upstream: the client must see that its answer was cut.
    Source,
    Client,
}

impl From<WriteError> for Broken {
    fn from(error: WriteError) -> Broken {
        match error {
            WriteError::ShortFile => Broken::Source,
            WriteError::TooSlow | WriteError::Io(_) => Broken::Client,
        }
    }
}

/// The head of an answer from the store, and what follows it.
struct Outgoing {
    head: Vec<u8>,
    framing: ReplyFraming,
    after: After,
    body: Body,
}

impl Outgoing {
    fn new(
        exchange: &mut Exchange<'_>,
        stored: &Head,
        length: Option<u64>,
        shown: &Shown,
    ) -> Result<Outgoing, Refusal> {
        let part = part(exchange, stored, length)?;
        let random = exchange.worker.draw();
        let Shape { status, framing, body, lines } = Shape::of(exchange, stored, length, part, random);
        let body = if exchange.plan.request.is_head() { Body::None } else { body };
        let after = exchange.after(framing, true);
        exchange.account.status = status;
        exchange.account.cache = shown.result;
        // An answer that the origin gave or confirmed just now has none (RFC 9111 §5.1).
        let age = Some(stored.age(exchange.now))
            .filter(|age| *age > 0 || matches!(shown.result, CacheResult::Hit | CacheResult::Stale));
        let tail = Tail { age, ..exchange.tail(framing, after, Some(&shown.told)) };
        let mut head = Vec::with_capacity(1024);
        stored_head(&mut head, status, status::reason(status).as_bytes(), &lines, &tail)
            .map_err(|_| Refusal::Internal("a stored head is not legal"))?;
        Ok(Outgoing { head, framing, after, body })
    }

    /// The reply that the body goes into; `None` where there is none.
    fn begin<'c>(&self, exchange: &Exchange<'_>, connection: &'c mut Connection) -> Option<Reply<'c>> {
        if matches!(self.body, Body::None) {
            return None;
        }
        Some(Reply::new(connection, exchange.gateway.progress, self.framing, self.head.clone()))
    }
}

/// How an answer looks once it is known what of the stored one is wanted.
struct Shape<'s> {
    status: u16,
    framing: ReplyFraming,
    body: Body,
    lines: Cow<'s, [u8]>,
}

impl<'s> Shape<'s> {
    fn of(exchange: &Exchange<'_>, stored: &'s Head, length: Option<u64>, part: Part, random: [u64; 4]) -> Shape<'s> {
        match part {
            Part::Whole => Shape {
                status: stored.status(),
                framing: exchange.framing(length),
                body: Body::Whole,
                lines: stored.lines().into(),
            },
            Part::Ranges(ranges) => match ranges.as_slice() {
                [range] => Shape {
                    status: 206,
                    framing: ReplyFraming::Length(range.len()),
                    body: Body::One(*range),
                    lines: [stored.lines(), content_range(Some(*range), length).as_bytes()].concat().into(),
                },
                _ => Shape::several(stored, ranges, length, random),
            },
            Part::Nothing => Shape {
                status: 304,
                framing: ReplyFraming::Nothing,
                body: Body::None,
                lines: stored.lines_not_modified().into(),
            },
            Part::Unsatisfiable => Shape {
                status: 416,
                framing: ReplyFraming::Length(0),
                body: Body::None,
                lines: content_range(None, length).into_bytes().into(),
            },
        }
    }

    fn several(stored: &Head, ranges: RangeSet, length: Option<u64>, random: [u64; 4]) -> Shape<'s> {
        let is_type = |name: &[u8]| name.eq_ignore_ascii_case(b"content-type");
        let media_type = stored.fields().find(|(name, _)| is_type(name)).map(|(_, value)| value);
        let parts = Multipart::new(ranges, length.unwrap_or(0), media_type, random[0]);
        let mut lines = parts.content_type().into_bytes();
        for (name, value) in stored.fields().filter(|(name, _)| !is_type(name)) {
            [name, b": ", value, b"\r\n"].iter().for_each(|piece| lines.extend_from_slice(piece));
        }
        let framing = ReplyFraming::Length(parts.len());
        Shape { status: 206, framing, body: Body::Several(parts), lines: lines.into() }
    }
}

impl Exchange<'_> {
    /// Sends a head that nothing follows.
    async fn bodiless_end(&mut self, connection: &mut Connection, outgoing: Outgoing) -> After {
        let mut reply = Reply::new(connection, self.gateway.progress, ReplyFraming::Nothing, outgoing.head);
        let sent = reply.head().await;
        self.account.complete = sent.is_ok();
        if sent.is_ok() { outgoing.after } else { After::Gone }
    }

    /// Ends a body: in order, or so that the client sees that it is cut.
    async fn settle(&mut self, reply: Reply<'_>, sent: Result<(), Broken>, trailers: &[u8], after: After) -> After {
        self.account.sent = reply.sent();
        // Where the end of the connection is the end of the body, only a reset tells a client that is merely slow.
        if sent.is_err() {
            return After::Cut;
        }
        let spans = FieldSpans::parse(trailers).unwrap_or_default();
        match reply.end(Fields::new(trailers, spans.as_slice())).await {
            Ok(_) => {
                self.account.complete = true;
                after
            }
            Err(_) => After::Cut,
        }
    }
}

/// What the request's conditions and ranges leave of a stored answer (RFC 9110 §13.2.2).
fn part(exchange: &Exchange<'_>, stored: &Head, length: Option<u64>) -> Result<Part, Refusal> {
    let request = &exchange.plan.request;
    if stored.status() != 200 {
        return Ok(Part::Whole);
    }
    match conditional::evaluate(request.fields, request.method, &stored.validators()) {
        Outcome::Proceed => {}
        Outcome::NotModified => return Ok(Part::Nothing),
        Outcome::PreconditionFailed => return Err(Refusal::Precondition),
    }
    let (Some(value), Some(length)) = (request.fields.first("range"), length) else { return Ok(Part::Whole) };
    let applies = request.method == Method::Get
        && conditional::range_applies(request.fields, &stored.validators(), Some(stored.date()));
    if !applies {
        return Ok(Part::Whole);
    }
    Ok(match range::parse(value, length) {
        Wanted::Parts(ranges) => Part::Ranges(ranges),
        Wanted::Whole => Part::Whole,
        Wanted::Unsatisfiable => Part::Unsatisfiable,
    })
}

fn content_range(range: Option<ByteRange>, total: Option<u64>) -> String {
    format!("Content-Range: {}\r\n", ContentRange { range, total })
}
