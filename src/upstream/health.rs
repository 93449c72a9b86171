//! When an upstream that fails is tried again.

use std::fmt;

/// What an upstream did wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    Name,
    Connect,
    Tls,
    TimedOut,
    Truncated,
    BadAnswer,
    Status(u16),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
