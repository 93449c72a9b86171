//! The only place of this room that touches files.

/// Where `@file` values are read and where is looked whether a named file exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outside {
    Disk,
    /// Nothing can be read and nothing is missed: for bytes that do not come from a file.
    Nothing,
}
