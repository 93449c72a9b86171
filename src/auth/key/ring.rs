//! All keys, in memory.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::change::{Change, ChangeProblem, Kept};
use super::record::{KeyRecord, KeyState};
use super::text::{BadText, ID, Presented, parse_id};
use crate::auth::Identity;
use crate::base::Now;

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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::auth::key::NewKey;

    const DAY: i64 = 86_400;

    /// A ledger that can be made to fail.
    #[derive(Default)]
    struct Card {
        kept: RefCell<BTreeMap<String, Vec<u8>>>,
        broken: bool,
    }

    impl Card {
        fn keep(&self, kept: Kept<'_>) -> io::Result<()> {
            match (self.broken, kept.bytes) {
                (true, _) => return Err(io::Error::other("the card is full")),
                (false, Some(bytes)) => drop(self.kept.borrow_mut().insert(kept.id.to_owned(), bytes.to_vec())),
                (false, None) => drop(self.kept.borrow_mut().remove(kept.id)),
            }
            Ok(())
        }

        fn ring(&self) -> KeyRing {
            let (ring, problem) = KeyRing::new(self.kept.borrow().clone().into_iter().collect());
            assert_eq!(problem, None);
            ring
        }
    }

    fn day(day: i64) -> Now {
        Now { wall: Wall::from_seconds(1_800_000_000 + day * DAY), ..Now::default() }
    }

    fn new(key: &NewKey, expires: Option<Wall>) -> Change {
        Change::New {
            id: key.id().to_owned(),
            hash: key.hash(),
            name: "Clinic tablet 3".to_owned(),
            plan: Some("clinic".to_owned()),
            scopes: vec!["records.read".to_owned()],
            expires,
        }
    }

    fn roll(key: &NewKey, days: u64) -> Change {
        Change::Roll { id: key.id().to_owned(), hash: key.hash(), grace: Duration::from_secs(days * 86_400) }
    }

    #[test]
    fn whoever_has_the_secret_is_known_until_the_end() {
        let (card, key) = (Card::default(), NewKey::generate().unwrap());
        let ring = card.ring();
        assert_eq!(ring.check(key.text(), day(0)), Err(KeyProblem::Unknown));
        ring.change(&new(&key, Some(day(90).wall)), day(0), |kept| card.keep(kept)).unwrap();
        for ring in [&ring, &card.ring()] {
            let known = ring.check(key.text(), day(89)).unwrap();
            assert_eq!((known.id.as_str(), known.name.as_str()), (key.id(), "Clinic tablet 3"));
            assert_eq!((known.plan.as_deref(), known.has_scope("records.read")), (Some("clinic"), true));
            assert_eq!(ring.check(key.text(), day(90)), Err(KeyProblem::Expired));
            let other = NewKey::again(key.id()).unwrap();
            assert_eq!(ring.check(other.text(), day(1)), Err(KeyProblem::Unknown));
            assert_eq!(ring.check(other.text(), day(100)), Err(KeyProblem::Unknown));
            assert_eq!(ring.check("eyJ.e30.x", day(1)), Err(KeyProblem::NotAKey));
            assert_eq!(ring.check(&key.text()[..52], day(1)), Err(KeyProblem::Typo));
        }
        let bytes = card.kept.borrow().values().next().unwrap().clone();
        assert!(!String::from_utf8(bytes).unwrap().contains(&key.text()[15..47]));
    }

    #[test]
    fn a_revoked_key_opens_nothing_and_cannot_be_changed() {
        let (card, key) = (Card::default(), NewKey::generate().unwrap());
        let ring = card.ring();
        ring.change(&new(&key, None), day(0), |kept| card.keep(kept)).unwrap();
        // As a person may write it.
        let revoke = Change::Revoke { id: format!("HAFIR_{}", key.id().to_uppercase()) };
        let revoked = ring.change(&revoke, day(1), |kept| {
            assert!(kept.last && kept.id == key.id());
            card.keep(kept)
        });
        assert_eq!(revoked.unwrap().revoked, Some(day(1).wall));
        for ring in [&ring, &card.ring()] {
            assert_eq!(ring.check(key.text(), day(0)), Err(KeyProblem::Revoked));
            let again = NewKey::again(key.id()).unwrap();
            for change in [roll(&again, 7), Change::Rename { id: key.id().to_owned(), name: "x".to_owned() }] {
                let refused = ring.change(&change, day(2), |kept| card.keep(kept)).unwrap_err();
                assert!(matches!(refused, ChangeProblem::Revoked(_)));
            }
            assert!(matches!(ring.change(&new(&key, None), day(2), |_| Ok(())), Err(ChangeProblem::Taken)));
            assert_eq!(ring.change(&revoke, day(5), |_| Ok(())).unwrap().revoked, Some(day(1).wall));
        }
    }

    #[test]
    fn both_secrets_are_good_for_the_grace_and_then_the_new_one() {
        let (card, old) = (Card::default(), NewKey::generate().unwrap());
        let ring = card.ring();
        ring.change(&new(&old, None), day(0), |kept| card.keep(kept)).unwrap();
        let key = NewKey::again(old.id()).unwrap();
        ring.change(&roll(&key, 7), day(1), |kept| card.keep(kept)).unwrap();
        for ring in [&ring, &card.ring()] {
            assert!(ring.check(key.text(), day(1)).is_ok() && ring.check(key.text(), day(100)).is_ok());
            assert!(ring.check(old.text(), day(7)).is_ok());
            assert_eq!(ring.check(old.text(), day(8)), Err(KeyProblem::Unknown));
        }
        let third = NewKey::again(old.id()).unwrap();
        ring.change(&roll(&third, 0), day(2), |kept| card.keep(kept)).unwrap();
        assert_eq!(ring.check(old.text(), day(2)), Err(KeyProblem::Unknown));
        assert_eq!(ring.check(key.text(), day(2)), Err(KeyProblem::Unknown));
        assert!(ring.check(third.text(), day(2)).is_ok());
    }

    #[test]
    fn what_cannot_be_kept_does_not_count_but_a_revocation_does() {
        let (mut card, key) = (Card::default(), NewKey::generate().unwrap());
        let ring = card.ring();
        card.broken = true;
        let refused = ring.change(&new(&key, None), day(0), |kept| card.keep(kept)).unwrap_err();
        assert_eq!(refused.to_string(), "nothing was changed: the card is full");
        assert_eq!(ring.check(key.text(), day(0)), Err(KeyProblem::Unknown));
        card.broken = false;
        ring.change(&new(&key, None), day(0), |kept| card.keep(kept)).unwrap();
        card.broken = true;
        let revoke = Change::Revoke { id: key.id().to_owned() };
        let half = ring.change(&revoke, day(1), |kept| card.keep(kept));
        assert!(matches!(half, Err(ChangeProblem::RevokedUntilStart(_))));
        assert_eq!(ring.check(key.text(), day(1)), Err(KeyProblem::Revoked));
    }

    #[test]
    fn what_no_record_may_hold_is_refused() {
        let (card, key) = (Card::default(), NewKey::generate().unwrap());
        let ring = card.ring();
        let check = |name: &str, scope: &str, expected: &str| {
            let Change::New { id, hash, plan, expires, .. } = new(&key, None) else { unreachable!() };
            let (name, scopes) = (name.to_owned(), vec![scope.to_owned()]);
            let change = Change::New { id, hash, name, plan, scopes, expires };
            let refused = ring.change(&change, day(0), |kept| card.keep(kept)).unwrap_err();
            assert!(refused.to_string().contains(expected), "{refused}");
        };
        check(" ", "a", "it is empty");
        check("a\nb\u{1b}", "a", "line break");
        check(&"x".repeat(201), "a", "longer than 200");
        check("a", "", "is no scope");
        check("a", "two words", "is no scope");
        check("a", "\"", "is no scope");
        let missing = Change::Revoke { id: "00000000".to_owned() };
        let refused = ring.change(&missing, day(0), |kept| card.keep(kept)).unwrap_err();
        assert!(refused.to_string().contains("there is no key '00000000'"));
    }

    #[test]
    fn a_full_ring_forgets_the_key_that_was_revoked_first() {
        let card = Card::default();
        let key = NewKey::generate().unwrap();
        let template = card.ring().change(&new(&key, None), day(0), |_| Ok(())).unwrap().to_bytes();
        let id = |number: usize| format!("{number:08}");
        card.kept.replace((0..MOST).map(|number| (id(number), template.clone())).collect());
        let ring = card.ring();
        assert_eq!(ring.count(), MOST);
        let full = ring.change(&new(&key, None), day(0), |kept| card.keep(kept));
        assert!(matches!(full, Err(ChangeProblem::Full(MOST))));
        for (number, when) in [(7, 3), (9, 2)] {
            ring.change(&Change::Revoke { id: id(number) }, day(when), |kept| card.keep(kept)).unwrap();
        }
        ring.change(&new(&key, None), day(4), |kept| card.keep(kept)).unwrap();
        assert!(ring.find(&id(9)).is_none() && ring.find(&id(7)).is_some() && ring.check(key.text(), day(4)).is_ok());
        assert_eq!(card.ring().count(), MOST);
        assert_eq!(ring.after(&id(8), 2).iter().map(|key| key.id()).collect::<Vec<_>>(), [id(10), id(11)]);
    }

    #[test]
    fn records_of_other_programs_open_nothing_and_are_said() {
        let (card, key) = (Card::default(), NewKey::generate().unwrap());
        let ring = card.ring();
        ring.change(&new(&key, None), day(0), |kept| card.keep(kept)).unwrap();
        let bytes = card.kept.borrow()[key.id()].clone();
        let later = String::from_utf8(bytes).unwrap().replace("\"v\":1", "\"v\":2").into_bytes();
        let records = vec![(key.id().to_owned(), later), ("x".to_owned(), b"{}".to_vec())];
        let (ring, problem) = KeyRing::new(records);
        assert!(problem.unwrap().starts_with("2 of 2 keys are not understood"));
        assert_eq!(ring.check(key.text(), day(0)), Err(KeyProblem::Unknown));
    }
}
