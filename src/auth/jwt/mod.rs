//! Bearer tokens: signed JWTs (RFC 7519, 8725, 9068) and tokens that a provider is asked about (RFC 7662).
//!
//! Never talks to the network, reads a file or a clock: what is to be fetched goes out as an [`Errand`] or an
//! [`Enquiry`], and the answers come back in. Entry type: [`Tokens`].

mod algorithm;
mod base64;
mod claims;
mod compact;
mod discovery;
#[cfg(feature = "doors")]
pub(crate) mod door;
mod errand;
mod introspection;
mod jwk;
mod kept;
mod keys;
mod memory;
mod problem;
mod section;
mod spki;
mod status;
mod tokens;

#[cfg(test)]
mod tests;

pub(crate) use errand::Errand;
#[cfg(test)]
pub(crate) use errand::ErrandKind;
#[cfg(feature = "doors")]
pub(crate) use keys::judge_key_file;
pub(crate) use problem::TokenProblem;
pub(crate) use tokens::Tokens;

/// The most bytes of a token. Ordinary ones have 500 to 3,000, and many servers take no more than 8 KB of head.
pub(crate) const LONGEST_TOKEN: usize = 8192;
