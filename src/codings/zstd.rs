//! zstd (RFC 8878): frames of blocks. The blocks are cut out here and decoded one at a time, so that no more than one of
//! them, 128 KB, is ever held before it is decoded, and its output given before the next.
//!
//! The library gives the last `window` bytes of a frame's output only at the frame's end: a client that gets a decoded
//! answer sees its beginning late. So zstd is the last that is asked for (`negotiate.rs`).

use std::io::Read;

use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::FrameDecoderError;

use super::BadCoding;
use super::decoder::Step;

/// The largest window that a sender may use in HTTP (RFC 9659 §3).
const MAX_WINDOW: u64 = 8 << 20;

/// The most of a block that may lie in a frame (RFC 8878 §3.1.1.2.4).
const MAX_BLOCK: usize = 128 << 10;

const MAGIC: u32 = 0xfd2f_b528;
/// The last four bits of a skippable frame's number are free (RFC 8878 §3.1.2).
const SKIPPABLE: u32 = 0x184d_2a50;

/// The bit of a frame's descriptor that must not be set (RFC 8878 §3.1.1.1.1.4).
const RESERVED: u8 = 1 << 3;

const BLOCK_HEADER: usize = 3;
const CHECKSUM: usize = 4;

pub(super) struct Zstd {
    library: FrameDecoder,
    at: At,
    /// The part of a frame that is not complete yet: its header, or a block.
    held: Vec<u8>,
    frame: Frame,
    has_frame: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Header,
    Block,
    /// A block, or a frame, was decoded: its output comes first.
    Output,
    /// So many bytes of a skippable frame.
    Skip(u32),
}

/// What a frame says of itself.
#[derive(Clone, Copy, Default)]
struct Frame {
    has_checksum: bool,
    content: Option<u64>,
    given: u64,
}

impl Zstd {
    pub(super) fn new() -> Zstd {
        let mut library = FrameDecoder::new();
        library.set_max_window_size(MAX_WINDOW);
        Zstd { library, at: At::Header, held: Vec::new(), frame: Frame::default(), has_frame: false }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.has_frame && self.at == At::Header && self.held.is_empty()
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, BadCoding> {
        let (mut rest, mut room) = (input, out);
        let mut step = Step::default();
        loop {
            match self.at {
                At::Output => {
                    let given = self.library.read(room).map_err(|_| BadCoding::Corrupt)?;
                    step.given += given;
                    self.frame.given += given as u64;
                    room = room.get_mut(given..).unwrap_or_default();
                    if self.library.can_collect() > 0 {
                        break;
                    }
                    self.after_output()?;
                }
                At::Skip(left) => {
                    let skipped = rest.len().min(left as usize);
                    rest = rest.get(skipped..).unwrap_or_default();
                    self.at = At::Skip(left - skipped as u32);
                    if skipped < left as usize {
                        break;
                    }
                    self.at = At::Header;
                }
                At::Header | At::Block => {
                    if !self.hold(&mut rest)? {
                        break;
                    }
                    self.use_held()?;
                }
            }
        }
        step.taken = input.len() - rest.len();
        Ok(step)
    }

    /// Takes input until the header or the block is complete; whether it is.
    fn hold(&mut self, rest: &mut &[u8]) -> Result<bool, BadCoding> {
        loop {
            let missing = self.wanted()?.saturating_sub(self.held.len());
            if missing == 0 {
                return Ok(true);
            }
            let (taken, left) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
            if taken.is_empty() {
                return Ok(false);
            }
            self.held.extend_from_slice(taken);
            *rest = left;
        }
    }

    /// How long the header or the block is, as far as what is held tells.
    fn wanted(&self) -> Result<usize, BadCoding> {
        match (self.at, self.held.as_slice()) {
            (At::Block, &[a, b, c, ..]) => self.block_len(u32::from_le_bytes([a, b, c, 0])),
            (At::Block, _) => Ok(BLOCK_HEADER),
            (_, &[a, b, c, d, ref rest @ ..]) => match (u32::from_le_bytes([a, b, c, d]), rest) {
                (MAGIC, []) => Ok(5),
                (MAGIC, [descriptor, ..]) => Ok(header_len(*descriptor)),
                (number, _) if number & !0xf == SKIPPABLE => Ok(8),
                (_, _) => Err(BadCoding::Header),
            },
            (_, _) => Ok(4),
        }
    }

    /// The length of a block with its header, and with the frame's checksum behind the last one (RFC 8878 §3.1.1.2).
    fn block_len(&self, header: u32) -> Result<usize, BadCoding> {
        let size = (header >> 3) as usize;
        let content = match header >> 1 & 3 {
            _ if size > MAX_BLOCK => return Err(BadCoding::Corrupt),
            0 | 2 => size,
            1 => 1,
            _ => return Err(BadCoding::Corrupt),
        };
        let is_last = header & 1 == 1;
        Ok(BLOCK_HEADER + content + if is_last && self.frame.has_checksum { CHECKSUM } else { 0 })
    }

    /// Hands the complete header or block to the library.
    fn use_held(&mut self) -> Result<(), BadCoding> {
        let held = std::mem::take(&mut self.held);
        match (self.at, held.as_slice()) {
            (At::Header, &[_, _, _, _, a, b, c, d]) if !held.starts_with(&MAGIC.to_le_bytes()) => {
                self.at = At::Skip(u32::from_le_bytes([a, b, c, d]));
                self.has_frame = true;
            }
            (At::Header, &[_, _, _, _, descriptor, ..]) if descriptor & RESERVED != 0 => return Err(BadCoding::Header),
            (At::Header, _) => {
                self.library.reset(held.as_slice()).map_err(of_library)?;
                self.frame = frame(&held, self.library.content_size());
                self.at = At::Block;
            }
            (_, _) => {
                let one = ruzstd::decoding::BlockDecodingStrategy::UptoBlocks(1);
                self.library.decode_blocks(held.as_slice(), one).map_err(of_library)?;
                self.at = At::Output;
            }
        }
        self.held = held;
        self.held.clear();
        Ok(())
    }

    /// All output that there was is given: on to the next block, or the frame is at its end.
    fn after_output(&mut self) -> Result<(), BadCoding> {
        if !self.library.is_finished() {
            self.at = At::Block;
            return Ok(());
        }
        if self.frame.has_checksum && self.library.get_checksum_from_data() != self.library.get_calculated_checksum() {
            return Err(BadCoding::Checksum);
        }
        if self.frame.content.is_some_and(|content| content != self.frame.given) {
            return Err(BadCoding::Length);
        }
        (self.at, self.has_frame) = (At::Header, true);
        Ok(())
    }
}

/// The length of a frame's header (RFC 8878 §3.1.1.1).
fn header_len(descriptor: u8) -> usize {
    let is_single = descriptor >> 5 & 1 == 1;
    let dictionary = [0, 1, 2, 4];
    let content = [usize::from(is_single), 2, 4, 8];
    let of = |sizes: [usize; 4], bits: u8| sizes.get(usize::from(bits & 3)).copied().unwrap_or(0);
    5 + usize::from(!is_single) + of(dictionary, descriptor) + of(content, descriptor >> 6)
}

fn frame(header: &[u8], content_size: u64) -> Frame {
    let descriptor = header.get(4).copied().unwrap_or(0);
    let says_content = descriptor >> 5 != 0 && (descriptor >> 6 != 0 || descriptor >> 5 & 1 == 1);
    Frame { has_checksum: descriptor >> 2 & 1 == 1, content: says_content.then_some(content_size), given: 0 }
}

fn of_library(error: FrameDecoderError) -> BadCoding {
    match error {
        FrameDecoderError::WindowSizeTooBig { .. } => BadCoding::Window,
        FrameDecoderError::DictNotProvided { .. } => BadCoding::Dictionary,
        FrameDecoderError::ReadFrameHeaderError(_) | FrameDecoderError::FrameHeaderError(_) => BadCoding::Header,
        _ => BadCoding::Corrupt,
    }
}
