//! A request body on its way upstream, while the upstream may already answer.

use crate::base::Size;
use crate::http::BodyFraming;
use crate::net::{BodyError, BodyReader, Buffer, Meter, Stream};
use crate::upstream::{ExchangeError, Lease};

/// Carries a client's body to the upstream, framed as told. May be stopped by an answer and gone on with.
pub(crate) struct Upload {
    written: usize,
}

/// Why [`Upload::run`] came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Uploaded {
    /// The body was sent to its end.
    Whole,
    /// The upstream has sent something: read a head, and go on where it is an interim one.
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

impl Upload {
    /// `outgoing` frames the body upstream: as `Length` it must be the client's own.
    pub(crate) fn new(outgoing: BodyFraming, limit: Size) -> Upload {
        todo!()
    }

    pub(crate) async fn run(
        &mut self,
        lease: &mut Lease,
        body: &mut BodyReader,
        client: (&mut Stream, &mut Buffer, &mut Meter),
        upstream: &mut Meter,
    ) -> Result<Uploaded, UploadError> {
        todo!()
    }
}
