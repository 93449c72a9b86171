//! A client's request body, read as far as somebody wants it.

use crate::http::BodyFraming;
use crate::net::{BodyError, BodyReader, Meter, Progress};

use super::connection::Connection;

/// A body that nobody wants is read off up to this size, so that the connection can be kept; beyond, closing is cheaper.
const READ_OFF: u64 = 64 * 1024;

/// One request's body.
pub(super) struct RequestBody {
    pub(super) framing: BodyFraming,
    pub(super) reader: BodyReader,
    pub(super) meter: Meter,
    /// The client waits for 100 and has not been told to go on.
    pub(super) held_back: bool,
}

impl RequestBody {
    pub(super) fn new(framing: BodyFraming, progress: Progress, held_back: bool) -> RequestBody {
        RequestBody { framing, reader: BodyReader::new(framing), meter: Meter::new(progress), held_back }
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

    async fn advance(&mut self, connection: &mut Connection) -> Result<bool, BodyError> {
        self.reader.advance(&mut connection.stream, &mut connection.buffer, &mut self.meter).await
    }
}
