//! A request body on its way upstream, while the upstream may already answer.

use std::fmt;
use std::io::IoSlice;

use crate::base::Size;
use crate::http::BodyFraming;
use crate::http::chunked::{SizeLine, size_line, write_end};
use crate::net::{BodyError, BodyReader, Buffer, Meter, Stream, Wrote, write_while_silent};
use crate::upstream::{ExchangeError, Lease};

/// What is read from the upstream while the body is sent; a head is read on from it.
const HEARD: usize = 4 << 10;

/// Carries a client's body to the upstream, framed as told. May be stopped by an answer and gone on with.
pub(crate) struct Upload {
    outgoing: BodyFraming,
    limit: Size,
    phase: Phase,
    /// Bytes of the present piece and its framing that went out.
    written: usize,
}

enum Phase {
    /// The next piece is to come from the client.
    Between,
    /// The client's reader holds a piece; before it goes its size line.
    Piece(SizeLine),
    /// The body has ended; this is what ends it upstream.
    Ending(Vec<u8>),
    Whole,
}

/// Why [`Upload::run`] came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Uploaded {
    /// The body was sent to its end.
    Whole,
    /// The upstream has sent something, or is gone: read a head, and go on where it is an interim one.
    Answered,
}

#[derive(Debug)]
pub(crate) enum UploadError {
    /// The client's body is bad or cut. What went upstream is not complete, and the upstream sees that.
    Client(BodyError),
    /// The client's body is longer than allowed (413).
    TooLarge,
    Upstream(ExchangeError),
}

/// The client's end of an upload.
pub(crate) struct Source<'a> {
    pub(crate) stream: &'a mut Stream,
    pub(crate) buffer: &'a mut Buffer,
    pub(crate) body: &'a mut BodyReader,
    pub(crate) meter: &'a mut Meter,
}

impl Upload {
    /// `outgoing` frames the body upstream; as `Length` it must be the client's own. A longer body than `limit` is
    /// refused as soon as that is known.
    pub(crate) fn new(outgoing: BodyFraming, limit: Size) -> Upload {
        Upload { outgoing, limit, phase: Phase::Between, written: 0 }
    }

    /// Sends until the body has ended or the upstream speaks. Each is given `meter` for its own pace.
    pub(crate) async fn run(
        &mut self,
        lease: &mut Lease,
        client: &mut Source<'_>,
        meter: &mut Meter,
    ) -> Result<Uploaded, UploadError> {
        loop {
            if !lease.buffer.is_empty() {
                return Ok(Uploaded::Answered);
            }
            if matches!(self.phase, Phase::Between) {
                if self.next_piece(lease, client).await? == Uploaded::Answered {
                    return Ok(Uploaded::Answered);
                }
                self.written = 0;
            }
            if matches!(self.phase, Phase::Whole) {
                lease.course.sent = true;
                return Ok(Uploaded::Whole);
            }
            if self.write_piece(lease, client, meter).await? == Uploaded::Answered {
                return Ok(Uploaded::Answered);
            }
            self.phase = match self.phase {
                Phase::Ending(_) | Phase::Whole => Phase::Whole,
                Phase::Piece(_) | Phase::Between => Phase::Between,
            };
        }
    }

    /// Waits for the client, and listens to the upstream meanwhile.
    async fn next_piece(&mut self, lease: &mut Lease, client: &mut Source<'_>) -> Result<Uploaded, UploadError> {
        let Source { stream, buffer, body, meter } = client;
        let piece = async { Some(body.advance(stream, buffer, meter).await) };
        let heard = async {
            // Whatever this read brings, the next one for the head finds it, or finds the connection ended.
            let _ = lease.buffer.fill(&mut lease.stream, HEARD).await;
            None
        };
        let Some(found) = smol::future::or(piece, heard).await else {
            return Ok(Uploaded::Answered);
        };
        if found.map_err(UploadError::Client)? {
            if body.received() > self.limit.as_u64() {
                return Err(UploadError::TooLarge);
            }
            let len = u64::try_from(body.piece(buffer).len()).unwrap_or(u64::MAX);
            self.phase = Phase::Piece(if self.is_chunked() { size_line(len) } else { SizeLine::new() });
        } else {
            let mut end = Vec::new();
            if self.is_chunked() {
                write_end(&mut end, body.trailers());
            }
            self.phase = Phase::Ending(end);
        }
        Ok(Uploaded::Whole)
    }

    async fn write_piece(
        &mut self,
        lease: &mut Lease,
        client: &Source<'_>,
        meter: &mut Meter,
    ) -> Result<Uploaded, UploadError> {
        let piece = client.body.piece(client.buffer);
        let crlf: &[u8] = if self.is_chunked() { b"\r\n" } else { b"" };
        let image: [&[u8]; 3] = match &self.phase {
            Phase::Piece(size) => [size, piece, crlf],
            Phase::Ending(end) => [end, b"", b""],
            Phase::Between | Phase::Whole => [b"", b"", b""],
        };
        let mut parts = image.map(IoSlice::new);
        let mut parts: &mut [IoSlice<'_>] = &mut parts;
        IoSlice::advance_slices(&mut parts, self.written);
        match write_while_silent(&mut lease.stream, parts, &mut lease.buffer, meter).await {
            Ok(Wrote::All) => Ok(Uploaded::Whole),
            Ok(Wrote::Heard(taken)) => {
                self.written = self.written.saturating_add(taken);
                Ok(Uploaded::Answered)
            }
            Err(_) => Err(UploadError::Upstream(ExchangeError::TooSlow)),
        }
    }

    fn is_chunked(&self) -> bool {
        self.outgoing == BodyFraming::Chunked
    }
}

impl fmt::Display for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UploadError::Client(error) => write!(f, "the client's body: {error}"),
            UploadError::TooLarge => f.write_str("the client's body is longer than the route allows"),
            UploadError::Upstream(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for UploadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            UploadError::Client(error) => Some(error),
            UploadError::Upstream(error) => Some(error),
            UploadError::TooLarge => None,
        }
    }
}
