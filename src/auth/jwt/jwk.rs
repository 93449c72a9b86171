//! One JSON Web Key (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).

use super::algorithm::{Algorithm, Material};
use super::base64;
use crate::base::json::Json;

/// Bits of an RSA modulus (RFC 7518 §3.3); more than 8192 would let a provider's mistake cost us too much.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The most bytes of a `kid`.
pub(super) const LONGEST_KID: usize = 256;

/// A key by which signatures are verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Key {
    pub(super) kid: Option<String>,
    /// The one algorithm it is for, where it says so.
    pub(super) algorithm: Option<Algorithm>,
    pub(super) material: Material,
}

impl Key {
    /// Whether the key may be used in this way: by its kind, and by what it says of itself.
    pub(super) fn allows(&self, algorithm: Algorithm) -> bool {
        self.material.fits(algorithm) && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

/// `None`: a key of another kind or for another use, or one that is broken. RFC 7517 §5 passes over those.
pub(super) fn read(jwk: &Json<'_>) -> Option<Key> {
    let material = material(jwk)?;
    let algorithm = match jwk.get("alg") {
        None => None,
        Some(name) => Some(Algorithm::from_name(name.as_str()?)?),
    };
    let kid = match jwk.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str().filter(|kid| kid.len() <= LONGEST_KID)?.to_owned()),
    };
    let fits = algorithm.is_none_or(|algorithm| material.fits(algorithm));
    (fits && is_to_verify(jwk) && !is_private(jwk)).then_some(Key { kid, algorithm, material })
}

/// A key that signs has no place where keys are given out.
pub(super) fn is_private(jwk: &Json<'_>) -> bool {
    jwk.get("d").is_some()
}

/// `use` (§4.2) and `key_ops` (§4.3).
fn is_to_verify(jwk: &Json<'_>) -> bool {
    let used = jwk.get("use").is_none_or(|used| used.as_str() == Some("sig"));
    let operations = jwk.get("key_ops");
    used && operations.is_none_or(|all| all.items().iter().any(|one| one.as_str() == Some("verify")))
}

fn material(jwk: &Json<'_>) -> Option<Material> {
    let bytes = |name: &str| base64::decode(jwk.get(name)?.as_str()?.as_bytes());
    let curve = || jwk.get("crv").and_then(Json::as_str);
    match jwk.get("kty")?.as_str()? {
        "RSA" => rsa(&bytes("n")?, &bytes("e")?),
        "EC" if curve() == Some("P-256") => point(&bytes("x")?, &bytes("y")?, 32).map(Material::P256),
        "EC" if curve() == Some("P-384") => point(&bytes("x")?, &bytes("y")?, 48).map(Material::P384),
        "OKP" if curve() == Some("Ed25519") => bytes("x").filter(|x| x.len() == 32).map(Material::Ed25519),
        _ => None,
    }
}

/// Zeros in front, which some libraries write (RFC 7518 §6.3.1.1), are left out.
pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Material> {
    let modulus = without_zeros(modulus);
    let exponent = without_zeros(exponent);
    let first_bits = modulus.first().map_or(0, |first| 8 - first.leading_zeros() as usize);
    let bits = modulus.len().checked_sub(1)? * 8 + first_bits;
    // An even exponent or 1 verifies nothing or everything; ring takes up to 33 bits.
    let is_sound = exponent != [1] && exponent.len() <= 5 && exponent.last().is_some_and(|last| last % 2 == 1);
    let material = || Material::Rsa { modulus: modulus.to_vec(), exponent: exponent.to_vec() };
    (is_sound && RSA_BITS.contains(&bits)).then(material)
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// Coordinates have their whole length (RFC 7518 §6.2.1.2).
fn point(x: &[u8], y: &[u8], length: usize) -> Option<Vec<u8>> {
    (x.len() == length && y.len() == length).then(|| [&[4], x, y].concat())
}
