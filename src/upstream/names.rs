//! Host names and their addresses, remembered.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use crate::net::Clock;

/// Answers of the resolver: fresh for a minute, and kept for as long as the resolver fails.
pub(crate) struct Names {}

impl Names {
    /// With the system's resolver.
    pub(crate) fn system(clock: Arc<Clock>) -> Arc<Names> {
        todo!()
    }

    /// With another one; it may block.
    pub(crate) fn with_resolver(
        clock: Arc<Clock>,
        resolve: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Arc<Names> {
        todo!()
    }

    /// What is known, as text: one line per name, the name followed by its addresses.
    pub(crate) fn export(&self) -> String {
        todo!()
    }

    /// Takes what [`Names::export`] wrote earlier; lines that cannot be read are passed over.
    pub(crate) fn import(&self, text: &str) {
        todo!()
    }
}
