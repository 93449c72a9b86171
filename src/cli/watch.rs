//! Noticing that the configuration file was edited.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What tells two states of a file apart without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mark {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// Looks at one file from time to time. A change is reported once, when two looks in a row saw the same new state: an
/// editor that is still writing is left in peace.
#[derive(Debug)]
pub(super) struct Watch {
    path: PathBuf,
    settled: Option<Mark>,
    seen: Option<Mark>,
}

impl Watch {
    pub(super) fn new(path: &Path) -> Watch {
        let mark = mark(path);
        Watch { path: path.to_owned(), settled: mark, seen: mark }
    }

    /// The file as it is now is about to be read: that is no change any more.
    pub(super) fn settle(&mut self) {
        self.settled = mark(&self.path);
        self.seen = self.settled;
    }

    /// Whether the file has come to rest in a state other than the last one reported. A file that is away (as while an
    /// editor replaces it) is no change.
    pub(super) fn changed(&mut self) -> bool {
        let mark = mark(&self.path);
        let at_rest = mark == self.seen;
        self.seen = mark;
        let changed = at_rest && mark.is_some() && mark != self.settled;
        if changed {
            self.settled = mark;
        }
        changed
    }
}

fn mark(path: &Path) -> Option<Mark> {
    use std::os::unix::fs::MetadataExt;
    let meta = fs::metadata(path).ok()?;
    Some(Mark { modified: meta.modified().ok(), length: meta.len(), inode: meta.ino() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_reported_once_and_when_at_rest() {
        let path = std::env::temp_dir().join(format!("hafir-watch-{}", std::process::id()));
        fs::write(&path, "a").unwrap();
        let mut watch = Watch::new(&path);
        assert!(!watch.changed());
        fs::write(&path, "ab").unwrap();
        assert!(!watch.changed(), "first look at the new state");
        assert!(watch.changed(), "second look");
        assert!(!watch.changed(), "reported already");
        fs::remove_file(&path).unwrap();
        assert!(!watch.changed() && !watch.changed(), "a file that is away is no change");
    }
}
