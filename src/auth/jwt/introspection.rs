//! Asking a provider about a token (RFC 7662).

use std::fmt;
use std::path::PathBuf;

/// A question to be sent with POST, `application/x-www-form-urlencoded`, `Accept: application/json`. Holds the token
/// and the client's secret, and prints neither.
pub(crate) struct Enquiry {
    pub(crate) section: usize,
    pub(crate) url: String,
    pub(crate) body: String,
    /// The value of `Authorization`; none where the section has no `client_id`.
    pub(crate) authorization: Option<String>,
    pub(crate) ca: Option<PathBuf>,
    pub(super) digest: [u8; 32],
    pub(super) form: u64,
}

impl fmt::Debug for Enquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enquiry").field("section", &self.section).field("url", &self.url).finish_non_exhaustive()
    }
}
