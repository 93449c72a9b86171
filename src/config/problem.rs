//! What is wrong with a file, one line each.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::table::{self, Kind};

/// Problems kept of one file; further ones are only counted, so that a film opened as a configuration stays harmless.
const MAX_KEPT: usize = 500;

/// One problem or note. Prints as `hafir.ini:12: [route wiki] uptream: unknown key; did you mean 'upstream'?`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    file: Arc<str>,
    /// 0 where the problem is the whole file's.
    line: usize,
    /// `route wiki`; empty outside of sections.
    section: String,
    /// Empty where the problem is the whole section's.
    key: String,
    fault: Fault,
}

/// All problems of a file, in the order of its lines. Prints one a line.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    more: usize,
}

/// What is wrong in one place. Prints as the part of a [`Problem`] behind the place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    Unreadable(String),
    TooLarge,
    Utf16WithoutMark,
    NotUtf8 {
        byte: u8,
        /// The text as an older Notepad meant it.
        meant: String,
    },
    Control(char),
    NoEquals {
        found: String,
        suggestion: Option<String>,
    },
    NoKey,
    Unclosed {
        found: String,
        suggestion: String,
    },
    BehindBracket {
        found: String,
    },
    BeforeSections {
        /// The sections that know the key.
        belongs: Vec<Kind>,
    },
    TooMany {
        what: &'static str,
        most: usize,
    },
    UnknownSection {
        suggestion: Option<String>,
    },
    NameNeeded {
        example: String,
    },
    NameNotTaken {
        expected: String,
    },
    NameInvalid,
    SecondSection {
        first: usize,
    },
    UnknownKey {
        suggestion: Option<String>,
        /// The sections that know the key.
        elsewhere: Vec<Kind>,
    },
    SecondKey {
        first: usize,
    },
    Value {
        /// `None` where the value is a secret.
        found: Option<String>,
        expected: String,
        suggestion: Option<String>,
    },
    Empty {
        expected: String,
    },
    /// An `@file` value that could not be had.
    FileValue {
        path: String,
        why: String,
    },
    Missing {
        expected: String,
    },
    NoDestination,
    Conflict {
        other: String,
        /// 0 where the other is a default.
        line: usize,
        why: &'static str,
    },
    Misplaced {
        needs: &'static str,
        has: &'static str,
        line: usize,
    },
    /// Understood, and never done. The sentence says why.
    Refused(String),
    /// Not an error: what an operator may want to know.
    Note(String),
}

/// Where problems are gathered while a file is read.
#[derive(Debug)]
pub(super) struct Report {
    file: Arc<str>,
    problems: Problems,
    notes: Vec<Problem>,
}

impl Report {
    pub(super) fn new(file: &str) -> Report {
        Report { file: file.into(), problems: Problems::default(), notes: Vec::new() }
    }

    pub(super) fn add(&mut self, line: usize, section: &str, key: &str, fault: Fault) {
        let is_note = matches!(fault, Fault::Note(_));
        let kept = if is_note { self.notes.len() } else { self.problems.list.len() };
        if kept >= MAX_KEPT {
            self.problems.more += usize::from(!is_note);
            return;
        }
        let problem = Problem { file: self.file.clone(), line, section: shown(section), key: shown(key), fault };
        if is_note {
            self.notes.push(problem);
        } else {
            self.problems.list.push(problem);
        }
    }

    /// Problems and notes, each in the order of lines.
    pub(super) fn finish(mut self) -> (Problems, Vec<Problem>) {
        self.problems.list.sort_by_key(|problem| problem.line);
        self.notes.sort_by_key(|note| note.line);
        (self.problems, self.notes)
    }
}

impl Problems {
    /// A file that could not be read at all.
    pub(super) fn unreadable(file: &str, why: String) -> Problems {
        let mut report = Report::new(file);
        report.add(0, "", "", Fault::Unreadable(why));
        report.problems
    }

    /// A file that holds nothing, where it held something before.
    pub(crate) fn empty(path: &Path) -> Problems {
        Problems::unreadable(&super::file_name(path), "it is empty; write it again, or put a copy in its place".into())
    }

    /// How many there are, those included that are only counted.
    pub(crate) fn count(&self) -> usize {
        self.list.len().saturating_add(self.more)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Those that are kept.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.list.iter()
    }

    /// Each as one line, for pages and programs.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.list.iter().map(Problem::to_string).collect();
        if self.more > 0 {
            lines.push(format!("and {} more problems", self.more));
        }
        lines
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Problem {
    /// 0 where the problem is the whole file's.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// The same without file and line: `[route wiki] uptream: unknown key; did you mean 'upstream'?`
    pub(crate) fn what(&self) -> String {
        let whole = self.to_string();
        let place = if self.line > 0 { format!("{}:{}: ", self.file, self.line) } else { format!("{}: ", self.file) };
        whole.strip_prefix(&place).unwrap_or(&whole).to_owned()
    }

    /// Whether what a section of this kind says may be another thing than what was meant: the problem stands in it, or
    /// nobody knows where it stands, or it is about a key that such a section has.
    pub(crate) fn concerns(&self, kind: Kind) -> bool {
        let word = self.section.split(' ').next().unwrap_or_default();
        Kind::find(word).is_none_or(|own| own == kind) || table::homes(&self.key).contains(&kind)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        match (self.section.as_str(), self.key.as_str()) {
            ("", "") => write!(f, ": {}", self.fault),
            ("", key) => write!(f, ": {key}: {}", self.fault),
            (section, "") => write!(f, ": [{section}]: {}", self.fault),
            (section, key) => write!(f, ": [{section}] {key}: {}", self.fault),
        }
    }
}

impl Fault {
    pub(super) fn value(found: &str, expected: impl Into<String>) -> Fault {
        Fault::Value { found: Some(shown(found)), expected: expected.into(), suggestion: None }
    }

    /// Adds what was probably meant.
    pub(super) fn meant(self, meant: impl Into<String>) -> Fault {
        match self {
            Fault::Value { found, expected, .. } => Fault::Value { found, expected, suggestion: Some(meant.into()) },
            other => other,
        }
    }

    /// The same without a word of the value.
    pub(super) fn hushed(self) -> Fault {
        match self {
            Fault::Value { expected, .. } => Fault::Value { found: None, expected, suggestion: None },
            Fault::NotUtf8 { byte, .. } => Fault::NotUtf8 { byte, meant: "***".into() },
            other => other,
        }
    }

    pub(super) fn refused(sentence: impl Into<String>) -> Fault {
        Fault::Refused(sentence.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Fault::TooLarge => f.write_str("larger than 1 MB, which no configuration is"),
            Fault::Utf16WithoutMark => f.write_str("looks like UTF-16 without its mark; save the file as UTF-8"),
            Fault::NotUtf8 { byte, meant } => {
                write!(f, "the byte 0x{byte:02X} is not UTF-8; save the file as UTF-8 (here '{meant}')")
            }
            Fault::Control(found) => {
                write!(f, "holds the control character U+{:04X}, as damaged files do", u32::from(*found))
            }
            Fault::NoEquals { found, suggestion } => {
                write!(f, "found '{found}' without '='; expected 'key = value'")?;
                write_meant(f, suggestion.as_deref())
            }
            Fault::NoKey => f.write_str("nothing stands before the '='; expected 'key = value'"),
            Fault::Unclosed { found, suggestion } => {
                write!(f, "found '{found}' without its ']'")?;
                write_meant(f, Some(suggestion))
            }
            Fault::BehindBracket { found } => {
                write!(f, "found '{found}' behind the ']'; expected the head of a section alone on its line")
            }
            Fault::BeforeSections { belongs } if belongs.is_empty() => {
                f.write_str("unknown key, and stands before the first section")
            }
            Fault::BeforeSections { belongs } => {
                write!(f, "stands before the first section; expected it below {}", heads(belongs))
            }
            Fault::TooMany { what, most } => write!(f, "one too many; a file has at most {most} {what}"),
            Fault::UnknownSection { suggestion: None } => {
                write!(f, "unknown section; expected {}", heads(&Kind::ALL))
            }
            Fault::UnknownSection { suggestion } => {
                f.write_str("unknown section")?;
                write_meant(f, suggestion.as_deref())
            }
            Fault::NameNeeded { example } => write!(f, "needs a name, as in '{example}'"),
            Fault::NameNotTaken { expected } => write!(f, "takes no name; expected '{expected}'"),
            Fault::NameInvalid => f.write_str(
                "found a name that cannot be used; expected at most 64 letters, digits, blanks or '-', '_', '.'",
            ),
            Fault::SecondSection { first } => write!(f, "stands in line {first} already; a section is written once"),
            Fault::UnknownKey { suggestion: None, elsewhere } if !elsewhere.is_empty() => {
                write!(f, "unknown key here; expected it below {}", heads(elsewhere))
            }
            Fault::UnknownKey { suggestion, .. } => {
                f.write_str("unknown key")?;
                write_meant(f, suggestion.as_deref())
            }
            Fault::SecondKey { first } => write!(f, "stands in line {first} already; only lists may be repeated"),
            Fault::Value { found, expected, suggestion } => {
                match found {
                    Some(found) => write!(f, "found '{found}'; expected {expected}")?,
                    None => write!(f, "found a value that does not fit; expected {expected}")?,
                }
                write_meant(f, suggestion.as_deref())
            }
            Fault::Empty { expected } => write!(f, "found nothing behind the '='; expected {expected}"),
            Fault::FileValue { path, why } => write!(f, "cannot read the value from '{path}': {why}"),
            Fault::Missing { expected } => write!(f, "missing; expected {expected}"),
            Fault::NoDestination => {
                f.write_str("no destination; expected one of 'upstream', 'files', 'redirect' or 'respond'")
            }
            Fault::Conflict { other, line: 0, why } => write!(f, "conflicts with the default of '{other}'; {why}"),
            Fault::Conflict { other, line, why } => write!(f, "conflicts with '{other}' in line {line}; {why}"),
            Fault::Misplaced { needs, has, line } => {
                write!(f, "has a meaning only beside '{needs}'; this route has '{has}' in line {line}")
            }
            Fault::Refused(sentence) => f.write_str(sentence),
            Fault::Note(sentence) => write!(f, "note: {sentence}"),
        }
    }
}

fn write_meant(f: &mut fmt::Formatter<'_>, suggestion: Option<&str>) -> fmt::Result {
    match suggestion {
        Some(meant) => write!(f, "; did you mean '{}'?", shown(meant)),
        None => Ok(()),
    }
}

/// `[cache] or [log]`
fn heads(kinds: &[Kind]) -> String {
    let heads: Vec<String> = kinds.iter().map(|kind| format!("[{}]", kind.word())).collect();
    match heads.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// A piece of the file as it may stand in a message: one line, not long, without control characters.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut shown: String = text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
