//! How schemas come in, and why one does not.

use std::fmt;

/// Gives the bytes of the document with this absolute URI, or why it cannot be had, as the end of a sentence: `is not
/// there`. Asked only while compiling.
pub(crate) type Loader<'a> = dyn FnMut(&str) -> Result<Vec<u8>, String> + 'a;

/// Whether `format` is a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Formats {
    /// As the standard has it: only where the metaschema asks for it.
    #[default]
    Standard,
    /// Always.
    Checked,
}

/// Why a schema cannot be used. `document` is a URI, `pointer` a JSON Pointer into it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SchemaProblem {
    pub(crate) document: String,
    pub(crate) pointer: String,
    /// What is the matter with the place, as the end of a sentence: `must be string`.
    pub(crate) message: String,
}

impl fmt::Display for SchemaProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{} {}", self.document, self.pointer, self.message)
    }
}

impl std::error::Error for SchemaProblem {}
