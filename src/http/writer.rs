//! Writing heads, so that nothing from anywhere can break out of its line.

use std::fmt;

use super::method::Version;

/// Writes one head behind what `out` holds. An invalid name or value spoils the head: [`HeadWriter::end`] then says so.
/// Dropped without `end`, or spoiled, it leaves `out` as it was.
#[derive(Debug)]
pub(crate) struct HeadWriter<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    spoiled: Option<Unwritable>,
}

/// What could not be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unwritable {
    Method,
    Target,
    Status,
    Reason,
    FieldName,
    FieldValue,
}

impl<'o> HeadWriter<'o> {
    /// Begins with `GET /path HTTP/1.1`.
    pub(crate) fn request(_out: &'o mut Vec<u8>, _method: &str, _target: &[u8]) -> HeadWriter<'o> {
        todo!()
    }

    /// Begins with `HTTP/1.1 200 OK`.
    pub(crate) fn response(_out: &'o mut Vec<u8>, _version: Version, _status: u16, _reason: &[u8]) -> HeadWriter<'o> {
        todo!()
    }

    /// Field lines alone, ended by an empty line: trailers, stored heads.
    pub(crate) fn fields_only(_out: &'o mut Vec<u8>) -> HeadWriter<'o> {
        todo!()
    }

    pub(crate) fn field(&mut self, _name: impl AsRef<[u8]>, _value: impl AsRef<[u8]>) -> &mut HeadWriter<'o> {
        todo!()
    }

    pub(crate) fn field_number(&mut self, _name: &str, _value: u64) -> &mut HeadWriter<'o> {
        todo!()
    }

    /// A value that is printed.
    pub(crate) fn field_display(&mut self, _name: &str, _value: impl fmt::Display) -> &mut HeadWriter<'o> {
        todo!()
    }

    /// Writes the empty line. Gives the length of the head.
    pub(crate) fn end(self) -> Result<usize, Unwritable> {
        todo!()
    }

    /// Ends without the empty line, so that others can append ready field lines and end the head themselves.
    pub(crate) fn end_open(self) -> Result<usize, Unwritable> {
        todo!()
    }
}

impl fmt::Display for Unwritable {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

impl std::error::Error for Unwritable {}
