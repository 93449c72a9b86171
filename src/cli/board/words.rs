//! The words behind `hafir board` → [`Request`].

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

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

/// Why the words are not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) enum BadWords {
    NoCommand,
    Unexpected(String),
    Missing(&'static str),
}

impl fmt::Display for BadWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadWords::NoCommand => f.write_str("'hafir board' needs 'prepare' or 'watch'; see 'hafir board help'"),
            BadWords::Unexpected(word) => write!(f, "'hafir board' has no use for '{word}'; see 'hafir board help'"),
            BadWords::Missing(option) => write!(f, "'hafir board' needs {option} and a folder"),
        }
    }
}

impl Request {
    pub(in crate::cli) fn parse(words: Vec<OsString>) -> Result<Request, BadWords> {
        let mut words = words.into_iter();
        let command = words.next().ok_or(BadWords::NoCommand)?.to_string_lossy().into_owned();
        match command.as_str() {
            "help" | "--help" | "-h" => Ok(Request::Help),
            "prepare" => Places::parse(words).map(Request::Prepare),
            "watch" => Places::parse(words).map(Request::Watch),
            _ => Err(BadWords::Unexpected(command)),
        }
    }
}

impl Places {
    fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Places, BadWords> {
        let [mut boot, mut data, mut run, mut shipped] = [const { None }; 4];
        while let Some(word) = words.next() {
            let (option, place) = match word.to_str() {
                Some("--boot") => ("--boot", &mut boot),
                Some("--data") => ("--data", &mut data),
                Some("--run") => ("--run", &mut run),
                Some("--shipped") => ("--shipped", &mut shipped),
                Some(_) | None => return Err(BadWords::Unexpected(word.to_string_lossy().into_owned())),
            };
            let folder = PathBuf::from(words.next().ok_or(BadWords::Missing(option))?);
            // They end up in files that are read from elsewhere.
            *place = Some(std::path::absolute(&folder).unwrap_or(folder));
        }
        Ok(Places {
            boot: boot.ok_or(BadWords::Missing("--boot"))?,
            data: data.ok_or(BadWords::Missing("--data"))?,
            run: run.ok_or(BadWords::Missing("--run"))?,
            shipped: shipped.unwrap_or_else(|| PathBuf::from(SHIPPED)),
        })
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
        let Ok(Request::Prepare(places)) = parse("prepare --run /r --boot /b --data /d") else { panic!() };
        assert_eq!((places.boot, places.data, places.run), ("/b".into(), "/d".into(), "/r".into()));
        assert_eq!(places.shipped, PathBuf::from(SHIPPED));
        assert!(matches!(parse("watch --boot b --data d --run r --shipped s"), Ok(Request::Watch(_))));
        assert_eq!(parse("help"), Ok(Request::Help));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, problem) in [
            ("", "'hafir board' needs 'prepare' or 'watch'; see 'hafir board help'"),
            ("start", "'hafir board' has no use for 'start'; see 'hafir board help'"),
            ("watch --boot", "'hafir board' needs --boot and a folder"),
            ("prepare --boot b --data d", "'hafir board' needs --run and a folder"),
            ("prepare b", "'hafir board' has no use for 'b'; see 'hafir board help'"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), problem, "{line}");
        }
    }
}
