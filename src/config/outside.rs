//! The only place of this room that touches files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::text::MAX_FILE;

/// Where `@file` values are read, and where is looked whether a file that is named is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outside {
    Disk,
    /// Nothing can be read and nothing is missed: for bytes that do not come from a file.
    Nothing,
}

/// The variable of the environment that names the defaults of this machine.
const DEFAULTS: &str = "HAFIR_DEFAULTS";

/// What a path is expected to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expected {
    File,
    Folder,
}

/// The largest `@file` value: a page of text, not a film.
const MAX_VALUE: u64 = 64 << 10;

/// Schemas and lists of authorities are small; nothing is read to its end that is not.
const MAX_CONTENTS: u64 = 8 << 20;

pub(super) fn contents(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = read(path, MAX_CONTENTS)?;
    if bytes.len() as u64 > MAX_CONTENTS { Err("is larger than 8 MB".into()) } else { Ok(bytes) }
}

impl Outside {
    /// The text of an `@file` value, without the line ends behind it. The error is the end of a sentence.
    pub(super) fn value(self, path: &Path) -> Result<String, String> {
        if self == Outside::Nothing {
            return Err("files are not read here".into());
        }
        let bytes = read(path, MAX_VALUE)?;
        if bytes.len() as u64 > MAX_VALUE {
            return Err("it is larger than 64 KB".into());
        }
        let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
        Ok(text.trim_start_matches('\u{FEFF}').trim_end_matches(['\r', '\n', '\0']).to_owned())
    }

    /// The file that says what holds on this machine where the person's file does not: named by the environment.
    pub(super) fn defaults(self) -> Option<Vec<u8>> {
        let path = std::env::var_os(DEFAULTS).filter(|_| self == Outside::Disk)?;
        read(Path::new(&path), MAX_VALUE).ok()
    }

    /// Why a path is not what it should be, as "is not there"; `None` where it is.
    pub(super) fn missing(self, path: &Path, expected: Expected) -> Option<String> {
        if self == Outside::Nothing {
            return None;
        }
        match (std::fs::metadata(path), expected) {
            (Err(error), _) => Some(words(&error)),
            (Ok(found), Expected::File) if found.is_dir() => Some("is a folder".into()),
            (Ok(found), Expected::Folder) if !found.is_dir() => Some("is not a folder".into()),
            (Ok(_), Expected::File | Expected::Folder) => None,
        }
    }
}

/// The bytes of a configuration file; one byte too many where it is too large, which the reader of lines refuses.
pub(super) fn file(path: &Path) -> Result<Vec<u8>, String> {
    read(path, MAX_FILE as u64)
}

/// Bounded by `most` and one byte; regular files only, as a pipe or a terminal would never end.
fn read(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let found = std::fs::metadata(path).map_err(|error| format!("it {}", words(&error)))?;
    if !found.is_file() {
        return Err("it is not a file".into());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| format!("it {}", words(&error)))?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| format!("it {}", words(&error)))?;
    Ok(bytes)
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "is not there".into(),
        io::ErrorKind::PermissionDenied => "may not be read by this account".into(),
        _ => format!("cannot be read: {error}"),
    }
}
