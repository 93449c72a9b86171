//! gzip (RFC 1952): one member or several, each with its header, its DEFLATE stream, its checksum and its length.

use crc32fast::Hasher;

use super::BadCoding;
use super::decoder::Step;
use super::inflate::Inflate;

const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;

// The bits of FLG (RFC 1952 §2.3.1).
const HAS_SUM: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

pub(super) struct Gzip {
    at: At,
    inflate: Inflate,
    /// Of the header's bytes, then of the member's output.
    sum: Hasher,
    /// The member's output.
    len: u32,
    /// What of the header is still to come.
    flags: u8,
    /// A member came to its end.
    has_member: bool,
}

#[derive(Clone, Copy)]
enum At {
    /// The ten bytes that every header begins with.
    Begin(u8),
    ExtraLen(Little<2>),
    Extra(u32),
    /// Text up to a zero byte: the name, the comment.
    Text,
    HeaderSum(Little<2>),
    Body,
    /// Checksum and length.
    End(Little<8>),
    /// Bytes that are no member behind one that is: padding, a stray line end. They are no part of the content, and
    /// every other reader of gzip skips them too.
    Behind,
}

/// A number whose bytes come one by one, the least first.
#[derive(Clone, Copy, Default)]
struct Little<const LEN: u32> {
    value: u64,
    seen: u32,
}

impl Gzip {
    pub(super) fn new() -> Gzip {
        let (inflate, sum) = (Inflate::raw(), Hasher::new());
        Gzip { at: At::Begin(0), inflate, sum, len: 0, flags: 0, has_member: false }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.has_member
            && match self.at {
                // A single byte of the magic number is not yet a member.
                At::Begin(seen) => usize::from(seen) < MAGIC.len(),
                At::Behind => true,
                At::ExtraLen(_) | At::Extra(_) | At::Text | At::HeaderSum(_) | At::Body | At::End(_) => false,
            }
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, BadCoding> {
        let mut step = Step::default();
        loop {
            let rest = input.get(step.taken..).unwrap_or_default();
            match (self.at, rest) {
                (At::Body, _) => {
                    let room = out.get_mut(step.given..).unwrap_or_default();
                    let done = self.body(rest, room)?;
                    step.taken += done.taken;
                    step.given += done.given;
                    if !self.inflate.is_whole() {
                        return Ok(step);
                    }
                    self.at = At::End(Little::default());
                }
                (_, []) => return Ok(step),
                (At::Behind, rest) => step.taken += rest.len(),
                (_, [byte, ..]) => {
                    step.taken += 1;
                    self.byte(*byte)?;
                }
            }
        }
    }

    fn body(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, BadCoding> {
        let done = self.inflate.step(input, out)?;
        self.sum.update(out.get(..done.given).unwrap_or_default());
        // ISIZE is the length modulo 2^32.
        self.len = self.len.wrapping_add(done.given as u32);
        Ok(done)
    }

    /// A byte before or behind the member's stream.
    fn byte(&mut self, byte: u8) -> Result<(), BadCoding> {
        if let At::HeaderSum(sum) = self.at {
            return self.header_sum(sum.with(byte));
        }
        if let At::End(end) = self.at {
            return self.end(end.with(byte));
        }
        self.sum.update(&[byte]);
        match self.at {
            At::Begin(seen) => return self.begin(seen, byte),
            At::ExtraLen(len) => match len.with(byte) {
                len if !len.is_full() => self.at = At::ExtraLen(len),
                Little { value: 0, .. } => self.next_part(),
                Little { value, .. } => self.at = At::Extra(value as u32),
            },
            At::Extra(1) => self.next_part(),
            At::Extra(left) => self.at = At::Extra(left - 1),
            At::Text if byte == 0 => self.next_part(),
            At::Text | At::HeaderSum(_) | At::Body | At::End(_) | At::Behind => {}
        }
        Ok(())
    }

    /// Magic number, method, flags; then time, level and system, which say nothing that counts here.
    fn begin(&mut self, seen: u8, byte: u8) -> Result<(), BadCoding> {
        let is_right = match seen {
            0 | 1 => MAGIC.get(usize::from(seen)) == Some(&byte),
            2 => byte == DEFLATE,
            3 => byte & RESERVED == 0,
            _ => true,
        };
        match (seen, is_right) {
            (0 | 1, false) if self.has_member => self.at = At::Behind,
            (_, false) => return Err(BadCoding::Header),
            (9, true) => self.next_part(),
            (_, true) => {
                self.flags = if seen == 3 { byte } else { self.flags };
                self.at = At::Begin(seen + 1);
            }
        }
        Ok(())
    }

    /// To the next part of the header that its flags name, or to the stream.
    fn next_part(&mut self) {
        let parts = [HAS_EXTRA, HAS_NAME, HAS_COMMENT, HAS_SUM];
        let next = parts.into_iter().find(|part| self.flags & part != 0).unwrap_or(0);
        self.flags &= !next;
        self.at = match next {
            HAS_EXTRA => At::ExtraLen(Little::default()),
            HAS_NAME | HAS_COMMENT => At::Text,
            HAS_SUM => At::HeaderSum(Little::default()),
            _ => At::Body,
        };
        if matches!(self.at, At::Body) {
            self.sum.reset();
        }
    }

    fn header_sum(&mut self, sum: Little<2>) -> Result<(), BadCoding> {
        self.at = At::HeaderSum(sum);
        if !sum.is_full() {
            return Ok(());
        }
        let found = self.sum.clone().finalize() & 0xffff;
        self.next_part();
        if u64::from(found) == sum.value { Ok(()) } else { Err(BadCoding::Checksum) }
    }

    fn end(&mut self, end: Little<8>) -> Result<(), BadCoding> {
        self.at = At::End(end);
        if !end.is_full() {
            return Ok(());
        }
        let sum = self.sum.clone().finalize();
        if end.value & 0xffff_ffff != u64::from(sum) {
            return Err(BadCoding::Checksum);
        }
        if end.value >> 32 != u64::from(self.len) {
            return Err(BadCoding::Length);
        }
        self.inflate.reset();
        self.sum.reset();
        (self.at, self.len, self.flags, self.has_member) = (At::Begin(0), 0, 0, true);
        Ok(())
    }
}

impl<const LEN: u32> Little<LEN> {
    fn with(self, byte: u8) -> Little<LEN> {
        Little { value: self.value | u64::from(byte) << (8 * self.seen), seen: self.seen + 1 }
    }

    fn is_full(self) -> bool {
        self.seen == LEN
    }
}
