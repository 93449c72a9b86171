//! The certificates that clients see.

use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures_rustls::{TlsAcceptor, TlsStream};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::{HandshakeKind, ServerConnection};

use crate::base::PeerCertificate;
use crate::config::{ClientCertificate, TlsConfig};
use crate::net::stream::Counted;
use crate::net::tls::clients::{self, Asked, Trust};
use crate::net::tls::suites::{VERSIONS, cpu_has_aes, provider};
use crate::net::tls::{ALPN, HandshakeError, TlsProblem, handshake};
use crate::net::{CertificateTimeProvider, Clock, Stream};

/// Terminates TLS on all addresses where the configuration offers a certificate.
pub(crate) struct TlsFront {
    provider: Arc<CryptoProvider>,
    clock: Arc<Clock>,
    certificates: Arc<Certificates>,
    /// Guards what is known of the files while they are read again.
    sections: Mutex<Vec<Section>>,
    doors: Vec<Door>,
    /// Another number whenever it changed whose certificates are good.
    generation: AtomicU64,
}

/// Numbers for generations: no two fronts of a process ever have the same.
static GENERATIONS: AtomicU64 = AtomicU64::new(1);

/// An address, and what is offered and asked there.
struct Door {
    listen: SocketAddr,
    offered: Arc<Offered>,
    /// The strictest wish of its sections.
    client: ClientCertificate,
    /// How it is opened now. Guards the value for the moment of a look-up or a replacement.
    way: RwLock<Way>,
}

#[derive(Clone)]
enum Way {
    /// Nobody can be judged.
    Shut,
    Open {
        acceptor: TlsAcceptor,
        /// By whom clients' certificates are judged; `None` where none is asked for.
        verifier: Option<Arc<dyn ClientCertVerifier>>,
    },
}

/// One `[tls]` section and what was last seen of its files.
struct Section {
    config: TlsConfig,
    stamp: Option<Stamp>,
    problem: Option<TlsProblem>,
    /// `None` until its authorities could be read.
    trust: Option<Trust>,
    trust_stamp: Option<TrustStamp>,
    trust_problem: Option<TlsProblem>,
}

/// Tells whether a pair of files changed.
type Stamp = [FileStamp; 2];

/// Authorities and revocation lists; `None` for a file that is not there.
type TrustStamp = [Option<FileStamp>; 2];

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
        let front = TlsFront {
            provider: provider(),
            clock: Arc::clone(clock),
            doors: doors(sections, &certificates),
            sections: Mutex::new(sections.iter().map(Section::new).collect()),
            certificates,
            generation: AtomicU64::new(0),
        };
        let problems = front.reload_if_changed().1;
        (Arc::new(front), problems)
    }

    /// Reads the files again that changed since they were last read (blocking). What was loaded stays where the new
    /// files are broken. Gives whether anything new is in use, and the problems that this reading found.
    pub(crate) fn reload_if_changed(&self) -> (bool, Vec<TlsProblem>) {
        let mut sections = self.sections.lock().unwrap_or_else(PoisonError::into_inner);
        let mut problems = Vec::new();
        let mut changed = false;
        for (at, section) in sections.iter_mut().enumerate() {
            changed |= self.read_certificate(at, section, &mut problems);
        }
        let mut trust_changed = self.generation.load(Ordering::Relaxed) == 0;
        for section in sections.iter_mut() {
            let read = section.read_trust(&self.provider, &mut problems);
            trust_changed |= read;
            changed |= read;
        }
        if trust_changed {
            problems.extend(self.open_doors(&sections));
            self.generation.store(GENERATIONS.fetch_add(1, Ordering::Relaxed), Ordering::Release);
        }
        (changed, problems)
    }

    /// What is wrong with the files now.
    pub(crate) fn problems(&self) -> Vec<TlsProblem> {
        let sections = self.sections.lock().unwrap_or_else(PoisonError::into_inner);
        sections.iter().flat_map(|section| section.problem.iter().chain(&section.trust_problem)).cloned().collect()
    }

    /// Another number whenever the authorities or revocation lists are others, also after a reload of the file: then [`TlsFront::still_takes`] may say something else of
    /// a client that is connected.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether a client that showed this certificate would still be let in at this address. As dear as the check in the
    /// handshake: one signature for each step of the chain.
    pub(crate) fn still_takes(&self, listen: SocketAddr, certificate: &PeerCertificate) -> bool {
        let door = self.doors.iter().find(|door| door.listen == listen);
        let Some(Way::Open { verifier: Some(verifier), .. }) = door.map(Door::way) else { return false };
        let chain: Vec<_> = certificate.chain.iter().map(|der| CertificateDer::from(&**der)).collect();
        self.judge(&*verifier, &CertificateDer::from(&*certificate.der), &chain).is_ok()
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
        let Way::Open { acceptor, verifier } = door.way() else { return Err(HandshakeError::NoAuthorities) };
        let accepted = handshake(span, acceptor.accept(Counted::new(socket))).await?;
        let session = accepted.get_ref().1;
        if let Some(verifier) = verifier {
            self.judge_again(&*verifier, session).map_err(HandshakeError::Tls)?;
        }
        let peer = session.peer_certificates().and_then(peer_certificate);
        Ok(Stream::secured(TlsStream::Server(accepted), peer))
    }

    /// A resumed session brings the certificate of its first handshake along in the ticket, and rustls believes its own
    /// ticket. Since then the certificate may have expired or been revoked, so it is judged as if it had just come.
    fn judge_again(&self, verifier: &dyn ClientCertVerifier, session: &ServerConnection) -> Result<(), rustls::Error> {
        if session.handshake_kind() != Some(HandshakeKind::Resumed) {
            return Ok(());
        }
        match session.peer_certificates().and_then(<[_]>::split_first) {
            Some((own, chain)) => self.judge(verifier, own, chain),
            None if verifier.client_auth_mandatory() => Err(rustls::Error::NoCertificatesPresented),
            None => Ok(()),
        }
    }

    fn judge(
        &self,
        verifier: &dyn ClientCertVerifier,
        own: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
    ) -> Result<(), rustls::Error> {
        let now = CertificateTimeProvider(Arc::clone(&self.clock)).current_time();
        verifier.verify_client_cert(own, chain, now.ok_or(rustls::Error::FailedToGetCurrentTime)?).map(drop)
    }

    /// Gives whether there is a new certificate to offer.
    fn read_certificate(&self, at: usize, section: &mut Section, problems: &mut Vec<TlsProblem>) -> bool {
        let stamp = stamp(&section.config);
        if stamp.is_some() && stamp == section.stamp || stamp.is_none() && section.problem.is_some() {
            return false;
        }
        section.stamp = stamp;
        match load(&section.config, &self.provider) {
            Ok(key) => {
                section.problem = None;
                self.certificates.replace(at, key);
                true
            }
            Err(why) => {
                let problem = TlsProblem { section: section.config.name.clone(), why };
                section.problem = Some(problem.clone());
                problems.push(problem);
                false
            }
        }
    }

    /// Opens each door by what its sections know now. The keys of tickets are new: sessions of before end.
    fn open_doors(&self, sections: &[Section]) -> Vec<TlsProblem> {
        let mut problems = Vec::new();
        for door in &self.doors {
            let here = door.offered.sections.iter().filter_map(|at| sections.get(*at));
            let trusts: Vec<&Trust> = here.filter_map(|section| section.trust.as_ref()).collect();
            let asked = clients::asked(door.client, &trusts, &self.provider);
            let opened = asked.and_then(|asked| self.open(door, asked).map_err(|error| error.to_string()));
            let way = opened.unwrap_or_else(|why| {
                problems.push(TlsProblem { section: String::new(), why: format!("{}: {why}", door.listen) });
                Way::Shut
            });
            *door.way.write().unwrap_or_else(PoisonError::into_inner) = way;
        }
        problems
    }

    /// Judges resumed sessions by somebody else from now on, and leaves the tickets as they are.
    #[cfg(test)]
    pub(super) fn judge_by(&self, listen: SocketAddr, trust: &Trust) -> Arc<dyn ClientCertVerifier> {
        let Ok(Asked::Certificate(verifier)) = clients::asked(ClientCertificate::Required, &[trust], &self.provider)
        else {
            panic!("no verifier");
        };
        self.judge_as_before(listen, verifier).unwrap()
    }

    #[cfg(test)]
    pub(super) fn judge_as_before(
        &self,
        listen: SocketAddr,
        judge: Arc<dyn ClientCertVerifier>,
    ) -> Option<Arc<dyn ClientCertVerifier>> {
        let door = self.doors.iter().find(|door| door.listen == listen).unwrap();
        match &mut *door.way.write().unwrap() {
            Way::Open { verifier, .. } => verifier.replace(judge),
            Way::Shut => None,
        }
    }

    fn open(&self, door: &Door, asked: Asked) -> Result<Way, rustls::Error> {
        let verifier = match asked {
            Asked::Nothing => None,
            Asked::Impossible => return Ok(Way::Shut),
            Asked::Certificate(verifier) => Some(verifier),
        };
        let config = server_config(&self.provider, &door.offered, verifier.clone(), &self.clock)?;
        Ok(Way::Open { acceptor: TlsAcceptor::from(config), verifier })
    }
}

fn doors(sections: &[TlsConfig], certificates: &Arc<Certificates>) -> Vec<Door> {
    let mut listens: Vec<SocketAddr> = sections.iter().flat_map(|section| section.listen.iter().copied()).collect();
    listens.sort_unstable();
    listens.dedup();
    let door = |listen: SocketAddr| {
        let is_here = |section: &TlsConfig| section.listen.is_empty() || section.listen.contains(&listen);
        let here = || (0..).zip(sections).filter(|(_, section)| is_here(section));
        let offered = Offered { certificates: Arc::clone(certificates), sections: here().map(|(at, _)| at).collect() };
        // A client picks the section by the name that it asks for, and says in each request what name it means: so
        // whatever one section asks for holds for the whole address.
        let client = here().map(|(_, section)| section.client).max().unwrap_or_default();
        Door { listen, offered: Arc::new(offered), client, way: RwLock::new(Way::Shut) }
    };
    listens.into_iter().map(door).collect()
}

/// The first one is the client's own.
fn peer_certificate(shown: &[CertificateDer<'static>]) -> Option<PeerCertificate> {
    let (own, chain) = shown.split_first()?;
    Some(PeerCertificate { der: Arc::from(&**own), chain: chain.iter().map(|der| Arc::from(&**der)).collect() })
}

impl Door {
    fn way(&self) -> Way {
        self.way.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    offered: &Arc<Offered>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    clock: &Arc<Clock>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let time = Arc::new(CertificateTimeProvider(Arc::clone(clock)));
    let mut config = ServerConfig::builder_with_details(Arc::clone(provider), time)
        .with_protocol_versions(VERSIONS)?
        .with_client_cert_verifier(verifier.unwrap_or_else(WebPkiClientVerifier::no_client_auth))
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
        Section {
            config: config.clone(),
            stamp: None,
            problem: None,
            trust: None,
            trust_stamp: None,
            trust_problem: None,
        }
    }

    /// Gives whether there is something new to judge clients by.
    fn read_trust(&mut self, provider: &Arc<CryptoProvider>, problems: &mut Vec<TlsProblem>) -> bool {
        if self.config.client == ClientCertificate::Off {
            return false;
        }
        let stamp = trust_stamp(&self.config);
        if self.trust_stamp == Some(stamp) {
            return false;
        }
        self.trust_stamp = Some(stamp);
        match Trust::load(&self.config, provider) {
            Ok(trust) => {
                self.trust = Some(trust);
                self.trust_problem = None;
                true
            }
            Err(why) => {
                let problem =
                    TlsProblem { section: self.config.name.clone(), why: format!("{why}; {}", self.outcome()) };
                self.trust_problem = Some(problem.clone());
                problems.push(problem);
                false
            }
        }
    }

    /// What broken files mean for clients.
    fn outcome(&self) -> &'static str {
        match (&self.trust, self.config.client) {
            (Some(_), _) => "what was read before stays in use",
            (None, ClientCertificate::Required) => "until it can, nobody is let in",
            (None, ClientCertificate::Optional | ClientCertificate::Off) => {
                "until it can, nobody is known by a certificate"
            }
        }
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
    Some([file_stamp(&config.certificate)?, file_stamp(&config.key)?])
}

fn trust_stamp(config: &TlsConfig) -> TrustStamp {
    [&config.client_ca, &config.client_crl].map(|path| path.as_deref().and_then(file_stamp))
}

fn file_stamp(path: &Path) -> Option<FileStamp> {
    let found = fs::metadata(path).ok()?;
    Some(FileStamp { modified: (found.mtime(), found.mtime_nsec()), size: found.size(), inode: found.ino() })
}
