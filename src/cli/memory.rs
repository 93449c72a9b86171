//! What the process itself remembers in the state folder between two runs: the time, and the addresses of names.
//!
//! Written seldom, because the card wears out; a torn or missing file costs nothing but the memory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::floor::Floor;
use crate::base::{Now, Wall};

/// The files of one state folder.
#[derive(Debug)]
pub(super) struct Memory {
    folder: PathBuf,
    floor: Floor,
    saved_names: String,
}

impl Memory {
    pub(super) fn open(folder: &Path) -> Memory {
        let saved_names = fs::read_to_string(folder.join("names")).unwrap_or_default();
        Memory { folder: folder.to_owned(), floor: Floor::open(folder.join("clock")), saved_names }
    }

    /// A time that is surely over.
    pub(super) fn clock_floor(&self) -> Wall {
        self.floor.time()
    }

    /// Names and addresses, as the last run left them.
    pub(super) fn names(&self) -> &str {
        &self.saved_names
    }

    /// Saves what has changed enough. `now` is believed.
    pub(super) fn keep(&mut self, now: Now, names: String) {
        let clock = self.floor.follow(now.wall, now.mono);
        self.tell("clock", clock);
        if names != self.saved_names {
            let saved = self.save_names(&names);
            self.tell("names", saved);
            self.saved_names = names;
        }
    }

    fn save_names(&self, names: &str) -> io::Result<()> {
        let fresh = self.folder.join("names.new");
        fs::write(&fresh, names)?;
        fs::rename(fresh, self.folder.join("names"))
    }

    fn tell(&self, name: &str, saved: io::Result<()>) {
        if let Err(cause) = saved {
            log::warn!("{name} cannot be kept in {}: {cause}", self.folder.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BUILT, Mono};

    #[test]
    fn time_and_names_come_back() {
        let folder = std::env::temp_dir().join(format!("hafir-memory-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut memory = Memory::open(&folder);
        assert_eq!(memory.clock_floor(), BUILT);
        let mono = Mono::from_millis(3_600_000);
        let wall = Wall::from_seconds(BUILT.as_seconds() + 7200);
        memory.keep(Now { mono, wall, sure: true }, "a 192.0.2.1\n".to_owned());
        let again = Memory::open(&folder);
        assert_eq!((again.clock_floor(), again.names()), (wall, "a 192.0.2.1\n"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
