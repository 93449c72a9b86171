//! Which passwords were judged, without the passwords.

use std::sync::{Mutex, PoisonError};

use ring::hmac;
use ring::rand::SystemRandom;

/// Wrong logins that are remembered, in all; 32 bytes each. A device that was set up wrongly comes with the same
/// password again and again, and must not cost the board a second each time.
const WRONG: usize = 64;

/// What a login becomes under a key that nobody knows and that ends with the process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag([u8; 32]);

/// Makes tags, and remembers those of wrong logins.
pub(super) struct Memory {
    /// `None` where the system has no random numbers: then nothing is remembered.
    key: Option<hmac::Key>,
    /// Guards the ring of tags, for one look or one write.
    wrong: Mutex<Ring>,
}

struct Ring {
    tags: [Option<Tag>; WRONG],
    next: usize,
}

impl Memory {
    pub(super) fn new() -> Memory {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok();
        Memory { key, wrong: Mutex::new(Ring { tags: [None; WRONG], next: 0 }) }
    }

    /// The lengths keep `ab` + `c` from being `a` + `bc`.
    pub(super) fn tag(&self, user: &str, password: &str) -> Option<Tag> {
        let mut context = hmac::Context::with_key(self.key.as_ref()?);
        context.update(&(user.len() as u64).to_be_bytes());
        context.update(user.as_bytes());
        context.update(password.as_bytes());
        context.sign().as_ref().try_into().ok().map(Tag)
    }

    pub(super) fn is_wrong(&self, tag: Tag) -> bool {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.tags.contains(&Some(tag))
    }

    pub(super) fn remember_wrong(&self, tag: Tag) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let next = wrong.next;
        if let Some(slot) = wrong.tags.get_mut(next) {
            *slot = Some(tag);
        }
        wrong.next = (next + 1) % WRONG;
    }
}
