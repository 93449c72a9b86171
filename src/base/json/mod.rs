//! JSON (RFC 8259) as a bounded tree that borrows from its text.
//!
//! Strict: UTF-8 without a mark in front, nothing behind the value, no lone surrogates, and no name twice in an object,
//! as I-JSON asks (RFC 7493 §2.1, §2.3): what two readers could understand in two ways is refused. Numbers stay text, so
//! that nothing is lost before it is known what they are for. Entry types: [`Json`], [`read`].

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod problem;
mod reader;
mod value;

pub(crate) use problem::JsonProblem;
pub(crate) use value::{Json, Number};

/// How much a text may hold. Bounds work and memory: a value takes at most 32 bytes beside the text, a member of an object
/// twice that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct JsonBounds {
    /// Arrays and objects in each other; the reader's own stack grows with it. `[]` has a depth of 1.
    pub(crate) depth: usize,
    /// Values of all kinds in all, containers and members included.
    pub(crate) values: usize,
}

/// Reads a whole text.
pub(crate) fn read<'a>(bytes: &'a [u8], bounds: JsonBounds) -> Result<Json<'a>, JsonProblem> {
    reader::read(bytes, bounds)
}
