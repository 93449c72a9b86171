//! API keys.

use std::fmt;
use std::sync::Arc;

use crate::auth::Identity;
use crate::base::Now;

pub(crate) struct KeyRing;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KeyProblem {
    NotAKey,
    Typo,
    Unknown,
    Revoked,
    Expired,
}

impl KeyRing {
    pub(crate) fn check(&self, _text: &str, _now: Now) -> Result<Arc<Identity>, KeyProblem> {
        Err(KeyProblem::NotAKey)
    }
    pub(crate) fn looks_like_a_key(text: &str) -> bool {
        text.starts_with("hafir_")
    }
}
impl KeyProblem {
    pub(crate) fn word(self) -> &'static str {
        "key"
    }
}
impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("key")
    }
}
