//! The journals together: opened, merged, changed.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::aside::{create, name_aside};
use super::journal::{self, Contents, Journal, Records, keep_greater, last_number};
use super::record::Record;
use super::{Durability, Table};

const LOCK: &str = "ledger.lock";
/// The two copies of keys.
pub(super) const KEYS: [&str; 2] = ["keys.journal", "keys.copy"];
/// Everything else.
pub(super) const COUNTS: &str = "counts.journal";
/// Between two tries: a command has the files for a moment, a gateway as long as it runs.
const TRY_AGAIN: Duration = Duration::from_millis(20);
/// Changes that may wait for the card together.
const MOST_WAITING: u32 = 12;

pub(super) struct Files {
    folder: PathBuf,
    keys: [Journal; 2],
    /// Keys that nothing but a removal can follow, and removed ones that the journals still know.
    ended: BTreeSet<String>,
    counts: Journal,
    /// The numbers of the last changes.
    last_key: u64,
    last_count: u64,
    /// Changes that are not on the card.
    waiting: u32,
    /// Held for as long as the files are open: they belong together.
    _lock: File,
}

impl Files {
    /// Gives a sentence where something was wrong and is mended, or why nothing can be opened.
    pub(super) fn open(folder: &Path, tries: u32) -> Result<(Files, Option<String>), String> {
        let lock = take_lock(folder, tries)?;
        let unusable = |cause: io::Error| format!("what is kept in {} cannot be used: {cause}", folder.display());
        let (keys, known, damage) = open_keys(folder).map_err(unusable)?;
        let (counts, last_count, lost) = open_counts(folder).map_err(unusable)?;
        let is_ended = |(name, record): (&String, &Record)| record.stamp.last.then(|| name.clone());
        let files = Files {
            folder: folder.to_owned(),
            keys,
            ended: known.iter().filter_map(is_ended).collect(),
            counts,
            last_key: last_number(&known),
            last_count,
            waiting: 0,
            _lock: lock,
        };
        let told: Vec<String> = damage.into_iter().chain(lost).collect();
        Ok((files, (!told.is_empty()).then(|| told.join("; "))))
    }

    #[cfg(test)]
    pub(super) fn get(&mut self, table: Table, name: &str) -> io::Result<Option<Record>> {
        Ok(self.all(table)?.remove(name))
    }

    pub(super) fn all(&mut self, table: Table) -> io::Result<Records> {
        match prefix(table) {
            None => read_keys(&self.folder),
            Some(prefix) => {
                let records = self.counts.read()?.records.into_iter();
                let own = records.filter_map(|(name, record)| Some((name.strip_prefix(prefix)?.to_owned(), record)));
                Ok(own.collect())
            }
        }
    }

    pub(super) fn write(
        &mut self,
        table: Table,
        mut records: Vec<(String, Record)>,
        durability: Durability,
    ) -> io::Result<()> {
        let Some(prefix) = prefix(table) else { return self.write_twice(records) };
        for (name, record) in &mut records {
            name.insert_str(0, prefix);
            self.last_count += 1;
            record.stamp.number = self.last_count;
        }
        let durable = durability == Durability::Now || self.waiting + 1 >= MOST_WAITING;
        self.counts.append(&records, durable)?;
        self.waiting = if durable { 0 } else { self.waiting + 1 };
        if self.counts.is_long() {
            self.shorten_counts();
        }
        Ok(())
    }

    pub(super) fn settle(&mut self) -> io::Result<()> {
        if self.waiting > 0 {
            self.counts.settle()?;
            self.waiting = 0;
        }
        Ok(())
    }

    /// Both or none: what is in the first alone is taken back.
    fn write_twice(&mut self, mut records: Vec<(String, Record)>) -> io::Result<()> {
        for (name, record) in &mut records {
            self.stamp(name, record)?;
        }
        let is_last = records.iter().any(|(_, record)| record.stamp.last);
        let [first, second] = &mut self.keys;
        first.append(&records, true)?;
        let written = second.append(&records, true);
        match &written {
            Ok(()) => {}
            // What ends a right stays, even if it is in one copy alone.
            Err(_) if is_last => {}
            Err(_) => first.undo()?,
        }
        let ended = records.into_iter().filter(|(_, record)| record.stamp.last);
        self.ended.extend(ended.map(|(name, _)| name));
        written?;
        if self.keys.iter().any(Journal::is_long) {
            self.shorten_keys();
        }
        Ok(())
    }

    fn stamp(&mut self, name: &str, record: &mut Record) -> io::Result<()> {
        // What was ended may be ended again, with other words, and removed.
        if record.bytes.is_some() && !record.stamp.last && self.ended.contains(name) {
            return Err(io::Error::other(format!("'{name}' has been ended and cannot be changed")));
        }
        self.last_key += 1;
        record.stamp.number = self.last_key;
        record.stamp.last |= record.bytes.is_none();
        Ok(())
    }

    /// Only here are removed keys forgotten: both files are whole, and the power may be cut between them.
    fn shorten_keys(&mut self) {
        let anew = || -> io::Result<([Journal; 2], Records)> {
            let contents = read_both(&self.folder)?;
            let mut known = merge(&contents);
            if contents.iter().all(Contents::is_whole) {
                known.retain(|_, record| record.bytes.is_some());
            }
            Ok((write_both(&self.folder, &known)?, known))
        };
        match anew() {
            Ok((keys, known)) => {
                self.keys = keys;
                self.ended.retain(|name| known.contains_key(name));
            }
            Err(cause) => log::warn!("the journals of keys cannot be shortened: {cause}"),
        }
    }

    fn shorten_counts(&mut self) {
        let path = self.folder.join(COUNTS);
        let anew = self.counts.read().and_then(|contents| Journal::write_anew(&path, &living(contents.records)));
        match anew {
            Ok(journal) => self.counts = journal,
            Err(cause) => log::warn!("{COUNTS} cannot be shortened: {cause}"),
        }
    }
}

/// The two copies of keys, merged.
pub(super) fn read_keys(folder: &Path) -> io::Result<Records> {
    Ok(merge(&read_both(folder)?))
}

/// What names of a table begin with in the journal of all; `None`: the table has journals of its own.
fn prefix(table: Table) -> Option<&'static str> {
    match table {
        Table::Keys => None,
        Table::Usage => Some("usage/"),
        Table::Documents => Some("documents/"),
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

fn read_both(folder: &Path) -> io::Result<[Contents; 2]> {
    let [first, second] = KEYS.map(|name| journal::read(&folder.join(name)));
    Ok([first?, second?])
}

fn write_both(folder: &Path, known: &Records) -> io::Result<[Journal; 2]> {
    let [first, second] = KEYS.map(|name| Journal::write_anew(&folder.join(name), known));
    Ok([first?, second?])
}

fn merge(contents: &[Contents; 2]) -> Records {
    let mut merged = Records::new();
    for (name, record) in contents.iter().flat_map(|copy| &copy.records) {
        keep_greater(&mut merged, name.clone(), record.clone());
    }
    merged
}

fn living(mut records: Records) -> Records {
    records.retain(|_, record| record.bytes.is_some());
    records
}

/// The journals as they are where they say the same, else new ones; with all that is known of keys, and what was wrong.
fn open_keys(folder: &Path) -> io::Result<([Journal; 2], Records, Option<String>)> {
    let contents = read_both(folder)?;
    let known = merge(&contents);
    if contents.iter().all(|copy| copy.is_whole() && copy.records == known) {
        let [first, second] = KEYS.map(|name| Journal::open(&folder.join(name), &known));
        return Ok(([first?, second?], known, None));
    }
    let mut damaged = Vec::new();
    for (name, copy) in KEYS.into_iter().zip(&contents).filter(|(_, copy)| copy.damaged > 0) {
        damaged.push((name, copy.damaged, copy_aside(&folder.join(name))?));
    }
    Ok((write_both(folder, &known)?, known, tell(&damaged)))
}

/// Damaged lines cost themselves alone, and some counts of some quotas are no reason to keep the file for anybody.
fn open_counts(folder: &Path) -> io::Result<(Journal, u64, Option<String>)> {
    let path = folder.join(COUNTS);
    let contents = journal::read(&path)?;
    let (whole, last, damaged) = (contents.is_whole(), contents.last_number(), contents.damaged);
    let living = living(contents.records);
    let journal = if whole { Journal::open(&path, &living)? } else { Journal::write_anew(&path, &living)? };
    let lost = (damaged > 0).then(|| format!("{} had {damaged} damaged lines, which are left out", path.display()));
    Ok((journal, last, lost))
}

/// A copy: were the power cut between, the file itself must still be there.
fn copy_aside(path: &Path) -> io::Result<PathBuf> {
    let copy = path.with_added_extension("aside");
    let mut from = File::open(path)?;
    let mut to = create(&copy)?;
    to.set_len(0)?;
    io::copy(&mut from, &mut to)?;
    to.sync_all()?;
    let aside = name_aside(path)?;
    std::fs::rename(&copy, &aside)?;
    Ok(aside)
}

fn tell(damaged: &[(&str, usize, PathBuf)]) -> Option<String> {
    let mut told = Vec::new();
    for (name, lines, aside) in damaged {
        told.push(format!("{name} had {lines} damaged lines and was put aside as {}", aside.display()));
    }
    match damaged.len() {
        0 => return None,
        1 => told.push("it was restored from its copy".to_owned()),
        _ => told.push(
            "both copies had: look at 'hafir key list', what was revoked may have to be revoked again".to_owned(),
        ),
    }
    Some(told.join("; "))
}
