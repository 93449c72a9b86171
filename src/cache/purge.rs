//! Purging: what is kept is marked stale, or taken away, by key, by the beginning of keys, or by tag. It holds at once
//! and for everything: what is hot, what lies on the card, and what is on its way.

use std::sync::Arc;

use super::object::Object;
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
        inner.fills.purge(what).iter().for_each(|shared| shared.put_away(inner));
        inner.purge_hot(what, store.purge_number());
        Ok(Purged { lasting })
    }

    /// What an answer to an unsafe request names as changed (RFC 9875): all of these groups that came from the same
    /// origin must be validated before their next use.
    pub(crate) async fn invalidate_groups(&self, origin: &str, names: Vec<String>) {
        let group = |name| What::Group { origin: origin.to_owned(), name };
        let what: Vec<What> = names.into_iter().map(group).collect();
        let Some(store) = self.inner.store().filter(|_| !what.is_empty()) else { return };
        let inner = Arc::clone(&self.inner);
        smol::unblock(move || {
            if let Err(error) = store.purge_lightly(&what) {
                log::warn!("groups named as changed stay as they are: {error}");
                return;
            }
            inner.fills.purge(&what);
            inner.purge_hot(&what, store.purge_number());
        })
        .await;
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
    pub(super) fn make_hot(&self, object: Arc<Object>) {
        let (primary, location, judged) = (object.primary, object.identity.location, object.judged());
        self.hot.insert(object);
        if self.store().is_some_and(|store| store.purge_number() != judged) {
            self.hot.remove_location(primary, location);
        }
    }
}
