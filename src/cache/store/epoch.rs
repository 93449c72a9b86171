//! What orders purges and answers without a clock: a number that grows with each purge. An answer bears the number at
//! which its upstream was asked; a purge with a later number is for it, one with an earlier number is not.

use std::sync::Arc;

/// The purge number at which somebody began to ask. As long as one is held, the purges after it are remembered: what
/// comes of the asking will be compared with them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(in crate::cache) struct Epoch(Arc<u32>);

impl Epoch {
    /// That of an answer which was asked for at this number, as its superblock says.
    pub(super) fn of(number: u32) -> Epoch {
        Epoch(Arc::new(number))
    }

    pub(in crate::cache) fn number(&self) -> u32 {
        *self.0
    }

    /// Whether anybody but the caller has it.
    pub(super) fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}
