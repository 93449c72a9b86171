//! The bytes of a message body, as they arrive, and never more than belong to it.

use std::io;

use crate::http::chunked::BadChunk;
use crate::http::{BodyFraming, Fields};
use crate::net::{Buffer, Meter, Stream};

/// Reads one body to its end. What follows it stays in the buffer.
pub(crate) struct BodyReader {
    left: u64,
}

#[derive(Debug)]
pub(crate) enum BodyError {
    /// The body ended before its framing said so. It must not be passed on or kept as complete.
    Truncated,
    BadChunk(BadChunk),
    TooSlow,
    Io(io::Error),
}

impl BodyReader {
    pub(crate) fn new(framing: BodyFraming) -> BodyReader {
        todo!()
    }

    /// The next bytes as they arrive; `None` at the end of the body, and from then on. The bytes are taken out of the
    /// buffer by the next call.
    pub(crate) async fn next<'b>(
        &mut self,
        stream: &mut Stream,
        buffer: &'b mut Buffer,
        meter: &mut Meter,
    ) -> Result<Option<&'b [u8]>, BodyError> {
        todo!()
    }

    /// As [`BodyReader::next`], but gives no piece: whether there is one. It is looked at with [`BodyReader::piece`].
    pub(crate) async fn advance(
        &mut self,
        stream: &mut Stream,
        buffer: &mut Buffer,
        meter: &mut Meter,
    ) -> Result<bool, BodyError> {
        todo!()
    }

    /// The piece that the last [`BodyReader::advance`] found.
    pub(crate) fn piece<'b>(&self, buffer: &'b Buffer) -> &'b [u8] {
        todo!()
    }

    /// Whether the body was read to its end: only then may the connection be used for another message.
    pub(crate) fn is_done(&self) -> bool {
        todo!()
    }

    /// The trailer fields of a chunked body that was read to its end; none of any other.
    pub(crate) fn trailers(&self) -> Fields<'_> {
        todo!()
    }
}
