//! The words behind `hafir usage` → [`Request`].

use std::ffi::OsString;
use std::path::PathBuf;

use crate::cli::words::{BadWords, CONFIG, JSON, Words};

pub(in crate::cli) const HELP: &str = "\
hafir usage - who has used how much of their quotas

Usage: hafir usage [--config FILE] [--plan PLAN] [--json] [NAME]

  --plan PLAN              Only those on this plan.
  NAME                     Only this one: key/ID, user/NAME, token/ISSUER/SUBJECT, certificate/NAME or
                           address/192.168.4.7, or what stands behind the first slash.

A line for each quota of which something is used in a period that still goes on. The limits are those of the
configuration, which is /etc/hafir/hafir.ini where no --config is given. Works beside the running gateway, and
without one; then it says what was written down last.
";

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(in crate::cli) struct Request {
    pub(super) config: Option<PathBuf>,
    pub(super) json: bool,
    pub(super) help: bool,
    pub(super) plan: Option<String>,
    pub(super) name: Option<String>,
}

impl Request {
    pub(in crate::cli) fn parse(words: Vec<OsString>) -> Result<Request, BadWords> {
        let mut words = Words::scan("usage", &[CONFIG, JSON, ("--plan", Some("a plan's name"))], words)?;
        let name = words.next_text();
        let request = Request {
            config: words.value("--config").map(PathBuf::from),
            json: words.flag("--json"),
            help: words.asks_for_help() || name.as_deref() == Some("help"),
            plan: words.text("--plan"),
            name,
        };
        words.end()?;
        Ok(request)
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
        let asked = parse("key/k7f3 --json --plan clinic -c a.ini").unwrap();
        assert_eq!((asked.config.as_deref(), asked.json), (Some(std::path::Path::new("a.ini")), true));
        assert_eq!((asked.plan.as_deref(), asked.name.as_deref()), (Some("clinic"), Some("key/k7f3")));
        assert_eq!(parse("").unwrap(), Request::default());
        assert!(parse("help").unwrap().help);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, problem) in [
            ("a b", "'hafir usage' has no use for 'b'; see 'hafir usage help'"),
            ("--hard", "'hafir usage' has no use for '--hard'; see 'hafir usage help'"),
            ("--plan", "'hafir usage --plan' needs a plan's name"),
            ("--config", "'hafir usage --config' needs a file"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), problem, "{line}");
        }
    }
}
