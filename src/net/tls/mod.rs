//! TLS on both sides: rustls with ring, TLS 1.2 and 1.3, HTTP/1.1 only.

mod client;
mod front;

use std::fmt;
use std::io;

pub(crate) use client::TlsClient;
pub(crate) use front::TlsFront;

/// A certificate or key that cannot be used. It costs only its own section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TlsProblem {
    /// The section's name, or the upstream's.
    pub(crate) section: String,
    pub(crate) why: String,
}

/// Why there is no TLS connection.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    TimedOut,
    /// No certificate can be offered on this address.
    NoCertificate,
    /// The peer's certificate or messages were refused, or ours were.
    Tls(rustls::Error),
    /// A local file (certificate authorities) cannot be used.
    Local(TlsProblem),
    Io(io::Error),
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.section, self.why)
    }
}
