//! Reading a trail for people: record by record, or whole into one file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::folder::{self, Anchor};
use super::lines::Lines;
use super::record::AuditRecord;

/// The records of a trail, the oldest first, whether or not they are as they were written. What is no record is left out.
pub(crate) struct Records {
    walk: Texts,
}

/// What was exported.
#[derive(Debug, Default)]
pub(crate) struct Exported {
    pub(crate) records: u64,
    pub(crate) last: Option<Anchor>,
}

impl Records {
    pub(crate) fn open(folder: &Path) -> io::Result<Records> {
        Ok(Records { walk: Texts::open(folder)? })
    }

    pub(crate) fn next(&mut self) -> io::Result<Option<AuditRecord>> {
        Ok(self.walk.next()?.map(|(_, link)| link.record))
    }

    /// The line that the last record was read from, with its end.
    pub(crate) fn text(&self) -> &[u8] {
        self.walk.text()
    }
}

/// Copies all records, a line each, as they stand.
pub(crate) fn export(folder: &Path, out: &mut dyn Write) -> io::Result<Exported> {
    let mut exported = Exported::default();
    let mut walk = Texts::open(folder)?;
    while let Some((segment, link)) = walk.next()? {
        out.write_all(walk.text())?;
        exported.records += 1;
        exported.last = Some(Anchor { seq: link.record.seq, segment, hash: link.hash });
    }
    Ok(exported)
}

struct Texts {
    folder: PathBuf,
    /// The newest first.
    left: Vec<u32>,
    open: Option<(u32, Lines)>,
}

impl Texts {
    fn open(folder: &Path) -> io::Result<Texts> {
        let mut left = folder::segments(folder)?;
        left.reverse();
        Ok(Texts { folder: folder.to_owned(), left, open: None })
    }

    fn next(&mut self) -> io::Result<Option<(u32, super::record::Link)>> {
        loop {
            if let Some((number, lines)) = &mut self.open {
                while let Some(line) = lines.next()? {
                    if let Some(link) = line.link {
                        return Ok(Some((*number, link)));
                    }
                }
            }
            let Some(number) = self.left.pop() else { return Ok(None) };
            self.open = match Lines::open(&folder::segment(&self.folder, number)) {
                Ok(lines) => Some((number, lines)),
                // It went because of the size bound meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
        }
    }

    fn text(&self) -> &[u8] {
        self.open.as_ref().map_or(&[], |(_, lines)| lines.text())
    }
}
