//! DEFLATE (RFC 1951), bare or in zlib's format (RFC 1950).

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use super::BadCoding;
use super::decoder::Step;

/// One stream, with its window of 32 KB.
pub(super) struct Inflate {
    state: Box<InflateState>,
    is_whole: bool,
}

impl Inflate {
    pub(super) fn raw() -> Inflate {
        Inflate { state: InflateState::new_boxed(DataFormat::Raw), is_whole: false }
    }

    /// Header and checksum are checked.
    pub(super) fn zlib() -> Inflate {
        Inflate { state: InflateState::new_boxed(DataFormat::Zlib), is_whole: false }
    }

    /// For the next stream.
    pub(super) fn reset(&mut self) {
        self.state.reset_as(miniz_oxide::inflate::stream::MinReset);
        self.is_whole = false;
    }

    /// The stream's last byte was taken, and all its output given.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// What is behind the stream's end is not taken.
    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, BadCoding> {
        let mut step = Step::default();
        while !self.is_whole && step.given < out.len() {
            let rest = input.get(step.taken..).unwrap_or_default();
            let done = inflate(&mut self.state, rest, out.get_mut(step.given..).unwrap_or_default(), MZFlush::None);
            step.taken += done.bytes_consumed;
            step.given += done.bytes_written;
            match done.status {
                Ok(MZStatus::StreamEnd) => self.is_whole = true,
                Ok(MZStatus::Ok) if done.bytes_consumed + done.bytes_written > 0 => {}
                // Nothing to be done without more input.
                Ok(MZStatus::Ok) | Err(MZError::Buf) => break,
                Ok(MZStatus::NeedDict) => return Err(BadCoding::Dictionary),
                Err(_) => return Err(BadCoding::Corrupt),
            }
        }
        Ok(step)
    }
}
