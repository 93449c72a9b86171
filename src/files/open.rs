//! Opening a name in a folder without ever leaving the folder.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::answer::NoFile;
use super::name::Name;
use crate::base::Wall;
use crate::config::FilesConfig;

/// A longer listing helps nobody; the folder's files can still be asked for by name.
const MAX_LISTED: usize = 5000;

/// How often an open is tried again when somebody moves folders about at that moment (openat2(2), `EAGAIN`).
const TRIES: usize = 4;

/// What a name leads to.
#[derive(Debug)]
pub(super) enum Found {
    File {
        file: File,
        media_type: String,
    },
    /// A folder that was asked for without the slash at its end.
    Folder,
    Listing(Vec<Entry>),
}

/// One line of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    /// The size of a file; nothing for a folder.
    pub(super) size: Option<u64>,
    pub(super) modified: Wall,
}

/// Finds the file, the folder's index file or its listing. Blocks.
pub(super) fn find(folder: &FilesConfig, name: &Name) -> Result<Found, NoFile> {
    let root = rustix::fs::openat(CWD, &folder.root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let root = root.map_err(|_| NoFile::FolderGone)?;
    let opened = open(root.as_fd(), name.path(), folder.symlinks)?;
    match kind(&opened)? {
        FileType::RegularFile if !name.folder => Ok(file(opened, name.path())),
        FileType::Directory if !name.folder => Ok(Found::Folder),
        FileType::Directory => inside(folder, root.as_fd(), opened, name),
        _ => Err(NoFile::NotFound),
    }
}

fn inside(folder: &FilesConfig, root: BorrowedFd<'_>, opened: OwnedFd, name: &Name) -> Result<Found, NoFile> {
    for index in &folder.index {
        let path = name.join(index);
        match open(root, &path, folder.symlinks) {
            Ok(opened) if kind(&opened)? == FileType::RegularFile => return Ok(file(opened, &path)),
            Ok(_) | Err(NoFile::NotFound) => {}
            Err(trouble) => return Err(trouble),
        }
    }
    if folder.listing { list(opened, folder.symlinks).map(Found::Listing) } else { Err(NoFile::NotFound) }
}

fn file(opened: OwnedFd, path: &Path) -> Found {
    Found::File { file: File::from(opened), media_type: media_type(path) }
}

/// By the name's ending. Text is taken for UTF-8.
fn media_type(path: &Path) -> String {
    let guess = mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream");
    if guess.starts_with("text/") { format!("{guess}; charset=utf-8") } else { guess.to_owned() }
}

fn kind(opened: &OwnedFd) -> Result<FileType, NoFile> {
    rustix::fs::fstat(opened).map(|stat| FileType::from_raw_mode(stat.st_mode)).map_err(|_| NoFile::Unreadable)
}

/// Without waiting where the name is a pipe, and without following links unless they may be followed anywhere.
fn open(root: BorrowedFd<'_>, path: &Path, symlinks: bool) -> Result<OwnedFd, NoFile> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let resolve = if symlinks {
        ResolveFlags::NO_MAGICLINKS
    } else {
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS
    };
    let mut outcome = Err(Errno::AGAIN);
    for _ in 0..TRIES {
        outcome = rustix::fs::openat2(root, path, flags, Mode::empty(), resolve);
        if outcome.as_ref().err() != Some(&Errno::AGAIN) {
            break;
        }
    }
    match outcome {
        // Kernels before 5.6, and sandboxes that have not heard of the call.
        Err(Errno::NOSYS | Errno::PERM) if symlinks => rustix::fs::openat(root, path, flags, Mode::empty()),
        Err(Errno::NOSYS | Errno::PERM) => open_by_steps(root, path, flags),
        other => other,
    }
    .map_err(no_file)
}

/// The same for kernels without `openat2`: one segment at a time, none of which may be a link. A name has no `..`.
fn open_by_steps(root: BorrowedFd<'_>, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut segments = path.iter().peekable();
    let mut folder: Option<OwnedFd> = None;
    while let Some(segment) = segments.next() {
        let from = folder.as_ref().map_or(root, AsFd::as_fd);
        let step = if segments.peek().is_some() { OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC } else { flags };
        folder = Some(rustix::fs::openat(from, segment, step | OFlags::NOFOLLOW, Mode::empty())?);
    }
    folder.ok_or(Errno::NOENT)
}

fn no_file(error: Errno) -> NoFile {
    match error {
        // `XDEV` and `LOOP`: a link that leads out, or any link where none is followed. `NXIO`: a socket.
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::NAMETOOLONG | Errno::INVAL | Errno::NXIO => {
            NoFile::NotFound
        }
        _ => NoFile::Unreadable,
    }
}

/// The visible files and folders, folders first, by name.
fn list(folder: OwnedFd, symlinks: bool) -> Result<Vec<Entry>, NoFile> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(&folder).map_err(|_| NoFile::Unreadable)? {
        let entry = entry.map_err(|_| NoFile::Unreadable)?;
        entries.extend(listed(folder.as_fd(), entry.file_name(), symlinks));
        if entries.len() >= MAX_LISTED {
            break;
        }
    }
    entries.sort_by_cached_key(|entry| (entry.size.is_some(), entry.name.to_ascii_lowercase(), entry.name.clone()));
    Ok(entries)
}

/// Nothing for what would not be served.
fn listed(folder: BorrowedFd<'_>, name: &CStr, symlinks: bool) -> Option<Entry> {
    if name.to_bytes().starts_with(b".") {
        return None;
    }
    let follow = if symlinks { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
    let stat = rustix::fs::statat(folder, name, follow).ok()?;
    let size = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Some(u64::try_from(stat.st_size).ok()?),
        FileType::Directory => None,
        _ => return None,
    };
    let modified = Wall::from_seconds(stat.st_mtime);
    Some(Entry { name: name.to_bytes().to_vec(), size, modified })
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    /// A folder of its own for a test, with a secret beside it; removed at its end.
    pub(in crate::files) struct Folder(PathBuf);

    impl Folder {
        pub(in crate::files) fn new() -> Folder {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("hafir-files-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
            let folder = Folder(std::env::temp_dir().join(name));
            std::fs::create_dir_all(folder.root().join("lessons/empty")).unwrap();
            folder.write("../secret.txt", "secret");
            folder.write("a.txt", "0123456789");
            folder.write("lessons/index.html", "<h1>");
            folder.write(".hidden", "hidden");
            folder
        }

        pub(in crate::files) fn root(&self) -> PathBuf {
            self.0.join("root")
        }

        pub(in crate::files) fn write(&self, name: &str, text: &str) {
            std::fs::write(self.root().join(name), text).unwrap();
        }

        pub(in crate::files) fn config(&self) -> FilesConfig {
            FilesConfig { root: self.root(), index: vec!["index.html".into()], listing: false, symlinks: false }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn told(config: &FilesConfig, rest: &str) -> String {
        match Name::of(rest).ok_or(NoFile::NotFound).and_then(|name| find(config, &name)) {
            Ok(Found::File { mut file, .. }) => {
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                text
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn names_lead_to_files_folders_and_nowhere_else() {
        let folder = Folder::new();
        for (rest, expected) in [
            ("/a.txt", "0123456789"),
            ("/a.txt/", "Err(NotFound)"),
            ("/a.txt/b", "Err(NotFound)"),
            ("/b.txt", "Err(NotFound)"),
            ("/lessons", "Ok(Folder)"),
            ("/lessons/", "<h1>"),
            ("/lessons/index.html", "<h1>"),
            ("/lessons/empty/", "Err(NotFound)"),
            ("/", "Err(NotFound)"),
            ("", "Ok(Folder)"),
            ("/.hidden", "Err(NotFound)"),
            ("/../secret.txt", "Err(NotFound)"),
        ] {
            assert_eq!(told(&folder.config(), rest), expected, "{rest}");
        }
        let gone = FilesConfig { root: folder.root().join("stick"), ..folder.config() };
        assert_eq!(told(&gone, "/a.txt"), "Err(FolderGone)");
    }

    #[test]
    fn links_are_followed_only_where_they_may_be() {
        let folder = Folder::new();
        symlink("../secret.txt", folder.root().join("out")).unwrap();
        symlink("a.txt", folder.root().join("in")).unwrap();
        symlink("..", folder.root().join("up")).unwrap();
        let open = FilesConfig { symlinks: true, listing: true, ..folder.config() };
        for (rest, closed_says, open_says) in [
            ("/out", "Err(NotFound)", "secret"),
            ("/in", "Err(NotFound)", "0123456789"),
            ("/up/secret.txt", "Err(NotFound)", "secret"),
        ] {
            assert_eq!(told(&folder.config(), rest), closed_says, "{rest}");
            assert_eq!(told(&open, rest), open_says, "{rest}");
        }
        let names = |config: &FilesConfig| match find(config, &Name::of("/").unwrap()).unwrap() {
            Found::Listing(entries) => {
                entries.iter().map(|entry| String::from_utf8(entry.name.clone()).unwrap()).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(names(&open), ["lessons", "up", "a.txt", "in", "out"]);
        assert_eq!(names(&FilesConfig { symlinks: false, ..open }), ["lessons", "a.txt"]);
    }

    #[test]
    fn steps_are_as_strict_as_the_kernel() {
        let folder = Folder::new();
        symlink("../secret.txt", folder.root().join("out")).unwrap();
        symlink("lessons", folder.root().join("in")).unwrap();
        let root = File::open(folder.root()).unwrap();
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        for (path, opens) in [
            (".", true),
            ("a.txt", true),
            ("lessons/index.html", true),
            ("out", false),
            ("in/index.html", false),
            ("lessons/missing", false),
        ] {
            let opened = open_by_steps(root.as_fd(), Path::new(path), flags);
            assert_eq!(opened.is_ok(), opens, "{path} {opened:?}");
        }
    }

    #[test]
    fn a_pipe_is_no_file_and_keeps_nobody_waiting() {
        let folder = Folder::new();
        rustix::fs::mknodat(CWD, folder.root().join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert_eq!(told(&folder.config(), "/pipe"), "Err(NotFound)");
    }

    #[test]
    fn text_is_utf_8() {
        for (name, expected) in [
            ("a.html", "text/html; charset=utf-8"),
            ("a.TXT", "text/plain; charset=utf-8"),
            ("a.mp4", "video/mp4"),
            ("a.json", "application/json"),
            ("a.epub", "application/epub+zip"),
            ("a", "application/octet-stream"),
        ] {
            assert_eq!(media_type(Path::new(name)), expected);
        }
    }
}
