//! The authorities whose client certificates a route takes.

use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::base::{Now, PeerCertificate};

/// Authorities to judge chains by; about 500 bytes each.
#[derive(Clone, Debug)]
pub(crate) struct Authorities {
    anchors: Vec<TrustAnchor<'static>>,
}

impl Authorities {
    /// Nobody's certificate comes from these.
    pub(crate) fn none() -> Authorities {
        Authorities { anchors: Vec::new() }
    }

    /// Reads what a PEM file holds. An authority that cannot be read spoils the file: half a list would shut out
    /// people without a word.
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Authorities, String> {
        let mut anchors = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            let anchor = anchor_from_trusted_cert(&certificate).map_err(|error| error.to_string())?;
            anchors.push(anchor.to_owned());
        }
        if anchors.is_empty() {
            Err("holds no certificate in PEM form".to_owned())
        } else {
            Ok(Authorities { anchors })
        }
    }
}

/// Whether the certificate comes from one of these (RFC 5280 §6), for a route that takes fewer than its listener. Costs
/// a signature check for each step of the chain: once per connection and route, and the answer holds for both.
pub(crate) fn issued_by(certificate: &PeerCertificate, authorities: &Authorities, now: Now) -> bool {
    let own = CertificateDer::from(&*certificate.der);
    let chain: Vec<_> = certificate.chain.iter().map(|der| CertificateDer::from(&**der)).collect();
    let seconds = u64::try_from(now.wall.as_seconds()).unwrap_or(0);
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let Ok(end) = EndEntityCert::try_from(&own) else { return false };
    let anchors = &authorities.anchors;
    end.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, anchors, &chain, time, KeyUsage::client_auth(), None, None)
        .is_ok()
}
