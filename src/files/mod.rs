//! A folder as a destination: files, index files and listings, with conditions and ranges.
//!
//! Never follows a path out of the folder (unless `symlinks` is on and a link in it leads there), never serves names
//! that begin with a dot, never writes. Entry types: [`FileRequest`], [`answer`] → `FileAnswer` of
//! [`Piece`]s, or [`NoFile`].

mod answer;
mod content;
mod listing;
mod name;
mod open;

pub(crate) use answer::{FileRequest, NoFile, Piece, answer};
