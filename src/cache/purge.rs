//! Purging: what is kept is marked stale, or taken away, by key, by the beginning of keys, or by tag. It holds at once
//! and for everything: what is hot, what lies on the card, and what is on its way.

use super::root::{Cache, Inner};
use super::store::purge::{Purge, What};

/// What became of a purge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Purged {
    /// The card took the record, so that it holds through a loss of power as well.
    pub(crate) lasting: bool,
}

impl Cache {
    /// Holds from now on. Blocks: for a thread of its own, or the blocking pool.
    pub(crate) fn purge(&self, what: &[What], how: Purge) -> Result<Purged, String> {
        let inner = &self.inner;
        let Some(store) = inner.store() else { return Err("nothing is kept: the cache is off".to_owned()) };
        // In this order: what is opened from now on is compared with the record, what is hot or under way was not.
        let lasting = store.purge(what, how).map_err(|error| error.to_string())?;
        inner.fills.purge(what);
        inner.purge_hot(what, store.purge_number());
        Ok(Purged { lasting })
    }

    /// Purges that each answer is compared with when it is opened, because not all on the card is marked yet.
    pub(crate) fn purges_waiting(&self) -> u64 {
        self.inner.store().map_or(0, |store| store.purges_waiting() as u64)
    }
}

impl Inner {
    fn purge_hot(&self, what: &[What], number: u32) {
        self.hot.remove_where(|object| {
            let lines = Some(object.head.lines());
            let purged = what.iter().any(|what| what.is_for(&object.key, lines));
            if !purged {
                object.note_judged(number);
            }
            purged
        });
    }

    /// Makes an object hot, unless a purge came after it was compared with purges.
    pub(super) fn make_hot(&self, object: std::sync::Arc<super::object::Object>) {
        let (primary, location, judged) = (object.primary, object.identity.location, object.judged());
        self.hot.insert(object);
        if self.store().is_some_and(|store| store.purge_number() != judged) {
            self.hot.remove_location(primary, location);
        }
    }
}
