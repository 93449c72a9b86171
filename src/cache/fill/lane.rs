//! One upstream answer being written: the newest bytes in a window in RAM, the others on the card.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pen::Pen;

/// A place within so many bytes behind a lane is waited for: less than asking for it would cost.
pub(super) const REACH: u64 = 256 << 10;

/// Part of the state of a stream.
pub(super) struct Lane {
    pub(super) id: u32,
    pub(super) start: u64,
    /// Behind its last byte; `None` where nobody knows.
    pub(super) end: Option<u64>,
    /// The bytes from `base` on.
    pub(super) window: Vec<u8>,
    pub(super) base: u64,
    /// Those from `start` to here are on the card.
    pub(super) on_file: u64,
    /// The upstream gives the whole whatever is asked: everybody waits for this lane, and it stops for nothing.
    pub(super) through: bool,
    /// No more bytes come; the window is all that is not on the card.
    pub(super) ended: bool,
    pub(super) quill: Arc<Quill>,
}

/// What writes a lane to the card: its writer, or the clock's tick. Locked for as long as a write takes, on the blocking
/// pool only.
#[derive(Default)]
pub(super) struct Quill(Mutex<Option<Pen>>);

impl Lane {
    pub(super) fn new(id: u32, start: u64, end: Option<u64>, through: bool) -> Lane {
        let quill = Arc::new(Quill::default());
        Lane { id, start, end, window: Vec::new(), base: start, on_file: start, through, ended: false, quill }
    }

    /// Up to here bytes have come.
    pub(super) fn arrived(&self) -> u64 {
        self.base.saturating_add(self.window.len() as u64)
    }

    /// Whether this byte came by this lane and can still be had.
    pub(super) fn has(&self, at: u64) -> bool {
        (self.start..self.on_file).contains(&at) || (self.base..self.arrived()).contains(&at)
    }

    /// Whether this byte has not come, and will come so soon that it is waited for.
    pub(super) fn will_soon_have(&self, at: u64, patient: bool) -> bool {
        let ahead = !self.ended && at >= self.arrived() && self.end.is_none_or(|end| at < end);
        ahead && (patient || self.through || at - self.arrived() <= REACH)
    }

    /// Whether one who reads here depends on this lane.
    pub(super) fn serves(&self, at: u64) -> bool {
        at >= self.start && (self.through || at <= self.arrived().saturating_add(REACH))
    }

    /// Bytes up to here are on the card.
    pub(super) fn written_to(&mut self, at: u64) {
        let count = usize::try_from(at.saturating_sub(self.base)).unwrap_or(usize::MAX).min(self.window.len());
        self.window.drain(..count);
        self.base = self.base.saturating_add(count as u64);
        self.on_file = self.on_file.max(at.min(self.base));
    }

    /// Bytes up to here are wanted by nobody any more.
    pub(super) fn release(&mut self, at: u64) {
        let count = usize::try_from(at.saturating_sub(self.base)).unwrap_or(usize::MAX).min(self.window.len());
        self.window.drain(..count);
        self.base = self.base.saturating_add(count as u64);
    }
}

impl Quill {
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Pen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
