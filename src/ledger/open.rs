//! The two files together: opened, merged, changed.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::aside::{create, put_aside};
use super::database::{self, Database, OpenProblem};
use super::journal::{self, Contents, Journal, Records, keep_greater};
use super::record::Record;
use super::{Durability, Table};

const LOCK: &str = "ledger.lock";
/// Between two tries: a command has the files for a moment, a gateway as long as it runs.
const TRY_AGAIN: Duration = Duration::from_millis(20);
/// Changes that may wait for the card together.
const MOST_WAITING: u32 = 12;

pub(super) struct Files {
    path: PathBuf,
    /// `None` after a failure: it is opened again for the next change.
    database: Option<Database>,
    /// `None` where it could not be written anew: it is opened again for the next change.
    journal: Option<Journal>,
    /// The number of the last change to keys.
    number: u64,
    /// Changes that are not on the card.
    waiting: u32,
    /// Held for as long as the files are open: they belong together.
    _lock: File,
}

impl Files {
    /// Gives a sentence where something was wrong and is mended, or why nothing can be opened.
    pub(super) fn open(folder: &Path, tries: u32) -> Result<(Files, Option<String>), String> {
        let lock = take_lock(folder, tries)?;
        let path = folder.join(database::NAME);
        let (database, broken) = open_database(&path)?;
        let unusable = |cause: io::Error| format!("what is kept in {} cannot be used: {cause}", folder.display());
        let contents = journal::read(folder).map_err(unusable)?;
        let kept = database.all(Table::Keys).map_err(unusable)?;
        let merged = merge(&kept, &contents.records);
        bring_up(&database, &kept, &merged).map_err(unusable)?;
        let (journal, damaged) = settle_journal(folder, &database, &contents, &merged).map_err(unusable)?;
        let number = merged.values().map(|record| record.stamp.number).max().unwrap_or(0);
        let problem = tell(broken, damaged, contents.damaged);
        let files = Files { path, database: Some(database), journal: Some(journal), number, waiting: 0, _lock: lock };
        Ok((files, problem))
    }

    pub(super) fn get(&mut self, table: Table, name: &str) -> io::Result<Option<Record>> {
        self.with(|database| database.get(table, name))
    }

    pub(super) fn all(&mut self, table: Table) -> io::Result<Records> {
        self.with(|database| database.all(table))
    }

    pub(super) fn write(
        &mut self,
        table: Table,
        records: Vec<(String, Record)>,
        durability: Durability,
    ) -> io::Result<()> {
        match table {
            Table::Keys => self.write_twice(records),
            Table::Usage | Table::Documents => {
                let durable = durability == Durability::Now || self.waiting + 1 >= MOST_WAITING;
                self.with(|database| database.write(table, &records, durable))?;
                self.waiting = if durable { 0 } else { self.waiting + 1 };
                Ok(())
            }
        }
    }

    pub(super) fn settle(&mut self) -> io::Result<()> {
        if self.waiting > 0 {
            self.with(|database| database.write(Table::Usage, &[], true))?;
            self.waiting = 0;
        }
        Ok(())
    }

    /// The journal first: it can be taken back.
    fn write_twice(&mut self, mut records: Vec<(String, Record)>) -> io::Result<()> {
        for (name, record) in &mut records {
            self.stamp(name, record)?;
        }
        self.journal()?.append(&records)?;
        let written = self.with(|database| database.write(Table::Keys, &records, true));
        let is_last = records.iter().any(|(_, record)| record.stamp.last);
        match &written {
            Ok(()) => self.waiting = 0,
            // What ends a right stays, even if it is in one copy alone.
            Err(_) if is_last => {}
            Err(_) => self.journal()?.undo()?,
        }
        written?;
        self.compact();
        Ok(())
    }

    fn stamp(&mut self, name: &str, record: &mut Record) -> io::Result<()> {
        let own = self.get(Table::Keys, name)?;
        if own.is_some_and(|own| own.stamp.last) {
            match record.bytes {
                // Again what was said already.
                Some(_) if record.stamp.last => {}
                Some(_) => return Err(io::Error::other(format!("'{name}' has been ended and cannot be changed"))),
                None => {}
            }
        }
        self.number += 1;
        record.stamp.number = self.number;
        record.stamp.last |= record.bytes.is_none();
        Ok(())
    }

    /// Both copies go into the new journal: one of them may have been damaged since.
    fn compact(&mut self) {
        if !self.journal.as_ref().is_some_and(Journal::is_long) {
            return;
        }
        self.journal = None;
        let folder = self.folder();
        let merged = self.all(Table::Keys).and_then(|kept| Ok(merge(&kept, &journal::read(&folder)?.records)));
        let anew = merged.and_then(|merged| self.with(|database| write_anew(&folder, database, &merged)));
        match anew {
            Ok(journal) => self.journal = Some(journal),
            Err(cause) => log::warn!("{} cannot be shortened: {cause}", journal::NAME),
        }
    }

    fn journal(&mut self) -> io::Result<&mut Journal> {
        let folder = self.folder();
        match &mut self.journal {
            Some(journal) => Ok(journal),
            empty => Ok(empty.insert(Journal::open(&folder)?)),
        }
    }

    fn folder(&self) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("/")).to_owned()
    }

    /// After a failure redb refuses everything until it is opened again.
    fn with<T>(&mut self, work: impl FnOnce(&Database) -> io::Result<T>) -> io::Result<T> {
        let database = match self.database.take() {
            Some(database) => database,
            None => Database::open(&self.path).map_err(|problem| match problem {
                OpenProblem::Broken(why) => io::Error::other(format!("{} is broken: {why}", self.path.display())),
                OpenProblem::Io(cause) => cause,
            })?,
        };
        match work(&database) {
            Ok(done) => {
                self.database = Some(database);
                Ok(done)
            }
            Err(cause) => {
                database.close();
                Err(cause)
            }
        }
    }
}

fn take_lock(folder: &Path, tries: u32) -> Result<File, String> {
    let path = folder.join(LOCK);
    let file = create(&path).map_err(|cause| format!("nothing can be kept in {}: {cause}", folder.display()))?;
    for attempt in 0..tries {
        if attempt > 0 {
            std::thread::sleep(TRY_AGAIN);
        }
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(cause) => return Err(format!("{} cannot be locked: {cause}", path.display())),
        }
    }
    Err(format!("another hafir works on {}", folder.display()))
}

/// With a sentence where the file had to be put aside.
fn open_database(path: &Path) -> Result<(Database, Option<String>), String> {
    let unusable = |cause: &dyn std::fmt::Display| format!("{} cannot be opened: {cause}", path.display());
    match Database::open(path) {
        Ok(database) => Ok((database, None)),
        Err(OpenProblem::Io(cause)) => Err(unusable(&cause)),
        Err(OpenProblem::Broken(why)) => {
            let aside = put_aside(path).map_err(|cause| unusable(&cause))?;
            match Database::open(path) {
                Ok(database) => {
                    let said =
                        format!("{} was broken ({why}) and was put aside as {}", path.display(), aside.display());
                    Ok((database, Some(said)))
                }
                Err(OpenProblem::Broken(why)) => Err(unusable(&why)),
                Err(OpenProblem::Io(cause)) => Err(unusable(&cause)),
            }
        }
    }
}

fn merge(kept: &Records, journal: &Records) -> Records {
    let mut merged = kept.clone();
    for (name, record) in journal {
        keep_greater(&mut merged, name.clone(), record.clone());
    }
    merged
}

/// A new journal without the removed records, which the database may forget from then on.
fn write_anew(folder: &Path, database: &Database, merged: &Records) -> io::Result<Journal> {
    let (living, removed): (Records, Records) = merged
        .iter()
        .map(|(name, record)| (name.clone(), record.clone()))
        .partition(|(_, record)| record.bytes.is_some());
    let journal = Journal::write_anew(folder, &living)?;
    if !removed.is_empty() {
        database.forget(Table::Keys, &removed.keys().collect::<Vec<_>>())?;
    }
    Ok(journal)
}

/// Writes into the database what only the journal knew.
fn bring_up(database: &Database, kept: &Records, merged: &Records) -> io::Result<()> {
    let differs = |(name, record): &(&String, &Record)| kept.get(*name) != Some(record);
    let missing: Vec<(String, Record)> =
        merged.iter().filter(differs).map(|(name, record)| (name.clone(), record.clone())).collect();
    if missing.is_empty() { Ok(()) } else { database.write(Table::Keys, &missing, true) }
}

/// The journal as it is where it says what it should, else a new one; a damaged one is put aside under the name given.
fn settle_journal(
    folder: &Path,
    database: &Database,
    contents: &Contents,
    merged: &Records,
) -> io::Result<(Journal, Option<PathBuf>)> {
    if contents.records == *merged && contents.damaged == 0 && !contents.torn {
        return Ok((Journal::open(folder)?, None));
    }
    let aside = match contents.damaged {
        0 => None,
        // A copy: were the power cut between, the file itself must still be there.
        _ => Some(copy_aside(&folder.join(journal::NAME))?),
    };
    Ok((write_anew(folder, database, merged)?, aside))
}

fn copy_aside(path: &Path) -> io::Result<PathBuf> {
    let copy = path.with_extension("journal.copy");
    let mut from = File::open(path)?;
    let mut to = create(&copy)?;
    to.set_len(0)?;
    io::copy(&mut from, &mut to)?;
    to.sync_all()?;
    let aside = super::aside::name_aside(path)?;
    std::fs::rename(&copy, &aside)?;
    Ok(aside)
}

fn tell(broken: Option<String>, journal: Option<PathBuf>, lines: usize) -> Option<String> {
    match (broken, journal) {
        (None, None) => None,
        (Some(database), None) => Some(format!(
            "{database}; the keys were restored from {}, but counts of quotas and what providers said begin anew",
            journal::NAME
        )),
        (None, Some(aside)) => Some(format!(
            "{} had {lines} damaged lines and was restored from {}; it was put aside as {}",
            journal::NAME,
            database::NAME,
            aside.display()
        )),
        (Some(database), Some(aside)) => Some(format!(
            "{database}; {} had {lines} damaged lines too (now {}): look at 'hafir key list', what was revoked may have \
             to be revoked again",
            journal::NAME,
            aside.display()
        )),
    }
}
