//! A segment, line by line, in bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use ring::digest;

use super::hash::Hash;
use super::record::{Link, MOST_LINE};

pub(super) struct Lines {
    file: BufReader<File>,
    line: Vec<u8>,
    number: u64,
    offset: u64,
}

/// One line of a segment.
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    /// Where it begins.
    pub(super) offset: u64,
    /// Where the next one begins.
    pub(super) end: u64,
    /// Nothing where it is no record: not in shape, without its end, or too long.
    pub(super) link: Option<Link>,
}

impl Lines {
    pub(super) fn open(path: &Path) -> io::Result<Lines> {
        Ok(Lines { file: BufReader::new(File::open(path)?), line: Vec::new(), number: 0, offset: 0 })
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        self.line.clear();
        let taken = self.file.by_ref().take(MOST_LINE as u64).read_until(b'\n', &mut self.line)?;
        if taken == 0 {
            return Ok(None);
        }
        let link = self.line.strip_suffix(b"\n").and_then(Link::parse);
        let rest = if self.line.ends_with(b"\n") { 0 } else { self.skip_rest()? };
        let (offset, end) = (self.offset, self.offset + taken as u64 + rest);
        self.number += 1;
        self.offset = end;
        Ok(Some(Line { number: self.number, offset, end, link }))
    }

    /// The line as it stands, with its end.
    pub(super) fn text(&self) -> &[u8] {
        &self.line
    }

    /// Of a line that is too long, and of the last one.
    fn skip_rest(&mut self) -> io::Result<u64> {
        let mut skipped = 0;
        loop {
            let buffer = self.file.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(buffer.len(), |at| at + 1);
            self.file.consume(length);
            skipped += length as u64;
            if end.is_some() || length == 0 {
                return Ok(skipped);
            }
        }
    }
}

/// The length and hash of what stands behind `offset`.
pub(super) fn rest(path: &Path, offset: u64) -> io::Result<(u64, Hash)> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let (mut context, mut length) = (digest::Context::new(&digest::SHA256), 0);
    let mut buffer = [0; 4096];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((length, Hash::from_ring(&context.finish())));
        }
        context.update(buffer.get(..count).unwrap_or_default());
        length += count as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::super::folder::tests::Folder;
    use super::super::record;
    use super::*;

    #[test]
    fn lines_are_found_whatever_stands_between_them() {
        let folder = Folder::new();
        let path = folder.0.join("x");
        let mut bytes = Vec::new();
        record::write(&mut bytes, 1, b"\"kind\":\"resumed\",\"time\":\"\",\"clock_sure\":true", Hash::default());
        let first = bytes.len() as u64;
        bytes.extend(vec![0; 3 * MOST_LINE]);
        bytes.push(b'\n');
        let second = bytes.len() as u64;
        record::write(&mut bytes, 2, b"\"kind\":\"resumed\",\"time\":\"\",\"clock_sure\":true", Hash::default());
        let third = bytes.len() as u64;
        bytes.extend(b"torn");
        std::fs::write(&path, &bytes).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        let mut seen = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            seen.push((line.number, line.offset, line.link.map(|link| link.record.seq)));
        }
        assert_eq!(seen, [(1, 0, Some(1)), (2, first, None), (3, second, Some(2)), (4, third, None)]);
        assert_eq!(rest(&path, third).unwrap(), (4, Hash::of(b"torn")));
    }
}
