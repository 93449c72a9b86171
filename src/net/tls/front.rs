//! The certificates that clients see.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures_rustls::{TlsAcceptor, TlsStream};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::TlsConfig;
use crate::net::stream::Counted;
use crate::net::tls::suites::{VERSIONS, cpu_has_aes, provider};
use crate::net::tls::{ALPN, HandshakeError, TlsProblem, handshake};
use crate::net::{CertificateTimeProvider, Clock, Stream};

/// Terminates TLS on all addresses where the configuration offers a certificate.
pub(crate) struct TlsFront {
    provider: Arc<CryptoProvider>,
    certificates: Arc<Certificates>,
    /// Guards what is known of the files while they are read again.
    sections: Mutex<Vec<Section>>,
    doors: Vec<Door>,
}

/// An address and what is offered there.
struct Door {
    listen: SocketAddr,
    acceptor: TlsAcceptor,
    offered: Arc<Offered>,
}

/// One `[tls]` section and what was last seen of its files.
struct Section {
    config: TlsConfig,
    stamp: Option<Stamp>,
    problem: Option<TlsProblem>,
}

/// Tells whether a pair of files changed.
type Stamp = [FileStamp; 2];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FileStamp {
    modified: (i64, i64),
    size: u64,
    inode: u64,
}

/// What is loaded of each section, in their order.
struct Certificates {
    /// Guards the list for the moment of a look-up or a replacement.
    loaded: RwLock<Vec<Option<Arc<CertifiedKey>>>>,
}

/// The sections that are offered on one address. The first that can be used is the default.
struct Offered {
    certificates: Arc<Certificates>,
    sections: Vec<usize>,
}

impl TlsFront {
    /// Never fails: a certificate that is missing or broken is reported and left out until its files change. Reads
    /// files (blocking).
    pub(crate) fn build(sections: &[TlsConfig], clock: &Arc<Clock>) -> (Arc<TlsFront>, Vec<TlsProblem>) {
        let certificates = Arc::new(Certificates { loaded: RwLock::new(vec![None; sections.len()]) });
        let mut front = TlsFront {
            provider: provider(),
            doors: Vec::new(),
            sections: Mutex::new(sections.iter().map(Section::new).collect()),
            certificates,
        };
        let mut problems = front.open_doors(sections, clock);
        problems.extend(front.reload_if_changed().1);
        (Arc::new(front), problems)
    }

    /// Reads the files again that changed since they were last read (blocking). What was loaded stays where the new
    /// files are broken. Gives whether anything new is in use, and the problems that this reading found.
    pub(crate) fn reload_if_changed(&self) -> (bool, Vec<TlsProblem>) {
        let mut problems = Vec::new();
        let mut changed = false;
        let mut sections = self.sections.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, section) in sections.iter_mut().enumerate() {
            let stamp = stamp(&section.config);
            if stamp.is_some() && stamp == section.stamp || stamp.is_none() && section.problem.is_some() {
                continue;
            }
            section.stamp = stamp;
            match load(&section.config, &self.provider) {
                Ok(key) => {
                    section.problem = None;
                    self.certificates.replace(at, key);
                    changed = true;
                }
                Err(why) => {
                    let problem = TlsProblem { section: section.config.name.clone(), why };
                    section.problem = Some(problem.clone());
                    problems.push(problem);
                }
            }
        }
        (changed, problems)
    }

    /// What is wrong with the files now.
    pub(crate) fn problems(&self) -> Vec<TlsProblem> {
        let sections = self.sections.lock().unwrap_or_else(PoisonError::into_inner);
        sections.iter().filter_map(|section| section.problem.clone()).collect()
    }

    /// Does the handshake on a connection that came in on `listen` (the address as configured).
    pub(crate) async fn accept(
        &self,
        stream: Stream,
        listen: SocketAddr,
        span: Duration,
    ) -> Result<Stream, HandshakeError> {
        let door = self.doors.iter().find(|door| door.listen == listen).ok_or(HandshakeError::NoCertificate)?;
        let Stream::Plain(socket) = stream else {
            return Err(HandshakeError::Tls(rustls::Error::General("TLS inside TLS".to_owned())));
        };
        if door.offered.default().is_none() {
            return Err(HandshakeError::NoCertificate);
        }
        let accepted = handshake(span, door.acceptor.accept(Counted::new(socket))).await?;
        Ok(Stream::secured(TlsStream::Server(accepted), None))
    }

    fn open_doors(&mut self, sections: &[TlsConfig], clock: &Arc<Clock>) -> Vec<TlsProblem> {
        let mut listens: Vec<SocketAddr> = sections.iter().flat_map(|section| section.listen.iter().copied()).collect();
        listens.sort_unstable();
        listens.dedup();
        for listen in listens {
            let here = |section: &TlsConfig| section.listen.is_empty() || section.listen.contains(&listen);
            let offered = Arc::new(Offered {
                certificates: Arc::clone(&self.certificates),
                sections: (0..).zip(sections).filter(|(_, section)| here(section)).map(|(at, _)| at).collect(),
            });
            match server_config(&self.provider, &offered, clock) {
                Ok(config) => self.doors.push(Door { listen, acceptor: TlsAcceptor::from(config), offered }),
                Err(error) => return vec![TlsProblem { section: String::new(), why: error.to_string() }],
            }
        }
        Vec::new()
    }
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    offered: &Arc<Offered>,
    clock: &Arc<Clock>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let time = Arc::new(CertificateTimeProvider(Arc::clone(clock)));
    let mut config = ServerConfig::builder_with_details(Arc::clone(provider), time)
        .with_protocol_versions(VERSIONS)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(offered) as Arc<dyn ResolvesServerCert>);
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Tickets are kept by the client, so that resumption costs this side no memory.
    config.ticketer = rustls::crypto::ring::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    // A client with AES instructions puts AES first, one without puts ChaCha20 first, and both may choose unless we
    // are the one without.
    config.ignore_client_order = !cpu_has_aes();
    Ok(Arc::new(config))
}

impl Section {
    fn new(config: &TlsConfig) -> Section {
        Section { config: config.clone(), stamp: None, problem: None }
    }
}

impl Certificates {
    fn of(&self, section: usize) -> Option<Arc<CertifiedKey>> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.get(section).cloned().flatten()
    }

    fn replace(&self, section: usize, key: CertifiedKey) {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = loaded.get_mut(section) {
            *slot = Some(Arc::new(key));
        }
    }
}

impl Offered {
    fn usable(&self) -> impl Iterator<Item = Arc<CertifiedKey>> + '_ {
        self.sections.iter().filter_map(|section| self.certificates.of(*section))
    }

    fn default(&self) -> Option<Arc<CertifiedKey>> {
        self.usable().next()
    }

    fn named(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let name = ServerName::try_from(name).ok()?;
        self.usable().find(|key| key.end_entity_cert().is_ok_and(|certificate| covers(certificate, &name)))
    }
}

impl ResolvesServerCert for Offered {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        hello.server_name().and_then(|name| self.named(name)).or_else(|| self.default())
    }
}

impl fmt::Debug for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offered").field("sections", &self.sections).finish_non_exhaustive()
    }
}

fn covers(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    webpki::EndEntityCert::try_from(certificate)
        .is_ok_and(|parsed| parsed.verify_is_valid_for_subject_name(name).is_ok())
}

fn load(config: &TlsConfig, provider: &CryptoProvider) -> Result<CertifiedKey, String> {
    let unreadable = |path: &Path, error: pem::Error| match error {
        pem::Error::NoItemsFound => format!("{} holds nothing of this kind in PEM form", path.display()),
        other => format!("{} cannot be read: {other}", path.display()),
    };
    let certificate = |error| format!("certificate {}", unreadable(&config.certificate, error));
    let chain = CertificateDer::pem_file_iter(&config.certificate).map_err(certificate)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(certificate)?;
    if chain.is_empty() {
        return Err(certificate(pem::Error::NoItemsFound));
    }
    let key =
        PrivateKeyDer::from_pem_file(&config.key).map_err(|error| format!("key {}", unreadable(&config.key, error)))?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| format!("{} and {}: {error}", config.certificate.display(), config.key.display()))
}

/// `None` where one of the files is missing.
fn stamp(config: &TlsConfig) -> Option<Stamp> {
    let of = |path: &Path| {
        let found = fs::metadata(path).ok()?;
        Some(FileStamp { modified: (found.mtime(), found.mtime_nsec()), size: found.size(), inode: found.ino() })
    };
    Some([of(&config.certificate)?, of(&config.key)?])
}
