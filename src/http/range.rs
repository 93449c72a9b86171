//! Byte ranges (RFC 9110 §14).

use std::fmt;

/// More ranges than this in one request are not honoured: the whole is sent (RFC 9110 §14.2).
pub(crate) const MAX_RANGES: usize = 16;

/// `first..=last`, never empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ByteRange {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

pub(crate) type RangeSet = heapless::Vec<ByteRange, MAX_RANGES>;

/// What a `Range` field asks of `total` bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    /// Not understood, or too much asked: answer as if there were no `Range`.
    Whole,
    /// 206. At least one; overlapping and touching ones are joined.
    Parts(RangeSet),
    /// 416 with `Content-Range: bytes */total`.
    Unsatisfiable,
}

/// `Content-Range: bytes 0-9/100`, `bytes 0-9/*` or `bytes */100`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ContentRange {
    pub(crate) range: Option<ByteRange>,
    pub(crate) total: Option<u64>,
}

pub(crate) fn parse(_value: &[u8], _total: u64) -> Wanted {
    todo!()
}

impl ByteRange {
    pub(crate) fn len(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

impl ContentRange {
    pub(crate) fn parse(_value: &[u8]) -> Option<ContentRange> {
        todo!()
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
