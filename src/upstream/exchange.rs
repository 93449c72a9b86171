//! One request and its answer on a leased connection.

use std::io;
use std::time::Duration;

use crate::http::{BadResponse, BodyFraming, Fields, HeadLimits, Method, OwnedResponse};
use crate::net::{BodyError, BodyReader, Meter, Progress, WriteError};
use crate::upstream::Lease;

/// Interim answers of one exchange that are passed on; later ones are read and dropped.
pub(crate) const INTERIM_PASSED: usize = 64;
/// Interim answers after which the exchange is given up.
pub(crate) const INTERIM_MAX: usize = 2000;

/// An answer's head, detached from the lease's buffer.
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
    TooSlow,
    Io(io::Error),
}

/// Writes a request head; a request without a body is sent whole by it.
pub(crate) async fn send(
    lease: &mut Lease,
    head: &[u8],
    body: BodyFraming,
    meter: &mut Meter,
) -> Result<(), ExchangeError> {
    todo!()
}

/// The next head from upstream, within `first_byte`. `method` is that of the request.
pub(crate) async fn response_head(
    lease: &mut Lease,
    method: Method<'_>,
    limits: &HeadLimits,
    first_byte: Duration,
) -> Result<Answer, ExchangeError> {
    todo!()
}

/// The answer's body. Its end is what allows [`Lease::done`] to keep the connection.
pub(crate) struct ResponseBody {
    reader: BodyReader,
    meter: Meter,
}

impl ResponseBody {
    pub(crate) fn new(framing: BodyFraming, idle: Duration) -> ResponseBody {
        todo!()
    }

    pub(crate) async fn next<'l>(&mut self, lease: &'l mut Lease) -> Result<Option<&'l [u8]>, BodyError> {
        todo!()
    }

    /// See [`BodyReader::trailers`].
    pub(crate) fn trailers(&self) -> Fields<'_> {
        todo!()
    }

    /// Bytes that came over the uplink for this body, framing not counted.
    pub(crate) fn received(&self) -> u64 {
        todo!()
    }
}
