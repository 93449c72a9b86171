//! How files are made, and what becomes of broken ones.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The gateway's account alone: the files say who may do what.
const PRIVATE: u32 = 0o600;
/// A card that breaks a file at each start is not filled by the remains.
const MOST_BROKEN: u32 = 1000;

/// Opens a file to read and write, which is made where it is missing.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(PRIVATE).open(path)
}

/// A name is on the card when its folder is.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The next name for a broken file.
pub(super) fn name_aside(path: &Path) -> io::Result<PathBuf> {
    let names = (1..MOST_BROKEN).map(|number| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".broken-{number}"));
        PathBuf::from(name)
    });
    let too_often = || io::Error::other(format!("{} has been broken too often: look at the card", path.display()));
    names.into_iter().find(|name| !name.exists()).ok_or_else(too_often)
}
