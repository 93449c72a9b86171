//! `deflate`: zlib's format (RFC 9110 §8.4.1.2), and the bare DEFLATE stream that some origins send under its name. Two
//! bytes tell them apart, as in every browser.

use super::BadCoding;
use super::decoder::Step;
use super::inflate::Inflate;

pub(super) struct Deflate {
    begin: heapless::Vec<u8, 2>,
    /// Since the two bytes are there.
    inflate: Option<Inflate>,
}

impl Deflate {
    pub(super) fn new() -> Deflate {
        Deflate { begin: heapless::Vec::new(), inflate: None }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.inflate.as_ref().is_some_and(Inflate::is_whole)
    }

    /// What is behind the stream is no part of the content, and skipped.
    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, BadCoding> {
        let mut held = 0;
        while self.inflate.is_none() {
            let Some(byte) = input.get(held) else { return Ok(Step { taken: held, given: 0 }) };
            held += 1;
            let _ = self.begin.push(*byte);
            if self.begin.is_full() {
                self.inflate = Some(if is_zlib(&self.begin) { Inflate::zlib() } else { Inflate::raw() });
            }
        }
        let Some(inflate) = &mut self.inflate else { return Ok(Step { taken: held, given: 0 }) };
        let begun = inflate.step(&self.begin, out)?;
        if begun.taken < self.begin.len() {
            self.begin = self.begin.iter().skip(begun.taken).copied().collect();
            return Ok(Step { taken: held, given: begun.given });
        }
        self.begin.clear();
        let rest = input.get(held..).unwrap_or_default();
        let done = inflate.step(rest, out.get_mut(begun.given..).unwrap_or_default())?;
        let taken = if inflate.is_whole() { rest.len() } else { done.taken };
        Ok(Step { taken: held + taken, given: begun.given + done.given })
    }
}

/// CMF and FLG (RFC 1950 §2.2). No bare stream that a compressor writes begins so.
fn is_zlib(begin: &[u8]) -> bool {
    let &[cmf, flg] = begin else { return false };
    cmf & 0x0f == 8 && cmf >> 4 <= 7 && u16::from_be_bytes([cmf, flg]) % 31 == 0
}
