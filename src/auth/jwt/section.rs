//! A `[jwt NAME]` section at work: its rules and its keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::algorithm::Algorithm;
use super::claims::{self, Source, Span};
use super::compact::{Compact, Header};
use super::keys::Keys;
use super::problem::TokenProblem;
use crate::auth::Identity;
use crate::base::json::Json;
use crate::base::{Mono, Now};
use crate::config::JwtConfig;

/// Types of tokens that count where the section names none (RFC 9068 §2.1). ID tokens are of type `jwt` as well: they are
/// kept apart by their `aud`, which is the client and not the service.
const TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// Immutable; other keys or rules make another one.
#[derive(Clone)]
pub(super) struct Section {
    /// In the configuration.
    pub(super) place: usize,
    pub(super) config: Arc<JwtConfig>,
    /// The number of this form of the rules.
    pub(super) form: u64,
    /// The number of these rules with these keys: what was verified counts as long as it is the same.
    pub(super) epoch: u64,
    pub(super) held: Option<Held>,
    pub(super) live: Arc<Live>,
}

/// Keys, and how long they may be used.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) keys: Arc<Keys>,
    /// `None`: they came from a file, and stay.
    pub(super) until: Option<Mono>,
}

/// What changes without a lock.
#[derive(Default)]
pub(super) struct Live {
    /// A token named a key that is not known.
    pub(super) wanted: AtomicBool,
    /// The provider could not be asked: nobody asks it before this point of [`Mono`] in milliseconds.
    pub(super) paused: AtomicU64,
    /// Enquiries under way.
    pub(super) asking: AtomicUsize,
}

impl Section {
    /// Whether the section counts on a route.
    pub(super) fn is_among(&self, sections: &[String]) -> bool {
        sections.is_empty() || sections.contains(&self.config.name)
    }

    pub(super) fn introspects(&self) -> bool {
        self.config.introspect.is_some()
    }

    pub(super) fn keys(&self, now: Mono) -> Option<&Keys> {
        let held = self.held.as_ref()?;
        held.until.is_none_or(|until| now < until).then_some(held.keys.as_ref())
    }

    /// Everything that is cheap comes before the signature: a token that would be refused anyhow costs no verification, and
    /// makes nobody fetch keys.
    pub(super) fn judge(
        &self,
        token: &Compact<'_>,
        payload: &Json<'_>,
        now: Now,
    ) -> Result<(Identity, Span), TokenProblem> {
        let rules = self.config.as_ref();
        self.judge_header(&token.header)?;
        claims::audience(payload, rules, Source::Signed)?;
        let span = claims::span(payload, rules.leeway, Source::Signed)?;
        span.judge(now)?;
        let identity = claims::identity(payload, rules, span)?;
        self.judge_signature(token, now)?;
        Ok((identity, span))
    }

    fn judge_header(&self, header: &Header) -> Result<(), TokenProblem> {
        let named = |name: &String| Algorithm::from_name(name) == Some(header.algorithm);
        if !self.config.algorithms.is_empty() && !self.config.algorithms.iter().any(named) {
            return Err(TokenProblem::Algorithm);
        }
        let Some(typ) = header.typ.as_deref() else {
            // A section that names its types wants to see one.
            return if self.config.types.is_empty() { Ok(()) } else { Err(TokenProblem::Type) };
        };
        let counts = match self.config.types.as_slice() {
            [] => TYPES.contains(&typ),
            types => types.iter().any(|own| own == typ),
        };
        if counts { Ok(()) } else { Err(TokenProblem::Type) }
    }

    fn judge_signature(&self, token: &Compact<'_>, now: Now) -> Result<(), TokenProblem> {
        let Some(keys) = self.keys(now.mono) else { return Err(TokenProblem::NoKeys(self.place)) };
        let (algorithm, kid) = (token.header.algorithm, token.header.kid.as_deref());
        // No key has this name: perhaps the provider has newer ones.
        if !keys.has(kid) {
            self.live.wanted.store(true, Ordering::Relaxed);
        }
        if !keys.may_have(kid) {
            return Err(TokenProblem::UnknownKey(self.place));
        }
        let mut candidates = keys.candidates(kid, algorithm).peekable();
        if candidates.peek().is_none() {
            return Err(TokenProblem::Algorithm);
        }
        let verified = candidates.any(|key| key.verifies(algorithm, token.signed, &token.signature));
        if verified { Ok(()) } else { Err(TokenProblem::BadSignature) }
    }
}
