//! What the person wants: their file, or the last good one, or what holds without any.

use std::fs;
use std::path::{Path, PathBuf};

use super::words::Places;
use crate::config::{self, Config, Outside, Problems};

/// What is known of the person's file.
#[derive(Debug)]
pub(super) struct Person {
    /// The file that the gateway is started with.
    pub(super) file: PathBuf,
    /// What holds for the board.
    pub(super) config: Config,
    /// What is wrong with the file.
    pub(super) problems: Problems,
}

pub(super) fn read(places: &Places) -> Person {
    let file = places.boot.join("hafir.ini");
    match config::load(&file) {
        Ok(loaded) => Person { file, config: loaded.config, problems: Problems::default() },
        Err(problems) => {
            let config = last_good(places).unwrap_or_else(|| config::fallback(&[], &places.boot));
            Person { file, config, problems }
        }
    }
}

/// The folder of the board's own files on the data partition.
pub(super) fn folder(data: &Path) -> PathBuf {
    data.join("board")
}

pub(super) const LAST_GOOD: &str = "last-good.ini";

/// Relative paths in it mean what they meant in the person's file.
fn last_good(places: &Places) -> Option<Config> {
    let bytes = fs::read(folder(&places.data).join(LAST_GOOD)).ok()?;
    config::load_with(LAST_GOOD, &bytes, &places.boot, Outside::Disk).ok().map(|loaded| loaded.config)
}
