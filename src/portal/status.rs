//! The status page.

use crate::observe::Status;

/// The status as a page that reloads itself and reads well on a phone.
pub(crate) fn status_page(status: &Status) -> String {
    todo!()
}

/// The status as lines for a terminal.
pub(crate) fn status_text(status: &Status) -> String {
    todo!()
}
