//! Answers from stored bytes: a hit, or somebody's fill as it goes on.

use crate::cache::{Follower, Head, Hit, Next};
use crate::http::conditional::{self, Outcome};
use crate::http::range::{self, ByteRange, ContentRange, Wanted};
use crate::http::{FieldSpans, Fields, Method, status};
use crate::net::WriteError;
use crate::observe::CacheResult;
use crate::transform::{ReplyFraming, Tail, stored_head};

use super::Refusal;
use super::cache_status::Member;
use super::connection::{After, Connection};
use super::exchange::Exchange;
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
    Range(ByteRange),
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
    let part = part(exchange, hit.head(), Some(hit.len()))?;
    let head = Outgoing::new(exchange, hit.head(), Some(hit.len()), &part, shown)?;
    let range = head.range.clone();
    let Some(mut reply) = head.begin(exchange, connection) else {
        return Ok(exchange.bodiless_end(connection, head).await);
    };
    let mut body = hit.body(range);
    let sent = async {
        loop {
            match body.next(PIECE).await {
                Ok(Some(piece)) => reply.piece(piece).await?,
                Ok(None) => return Ok(()),
                Err(_) => return Err(Broken::Source),
            }
        }
    };
    let sent = sent.await;
    if matches!(sent, Err(Broken::Source)) && reply.is_untouched() {
        return Err(Refusal::Damaged);
    }
    Ok(exchange.settle(reply, sent, hit.trailers(), head.after).await)
}

/// Answers from a fill that is under way, as its bytes arrive.
pub(super) async fn followed(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    mut follower: Follower,
    stored: &Head,
    length: Option<u64>,
    shown: &Shown,
) -> Result<After, Refusal> {
    let part = part(exchange, stored, length)?;
    let head = Outgoing::new(exchange, stored, length, &part, shown)?;
    if let Part::Range(_) = part {
        follower.range(head.range.clone());
    }
    let Some(mut reply) = head.begin(exchange, connection) else {
        return Ok(exchange.bodiless_end(connection, head).await);
    };
    let sent = async {
        reply.head().await?;
        loop {
            match follower.next(PIECE).await {
                Ok(Next::Piece(piece)) => reply.piece(piece).await?,
                Ok(Next::End) => return Ok(()),
                Ok(Next::Ask(_)) | Err(_) => return Err(Broken::Source),
            }
        }
    };
    let sent = sent.await;
    let trailers = follower.trailers();
    Ok(exchange.settle(reply, sent, trailers, head.after).await)
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
    range: std::ops::Range<u64>,
    bodiless: bool,
}

impl Outgoing {
    fn new(
        exchange: &mut Exchange<'_>,
        stored: &Head,
        length: Option<u64>,
        part: &Part,
        shown: &Shown,
    ) -> Result<Outgoing, Refusal> {
        let (status, framing, range, extra) = match part {
            Part::Whole => (stored.status(), exchange.framing(length), 0..length.unwrap_or(u64::MAX), None),
            Part::Range(range) => {
                let extra = content_range(Some(*range), length);
                (206, ReplyFraming::Length(range.len()), range.first..range.last.saturating_add(1), Some(extra))
            }
            Part::Nothing => (304, ReplyFraming::Nothing, 0..0, None),
            Part::Unsatisfiable => (416, ReplyFraming::Length(0), 0..0, Some(content_range(None, length))),
        };
        let after = exchange.after(framing, true);
        let bodiless = exchange.plan.request.is_head() || matches!(part, Part::Nothing | Part::Unsatisfiable);
        exchange.account.status = status;
        exchange.account.cache = shown.result;
        // An answer that the origin gave or confirmed just now has none (RFC 9111 §5.1).
        let age = Some(stored.age(exchange.now))
            .filter(|age| *age > 0 || matches!(shown.result, CacheResult::Hit | CacheResult::Stale));
        let tail = Tail { age, ..exchange.tail(framing, after, Some(&shown.told)) };
        let lines = lines(stored, part, extra);
        let mut head = Vec::with_capacity(1024);
        stored_head(&mut head, status, status::reason(status).as_bytes(), &lines, &tail)
            .map_err(|_| Refusal::Internal("a stored head is not legal"))?;
        Ok(Outgoing { head, framing, after, range, bodiless })
    }

    /// The reply that the body goes into; `None` where there is none.
    fn begin<'c>(&self, exchange: &Exchange<'_>, connection: &'c mut Connection) -> Option<Reply<'c>> {
        if self.bodiless {
            return None;
        }
        Some(Reply::new(connection, exchange.gateway.progress, self.framing, self.head.clone()))
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
        // Several ranges may be answered with the whole (§14.2); the parts come with partial objects.
        Wanted::Parts(parts) => match parts.as_slice() {
            [range] => Part::Range(*range),
            _ => Part::Whole,
        },
        Wanted::Whole => Part::Whole,
        Wanted::Unsatisfiable => Part::Unsatisfiable,
    })
}

fn lines(stored: &Head, part: &Part, extra: Option<String>) -> Vec<u8> {
    let mut lines = match part {
        Part::Whole | Part::Range(_) => stored.lines().to_vec(),
        Part::Nothing => stored.lines_not_modified().to_vec(),
        Part::Unsatisfiable => Vec::new(),
    };
    lines.extend_from_slice(extra.unwrap_or_default().as_bytes());
    lines
}

fn content_range(range: Option<ByteRange>, total: Option<u64>) -> String {
    format!("Content-Range: {}\r\n", ContentRange { range, total })
}
