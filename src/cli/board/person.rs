//! What the person wants: their file, or the last good one, or what holds without any.

use std::fs;
use std::path::{Path, PathBuf};

use super::hidden;
use super::words::Places;
use super::{card, durable};
use crate::board::{self, Candidate, Content, Standing};
use crate::config::{self, Config, Kind, Outside, Problems};

/// What is known of the person's file.
#[derive(Debug)]
pub(super) struct Person {
    /// The file that the gateway is started with.
    pub(super) file: PathBuf,
    /// What holds for the board.
    pub(super) config: Config,
    /// Whose words those are.
    pub(super) standing: Standing,
    /// What the person should do something about, a sentence each.
    pub(super) needs: Vec<String>,
    /// What may be good to know.
    pub(super) notes: Vec<String>,
}

/// Where the board keeps what it started with last.
const LAST_GOOD: &str = "last-good.ini";
/// It may hold secrets that could not be moved.
const PRIVATE: u32 = 0o600;

/// The folder of the board's own files on the data partition.
pub(super) fn folder(data: &Path) -> PathBuf {
    data.join("board")
}

/// Reads what is there now. Changes nothing.
pub(super) fn read(places: &Places) -> Person {
    of(places, &card::candidates(places))
}

/// Remembers the person's file, if that is what holds.
pub(super) fn remember(places: &Places, person: &Person) -> std::io::Result<()> {
    if person.standing != Standing::File {
        return Ok(());
    }
    let bytes = fs::read(&person.file)?;
    fs::create_dir_all(folder(&places.data))?;
    durable::write(&folder(&places.data).join(LAST_GOOD), &bytes, PRIVATE)
}

fn of(places: &Places, candidates: &[Candidate]) -> Person {
    let board::Choice { chosen, needs, notes } = board::choose(candidates);
    let name = chosen.as_ref().map_or(board::NAME, |(name, _)| name).to_owned();
    let file = places.boot.join(&name);
    let mut person =
        Person { file, config: config::fallback(&[], &places.boot), standing: Standing::Nothing, needs, notes };
    match chosen {
        Some((_, Content::Text)) => person.take_file(places, &name),
        Some((_, Content::Empty | Content::Document(_))) | None => {
            person.take_last_good(places);
        }
    }
    person.leave_out_lost_networks();
    person
}

impl Person {
    fn take_file(&mut self, places: &Places, name: &str) {
        let read = config::read(&self.file);
        let bytes = read.as_deref().unwrap_or_default();
        let found = config::secrets(bytes);
        let is_unclear = found.is_none();
        let secrets = found.unwrap_or_default();
        match read.clone().and_then(|bytes| config::load_bytes_of(&self.file, &bytes)) {
            Ok(loaded) => {
                self.notes.extend(loaded.warnings.iter().map(|note| board::sentence(name, note)));
                let clear = secrets.iter().filter(|secret| hidden::is_clear(secret));
                self.notes.extend(clear.map(|secret| board::clear(name, secret)));
                self.notes.extend(is_unclear.then(|| board::perhaps_clear(name)));
                self.config = loaded.config;
                self.standing = Standing::File;
            }
            Err(problems) => {
                self.needs.extend(board::sentences(name, &problems));
                if !self.take_last_good(places) {
                    self.take_parts(bytes, &places.boot, &problems);
                }
            }
        }
        self.needs.extend(hidden::lost(&places.data, &secrets).map(|secret| board::lost(name, secret)));
    }

    /// Relative paths in it mean what they meant in the person's file.
    fn take_last_good(&mut self, places: &Places) -> bool {
        let kept = config::read(&folder(&places.data).join(LAST_GOOD)).ok();
        let loaded = kept.and_then(|bytes| config::load_with(LAST_GOOD, &bytes, &places.boot, Outside::Disk).ok());
        let Some(loaded) = loaded else { return false };
        self.config = loaded.config;
        self.standing = Standing::LastGood;
        true
    }

    /// Without a last good file, what a broken one says without doubt: a mistake in a route is no reason to offer no Wi-Fi,
    /// and one that may have to do with a passphrase is no reason to offer an open one.
    fn take_parts(&mut self, bytes: &[u8], base: &Path, problems: &Problems) {
        let is_in_doubt =
            |kind| problems.count() > problems.iter().count() || problems.iter().any(|it| it.concerns(kind));
        let plain = std::mem::replace(&mut self.config, config::fallback(bytes, base));
        self.standing = Standing::Parts { wifi: !is_in_doubt(Kind::Wifi) };
        if is_in_doubt(Kind::Wifi) {
            self.config.wifi = plain.wifi;
        }
        if is_in_doubt(Kind::Board) {
            self.config.board = plain.board;
        }
    }

    /// A network whose passphrase is lost: nobody could come in, and the board could not join.
    fn leave_out_lost_networks(&mut self) {
        let wifi = &mut self.config.wifi;
        if hidden::is_stand_in(&wifi.passphrase) {
            wifi.name.clear();
        }
        if hidden::is_stand_in(&wifi.uplink_passphrase) {
            wifi.uplink_name.clear();
        }
    }
}
