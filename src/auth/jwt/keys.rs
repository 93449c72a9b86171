//! The keys of an issuer: a JWK Set (RFC 7517 §5) or PEM public keys.

use std::fmt;

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
}

impl fmt::Display for KeysProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeysProblem::NotKeys => "this is neither a JWK Set nor a PEM public key",
            KeysProblem::TooLarge => "the key set is too large",
            KeysProblem::NoKeys => "there is no usable key in it (RSA of 2048 bits and more, P-256, P-384 or Ed25519)",
            KeysProblem::Private => "it holds a private key, which does not belong here; give public keys only",
        })
    }
}

impl std::error::Error for KeysProblem {}
