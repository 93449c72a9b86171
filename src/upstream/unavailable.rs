//! Why there is no connection to an upstream.

use std::fmt;

/// `Display` is a sentence for an operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unavailable {
    /// The name has no address, and never had one.
    NameUnknown {
        host: String,
        why: String,
    },
    /// No way to the address: the link is down, or the network unknown.
    NoRoute {
        origin: String,
    },
    Refused {
        origin: String,
    },
    TimedOut {
        origin: String,
    },
    Tls {
        origin: String,
        why: String,
    },
    /// All connections that are allowed to it are in use.
    Busy {
        origin: String,
    },
    /// The connection failed in another way.
    Failed {
        origin: String,
        why: String,
    },
    /// Several upstreams were tried and none answered; holds what the last one said.
    AllDown {
        tried: usize,
        last: Box<Unavailable>,
    },
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
