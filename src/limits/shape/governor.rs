//! The uplink of all fills together, in classes.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::base::{LinkRate, Mono};
use crate::config::Priority;

/// Shared by all threads and kept over reloads.
pub(crate) struct Governor;

/// One fill's place. Dropping it leaves the queue and wakes who is next.
pub(crate) struct Line {
    class: Priority,
}

/// What one asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// So many bytes are paid: at least 1, at most what was wanted.
    Go(u64),
    /// Ask again after so long, or when the waker is called, whichever comes first.
    Wait(Duration),
}

impl Governor {
    /// `None`: the uplink gives what it has.
    pub(crate) fn new(rate: Option<LinkRate>) -> Arc<Governor> {
        let _ = rate;
        Arc::new(Governor)
    }

    pub(crate) fn set_rate(&self, rate: Option<LinkRate>) {
        let _ = rate;
    }

    pub(crate) fn join(self: &Arc<Governor>, class: Priority) -> Line {
        Line { class }
    }
}

impl Line {
    /// Pays for bytes that came over the uplink. Ask until the whole piece is paid, then read the next one: the
    /// upstream is slowed down by TCP meanwhile.
    pub(crate) fn ask(&mut self, want: u64, now: Mono, waker: &Waker) -> Turn {
        let _ = (now, waker);
        Turn::Go(want)
    }
}
