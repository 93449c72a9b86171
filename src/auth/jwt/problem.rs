//! Why a token counts for nothing.

use std::fmt;

/// Each "no" that a token can meet. A number is the section's place in the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum TokenProblem {
    /// Neither a signed JWT nor anything that a provider could be asked about.
    NotAToken,
    /// Longer than [`super::LONGEST_TOKEN`], or a part of it is.
    TooLarge,
    /// Three parts, but not those of a JWT: base64url, JSON, a member twice or of the wrong type.
    Malformed,
    /// A header parameter that is never followed: `jku`, `jwk`, `x5u`, `x5c`, `crit`, `b64`, `zip`, `enc`, `cty`.
    Header,
    /// `none`, `HS256` and the like, or one that the section or the key does not allow.
    Algorithm,
    /// No section that counts on the route has this `iss`.
    UnknownIssuer,
    /// The section has keys, but none that this token names. Fetched keys are asked for anew, at a bounded rate.
    UnknownKey(usize),
    /// The section has no keys (yet, or no longer).
    NoKeys(usize),
    BadSignature,
    Expired,
    NotYet,
    Audience,
    Type,
    /// This claim is missing or says what it cannot say.
    Claim(String),
    /// The provider of this section must be asked.
    Introspect(usize),
    /// The provider said that it does not hold.
    Inactive,
    /// The provider of this section could not be asked a moment ago, and there is no earlier word of it that holds.
    Unreachable(usize),
}

impl TokenProblem {
    /// In records and logs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            TokenProblem::NotAToken => "not-a-token",
            TokenProblem::TooLarge => "token-too-large",
            TokenProblem::Malformed => "token-malformed",
            TokenProblem::Header => "token-header",
            TokenProblem::Algorithm => "token-algorithm",
            TokenProblem::UnknownIssuer => "token-issuer",
            TokenProblem::UnknownKey(_) => "token-key-unknown",
            TokenProblem::NoKeys(_) => "token-keys-missing",
            TokenProblem::BadSignature => "token-signature",
            TokenProblem::Expired => "token-expired",
            TokenProblem::NotYet => "token-not-yet",
            TokenProblem::Audience => "token-audience",
            TokenProblem::Type => "token-type",
            TokenProblem::Claim(_) => "token-claim",
            TokenProblem::Introspect(_) => "token-to-ask",
            TokenProblem::Inactive => "token-inactive",
            TokenProblem::Unreachable(_) => "provider-unreachable",
        }
    }
}

impl fmt::Display for TokenProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match self {
            TokenProblem::NotAToken => "this is not a token",
            TokenProblem::TooLarge => "the token is too large",
            TokenProblem::Malformed => "the token is malformed",
            TokenProblem::Header => "the token's header asks for something that is never done",
            TokenProblem::Algorithm => "the token is signed in a way that does not count here",
            TokenProblem::UnknownIssuer => "the token comes from an issuer that does not count here",
            TokenProblem::UnknownKey(_) => "the token is signed with a key that is not known",
            TokenProblem::NoKeys(_) => "there are no keys of the issuer to verify the token by",
            TokenProblem::BadSignature => "the token's signature does not match",
            TokenProblem::Expired => "the token has expired",
            TokenProblem::NotYet => "the token does not hold yet",
            TokenProblem::Audience => "the token is for somebody else",
            TokenProblem::Type => "the token is of another type",
            TokenProblem::Claim(name) => return write!(f, "the token's claim {name:?} is missing or unusable"),
            TokenProblem::Introspect(_) => "the provider must be asked about the token",
            TokenProblem::Inactive => "the provider says that the token does not hold",
            TokenProblem::Unreachable(_) => "the provider cannot be asked about the token",
        };
        f.write_str(sentence)
    }
}

impl std::error::Error for TokenProblem {}
