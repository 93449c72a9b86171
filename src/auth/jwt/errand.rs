//! What is to be fetched from providers, and when.

use std::path::PathBuf;

/// Something to be fetched with GET. Its result goes to [`super::Tokens::fetched`], whatever it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Errand {
    /// The section's place in the configuration.
    pub(crate) section: usize,
    /// The section's name.
    pub(crate) name: String,
    pub(crate) kind: ErrandKind,
    pub(crate) url: String,
    /// PEM file of the authorities by which the provider's certificate is judged. `None`: the web's.
    pub(crate) ca: Option<PathBuf>,
    /// Which form of the section this is for: what a reload has overtaken counts for nothing.
    pub(super) form: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ErrandKind {
    /// The issuer's `/.well-known/openid-configuration`.
    Discovery,
    /// A JWK Set.
    Keys,
}
