//! The certificates that clients see.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::TlsConfig;
use crate::net::tls::{HandshakeError, TlsProblem};
use crate::net::{Clock, Stream};

/// Terminates TLS on all addresses where the configuration offers a certificate.
pub(crate) struct TlsFront {}

impl TlsFront {
    /// Never fails: a certificate that is missing or broken is reported and left out until its files change.
    pub(crate) fn build(sections: &[TlsConfig], clock: &Arc<Clock>) -> (Arc<TlsFront>, Vec<TlsProblem>) {
        todo!()
    }

    /// Reads the files again that changed since they were last read (blocking). What was loaded stays where the new
    /// files are broken. Gives the problems found, and whether anything new is in use.
    pub(crate) fn reload_if_changed(&self) -> (bool, Vec<TlsProblem>) {
        todo!()
    }

    /// Certificates that cannot be used now.
    pub(crate) fn problems(&self) -> Vec<TlsProblem> {
        todo!()
    }

    /// Does the handshake on a connection that came in on `listen` (the address as configured).
    pub(crate) async fn accept(
        &self,
        stream: Stream,
        listen: SocketAddr,
        span: Duration,
    ) -> Result<Stream, HandshakeError> {
        todo!()
    }
}
