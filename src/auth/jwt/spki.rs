//! PEM public keys: `SubjectPublicKeyInfo` (RFC 5280 §4.1), as `openssl pkey -pubout` writes it.

use rustls_pki_types::alg_id;
use rustls_pki_types::pem::{PemObject, SectionKind};

use super::algorithm::Material;

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;

/// What a PEM text holds, in order. A private key among it is an error of its own.
pub(super) enum Pem {
    Public(Option<Material>),
    Private,
}

/// `None`: this is not PEM.
pub(super) fn read(bytes: &[u8]) -> Option<Vec<Pem>> {
    let mut found = Vec::new();
    for section in <(SectionKind, Vec<u8>) as PemObject>::pem_slice_iter(bytes) {
        let (kind, der) = section.ok()?;
        match kind {
            SectionKind::PublicKey => found.push(Pem::Public(public(&der))),
            SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => {
                found.push(Pem::Private)
            }
            // Foreign enum: certificates and revocation lists hold no key of an issuer.
            _ => found.push(Pem::Public(None)),
        }
    }
    (!found.is_empty()).then_some(found)
}

fn public(der: &[u8]) -> Option<Material> {
    let (info, behind) = element(der, SEQUENCE)?;
    let (algorithm, rest) = element(info, SEQUENCE)?;
    let (bits, end) = element(rest, BIT_STRING)?;
    let key = bits.strip_prefix(&[0])?;
    if !behind.is_empty() || !end.is_empty() {
        return None;
    }
    let is = |known: rustls_pki_types::AlgorithmIdentifier| algorithm == known.as_ref();
    if is(alg_id::RSA_ENCRYPTION) {
        rsa(key)
    } else if is(alg_id::ECDSA_P256) {
        point(key, 32).map(Material::P256)
    } else if is(alg_id::ECDSA_P384) {
        point(key, 48).map(Material::P384)
    } else if is(alg_id::ED25519) {
        (key.len() == 32).then(|| Material::Ed25519(key.to_vec()))
    } else {
        None
    }
}

fn point(key: &[u8], coordinate: usize) -> Option<Vec<u8>> {
    (key.len() == 1 + 2 * coordinate && key.first() == Some(&4)).then(|| key.to_vec())
}

/// `RSAPublicKey` (RFC 8017 A.1.1).
fn rsa(der: &[u8]) -> Option<Material> {
    let (pair, behind) = element(der, SEQUENCE)?;
    let (modulus, rest) = element(pair, INTEGER)?;
    let (exponent, end) = element(rest, INTEGER)?;
    if !behind.is_empty() || !end.is_empty() {
        return None;
    }
    super::jwk::rsa(modulus, exponent)
}

/// The content of the element at the front, and what is behind it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        len if *len < 0x80 => (usize::from(*len), rest),
        0x81 => rest.split_first().map(|(len, rest)| (usize::from(*len), rest))?,
        0x82 => {
            let (len, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}
