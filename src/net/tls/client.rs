//! TLS to upstreams.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_io::Async;

use crate::net::tls::HandshakeError;
use crate::net::{Clock, Stream};

/// How to speak TLS to one upstream. Remembers sessions, so that later handshakes are shorter.
pub(crate) struct TlsClient {}

impl TlsClient {
    /// Trusts the authorities in the file `ca`, or those of the web; expects the name `verify`, or the host's.
    /// The file is read at the first connection, and again until it can be used.
    pub(crate) fn new(ca: Option<&Path>, verify: Option<&str>, clock: &Arc<Clock>) -> TlsClient {
        todo!()
    }

    pub(crate) async fn connect(
        &self,
        socket: Async<TcpStream>,
        host: &str,
        span: Duration,
    ) -> Result<Stream, HandshakeError> {
        todo!()
    }
}
