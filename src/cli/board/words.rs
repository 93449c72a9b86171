//! The words behind `hafir board` → [`Request`].

use std::ffi::OsString;
use std::path::PathBuf;

use crate::cli::words::{BadWords, Known, Words};

pub(in crate::cli) const HELP: &str = "\
hafir board - what a board that was made from the card image does besides serving; its init calls this

Usage: hafir board prepare --boot DIR --data DIR --run DIR
       hafir board watch --boot DIR --data DIR --run DIR

  prepare                  Once at start, before the gateway: find the person's file on the card, move secrets that are typed
                           in it to DATA/board/secrets, and write to RUN what the programs beside the gateway are told:
                           board.env, hostapd.conf, wpa_supplicant.conf, dnsmasq.conf, avahi-daemon.conf, authorized_keys,
                           and in 'problems' what is wrong. What a person wrote is never a reason to fail.
  watch                    Set the clock, save it, and keep BOOT/hafir-status.txt true, without an end.

  --boot DIR               The card's first partition, with hafir.ini. It is made writable only while it is written to.
  --data DIR               The partition for what is kept.
  --run DIR                A folder for what lasts until the power goes.
  --shipped FILE           hafir.ini as the card came with it; default /etc/hafir/card.ini.
";

/// Where the image keeps its own hafir.ini.
const SHIPPED: &str = "/etc/hafir/card.ini";

/// One command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) enum Request {
    Help,
    Prepare(Places),
    Watch(Places),
}

/// The folders of a board.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Places {
    pub(super) boot: PathBuf,
    pub(super) data: PathBuf,
    pub(super) run: PathBuf,
    pub(super) shipped: PathBuf,
}

const OPTIONS: &[Known] = &[
    ("--boot", Some("a folder")),
    ("--data", Some("a folder")),
    ("--run", Some("a folder")),
    ("--shipped", Some("a file")),
];

impl Request {
    pub(in crate::cli) fn parse(words: Vec<OsString>) -> Result<Request, BadWords> {
        let mut words = Words::scan("board", OPTIONS, words)?;
        let command = words.command();
        let request = match command.as_str() {
            "help" => Request::Help,
            "prepare" => Request::Prepare(Places::parse(&command, &mut words)?),
            "watch" => Request::Watch(Places::parse(&command, &mut words)?),
            _ => return Err(words.unknown(command)),
        };
        words.end()?;
        Ok(request)
    }
}

impl Places {
    fn parse(command: &str, words: &mut Words) -> Result<Places, BadWords> {
        let mut place = |option, what| {
            let place = absolute(words.value(option));
            place.ok_or_else(|| words.missing(command, what))
        };
        Ok(Places {
            boot: place("--boot", "--boot DIR")?,
            data: place("--data", "--data DIR")?,
            run: place("--run", "--run DIR")?,
            shipped: absolute(words.value("--shipped")).unwrap_or_else(|| PathBuf::from(SHIPPED)),
        })
    }
}

/// They end up in files that are read from elsewhere.
fn absolute(place: Option<OsString>) -> Option<PathBuf> {
    place.map(PathBuf::from).map(|place| std::path::absolute(&place).unwrap_or(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Request, BadWords> {
        Request::parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn words_are_understood_in_any_order() {
        let Ok(Request::Prepare(places)) = parse("prepare --run /r --boot /b --data /d") else { panic!() };
        assert_eq!((places.boot, places.data, places.run), ("/b".into(), "/d".into(), "/r".into()));
        assert_eq!(places.shipped, PathBuf::from(SHIPPED));
        assert!(matches!(parse("watch --boot b --data d --run r --shipped s"), Ok(Request::Watch(_))));
        assert_eq!(parse("help"), Ok(Request::Help));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, problem) in [
            ("start", "'hafir board start' is no command; see 'hafir board help'"),
            ("watch --boot", "'hafir board --boot' needs a folder"),
            ("prepare --boot b --data d", "'hafir board prepare' needs --run DIR"),
            ("prepare --boot b --data d --run r x", "'hafir board' has no use for 'x'; see 'hafir board help'"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), problem, "{line}");
        }
    }
}
