//! Taking in answers that were kept elsewhere.

use super::root::Cache;
use super::store::Adopted;
use super::store::carry::Tag;
use crate::base::Now;

impl Cache {
    /// Counts all that is kept, for one who has no thread for the upkeep: there is room only where this is known. Blocks.
    pub(crate) fn count_all(&self, now: Now) {
        while self.inner.store().is_some() && !self.stat().counted {
            self.maintain(now);
        }
    }

    /// Makes room for so many bytes that an importer is about to write. Blocks.
    pub(crate) fn room_for(&self, bytes: u64) -> Result<(), String> {
        let Some(store) = self.inner.store() else { return Err("nothing is kept: the cache is off".to_owned()) };
        let full = "there is no room: everything else on the card is pinned, or belongs to others";
        store.room_for(bytes).map_err(|_| format!("{full}; raise [cache] size, or free some space"))
    }

    /// Puts a file from the folder of imports in its place. Blocks.
    pub(crate) fn adopt(&self, tag: Tag) -> Result<Adopted, String> {
        let Some(store) = self.inner.store() else { return Err("nothing is kept: the cache is off".to_owned()) };
        let adopted = store.adopt(tag).map_err(|error| error.to_string())?;
        if adopted == Adopted::Taken {
            self.inner.hot.remove_where(|object| object.identity.location == tag.location());
        }
        Ok(adopted)
    }
}
