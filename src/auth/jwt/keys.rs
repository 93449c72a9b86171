//! The keys of an issuer: a JWK Set (RFC 7517 §5) or PEM public keys.

use std::fmt;

use super::algorithm::{Algorithm, Material};
use super::jwk::{self, Key};
use super::spki::{self, Pem};
use crate::base::json::{self, JsonBounds};

/// Bytes of a document with keys or of what discovery says. Large providers have 20 KB with certificates in it.
pub(crate) const LARGEST_DOCUMENT: usize = 64 * 1024;

/// Usable keys of a section; what comes behind them is passed over.
const MOST_KEYS: usize = 32;

/// Keys tried for a token that names none: each one costs a verification.
const MOST_TRIED: usize = 8;

pub(super) const BOUNDS: JsonBounds = JsonBounds { depth: 8, values: 4096 };

/// Keys of one issuer; at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Keys(Vec<Key>);

/// Why a set of keys is of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KeysProblem {
    /// Neither a JWK Set nor PEM.
    NotKeys,
    TooLarge,
    /// Not one key of a kind that is supported.
    NoKeys,
    /// A private key: it does not belong here.
    Private,
    /// There is no such section whose keys are in a file.
    NoSection,
}

impl Keys {
    /// From a JWK Set, a single JWK, or PEM. Keys of other kinds and for other uses are passed over.
    pub(super) fn read(bytes: &[u8]) -> Result<Keys, KeysProblem> {
        if bytes.len() > LARGEST_DOCUMENT {
            return Err(KeysProblem::TooLarge);
        }
        let is_json = bytes.trim_ascii_start().first() == Some(&b'{');
        let keys = if is_json { from_json(bytes)? } else { from_pem(bytes)? };
        if keys.is_empty() { Err(KeysProblem::NoKeys) } else { Ok(Keys(keys)) }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys that may have signed: those with the `kid`, or, where the token names none, every one that fits.
    /// A `kid` is compared and nothing else: it never becomes a path or a query.
    pub(super) fn candidates(&self, kid: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &Material> {
        let named = move |key: &&Key| kid.is_none_or(|kid| key.kid.as_deref() == Some(kid) || key.kid.is_none());
        let fitting = self.0.iter().filter(named).filter(move |key| key.allows(algorithm));
        fitting.take(MOST_TRIED).map(|key| &key.material)
    }

    /// Whether a key has this very name.
    pub(super) fn has(&self, kid: Option<&str>) -> bool {
        kid.is_some() && self.0.iter().any(|key| key.kid.as_deref() == kid)
    }

    /// Whether a key has this name, or one of them has none.
    pub(super) fn may_have(&self, kid: Option<&str>) -> bool {
        kid.is_none() || self.0.iter().any(|key| key.kid.is_none() || key.kid.as_deref() == kid)
    }
}

/// What a file with keys holds: the number of usable keys.
#[cfg(feature = "doors")]
pub(crate) fn judge_key_file(bytes: &[u8]) -> Result<usize, KeysProblem> {
    Keys::read(bytes).map(|keys| keys.len())
}

fn from_json(bytes: &[u8]) -> Result<Vec<Key>, KeysProblem> {
    let document = json::read(bytes, BOUNDS).map_err(|_| KeysProblem::NotKeys)?;
    let listed = document.get("keys").map_or(std::slice::from_ref(&document), |keys| keys.items());
    let keys: Vec<Key> = listed.iter().filter_map(jwk::read).take(MOST_KEYS).collect();
    let is_private = keys.is_empty() && listed.iter().any(jwk::is_private);
    if is_private { Err(KeysProblem::Private) } else { Ok(keys) }
}

fn from_pem(bytes: &[u8]) -> Result<Vec<Key>, KeysProblem> {
    let mut keys = Vec::new();
    for part in spki::read(bytes).ok_or(KeysProblem::NotKeys)? {
        match part {
            Pem::Private => return Err(KeysProblem::Private),
            Pem::Public(None) => {}
            Pem::Public(Some(material)) => keys.push(Key { kid: None, algorithm: None, material }),
        }
    }
    keys.truncate(MOST_KEYS);
    Ok(keys)
}

impl fmt::Display for KeysProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeysProblem::NotKeys => "this is neither a JWK Set nor a PEM public key",
            KeysProblem::TooLarge => "the key set is too large",
            KeysProblem::NoKeys => "there is no usable key in it (RSA of 2048 bits and more, P-256, P-384 or Ed25519)",
            KeysProblem::Private => "it holds a private key, which does not belong here; give public keys only",
            KeysProblem::NoSection => "there is no such section with its keys in a file",
        })
    }
}

impl std::error::Error for KeysProblem {}
