//! Why there is no connection to an upstream.

use std::fmt;
use std::io;

use crate::net::HandshakeError;
use crate::upstream::Failure;

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
    /// Several upstreams were tried and none could be reached; holds what the last one said.
    AllDown {
        tried: usize,
        last: Box<Unavailable>,
    },
}

impl Unavailable {
    pub(super) fn connecting(origin: &str, error: &io::Error) -> Unavailable {
        let origin = origin.to_owned();
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Unavailable::Refused { origin },
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkDown => {
                Unavailable::NoRoute { origin }
            }
            io::ErrorKind::TimedOut => Unavailable::TimedOut { origin },
            _ => Unavailable::Failed { origin, why: error.to_string() },
        }
    }

    pub(super) fn handshake(origin: &str, error: &HandshakeError) -> Unavailable {
        let origin = origin.to_owned();
        match error {
            HandshakeError::TimedOut => Unavailable::TimedOut { origin },
            HandshakeError::Tls(_)
            | HandshakeError::Local(_)
            | HandshakeError::NoCertificate
            | HandshakeError::NoAuthorities => Unavailable::Tls { origin, why: error.to_string() },
            HandshakeError::Io(_) => Unavailable::Failed { origin, why: error.to_string() },
        }
    }

    /// What it says about the upstream's health; being busy says nothing.
    pub(super) fn failure(&self) -> Option<Failure> {
        match self {
            Unavailable::NameUnknown { .. } => Some(Failure::Name),
            Unavailable::NoRoute { .. } | Unavailable::Refused { .. } | Unavailable::Failed { .. } => {
                Some(Failure::Connect)
            }
            Unavailable::TimedOut { .. } => Some(Failure::TimedOut),
            Unavailable::Tls { .. } => Some(Failure::Tls),
            Unavailable::Busy { .. } => None,
            Unavailable::AllDown { last, .. } => last.failure(),
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unavailable::NameUnknown { host, why } => write!(f, "the name {host} has no known address: {why}"),
            Unavailable::NoRoute { origin } => {
                write!(f, "there is no way to {origin}: the link or its network is down")
            }
            Unavailable::Refused { origin } => write!(f, "{origin} refuses connections"),
            Unavailable::TimedOut { origin } => write!(f, "{origin} did not answer a connection in time"),
            Unavailable::Tls { origin, why } => write!(f, "no TLS connection to {origin}: {why}"),
            Unavailable::Busy { origin } => write!(f, "all connections that are allowed to {origin} are in use"),
            Unavailable::Failed { origin, why } => write!(f, "no connection to {origin}: {why}"),
            Unavailable::AllDown { tried, last } => {
                write!(f, "none of {tried} upstreams can be reached; the last: {last}")
            }
        }
    }
}

impl std::error::Error for Unavailable {}
