//! Who a certificate says that it is.

use std::sync::Arc;

use super::CertificateProblem;
use super::der::{self};
use crate::auth::{Identity, Kind};
use crate::base::PeerCertificate;

/// SHA-256 of a certificate.
pub(crate) type Fingerprint = [u8; 32];

/// Who it is; once per connection. The id is the first alternative name (`dns:tablet3.clinic.example`), so that it
/// stays when the certificate is renewed, else the common name (`cn:Tablet 3`), else the fingerprint (`sha256:…`).
///
/// Claims: `cn`, `dns`, `email`, `uri`, `ip` (RFC 5280 §4.2.1.6), `issuer` (the issuer's common name) and `sha256`.
pub(crate) fn identity(certificate: &PeerCertificate) -> Result<Arc<Identity>, CertificateProblem> {
    let read = der::certificate(&certificate.der).ok_or(CertificateProblem::Malformed)?;
    let print = fingerprint(certificate);
    let print_text = hex(&print);
    let first = read.names.first().map(|name| (name.kind(), name.text()));
    let (kind, name) = first.unwrap_or(("sha256", &print_text));
    let id = format!("{kind}:{name}");
    let name = read.common_name().unwrap_or(name).to_owned();
    let mut claims: Vec<(String, Vec<String>)> = Vec::new();
    let issuer = read.issuer.iter().map(|issuer| ("issuer", issuer.as_str()));
    let names = read.names.iter().map(|name| (name.kind(), name.text()));
    for (claim, value) in names.chain(issuer).chain([("sha256", print_text.as_str())]) {
        match claims.iter_mut().find(|(known, _)| known == claim) {
            Some((_, values)) => values.push(value.to_owned()),
            None => claims.push((claim.to_owned(), vec![value.to_owned()])),
        }
    }
    Ok(Arc::new(Identity {
        kind: Kind::Certificate,
        id,
        name,
        plan: None,
        scopes: Vec::new(),
        claims,
        not_before: Some(read.not_before),
        expires: Some(read.not_after),
        bound_to: Some(print),
    }))
}

pub(crate) fn fingerprint(certificate: &PeerCertificate) -> Fingerprint {
    let mut print = [0; 32];
    let digest = ring::digest::digest(&ring::digest::SHA256, &certificate.der);
    print.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    print
}

/// Whether one of the certificate's names is in the list: an alternative name or the common name. `*.clinic.example`
/// stands for one label, as in RFC 6125 §6.4.3. An empty list takes everybody.
pub(crate) fn is_named(identity: &Identity, allowed: &[String]) -> bool {
    let names = || ["dns", "cn", "email", "uri", "ip"].into_iter().flat_map(|kind| identity.claim(kind));
    allowed.is_empty() || allowed.iter().any(|pattern| names().any(|name| matches(pattern, name)))
}

fn matches(pattern: &str, name: &str) -> bool {
    let Some(parent) = pattern.strip_prefix("*.") else { return pattern.eq_ignore_ascii_case(name) };
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    name.split_once('.').is_some_and(|(label, rest)| is_label(label) && rest.eq_ignore_ascii_case(parent))
}

/// Whether a credential may be used on a connection where this certificate was shown (RFC 8705 §3.1): one that is
/// bound to no certificate anywhere, another only beside its own.
pub(crate) fn is_bound_here(credential: &Identity, shown: Option<&Fingerprint>) -> bool {
    credential.bound_to.is_none() || credential.bound_to.as_ref() == shown
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
