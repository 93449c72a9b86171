//! What the commands share that look into a gateway's folders: where these are, and how a command ends.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::arguments::DEFAULT_FILE;
use super::{EXIT_CONFIG, EXIT_FAILURE};
use crate::config::{self, Config};

/// Why a command came to nothing.
pub(super) enum Trouble {
    Output(io::Error),
    /// A sentence for the operator, with what mends it.
    Told(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Output(error)
    }
}

impl From<String> for Trouble {
    fn from(problem: String) -> Trouble {
        Trouble::Told(problem)
    }
}

/// The configuration that says where the folders are, and its file. A broken one is read as far as it goes. `command` is
/// what `hafir` was asked for. The error is told already.
pub(super) fn configured(
    named: Option<&Path>,
    command: &str,
    err: &mut dyn Write,
) -> Result<(Config, PathBuf), ExitCode> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE)).to_owned();
    let bytes = std::fs::read(&path).map_err(|cause| {
        let mend = match named {
            Some(_) => String::new(),
            None => format!("; name the gateway's configuration: hafir {command} --config FILE"),
        };
        let _ = writeln!(err, "hafir: {}: {cause}{mend}", path.display());
        ExitCode::from(EXIT_CONFIG)
    })?;
    let config = match config::load(&path) {
        Ok(loaded) => loaded.config,
        Err(_) => config::fallback(&bytes, &config::folder(&path)),
    };
    Ok((config, path))
}

/// Tells what went wrong.
pub(super) fn finish(done: Result<ExitCode, Trouble>, err: &mut dyn Write) -> ExitCode {
    let problem = match done {
        Ok(code) => return code,
        // A reader that went away (`hafir cache list | head`) has what it wanted.
        Err(Trouble::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
        Err(Trouble::Output(error)) => error.to_string(),
        Err(Trouble::Told(problem)) => problem,
    };
    let _ = writeln!(err, "hafir: {problem}");
    ExitCode::from(EXIT_FAILURE)
}
