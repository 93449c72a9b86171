//! Who it is, whatever it was known by.

use crate::base::Wall;

/// Somebody who is known. Holds no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    pub(crate) kind: Kind,
    /// Stable, and no two of a kind have the same: limits and records go by it.
    pub(crate) id: String,
    /// For people.
    pub(crate) name: String,
    /// The plan that the credential names.
    pub(crate) plan: Option<String>,
    pub(crate) scopes: Vec<String>,
    /// What else is said of it, for rules: names, each with its values as text.
    pub(crate) claims: Vec<(String, Vec<String>)>,
    pub(crate) not_before: Option<Wall>,
    pub(crate) expires: Option<Wall>,
    /// SHA-256 of the client certificate that the credential holds for alone (RFC 8705 §3.1).
    pub(crate) bound_to: Option<[u8; 32]>,
}

/// What somebody was known by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Kind {
    Key,
    Token,
    User,
    Certificate,
}

impl Kind {
    /// In records and logs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Key => "key",
            Kind::Token => "token",
            Kind::User => "user",
            Kind::Certificate => "certificate",
        }
    }
}

impl Identity {
    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope)
    }

    /// The values of a claim; none where it is not made.
    pub(crate) fn claim(&self, name: &str) -> &[String] {
        self.claims.iter().find(|(own, _)| own == name).map_or(&[], |(_, values)| values)
    }
}
