//! What the gateway must not forget: keys, counts of quotas, documents of providers. Small named records in journals in
//! the state folder, files to which changes are added line by line.
//!
//! Never on the way of a request: every call here may wait for the card. Never knows what a record means. Entry types:
//! [`Ledger`], [`Table`], [`Durability`].
//!
//! Keys are kept twice, because a card may lose or change any byte: in `keys.journal` and `keys.copy`. A change is in
//! both before [`Ledger::write`] returns. Each line has a checksum and a stamp; when the ledger is opened both files are
//! merged, the higher stamp wins, and both are brought to the same state. So damage to one of the files, whatever it is,
//! costs nothing: what was revoked has the higher stamp and stays revoked. A damaged file is put aside as
//! `keys.journal.broken-1`, never deleted. The other tables share `counts.journal`, which is there once: a damaged line
//! of it costs itself alone.
//!
//! There is no database below this, on purpose: some thousand records that are read whole at the start and then only
//! written need none, and what a database writes for one change (pages, their parents, its own log) wears out a card.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod aside;
mod journal;
mod open;
mod record;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use open::Files;
use record::Record;

/// A gateway that starts waits two seconds for a command to end.
const PATIENCE: u32 = 100;

/// The journals of one state folder. One process has them open at a time.
pub(crate) struct Ledger {
    state: State,
}

/// Records of one sort; names are unique in a table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Table {
    /// Kept twice.
    Keys,
    Usage,
    Documents,
}

/// When a change is on the card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Durability {
    /// Before the call returns.
    Now,
    /// With the next change that is durable, with [`Ledger::settle`], or with the twelfth such change: cards wear out.
    Soon,
}

/// The mutex guards the files; it is held while the card is written.
enum State {
    Open(Box<Mutex<Files>>),
    /// Nothing can be kept, for the reason given. Keys are still read.
    Shut {
        why: String,
        folder: PathBuf,
    },
}

impl Ledger {
    /// Opens what the folder holds, or begins anew. Never fails: what is wrong is said in a sentence, and a ledger that
    /// cannot be opened says no to every change.
    pub(crate) fn open(folder: &Path) -> (Ledger, Option<String>) {
        Ledger::open_within(folder, PATIENCE)
    }

    /// The same, without waiting for another process to let go of the files.
    pub(crate) fn try_open(folder: &Path) -> (Ledger, Option<String>) {
        Ledger::open_within(folder, 1)
    }

    fn open_within(folder: &Path, tries: u32) -> (Ledger, Option<String>) {
        match Files::open(folder, tries) {
            Ok((open, problem)) => (Ledger { state: State::Open(Box::new(Mutex::new(open))) }, problem),
            Err(why) => {
                let state = State::Shut { why: why.clone(), folder: folder.to_owned() };
                (Ledger { state }, Some(why))
            }
        }
    }

    /// Why nothing can be kept, where that is so.
    pub(crate) fn refusal(&self) -> Option<&str> {
        match &self.state {
            State::Open(_) => None,
            State::Shut { why, .. } => Some(why),
        }
    }

    /// A record; one that is damaged is absent.
    #[cfg(test)]
    pub(crate) fn get(&self, table: Table, name: &str) -> io::Result<Option<Vec<u8>>> {
        match &self.state {
            State::Open(open) => Ok(lock(open).get(table, name)?.and_then(|record| record.bytes)),
            State::Shut { .. } => Ok(self.all(table)?.into_iter().find(|(own, _)| own == name).map(|(_, bytes)| bytes)),
        }
    }

    /// Every record of a table, in the order of their names, without the damaged ones.
    pub(crate) fn all(&self, table: Table) -> io::Result<Vec<(String, Vec<u8>)>> {
        let records = match (&self.state, table) {
            (State::Open(open), _) => lock(open).all(table)?,
            (State::Shut { folder, .. }, Table::Keys) => open::read_keys(folder)?,
            (State::Shut { why, .. }, Table::Usage | Table::Documents) => {
                return Err(io::Error::other(why.clone()));
            }
        };
        Ok(records.into_iter().filter_map(|(name, record)| Some((name, record.bytes?))).collect())
    }

    /// Writes or (`None`) removes records, all of them or none.
    pub(crate) fn write(
        &self,
        table: Table,
        records: &[(&str, Option<&[u8]>)],
        durability: Durability,
    ) -> io::Result<()> {
        let records = records.iter().map(|(name, bytes)| ((*name).to_owned(), Record::of(*bytes)));
        self.opened()?.write(table, records.collect(), durability)
    }

    /// Writes a record durably that nothing but its removal can follow: not a later [`Ledger::write`], and not an
    /// earlier state that some damage brought to light.
    pub(crate) fn write_last(&self, table: Table, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut record = Record::of(Some(bytes));
        record.stamp.last = true;
        self.opened()?.write(table, vec![(name.to_owned(), record)], Durability::Now)
    }

    /// Brings to the card what was written [`Durability::Soon`].
    pub(crate) fn settle(&self) -> io::Result<()> {
        self.opened()?.settle()
    }

    fn opened(&self) -> io::Result<std::sync::MutexGuard<'_, Files>> {
        match &self.state {
            State::Open(open) => Ok(lock(open)),
            State::Shut { why, .. } => Err(io::Error::other(why.clone())),
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if let State::Open(open) = &self.state
            && let Err(cause) = lock(open).settle()
        {
            log::error!("the last counts cannot be kept: {cause}");
        }
    }
}

fn lock(open: &Mutex<Files>) -> std::sync::MutexGuard<'_, Files> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
