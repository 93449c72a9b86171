//! From INI text to complete, typed, plain data, with every problem of a file found in one go.
//!
//! Never knows what an option means to a room, never writes, and touches files only through [`Outside`].
//! Entry types: [`Config`] (what a file says), [`Loaded`], [`Problems`], [`load`], [`load_bytes`], [`fallback`].

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod access;
mod address;
mod board;
mod build;
mod defaults;
mod draft;
mod effective;
mod field;
mod ini;
mod outside;
mod problem;
mod quote;
mod references;
mod route;
mod rows;
mod rules;
mod secrets;
mod section;
mod setters;
mod suggest;
mod table;
mod text;
mod types;
mod url;
mod value;

pub(crate) use access::*;
pub(crate) use board::{BoardAddress, Probes, Uplink, WifiConfig};
pub(crate) use effective::{EffectiveEntry, EffectiveSection, Origin};
pub(crate) use outside::Outside;
pub(crate) use problem::{Problem, Problems};
pub(crate) use secrets::{Secret, replace_secrets, secrets};
pub(crate) use table::{Beside, Kind, Preset, Row};
pub(crate) use types::*;
pub(crate) use value::{SIZE_UNITS, TIME_UNITS};

use std::path::{Path, PathBuf};

use crate::base::Size;

/// The most field lines a head may have, whatever the file says: heads are parsed into fixed tables of this size.
pub(crate) const MAX_FIELDS: usize = 128;

/// Routes are kept in a fixed table. More than any school or clinic has services.
pub(crate) const MAX_ROUTES: usize = 256;

/// Paths of all routes together; a route without one counts as one.
pub(crate) const MAX_PATHS: usize = 1024;

/// Rates of one plan, or of one route: all that hold for a request are charged at once, from a fixed list.
pub(crate) const MAX_RATES: usize = 8;

/// Larger than any card.
const UNBOUNDED: Size = Size::mib(1 << 30);

/// What a file holds that the configuration names. The error is the end of a sentence.
pub(crate) fn contents(path: &Path) -> Result<Vec<u8>, String> {
    outside::contents(path)
}

/// A file that was taken whole.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// What is legal and yet probably not meant, or not there yet. Never a reason to refuse the file.
    pub(crate) warnings: Vec<Problem>,
    /// Every key with the text that is in force and where it came from, for `hafir print`.
    pub(crate) effective: Vec<EffectiveSection>,
    /// The bytes that were read, so that exactly these are remembered as the last good ones.
    pub(crate) source: Vec<u8>,
}

/// Reads a file and the `@file` values it names.
pub(crate) fn load(path: &Path) -> Result<Loaded, Problems> {
    load_bytes_of(path, &read(path)?)
}

/// Takes bytes for those of a file.
pub(crate) fn load_bytes_of(path: &Path, bytes: &[u8]) -> Result<Loaded, Problems> {
    load_with(&file_name(path), bytes, &folder(path), Outside::Disk)
}

/// The bytes of a configuration file, of bounded size.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Problems> {
    outside::file(path).map_err(|why| Problems::unreadable(&file_name(path), why))
}

#[cfg(test)]
/// The same as [`load`] for bytes at hand, without touching any file: an `@file` value is a problem of its line.
pub(crate) fn load_bytes(name: &str, bytes: &[u8], base: &Path) -> Result<Loaded, Problems> {
    load_with(name, bytes, base, Outside::Nothing)
}

/// The same for bytes at hand; `@file` values and relative paths are taken from the folder `base`.
pub(crate) fn load_with(name: &str, bytes: &[u8], base: &Path, outside: Outside) -> Result<Loaded, Problems> {
    let built = build::build(name, bytes, base, outside);
    if !built.problems.is_empty() {
        return Err(built.problems);
    }
    Ok(Loaded { config: built.config, warnings: built.notes, effective: built.effective, source: bytes.to_vec() })
}

/// What a broken file still says about the gateway itself, with defaults for the rest and without routes: enough to
/// listen and to show the problems. `bytes` is empty where the file could not be read.
///
/// Nothing is evicted from a cache under it: a line that could not be read may be the one that says how much to keep.
pub(crate) fn fallback(bytes: &[u8], base: &Path) -> Config {
    let mut config = build::build("", bytes, base, Outside::Disk).config;
    config.routes.clear();
    config.cache.size = UNBOUNDED;
    config.cache.keep_free = Size::ZERO;
    config
}

/// The state folder that a file names, as far as that can be known of a broken one: any line that looks like it counts.
pub(crate) fn state_folder(bytes: &[u8], base: &Path) -> PathBuf {
    let built = build::build("", bytes, base, Outside::Disk);
    let is_given = |entry: &EffectiveEntry| entry.key == "state" && entry.origin != Origin::Default;
    if built.effective.iter().any(|section| section.entries.iter().any(is_given)) {
        return built.config.gateway.state;
    }
    let lines = text::lines(bytes).unwrap_or_default();
    let sections = ini::read(&lines, &mut problem::Report::new(""));
    let mut values = sections.iter().flat_map(|section| &section.entries).filter(|entry| {
        entry.key.eq_ignore_ascii_case("state") && !entry.value.starts_with('@') && entry.flaw.is_none()
    });
    let path = values.find_map(|entry| table::path(quote::unquoted(&entry.value), "").ok());
    path.map_or(built.config.gateway.state, |path| base.join(path))
}

/// The folder of a file, from the root where that can be known.
pub(crate) fn folder(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.parent().map(Path::to_owned).unwrap_or_default()
}

/// The name that messages carry.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
