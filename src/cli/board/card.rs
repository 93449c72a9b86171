//! The card's first partition: what lies there, and how it is written to.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs, syncfs};
use rustix::mount::{MountFlags, mount_remount};

use super::words::Places;
use crate::board::{Candidate, HEAD};

/// Files that are looked at. The firmware's are some dozens.
const MOST_FILES: usize = 1000;

/// The files that may be the person's, in no order. Those that cannot be read are not there.
pub(super) fn candidates(places: &Places) -> Vec<Candidate> {
    let shipped = fs::read(&places.shipped).unwrap_or_default();
    let entries = fs::read_dir(&places.boot).into_iter().flatten().flatten().take(MOST_FILES);
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().to_lowercase().contains("hafir"));
    named.filter_map(|entry| candidate(&entry.path(), &shipped)).collect()
}

fn candidate(path: &Path, shipped: &[u8]) -> Option<Candidate> {
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head)).ok()?;
    let may_be_shipped = !shipped.is_empty() && found.len() == shipped.len() as u64 && shipped.starts_with(&head);
    let is_shipped = may_be_shipped && fs::read(path).is_ok_and(|whole| whole == shipped);
    let name = path.file_name()?.to_str()?.to_owned();
    Some(Candidate { name, modified: found.mtime(), head, is_shipped })
}

/// The right to write to a folder. Where it is a mount of its own that is only read, it is made writable; dropped, everything
/// is on the card and it is as it was before.
pub(super) struct Writable(Option<(PathBuf, MountFlags)>);

impl Writable {
    pub(super) fn open(folder: &Path) -> io::Result<Writable> {
        let found = statvfs(folder)?;
        if !found.f_flag.contains(StatVfsMountFlags::RDONLY) || !is_mount(folder)? {
            return Ok(Writable(None));
        }
        let kept = [
            (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
            (StatVfsMountFlags::NODEV, MountFlags::NODEV),
            (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
            (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        ];
        let flags = kept.into_iter().filter(|(has, _)| found.f_flag.contains(*has)).map(|(_, flag)| flag).collect();
        mount_remount(folder, flags, c"")?;
        Ok(Writable(Some((folder.to_owned(), flags))))
    }
}

impl Drop for Writable {
    fn drop(&mut self) {
        let Some((folder, flags)) = self.0.take() else { return };
        let _ = File::open(&folder).map(syncfs);
        if let Err(cause) = mount_remount(&folder, flags | MountFlags::RDONLY, c"") {
            log::warn!("{} stays writable: {cause}", folder.display());
        }
    }
}

fn is_mount(folder: &Path) -> io::Result<bool> {
    Ok(fs::metadata(folder)?.dev() != fs::metadata(folder.join(".."))?.dev())
}
