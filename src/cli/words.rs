//! The words behind a command that has commands and options of its own: options stand anywhere among them, their values behind
//! `=` or as the next word.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

/// An option's name, and what its value is; `None`: it has none.
pub(super) type Known = (&'static str, Option<&'static str>);

pub(super) const CONFIG: Known = ("--config", Some("a file"));
pub(super) const JSON: Known = ("--json", None);

/// Why the words behind `hafir COMMAND` are not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum BadWords {
    Unknown {
        of: &'static str,
        word: String,
    },
    Missing {
        of: &'static str,
        what_for: String,
        what: &'static str,
    },
    Unexpected {
        of: &'static str,
        word: String,
    },
    /// A value is not what it should be: the whole sentence.
    BadValue(String),
}

impl fmt::Display for BadWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadWords::Unknown { of, word } => {
                write!(f, "'hafir {of} {word}' is no command; see 'hafir {of} help'")
            }
            BadWords::Missing { of, what_for, what } => write!(f, "'hafir {of} {what_for}' needs {what}"),
            BadWords::Unexpected { of, word } => {
                write!(f, "'hafir {of}' has no use for '{word}'; see 'hafir {of} help'")
            }
            BadWords::BadValue(sentence) => f.write_str(sentence),
        }
    }
}

/// Words that were told apart; each is taken once, and what is left at the end is a mistake.
pub(super) struct Words {
    of: &'static str,
    plain: std::vec::IntoIter<OsString>,
    options: Vec<(&'static str, OsString)>,
    help: bool,
}

impl Words {
    /// Tells options from other words.
    pub(super) fn scan(of: &'static str, known: &[Known], words: Vec<OsString>) -> Result<Words, BadWords> {
        let (mut plain, mut options, mut help) = (Vec::new(), Vec::new(), false);
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let (name, joined) = split(&word);
            let name = if name == "-c" { "--config" } else { name };
            match known.iter().find(|(known, _)| *known == name) {
                Some((option, None)) if joined.is_none() => options.push((*option, OsString::new())),
                Some((option, Some(what))) => {
                    let value = joined.map(OsStr::to_owned).or_else(|| words.next());
                    let missing = || BadWords::Missing { of, what_for: (*option).to_owned(), what };
                    options.push((*option, value.ok_or_else(missing)?));
                }
                Some(_) | None if matches!(name, "--help" | "-h") => help = true,
                Some(_) | None if name.starts_with("--") => return Err(BadWords::Unexpected { of, word: text(word) }),
                Some(_) | None => plain.push(word),
            }
        }
        Ok(Words { of, plain: plain.into_iter(), options, help })
    }

    /// The first plain word; `help` where there is none, or help is asked for.
    pub(super) fn command(&mut self) -> String {
        let command = self.next_text().filter(|_| !self.help).unwrap_or_else(|| "help".to_owned());
        self.help |= command == "help";
        command
    }

    pub(super) fn asks_for_help(&self) -> bool {
        self.help
    }

    pub(super) fn next(&mut self) -> Option<OsString> {
        self.plain.next()
    }

    pub(super) fn next_text(&mut self) -> Option<String> {
        self.next().map(text)
    }

    /// Whether an option without a value is there.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Where it is given several times, the last one.
    pub(super) fn value(&mut self, name: &str) -> Option<OsString> {
        self.values(name).pop()
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.value(name).map(text)
    }

    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        self.values(name).into_iter().map(text).collect()
    }

    fn values(&mut self, name: &str) -> Vec<OsString> {
        self.options.extract_if(.., |(given, _)| *given == name).map(|(_, value)| value).collect()
    }

    pub(super) fn unknown(&self, word: String) -> BadWords {
        BadWords::Unknown { of: self.of, word }
    }

    pub(super) fn missing(&self, what_for: &str, what: &'static str) -> BadWords {
        BadWords::Missing { of: self.of, what_for: what_for.to_owned(), what }
    }

    /// Nothing may be left; who asks for help is told, whatever else there is.
    pub(super) fn end(mut self) -> Result<(), BadWords> {
        let option = self.options.first().map(|(name, _)| (*name).to_owned());
        match self.next_text().or(option).filter(|_| !self.help) {
            Some(word) => Err(BadWords::Unexpected { of: self.of, word }),
            None => Ok(()),
        }
    }
}

/// `--name=value` in its halves. What is no text is no option.
fn split(word: &OsStr) -> (&str, Option<&OsStr>) {
    let bytes = word.as_bytes();
    let Some(at) = bytes.iter().position(|byte| *byte == b'=').filter(|_| bytes.starts_with(b"--")) else {
        return (word.to_str().unwrap_or_default(), None);
    };
    let (name, value) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
    (str::from_utf8(name).unwrap_or_default(), Some(OsStr::from_bytes(value.get(1..).unwrap_or_default())))
}

fn text(word: OsString) -> String {
    word.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Known] = &[CONFIG, JSON, ("--tag", Some("a tag"))];

    fn scan(line: &str) -> Result<Words, BadWords> {
        Words::scan("thing", KNOWN, line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn options_stand_anywhere() {
        for line in ["-c a=b make x --json --tag 1 --tag 2", "--json --tag=1 --config=a=b make --tag=2 x"] {
            let mut words = scan(line).unwrap();
            assert_eq!((words.command(), words.next_text()), ("make".to_owned(), Some("x".to_owned())), "{line}");
            assert_eq!(words.text("--config").as_deref(), Some("a=b"), "{line}");
            assert_eq!((words.flag("--json"), words.texts("--tag")), (true, vec!["1".to_owned(), "2".to_owned()]));
            assert_eq!(words.end(), Ok(()));
        }
    }

    #[test]
    fn who_asks_for_help_gets_it() {
        for line in ["", "help", "help make", "--help", "make --help", "make x -h --json"] {
            let mut words = scan(line).unwrap();
            assert_eq!(words.command(), "help", "{line}");
            assert_eq!(words.end(), Ok(()), "{line}");
        }
    }

    #[test]
    fn what_nobody_takes_is_a_mistake() {
        let left = |line: &str| {
            let mut words = scan(line).unwrap();
            words.command();
            words.end().unwrap_err().to_string()
        };
        assert_eq!(left("make x --json"), "'hafir thing' has no use for 'x'; see 'hafir thing help'");
        assert_eq!(left("make --tag x"), "'hafir thing' has no use for '--tag'; see 'hafir thing help'");
        let wrong = |line: &str| scan(line).err().unwrap().to_string();
        assert_eq!(wrong("make --tg=7"), "'hafir thing' has no use for '--tg=7'; see 'hafir thing help'");
        assert_eq!(wrong("make --json=7"), "'hafir thing' has no use for '--json=7'; see 'hafir thing help'");
        assert_eq!(wrong("make --tag"), "'hafir thing --tag' needs a tag");
    }

    #[test]
    fn names_of_files_need_not_be_text() {
        let file = OsStr::from_bytes(b"--config=\xff").to_owned();
        let mut words = Words::scan("thing", KNOWN, vec![file, OsStr::from_bytes(b"\xfe").to_owned()]).unwrap();
        assert_eq!(words.value("--config").unwrap().as_bytes(), b"\xff");
        assert_eq!(words.next().unwrap().as_bytes(), b"\xfe");
    }
}
