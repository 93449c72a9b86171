//! The command line, and the process around the gateway: signals, privileges, executor threads, reload, drain.
//!
//! Never handles a request. Entry type: [`Command`]; each command is a file of its own.

mod arguments;
mod audit;
mod board;
mod cache;
mod check;
mod control;
mod demo;
mod explain;
mod floor;
mod folders;
mod keeper;
mod key;
mod key_files;
mod keys;
mod last_good;
mod memory;
mod notify;
mod password;
mod print;
mod privileges;
mod run;
mod secrets;
mod signals;
mod status;
mod usage;
mod watch;
mod witness;
mod words;
mod workers;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use arguments::{Command, UsageError};

/// The configuration is wrong (`EX_CONFIG` of sysexits).
const EXIT_CONFIG: u8 = 78;
/// The command line is wrong (`EX_USAGE`).
const EXIT_USAGE: u8 = 64;
/// Something that should be there is not: no answer from a running gateway, an address in use.
const EXIT_FAILURE: u8 = 1;

/// Runs one command line (without the program's name) and gives the exit code.
pub(crate) fn run(words: Vec<OsString>) -> ExitCode {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    match Command::parse(words) {
        Ok(command) => execute(command, &mut out, &mut err),
        Err(problem) => {
            refuse(&problem, &mut err);
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn execute(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    match command {
        Command::Run { file } => run::run(&file, err),
        Command::Check { file } => check::run(&file, out, err),
        Command::Explain { file, request } => explain::run(&file, &request, out, err),
        Command::Keys { section } => keys::run(section.as_deref(), out, err),
        Command::Print { file } => print::run(&file, out, err),
        Command::Status { file, json } => status::run(&file, json, out, err),
        Command::Board(request) => board::run(&request, out, err),
        Command::Cache(request) => cache::run(&request, out, err),
        Command::Audit(request) => audit::run(&request, out, err),
        Command::Key(request) => key::run(&request, out, err),
        Command::Password => password::run(out, err),
        Command::Usage(request) => usage::run(&request, out, err),
        Command::Demo(options) => demonstrate(&options, out, err),
        Command::Version => say(out, concat!("hafir ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::Help => say(out, arguments::HELP),
    }
}

/// Prints what was asked for. A reader that went away (`hafir keys | head -1`) is no failure.
fn say(out: &mut dyn Write, text: &str) -> ExitCode {
    let _ = out.write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// The ordinary gateway on the demo's configuration. The demo lives as long as the gateway.
fn demonstrate(options: &demo::Options, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    match demo::prepare(options) {
        Ok(demo) => run::run_then(&demo.file, err, |_| {
            let _ = out.write_all(demo::announce(&demo).as_bytes());
        }),
        Err(cause) => {
            let _ = writeln!(err, "hafir: the demo cannot start: {cause}");
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

fn refuse(problem: &UsageError, err: &mut dyn Write) {
    let _ = writeln!(err, "hafir: {problem}\nTry 'hafir --help'.");
}
