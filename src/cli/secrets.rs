//! Passwords that stand in the configuration file as they are give way to their hashes, at the first start.
//!
//! The file belongs to somebody else, so it is changed only where nothing is in doubt, only at the values, and in one
//! step: a power cut leaves the old file or the new one. What was on the card before may still be found there by
//! somebody who takes the card apart; a password that matters is better never written, with `hafir password`.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::auth::basic;
use crate::config::{self, Config, Kind, UserConfig};

/// Why passwords were left in the file.
#[derive(Debug)]
pub(super) enum NotHidden {
    /// The file may not be written, or its folder.
    ReadOnly,
    /// It has other names, and only one of them would see the change.
    Linked,
    /// It is not certain which bytes are the passwords.
    Unclear,
    /// Somebody wrote it meanwhile.
    Changed,
    Failed(io::Error),
}

/// Puts hashes in the place of passwords. Gives the users whose password was hidden; none where there was nothing to
/// hide, or where the file has problems, which are told elsewhere. Blocks for about a second for each of them.
pub(super) fn hide(file: &Path) -> Result<Vec<String>, NotHidden> {
    let Ok(bytes) = config::read(file) else { return Ok(Vec::new()) };
    let Ok(loaded) = config::load_bytes_of(file, &bytes) else { return Ok(Vec::new()) };
    let is_clear = |user: &&UserConfig| !basic::is_hash(&user.password);
    let clear: BTreeSet<&str> = loaded.config.users.iter().filter(is_clear).map(|user| user.name.as_str()).collect();
    if clear.is_empty() {
        return Ok(Vec::new());
    }
    let target = Target::of(file)?;
    let mut hidden = Vec::new();
    let new = config::replace_secrets(&bytes, |secret| {
        let (user, password) = (&secret.section, &secret.value);
        let is_theirs = loaded.config.users.iter().any(|known| known.name == *user && known.password == *password);
        if secret.kind != Kind::User || !clear.contains(user.as_str()) || !is_theirs {
            return None;
        }
        let hash = basic::hash(password, basic::DEFAULT_ITERATIONS)?;
        hidden.push(user.clone());
        Some(hash)
    });
    let new = new.ok_or(NotHidden::Unclear)?;
    if hidden.is_empty() {
        return Ok(hidden);
    }
    let reread = config::load_bytes_of(file, &new).map_err(|_| NotHidden::Unclear)?;
    if !says_the_same(&loaded.config, &reread.config, &hidden) {
        return Err(NotHidden::Unclear);
    }
    target.replace(&bytes, &new)?;
    Ok(hidden)
}

/// Whether nothing but the passwords of these users is another. What is printed of a configuration holds no password.
fn says_the_same(old: &Config, new: &Config, hidden: &[String]) -> bool {
    let is_kept = |(old, new): (&UserConfig, &UserConfig)| {
        let kept =
            if hidden.contains(&old.name) { basic::is_hash(&new.password) } else { old.password == new.password };
        kept && (&old.name, &old.plan, &old.scopes) == (&new.name, &new.plan, &new.scopes)
    };
    old.users.len() == new.users.len()
        && old.users.iter().zip(&new.users).all(is_kept)
        && format!("{old:?}") == format!("{new:?}")
}

/// The file itself, behind any links that lead to it.
pub(super) struct Target {
    path: PathBuf,
    folder: PathBuf,
    found: Metadata,
}

impl Target {
    pub(super) fn of(file: &Path) -> Result<Target, NotHidden> {
        let path = fs::canonicalize(file).map_err(NotHidden::Failed)?;
        let folder = path.parent().ok_or(NotHidden::Unclear)?.to_owned();
        let found = fs::metadata(&path).map_err(NotHidden::Failed)?;
        match () {
            () if !found.is_file() => Err(NotHidden::Unclear),
            () if found.nlink() > 1 => Err(NotHidden::Linked),
            // Somebody said so; the superuser could write it all the same.
            () if found.mode() & 0o200 == 0 => Err(NotHidden::ReadOnly),
            () if OpenOptions::new().write(true).open(&path).is_err() => Err(NotHidden::ReadOnly),
            () => Ok(Target { path, folder, found }),
        }
    }

    /// A power cut leaves the old file or the new one. What the old one held is overwritten where it lay, afterwards.
    pub(super) fn replace(&self, old: &[u8], new: &[u8]) -> Result<(), NotHidden> {
        let name = self.path.file_name().ok_or(NotHidden::Unclear)?.to_string_lossy();
        let beside = Beside::create(self.folder.join(format!(".{name}.{}.new", std::process::id())))?;
        beside.fill(new, &self.found).map_err(NotHidden::Failed)?;
        if !self.is_as_it_was(old) {
            return Err(NotHidden::Changed);
        }
        let former = OpenOptions::new().write(true).open(&self.path);
        fs::rename(&beside.path, &self.path).map_err(NotHidden::Failed)?;
        // Where the folder cannot be synced the change may be lost with the power, and is made again.
        let is_durable = File::open(&self.folder).and_then(|folder| folder.sync_all()).is_ok();
        if let (Ok(former), true) = (former, is_durable) {
            let _ = overwrite(former, old.len());
        }
        Ok(())
    }

    fn is_as_it_was(&self, old: &[u8]) -> bool {
        let identity = |found: &Metadata| (found.dev(), found.ino(), found.mtime(), found.mtime_nsec(), found.size());
        let is_same = fs::metadata(&self.path).is_ok_and(|now| identity(&now) == identity(&self.found));
        is_same && fs::read(&self.path).is_ok_and(|now| now == old)
    }
}

/// Zeros in the place of a file that has no name any more. Cards may keep what was there; no program sees it then.
fn overwrite(mut file: File, length: usize) -> io::Result<()> {
    file.write_all(&vec![0; length])?;
    file.sync_data()
}

/// The new file before it takes the place of the old one. Dropped, it is removed, if it still has that name.
struct Beside {
    path: PathBuf,
    file: File,
}

impl Beside {
    fn create(path: PathBuf) -> Result<Beside, NotHidden> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match file {
            Ok(file) => Ok(Beside { path, file }),
            Err(error) => match error.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Err(NotHidden::ReadOnly),
                _ => Err(NotHidden::Failed(error)),
            },
        }
    }

    /// With the owner and the rights of the old one; on FAT they are the same anyway and cannot be changed.
    fn fill(&self, bytes: &[u8], like: &Metadata) -> io::Result<()> {
        (&self.file).write_all(bytes)?;
        let made = self.file.metadata()?;
        if (made.uid(), made.gid()) != (like.uid(), like.gid()) {
            fchown(&self.file, Some(like.uid()), Some(like.gid()))?;
        }
        if made.mode() & 0o7777 != like.mode() & 0o7777 {
            self.file.set_permissions(Permissions::from_mode(like.mode() & 0o7777))?;
        }
        self.file.sync_all()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl fmt::Display for NotHidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotHidden::ReadOnly => f.write_str("the file cannot be written"),
            NotHidden::Linked => f.write_str("the file has several names (hard links)"),
            NotHidden::Unclear => f.write_str("it is not clear which part of the file to change"),
            NotHidden::Changed => f.write_str("somebody else changed the file"),
            NotHidden::Failed(error) => write!(f, "the file could not be written: {error}"),
        }
    }
}

impl std::error::Error for NotHidden {}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Folder {
            static COUNT: AtomicUsize = AtomicUsize::new(0);
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("hafir-secrets-{}-{count}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn write(&self, text: &str) -> PathBuf {
            let path = self.0.join("hafir.ini");
            fs::write(&path, text).unwrap();
            path
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::set_permissions(&self.0, Permissions::from_mode(0o700));
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const FILE: &str = "\u{FEFF}; École\r\n[gateway]\r\nname = a\r\n[user mary]\r\npassword = \"se cret\" ; hers\r\n\
        [user john]\r\npassword = $pbkdf2-sha256$i=4096$c2FsdHNhbHQ$xeR41ZKIyEGqUw22hFxMjZYok6ABzk4RpJY4c6qYE0o\r\n";

    #[test]
    fn passwords_give_way_to_hashes_and_nothing_else_changes() {
        let folder = Folder::new();
        let path = folder.write(FILE);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert_eq!(hide(&path).unwrap(), ["mary"]);
        let text = fs::read_to_string(&path).unwrap();
        let (before, behind) = FILE.split_once("\"se cret\"").unwrap();
        let hash = text.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind)).unwrap();
        let users = config::load(&path).unwrap().config.users;
        assert!(users[0].password == hash && basic::is_hash(hash));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(folder.names(), ["hafir.ini"]);
        let now = crate::base::Now::default();
        let known = basic::Users::build(&users);
        let basic::Checked::Ask(job) = known.check("mary", "se cret", now) else { panic!("judged at once") };
        assert!(known.remember(job.run()).is_some());
        assert!(hide(&path).unwrap().is_empty(), "once is enough");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = Folder::new();
        let path = folder.write(FILE);
        let link = folder.0.join("link.ini");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(hide(&link).unwrap(), ["mary"]);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(!fs::read_to_string(&path).unwrap().contains("se cret"));
    }

    #[test]
    fn a_file_that_must_not_be_written_is_left_alone() {
        let folder = Folder::new();
        let path = folder.write(FILE);
        fs::set_permissions(&path, Permissions::from_mode(0o440)).unwrap();
        assert!(matches!(hide(&path), Err(NotHidden::ReadOnly)));
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        fs::hard_link(&path, folder.0.join("other.ini")).unwrap();
        assert!(matches!(hide(&path), Err(NotHidden::Linked)));
        assert_eq!(fs::read_to_string(&path).unwrap(), FILE);
        assert_eq!(folder.names().len(), 2);
    }

    #[test]
    fn a_file_with_problems_is_left_alone() {
        let folder = Folder::new();
        for text in ["", "[user mary]\npassword = x\nunknown = y\n", "[user mary]\npassword = x\npassword = y\n"] {
            let path = folder.write(text);
            assert!(hide(&path).unwrap().is_empty());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert!(hide(&folder.0.join("missing.ini")).unwrap().is_empty());
    }

    #[test]
    fn what_somebody_else_wrote_meanwhile_stays() {
        let folder = Folder::new();
        let path = folder.write(FILE);
        let target = Target::of(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(target.replace(FILE.as_bytes(), b"ours"), Err(NotHidden::Changed)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(folder.names(), ["hafir.ini"]);
    }

    #[test]
    fn a_password_in_another_file_is_that_files_business() {
        let folder = Folder::new();
        fs::write(folder.0.join("secret"), "se cret\n").unwrap();
        let path = folder.write("[user mary]\npassword = @secret\n");
        assert!(hide(&path).unwrap().is_empty());
        assert_eq!(fs::read_to_string(folder.0.join("secret")).unwrap(), "se cret\n");
    }
}
