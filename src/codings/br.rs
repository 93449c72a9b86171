//! br (RFC 7932).

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::BadCoding;
use super::decoder::Step;

/// One stream. Its window grows with what is decoded, up to what the stream asks for: 16 MB at most, as the larger ones
/// of a later format are refused.
pub(super) struct Br {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    is_whole: bool,
}

impl Br {
    pub(super) fn new() -> Br {
        let alloc = StandardAlloc::default;
        Br { state: Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())), is_whole: false }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// What is behind the stream is no part of the content, and skipped.
    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, BadCoding> {
        if self.is_whole {
            return Ok(Step { taken: input.len(), given: 0 });
        }
        let (mut left, mut room) = (input.len(), out.len());
        let mut step = Step::default();
        let result = BrotliDecompressStream(
            &mut left,
            &mut step.taken,
            input,
            &mut room,
            &mut step.given,
            out,
            &mut 0,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultSuccess => {
                self.is_whole = true;
                Ok(Step { taken: input.len(), given: step.given })
            }
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok(step),
            BrotliResult::ResultFailure => Err(BadCoding::Corrupt),
        }
    }
}
