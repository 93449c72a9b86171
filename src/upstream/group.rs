//! The upstreams of a route, in the order in which they are tried.

use std::sync::Arc;

use crate::base::{Mono, Now};
use crate::config::{UpstreamConfig, UpstreamUrl};
use crate::net::Clock;
use crate::upstream::{Failure, Lease, Names, Unavailable};

/// All upstreams of the process, by identity. Survives reloads, and with it pools, health and names.
pub(crate) struct Upstreams {}

/// The upstreams of one route.
pub(crate) struct Group {}

/// Which connection will do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Want {
    /// One from the pool, or a new one.
    Any,
    /// A new one: the one from the pool was stale.
    New,
}

/// One upstream, for the status page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PeerStatus {
    /// `https://name:port`
    pub(crate) origin: String,
    /// Leased connections.
    pub(crate) leased: usize,
    /// Connections in the pool.
    pub(crate) idle: usize,
    /// Why it is skipped, since when, and when it is tried again; `None` while it works.
    pub(crate) failing: Option<(Failure, Mono, Mono)>,
}

impl Upstreams {
    pub(crate) fn new(clock: Arc<Clock>) -> Arc<Upstreams> {
        todo!()
    }

    /// The group for a route; peers that are known under the same identity are shared.
    pub(crate) fn group(&self, urls: &[UpstreamUrl], config: &UpstreamConfig) -> Arc<Group> {
        todo!()
    }

    /// Closes connections that were unused for too long, and forgets peers that no group holds any more. To be called
    /// every few seconds.
    pub(crate) fn sweep(&self) {
        todo!()
    }

    pub(crate) fn names(&self) -> &Arc<Names> {
        todo!()
    }

    pub(crate) fn status(&self) -> Vec<PeerStatus> {
        todo!()
    }
}

impl Group {
    /// A connection to the first upstream that gives one: those that fail are skipped for a growing time. Takes no
    /// longer than the connect time-out of each.
    pub(crate) async fn lease(&self, want: Want) -> Result<Lease, Unavailable> {
        todo!()
    }

    /// Whether every upstream failed lately, so that a stale answer need not wait for another failure.
    pub(crate) fn looks_down(&self, now: Now) -> bool {
        todo!()
    }
}
