//! The first file of an export: what is in it, a line of JSON for each answer, so that it can be looked at without
//! being unpacked, and continued where it was interrupted.

use miniserde::{Deserialize, Serialize, json};

use crate::cache::Tag;

pub(super) const NAME: &str = "manifest.jsonl";
pub(super) const FOLDER: &str = "objects/";
const FORMAT: &str = "hafir export 1";

/// The first line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct First {
    format: String,
    /// What was asked for, as keys and beginnings of keys.
    pub(super) selection: Vec<String>,
}

/// A line for an answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) key: String,
    /// The name of its file.
    pub(super) file: String,
    /// Bytes of that file.
    pub(super) bytes: u64,
    /// Of the whole answer, where that is known.
    pub(super) body: Option<u64>,
    pub(super) whole: bool,
    /// XXH3-64 of the list of its chunks and their checksums.
    pub(super) sum: String,
}

/// The last line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Last {
    pub(super) answers: u64,
    /// XXH3-64 of all lines before this.
    pub(super) xxh3: String,
}

impl First {
    pub(super) fn new(selection: Vec<String>) -> First {
        First { format: FORMAT.to_owned(), selection }
    }
}

impl Line {
    /// The name, if it is one that an export has.
    pub(super) fn tag(&self) -> Option<Tag> {
        tag(&self.file)
    }
}

/// The answer that a file in an export holds. No other names are there.
pub(super) fn tag(file: &str) -> Option<Tag> {
    Tag::parse(file.strip_prefix(FOLDER)?)
}

/// A manifest, if all of it is what was written.
pub(super) fn parse(text: &str) -> Option<(First, Vec<Line>)> {
    let (lines, last) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let last: Last = json::from_str(last).ok()?;
    let content = text.get(..lines.len().checked_add(1)?)?;
    if sum(content) != last.xxh3 {
        return None;
    }
    let mut lines = lines.lines();
    let first: First = json::from_str(lines.next()?).ok()?;
    let lines: Vec<Line> = lines.map(json::from_str).collect::<Result<_, _>>().ok()?;
    let sound =
        first.format == FORMAT && lines.len() as u64 == last.answers && lines.iter().all(|line| line.tag().is_some());
    sound.then_some((first, lines))
}

pub(super) fn write(first: &First, lines: &[Line]) -> String {
    let mut text = format!("{}\n", json::to_string(first));
    for line in lines {
        text.push_str(&json::to_string(line));
        text.push('\n');
    }
    let last = Last { answers: lines.len() as u64, xxh3: sum(&text) };
    text + &json::to_string(&last) + "\n"
}

fn sum(text: &str) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_whole_or_none() {
        let line = Line {
            key: "http://o:80/a".to_owned(),
            file: format!("{FOLDER}{:032x}-{:016x}", 7, 9),
            bytes: 10,
            body: None,
            whole: false,
            sum: String::new(),
        };
        let first = First::new(vec!["key http://o:80/a".to_owned()]);
        let text = write(&first, &[line.clone(), line.clone()]);
        assert_eq!(parse(&text), Some((first.clone(), vec![line.clone(), line.clone()])));
        for at in 0..text.len() {
            assert_eq!(parse(&text[..at]), None);
        }
        for file in ["objects/../x", "/etc/passwd", "objects/00", "x"] {
            let line = Line { file: file.to_owned(), ..line.clone() };
            assert_eq!(parse(&write(&first, &[line])), None, "{file}");
        }
    }
}
