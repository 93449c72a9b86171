//! `hafir cache import`: answers from a file that another board wrote.
//!
//! The file is looked through before anything is taken from it: one that is not an export, or was tampered with, is refused
//! whole. Then each answer is put together in the folder of imports, verified to its last byte, and handed to the gateway,
//! which puts it in its place. What was taken stays taken when the import is interrupted, and the next one goes on.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::change::Hands;
use super::manifest;
use super::tar::{self, BLOCK, Entry, Member};
use super::{Desk, Trouble};
use crate::base::Size;
use crate::cache::{Adopted, Cache, Card, Tag, Unfit, unpack};
use crate::cli::control::{Answer, Question};

/// As for the export.
const LONGEST_MANIFEST: u64 = 256 << 20;

#[derive(Default)]
struct Sum {
    taken: u64,
    bytes: u64,
    here: u64,
    damaged: u64,
    /// The file ends too early.
    cut: bool,
}

/// One answer in the file.
struct Packed {
    tag: Tag,
    /// Where its contents begin.
    at: u64,
    size: u64,
}

/// `cache room` and `cache adopt`, in the gateway.
pub(super) fn room(question: &Question, cache: &Cache) -> Answer {
    let bytes = question.texts.first().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
    cache.room_for(bytes).map_or_else(Answer::problem, |()| Answer::done())
}

pub(super) fn adopt(question: &Question, cache: &Cache) -> Answer {
    let Some(tag) = question.texts.first().and_then(|text| Tag::parse(text)) else {
        return Answer::problem("no name of an answer");
    };
    match cache.adopt(tag) {
        Ok(adopted) => {
            let word = match adopted {
                Adopted::Taken => "taken",
                Adopted::AlreadyHere => "here",
                Adopted::Unsound => "unsound",
            };
            Answer { note: Some(word.to_owned()), ..Answer::done() }
        }
        Err(why) => Answer::problem(why),
    }
}

impl Desk {
    pub(super) fn import(&self, path: &Path, out: &mut dyn Write) -> Result<ExitCode, Trouble> {
        let told = |error: io::Error| Trouble::Told(format!("{}: {error}", path.display()));
        let mut file = File::open(path).map_err(told)?;
        let mut sum = Sum::default();
        let packed = look_through(&mut file, &mut sum).map_err(|why| match why {
            Refusal::Io(error) => told(error),
            Refusal::Foreign(why) => Trouble::Told(format!("{}: {why}; nothing was taken", path.display())),
        })?;
        let hands = self.hands()?;
        if let Hands::Own(cache) = &hands {
            cache.count_all(self.now());
        }
        let folder = Imports::open(Card::imports(&self.config.cache.dir))?;
        for packed in &packed {
            self.take(&mut file, packed, &folder, &hands, &mut sum)?;
        }
        drop(folder);
        writeln!(out, "{} answers were taken, {}", sum.taken, Size::bytes(sum.bytes))?;
        if sum.here > 0 {
            writeln!(out, "{} were here already, or newer ones are", sum.here)?;
        }
        if sum.damaged > 0 {
            writeln!(out, "{} are damaged in the file and were left out", sum.damaged)?;
        }
        if sum.cut {
            writeln!(out, "the file ends too early: copy it anew and import it again, what is here stays")?;
        }
        let well = sum.damaged == 0 && !sum.cut;
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(crate::cli::EXIT_FAILURE) })
    }

    fn take(
        &self,
        file: &mut File,
        packed: &Packed,
        folder: &Imports,
        hands: &Hands,
        sum: &mut Sum,
    ) -> Result<(), Trouble> {
        let card = self.card()?;
        if card.tagged(packed.tag).is_some_and(|kept| kept.packed_len() >= Some(packed.size)) {
            sum.here += 1;
            return Ok(());
        }
        drop(card);
        let question =
            |what: &str, text: String| Question { ask: format!("cache {what}"), texts: vec![text], hard: false };
        self.ask_with(hands, &question("room", packed.size.to_string()))?;
        file.seek(SeekFrom::Start(packed.at)).map_err(|error| error.to_string())?;
        match folder.unpack(file, packed) {
            Ok(()) => {}
            Err(Unfit::Damaged) => {
                sum.damaged += 1;
                return Ok(());
            }
            Err(Unfit::Io(error)) => return Err(Trouble::Told(format!("{}: {error}", folder.path.display()))),
        }
        let answer = self.ask_with(hands, &question("adopt", packed.tag.to_string()))?;
        match answer.note.as_deref() {
            Some("taken") => {
                sum.taken += 1;
                sum.bytes = sum.bytes.saturating_add(packed.size);
            }
            Some("here") => sum.here += 1,
            Some(_) | None => sum.damaged += 1,
        }
        Ok(())
    }
}

/// Why a file is not taken.
enum Refusal {
    Io(io::Error),
    Foreign(String),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Refusal {
        Refusal::Io(error)
    }
}

/// All answers in a file that is, from its heads and its manifest, an export.
fn look_through(file: &mut File, sum: &mut Sum) -> Result<Vec<Packed>, Refusal> {
    let foreign = |why: &str| Refusal::Foreign(why.to_owned());
    let len = file.metadata()?.len();
    let first = match tar::read_head(file)? {
        Entry::File(member) if member.name == manifest::NAME && member.size <= LONGEST_MANIFEST => member,
        Entry::File(_) | Entry::End | Entry::Cut | Entry::Foreign(_) => {
            return Err(foreign("this is not what 'hafir cache export' writes"));
        }
    };
    let listed = read_manifest(file, &first).ok_or_else(|| foreign("its list of contents is damaged"))?;
    let mut packed = Vec::new();
    let mut position = first.len();
    loop {
        file.seek(SeekFrom::Start(position))?;
        let member = match tar::read_head(file)? {
            Entry::File(member) => member,
            Entry::End => return Ok(packed),
            Entry::Cut => break,
            Entry::Foreign(why) => return Err(Refusal::Foreign(format!("it holds {why}"))),
        };
        let tag = manifest::tag(&member.name).filter(|_| listed.get(&member.name) == Some(&member.size));
        let Some(tag) = tag else { return Err(foreign("it holds a file that its list of contents does not name")) };
        let behind = position.saturating_add(member.len());
        if behind > len {
            break;
        }
        packed.push(Packed { tag, at: position + BLOCK, size: member.size });
        position = behind;
    }
    sum.cut = true;
    Ok(packed)
}

fn read_manifest(file: &mut File, member: &Member) -> Option<HashMap<String, u64>> {
    let mut text = String::new();
    file.take(member.size).read_to_string(&mut text).ok()?;
    let (_, lines) = manifest::parse(&text)?;
    Some(lines.into_iter().map(|line| (line.file, line.bytes)).collect())
}

/// The folder of imports. Dropped, it is gone, with whatever was not adopted.
struct Imports {
    path: PathBuf,
    /// Held as long as this import goes on.
    _lock: File,
}

impl Imports {
    fn open(path: PathBuf) -> Result<Imports, Trouble> {
        let told = |error: io::Error| {
            let mend = "run this as the gateway's account, or as root";
            Trouble::Told(format!("{}: {error}; {mend}", path.display()))
        };
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(told(error)),
            Ok(()) | Err(_) => {}
        }
        let lock = File::open(&path).map_err(told)?;
        if lock.try_lock().is_err() {
            return Err(Trouble::Told("another import is under way; wait until it is done".to_owned()));
        }
        // What an interrupted import left.
        for left in fs::read_dir(&path).map_err(told)?.flatten() {
            let _ = fs::remove_file(left.path());
        }
        Ok(Imports { path, _lock: lock })
    }

    fn unpack(&self, file: &mut File, packed: &Packed) -> Result<(), Unfit> {
        let path = self.path.join(packed.tag.to_string());
        let to = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        let unpacked = unpack(&mut BufReader::new(file), packed.size, packed.tag, &to);
        if unpacked.is_err() {
            let _ = fs::remove_file(&path);
        }
        unpacked
    }
}

impl Drop for Imports {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
