//! TLS to upstreams.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_rustls::{TlsConnector, TlsStream};
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::net::stream::Counted;
use crate::net::tls::suites::{VERSIONS, provider};
use crate::net::tls::{ALPN, HandshakeError, TlsProblem, handshake};
use crate::net::{CertificateTimeProvider, Clock, Socket, Stream};

/// Sessions remembered for each upstream; it has one name, and each session may be used once.
const SESSIONS: usize = 8;

/// How to speak TLS to one upstream. Remembers sessions, so that later handshakes are shorter.
pub(crate) struct TlsClient {
    ca: Option<PathBuf>,
    verify: Option<String>,
    clock: Arc<Clock>,
    /// Guards the configuration once it was built; never held across an await.
    config: Mutex<Option<Arc<ClientConfig>>>,
}

impl TlsClient {
    /// Trusts the authorities in the file `ca`, or those of the web; expects the name `verify`, or the host's.
    /// The file is read at the first connection, and again after one that it refused.
    pub(crate) fn new(ca: Option<&Path>, verify: Option<&str>, clock: &Arc<Clock>) -> TlsClient {
        TlsClient {
            ca: ca.map(Path::to_owned),
            verify: verify.map(str::to_owned),
            clock: Arc::clone(clock),
            config: Mutex::new(None),
        }
    }

    pub(crate) async fn connect(&self, socket: Socket, host: &str, span: Duration) -> Result<Stream, HandshakeError> {
        let name = self.verify.as_deref().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| {
            HandshakeError::Tls(rustls::Error::General(format!("{name} cannot be the name in a certificate")))
        })?;
        let connector = TlsConnector::from(self.config().await?);
        match handshake(span, connector.connect(name, Counted::new(socket))).await {
            Ok(stream) => Ok(Stream::secured(TlsStream::Client(stream), None)),
            Err(error) => {
                if matches!(error, HandshakeError::Tls(_)) && self.ca.is_some() {
                    self.remember(None);
                }
                Err(error)
            }
        }
    }

    async fn config(&self) -> Result<Arc<ClientConfig>, HandshakeError> {
        if let Some(config) = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(config);
        }
        let roots = match &self.ca {
            None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
            Some(path) => {
                let path = path.clone();
                smol::unblock(move || read_authorities(&path)).await.map_err(HandshakeError::Local)?
            }
        };
        let config = self.build(roots).map_err(HandshakeError::Tls)?;
        self.remember(Some(Arc::clone(&config)));
        Ok(config)
    }

    fn remember(&self, config: Option<Arc<ClientConfig>>) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
    }

    fn build(&self, roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
        let time = Arc::new(CertificateTimeProvider(Arc::clone(&self.clock)));
        let mut config = ClientConfig::builder_with_details(provider(), time)
            .with_protocol_versions(VERSIONS)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(Arc::new(config))
    }
}

fn read_authorities(path: &Path) -> Result<RootCertStore, TlsProblem> {
    let problem = |why: String| TlsProblem { section: String::new(), why };
    let unreadable = |why: &dyn std::fmt::Display| problem(format!("ca {} cannot be read: {why}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    if roots.is_empty() { Err(problem(format!("ca {} holds no certificate", path.display()))) } else { Ok(roots) }
}
