//! The door: a text in, an identity or a named problem out.

use std::sync::Arc;
use std::time::Duration;

use super::errand::Errand;
use super::introspection::Enquiry;
use super::keys::KeysProblem;
use super::problem::TokenProblem;
use super::status::IssuerStatus;
use crate::auth::Identity;
use crate::base::{Mono, Now};
use crate::config::JwtConfig;

/// All `[jwt NAME]` sections with their keys, and the tokens that were verified.
#[derive(Default)]
pub(crate) struct Tokens {}

/// A token that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Checked {
    pub(crate) identity: Arc<Identity>,
    /// Whether its dates were ever judged while the clock was believed.
    pub(crate) sure: bool,
}

impl Tokens {
    /// Takes new sections. Those that stay as they were keep their keys and their verified tokens.
    pub(crate) fn reconfigure(&self, _sections: &[JwtConfig]) {}

    /// Gives a section whose keys are in a file what is in the file: a JWK Set or PEM public keys. The number of usable keys.
    /// Where there are none, those that were there stay.
    pub(crate) fn key_file(&self, _section: &str, _bytes: &[u8], _now: Now) -> Result<usize, KeysProblem> {
        Err(KeysProblem::NoKeys)
    }

    /// Who the token is of. `sections`: the names of those that count; empty: all. `offline`: how long somebody whom the
    /// provider confirmed is believed while it cannot be asked.
    pub(crate) fn check(
        &self,
        _text: &str,
        _sections: &[String],
        _offline: Duration,
        _now: Now,
    ) -> Result<Checked, TokenProblem> {
        Err(TokenProblem::UnknownIssuer)
    }

    /// What is to be fetched now. Each errand counts as under way until [`Tokens::fetched`], or two minutes.
    pub(crate) fn due(&self, _now: Mono) -> Vec<Errand> {
        Vec::new()
    }

    /// The body of a 200 answer, or in a few words why there is none.
    pub(crate) fn fetched(&self, _errand: &Errand, _result: Result<&[u8], String>, _now: Now) {}

    /// What has changed since the last call and is to be kept on the card.
    pub(crate) fn to_keep(&self) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }

    /// What the card has. Whether it was of use.
    pub(crate) fn restore(&self, _name: &str, _bytes: &[u8], _now: Now) -> bool {
        false
    }

    /// The question for a token that [`Tokens::check`] called [`TokenProblem::Introspect`]. `None`: nothing is to be asked,
    /// or too much is being asked already.
    pub(crate) fn introspection(&self, _text: &str, _sections: &[String], _now: Now) -> Option<Enquiry> {
        None
    }

    /// Status and body of the answer, or in a few words why there is none. After this, [`Tokens::check`] knows.
    pub(crate) fn introspected(&self, _enquiry: &Enquiry, _result: Result<(u16, &[u8]), String>, _now: Now) {}

    pub(crate) fn status(&self) -> Vec<IssuerStatus> {
        Vec::new()
    }
}
