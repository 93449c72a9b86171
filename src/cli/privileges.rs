//! Giving up root once the low ports are bound.
//!
//! The kernel knows accounts of threads, not of processes: the calls here go through the C library, which changes all
//! threads at once, those that the libraries have started already included.

use std::fmt;
use std::fs;
use std::io;

use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

/// Why the gateway could not become the account it was told to.
#[derive(Debug)]
pub(super) enum DropError {
    NoSuchUser(String),
    Passwd(io::Error),
    Refused { user: String, cause: io::Error },
}

impl fmt::Display for DropError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DropError::NoSuchUser(user) => write!(f, "[gateway] user: this machine has no account '{user}'"),
            DropError::Passwd(cause) => write!(f, "[gateway] user: the list of accounts can't be read: {cause}"),
            DropError::Refused { user, cause } => write!(f, "[gateway] user: cannot become '{user}': {cause}"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

/// Finds `user` in the list of accounts; `None` where no account was asked for or this process already is that user.
pub(super) fn account(user: &str) -> Result<Option<Account>, DropError> {
    if user.is_empty() {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd").map_err(DropError::Passwd)?;
    let account = find(&passwd, user).ok_or_else(|| DropError::NoSuchUser(user.to_owned()))?;
    let current = rustix::process::getuid().as_raw();
    Ok((account.uid != current).then_some(account))
}

/// Hands a folder (and what is directly inside) that root made to the account that will use it.
pub(super) fn hand_over(path: &std::path::Path, account: Account) -> io::Result<()> {
    let (uid, gid) = (Some(account.uid), Some(account.gid));
    std::os::unix::fs::chown(path, uid, gid)?;
    for entry in fs::read_dir(path)? {
        std::os::unix::fs::lchown(entry?.path(), uid, gid)?;
    }
    Ok(())
}

/// Becomes `account` for good: groups first, then the group, then the user, which takes the right to change back.
pub(super) fn become_account(account: Account, user: &str) -> Result<(), DropError> {
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    setgroups(&[gid])
        .and_then(|()| setresgid(gid, gid, gid))
        .and_then(|()| setresuid(uid, uid, uid))
        .map_err(|cause| DropError::Refused { user: user.to_owned(), cause: cause.into() })
}

/// Root becomes the owner of a folder, so that what is written there belongs to whom it will be used by.
pub(super) fn become_owner_of(folder: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let Ok(found) = fs::metadata(folder) else { return Ok(()) };
    match found.uid() {
        0 => Ok(()),
        uid => become_account(Account { uid, gid: found.gid() }, "")
            .map_err(|refused| io::Error::other(refused.to_string())),
    }
}

fn find(passwd: &str, user: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut parts = line.split(':');
        let (name, _password, uid, gid) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        (name == user).then_some(Account { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nhafir:x:997:995::/var/lib/hafir:/usr/sbin/nologin\n";
        assert_eq!(find(passwd, "hafir"), Some(Account { uid: 997, gid: 995 }));
        assert_eq!(find(passwd, "haf"), None);
    }
}
