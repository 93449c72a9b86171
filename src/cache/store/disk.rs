//! The one place that makes system calls on the card. All of them may block: for the blocking pool, or a thread of its own.
//!
//! Everything goes through handles of folders opened once, so that a folder that vanishes (a stick pulled out, a mount
//! gone) is an error and never a write to whatever lies below its name.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{self, AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::format::FORMAT;
#[cfg(test)]
use super::journal::Step;

const FILES: Mode = Mode::from_raw_mode(0o600);
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const FOLDERS: Mode = Mode::from_raw_mode(0o700);
/// Folders that the objects of each [`Folder`] are spread over: 200,000 objects are 800 in each.
pub(super) const SHELVES: u16 = 256;

/// Where an importer puts what is to be adopted.
pub(in crate::cache) const IMPORTS: &str = "import";

pub(super) struct Disk {
    root: OwnedFd,
    shelves: Shelves,
    unfinished: OwnedFd,
    /// Held as long as the store is open.
    _lock: OwnedFd,
    next_name: AtomicU64,
    written: AtomicU64,
    #[cfg(test)]
    pub(super) faults: super::faults::Faults,
    #[cfg(test)]
    pub(super) journal: super::journal::Journal,
}

/// The folders that objects are in, to read.
pub(super) struct Shelves {
    objects: OwnedFd,
    partial: OwnedFd,
}

/// Why a folder cannot be used as a store.
#[derive(Debug)]
pub(super) enum Unusable {
    Io(io::Error),
    /// Another process holds it.
    InUse,
    /// It holds a store of another format.
    OtherFormat,
}

/// Which folder an object is in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Folder {
    Objects,
    /// Of answers that can be completed.
    Partial,
}

/// Where an object's file is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Spot {
    pub(super) folder: Folder,
    pub(super) location: u128,
}

/// A file in the folder of unfinished ones.
#[derive(Debug)]
pub(super) struct TempName(String);

/// An object's file as the folder shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Listed {
    pub(super) spot: Spot,
    /// Bytes it takes on the card.
    pub(super) bytes: u64,
    /// The later of its last change and last access, in seconds since 1970.
    pub(super) used: i64,
}

impl Disk {
    pub(super) fn open(folder: &Path) -> Result<Disk, Unusable> {
        std::fs::create_dir_all(folder)?;
        let root = fs::open(folder, DIRECTORY, Mode::empty())?;
        let lock = fs::openat(&root, "lock", OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC, FILES)?;
        match fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(Unusable::InUse),
            // Network file systems without locks: better unlocked than unused.
            Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
        settle_format(&root)?;
        let folder = |name: &str| -> Result<OwnedFd, Unusable> {
            match fs::mkdirat(&root, name, FOLDERS) {
                Ok(()) | Err(Errno::EXIST) => Ok(fs::openat(&root, name, DIRECTORY, Mode::empty())?),
                Err(error) => Err(error.into()),
            }
        };
        let (objects, partial, unfinished) = (folder("objects")?, folder("partial")?, folder("unfinished")?);
        let disk = Disk {
            root,
            shelves: Shelves { objects, partial },
            unfinished,
            _lock: lock,
            next_name: AtomicU64::new(0),
            written: AtomicU64::new(0),
            #[cfg(test)]
            faults: super::faults::Faults::default(),
            #[cfg(test)]
            journal: super::journal::Journal::default(),
        };
        disk.clear_unfinished();
        Ok(disk)
    }

    pub(super) fn open_object(&self, spot: Spot) -> io::Result<File> {
        self.shelves.open_object(spot)
    }

    pub(super) fn open_for_change(&self, spot: Spot) -> io::Result<File> {
        self.shelves.open_with(spot, OFlags::RDWR)
    }

    /// A new file that nobody sees until [`Disk::publish`].
    pub(super) fn create(&self) -> io::Result<(File, TempName)> {
        self.refuse_write(0)?;
        let name = self.next_name.fetch_add(1, Ordering::Relaxed).to_string();
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let file = File::from(fs::openat(&self.unfinished, &name, flags, FILES)?);
        let temp = TempName(name);
        #[cfg(test)]
        self.journal.create(&file, temp.path());
        Ok((file, temp))
    }

    /// Puts a file in its place, in one step, whatever was there before.
    pub(super) fn publish(&self, temp: &TempName, spot: Spot) -> io::Result<()> {
        self.rename(&self.unfinished, &temp.0, spot)?;
        #[cfg(test)]
        self.journal.note(|| Step::Rename { from: temp.path(), to: spot.path() });
        Ok(())
    }

    /// Takes an object to the other folder, in one step, whatever was there before.
    pub(super) fn shift(&self, from: Spot, to: Spot) -> io::Result<()> {
        self.rename(self.shelves.folder(from.folder), &path(from.location), to)?;
        #[cfg(test)]
        self.journal.note(|| Step::Rename { from: from.path(), to: to.path() });
        Ok(())
    }

    pub(super) fn discard(&self, temp: &TempName) -> io::Result<()> {
        fs::unlinkat(&self.unfinished, &temp.0, AtFlags::empty())?;
        #[cfg(test)]
        self.journal.note(|| Step::Unlink { name: temp.path() });
        Ok(())
    }

    pub(super) fn remove(&self, spot: Spot) -> io::Result<()> {
        #[cfg(test)]
        self.faults.remove()?;
        fs::unlinkat(self.shelves.folder(spot.folder), path(spot.location), AtFlags::empty())?;
        #[cfg(test)]
        self.journal.note(|| Step::Unlink { name: spot.path() });
        Ok(())
    }

    pub(super) fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.refuse_write(bytes.len())?;
        file.write_all_at(bytes, offset)?;
        #[cfg(test)]
        self.journal.write(file, offset, bytes);
        self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Bytes written since the start.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Waits until what was written to a file is on the card.
    pub(super) fn sync_file(&self, file: &File) -> io::Result<()> {
        self.refuse_write(0)?;
        file.sync_data()?;
        #[cfg(test)]
        self.journal.sync_file(file);
        Ok(())
    }

    /// What a file takes on the card.
    pub(super) fn bytes_of(&self, file: &File) -> io::Result<u64> {
        Ok(blocks(&fs::fstat(file)?))
    }

    /// A file that an importer has made.
    pub(super) fn open_import(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::from(fs::openat(&self.imports()?, name, flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(file)
    }

    /// Puts such a file in its place.
    pub(super) fn take_import(&self, name: &str, to: Spot) -> io::Result<()> {
        self.rename(&self.imports()?, name, to)
    }

    pub(super) fn drop_import(&self, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(&self.imports()?, name, AtFlags::empty())?)
    }

    fn imports(&self) -> io::Result<OwnedFd> {
        Ok(fs::openat(&self.root, IMPORTS, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?)
    }

    /// The newest file named `purges-` and a number, with its number.
    pub(super) fn purges(&self) -> io::Result<Option<(u32, Vec<u8>)>> {
        let Some(number) = self.purge_files()?.into_iter().max() else { return Ok(None) };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = File::from(fs::openat(&self.root, purges_name(number), flags, Mode::empty())?);
        let mut bytes = Vec::new();
        // One byte more than a list can have: it is then not taken for one.
        io::Read::read_to_end(&mut io::Read::take(file, super::purge::MOST_FILE as u64 + 1), &mut bytes)?;
        Ok(Some((number, bytes)))
    }

    /// Writes such a file and takes the earlier ones away once it is on the card.
    pub(super) fn replace_purges(&self, number: u32, bytes: &[u8]) -> io::Result<()> {
        self.refuse_write(0)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let file = File::from(fs::openat(&self.root, "purges.new", flags, FILES)?);
        self.write_at(&file, bytes, 0)?;
        file.sync_all()?;
        fs::renameat(&self.root, "purges.new", &self.root, purges_name(number))?;
        fs::fsync(&self.root)?;
        for earlier in self.purge_files()?.into_iter().filter(|earlier| *earlier < number) {
            fs::unlinkat(&self.root, purges_name(earlier), AtFlags::empty())?;
        }
        Ok(())
    }

    fn purge_files(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::Dir::read_from(&self.root)? {
            let entry = entry?;
            numbers.extend(entry.file_name().to_str().ok().and_then(purges_number));
        }
        Ok(numbers)
    }

    /// Free space that an ordinary process may take.
    pub(super) fn free(&self) -> io::Result<u64> {
        #[cfg(test)]
        if let Some(free) = self.faults.free() {
            return Ok(free);
        }
        let system = fs::fstatvfs(&self.root)?;
        Ok(system.f_bavail.saturating_mul(system.f_frsize))
    }

    /// Waits until everything that was written is on the card.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.refuse_write(0)?;
        fs::syncfs(&self.root)?;
        #[cfg(test)]
        self.journal.note(|| Step::SyncAll);
        Ok(())
    }

    /// Whether the folder is still there.
    pub(super) fn is_there(&self) -> bool {
        fs::fstat(&self.shelves.objects).is_ok_and(|stat| stat.st_nlink > 0)
    }

    pub(super) fn list(&self, folder: Folder, number: u16) -> io::Result<Vec<Listed>> {
        self.shelves.list(folder, number)
    }

    fn rename(&self, from: &OwnedFd, name: &str, to: Spot) -> io::Result<()> {
        self.refuse_write(0)?;
        let (folder, path) = (self.shelves.folder(to.folder), path(to.location));
        match fs::renameat(from, name, folder, &path) {
            Err(Errno::NOENT) => {
                match fs::mkdirat(folder, shelf(to.location), FOLDERS) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                Ok(fs::renameat(from, name, folder, &path)?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// What an earlier run had not finished when it was ended.
    fn clear_unfinished(&self) {
        let Ok(entries) = fs::Dir::read_from(&self.unfinished) else { return };
        for entry in entries.flatten() {
            // "." and ".." are refused by the system itself.
            let _ = fs::unlinkat(&self.unfinished, entry.file_name(), AtFlags::empty());
        }
    }

    #[cfg(test)]
    fn refuse_write(&self, len: usize) -> io::Result<()> {
        self.faults.write(len)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the tests' stand-in refuses")]
    fn refuse_write(&self, _len: usize) -> io::Result<()> {
        Ok(())
    }
}

impl Shelves {
    /// Of a cache folder that may be in use.
    pub(super) fn open(folder: &Path) -> io::Result<Shelves> {
        let root = fs::open(folder, DIRECTORY, Mode::empty())?;
        let shelves = |name: &str| fs::openat(&root, name, DIRECTORY, Mode::empty());
        Ok(Shelves { objects: shelves("objects")?, partial: shelves("partial")? })
    }

    pub(super) fn open_object(&self, spot: Spot) -> io::Result<File> {
        self.open_with(spot, OFlags::RDONLY)
    }

    /// The objects of one of the [`SHELVES`]. Files that are not named as objects are left alone.
    pub(super) fn list(&self, folder: Folder, number: u16) -> io::Result<Vec<Listed>> {
        let name = format!("{number:02x}");
        let shelf = match fs::openat(self.folder(folder), &name, DIRECTORY, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(Vec::new()),
            shelf => shelf?,
        };
        let mut listed = Vec::new();
        for entry in fs::Dir::read_from(&shelf)? {
            let entry = entry?;
            let Some(location) = location_of(&name, entry.file_name().to_bytes()) else { continue };
            if let Ok(stat) = fs::statat(&shelf, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                let used = i64::max(seconds(stat.st_mtime), seconds(stat.st_atime));
                listed.push(Listed { spot: Spot { folder, location }, bytes: blocks(&stat), used });
            }
        }
        Ok(listed)
    }

    fn open_with(&self, spot: Spot, access: OFlags) -> io::Result<File> {
        let flags = access | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(fs::openat(self.folder(spot.folder), path(spot.location), flags, Mode::empty())?.into())
    }

    fn folder(&self, folder: Folder) -> &OwnedFd {
        match folder {
            Folder::Objects => &self.objects,
            Folder::Partial => &self.partial,
        }
    }
}

impl Spot {
    /// The path below the cache folder.
    pub(super) fn path(&self) -> PathBuf {
        let folder = match self.folder {
            Folder::Objects => "objects",
            Folder::Partial => "partial",
        };
        Path::new(folder).join(path(self.location))
    }

    pub(super) fn object(location: u128) -> Spot {
        Spot { folder: Folder::Objects, location }
    }

    pub(super) fn partial(location: u128) -> Spot {
        Spot { folder: Folder::Partial, location }
    }
}

#[cfg(test)]
impl TempName {
    fn path(&self) -> PathBuf {
        Path::new("unfinished").join(&self.0)
    }
}

/// Whether a file has still a name.
pub(super) fn is_linked(file: &File) -> bool {
    fs::fstat(file).is_ok_and(|stat| stat.st_nlink > 0)
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Unusable {
        Unusable::Io(error)
    }
}

impl From<Errno> for Unusable {
    fn from(error: Errno) -> Unusable {
        Unusable::Io(error.into())
    }
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unusable::Io(error) => write!(f, "the cache folder cannot be used: {error}"),
            Unusable::InUse => f.write_str("another process uses the cache folder"),
            Unusable::OtherFormat => {
                f.write_str("the cache folder holds a store of another version, which is left alone")
            }
        }
    }
}

/// Reads or writes the number of the format.
fn settle_format(root: &OwnedFd) -> Result<(), Unusable> {
    let mut found = [0; 64];
    let len = match fs::openat(root, "format", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(file) => File::from(file).read_at(&mut found, 0)?,
        Err(Errno::NOENT) => 0,
        Err(error) => return Err(error.into()),
    };
    let found = found.get(..len).unwrap_or_default();
    if found == FORMAT.as_bytes() {
        return Ok(());
    }
    if names_a_format(found) {
        return Err(Unusable::OtherFormat);
    }
    // A power cut or a worn card may have left anything: each object says for itself what it is.
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    let file = File::from(fs::openat(root, "format", flags, FILES)?);
    Ok(file.write_all_at(FORMAT.as_bytes(), 0)?)
}

/// Whether this is what some version of hafir writes, whole.
fn names_a_format(found: &[u8]) -> bool {
    let number = found.strip_prefix(b"hafir cache ").and_then(|rest| rest.strip_suffix(b"\n"));
    number.is_some_and(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
}

pub(super) fn purges_name(number: u32) -> String {
    format!("purges-{number:08x}")
}

pub(super) fn purges_number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("purges-").filter(|digits| digits.len() == 8)?;
    u32::from_str_radix(digits, 16).ok()
}

pub(super) fn path(location: u128) -> String {
    let name = format!("{location:032x}");
    let (shelf, rest) = name.split_at_checked(2).unwrap_or_default();
    format!("{shelf}/{rest}")
}

fn shelf(location: u128) -> String {
    format!("{:02x}", location >> 120)
}

pub(super) fn location_of(shelf: &str, name: &[u8]) -> Option<u128> {
    let name = std::str::from_utf8(name).ok().filter(|name| name.len() == 30)?;
    let lower_hex = name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if lower_hex { u128::from_str_radix(&format!("{shelf}{name}"), 16).ok() } else { None }
}

/// Times have different types on different boards.
fn seconds(time: impl TryInto<i64>) -> i64 {
    time.try_into().unwrap_or(0)
}

fn blocks(stat: &fs::Stat) -> u64 {
    u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512)
}

/// Whether one byte here can be read without waiting for the card.
pub(in crate::cache) fn is_in_page_cache(file: impl AsFd, offset: u64) -> bool {
    let mut byte = [0];
    let mut buffers = [io::IoSliceMut::new(&mut byte)];
    // A file system that cannot tell (FAT) is read on the blocking pool: slower, but nobody else waits for it.
    rustix::io::preadv2(file, &mut buffers, offset, rustix::io::ReadWriteFlags::NOWAIT).is_ok()
}
