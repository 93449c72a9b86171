//! The process's own log, on stderr.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::config::LogLevel;

/// Sends the `log` macros to stderr; the level may be changed later by calling it again.
pub(crate) fn stderr_log(level: LogLevel) {
    static LOG: Stderr = Stderr { journal: AtomicBool::new(false) };
    LOG.journal.store(std::env::var_os("JOURNAL_STREAM").is_some(), Relaxed);
    // A second call finds the log already in its place.
    let _ = log::set_logger(&LOG);
    log::set_max_level(match level {
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warn => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
    });
}

struct Stderr {
    /// Whether systemd's journal reads along and wants the priority in front (sd-daemon(3)).
    journal: AtomicBool,
}

impl Log for Stderr {
    /// Libraries are heard from warnings upwards.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let ours = metadata.target().split("::").next() == Some(env!("CARGO_PKG_NAME"));
        ours || metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = line(record.level(), &record.args().to_string(), self.journal.load(Relaxed));
            // Where nobody listens there is nobody to tell.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

/// One line, and further ones of the message indented, so that nothing in it reads like a line of its own; what could
/// speak to a terminal is escaped.
fn line(level: Level, message: &str, journal: bool) -> String {
    let (priority, word) = match level {
        Level::Error => (3, "error"),
        Level::Warn => (4, "warning"),
        Level::Info => (6, "info"),
        Level::Debug | Level::Trace => (7, "debug"),
    };
    let mut line = String::with_capacity(message.len() + 16);
    let priority = if journal { format!("<{priority}>") } else { String::new() };
    for (at, part) in message.trim_end().split('\n').enumerate() {
        let _ = match (at, journal) {
            (0, true) => write!(line, "{priority}"),
            (0, false) => write!(line, "{word}: "),
            (_, _) => write!(line, "{priority}    "),
        };
        for character in part.chars() {
            if character.is_control() {
                line.extend(character.escape_default());
            } else {
                line.push(character);
            }
        }
        line.push('\n');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_forge_another() {
        for (level, message, journal, expected) in [
            (Level::Error, "the card is full", false, "error: the card is full\n"),
            (Level::Warn, "a\rb\x1b[1m\u{9b}", false, "warning: a\\rb\\u{1b}[1m\\u{9b}\n"),
            (Level::Warn, "two:\none\n", false, "warning: two:\n    one\n"),
            (Level::Warn, "two:\none", true, "<4>two:\n<4>    one\n"),
            (Level::Info, "ready", true, "<6>ready\n"),
            (Level::Debug, "é", true, "<7>é\n"),
        ] {
            assert_eq!(line(level, message, journal), expected);
        }
    }
}
