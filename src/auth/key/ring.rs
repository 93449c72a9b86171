//! All keys, in memory.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::change::{Change, ChangeProblem, Kept};
use super::record::{KeyRecord, KeyState};
use super::text::{BadText, ID, Presented, parse_id};
use crate::auth::Identity;
use crate::base::{Now, Wall};

/// Keys, revoked ones included: more than a district has, in 5 to 10 MB. Room for a new one is made of the key that was
/// revoked first.
const MOST: usize = 10_000;

type Keys = HashMap<[u8; ID], Arc<KeyRecord>>;

/// Whoever holds a key that is in here and good is known.
pub(crate) struct KeyRing {
    /// Held for reading during a look-up, for writing while one entry is exchanged.
    keys: RwLock<Keys>,
    /// Held from the look at what is there until it is changed, so that changes come one after the other.
    changing: Mutex<()>,
}

/// Why a text opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum KeyProblem {
    /// It is something else: a token, perhaps.
    NotAKey,
    /// A letter is wrong; found without a look-up.
    Typo,
    Unknown,
    Revoked,
    Expired,
}

impl KeyProblem {
    /// In records and logs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            KeyProblem::NotAKey => "not-a-key",
            KeyProblem::Typo => "key-typo",
            KeyProblem::Unknown => "key-unknown",
            KeyProblem::Revoked => "key-revoked",
            KeyProblem::Expired => "key-expired",
        }
    }
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyProblem::NotAKey => "this is not a key",
            KeyProblem::Typo => "the key is not copied right",
            KeyProblem::Unknown => "the key is not known",
            KeyProblem::Revoked => "the key was revoked",
            KeyProblem::Expired => "the key has expired",
        })
    }
}

impl KeyRing {
    /// From the ledger's records, with a sentence for those that are not understood: their keys open nothing.
    pub(crate) fn new(records: Vec<(String, Vec<u8>)>) -> (KeyRing, Option<String>) {
        let count = records.len();
        let read =
            |(id, bytes): (String, Vec<u8>)| Some((parse_id(&id)?, Arc::new(KeyRecord::from_bytes(&id, &bytes)?)));
        let keys: Keys = records.into_iter().filter_map(read).collect();
        let lost = count - keys.len();
        let problem = (lost > 0).then(|| {
            format!("{lost} of {count} keys are not understood and open nothing; a later hafir may know them")
        });
        (KeyRing { keys: RwLock::new(keys), changing: Mutex::new(()) }, problem)
    }

    /// Who comes with this text. Allocates nothing. A key that is over is told from an unknown one only to whoever has
    /// its secret.
    pub(crate) fn check(&self, text: &str, now: Now) -> Result<Arc<Identity>, KeyProblem> {
        let presented = Presented::parse(text).map_err(|bad| match bad {
            BadText::NotAKey => KeyProblem::NotAKey,
            BadText::Typo => KeyProblem::Typo,
        })?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.get(&presented.id).ok_or(KeyProblem::Unknown)?;
        let current = same(&presented.hash, &key.hash);
        let before = key.before.as_ref().is_some_and(|(hash, until)| same(&presented.hash, hash) && now.wall < *until);
        if !current && !before {
            return Err(KeyProblem::Unknown);
        }
        match key.state(now.wall) {
            KeyState::Good => Ok(Arc::clone(&key.identity)),
            KeyState::Revoked => Err(KeyProblem::Revoked),
            KeyState::Expired => Err(KeyProblem::Expired),
        }
    }

    /// Whether a text was meant to be a key, right or wrong.
    pub(crate) fn looks_like_a_key(text: &str) -> bool {
        !matches!(Presented::parse(text), Err(BadText::NotAKey))
    }

    /// Carries out a change: `keep` makes it durable, then it counts. A change that cannot be kept is none; but a
    /// revocation counts at once, whatever becomes of the card.
    pub(crate) fn change(
        &self,
        change: &Change,
        now: Now,
        mut keep: impl FnMut(Kept<'_>) -> io::Result<()>,
    ) -> Result<Arc<KeyRecord>, ChangeProblem> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let id = change.id();
        let own = self.find(&id);
        let record = Arc::new(change.applied(own.as_ref(), now)?);
        let revoked = record.revoked.is_some();
        if own.is_none() {
            self.make_room(&mut keep)?;
        }
        if revoked {
            self.put(&record);
        }
        let bytes = record.to_bytes();
        match (keep(Kept { id: &id, bytes: Some(&bytes), last: revoked }), revoked) {
            (Ok(()), _) => self.put(&record),
            (Err(cause), true) => return Err(ChangeProblem::RevokedUntilStart(cause)),
            (Err(cause), false) => return Err(ChangeProblem::Io(cause)),
        }
        Ok(record)
    }

    /// The key that a person means.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<KeyRecord>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&parse_id(id)?).cloned()
    }

    /// Keys behind this one in the order of their names, as many as asked for.
    pub(crate) fn after(&self, id: &str, most: usize) -> Vec<Arc<KeyRecord>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Arc<KeyRecord>> = keys.values().filter(|key| key.id() > id).cloned().collect();
        all.sort_unstable_by(|one, other| one.id().cmp(other.id()));
        all.truncate(most);
        all
    }

    pub(crate) fn count(&self) -> usize {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn put(&self, record: &Arc<KeyRecord>) {
        if let Some(id) = parse_id(record.id()) {
            self.keys.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(record));
        }
    }

    fn make_room(&self, keep: &mut impl FnMut(Kept<'_>) -> io::Result<()>) -> Result<(), ChangeProblem> {
        if self.count() < MOST {
            return Ok(());
        }
        let first = {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            let revoked = keys.values().filter_map(|key| Some((key.revoked?, key)));
            revoked.min_by_key(|(when, _)| *when).map(|(_, key)| Arc::clone(key))
        };
        let first = first.ok_or(ChangeProblem::Full(MOST))?;
        keep(Kept { id: first.id(), bytes: None, last: true }).map_err(ChangeProblem::Io)?;
        if let Some(id) = parse_id(first.id()) {
            self.keys.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        }
        Ok(())
    }
}

/// Takes the same time wherever two hashes differ.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.iter().zip(other).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
}
