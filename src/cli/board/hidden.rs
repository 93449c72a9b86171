//! Secrets that are typed into the person's file move to the data partition, at the first start, and a reference to each
//! takes its place. Passwords of people give way to their hashes.
//!
//! First the secrets are durable there, then the file is another one, in one step; so a power cut leaves a file that reads
//! the same, and the next start goes on. The old file's bytes are overwritten where they lay. A card may keep a copy of
//! them all the same, where no program sees it: a card with secrets of worth is better destroyed than given away.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};

use super::words::Places;
use super::{card, durable, person};
use crate::auth::basic;
use crate::cli::secrets::{NotHidden, Target};
use crate::config::{self, Config, Kind, Secret};

/// Written by init where the data partition could not be used: what is kept there is gone with the power.
pub(super) const IN_MEMORY: &str = "data-in-memory";

/// Root's, and the group's that the gateway runs as reads them.
const FOLDER: u32 = 0o750;
const FILE: u32 = 0o640;

/// What stands in the place of a secret that is lost, so that the rest of the file can be used: with 16 random digits, as
/// somebody may take it for a passphrase.
const STAND_IN: &str = "hafir-lost-this-secret-";

/// Moves what is typed into `file`. Gives how many there were; none where the file has problems, which are told elsewhere.
pub(super) fn hide(places: &Places, file: &Path) -> Result<usize, NotHidden> {
    let Ok(bytes) = config::read(file) else { return Ok(0) };
    let Ok(loaded) = config::load_bytes_of(file, &bytes) else { return Ok(0) };
    let clear = config::secrets(&bytes).unwrap_or_default().iter().filter(|secret| is_clear(secret)).count();
    if clear == 0 {
        return Ok(0);
    }
    if places.run.join(IN_MEMORY).exists() {
        return Err(NotHidden::ReadOnly);
    }
    let _writable = card::Writable::open(&places.boot).map_err(|_| NotHidden::ReadOnly)?;
    let target = Target::of(file)?;
    let mut moved: BTreeMap<PathBuf, String> = BTreeMap::new();
    let new = config::replace_secrets(&bytes, |secret| match secret.kind {
        _ if !is_clear(secret) => None,
        Kind::User => basic::hash(&secret.value, basic::DEFAULT_ITERATIONS),
        _ => {
            let path = place(&places.data, secret);
            moved.insert(path.clone(), secret.value.clone());
            Some(format!("@{}", path.display()))
        }
    });
    let new = new.ok_or(NotHidden::Unclear)?;
    for (path, value) in &moved {
        keep(&places.data, path, value).map_err(NotHidden::Failed)?;
    }
    let reread = config::load_bytes_of(file, &new).map_err(|_| NotHidden::Unclear)?;
    if !says_the_same(&loaded.config, &reread.config) {
        return Err(NotHidden::Unclear);
    }
    target.replace(&bytes, &new)?;
    Ok(clear)
}

/// Whether a secret stands in the file for everybody to read.
pub(super) fn is_clear(secret: &Secret) -> bool {
    let is_hash = secret.kind == Kind::User && basic::is_hash(&secret.value);
    secret.elsewhere().is_none() && !is_hash && !secret.value.is_empty()
}

/// Those that were moved and are not there any more.
pub(super) fn lost<'a>(data: &Path, secrets: &'a [Secret]) -> impl Iterator<Item = &'a Secret> {
    let folder = folder(data);
    secrets.iter().filter(move |secret| {
        let path = secret.elsewhere().map(Path::new).filter(|path| path.starts_with(&folder));
        path.is_some_and(|path| fs::read_to_string(path).map_or(true, |text| is_stand_in(&text)))
    })
}

pub(super) fn is_stand_in(text: &str) -> bool {
    text.starts_with(STAND_IN)
}

/// Puts something in the place of secrets that are lost. Without it the whole file could not be read.
pub(super) fn stand_in(data: &Path, file: &Path) {
    let secrets = config::read(file).ok().and_then(|bytes| config::secrets(&bytes)).unwrap_or_default();
    for path in lost(data, &secrets).filter_map(|secret| secret.elsewhere().map(PathBuf::from)) {
        let is_direct = path.parent() == Some(&folder(data));
        if is_direct && !path.exists() {
            let mut random = [0; 8];
            if SystemRandom::new().fill(&mut random).is_ok() {
                let _ = keep(data, &path, &format!("{STAND_IN}{:016x}", u64::from_le_bytes(random)));
            }
        }
    }
}

fn folder(data: &Path) -> PathBuf {
    person::folder(data).join("secrets")
}

/// Two secrets never have one name: what is no plain letter is written in hexadecimal digits.
fn place(data: &Path, secret: &Secret) -> PathBuf {
    let mut name = secret.kind.word().to_owned();
    for part in [&secret.section, &secret.key].into_iter().filter(|part| !part.is_empty()) {
        name.push('.');
        for byte in part.to_lowercase().bytes() {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'-' => name.push(char::from(byte)),
                b'.' if part == &secret.key => name.push('.'),
                _ => name.push_str(&format!("_{byte:02x}")),
            }
        }
    }
    folder(data).join(name)
}

fn keep(data: &Path, path: &Path, value: &str) -> io::Result<()> {
    let folder = folder(data);
    fs::create_dir_all(&folder)?;
    fs::set_permissions(&folder, Permissions::from_mode(FOLDER))?;
    durable::write(path, value.as_bytes(), FILE)?;
    // Whoever owns the gateway's folder is who it runs as. Only root can give something to others.
    if let (true, Ok(gateway)) = (rustix::process::geteuid().is_root(), fs::metadata(data.join("hafir"))) {
        chown(&folder, Some(0), Some(gateway.gid()))?;
        chown(path, Some(0), Some(gateway.gid()))?;
    }
    fs::File::open(person::folder(data))?.sync_all()
}

/// Whether the file reads as it did. What is printed of a configuration holds no secret, so those of the board are compared
/// one by one; the others were read back from where they are now by the same loader.
fn says_the_same(old: &Config, new: &Config) -> bool {
    let client_secrets = |config: &Config| config.jwt.iter().map(|jwt| jwt.client_secret.clone()).collect::<Vec<_>>();
    let edits = |config: &Config| config.routes.iter().map(|route| route.edit_request.clone()).collect::<Vec<_>>();
    let matches = |(old, new): (&config::UserConfig, &config::UserConfig)| {
        let is_kept =
            if basic::is_hash(&old.password) { old.password == new.password } else { basic::is_hash(&new.password) };
        is_kept && old.name == new.name
    };
    old.wifi == new.wifi
        && client_secrets(old) == client_secrets(new)
        && edits(old) == edits(new)
        && old.users.len() == new.users.len()
        && old.users.iter().zip(&new.users).all(matches)
        && format!("{old:?}") == format!("{new:?}")
}
