//! The process's own log, on stderr.

use crate::config::LogLevel;

/// Sends the `log` macros to stderr; the level may be changed later by calling it again.
pub(crate) fn stderr_log(level: LogLevel) {
    todo!()
}
