//! A file of lines to which each change is added. A line is
//!
//! ```text
//! CHECKSUM NUMBER put|last|drop|gone NAME [BYTES]
//! ```
//!
//! with the checksum (xxh3, 16 digits) over what follows it, and bytes below `!`, `%` and DEL in names and bytes as `%`
//! and two digits. After `last` only `gone` counts, and after that nothing; `drop` is a removal that something may follow.
//! A damaged line costs itself alone: the next one begins behind a line feed.
//!
//! Nothing is held in memory: who wants to know what a journal says reads it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::aside::{create, sync_folder};
use super::record::{Record, Stamp};

/// A line longer than the longest record (a provider's document, 256 KB, of which each byte may take three) is none;
/// reading it costs no more memory than this.
const LONGEST_LINE: u64 = 800 << 10;
/// A journal is written anew when it is longer than this, and four times as long as what it says.
const SHORT: u64 = 256 << 10;
const CHECKSUM: usize = 16;

/// Records by their names, removed ones among them.
pub(super) type Records = BTreeMap<String, Record>;

/// What a journal says.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) records: Records,
    /// Lines that are not as they were written.
    pub(super) damaged: usize,
    /// The file ends within a line: the power was cut, or its end is damaged.
    pub(super) torn: bool,
}

/// One journal, open for additions.
pub(super) struct Journal {
    path: PathBuf,
    /// `None` after a failure: it is opened again for the next change.
    file: Option<File>,
    /// Where the next line begins. What lies behind is of a change that failed.
    end: u64,
    /// Where the change before the next one began.
    before: u64,
    /// How long it was when it was written anew.
    compact: u64,
}

/// A missing file says nothing.
pub(super) fn read(path: &Path) -> io::Result<Contents> {
    let file = match File::open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Contents::default()),
        outcome => outcome?,
    };
    let mut reader = BufReader::new(file);
    let (mut contents, mut line) = (Contents::default(), Vec::new());
    loop {
        line.clear();
        if reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(contents);
        }
        match (line.strip_suffix(b"\n"), line.strip_suffix(b"\n").and_then(parse)) {
            (None, _) if (line.len() as u64) < LONGEST_LINE => contents.torn = true,
            (_, None) => contents.damaged += 1,
            (_, Some((name, record))) => keep_greater(&mut contents.records, name, record),
        }
    }
}

/// Of two copies the one with the greater stamp stays.
pub(super) fn keep_greater(records: &mut Records, name: String, record: Record) {
    let newer = records.get(&name).is_none_or(|own| own.stamp < record.stamp);
    if newer {
        records.insert(name, record);
    }
}

impl Contents {
    pub(super) fn is_whole(&self) -> bool {
        self.damaged == 0 && !self.torn
    }

    /// The number of the last change.
    pub(super) fn last_number(&self) -> u64 {
        last_number(&self.records)
    }
}

pub(super) fn last_number(records: &Records) -> u64 {
    records.values().map(|record| record.stamp.number).max().unwrap_or(0)
}

impl Journal {
    /// The file as it is, which is whole and says this.
    pub(super) fn open(path: &Path, records: &Records) -> io::Result<Journal> {
        let file = create(path)?;
        sync_folder(folder(path))?;
        let compact = records.iter().map(|(name, record)| line(name, record).len() as u64).sum();
        Ok(Journal { compact, ..Journal::of(path, file)? })
    }

    /// Writes a whole journal. A power cut leaves the old one or the new one.
    pub(super) fn write_anew(path: &Path, records: &Records) -> io::Result<Journal> {
        let fresh = path.with_added_extension("new");
        let mut writer = BufWriter::new(create(&fresh)?);
        writer.get_ref().set_len(0)?;
        for (name, record) in records {
            writer.write_all(&line(name, record))?;
        }
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        sync_folder(folder(path))?;
        Journal::of(path, file)
    }

    fn of(path: &Path, file: File) -> io::Result<Journal> {
        let end = file.metadata()?.len();
        Ok(Journal { path: path.to_owned(), file: Some(file), end, before: end, compact: end })
    }

    pub(super) fn read(&self) -> io::Result<Contents> {
        read(&self.path)
    }

    /// Adds lines; on the card when it returns, if that is asked for. After a failure none of them is there.
    pub(super) fn append(&mut self, records: &[(String, Record)], durable: bool) -> io::Result<()> {
        let lines: Vec<u8> = records.iter().flat_map(|(name, record)| line(name, record)).collect();
        let file = self.trimmed()?;
        let written = file.write_all(&lines).and_then(|()| if durable { file.sync_data() } else { Ok(()) });
        self.before = self.end;
        match written {
            Ok(()) => self.end += lines.len() as u64,
            Err(_) => {
                drop(self.trimmed());
                self.file = None;
            }
        }
        written
    }

    /// Takes the last addition back, where the other copy could not be written.
    pub(super) fn undo(&mut self) -> io::Result<()> {
        self.end = self.before;
        self.trimmed()?.sync_data()
    }

    /// Brings to the card what was added without waiting for it.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        self.trimmed()?.sync_data()
    }

    /// Whether most of it is history.
    pub(super) fn is_long(&self) -> bool {
        self.end > SHORT && self.end / 4 > self.compact
    }

    /// The file, at the place of the next line.
    fn trimmed(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => create(&self.path)?,
        };
        let file = self.file.insert(file);
        if file.metadata()?.len() != self.end {
            file.set_len(self.end)?;
        }
        file.seek(SeekFrom::Start(self.end))?;
        Ok(file)
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn line(name: &str, record: &Record) -> Vec<u8> {
    let word = match (&record.bytes, record.stamp.last) {
        (None, true) => "gone",
        (None, false) => "drop",
        (Some(_), true) => "last",
        (Some(_), false) => "put",
    };
    let mut text = format!("{} {word} ", record.stamp.number).into_bytes();
    escape(name.as_bytes(), &mut text);
    if let Some(bytes) = &record.bytes {
        text.push(b' ');
        escape(bytes, &mut text);
    }
    let mut line = format!("{:016x} ", xxh3_64(&text)).into_bytes();
    line.append(&mut text);
    line.push(b'\n');
    line
}

fn parse(line: &[u8]) -> Option<(String, Record)> {
    let (sum, text) = line.split_at_checked(CHECKSUM)?;
    let text = text.strip_prefix(b" ")?;
    if sum != format!("{:016x}", xxh3_64(text)).as_bytes() {
        return None;
    }
    let mut words = text.split(|byte| *byte == b' ');
    let number = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let word = words.next()?;
    let name = String::from_utf8(unescape(words.next()?)?).ok()?;
    let bytes = words.next().map(unescape);
    let (last, bytes) = match (word, bytes) {
        (b"put", Some(Some(bytes))) => (false, Some(bytes)),
        (b"last", Some(Some(bytes))) => (true, Some(bytes)),
        (b"gone", None) => (true, None),
        (b"drop", None) => (false, None),
        _ => return None,
    };
    Some((name, Record { stamp: Stamp { last, number }, bytes }))
}

fn escape(bytes: &[u8], to: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            0..=b' ' | b'%' | 0x7f => to.extend_from_slice(format!("%{byte:02x}").as_bytes()),
            byte => to.push(*byte),
        }
    }
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*byte);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_were_written() {
        for (name, stamp, bytes) in [
            ("k1", Stamp { last: false, number: 1 }, Some(&b"plain"[..])),
            ("a b%\n", Stamp { last: true, number: u64::MAX }, Some(b"\x00 \n%\x7f\xff")),
            ("k2", Stamp { last: false, number: 3 }, Some(b"")),
            ("k3", Stamp { last: true, number: 4 }, None),
            ("k4", Stamp { last: false, number: 5 }, None),
        ] {
            let record = Record { stamp, bytes: bytes.map(<[u8]>::to_vec) };
            let text = line(name, &record);
            assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(parse(&text[..text.len() - 1]), Some((name.to_owned(), record)));
        }
    }

    #[test]
    fn any_changed_bit_of_a_line_is_noticed() {
        let text = line("k1", &Record { stamp: Stamp { last: true, number: 9 }, bytes: Some(b"x y".to_vec()) });
        let text = &text[..text.len() - 1];
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut changed = text.to_vec();
                changed[at] ^= 1 << bit;
                assert_eq!(parse(&changed), None, "bit {bit} of byte {at}");
            }
        }
    }
}
