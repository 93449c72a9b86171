//! A client's request body, read as far as somebody wants it.

use crate::http::BodyFraming;
use crate::http::chunked::{Decoder, Step};
use crate::net::{BodyError, BodyReader, Filled, Meter, Progress, write_all};

use super::Refusal;
use super::connection::Connection;

/// A body that nobody wants is read off up to this size, so that the connection can be kept; beyond, closing is cheaper.
const READ_OFF: u64 = 64 * 1024;

/// So much of a body is read before an upstream is asked.
const READY: usize = 16 * 1024;

/// One request's body.
pub(super) struct RequestBody {
    pub(super) framing: BodyFraming,
    pub(super) reader: BodyReader,
    pub(super) meter: Meter,
    /// The client waits for 100 and has not been told to go on.
    pub(super) held_back: bool,
    scout: Scout,
}

/// Looks ahead in a chunked body for its end, without taking anything.
#[derive(Default)]
struct Scout {
    decoder: Decoder,
    seen: usize,
    ended: bool,
}

impl Scout {
    /// Whether the body is all there, or broken: whoever reads it will find out what is wrong.
    fn has_ended(&mut self, arrived: &[u8]) -> bool {
        while let (false, Some(fresh)) = (self.ended, arrived.get(self.seen..).filter(|fresh| !fresh.is_empty())) {
            match self.decoder.decode(fresh) {
                Ok(Step::Data { consumed, .. } | Step::NeedMore { consumed }) => self.seen += consumed,
                Ok(Step::Done { .. }) | Err(_) => self.ended = true,
            }
        }
        self.ended
    }
}

impl RequestBody {
    pub(super) fn new(framing: BodyFraming, progress: Progress, held_back: bool) -> RequestBody {
        RequestBody {
            framing,
            reader: BodyReader::new(framing),
            meter: Meter::new(progress),
            held_back,
            scout: Scout::default(),
        }
    }

    /// Whether it was read to its end (or there is none): only then may the connection carry another request.
    pub(super) fn is_read(&self) -> bool {
        matches!(self.framing, BodyFraming::None | BodyFraming::Length(0)) || self.reader.is_done()
    }

    /// Reads a small body to its end and drops it. Afterwards [`RequestBody::is_read`] says whether that worked.
    pub(super) async fn read_off(&mut self, connection: &mut Connection) {
        let small = matches!(self.framing, BodyFraming::Length(length) if length <= READ_OFF);
        if self.is_read() || self.held_back || !small {
            return;
        }
        while let Ok(true) = self.advance(connection).await {}
    }

    /// Waits until the body is worth a connection to the upstream: all of it is there, or [`READY`] bytes are. Clients
    /// that send slowly wait here, where they hold nothing but their own connection.
    pub(super) async fn gather(&mut self, connection: &mut Connection) -> Result<(), Refusal> {
        // Some clients say that they will wait and do not.
        self.held_back &= connection.buffer.is_empty();
        while !self.held_back && !self.is_ready(connection.buffer.bytes()) {
            let fill = connection.buffer.fill(&mut connection.stream, READY);
            match self.meter.wait(fill).await {
                Ok(Ok(Filled::Bytes(count))) => self.meter.moved(count),
                Ok(Ok(Filled::Full)) => return Ok(()),
                Ok(Ok(Filled::End) | Err(_)) => return Err(Refusal::BodyBroken),
                Err(_) => return Err(Refusal::BodyTooSlow),
            }
        }
        Ok(())
    }

    /// Tells a client that waits for it to send its body.
    pub(super) async fn go_on(&mut self, connection: &mut Connection) -> Result<(), Refusal> {
        self.held_back &= connection.buffer.is_empty();
        if std::mem::take(&mut self.held_back) {
            let told = write_all(&mut connection.stream, b"HTTP/1.1 100 Continue\r\n\r\n", &mut self.meter).await;
            told.map_err(|_| Refusal::ClientGone)?;
        }
        Ok(())
    }

    /// Waits for the next piece, to be had from the reader. False at the end.
    pub(super) async fn next(&mut self, connection: &mut Connection) -> Result<bool, Refusal> {
        self.advance(connection).await.map_err(|error| Refusal::of_request_body(&error))
    }

    fn is_ready(&mut self, arrived: &[u8]) -> bool {
        match self.framing {
            BodyFraming::None | BodyFraming::UntilClose => true,
            BodyFraming::Length(length) => arrived.len() as u64 >= length.min(READY as u64),
            BodyFraming::Chunked => arrived.len() >= READY || self.scout.has_ended(arrived),
        }
    }

    async fn advance(&mut self, connection: &mut Connection) -> Result<bool, BodyError> {
        self.reader.advance(&mut connection.stream, &mut connection.buffer, &mut self.meter).await
    }
}
