//! `hafir keys [section]`

use std::io::Write;
use std::process::ExitCode;

/// Prints the reference of all keys, or of one section's.
pub(crate) fn run(section: Option<&str>, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let _ = (section, out, err);
    ExitCode::SUCCESS
}
