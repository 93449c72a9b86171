//! What the process itself remembers in the state folder between two runs: the time, and the addresses of names.
//!
//! Written seldom, because the card wears out; a torn or missing file costs nothing but the memory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::Wall;

/// When this version was made: the earliest time a board without a clock can believe. 2026-11-01T00:00:00Z.
const RELEASED: Wall = Wall::from_seconds(1_793_491_200);
/// A saved time more than this far behind is worth a write.
const CLOCK_STEP: i64 = 3600;

/// The files of one state folder.
#[derive(Debug)]
pub(super) struct Memory {
    folder: PathBuf,
    saved_clock: Wall,
    saved_names: String,
}

impl Memory {
    pub(super) fn open(folder: &Path) -> Memory {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let saved = read("clock").trim().parse().map_or(RELEASED, Wall::from_seconds);
        Memory { folder: folder.to_owned(), saved_clock: saved.max(RELEASED), saved_names: read("names") }
    }

    /// A time that is surely over.
    pub(super) fn clock_floor(&self) -> Wall {
        self.saved_clock
    }

    /// Names and addresses, as the last run left them.
    pub(super) fn names(&self) -> &str {
        &self.saved_names
    }

    /// Saves what has changed enough.
    pub(super) fn keep(&mut self, wall: Wall, names: String) {
        if wall.as_seconds().saturating_sub(self.saved_clock.as_seconds()) >= CLOCK_STEP {
            self.save("clock", &format!("{}\n", wall.as_seconds()));
            self.saved_clock = wall;
        }
        if names != self.saved_names {
            self.save("names", &names);
            self.saved_names = names;
        }
    }

    fn save(&self, name: &str, text: &str) {
        let whole = || -> io::Result<()> {
            let fresh = self.folder.join(format!("{name}.new"));
            fs::write(&fresh, text)?;
            fs::rename(fresh, self.folder.join(name))
        };
        if let Err(cause) = whole() {
            log::warn!("{} cannot be kept in {}: {cause}", name, self.folder.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_names_come_back_and_never_go_behind_the_release() {
        let folder = std::env::temp_dir().join(format!("hafir-memory-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut memory = Memory::open(&folder);
        assert_eq!(memory.clock_floor(), RELEASED);
        let later = Wall::from_seconds(RELEASED.as_seconds() + 2 * CLOCK_STEP);
        memory.keep(later, "a 192.0.2.1\n".to_owned());
        let again = Memory::open(&folder);
        assert_eq!((again.clock_floor(), again.names()), (later, "a 192.0.2.1\n"));
        fs::write(folder.join("clock"), "torn").unwrap();
        assert_eq!(Memory::open(&folder).clock_floor(), RELEASED);
        fs::remove_dir_all(&folder).unwrap();
    }
}
