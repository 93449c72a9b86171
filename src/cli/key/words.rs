//! The words behind `hafir key` → [`Request`].

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::when::{self, Until};
use crate::cli::words::{BadWords, CONFIG, JSON, Known, Words};

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

const OPTIONS: &[Known] = &[
    CONFIG,
    JSON,
    ("--name", Some("a name")),
    ("--plan", Some("the name of a plan")),
    ("--scope", Some("a scope")),
    ("--expires", Some("a time")),
    ("--grace", Some("a time")),
    ("--card", Some("a file to write")),
];

impl Request {
    pub(in crate::cli) fn parse(words: Vec<OsString>) -> Result<Request, BadWords> {
        let mut words = Words::scan("key", OPTIONS, words)?;
        let (config, json) = (words.value("--config").map(PathBuf::from), words.flag("--json"));
        let command = words.command();
        let id = |words: &mut Words| words.next_text().ok_or_else(|| words.missing(&command, "the ID of a key"));
        let name = |words: &mut Words| words.text("--name").ok_or_else(|| words.missing(&command, "--name 'NAME'"));
        let action = match command.as_str() {
            "help" => Action::Help,
            "list" => Action::List,
            "show" => Action::Show(id(&mut words)?),
            "revoke" => Action::Revoke(id(&mut words)?),
            "rename" => Action::Rename { id: id(&mut words)?, name: name(&mut words)? },
            "new" => Action::New {
                name: name(&mut words)?,
                plan: words.text("--plan"),
                scopes: words.texts("--scope"),
                expires: words.text("--expires").map_or(Ok(None), |word| expiry(&word))?,
                card: words.value("--card").map(PathBuf::from),
            },
            "roll" => Action::Roll {
                id: id(&mut words)?,
                grace: words.text("--grace").map_or(Ok(Duration::ZERO), |word| grace(&word))?,
                card: words.value("--card").map(PathBuf::from),
            },
            _ => return Err(words.unknown(command)),
        };
        words.end()?;
        Ok(Request { config, json, action })
    }
}

fn expiry(word: &str) -> Result<Option<Until>, BadWords> {
    match word {
        "never" => Ok(None),
        _ => when::until(word).map(Some).ok_or_else(|| no_time(word)),
    }
}

fn grace(word: &str) -> Result<Duration, BadWords> {
    when::span(word).ok_or_else(|| no_time(word))
}

fn no_time(word: &str) -> BadWords {
    BadWords::BadValue(format!("'{word}' is no time: write 90days, 12h or a date such as 2027-01-31"))
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
        for help in [&[][..], &["help"], &["--help"], &["new", "--help"]] {
            assert!(parse(help).is_ok_and(|asked| asked.action == Action::Help), "{help:?}");
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
