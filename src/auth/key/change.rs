//! Changes to keys.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::record::{KeyRecord, KeyState};
use super::text::parse_id;
use crate::auth::{Identity, Kind};
use crate::base::{Now, Wall};

/// Bytes of a name: a line on a card.
const LONGEST_NAME: usize = 200;
const MOST_SCOPES: usize = 64;
const LONGEST_SCOPE: usize = 100;

/// What is to become of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    New {
        id: String,
        hash: [u8; 32],
        name: String,
        plan: Option<String>,
        scopes: Vec<String>,
        expires: Option<Wall>,
    },
    Revoke {
        id: String,
    },
    /// A new secret; the old one is good for as long as `grace`. One old secret is good at a time.
    Roll {
        id: String,
        hash: [u8; 32],
        grace: Duration,
    },
    Rename {
        id: String,
        name: String,
    },
}

/// What must be durable before a change counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept<'k> {
    pub(crate) id: &'k str,
    /// `None`: the record is to be removed, which only happens to revoked keys.
    pub(crate) bytes: Option<&'k [u8]>,
    /// Nothing may ever follow it: the key is revoked.
    pub(crate) last: bool,
}

/// Why a change is not made.
#[derive(Debug)]
pub(crate) enum ChangeProblem {
    NoSuchKey(String),
    Taken,
    Revoked(String),
    Full(usize),
    BadName(&'static str),
    BadScope(String),
    TooManyScopes,
    /// It could not be kept.
    Io(io::Error),
    /// It counts, but may be forgotten at the next start.
    RevokedUntilStart(io::Error),
}

impl Change {
    /// As written by a person: the name of the key in one spelling, nothing that no record may hold.
    pub(super) fn applied(&self, own: Option<&Arc<KeyRecord>>, now: Now) -> Result<KeyRecord, ChangeProblem> {
        match self {
            Change::New { id, hash, name, plan, scopes, expires } => {
                if own.is_some() || parse_id(id).is_none_or(|letters| letters != id.as_bytes()) {
                    return Err(ChangeProblem::Taken);
                }
                check_scopes(scopes)?;
                let identity = Identity {
                    kind: Kind::Key,
                    id: id.clone(),
                    name: checked_name(name)?,
                    plan: plan.as_deref().map(checked_name).transpose()?,
                    scopes: scopes.clone(),
                    claims: Vec::new(),
                    not_before: None,
                    expires: *expires,
                    bound_to: None,
                };
                let (identity, created) = (Arc::new(identity), now.wall);
                Ok(KeyRecord { identity, created, revoked: None, hash: *hash, before: None })
            }
            Change::Revoke { .. } => {
                let own = self.existing(own)?;
                Ok(KeyRecord { revoked: own.revoked.or(Some(now.wall)), before: None, ..own })
            }
            Change::Roll { hash, grace, .. } => {
                let own = self.alive(own)?;
                let grace = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
                let until = Wall::from_millis(now.wall.as_millis().saturating_add(grace));
                let before = (grace > 0).then_some((own.hash, until));
                Ok(KeyRecord { hash: *hash, before, ..own })
            }
            Change::Rename { name, .. } => {
                let own = self.alive(own)?;
                let identity = Identity { name: checked_name(name)?, ..Identity::clone(&own.identity) };
                Ok(KeyRecord { identity: Arc::new(identity), ..own })
            }
        }
    }

    /// In one spelling, where it is one at all.
    pub(super) fn id(&self) -> String {
        let (Change::New { id, .. } | Change::Revoke { id } | Change::Roll { id, .. } | Change::Rename { id, .. }) =
            self;
        let one = |letters: [u8; super::text::ID]| letters.iter().map(|letter| char::from(*letter)).collect();
        parse_id(id).map_or_else(|| id.clone(), one)
    }

    fn existing(&self, own: Option<&Arc<KeyRecord>>) -> Result<KeyRecord, ChangeProblem> {
        own.map(|own| KeyRecord::clone(own)).ok_or_else(|| ChangeProblem::NoSuchKey(self.id()))
    }

    fn alive(&self, own: Option<&Arc<KeyRecord>>) -> Result<KeyRecord, ChangeProblem> {
        let own = self.existing(own)?;
        match own.state(Wall::from_millis(i64::MIN)) {
            KeyState::Revoked => Err(ChangeProblem::Revoked(self.id())),
            KeyState::Good | KeyState::Expired => Ok(own),
        }
    }
}

fn checked_name(name: &str) -> Result<String, ChangeProblem> {
    let name = name.trim();
    match name {
        "" => Err(ChangeProblem::BadName("it is empty")),
        _ if name.len() > LONGEST_NAME => Err(ChangeProblem::BadName("it is longer than 200 bytes")),
        _ if name.chars().any(char::is_control) => Err(ChangeProblem::BadName("it holds a line break or the like")),
        _ => Ok(name.to_owned()),
    }
}

/// A scope is a word of visible ASCII without `"` and `\` (RFC 6749 §3.3).
fn check_scopes(scopes: &[String]) -> Result<(), ChangeProblem> {
    let good = |scope: &&String| {
        let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        !scope.is_empty() && scope.len() <= LONGEST_SCOPE && scope.bytes().all(allowed)
    };
    match scopes.iter().find(|scope| !good(scope)) {
        Some(bad) => Err(ChangeProblem::BadScope(bad.clone())),
        None if scopes.len() > MOST_SCOPES => Err(ChangeProblem::TooManyScopes),
        None => Ok(()),
    }
}

impl fmt::Display for ChangeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChangeProblem::NoSuchKey(id) => write!(f, "there is no key '{id}'; 'hafir key list' shows all"),
            ChangeProblem::Taken => f.write_str("a key of that name is there already"),
            ChangeProblem::Revoked(id) => write!(f, "the key '{id}' is revoked, for good; make a new one"),
            ChangeProblem::Full(most) => write!(f, "there are {most} keys, and none of them is revoked"),
            ChangeProblem::BadName(why) => write!(f, "the name cannot be taken: {why}"),
            ChangeProblem::BadScope(scope) => {
                write!(f, "'{scope}' is no scope: a word of up to 100 letters, digits and signs such as records.read")
            }
            ChangeProblem::TooManyScopes => write!(f, "a key has {MOST_SCOPES} scopes at most"),
            ChangeProblem::Io(cause) => write!(f, "nothing was changed: {cause}"),
            ChangeProblem::RevokedUntilStart(cause) => write!(
                f,
                "the key is revoked while the gateway runs, but this may be forgotten at the next start: {cause}"
            ),
        }
    }
}

impl std::error::Error for ChangeProblem {}
