//! The words behind `hafir key` → [`Request`].

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::when::{self, Until};

pub(in crate::cli) const HELP: &str = "\
hafir key - keys for programs and devices

Usage: hafir key [--config FILE] [--json] COMMAND

  new --name NAME [--plan PLAN] [--scope SCOPE]... [--expires 90days|2027-01-31|never] [--card FILE]
                           Make a key and print it. It is shown this once; only its SHA-256 is kept.
                           --card writes a card to print, with a QR code (SVG).
                           Example: hafir key new --name 'Clinic tablet 3' --plan clinic --scope records.read
  list                     All keys, one a line.
  show ID                  One key.
  revoke ID                The key opens nothing from the next request on, for good.
  roll ID [--grace 7days] [--card FILE]
                           Make a new secret and print it. The old one is good for as long as --grace says.
  rename ID --name NAME    Give the key another name for people.

ID is the word behind 'hafir_' in a key. Dates are UTC; a key that expires on a day is good on that day. The
configuration is /etc/hafir/hafir.ini where no --config is given. All of it works beside the running gateway, and without
one. What can be written in that file is printed by 'hafir keys', with an s.
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
    New { name: String, plan: Option<String>, scopes: Vec<String>, expires: Option<Until>, card: Option<PathBuf> },
    List,
    Show(String),
    Revoke(String),
    Roll { id: String, grace: Duration, card: Option<PathBuf> },
    Rename { id: String, name: String },
}

/// Why the words are not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) enum BadWords {
    Unknown(String),
    Missing { command: &'static str, what: &'static str },
    Unexpected(String),
    BadTime(String),
}

impl fmt::Display for BadWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadWords::Unknown(word) => write!(f, "'hafir key {word}' is no command; see 'hafir key help'"),
            BadWords::Missing { command, what } => write!(f, "'hafir key {command}' needs {what}"),
            BadWords::Unexpected(word) => write!(f, "'hafir key' has no use for '{word}'; see 'hafir key help'"),
            BadWords::BadTime(word) => write!(f, "'{word}' is no time: write 90days, 12h or a date such as 2027-01-31"),
        }
    }
}

impl Request {
    pub(in crate::cli) fn parse(words: Vec<OsString>) -> Result<Request, BadWords> {
        let mut options = Options::default();
        let mut plain = options.take(words)?.into_iter();
        let command = plain.next().unwrap_or_else(|| "help".to_owned());
        let mut id = |command| plain.next().ok_or(BadWords::Missing { command, what: "the ID of a key" });
        let no_name = |command| BadWords::Missing { command, what: "--name 'NAME'" };
        let action = match command.as_str() {
            "help" | "--help" | "-h" => Action::Help,
            "list" => Action::List,
            "show" => Action::Show(id("show")?),
            "revoke" => Action::Revoke(id("revoke")?),
            "rename" => Action::Rename { id: id("rename")?, name: options.name.take().ok_or(no_name("rename"))? },
            "new" => Action::New {
                name: options.name.take().ok_or(no_name("new"))?,
                plan: options.plan.take(),
                scopes: std::mem::take(&mut options.scopes),
                expires: options.expires.take().map_or(Ok(None), |word| expiry(&word))?,
                card: options.card.take(),
            },
            "roll" => Action::Roll {
                id: id("roll")?,
                grace: options.grace.take().map_or(Ok(Duration::ZERO), |word| grace(&word))?,
                card: options.card.take(),
            },
            _ => return Err(BadWords::Unknown(command)),
        };
        match plain.next().or_else(|| options.unused()) {
            Some(word) => Err(BadWords::Unexpected(word)),
            None => Ok(Request { config: options.config, json: options.json, action }),
        }
    }
}

fn expiry(word: &str) -> Result<Option<Until>, BadWords> {
    match word {
        "never" => Ok(None),
        _ => when::until(word).map(Some).ok_or_else(|| BadWords::BadTime(word.to_owned())),
    }
}

fn grace(word: &str) -> Result<Duration, BadWords> {
    when::span(word).ok_or_else(|| BadWords::BadTime(word.to_owned()))
}

#[derive(Default)]
struct Options {
    config: Option<PathBuf>,
    json: bool,
    name: Option<String>,
    plan: Option<String>,
    scopes: Vec<String>,
    expires: Option<String>,
    grace: Option<String>,
    card: Option<PathBuf>,
}

impl Options {
    /// The words that are no options.
    fn take(&mut self, words: Vec<OsString>) -> Result<Vec<String>, BadWords> {
        let mut plain = Vec::new();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let word = word.to_string_lossy().into_owned();
            let (option, joined) = match word.split_once('=') {
                Some((option, value)) if option.starts_with("--") => (option.to_owned(), Some(OsString::from(value))),
                Some(_) | None => (word.clone(), None),
            };
            let mut value = |command, what| {
                let value = joined.clone().or_else(|| words.next());
                value.ok_or(BadWords::Missing { command, what })
            };
            let text = |value: OsString| value.to_string_lossy().into_owned();
            match option.as_str() {
                "--json" if joined.is_none() => self.json = true,
                "--config" | "-c" => self.config = Some(value("--config", "a file")?.into()),
                "--card" => self.card = Some(value("--card", "a file to write")?.into()),
                "--name" => self.name = Some(text(value("--name", "a name")?)),
                "--plan" => self.plan = Some(text(value("--plan", "the name of a plan")?)),
                "--scope" => self.scopes.push(text(value("--scope", "a scope")?)),
                "--expires" => self.expires = Some(text(value("--expires", "a time")?)),
                "--grace" => self.grace = Some(text(value("--grace", "a time")?)),
                "--help" => plain.insert(0, "help".to_owned()),
                option if option.starts_with("--") => return Err(BadWords::Unexpected(word)),
                _ => plain.push(word),
            }
        }
        Ok(plain)
    }

    /// An option that the command did not take.
    fn unused(&self) -> Option<String> {
        let given = [
            ("--name", self.name.is_some()),
            ("--plan", self.plan.is_some()),
            ("--scope", !self.scopes.is_empty()),
            ("--expires", self.expires.is_some()),
            ("--grace", self.grace.is_some()),
            ("--card", self.card.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(name, _)| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Result<Request, BadWords> {
        Request::parse(line.iter().map(OsString::from).collect())
    }

    #[test]
    fn words_are_understood_in_any_order() {
        let asked = parse(&[
            "--json",
            "new",
            "--scope",
            "records.read",
            "--name",
            "Clinic tablet 3",
            "--expires=90 days",
            "--plan",
            "clinic",
            "--scope=records.write",
            "-c",
            "a.ini",
            "--card",
            "x.svg",
        ]);
        let asked = asked.unwrap();
        assert!(asked.json && asked.config.is_some());
        let expected = Action::New {
            name: "Clinic tablet 3".to_owned(),
            plan: Some("clinic".to_owned()),
            scopes: vec!["records.read".to_owned(), "records.write".to_owned()],
            expires: Some(Until::After(Duration::from_secs(90 * 86_400))),
            card: Some("x.svg".into()),
        };
        assert_eq!(asked.action, expected);
        let roll = Action::Roll { id: "k7".to_owned(), grace: Duration::from_secs(7 * 86_400), card: None };
        assert_eq!(parse(&["roll", "k7", "--grace", "7days"]).unwrap().action, roll);
        let never = parse(&["new", "--name", "a", "--expires", "never"]).unwrap().action;
        assert!(matches!(never, Action::New { expires: None, .. }));
        for help in [&[][..], &["help"], &["--help"], &["--help", "help"]] {
            assert!(parse(help).is_ok_and(|asked| asked.action == Action::Help) || help.len() == 2, "{help:?}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (line, problem) in [
            (&["make"][..], "'hafir key make' is no command; see 'hafir key help'"),
            (&["new"], "'hafir key new' needs --name 'NAME'"),
            (&["revoke"], "'hafir key revoke' needs the ID of a key"),
            (&["rename", "k7"], "'hafir key rename' needs --name 'NAME'"),
            (&["list", "--grace", "1d"], "'hafir key' has no use for '--grace'; see 'hafir key help'"),
            (&["revoke", "a", "b"], "'hafir key' has no use for 'b'; see 'hafir key help'"),
            (&["list", "--jsn"], "'hafir key' has no use for '--jsn'; see 'hafir key help'"),
            (&["new", "--name"], "'hafir key --name' needs a name"),
            (
                &["new", "--name", "a", "--expires", "soon"],
                "'soon' is no time: write 90days, 12h or a date such as 2027-01-31",
            ),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), problem, "{line:?}");
        }
    }
}
