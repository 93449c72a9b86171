//! Certificates of clients: by whom they must be issued, and which were taken back.
//!
//! Their dates are judged by the clock of the process, as those of upstreams are: never before its floor. A board that
//! woke up in the past still refuses what expired before it last ran; a certificate issued since then is not valid yet
//! until the clock is set.
//!
//! A revocation list is used past its `nextUpdate` (RFC 5280 §5.1.2.5): a clinic whose link is down for a month cannot
//! fetch a new one, and the old one is right about everybody on it. An authority without a list revoked nobody. Several
//! lists of one authority all count: who is on any of them is not let in.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use webpki::{BorrowedCertRevocationList, CertRevocationList};

use crate::config::{ClientCertificate, TlsConfig};

/// What one section knows clients by.
#[derive(Default)]
pub(super) struct Trust {
    authorities: Vec<CertificateDer<'static>>,
    lists: Vec<CertificateRevocationListDer<'static>>,
}

/// What is asked of clients at one address.
pub(super) enum Asked {
    Nothing,
    /// Nobody may come in: a certificate is needed and there is nothing to judge it by.
    Impossible,
    Certificate(Arc<dyn ClientCertVerifier>),
}

impl Trust {
    /// Reads the section's files. All or nothing: without its revocation list, an authority would vouch for those whom
    /// it took its word back for.
    pub(super) fn load(config: &TlsConfig, provider: &Arc<CryptoProvider>) -> Result<Trust, String> {
        let Some(authorities) = &config.client_ca else {
            return Err("client.ca is not set, so that nobody's certificate counts".to_owned());
        };
        let mut trust = Trust { authorities: read_authorities(authorities)?, lists: Vec::new() };
        if let Some(lists) = &config.client_crl {
            trust.lists = read_lists(lists)?;
        }
        // Names the section whose file cannot be used, before others at the same address are mixed in.
        asked(ClientCertificate::Required, &[&trust], provider)?;
        Ok(trust)
    }
}

/// What an address asks where these sections share it: the strictest of their wishes; the authorities and lists of all.
pub(super) fn asked(
    wish: ClientCertificate,
    trusts: &[&Trust],
    provider: &Arc<CryptoProvider>,
) -> Result<Asked, String> {
    let mut roots = RootCertStore::empty();
    for certificate in trusts.iter().flat_map(|trust| &trust.authorities) {
        roots.add(certificate.clone()).map_err(|error| format!("client.ca: {error}"))?;
    }
    match (wish, roots.is_empty()) {
        (ClientCertificate::Off, _) | (ClientCertificate::Optional, true) => return Ok(Asked::Nothing),
        (ClientCertificate::Required, true) => return Ok(Asked::Impossible),
        (ClientCertificate::Optional | ClientCertificate::Required, false) => {}
    }
    let is_optional = wish == ClientCertificate::Optional;
    let roots = Arc::new(roots);
    let mut verifiers = Vec::new();
    for lists in layers(trusts)? {
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider));
        let builder = builder.with_crls(lists).allow_unknown_revocation_status();
        let builder = if is_optional { builder.allow_unauthenticated() } else { builder };
        verifiers.push(builder.build().map_err(|error| format!("client.crl: {error}"))?);
    }
    match verifiers.pop() {
        Some(only) if verifiers.is_empty() => Ok(Asked::Certificate(only)),
        Some(first) => Ok(Asked::Certificate(Arc::new(Strictest { first, others: verifiers }))),
        None => Ok(Asked::Impossible),
    }
}

/// The lists, so parted that no part has two of one authority: webpki looks at the first one only. One part as a rule,
/// and never none.
fn layers(trusts: &[&Trust]) -> Result<Vec<Vec<CertificateRevocationListDer<'static>>>, String> {
    let mut layers: Vec<(Vec<Vec<u8>>, Vec<CertificateRevocationListDer<'static>>)> = vec![(Vec::new(), Vec::new())];
    for list in trusts.iter().flat_map(|trust| &trust.lists) {
        let issuer = issuer(list)?;
        match layers.iter_mut().find(|(issuers, _)| !issuers.contains(&issuer)) {
            Some((issuers, lists)) => {
                issuers.push(issuer);
                lists.push(list.clone());
            }
            None => layers.push((vec![issuer], vec![list.clone()])),
        }
    }
    Ok(layers.into_iter().map(|(_, lists)| lists).collect())
}

fn issuer(list: &CertificateRevocationListDer<'_>) -> Result<Vec<u8>, String> {
    // openssl makes the first version where its configuration has no 'crlnumber'.
    let parsed = BorrowedCertRevocationList::from_der(list).map_err(|error| {
        format!("client.crl: a revocation list cannot be read ({error:?}); it must be of version 2, with a crlNumber")
    })?;
    Ok(CertRevocationList::from(parsed).issuer().to_vec())
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found {
        Ok(found) if found.is_empty() => Err(format!("client.ca {} holds no certificate in PEM form", path.display())),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("client.ca {} cannot be read: {}", path.display(), plain(error))),
    }
}

/// PEM, or one list in DER: authorities publish them as such.
fn read_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let unreadable = |why: String| format!("client.crl {} cannot be read: {why}", path.display());
    let bytes = fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    if bytes.first() == Some(&0x30) {
        return Ok(vec![CertificateRevocationListDer::from(bytes)]);
    }
    let lists = CertificateRevocationListDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    match lists {
        Ok(lists) if lists.is_empty() => Err(format!("client.crl {} holds no revocation list", path.display())),
        Ok(lists) => Ok(lists),
        Err(error) => Err(unreadable(plain(error))),
    }
}

fn plain(error: pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Several verifiers that must all be content. What is asked of clients is the same for all, so the first one asks.
#[derive(Debug)]
struct Strictest {
    first: Arc<dyn ClientCertVerifier>,
    others: Vec<Arc<dyn ClientCertVerifier>>,
}

impl ClientCertVerifier for Strictest {
    fn offer_client_auth(&self) -> bool {
        self.first.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.first.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.first.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        for other in &self.others {
            other.verify_client_cert(end_entity, intermediates, now)?;
        }
        self.first.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.first.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.first.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.first.supported_verify_schemes()
    }
}
