//! What is in force, as text: every section and key with its value and where it came from.

use std::path::PathBuf;

/// One section as it is in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct EffectiveSection {
    /// `gateway`, or `route wiki`.
    pub(crate) title: String,
    /// The line of its head; 0 where the file has no such section.
    pub(crate) line: usize,
    pub(crate) entries: Vec<EffectiveEntry>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct EffectiveEntry {
    pub(crate) key: String,
    /// As it would be written after the `=`.
    pub(crate) value: String,
    pub(crate) origin: Origin,
    /// Whether this would hold without the line.
    pub(crate) is_default: bool,
    /// Whether the value must not be shown.
    pub(crate) secret: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    Default,
    Line(usize),
    /// An `@file` value.
    File {
        line: usize,
        path: PathBuf,
    },
}
