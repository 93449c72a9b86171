//! What stands for schemas in a build without the feature `schema`: none can be had.

use std::sync::Arc;

use super::source::{Formats, Loader, SchemaProblem};
use super::unfit::{Bounds, Unfit};

/// There is none.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Schema {}

/// There is none, as it would need a schema.
pub(crate) struct Judge(Arc<Schema>);

impl Schema {
    pub(crate) fn compile(_: &[u8], base: &str, _: Formats, _: &mut Loader<'_>) -> Result<Schema, SchemaProblem> {
        let message = "cannot be used: this program was built without schemas".to_owned();
        Err(SchemaProblem { document: base.to_owned(), pointer: String::new(), message })
    }

    pub(crate) fn validate(&self, _: &[u8], _: &Bounds) -> Result<(), Unfit> {
        match *self {}
    }
}

impl Judge {
    pub(crate) fn new(schema: Arc<Schema>, _: Bounds) -> Judge {
        Judge(schema)
    }

    pub(crate) fn feed(&mut self, _: &[u8]) -> Result<(), Unfit> {
        match *self.0 {}
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, Unfit> {
        match *self.0 {}
    }
}
