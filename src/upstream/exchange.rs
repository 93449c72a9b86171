//! One request and its answer on a leased connection.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::http::{
    BadResponse, BodyFraming, Fields, Flaw, HeadLimits, MAX_HEAD, Method, OwnedResponse, Parse, ResponseHead, Scan,
    connection, framing,
};
use crate::net::{BodyError, BodyReader, Filled, Meter, Progress, WriteError, within, write_all};
use crate::upstream::Lease;

/// Interim answers of one exchange that are passed on; later ones are read and dropped.
pub(crate) const INTERIM_PASSED: usize = 64;
/// Interim answers after which the exchange is given up.
pub(crate) const INTERIM_MAX: usize = 2000;

/// An answer's head, detached from the lease's buffer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// 1xx but 101: another head follows.
    Interim(OwnedResponse),
    /// The answer and where its body ends; or 101.
    Final(OwnedResponse, BodyFraming),
}

#[derive(Debug)]
pub(crate) enum ExchangeError {
    /// A reused connection ended before the first byte of an answer: it was closed while it lay in the pool. The
    /// request may be sent again on a new one where RFC 9110 §9.2.2 allows.
    Stale,
    /// The upstream ended the connection before a whole head.
    Closed,
    BadResponse(BadResponse),
    TooManyInterim,
    TimedOut,
    /// The upstream took the request too slowly.
    TooSlow,
    Io(io::Error),
}

/// Writes a request head; with it a request without a body is sent whole.
pub(crate) async fn send(
    lease: &mut Lease,
    head: &[u8],
    body: BodyFraming,
    meter: &mut Meter,
) -> Result<(), ExchangeError> {
    match write_all(&mut lease.stream, head, meter).await {
        Ok(()) => {
            lease.course.sent = matches!(body, BodyFraming::None | BodyFraming::Length(0));
            Ok(())
        }
        Err(WriteError::TooSlow) => Err(ExchangeError::TooSlow),
        Err(WriteError::ShortFile) => Err(ExchangeError::Closed),
        Err(WriteError::Io(error)) => Err(broken(lease, error)),
    }
}

/// The next head from upstream, within `first_byte`. `method` is that of the request. After an interim answer there
/// is another; of a great many only the first are given.
pub(crate) async fn response_head(
    lease: &mut Lease,
    method: Method<'_>,
    limits: &HeadLimits,
    first_byte: Duration,
) -> Result<Answer, ExchangeError> {
    within(first_byte, next_answer(lease, method, limits)).await.unwrap_or(Err(ExchangeError::TimedOut))
}

async fn next_answer(lease: &mut Lease, method: Method<'_>, limits: &HeadLimits) -> Result<Answer, ExchangeError> {
    loop {
        let head = next_head(lease, limits).await?;
        if !(100..200).contains(&head.status) || head.status == 101 {
            return final_answer(lease, head, method);
        }
        lease.course.interim = lease.course.interim.saturating_add(1);
        match lease.course.interim {
            0..=INTERIM_PASSED => return Ok(Answer::Interim(head)),
            ..=INTERIM_MAX => {}
            _ => return Err(ExchangeError::TooManyInterim),
        }
    }
}

fn final_answer(lease: &mut Lease, head: OwnedResponse, method: Method<'_>) -> Result<Answer, ExchangeError> {
    let fields = head.fields();
    if head.status == 101 {
        return Ok(Answer::Final(head, BodyFraming::None));
    }
    let body = framing::response(head.version, head.status, fields, method).map_err(ExchangeError::BadResponse)?;
    lease.course.persists = connection::persists(head.version, fields) && body != BodyFraming::UntilClose;
    lease.course.read = matches!(body, BodyFraming::None | BodyFraming::Length(0));
    Ok(Answer::Final(head, body))
}

async fn next_head(lease: &mut Lease, limits: &HeadLimits) -> Result<OwnedResponse, ExchangeError> {
    loop {
        let buffer = &mut lease.buffer;
        if !buffer.is_empty() {
            lease.course.heard = true;
            let parsed = ResponseHead::parse(buffer.bytes(), limits, &mut lease.course.scan);
            if let Parse::Complete(head) = parsed.map_err(ExchangeError::BadResponse)? {
                let detached = head.detach(buffer.bytes());
                buffer.consume(head.len);
                lease.course.scan = Scan::default();
                return Ok(detached);
            }
        }
        match buffer.fill(&mut lease.stream, limits.head.min(MAX_HEAD)).await {
            Ok(Filled::Bytes(_)) => {}
            Ok(Filled::End) => return Err(ended(lease)),
            Ok(Filled::Full) => return Err(ExchangeError::BadResponse(BadResponse::Head(Flaw::HeadTooLarge))),
            Err(error) => return Err(broken(lease, error)),
        }
    }
}

/// A connection that ended before the answer.
fn ended(lease: &Lease) -> ExchangeError {
    if lease.is_reused() && !lease.course.heard { ExchangeError::Stale } else { ExchangeError::Closed }
}

/// A connection that failed before the answer.
fn broken(lease: &Lease, error: io::Error) -> ExchangeError {
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => ended(lease),
        _ => ExchangeError::Io(error),
    }
}

/// The answer's body. Reading it to its end is what allows [`Lease::done`] to keep the connection.
pub(crate) struct ResponseBody {
    reader: BodyReader,
    meter: Meter,
}

impl ResponseBody {
    /// The body may pause for `idle`.
    pub(crate) fn new(framing: BodyFraming, idle: Duration) -> ResponseBody {
        ResponseBody { reader: BodyReader::new(framing), meter: Meter::new(Progress::idle(idle)) }
    }

    /// The next bytes as they arrive; `None` at the end, and from then on. The bytes are gone with the next call.
    pub(crate) async fn next<'l>(&mut self, lease: &'l mut Lease) -> Result<Option<&'l [u8]>, BodyError> {
        if self.reader.advance(&mut lease.stream, &mut lease.buffer, &mut self.meter).await? {
            return Ok(Some(self.reader.piece(&lease.buffer)));
        }
        lease.course.read = true;
        Ok(None)
    }

    /// See [`BodyReader::trailers`].
    pub(crate) fn trailers(&self) -> Fields<'_> {
        self.reader.trailers()
    }

    /// Bytes that came for this body, framing not counted.
    pub(crate) fn received(&self) -> u64 {
        self.reader.received()
    }
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExchangeError::Stale => f.write_str("the upstream had closed the connection while it was unused"),
            ExchangeError::Closed => f.write_str("the upstream closed the connection before it answered"),
            ExchangeError::BadResponse(why) => write!(f, "the upstream's answer is malformed: {why}"),
            ExchangeError::TooManyInterim => f.write_str("the upstream sent too many interim answers"),
            ExchangeError::TimedOut => f.write_str("the upstream did not answer in time"),
            ExchangeError::TooSlow => f.write_str("the upstream took the request too slowly"),
            ExchangeError::Io(error) => write!(f, "the connection to the upstream failed: {error}"),
        }
    }
}

impl std::error::Error for ExchangeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ExchangeError::BadResponse(why) => Some(why),
            ExchangeError::Io(error) => Some(error),
            ExchangeError::Stale
            | ExchangeError::Closed
            | ExchangeError::TooManyInterim
            | ExchangeError::TimedOut
            | ExchangeError::TooSlow => None,
        }
    }
}
