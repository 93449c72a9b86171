//! What a message may hold: JSON Schema 2020-12 for bodies, typed rules for query parameters and header fields, media
//! types, methods.
//!
//! Never reads a file (schemas come in as bytes, and what they refer to through a closure), never answers anybody,
//! never repeats a value that it refuses: values may be personal. Names of members and parameters are told to the client
//! that sent them, and belong into no log. Entry types: [`Schema`], [`Judge`], [`Checks`], [`Violation`].

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]
// Without schemas nothing of what judges bodies is used.
#![cfg_attr(not(feature = "schema"), allow(dead_code))]

mod checks;
#[cfg(feature = "schema")]
mod json;
#[cfg(feature = "schema")]
mod judge;
#[cfg(feature = "schema")]
mod regex;
#[cfg(feature = "schema")]
mod schema;
mod source;
mod unfit;
mod value;
#[cfg(not(feature = "schema"))]
mod without;

pub(crate) use checks::Checks;
#[cfg(feature = "schema")]
pub(crate) use judge::Judge;
#[cfg(feature = "schema")]
pub(crate) use schema::Schema;
pub(crate) use source::Formats;
pub(crate) use unfit::{Bounds, Unfit, Violation};
#[cfg(not(feature = "schema"))]
pub(crate) use without::{Judge, Schema};
