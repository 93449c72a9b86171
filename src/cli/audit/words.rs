//! The words behind `hafir audit` → [`Request`].

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::words::{BadWords, CONFIG, JSON, Known, Words};
use crate::observe::audit::Hash;

pub(in crate::cli) const HELP: &str = "\
hafir audit - who asked for what, and whether anybody changed the record of it

Usage: hafir audit [--config FILE] [--json] COMMAND

  verify [FILE] [--anchor NUMBER:HASH]
                           Read the whole trail, or one that was exported, and say what was changed, removed, moved or
                           cut, and where. Exit code 0: nothing was, 1: something was. Prints the anchor of the newest
                           record; keep it elsewhere: with it, a trail that was made anew is found out as well.
  show [--since WHEN] [--identity ID] [--route NAME]
                           The exchanges, one a line. WHEN: 2026-11-23, 2026-11-23T08:30, or so long ago: 90min, 12h,
                           7days. What was noted while the clock was not set is marked with '?' and always shown.
  export FILE              Write the whole trail into a new file.

The configuration is /etc/hafir/hafir.ini where no --config is given. All of it only reads, beside the running gateway
and without one.
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
    Verify { file: Option<PathBuf>, anchor: Option<(u64, Hash)> },
    Show(Selection),
    Export { file: PathBuf },
}

/// Some of the exchanges.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Selection {
    pub(super) since: Option<Since>,
    pub(super) identity: Option<String>,
    pub(super) route: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Since {
    /// The beginning of a time in UTC, as RFC 3339 writes it.
    Time(String),
    Ago(Duration),
}

const OPTIONS: &[Known] = &[
    CONFIG,
    JSON,
    ("--anchor", Some("NUMBER:HASH")),
    ("--since", Some("a time")),
    ("--identity", Some("the id of somebody")),
    ("--route", Some("the name of a route")),
];

impl Request {
    pub(in crate::cli) fn parse(words: Vec<OsString>) -> Result<Request, BadWords> {
        let mut words = Words::scan("audit", OPTIONS, words)?;
        let (config, json) = (words.value("--config").map(PathBuf::from), words.flag("--json"));
        let command = words.command();
        let action = match command.as_str() {
            "help" => Action::Help,
            "verify" => Action::Verify {
                file: words.next().map(PathBuf::from),
                anchor: words.text("--anchor").map(anchor).transpose()?,
            },
            "show" => Action::Show(Selection {
                since: words.text("--since").map(since).transpose()?,
                identity: words.text("--identity"),
                route: words.text("--route"),
            }),
            "export" => {
                let file = words.next().ok_or_else(|| words.missing("export", "a file to write"))?;
                Action::Export { file: file.into() }
            }
            _ => return Err(words.unknown(command)),
        };
        words.end()?;
        Ok(Request { config, json, action })
    }
}

fn anchor(word: String) -> Result<(u64, Hash), BadWords> {
    let parts = word.split_once(':').and_then(|(seq, hash)| seq.parse().ok().zip(Hash::parse(hash.as_bytes())));
    parts.ok_or_else(|| {
        BadWords::BadValue(format!("--anchor {word}: expected NUMBER:HASH, as 'hafir audit verify' prints it"))
    })
}

fn since(word: String) -> Result<Since, BadWords> {
    const FORM: &str = "0000-00-00T00:00:00.000Z";
    let shaped = word.len() >= "0000-00-00".len() && word.len() <= FORM.len();
    let alike = |(is, form): (u8, u8)| if form == b'0' { is.is_ascii_digit() } else { is == form };
    if shaped && word.bytes().zip(FORM.bytes()).all(alike) {
        return Ok(Since::Time(word));
    }
    let unit = word.find(|one: char| !one.is_ascii_digit()).unwrap_or(word.len());
    let (count, unit) = word.split_at(unit);
    let seconds = match unit.trim() {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        "day" | "days" => 86_400,
        _ => return Err(no_time(&word)),
    };
    let span = count.parse::<u32>().map(|count| Duration::from_secs(u64::from(count) * seconds));
    span.map(Since::Ago).map_err(|_| no_time(&word))
}

fn no_time(word: &str) -> BadWords {
    BadWords::BadValue(format!("--since {word}: expected a time in UTC, as 2026-11-23T08:30, or 12h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Request, BadWords> {
        Request::parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn words_are_understood_in_any_order() {
        let asked = parse("--config a.ini show --route records --json --since 2026-11-23T08 --identity k7").unwrap();
        assert_eq!((asked.config.as_deref(), asked.json), (Some(std::path::Path::new("a.ini")), true));
        let since = Some(Since::Time("2026-11-23T08".to_owned()));
        let selection = Selection { since, identity: Some("k7".to_owned()), route: Some("records".to_owned()) };
        assert_eq!(asked.action, Action::Show(selection));
        let asked = parse("show --since 90min").unwrap().action;
        let since = Some(Since::Ago(Duration::from_secs(5400)));
        assert_eq!(asked, Action::Show(Selection { since, ..Selection::default() }));
        let asked = parse(&format!("verify x.jsonl --anchor 7:{}", "0".repeat(64))).unwrap().action;
        assert_eq!(asked, Action::Verify { file: Some("x.jsonl".into()), anchor: Some((7, Hash::default())) });
        assert_eq!(parse("").unwrap().action, Action::Help);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, problem) in [
            ("start", "'hafir audit start' is no command; see 'hafir audit help'"),
            ("export", "'hafir audit export' needs a file to write"),
            ("show more", "'hafir audit' has no use for 'more'; see 'hafir audit help'"),
            ("verify --route x", "'hafir audit' has no use for '--route'; see 'hafir audit help'"),
            ("verify --anchor 7", "--anchor 7: expected NUMBER:HASH, as 'hafir audit verify' prints it"),
            ("show --since noon", "--since noon: expected a time in UTC, as 2026-11-23T08:30, or 12h"),
            ("show --since", "'hafir audit --since' needs a time"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), problem, "{line}");
        }
    }
}
