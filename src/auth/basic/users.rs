//! Users and their passwords.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::hash::{DEFAULT_ITERATIONS, Hash, is_hash};
use super::memory::{Memory, Tag};
use crate::auth::{Identity, Kind};
use crate::base::Now;
use crate::config::UserConfig;

/// Passwords that are judged at the same time. Each holds a core for a second on a small board; with all cores taken,
/// nobody would be served. Who is known already does not need a turn.
const JOBS: usize = 2;

/// All users of the file.
pub(crate) struct Users {
    users: HashMap<String, Arc<User>>,
    /// What a name that nobody has is judged by: such a login costs as much as any other.
    nobody: Arc<User>,
    memory: Memory,
    jobs: Arc<AtomicUsize>,
    notes: Vec<String>,
}

/// What is known of a login at once.
pub(crate) enum Checked {
    Known(Arc<Identity>),
    /// No such user, or another password; which of the two is nobody's business.
    Unknown,
    /// It must be judged first, elsewhere: [`PasswordJob::run`] blocks.
    Ask(PasswordJob),
    /// It must be judged and as many as may be are being judged already.
    Busy,
}

/// A login to be judged. Dropped, it gives its turn back.
pub(crate) struct PasswordJob {
    user: Arc<User>,
    password: String,
    tag: Option<Tag>,
    _turn: Turn,
}

/// A login that was judged.
pub(crate) struct Verified {
    user: Arc<User>,
    tag: Option<Tag>,
    is_good: bool,
}

struct User {
    /// `None`: nobody.
    identity: Option<Arc<Identity>>,
    hash: Hash,
    /// A password that stands in the file as it is. It is judged in place of the hash, after as much work.
    clear: Option<String>,
    /// The login that was found good. Guards one value for one look or one write.
    good: Mutex<Option<Tag>>,
}

struct Turn(Arc<AtomicUsize>);

impl Users {
    /// Quick: nothing is hashed. A user whose hash cannot be used is nobody, and [`Users::notes`] says so.
    pub(crate) fn build(configs: &[UserConfig]) -> Users {
        let mut built = Users {
            users: HashMap::with_capacity(configs.len()),
            nobody: Arc::new(User::new(None, Hash::nobodys(DEFAULT_ITERATIONS), None)),
            memory: Memory::new(),
            jobs: Arc::new(AtomicUsize::new(0)),
            notes: Vec::new(),
        };
        for config in configs {
            built.add(config);
        }
        built
    }

    /// What the operator should know of the users in the file.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Never blocks for longer than a keyed hash takes.
    pub(crate) fn check(&self, user: &str, password: &str, _now: Now) -> Checked {
        let tag = self.memory.tag(user, password);
        let known = self.users.get(user).unwrap_or(&self.nobody);
        if let Some(tag) = tag {
            if let Some(identity) = known.identity.as_ref().filter(|_| known.remembers(tag)) {
                return Checked::Known(Arc::clone(identity));
            }
            if self.memory.is_wrong(tag) {
                return Checked::Unknown;
            }
        }
        match Turn::take(&self.jobs) {
            None => Checked::Busy,
            Some(turn) => {
                let (user, password) = (Arc::clone(known), password.to_owned());
                Checked::Ask(PasswordJob { user, password, tag, _turn: turn })
            }
        }
    }

    /// Keeps what a job found, so that the same login is judged at once from now on; and says who it is. A job of
    /// earlier users (before a reload) changes nothing here.
    pub(crate) fn remember(&self, verified: Verified) -> Option<Arc<Identity>> {
        let Verified { user, tag, is_good } = verified;
        let identity = user.identity.clone().filter(|_| is_good);
        match (tag, &identity) {
            (Some(tag), Some(_)) => *user.good.lock().unwrap_or_else(PoisonError::into_inner) = Some(tag),
            (Some(tag), None) => self.memory.remember_wrong(tag),
            (None, _) => {}
        }
        identity
    }

    fn add(&mut self, config: &UserConfig) {
        let name = &config.name;
        let (hash, clear) = if is_hash(&config.password) {
            match Hash::parse(&config.password) {
                Ok(hash) => (hash, None),
                Err(problem) => {
                    self.notes.push(format!("[user {name}] password: {problem}; until then {name} is not let in"));
                    return;
                }
            }
        } else {
            self.notes.push(format!(
                "[user {name}] password: the password stands in the file as it is; put the line that 'hafir password' \
                 prints in its place"
            ));
            (Hash::nobodys(DEFAULT_ITERATIONS), Some(config.password.clone()))
        };
        // Nobody costs as much as the dearest of the users.
        if hash.iterations > self.nobody.hash.iterations {
            self.nobody = Arc::new(User::new(None, Hash::nobodys(hash.iterations.get()), None));
        }
        let user = User::new(Some(identity(config)), hash, clear);
        self.users.insert(name.clone(), Arc::new(user));
    }
}

impl PasswordJob {
    /// Judges the login. Blocks for as long as the hash asks: about a second on a small board.
    pub(crate) fn run(self) -> Verified {
        let PasswordJob { user, password, tag, _turn } = self;
        let is_hashed = user.hash.verify(&password);
        let is_good = match &user.clear {
            Some(clear) => is_same(clear, &password),
            None => is_hashed,
        };
        Verified { is_good: is_good && user.identity.is_some(), user, tag }
    }
}

#[cfg(test)]
impl PasswordJob {
    pub(super) fn iterations(&self) -> u32 {
        self.user.hash.iterations.get()
    }
}

impl User {
    fn new(identity: Option<Arc<Identity>>, hash: Hash, clear: Option<String>) -> User {
        User { identity, hash, clear, good: Mutex::new(None) }
    }

    fn remembers(&self, tag: Tag) -> bool {
        *self.good.lock().unwrap_or_else(PoisonError::into_inner) == Some(tag)
    }
}

impl Turn {
    fn take(jobs: &Arc<AtomicUsize>) -> Option<Turn> {
        let more = |running: usize| (running < JOBS).then_some(running + 1);
        jobs.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Turn(Arc::clone(jobs)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn identity(config: &UserConfig) -> Arc<Identity> {
    Arc::new(Identity {
        kind: Kind::User,
        id: config.name.clone(),
        name: config.name.clone(),
        plan: config.plan.clone(),
        scopes: config.scopes.clone(),
        claims: Vec::new(),
        not_before: None,
        expires: None,
        bound_to: None,
    })
}

/// Digests are compared, so that the time tells nothing of the password.
fn is_same(a: &str, b: &str) -> bool {
    let digest = |text: &str| ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let (a, b) = (digest(a), digest(b));
    a.as_ref().iter().zip(b.as_ref()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("users", &self.users.len()).finish_non_exhaustive()
    }
}
