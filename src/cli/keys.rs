//! `hafir keys [section]`: the reference of all keys, printed from the table that the parser works by.

use std::io::{self, Write};
use std::process::ExitCode;

use super::check;
use crate::config::{Beside, Kind, Preset, Row, SIZE_UNITS, TIME_UNITS};

/// Prints the reference of all keys, or of one section's.
pub(crate) fn run(section: Option<&str>, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let printed = match section.map(kind) {
        None => preface(out).and_then(|()| Kind::ALL.into_iter().try_for_each(|kind| chapter(kind, out))),
        Some(Ok(kind)) => chapter(kind, out),
        Some(Err(sentence)) => {
            let _ = writeln!(err, "{sentence}");
            return ExitCode::FAILURE;
        }
    };
    check::printed(printed)
}

/// `route`, `[route]` or `[route wiki]`.
fn kind(section: &str) -> Result<Kind, String> {
    let lower = section.to_lowercase();
    let word = lower.trim_start_matches('[').split([' ', ']']).next().unwrap_or_default();
    Kind::find(word).ok_or_else(|| match Kind::nearest(word) {
        Some(near) => format!("there is no section '{word}'; did you mean '{}'?", near.word()),
        None => format!("there is no section '{word}'; the sections are {}", Kind::ALL.map(Kind::word).join(", ")),
    })
}

fn preface(out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "A section is [kind] or [kind name]; below it stand lines of the form key = value.\n\
         ; and # begin a comment, on a line of its own or after a blank.\n\
         Sizes carry a unit: {SIZE_UNITS} (1 KB = 1024 bytes). Times too: {TIME_UNITS}.\n\
         Lists are parted by commas, and their key may be repeated. on, yes and true are the same; so are off, no, false.\n\
         Any value can be @/path/to/file: it is then read from there, and never shown.\n\
         (API keys for programs and devices are made by 'hafir key', without the s.)\n"
    )
}

fn chapter(kind: Kind, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}\n{}\n", kind.example(), kind.meaning())?;
    kind.rows().try_for_each(|row| entry(row, out))
}

fn entry(row: &Row, out: &mut dyn Write) -> io::Result<()> {
    let preset = match row.preset {
        Preset::Is(text) => format!("Default: {text}"),
        Preset::Unset(meaning) => format!("Not set: {meaning}"),
        Preset::Needed => "Always needed".to_owned(),
    };
    let beside = match row.beside {
        Beside::Anything => String::new(),
        Beside::Upstream | Beside::Files | Beside::Redirect | Beside::Respond => {
            format!(" Only beside '{}'.", row.beside.key())
        }
    };
    writeln!(out, "  {}\n      {}\n      Value: {}. {preset}.{beside}\n", row.key, row.meaning, row.expected())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(section: Option<&str>) -> (String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let _ = run(section, &mut out, &mut err);
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn the_reference_has_every_key_with_its_default() {
        let (out, err) = printed(None);
        for kind in Kind::ALL {
            assert!(out.contains(&kind.example()));
            for row in kind.rows() {
                assert!(out.contains(&format!("  {}\n      {}\n", row.key, row.meaning)), "{}", row.key);
            }
        }
        assert!(out.contains("Value: a size from 1 KB to 60 KB. Default: 16 KB.\n"));
        assert!(err.is_empty());
    }

    #[test]
    fn one_section_is_printed_alone() {
        let (out, _) = printed(Some("[Cache]"));
        assert!(out.starts_with("[cache]\n") && !out.contains("[route"));
    }

    #[test]
    fn an_unknown_section_names_the_nearest() {
        assert_eq!(printed(Some("rout")).1, "there is no section 'rout'; did you mean 'route'?\n");
        assert!(printed(Some("colours")).1.contains("the sections are gateway, limits, "));
    }
}
