//! Files with the keys of `[jwt]` sections: read at the start, with each reload, and when they change.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::{JwtConfig, KeySource};
use crate::gateway::Process;

/// More than that is no file of keys; `auth` takes 64 KB.
const LARGEST: u64 = 256 * 1024;

/// What the files were like when they were last read, by section.
#[derive(Default)]
pub(super) struct KeyFiles {
    stamps: HashMap<String, (PathBuf, Option<Stamp>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    size: u64,
    inode: u64,
}

impl KeyFiles {
    /// Reads those that are new or have changed. A bad one leaves the keys that were there, and is told of once.
    pub(super) fn read(&mut self, sections: &[JwtConfig], process: &Process) {
        self.stamps.retain(|name, _| sections.iter().any(|section| section.name == *name));
        for section in sections {
            let KeySource::File(path) = &section.keys else { continue };
            let seen = (path.clone(), stamp(path));
            if self.stamps.get(&section.name) == Some(&seen) {
                continue;
            }
            self.stamps.insert(section.name.clone(), seen);
            let read = bytes(path).map_err(|cause| cause.to_string()).and_then(|bytes| {
                process.tokens.key_file(&section.name, &bytes).map_err(|problem| problem.to_string())
            });
            match read {
                Ok(count) => log::info!("[jwt {}] {} keys were read from {}", section.name, count, path.display()),
                Err(why) => log::error!("[jwt {}] the keys in {} cannot be used: {why}", section.name, path.display()),
            }
        }
    }
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some(Stamp { modified: (found.mtime(), found.mtime_nsec()), size: found.size(), inode: found.ino() })
}
