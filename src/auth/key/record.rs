//! What is kept of a key: one line of JSON, so that it can be read on the card.

use std::sync::Arc;

use miniserde::{Deserialize, Serialize, json};

use super::text::{digest_from_hex, hex, parse_id};
use crate::auth::{Identity, Kind};
use crate::base::Wall;

/// How the record is written. A record of a later program is left alone, and its key is not known.
const FORMAT: u32 = 1;

/// Everything that is known of a key. Holds hashes, no secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct KeyRecord {
    /// Name, plan, scopes and end are the identity's.
    pub(crate) identity: Arc<Identity>,
    pub(crate) created: Wall,
    pub(crate) revoked: Option<Wall>,
    pub(crate) hash: [u8; 32],
    /// The secret before the last one, and until when it is good.
    pub(crate) before: Option<([u8; 32], Wall)>,
}

/// Whether a key opens anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KeyState {
    Good,
    Expired,
    Revoked,
}

impl KeyState {
    pub(crate) fn word(self) -> &'static str {
        match self {
            KeyState::Good => "good",
            KeyState::Expired => "expired",
            KeyState::Revoked => "revoked",
        }
    }
}

/// Times in milliseconds since 1970.
#[derive(Serialize, Deserialize)]
struct Line {
    v: u32,
    name: String,
    plan: Option<String>,
    scopes: Vec<String>,
    created: i64,
    expires: Option<i64>,
    revoked: Option<i64>,
    sha256: String,
    before: Option<String>,
    before_until: Option<i64>,
}

impl KeyRecord {
    pub(crate) fn id(&self) -> &str {
        &self.identity.id
    }

    pub(crate) fn state(&self, wall: Wall) -> KeyState {
        match (self.revoked, self.identity.expires) {
            (Some(_), _) => KeyState::Revoked,
            (None, Some(end)) if end <= wall => KeyState::Expired,
            (None, Some(_) | None) => KeyState::Good,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let line = Line {
            v: FORMAT,
            name: self.identity.name.clone(),
            plan: self.identity.plan.clone(),
            scopes: self.identity.scopes.clone(),
            created: self.created.as_millis(),
            expires: self.identity.expires.map(Wall::as_millis),
            revoked: self.revoked.map(Wall::as_millis),
            sha256: hex(&self.hash),
            before: self.before.as_ref().map(|(hash, _)| hex(hash)),
            before_until: self.before.map(|(_, until)| until.as_millis()),
        };
        json::to_string(&line).into_bytes()
    }

    /// `None`: not written by this program, or by a later one.
    pub(super) fn from_bytes(id: &str, bytes: &[u8]) -> Option<KeyRecord> {
        let line: Line = json::from_str(std::str::from_utf8(bytes).ok()?).ok()?;
        parse_id(id).filter(|letters| letters == id.as_bytes() && line.v == FORMAT)?;
        let before = match (&line.before, line.before_until) {
            (None, None) => None,
            (Some(hash), Some(until)) => Some((digest_from_hex(hash)?, Wall::from_millis(until))),
            (Some(_), None) | (None, Some(_)) => return None,
        };
        let hash = digest_from_hex(&line.sha256)?;
        let identity = Identity {
            kind: Kind::Key,
            id: id.to_owned(),
            name: line.name,
            plan: line.plan,
            scopes: line.scopes,
            claims: Vec::new(),
            not_before: None,
            expires: line.expires.map(Wall::from_millis),
            bound_to: None,
        };
        Some(KeyRecord {
            identity: Arc::new(identity),
            created: Wall::from_millis(line.created),
            revoked: line.revoked.map(Wall::from_millis),
            hash,
            before,
        })
    }
}

impl std::fmt::Debug for KeyRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRecord").field("identity", &self.identity).finish_non_exhaustive()
    }
}
