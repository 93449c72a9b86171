//! `hafir board`: what a board that was made from the card image does besides serving.
//!
//! Decisions and texts are made by the room `board`; here are the files, the mounts and the clocks.

mod card;
mod clock;
mod durable;
mod hidden;
mod person;
mod prepare;
mod servers;
mod sight;
mod watch;
mod words;

use std::io::Write;
use std::process::ExitCode;

pub(super) use words::{HELP, Request};

use super::{EXIT_FAILURE, say};
use crate::config::LogLevel;
use crate::observe::stderr_log;

/// Runs one command and gives the exit code.
pub(super) fn run(request: &Request, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    stderr_log(LogLevel::Info);
    let done = match request {
        Request::Help => return say(out, HELP),
        Request::Prepare(places) => prepare::run(places, err),
        Request::Watch(places) => watch::run(places, err),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            let _ = writeln!(err, "hafir: {cause}");
            ExitCode::from(EXIT_FAILURE)
        }
    }
}
