//! The right to use one connection for one exchange.

use std::sync::Arc;

use crate::config::UpstreamUrl;
use crate::http::Scan;
use crate::net::{Buffer, Stream};
use crate::upstream::Failure;
use crate::upstream::group::{Member, Probe};
use crate::upstream::peer::Slot;

/// A connection to an upstream for one exchange. Dropping it closes the connection and makes room for another.
pub(crate) struct Lease {
    pub(crate) stream: Stream,
    /// What came from the upstream and was not yet used.
    pub(crate) buffer: Buffer,
    pub(super) course: Course,
    member: Arc<Member>,
    probe: Option<Probe>,
    slot: Slot,
    reused: bool,
    failed: bool,
}

/// How far the exchange has come. A connection carries another one only after all of this was seen.
#[derive(Default)]
pub(super) struct Course {
    /// The request was sent to its end.
    pub(super) sent: bool,
    /// Something came from the upstream.
    pub(super) heard: bool,
    /// The upstream lets the connection carry another exchange (RFC 9112 §9.3).
    pub(super) persists: bool,
    /// The answer was read to its end.
    pub(super) read: bool,
    /// Interim answers so far.
    pub(super) interim: usize,
    /// How far the present head has been looked at.
    pub(super) scan: Scan,
}

impl Lease {
    pub(super) fn new(stream: Stream, slot: Slot, member: Arc<Member>, probe: Option<Probe>, reused: bool) -> Lease {
        let course = Course::default();
        Lease { stream, buffer: Buffer::new(), course, member, probe, slot, reused, failed: false }
    }

    /// Where the connection leads, as the route has it.
    pub(crate) fn url(&self) -> &UpstreamUrl {
        &self.member.url
    }

    /// Whether the connection carried an exchange before.
    pub(crate) fn is_reused(&self) -> bool {
        self.reused
    }

    /// The upstream failed: it is skipped for a while. The exchange may still go on.
    pub(crate) fn failed(&mut self, why: Failure) {
        self.failed = true;
        self.slot.failed(why);
        self.probe = None;
    }

    /// The upstream works. [`Lease::done`] says so too, but only at the end of a long answer.
    pub(crate) fn worked(&mut self) {
        if !self.failed {
            self.slot.succeeded();
            self.probe = None;
        }
    }

    /// Gives the connection back to the pool where the request was sent whole, the answer was read to its end, the
    /// upstream keeps it open, and nothing is left over; otherwise closes it.
    pub(crate) fn done(mut self) {
        self.worked();
        let Course { sent, persists, read, .. } = self.course;
        if sent && persists && read && self.buffer.is_empty() {
            self.slot.keep(self.stream);
        }
    }

    /// The connection and the bytes that came after a 101, for a tunnel. It keeps counting against the ceiling.
    pub(crate) fn tunnel(&mut self) -> (&mut Stream, &mut Buffer) {
        (&mut self.stream, &mut self.buffer)
    }
}
