//! The chunked transfer coding (RFC 9112 §7.1), strict: CRLF only, bounded sizes, extensions and trailers.

use std::fmt;

use super::fields::Fields;

/// What one call of [`Decoder::decode`] found. `consumed` bytes of the input are done with after the call (and after
/// the data was used).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// `input[start..end]` is body; never empty.
    Data { start: usize, end: usize, consumed: usize },
    /// Everything given is used up; more is needed.
    NeedMore { consumed: usize },
    /// The last chunk and the trailer are through; what follows `consumed` belongs to the next message.
    Done { consumed: usize },
}

/// Why a chunked body cannot be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadChunk {
    Size,
    SizeTooLarge,
    Extension,
    ExtensionsTooLarge,
    Terminator,
    Trailer,
    TrailersTooLarge,
}

/// Takes a chunked body apart as it arrives. After an error, or after [`Step::Done`], it is not asked again.
#[derive(Debug, Default)]
pub(crate) struct Decoder {}

impl Decoder {
    pub(crate) fn decode(&mut self, _input: &[u8]) -> Result<Step, BadChunk> {
        todo!()
    }

    /// After [`Step::Done`]: the trailer fields that may be passed on (RFC 9110 §6.5.1).
    pub(crate) fn trailers(&self) -> Fields<'_> {
        todo!()
    }
}

/// The chunk-size line of a chunk of `len` bytes. The chunk is that line, its bytes, and CRLF.
pub(crate) fn size_line(_len: u64) -> SizeLine {
    todo!()
}

/// Up to 16 hexadecimal digits and CRLF.
pub(crate) type SizeLine = heapless::Vec<u8, 18>;

/// Appends the last chunk, the trailer fields and the empty line.
pub(crate) fn write_end(_out: &mut Vec<u8>, _trailers: Fields<'_>) {
    todo!()
}

/// Whether a field may stand in a trailer.
pub(crate) fn may_be_trailer(_name: &[u8]) -> bool {
    todo!()
}

impl fmt::Display for BadChunk {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

impl std::error::Error for BadChunk {}
