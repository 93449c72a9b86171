//! The right to use one connection for one exchange.

use crate::config::UpstreamUrl;
use crate::net::{Buffer, Stream};
use crate::upstream::Failure;

/// A connection to an upstream for one exchange. Dropping it closes the connection and makes room for another.
pub(crate) struct Lease {
    pub(crate) stream: Stream,
    /// What came from the upstream and was not yet used.
    pub(crate) buffer: Buffer,
}

impl Lease {
    pub(crate) fn url(&self) -> &UpstreamUrl {
        todo!()
    }

    /// Whether the connection carried an exchange before.
    pub(crate) fn is_reused(&self) -> bool {
        todo!()
    }

    /// The upstream failed: it is skipped for a while. The exchange may still go on.
    pub(crate) fn failed(&mut self, why: Failure) {
        todo!()
    }

    /// The upstream works. [`Lease::done`] says so too, but only at the end.
    pub(crate) fn worked(&mut self) {
        todo!()
    }

    /// Gives the connection back to the pool where the request was sent whole, the answer was read to its end, the
    /// upstream keeps it open, and nothing is left over; otherwise closes it.
    pub(crate) fn done(self) {
        todo!()
    }

    /// The connection and the bytes that came after a 101, for a tunnel. It keeps counting against the ceiling.
    pub(crate) fn tunnel(&mut self) -> (&mut Stream, &mut Buffer) {
        todo!()
    }
}
