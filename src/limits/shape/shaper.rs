//! Bandwidth towards clients: token buckets in bytes.

use std::time::Duration;

use crate::base::{LinkRate, Mono};
use crate::limits::Subject;

/// Buckets of clients, routes and plans; shared by all threads and kept over reloads.
pub(crate) struct Shaper;

/// One bucket that bytes go through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lane {
    pub(crate) subject: Subject,
    pub(crate) rate: LinkRate,
}

/// So many bytes may be sent after so long. They are reserved: whoever does not send them gives them back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Grant {
    /// At least 1 where anything was wanted.
    pub(crate) bytes: u64,
    /// Zero: at once.
    pub(crate) wait: Duration,
}

impl Shaper {
    /// Buckets that are remembered at the same time.
    pub(crate) fn new(entries: usize) -> Shaper {
        let _ = entries;
        Shaper
    }

    /// Reserves bytes in all lanes.
    pub(crate) fn take(&self, lanes: &[Lane], want: u64, now: Mono) -> Grant {
        let _ = (lanes, now);
        Grant { bytes: want, wait: Duration::ZERO }
    }

    /// Bytes that were granted and not sent.
    pub(crate) fn give_back(&self, lanes: &[Lane], bytes: u64, now: Mono) {
        let _ = (lanes, bytes, now);
    }
}
