//! TLS on both sides: rustls with ring, TLS 1.2 and 1.3, HTTP/1.1 only.

mod client;
mod clients;
mod front;
mod suites;

use std::fmt;
use std::io;
use std::time::Duration;

pub(crate) use client::TlsClient;
pub(crate) use front::TlsFront;

use crate::net::within;

/// The one protocol offered and accepted (RFC 7301).
const ALPN: &[u8] = b"http/1.1";

/// A certificate or key that cannot be used. It costs only its own section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TlsProblem {
    /// The section's name; empty where it has none, and for certificate authorities of an upstream.
    pub(crate) section: String,
    pub(crate) why: String,
}

/// Why there is no TLS connection.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    TimedOut,
    /// No certificate can be offered on this address.
    NoCertificate,
    /// Clients must show a certificate here, and there is nothing to judge it by.
    NoAuthorities,
    /// The peer's certificate or messages were refused, or ours were.
    Tls(rustls::Error),
    /// A local file (certificate authorities) cannot be used.
    Local(TlsProblem),
    Io(io::Error),
}

/// Waits for a handshake and tells TLS errors from those of the connection.
async fn handshake<T>(
    span: Duration,
    future: impl Future<Output = io::Result<T>> + Unpin,
) -> Result<T, HandshakeError> {
    let error = match within(span, future).await {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(error)) => error,
        Err(_) => return Err(HandshakeError::TimedOut),
    };
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) => Err(HandshakeError::Tls(inner.clone())),
        None => Err(HandshakeError::Io(error)),
    }
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.section.is_empty() {
            write!(f, "{}", self.why)
        } else {
            write!(f, "[tls {}] {}", self.section, self.why)
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::TimedOut => f.write_str("the TLS handshake took too long"),
            HandshakeError::NoCertificate => f.write_str("there is no certificate for this address"),
            HandshakeError::NoAuthorities => {
                f.write_str("client certificates are needed and there is no usable client.ca")
            }
            HandshakeError::Tls(error) => write!(f, "{error}"),
            HandshakeError::Local(problem) => write!(f, "{problem}"),
            HandshakeError::Io(error) => write!(f, "the connection failed in the TLS handshake: {error}"),
        }
    }
}

impl std::error::Error for HandshakeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            HandshakeError::Tls(error) => Some(error),
            HandshakeError::Io(error) => Some(error),
            HandshakeError::TimedOut
            | HandshakeError::NoCertificate
            | HandshakeError::NoAuthorities
            | HandshakeError::Local(_) => None,
        }
    }
}

#[cfg(test)]
mod client_tests;
#[cfg(test)]
#[path = "../../../tests/sockets/harness/pki.rs"]
mod pki;
#[cfg(test)]
mod tests;
