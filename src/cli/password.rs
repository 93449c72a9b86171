//! `hafir password`: from a password to the line that stands for it in the file.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::EXIT_FAILURE;
use crate::auth::basic;

/// Bytes of a password. A longer one is a file that was piped in by mistake.
const LONGEST: usize = 256;

/// Asks twice without showing what is typed, or reads one line where the input is no terminal, and prints the line.
pub(super) fn run(out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let mut input = io::stdin().lock();
    let password = if input.is_terminal() { ask_twice(&mut input, err) } else { read(&mut input) };
    match password.and_then(|password| line(&password, basic::DEFAULT_ITERATIONS)) {
        Ok(line) => super::check::printed(writeln!(out, "{line}")),
        Err(problem) => {
            let _ = writeln!(err, "hafir: {problem}");
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

/// Why there is no line.
#[derive(Debug)]
enum NoPassword {
    Empty,
    TooLong,
    /// No client could send it (RFC 7617 §2).
    Control,
    NotUtf8,
    Different,
    /// Control-C.
    GivenUp,
    NoRandomness,
    Input(io::Error),
}

fn line(password: &str, iterations: u32) -> Result<String, NoPassword> {
    let hash = basic::hash(password, iterations).ok_or(NoPassword::NoRandomness)?;
    Ok(format!("password = {hash}"))
}

fn ask_twice(input: &mut (impl BufRead + std::os::fd::AsFd), err: &mut dyn Write) -> Result<String, NoPassword> {
    let first = ask("Password: ", input, err)?;
    let second = ask("Once more: ", input, err)?;
    if first == second { Ok(first) } else { Err(NoPassword::Different) }
}

fn ask(
    question: &str,
    input: &mut (impl BufRead + std::os::fd::AsFd),
    err: &mut dyn Write,
) -> Result<String, NoPassword> {
    let _ = write!(err, "{question}").and_then(|()| err.flush());
    let terminal = input.as_fd().try_clone_to_owned().map_err(NoPassword::Input)?;
    let password = {
        let _quiet = Quiet::begin(&terminal).map_err(NoPassword::Input)?;
        read(input)
    };
    let _ = writeln!(err);
    password
}

/// One line, without its end.
fn read(input: &mut impl BufRead) -> Result<String, NoPassword> {
    let mut line = Vec::new();
    io::Read::take(input, LONGEST as u64 + 3).read_until(b'\n', &mut line).map_err(NoPassword::Input)?;
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = String::from_utf8(line.to_vec()).map_err(|_| NoPassword::NotUtf8)?;
    match () {
        () if text.contains('\u{3}') => Err(NoPassword::GivenUp),
        () if text.is_empty() => Err(NoPassword::Empty),
        () if text.len() > LONGEST => Err(NoPassword::TooLong),
        () if text.chars().any(char::is_control) => Err(NoPassword::Control),
        () => Ok(text),
    }
}

/// A terminal that shows nothing and takes Control-C for a letter, so that it is never left that way. Dropped, it is as
/// before.
struct Quiet<'t> {
    terminal: &'t std::os::fd::OwnedFd,
    before: Termios,
}

impl Quiet<'_> {
    fn begin(terminal: &std::os::fd::OwnedFd) -> io::Result<Quiet<'_>> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Quiet { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // Where the terminal is gone there is nothing to mend.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

impl fmt::Display for NoPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoPassword::Empty => f.write_str("a password is needed"),
            NoPassword::TooLong => write!(f, "a password has at most {LONGEST} bytes"),
            NoPassword::Control => f.write_str("a password has no tabs or other control characters"),
            NoPassword::NotUtf8 => f.write_str("the password is not UTF-8 text"),
            NoPassword::Different => f.write_str("the two passwords are not the same"),
            NoPassword::GivenUp => f.write_str("given up"),
            NoPassword::NoRandomness => f.write_str("the system has no random numbers"),
            NoPassword::Input(error) => write!(f, "the password could not be read: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    #[test]
    fn the_line_is_understood_in_the_file() {
        let line = line("pass ; wörd", 1000).unwrap();
        let file = format!("[user mary]\n{line}\n");
        let users = config::load_bytes("f", file.as_bytes(), Path::new("/")).unwrap().config.users;
        let known = basic::Users::build(&users);
        assert!(known.notes().is_empty());
        let basic::Checked::Ask(job) = known.check("mary", "pass ; wörd", crate::base::Now::default()) else {
            panic!("judged at once")
        };
        assert!(known.remember(job.run()).is_some());
    }

    #[test]
    fn one_line_is_read() {
        for (input, expected) in [
            (&b"secret\n"[..], Ok("secret")),
            (b"secret\r\nmore", Ok("secret")),
            (b" se cret ", Ok(" se cret ")),
            (b"", Err("a password is needed")),
            (b"\n", Err("a password is needed")),
            (b"a\tb\n", Err("a password has no tabs or other control characters")),
            (b"a\x03", Err("given up")),
            (b"\xff\n", Err("the password is not UTF-8 text")),
            (&[b'a'; 300], Err("a password has at most 256 bytes")),
        ] {
            let read = read(&mut &*input).map_err(|problem| problem.to_string());
            assert_eq!(read.as_deref().map_err(String::as_str), expected, "{input:?}");
        }
        assert_eq!(read(&mut &[b'a'; 256][..]).unwrap().len(), 256);
    }
}
