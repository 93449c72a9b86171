//! The words behind `hafir cache` → [`Request`].

use std::ffi::OsString;
use std::path::PathBuf;

use crate::cli::words::{BadWords, CONFIG, JSON, Words};

pub(in crate::cli) const HELP: &str = "\
hafir cache - what is kept, and how to look at it

Usage: hafir cache [--config FILE] [--json] COMMAND

  stat                     How much is kept, and how much room there is.
  list [PREFIX|tag:NAME]   What is kept, one answer a line.
  show URL                 One answer: its head, its age, what of it is there, where it lies.
  verify                   Read every byte and say what is not as it was written.
  purge URL|PREFIX*|tag:NAME [--hard]
                           Mark answers stale: the upstream is asked before they are used again, and their bytes stay
                           for the case that nothing changed. --hard: take them away.
  export FILE [URL|PREFIX*|tag:NAME]
                           Write answers into one file, to carry them to another board. An export that was
                           interrupted goes on where it was.
  import FILE              Take answers from such a file. What is here already, or newer, stays.

A URL is one of this gateway's own, as http://board/wiki/Uganda or /wiki/Uganda, or the upstream's. The configuration
is /etc/hafir/hafir.ini where no --config is given. All of it works beside the running gateway, and without one.
";

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Request {
    pub(super) config: Option<PathBuf>,
    pub(super) json: bool,
    pub(super) action: Action,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Action {
    Help,
    Stat,
    List(Selection),
    Show(String),
    Verify,
    Purge { what: Selection, hard: bool },
    Export { file: PathBuf, what: Selection },
    Import { file: PathBuf },
}

/// Some of what is kept, as people name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Selection {
    All,
    Url(String),
    Beginning(String),
    Tag(String),
}

impl Request {
    pub(in crate::cli) fn parse(words: Vec<OsString>) -> Result<Request, BadWords> {
        let mut words = Words::scan("cache", &[CONFIG, JSON, ("--hard", None)], words)?;
        let (config, json) = (words.value("--config").map(PathBuf::from), words.flag("--json"));
        let command = words.command();
        let need = |words: &mut Words, what| words.next().ok_or_else(|| words.missing(&command, what));
        let text = |word: OsString| word.to_string_lossy().into_owned();
        let action = match command.as_str() {
            "help" => Action::Help,
            "stat" => Action::Stat,
            "list" => Action::List(words.next_text().map_or(Selection::All, |word| Selection::of(&word).widened())),
            "show" => Action::Show(text(need(&mut words, "a URL")?)),
            "verify" => Action::Verify,
            "purge" => {
                let what = text(need(&mut words, "a URL, a prefix with * or tag:NAME")?);
                Action::Purge { what: Selection::of(&what), hard: words.flag("--hard") }
            }
            "export" => {
                let file = need(&mut words, "a file to write")?.into();
                Action::Export { file, what: words.next_text().map_or(Selection::All, |word| Selection::of(&word)) }
            }
            "import" => Action::Import { file: need(&mut words, "a file")?.into() },
            _ => return Err(words.unknown(command)),
        };
        words.end()?;
        Ok(Request { config, json, action })
    }
}

impl Selection {
    pub(super) fn of(word: &str) -> Selection {
        match (word.strip_prefix("tag:"), word.strip_suffix('*')) {
            (Some(tag), _) => Selection::Tag(tag.to_owned()),
            (None, Some("")) => Selection::All,
            (None, Some(beginning)) => Selection::Beginning(beginning.to_owned()),
            (None, None) => Selection::Url(word.to_owned()),
        }
    }

    /// Where a list is asked for, an address is the beginning of addresses.
    fn widened(self) -> Selection {
        match self {
            Selection::Url(url) => Selection::Beginning(url),
            Selection::All | Selection::Beginning(_) | Selection::Tag(_) => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Request, BadWords> {
        Request::parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn words_are_understood_in_any_order() {
        let asked = parse("--config a.ini purge /wiki/* --hard --json").unwrap();
        assert_eq!((asked.config.as_deref(), asked.json), (Some(std::path::Path::new("a.ini")), true));
        assert_eq!(asked.action, Action::Purge { what: Selection::Beginning("/wiki/".to_owned()), hard: true });
        assert_eq!(parse("list /wiki/").unwrap().action, Action::List(Selection::Beginning("/wiki/".to_owned())));
        let export = Action::Export { file: "x.tar".into(), what: Selection::Tag("films".to_owned()) };
        assert_eq!(parse("export x.tar tag:films").unwrap().action, export);
        assert_eq!(parse("").unwrap().action, Action::Help);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, problem) in [
            ("start", "'hafir cache start' is no command; see 'hafir cache help'"),
            ("show", "'hafir cache show' needs a URL"),
            ("stat --hard", "'hafir cache' has no use for '--hard'; see 'hafir cache help'"),
            ("stat more", "'hafir cache' has no use for 'more'; see 'hafir cache help'"),
            ("stat --config", "'hafir cache --config' needs a file"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), problem, "{line}");
        }
    }
}
