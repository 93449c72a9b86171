//! What a message may hold: JSON Schema 2020-12 for bodies, typed rules for query parameters and header fields, media
//! types, methods.
//!
//! Never reads a file (schemas come in as bytes, and what they refer to through a closure), never answers anybody,
//! never repeats a value that it refuses: values may be personal. Entry types: [`Schema`], [`Judge`], [`Checks`],
//! [`Violation`].

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod checks;
mod json;
mod judge;
mod problem;
mod regex;
mod schema;
mod unfit;
mod value;

pub(crate) use checks::{Checks, MethodNotAllowed, UnsupportedMediaType};
pub(crate) use judge::Judge;
pub(crate) use problem::write_problem;
pub(crate) use schema::{Formats, Loader, Schema, SchemaProblem};
pub(crate) use unfit::{Bounds, Unfit, Violation};
