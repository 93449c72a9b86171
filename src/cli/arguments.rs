//! Words of the command line → [`Command`].

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use super::audit::Request as AuditRequest;
use super::board::Request as BoardRequest;
use super::cache::Request as CacheRequest;
use super::demo::{BadOption, Options as DemoOptions};
use super::key::Request as KeyRequest;
use super::usage::Request as UsageRequest;
use super::words::BadWords;

pub(super) const HELP: &str = "\
hafir - a caching gateway for thin links

Usage: hafir COMMAND

  run FILE                 Start the gateway with a configuration file.
  check FILE               Say what is wrong in a file, line by line. Exit code 0: fine, 78: problems.
  explain FILE METHOD URL [-H 'Name: value']...
                           Say which route a request takes and why, and what it meets there.
                           Example: hafir explain hafir.ini GET http://school.lan/wiki/Uganda
  keys [SECTION]           Print what can be written in a file: every key, its unit, default and meaning.
                           (API keys for programs are made by 'hafir key'.)
  print FILE               Print the configuration in force, defaults included, secrets hidden.
  status [FILE] [--json]   Ask the running gateway how it is.
                           FILE names the admin address; default /etc/hafir/hafir.ini, else 127.0.0.1:8079.
  cache stat|list|show|verify|purge|export|import
                           What is kept, and how to look at it; 'hafir cache help' says more.
  audit verify|show|export Who asked for what, and whether anybody changed the record of it; 'hafir audit help' says more.
  key new|list|show|revoke|roll|rename
                           API keys for programs and devices; 'hafir key help' says more.
  password                 Ask for a password, or read one from standard input, and print the line for [user NAME].
  usage [--plan PLAN] [NAME]
                           Who has used how much of their quotas; 'hafir usage help' says more.
  board prepare|watch      What a board made from the card image does besides serving; 'hafir board help' says more.
  demo [--port N] [--listen ADDRESS] [--state DIR] [--delay 600ms] [--rate 256kbit/s]
                           Try it in a minute: a slow remote site and the gateway in front of it.
  version                  Print the version.

While it runs:
  edit the file            The change is checked and taken over; a broken file changes nothing.
  kill -HUP PID            The same, at once.
  kill PID                 Finish what is under way, then stop; a second time: stop now.
";

/// Where packages put the configuration.
pub(super) const DEFAULT_FILE: &str = "/etc/hafir/hafir.ini";

/// One command line, understood.
#[derive(Debug)]
pub(super) enum Command {
    Run { file: PathBuf },
    Check { file: PathBuf },
    Explain { file: PathBuf, request: ExplainRequest },
    Keys { section: Option<String> },
    Print { file: PathBuf },
    Status { file: Option<PathBuf>, json: bool },
    Board(BoardRequest),
    Cache(CacheRequest),
    Audit(AuditRequest),
    Key(KeyRequest),
    Password,
    Usage(UsageRequest),
    Demo(DemoOptions),
    Version,
    Help,
}

/// The request that `hafir explain` asks about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ExplainRequest {
    pub(super) method: String,
    pub(super) url: String,
    /// `Name: value` lines.
    pub(super) headers: Vec<(String, String)>,
}

/// Why a command line is not understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UsageError {
    NoCommand,
    UnknownCommand(String),
    Missing { command: &'static str, what: &'static str },
    Unexpected { command: &'static str, word: String },
    BadHeader(String),
    Words(BadWords),
    Demo(BadOption),
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UsageError::NoCommand => f.write_str("no command given"),
            UsageError::UnknownCommand(word) => write!(f, "'{word}' is no command"),
            UsageError::Missing { command, what } => write!(f, "'hafir {command}' needs {what}"),
            UsageError::Unexpected { command, word } => write!(f, "'hafir {command}' has no use for '{word}'"),
            UsageError::BadHeader(line) => write!(f, "-H '{line}': write it as 'Name: value'"),
            UsageError::Words(problem) => problem.fmt(f),
            UsageError::Demo(problem) => problem.fmt(f),
        }
    }
}

impl Command {
    pub(super) fn parse(words: Vec<OsString>) -> Result<Command, UsageError> {
        let mut words = words.into_iter();
        let first = words.next().ok_or(UsageError::NoCommand)?.to_string_lossy().into_owned();
        let rest = Rest { words: words.collect::<Vec<_>>().into_iter(), command: "" };
        match first.as_str() {
            "run" | "check" | "print" | "explain" | "keys" | "status" | "password" if rest.asks_for_help() => {
                Ok(Command::Help)
            }
            "run" => rest.named("run").only_file().map(|file| Command::Run { file }),
            "check" => rest.named("check").only_file().map(|file| Command::Check { file }),
            "print" => rest.named("print").only_file().map(|file| Command::Print { file }),
            "explain" => rest.named("explain").explain(),
            "keys" => rest.named("keys").keys(),
            "status" => rest.named("status").status(),
            "board" => BoardRequest::parse(rest.words.collect()).map(Command::Board).map_err(UsageError::Words),
            "cache" => CacheRequest::parse(rest.words.collect()).map(Command::Cache).map_err(UsageError::Words),
            "usage" => UsageRequest::parse(rest.words.collect()).map(Command::Usage).map_err(UsageError::Words),
            "audit" => AuditRequest::parse(rest.words.collect()).map(Command::Audit).map_err(UsageError::Words),
            "key" => KeyRequest::parse(rest.words.collect()).map(Command::Key).map_err(UsageError::Words),
            "password" => rest.named("password").nothing_more(Command::Password),
            "demo" => DemoOptions::parse(rest.words.as_slice()).map(Command::Demo).map_err(UsageError::Demo),
            "version" | "--version" | "-V" => rest.named("version").nothing_more(Command::Version),
            "help" | "--help" | "-h" => Ok(Command::Help),
            _ => Err(UsageError::UnknownCommand(first)),
        }
    }
}

/// The words behind the command's name.
struct Rest {
    words: std::vec::IntoIter<OsString>,
    command: &'static str,
}

impl Rest {
    fn named(mut self, command: &'static str) -> Rest {
        self.command = command;
        self
    }

    fn asks_for_help(&self) -> bool {
        self.words.as_slice().iter().any(|word| word == "--help")
    }

    fn next_text(&mut self) -> Option<String> {
        self.words.next().map(|word| word.to_string_lossy().into_owned())
    }

    fn need(&mut self, what: &'static str) -> Result<String, UsageError> {
        self.next_text().ok_or(UsageError::Missing { command: self.command, what })
    }

    fn file(&mut self) -> Result<PathBuf, UsageError> {
        let missing = UsageError::Missing { command: self.command, what: "a configuration file" };
        self.words.next().map(PathBuf::from).ok_or(missing)
    }

    fn nothing_more<T>(mut self, value: T) -> Result<T, UsageError> {
        match self.next_text() {
            None => Ok(value),
            Some(word) => Err(UsageError::Unexpected { command: self.command, word }),
        }
    }

    fn only_file(mut self) -> Result<PathBuf, UsageError> {
        let file = self.file()?;
        self.nothing_more(file)
    }

    fn keys(mut self) -> Result<Command, UsageError> {
        let section = self.next_text();
        self.nothing_more(Command::Keys { section })
    }

    fn status(self) -> Result<Command, UsageError> {
        let (mut file, mut json) = (None, false);
        for word in self.words {
            if word == "--json" {
                json = true;
            } else if file.is_none() {
                file = Some(PathBuf::from(word));
            } else {
                let word = word.to_string_lossy().into_owned();
                return Err(UsageError::Unexpected { command: self.command, word });
            }
        }
        Ok(Command::Status { file, json })
    }

    fn explain(mut self) -> Result<Command, UsageError> {
        let file = self.file()?;
        let method = self.need("a method (GET) and a URL")?;
        let url = self.need("a URL")?;
        let mut headers = Vec::new();
        while let Some(word) = self.next_text() {
            if word != "-H" {
                return Err(UsageError::Unexpected { command: self.command, word });
            }
            headers.push(split_header(self.need("a header behind -H")?)?);
        }
        Ok(Command::Explain { file, request: ExplainRequest { method, url, headers } })
    }
}

fn split_header(line: String) -> Result<(String, String), UsageError> {
    match line.split_once(':') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.trim().to_owned())),
        Some(_) | None => Err(UsageError::BadHeader(line)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(line: &str) -> Result<Command, UsageError> {
        Command::parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn commands_are_understood() {
        assert!(matches!(parse("run my.ini"), Ok(Command::Run { file }) if file == Path::new("my.ini")));
        assert!(matches!(parse("status --json a.ini"), Ok(Command::Status { file: Some(_), json: true })));
        assert!(matches!(parse("keys route"), Ok(Command::Keys { section: Some(_) })));
        assert!(matches!(parse("check --help"), Ok(Command::Help)));
        let explained = parse("explain a.ini GET http://b/c -H Accept:x").unwrap();
        let Command::Explain { request, .. } = explained else { panic!("{explained:?}") };
        assert_eq!(request.headers, [("Accept".to_owned(), "x".to_owned())]);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, problem) in [
            ("", "no command given"),
            ("start", "'start' is no command"),
            ("run", "'hafir run' needs a configuration file"),
            ("run a b", "'hafir run' has no use for 'b'"),
            ("explain a.ini GET", "'hafir explain' needs a URL"),
            ("explain a.ini GET / -H x", "-H 'x': write it as 'Name: value'"),
            ("demo --port x", "--port x: expected a number from 1 to 65535"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), problem, "{line}");
        }
    }
}
