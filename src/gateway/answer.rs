//! Answers from stored bytes: a hit, or somebody's fill as it goes on.

use std::borrow::Cow;
use std::ops::Range;
use std::pin::pin;

use smol::future;

use crate::cache::{Failure, FillEnd, Followed, Follower, Head, Hit, HitBody, Lookup, Next, Piece};
use crate::codings::{self, Coding, Serving};
use crate::http::conditional::{self, Outcome};
use crate::http::etag;
use crate::http::range::{self, ByteRange, ContentRange, RangeSet, Wanted};
use crate::http::{FieldSpans, Fields, Method, status};
use crate::net::WriteError;
use crate::observe::CacheResult;
use crate::transform::{ReplyFraming, Tail, stored_head};

use super::Refusal;
use super::cache_status::Member;
use super::connection::{After, Connection};
use super::exchange::Exchange;
use super::fill::Asking;
use super::multipart::Multipart;
use super::plan::Plan;
use super::reply::Reply;

/// The most that is sent of a stored body before other connections of the thread get their turn.
pub(super) const PIECE: usize = 256 * 1024;

/// What the client and the record are told about where an answer came from.
pub(super) struct Shown {
    pub(super) told: Member,
    pub(super) result: CacheResult,
    /// Field lines that are for this client alone.
    pub(super) withheld: Vec<u8>,
    /// The origin itself gave or confirmed the answer for this request.
    pub(super) original: bool,
    /// The bytes that are all there is for this client, which asked for others.
    pub(super) brought: Option<ByteRange>,
}

impl Shown {
    pub(super) fn new(told: Member, result: CacheResult) -> Shown {
        Shown { told, result, withheld: Vec::new(), original: false, brought: None }
    }
}

/// What of a stored representation a request asks for.
enum Part {
    Whole,
    /// The whole, decoded.
    Decoded(Coding),
    /// Never empty.
    Ranges(Box<RangeSet>),
    /// 304
    Nothing,
    Unsatisfiable,
}

/// Answers with a stored answer. [`Refusal::Damaged`]: it turned out not to be what was stored before any of it was
/// sent, and is gone; look again.
pub(super) async fn hit(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    hit: &Hit,
    shown: &Shown,
    asking: &Asking,
) -> Result<After, Refusal> {
    if let Some(follower) = hit.follower() {
        return followed(exchange, connection, follower, hit.head(), Some(hit.len()), shown, asking).await;
    }
    let head = Outgoing::new(exchange, hit.head(), Some(hit.len()), shown)?;
    let Some(mut reply) = head.begin(exchange, connection) else {
        return Ok(exchange.bodiless_end(connection, head).await);
    };
    let mut source = Source::hit(hit, asking);
    let sent = head.body.send(&mut reply, &mut source).await;
    if matches!(sent, Err(Broken::Source(_) | Broken::Changed)) && reply.is_untouched() {
        return Err(Refusal::Damaged);
    }
    Ok(exchange.settle(reply, sent, source.trailers(), head.after).await)
}

/// Answers from what is stored in part, and from fills that are under way, as their bytes arrive.
pub(super) async fn followed(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    follower: Follower,
    stored: &Head,
    length: Option<u64>,
    shown: &Shown,
    asking: &Asking,
) -> Result<After, Refusal> {
    let head = Outgoing::new(exchange, stored, length, shown)?;
    let Some(mut reply) = head.begin(exchange, connection) else {
        return Ok(exchange.bodiless_end(connection, head).await);
    };
    let mut source = Source { from: Bytes::Follower(Box::new(follower)), end: 0, position: 0, asking, asked: false };
    let sent = head.body.send(&mut reply, &mut source).await;
    if matches!(sent, Err(Broken::Changed)) {
        return Err(Refusal::Damaged);
    }
    if let (Err(Broken::Source(why)), true) = (&sent, reply.is_untouched()) {
        return Err(Refusal::OfFill(*why));
    }
    Ok(exchange.settle(reply, sent, source.trailers(), head.after).await)
}

/// Where the bytes of a body come from.
struct Source<'h> {
    from: Bytes<'h>,
    /// What is wanted of it, from here on.
    position: u64,
    end: u64,
    asking: &'h Asking,
    /// Something is being asked for that the next bytes wait for.
    asked: bool,
}

enum Bytes<'h> {
    Hit(HitBody, &'h Hit),
    Follower(Box<Follower>),
}

impl<'h> Source<'h> {
    fn hit(hit: &'h Hit, asking: &'h Asking) -> Source<'h> {
        Source { from: Bytes::Hit(hit.body(0..0), hit), position: 0, end: 0, asking, asked: false }
    }

    /// From here on these bytes are wanted.
    fn range(&mut self, range: Range<u64>) {
        (self.position, self.end) = (range.start, range.end);
        match &mut self.from {
            Bytes::Hit(body, hit) => *body = hit.body(range),
            Bytes::Follower(follower) => follower.range(range),
        }
    }

    /// Sends all bytes of the range.
    async fn pass(&mut self, reply: &mut Reply<'_>) -> Result<(), Broken> {
        loop {
            if let Bytes::Hit(body, hit) = &mut self.from {
                match body.next(PIECE).await {
                    Ok(Some(piece)) => {
                        self.position = self.position.saturating_add(length_of(&piece));
                        reply.piece(piece).await?;
                    }
                    Ok(None) => return Ok(()),
                    Err(_) if reply.is_untouched() => return Err(Broken::Source(Failure::CUT)),
                    Err(_) => {
                        let second = second(hit, self.asking).await;
                        let mut follower = second.ok_or(Broken::Source(Failure::CUT))?;
                        follower.range(self.position..self.end);
                        self.from = Bytes::Follower(follower);
                    }
                }
            }
            if let Bytes::Follower(follower) = &mut self.from {
                let mut next = pin!(follower.next(PIECE));
                let next = match future::poll_once(next.as_mut()).await {
                    Some(next) => next,
                    // The head goes ahead of bytes that are on their way. Where they have still to be asked for it
                    // waits: a refusal may be all there is to say.
                    None if self.asked => next.await,
                    None => {
                        reply.head().await?;
                        next.await
                    }
                };
                match next {
                    Ok(Next::Piece(piece)) => {
                        self.asked = false;
                        reply.piece(piece).await?;
                    }
                    Ok(Next::Ask(fill)) => {
                        self.asked = true;
                        self.asking.start_behind(fill);
                    }
                    Ok(Next::End) => return Ok(()),
                    Err(FillEnd::Failed(why)) => return Err(Broken::Source(why)),
                    Err(FillEnd::LookAgain) if reply.is_untouched() => return Err(Broken::Changed),
                    Err(_) => return Err(Broken::Source(Failure::CUT)),
                }
            }
        }
    }

    fn trailers(&self) -> &[u8] {
        match &self.from {
            Bytes::Hit(_, hit) => hit.trailers(),
            Bytes::Follower(follower) => follower.trailers(),
        }
    }
}

/// A reader that goes on where a stored answer turned out to be damaged: of the same representation, asked for anew
/// where it was damaged.
async fn second(hit: &Hit, asking: &Asking) -> Option<Box<Follower>> {
    let (hit_etag, found) = (hit.head().validators().etag?, asking.look_up().await?);
    let (Lookup::Partial { mut follower, .. } | Lookup::Follow(mut follower, _)) = found else { return None };
    let head = loop {
        match follower.head(asking.fields(), asking.now()).await {
            Ok(Followed::Stream { head, length, .. }) if length == Some(hit.len()) => break head,
            Ok(Followed::Ask(fill)) => asking.start_behind(fill),
            Ok(_) | Err(_) => return None,
        }
    };
    let same = matches!((etag::parse(hit_etag), head.validators().etag.and_then(etag::parse)),
        (Some(ours), Some(theirs)) if ours.strong_eq(&theirs));
    same.then(|| Box::new(follower))
}

/// What follows the head.
enum Body {
    None,
    Whole,
    Decoded(Coding),
    One(ByteRange),
    Several(Box<Multipart>),
}

impl Body {
    async fn send(&self, reply: &mut Reply<'_>, source: &mut Source<'_>) -> Result<(), Broken> {
        match self {
            Body::None => Ok(()),
            Body::Whole | Body::Decoded(_) => {
                source.range(0..u64::MAX);
                source.pass(reply).await
            }
            Body::One(range) => {
                source.range(bytes_of(*range));
                source.pass(reply).await
            }
            Body::Several(parts) => {
                for range in parts.ranges() {
                    reply.bytes(&parts.delimiter(*range)).await?;
                    source.range(bytes_of(*range));
                    source.pass(reply).await?;
                }
                Ok(reply.bytes(&parts.end()).await?)
            }
        }
    }
}

fn length_of(piece: &Piece<'_>) -> u64 {
    match piece {
        Piece::Memory(bytes) => bytes.len() as u64,
        Piece::File { len, .. } => *len as u64,
    }
}

fn bytes_of(range: ByteRange) -> Range<u64> {
    range.first..range.last.saturating_add(1)
}

/// Why a body did not get to the client whole.
enum Broken {
    /// The card or the upstream: the client must see that its answer was cut.
    Source(Failure),
    /// Nothing was said yet, and the origin has another representation by now.
    Changed,
    Client,
}

impl From<WriteError> for Broken {
    fn from(error: WriteError) -> Broken {
        match error {
            WriteError::ShortFile => Broken::Source(Failure::CUT),
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
        let form = Form::of(&exchange.plan, stored).ok_or(Refusal::OtherForm)?;
        let part = part(exchange, stored, length, form, shown.brought)?;
        let random = exchange.worker.draw();
        let Shape { status, framing, body, lines } = Shape::of(exchange, stored, length, part, random);
        let mut lines = form.lines(lines)?;
        if !shown.withheld.is_empty() {
            lines.to_mut().extend_from_slice(&shown.withheld);
        }
        let body = if exchange.plan.request.is_head() { Body::None } else { body };
        let after = exchange.after(framing, true);
        exchange.account.status = status;
        exchange.account.cache = shown.result;
        // An answer that the origin gave or confirmed just now has none, however its clock is set (RFC 9111 §5.1), unless a
        // cache behind this one says how old it is.
        let stays = matches!(shown.result, CacheResult::Hit | CacheResult::Stale);
        let age = Some(stored.age(exchange.now)).filter(|age| stays || (*age > 0 && !shown.original));
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
        let coding = match self.body {
            Body::Decoded(coding) => Some(coding),
            Body::None | Body::Whole | Body::One(_) | Body::Several(_) => None,
        };
        Some(Reply::new(connection, exchange.gateway.progress, self.framing, self.head.clone()).decoding(coding))
    }
}

/// In what form a stored answer goes to this client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Nothing is to be said about codings.
    Plain,
    /// As it lies here.
    Coded,
    Decoded(Coding),
}

/// Whether a stored answer goes to this client with the very lines it lies here with.
pub(super) fn is_as_stored(plan: &Plan<'_>, stored: &Head) -> bool {
    let Some(form) = Form::of(plan, stored) else { return false };
    form == Form::Plain || matches!(form.lines(stored.lines().into()), Ok(Cow::Borrowed(_)))
}

impl Form {
    /// `None`: this client cannot have it.
    fn of(plan: &Plan<'_>, stored: &Head) -> Option<Form> {
        // Whatever this route asks for: another one may have brought it.
        if !stored.is_coded() {
            return Some(Form::Plain);
        }
        let Ok(spans) = FieldSpans::parse(stored.lines()) else { return Some(Form::Plain) };
        match codings::serving(plan.request.fields, Fields::new(stored.lines(), spans.as_slice())) {
            Serving::Decoded(coding) => Some(Form::Decoded(coding)),
            Serving::AsStored => Some(Form::Coded),
            Serving::Past(_) => None,
        }
    }

    /// The field lines of the answer in this form.
    fn lines(self, stored: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, Refusal> {
        let illegal = Refusal::Internal("a stored head is not legal");
        let Ok(spans) = FieldSpans::parse(&stored) else { return Err(illegal) };
        let fields = Fields::new(&stored, spans.as_slice());
        let mut lines = Vec::new();
        let written = match self {
            Form::Plain => return Ok(stored),
            Form::Coded if codings::names_accept_encoding(fields) => return Ok(stored),
            Form::Coded => codings::coded_head(&mut lines, fields),
            Form::Decoded(_) => codings::decoded_head(&mut lines, fields),
        };
        written.map_err(|_| illegal)?;
        Ok(lines.into())
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
            Part::Decoded(coding) => Shape {
                status: stored.status(),
                framing: exchange.framing(None),
                body: Body::Decoded(coding),
                lines: stored.lines().into(),
            },
            Part::Ranges(ranges) => match ranges.as_slice() {
                [range] => Shape {
                    status: 206,
                    framing: ReplyFraming::Length(range.len()),
                    body: Body::One(*range),
                    lines: one_range(stored, content_range(Some(*range), length)).into(),
                },
                _ => Shape::several(stored, *ranges, length, random),
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
        stored.fields().filter(|(name, _)| !is_type(name) && !is_range(name)).for_each(|line| push(&mut lines, line));
        let framing = ReplyFraming::Length(parts.len());
        Shape { status: 206, framing, body: Body::Several(Box::new(parts)), lines: lines.into() }
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
fn part(
    exchange: &Exchange<'_>,
    stored: &Head,
    length: Option<u64>,
    form: Form,
    brought: Option<ByteRange>,
) -> Result<Part, Refusal> {
    let request = &exchange.plan.request;
    let whole = match form {
        Form::Plain | Form::Coded => Part::Whole,
        // Ranges count bytes of the coded form (RFC 9110 §14.2), of which this client has none.
        Form::Decoded(coding) => Part::Decoded(coding),
    };
    if stored.status() != 200 {
        return Ok(whole);
    }
    match conditional::evaluate(request.fields, request.method, &stored.at_hand()) {
        Outcome::Proceed => {}
        Outcome::NotModified => return Ok(Part::Nothing),
        Outcome::PreconditionFailed => return Err(Refusal::Precondition),
    }
    let (Some(value), Some(length)) = (request.fields.first("range"), length) else { return Ok(whole) };
    if matches!(whole, Part::Decoded(_)) {
        return Ok(whole);
    }
    if let Some(brought) = brought {
        let ranges = RangeSet::from_slice(&[brought]).unwrap_or_default();
        return Ok(Part::Ranges(Box::new(ranges)));
    }
    let applies = request.method == Method::Get
        && conditional::range_applies(request.fields, &stored.validators(), Some(stored.date()));
    if !applies {
        return Ok(Part::Whole);
    }
    Ok(match range::parse(value, length) {
        Wanted::Parts(ranges) => Part::Ranges(Box::new(ranges)),
        Wanted::Whole => Part::Whole,
        Wanted::Unsatisfiable => Part::Unsatisfiable,
    })
}

/// The lines of a 206. Where what is stored has a `Content-Range`, which says nothing in a 200, ours takes its place.
fn one_range(stored: &Head, ours: String) -> Vec<u8> {
    let mut lines = Vec::with_capacity(stored.lines().len() + ours.len());
    stored.fields().filter(|(name, _)| !is_range(name)).for_each(|line| push(&mut lines, line));
    lines.extend_from_slice(ours.as_bytes());
    lines
}

fn is_range(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"content-range")
}

fn push(lines: &mut Vec<u8>, (name, value): (&[u8], &[u8])) {
    [name, b": ", value, b"\r\n"].iter().for_each(|piece| lines.extend_from_slice(piece));
}

fn content_range(range: Option<ByteRange>, total: Option<u64>) -> String {
    format!("Content-Range: {}\r\n", ContentRange { range, total })
}
