//! The last good configuration, kept in the state folder for the day when the file is broken.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::config::{self, Config, Loaded, Outside, Problems};

const NAME: &str = "last-good.ini";

/// The gateway's account alone: the file may hold passwords.
const PRIVATE: u32 = 0o600;

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
    File(Box<Loaded>),
    /// The last good file in the state folder.
    LastGood(PathBuf),
    /// Neither was of use: listeners only, no routes.
    Fallback,
}

/// The file where it is good, else the last good one, else listeners that show the problems.
pub(crate) fn load_or_last_good(path: &Path) -> Start {
    let base = config::folder(path);
    let (bytes, problems) = match config::read(path) {
        Err(problems) => (Vec::new(), problems),
        Ok(bytes) => match config::load_bytes_of(path, &bytes) {
            // A power cut leaves files behind that are there and hold nothing.
            Ok(_) if is_blank(&bytes) && last_good(&kept_at(&bytes, &base), &base).is_some() => {
                (bytes, Problems::empty(path))
            }
            Ok(loaded) => {
                let config = loaded.config.clone();
                return Start { config, from: From::File(Box::new(loaded)), problems_of_the_file: None };
            }
            Err(problems) => (bytes, problems),
        },
    };
    let kept = kept_at(&bytes, &base);
    let (config, from) = match last_good(&kept, &base) {
        Some(loaded) => (loaded.config, From::LastGood(kept)),
        None => (config::fallback(&bytes, &base), From::Fallback),
    };
    Start { config, from, problems_of_the_file: Some(problems) }
}

/// Marks of an encoding and padding say nothing either.
fn is_blank(bytes: &[u8]) -> bool {
    let marks: [&[u8]; 3] = [b"\xEF\xBB\xBF", b"\xFF\xFE", b"\xFE\xFF"];
    let text = marks.iter().find_map(|mark| bytes.strip_prefix(*mark)).unwrap_or(bytes);
    text.iter().all(|byte| matches!(byte, 0 | 0x1A) || byte.is_ascii_whitespace())
}

fn kept_at(bytes: &[u8], base: &Path) -> PathBuf {
    config::state_folder(bytes, base).join(NAME)
}

/// Keeps the bytes of a good file as `last-good.ini` in the state folder, which is made where it is missing. A power cut
/// leaves the old file or the new one; nothing is written where they are the same.
pub(crate) fn remember(state: &Path, bytes: &[u8]) -> io::Result<()> {
    let kept = state.join(NAME);
    if fs::read(&kept).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::create_dir_all(state)?;
    let new = state.join(format!("{NAME}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(PRIVATE).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, &kept)?;
    File::open(state)?.sync_all()
}

/// Relative paths in it mean what they meant in the file, so `base` is the folder of that.
fn last_good(kept: &Path, base: &Path) -> Option<Loaded> {
    let bytes = config::read(kept).ok()?;
    config::load_with(NAME, &bytes, base, Outside::Disk).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Folder {
            static COUNT: AtomicUsize = AtomicUsize::new(0);
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("hafir-last-good-{}-{count}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn start(&self, text: &str) -> Start {
            let path = self.0.join("hafir.ini");
            fs::write(&path, text).unwrap();
            load_or_last_good(&path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const GOOD: &str = "[gateway]\nstate = state\nlisten = 127.0.0.1:0\n[route a]\nrespond = @answer\n";

    #[test]
    fn a_good_file_is_taken_and_remembered() {
        let folder = Folder::new();
        fs::write(folder.0.join("answer"), "200 Good morning\n").unwrap();
        let start = folder.start(GOOD);
        assert!(start.problems_of_the_file.is_none());
        let From::File(loaded) = start.from else { panic!("not from the file") };
        let state = folder.0.join("state");
        assert_eq!(start.config.gateway.state, state);
        for _ in 0..2 {
            remember(&state, &loaded.source).unwrap();
            let kept = state.join(NAME);
            assert_eq!(fs::read_to_string(&kept).unwrap(), GOOD);
            assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, PRIVATE);
        }
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1);
    }

    #[test]
    fn a_broken_file_is_replaced_by_the_last_good_one() {
        let folder = Folder::new();
        fs::write(folder.0.join("answer"), "200 Good morning\n").unwrap();
        remember(&folder.0.join("state"), GOOD.as_bytes()).unwrap();
        for broken in ["[gateway]\nstate = state\nnonsense", "state = state\n", "[gatway\nstate = \"state\""] {
            let start = folder.start(broken);
            assert!(start.problems_of_the_file.is_some());
            assert!(matches!(start.from, From::LastGood(..)), "{broken}");
            assert_eq!(start.config.routes.len(), 1);
        }
    }

    #[test]
    fn what_a_power_cut_leaves_behind_is_blank() {
        assert!(is_blank(b"") && is_blank(b"\0\0\r\n") && !is_blank(b"; x"));
        assert!(is_blank(b"\xEF\xBB\xBF") && is_blank(b"\xFF\xFE\r\0\n\0") && !is_blank(b"\xEF\xBB\xBFa"));
    }

    #[test]
    fn without_either_the_listeners_remain() {
        let folder = Folder::new();
        let start = folder
            .start("[gateway]\nstate = state\nlisten = 127.0.0.1:8081\nname = 1\nname = 2\n[route a]\nrespond = 204");
        assert!(matches!(start.from, From::Fallback));
        assert_eq!(start.config.gateway.listen, ["127.0.0.1:8081".parse().unwrap()]);
        assert!(start.config.routes.is_empty());
        let missing = load_or_last_good(Path::new("/nonexistent/hafir.ini"));
        assert_eq!(missing.problems_of_the_file.unwrap().count(), 1);
    }
}
