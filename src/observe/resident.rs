//! How much memory the process uses.

use crate::base::Size;

/// Resident memory, from `/proc`; zero where that is not to be had.
pub(crate) fn resident() -> Size {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    Size::bytes(pages.saturating_mul(rustix::param::page_size() as u64))
}
