//! `hafir cache export`: answers into one file, to be carried to another board.
//!
//! The file is a tar: a manifest, then the answers, each in the form that `cache::store::carry` describes. It grows under
//! the name `FILE.part`; one that is there already is continued where its last whole answer ends.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::manifest::{self, First, Line};
use super::tar::{self, Entry, Member};
use super::words::Selection;
use super::{Desk, Trouble};
use crate::base::Size;
use crate::cache::{Card, Kept, Sight, Unfit};

/// A manifest that is longer is not one of ours: 100,000 answers take 30 MB.
const LONGEST_MANIFEST: u64 = 256 << 20;

/// What was done.
#[derive(Default)]
struct Sum {
    answers: u64,
    bytes: u64,
    /// Were there already, from a time before.
    before: u64,
    damaged: u64,
    /// Went in the meantime.
    gone: u64,
}

impl Desk {
    pub(super) fn export(&self, file: &Path, what: &Selection, out: &mut dyn Write) -> Result<ExitCode, Trouble> {
        if file.exists() {
            let told = format!("{} is there already: take it away, or choose another name", file.display());
            return Err(Trouble::Told(told));
        }
        let part = beside(file);
        let mut export = Export::open(self, &part, what).map_err(|error| told(&part, &error))?;
        export.write_answers().map_err(|error| told(&part, &error))?;
        export.finish(&part, file).map_err(|error| told(file, &error))?;
        let Sum { answers, bytes, before, damaged, gone } = export.sum;
        writeln!(out, "{answers} answers, {}, in {}", Size::bytes(bytes), file.display())?;
        for (count, what) in [
            (before, "of them were there from the time before"),
            (damaged, "are damaged on the card and were left out"),
            (gone, "were removed from the cache in the meantime"),
        ] {
            if count > 0 {
                writeln!(out, "{count} {what}")?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// `FILE.part`
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn told(path: &Path, error: &io::Error) -> Trouble {
    let mend = match error.kind() {
        io::ErrorKind::StorageFull => "; what has come so far stays, and is continued when there is room",
        io::ErrorKind::FileTooLarge => {
            "; FAT takes no file over 4 GB: export less at a time, or format as exFAT or ext4"
        }
        _ => "",
    };
    Trouble::Told(format!("{}: {error}{mend}", path.display()))
}

struct Export {
    card: Card,
    to: File,
    lines: Vec<Line>,
    /// Those before this one are in the file.
    next: usize,
    sum: Sum,
}

impl Export {
    fn open(desk: &Desk, part: &Path, what: &Selection) -> io::Result<Export> {
        let other = |trouble| match trouble {
            Trouble::Output(error) => error,
            Trouble::Told(problem) => io::Error::other(problem),
        };
        let card = desk.card().map_err(other)?;
        let picker = desk.picker(what).map_err(other)?;
        let first = First::new(picker.texts());
        let mut to = File::options().read(true).write(true).create(true).truncate(false).open(part)?;
        let mut sum = Sum::default();
        let lines = match begun(&mut to, &first)? {
            Some(lines) => lines,
            None => {
                to.set_len(0)?;
                to.rewind()?;
                let lines = survey(&card, |kept| picker.picks(kept), &mut sum);
                write_manifest(&mut to, &first, &lines)?;
                lines
            }
        };
        let mut export = Export { card, to, lines, next: 0, sum };
        export.skip_what_is_there()?;
        Ok(export)
    }

    /// Stands behind the last whole answer afterwards.
    fn skip_what_is_there(&mut self) -> io::Result<()> {
        let len = self.to.metadata()?.len();
        let mut position = self.to.stream_position()?;
        loop {
            self.to.seek(SeekFrom::Start(position))?;
            let Entry::File(member) = tar::read_head(&mut self.to)? else { break };
            let behind = position.saturating_add(member.len());
            let rest = self.lines.get(self.next..).unwrap_or_default();
            let found = rest.iter().position(|line| line.file == member.name && line.bytes == member.size);
            let Some(found) = found.filter(|_| behind <= len) else { break };
            self.next += found + 1;
            self.sum.before += 1;
            self.count(member.size);
            position = behind;
        }
        self.to.set_len(position)?;
        self.to.seek(SeekFrom::Start(position))?;
        Ok(())
    }

    fn write_answers(&mut self) -> io::Result<()> {
        while let Some(line) = self.lines.get(self.next).cloned() {
            self.next += 1;
            let kept = line.tag().and_then(|tag| self.card.tagged(tag));
            // The same bytes as they were; what has come since is for the next export.
            let Some(kept) = kept.filter(|kept| line.is(kept)) else {
                self.sum.gone += 1;
                continue;
            };
            self.write_answer(&kept, &line)?;
        }
        Ok(())
    }

    /// One that turns out damaged leaves nothing behind.
    fn write_answer(&mut self, kept: &Kept, line: &Line) -> io::Result<()> {
        let begin = self.to.stream_position()?;
        let member = Member { name: line.file.clone(), size: line.bytes };
        let mut to = BufWriter::new(&self.to);
        to.write_all(&member.head())?;
        match kept.pack(&mut to) {
            Ok(()) => {
                tar::write_padding(&member, &mut to)?;
                to.flush()?;
                drop(to);
                self.count(line.bytes);
                Ok(())
            }
            Err(Unfit::Io(error)) => Err(error),
            Err(Unfit::Damaged) => {
                drop(to.into_parts());
                self.sum.damaged += 1;
                self.to.set_len(begin)?;
                self.to.seek(SeekFrom::Start(begin)).map(drop)
            }
        }
    }

    fn count(&mut self, bytes: u64) {
        self.sum.answers += 1;
        self.sum.bytes = self.sum.bytes.saturating_add(bytes);
    }

    fn finish(&mut self, part: &Path, file: &Path) -> io::Result<()> {
        tar::write_end(&mut self.to)?;
        self.to.sync_all()?;
        fs::rename(part, file)
    }
}

impl Line {
    fn of(kept: &Kept) -> Option<Line> {
        Some(Line {
            key: kept.key(),
            file: format!("{}{}", manifest::FOLDER, kept.tag()),
            bytes: kept.packed_len()?,
            body: kept.body_len(),
            whole: kept.is_complete(),
            sum: format!("{:016x}", kept.sum()),
        })
    }

    fn is(&self, kept: &Kept) -> bool {
        Line::of(kept).is_some_and(|line| line == *self)
    }
}

/// The list of an export that was interrupted, if it was of the same selection.
fn begun(part: &mut File, first: &First) -> io::Result<Option<Vec<Line>>> {
    part.rewind()?;
    let Entry::File(member) = tar::read_head(part)? else { return Ok(None) };
    if member.name != manifest::NAME || member.size > LONGEST_MANIFEST {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    part.take(member.size).read_to_end(&mut bytes)?;
    part.seek(SeekFrom::Start(member.len()))?;
    let manifest = String::from_utf8(bytes).ok().and_then(|text| manifest::parse(&text));
    Ok(manifest.filter(|(begun, _)| begun == first).map(|(_, lines)| lines))
}

fn write_manifest(to: &mut File, first: &First, lines: &[Line]) -> io::Result<()> {
    let text = manifest::write(first, lines);
    let member = Member { name: manifest::NAME.to_owned(), size: text.len() as u64 };
    to.write_all(&member.head())?;
    to.write_all(text.as_bytes())?;
    tar::write_padding(&member, to)
}

/// What is worth carrying: every byte that is said to be there is read.
fn survey(card: &Card, picks: impl Fn(&Kept) -> bool, sum: &mut Sum) -> Vec<Line> {
    let mut lines = Vec::new();
    for seen in card.all() {
        match card.read(&seen) {
            Sight::Answer(kept) if picks(&kept) => match kept.verify().damaged {
                0 => lines.extend(Line::of(&kept)),
                _ => sum.damaged += 1,
            },
            Sight::Answer(_) | Sight::List | Sight::Unsound | Sight::Gone => {}
        }
    }
    lines
}
