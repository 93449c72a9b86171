//! A body that is judged while it comes in.

use std::sync::Arc;

use super::schema::Schema;
use super::unfit::{Bounds, Unfit};

/// Holds one body, as far as it came, and gives it back when it has passed.
pub(crate) struct Judge {
    schema: Arc<Schema>,
    bounds: Bounds,
    body: Vec<u8>,
}

impl Judge {
    pub(crate) fn new(schema: Arc<Schema>, bounds: Bounds) -> Judge {
        Judge { schema, bounds, body: Vec::new() }
    }

    /// Takes the next piece. An error is final: whatever comes behind cannot make the body right.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<(), Unfit> {
        if piece.len() > self.bounds.size.saturating_sub(self.body.len()) {
            return Err(Unfit::TooLarge);
        }
        self.body.extend_from_slice(piece);
        Ok(())
    }

    /// The whole body, which may be sent on.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Unfit> {
        self.schema.validate(&self.body, &self.bounds)?;
        Ok(self.body)
    }
}
