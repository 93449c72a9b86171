//! The words behind `hafir demo`.

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use crate::base::LinkRate;

/// The round trips that can be played: a longer one runs into the gateway's own deadlines.
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// The speeds that can be played: below, a page outlasts patience; above, a loopback socket is no link any more.
const RATES: (LinkRate, LinkRate) = (LinkRate::bits_per_second(8_000), LinkRate::bits_per_second(1_000_000_000));

/// What the demo is asked to be. Every field has a default that works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) listen: IpAddr,
    /// `None`: 8080, or any free port where that is taken.
    pub(crate) port: Option<u16>,
    /// `None`: a temporary folder, removed at the end.
    pub(crate) state: Option<PathBuf>,
    pub(crate) delay: Duration,
    pub(crate) rate: LinkRate,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: None,
            state: None,
            delay: Duration::from_millis(600),
            rate: LinkRate::bits_per_second(256_000),
        }
    }
}

impl Options {
    /// Reads the arguments behind the word `demo`: `--delay 1s` or `--delay=1s`.
    pub(crate) fn parse(arguments: &[OsString]) -> Result<Options, BadOption> {
        let mut options = Options::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let text = argument.to_str().ok_or(BadOption::Unknown(argument.to_string_lossy().into_owned()))?;
            match text.split_once('=') {
                Some((name, value)) => options.set(name, value)?,
                None => {
                    known(text)?;
                    let value = rest.next().and_then(|value| value.to_str());
                    options.set(text, value.ok_or(BadOption::NoValue(text.to_owned()))?)?;
                }
            }
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), BadOption> {
        let bad = |expected| BadOption::Value { name: name.to_owned(), value: value.to_owned(), expected };
        match name {
            "--port" => self.port = Some(value.parse().map_err(|_| bad("a number from 1 to 65535"))?),
            "--listen" => self.listen = value.parse().map_err(|_| bad("an address such as 0.0.0.0"))?,
            "--state" => self.state = Some(PathBuf::from(value)),
            "--delay" => self.delay = delay(value).ok_or(bad("a time up to 5 s, such as 600ms or 1s"))?,
            "--rate" => {
                self.rate = rate(value).ok_or(bad("a speed from 8 kbit/s to 1000 Mbit/s, such as 256kbit/s"))?
            }
            _ => return Err(BadOption::Unknown(name.to_owned())),
        }
        Ok(())
    }
}

fn known(name: &str) -> Result<(), BadOption> {
    match name {
        "--port" | "--listen" | "--state" | "--delay" | "--rate" => Ok(()),
        _ => Err(BadOption::Unknown(name.to_owned())),
    }
}

/// `600ms`, `600 ms`, `1s`, `1.5 s`.
pub(super) fn delay(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let millis = match unit {
        "ms" => number,
        "s" => number * 1000.0,
        _ => return None,
    };
    let delay = Duration::try_from_secs_f64(millis / 1000.0).ok()?;
    (delay <= LONGEST_DELAY).then_some(delay)
}

/// `256kbit/s`, `2 Mbit/s`, `64000 bit/s`.
pub(super) fn rate(text: &str) -> Option<LinkRate> {
    let (number, unit) = number_and_unit(text)?;
    let scale = match unit {
        "bit/s" => 1.0,
        "kbit/s" => 1e3,
        "Mbit/s" => 1e6,
        _ => return None,
    };
    let rate = LinkRate::bits_per_second((number * scale) as u64);
    (RATES.0 <= rate && rate <= RATES.1).then_some(rate)
}

fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic() || c == ' ')?);
    let digits_only = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    Some((number.parse().ok().filter(|_| digits_only)?, unit.trim_start()))
}

/// Why the demo's arguments cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadOption {
    Unknown(String),
    NoValue(String),
    Value { name: String, value: String, expected: &'static str },
}

impl fmt::Display for BadOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadOption::Unknown(name) => write!(f, "'{name}' is not an option of 'hafir demo'; see 'hafir --help'"),
            BadOption::NoValue(name) => write!(f, "{name} needs a value"),
            BadOption::Value { name, value, expected } => write!(f, "{name} {value}: expected {expected}"),
        }
    }
}

impl std::error::Error for BadOption {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, BadOption> {
        let words: Vec<OsString> = line.split('|').filter(|word| !word.is_empty()).map(OsString::from).collect();
        Options::parse(&words)
    }

    #[test]
    fn options_are_read_as_people_write_them() {
        assert_eq!(parse(""), Ok(Options::default()));
        let options = parse("--port|9000|--delay=1.5 s|--rate|2Mbit/s|--state|/tmp/x|--listen=0.0.0.0").unwrap();
        assert_eq!(options.port, Some(9000));
        assert_eq!(options.delay, Duration::from_millis(1500));
        assert_eq!(options.rate, LinkRate::bits_per_second(2_000_000));
        assert_eq!(options.state, Some(PathBuf::from("/tmp/x")));
        assert_eq!(options.listen, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (line, sentence) in [
            ("--prot|1", "'--prot' is not an option of 'hafir demo'; see 'hafir --help'"),
            ("--port", "--port needs a value"),
            ("--port|99999", "--port 99999: expected a number from 1 to 65535"),
            ("--delay|600", "--delay 600: expected a time up to 5 s, such as 600ms or 1s"),
            ("--delay|6s", "--delay 6s: expected a time up to 5 s, such as 600ms or 1s"),
            ("--rate|-1bit/s", "--rate -1bit/s: expected a speed from 8 kbit/s to 1000 Mbit/s, such as 256kbit/s"),
            ("--rate|inf bit/s", "--rate inf bit/s: expected a speed from 8 kbit/s to 1000 Mbit/s, such as 256kbit/s"),
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), sentence, "{line}");
        }
    }
}
