//! The database: one redb file. What redb says of a broken file, and how it dies of one, becomes an error here.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::backends::FileBackend;
use redb::{DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition, TableError};

use super::Table;
use super::aside::create;
use super::journal::Records;
use super::record::Record;

pub(super) const NAME: &str = "ledger.redb";
/// Pages that redb keeps in memory: a change touches a handful of 4 KiB ones.
const CACHE: usize = 512 << 10;

pub(super) struct Database {
    redb: redb::Database,
}

/// Why a database cannot be opened.
#[derive(Debug)]
pub(super) enum OpenProblem {
    /// What it holds cannot be trusted.
    Broken(String),
    /// The file may be fine; it cannot be had now.
    Io(io::Error),
}

impl Database {
    /// Opens the file, or makes it, and reads all of it: pages that are not as they were written are found here.
    pub(super) fn open(path: &Path) -> Result<Database, OpenProblem> {
        let file = create(path).map_err(OpenProblem::Io)?;
        let open = || -> Result<redb::Database, DatabaseError> {
            let mut builder = redb::Builder::new();
            builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
            builder.create_with_backend(FileBackend::new(file)?)
        };
        match catch_unwind(AssertUnwindSafe(open)) {
            Ok(Ok(redb)) => Ok(Database { redb }),
            Ok(Err(cause)) => Err(problem(cause)),
            Err(_) => Err(OpenProblem::Broken("its pages make no sense".to_owned())),
        }
    }

    pub(super) fn get(&self, table: Table, name: &str) -> io::Result<Option<Record>> {
        guarded(|| {
            let reading = self.redb.begin_read().map_err(io::Error::other)?;
            let table = match reading.open_table(definition(table)) {
                Ok(table) => table,
                Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(cause) => return Err(io::Error::other(cause)),
            };
            let found = table.get(name).map_err(io::Error::other)?;
            Ok(found.and_then(|sealed| unsealed(name, sealed.value())))
        })
    }

    pub(super) fn all(&self, table: Table) -> io::Result<Records> {
        guarded(|| {
            let reading = self.redb.begin_read().map_err(io::Error::other)?;
            let table = match reading.open_table(definition(table)) {
                Ok(table) => table,
                Err(TableError::TableDoesNotExist(_)) => return Ok(Records::new()),
                Err(cause) => return Err(io::Error::other(cause)),
            };
            let mut records = Records::new();
            for entry in table.iter().map_err(io::Error::other)? {
                let (name, sealed) = entry.map_err(io::Error::other)?;
                if let Some(record) = unsealed(name.value(), sealed.value()) {
                    records.insert(name.value().to_owned(), record);
                }
            }
            Ok(records)
        })
    }

    /// One transaction.
    pub(super) fn write(&self, table: Table, records: &[(String, Record)], durable: bool) -> io::Result<()> {
        guarded(|| {
            let mut writing = self.redb.begin_write().map_err(io::Error::other)?;
            let durability = if durable { redb::Durability::Immediate } else { redb::Durability::None };
            writing.set_durability(durability).map_err(io::Error::other)?;
            {
                let mut open = writing.open_table(definition(table)).map_err(io::Error::other)?;
                for (name, record) in records {
                    let replaced = match (&record.bytes, table) {
                        // That it was removed is known until no older copy can be left in the journal.
                        (Some(_), _) | (None, Table::Keys) => open.insert(name.as_str(), &*record.sealed(name)),
                        (None, Table::Usage | Table::Documents) => open.remove(name.as_str()),
                    };
                    drop(replaced.map_err(io::Error::other)?);
                }
            }
            writing.commit().map_err(io::Error::other)
        })
    }

    /// Forgets what was removed, once the journal does not know of it any more.
    pub(super) fn forget(&self, table: Table, names: &[&String]) -> io::Result<()> {
        guarded(|| {
            let writing = self.redb.begin_write().map_err(io::Error::other)?;
            {
                let mut open = writing.open_table(definition(table)).map_err(io::Error::other)?;
                for name in names {
                    drop(open.remove(name.as_str()).map_err(io::Error::other)?);
                }
            }
            writing.commit().map_err(io::Error::other)
        })
    }

    /// redb may not like what it finds on its way out either.
    pub(super) fn close(self) {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(self)));
    }
}

fn definition(table: Table) -> TableDefinition<'static, &'static str, &'static [u8]> {
    TableDefinition::new(match table {
        Table::Keys => "keys",
        Table::Usage => "usage",
        Table::Documents => "documents",
    })
}

fn unsealed(name: &str, sealed: &[u8]) -> Option<Record> {
    let record = Record::unseal(name, sealed);
    if record.is_none() {
        log::error!("{NAME}: the record '{name}' is not as it was written, and is left out");
    }
    record
}

/// A file that changes under a running gateway may make redb panic; the gateway goes on.
fn guarded<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let died = |_| Err(io::Error::other(format!("{NAME} is damaged; it is mended at the next start")));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(died)
}

fn problem(cause: DatabaseError) -> OpenProblem {
    match cause {
        DatabaseError::Storage(StorageError::Io(cause)) => match cause.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => OpenProblem::Broken(cause.to_string()),
            _ => OpenProblem::Io(cause),
        },
        DatabaseError::Storage(StorageError::Corrupted(what)) => OpenProblem::Broken(what),
        DatabaseError::UpgradeRequired(_) | DatabaseError::RepairAborted => OpenProblem::Broken(cause.to_string()),
        // The enum is open to additions: a file is put aside only for a reason that is known.
        _ => OpenProblem::Io(io::Error::other(cause)),
    }
}
