//! How it stands with the providers.

use crate::base::{Mono, Wall};

/// A `[jwt NAME]` section for the status page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct IssuerStatus {
    pub(crate) name: String,
    pub(crate) issuer: String,
    /// Usable keys.
    pub(crate) keys: usize,
    /// When they were fetched or read; `None` where there are none, or they came with the configuration.
    pub(crate) fetched: Option<Wall>,
    /// Until when they count without being fetched anew.
    pub(crate) until: Option<Mono>,
    /// Failed attempts in a row.
    pub(crate) failures: u32,
    /// What the last failed attempt met.
    pub(crate) problem: Option<String>,
    /// Whether the provider is asked about each token.
    pub(crate) introspects: bool,
}
