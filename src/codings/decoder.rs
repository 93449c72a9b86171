//! A coded body, taken apart piece by piece.

use std::fmt;

use super::Coding;
use super::br::Br;
use super::deflate::Deflate;
use super::gzip::Gzip;
use super::zstd::Zstd;

/// What is decoded in one go: a piece that a slow board is done with in a millisecond, and whose room is cleared before.
const STEP: usize = 16 << 10;

/// Output that any stream may have, however short it is: empty disk images and logs of one line are that dense.
const FREE_OUTPUT: u64 = 16 << 20;

/// Bytes of output for one of input beyond [`FREE_OUTPUT`]. DEFLATE cannot give more than 1,032, so nothing that gzip
/// can say is refused; br and zstd can say a million, and only of emptiness. Output goes to the client at its own pace
/// and takes no memory here: what is bounded is the time of the board's one core, for a few bytes from upstream.
const MOST_DENSE: u64 = 1100;

/// Decodes one body. Memory is bounded ([`Coding::most_memory`]), whatever comes in.
pub(crate) struct Decoder {
    form: Form,
    taken: u64,
    given: u64,
    bad: Option<BadCoding>,
}

enum Form {
    Gzip(Gzip),
    Deflate(Deflate),
    Br(Br),
    Zstd(Box<Zstd>),
}

/// How far one step of a form came: it ends where the room for output is used up, or where all input is taken and all
/// that it stands for is given.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Step {
    pub(super) taken: usize,
    pub(super) given: usize,
}

/// Why a body cannot be decoded. The client's answer is cut, as the rest of it will never be known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadCoding {
    /// It does not begin as this coding does.
    Header,
    Corrupt,
    /// All is there, and it is not what was coded.
    Checksum,
    /// It is not as long as it says.
    Length,
    /// It wants a window larger than is usual on the Web: 8 MB for zstd (RFC 9659), 16 MB for br (RFC 7932 §9.1).
    Window,
    /// It was coded with a dictionary, which nobody has agreed on.
    Dictionary,
    /// More than [`MOST_DENSE`] bytes for one.
    TooDense,
    /// It ends in the middle.
    Truncated,
}

impl Decoder {
    pub(crate) fn new(coding: Coding) -> Decoder {
        let form = match coding {
            Coding::Gzip => Form::Gzip(Gzip::new()),
            Coding::Deflate => Form::Deflate(Deflate::new()),
            Coding::Br => Form::Br(Br::new()),
            Coding::Zstd => Form::Zstd(Box::new(Zstd::new())),
        };
        Decoder { form, taken: 0, given: 0, bad: None }
    }

    /// Takes a part of the coded body, appends at most `max_out` bytes of the decoded one to `out`, and says how much it
    /// took. Where fewer than `max_out` bytes were appended, everything was taken and nothing is held back; where there
    /// are `max_out`, come again with what is left of the input, though it be empty.
    pub(crate) fn decode(&mut self, input: &[u8], out: &mut Vec<u8>, max_out: usize) -> Result<usize, BadCoding> {
        match self.bad {
            Some(bad) => Err(bad),
            None => self.run(input, out, max_out).inspect_err(|bad| self.bad = Some(*bad)),
        }
    }

    /// The coded body is at its end, by its own framing. A stream that is not is an error: the client's answer must be
    /// cut, never ended as if it were whole. A body of no bytes is one of no content, which origins like to mark coded.
    pub(crate) fn finish(self) -> Result<(), BadCoding> {
        match self.bad {
            Some(bad) => Err(bad),
            None if self.taken == 0 || self.form.is_whole() => Ok(()),
            None => Err(BadCoding::Truncated),
        }
    }

    fn run(&mut self, input: &[u8], out: &mut Vec<u8>, max_out: usize) -> Result<usize, BadCoding> {
        let (mut rest, mut room) = (input, max_out);
        while room > 0 {
            let size = room.min(STEP);
            let step = self.step(rest, out, size)?;
            rest = rest.get(step.taken..).unwrap_or_default();
            room -= step.given;
            self.count(step)?;
            match (step.given < size, rest) {
                (false, _) => {}
                (true, []) => break,
                // A form that neither takes nor gives would do so for ever.
                (true, _) if step == Step::default() => return Err(BadCoding::Corrupt),
                (true, _) => {}
            }
        }
        Ok(input.len() - rest.len())
    }

    /// One step of the form into room at the end of `out`.
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>, size: usize) -> Result<Step, BadCoding> {
        let start = out.len();
        out.resize(start + size, 0);
        let step = self.form.step(input, out.get_mut(start..).unwrap_or_default());
        out.truncate(start + step.map_or(0, |step| step.given));
        step
    }

    fn count(&mut self, step: Step) -> Result<(), BadCoding> {
        self.taken += step.taken as u64;
        self.given += step.given as u64;
        let most = FREE_OUTPUT.saturating_add(self.taken.saturating_mul(MOST_DENSE));
        if self.given > most { Err(BadCoding::TooDense) } else { Ok(()) }
    }
}

impl Form {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, BadCoding> {
        match self {
            Form::Gzip(gzip) => gzip.step(input, out),
            Form::Deflate(deflate) => deflate.step(input, out),
            Form::Br(br) => br.step(input, out),
            Form::Zstd(zstd) => zstd.step(input, out),
        }
    }

    fn is_whole(&self) -> bool {
        match self {
            Form::Gzip(gzip) => gzip.is_whole(),
            Form::Deflate(deflate) => deflate.is_whole(),
            Form::Br(br) => br.is_whole(),
            Form::Zstd(zstd) => zstd.is_whole(),
        }
    }
}

impl BadCoding {
    /// For logs and metrics.
    #[cfg_attr(not(feature = "doors"), allow(dead_code))]
    pub(crate) fn word(self) -> &'static str {
        match self {
            BadCoding::Header => "coding_header",
            BadCoding::Corrupt => "coding_corrupt",
            BadCoding::Checksum => "coding_checksum",
            BadCoding::Length => "coding_length",
            BadCoding::Window => "coding_window",
            BadCoding::Dictionary => "coding_dictionary",
            BadCoding::TooDense => "coding_too_dense",
            BadCoding::Truncated => "coding_truncated",
        }
    }
}

impl fmt::Display for BadCoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadCoding::Header => "the upstream's body does not begin as its content coding does",
            BadCoding::Corrupt => "the upstream's coded body is damaged",
            BadCoding::Checksum => "the checksum of the upstream's coded body does not match",
            BadCoding::Length => "the upstream's coded body is not as long as it says",
            BadCoding::Window => "the upstream's coded body needs more memory to decode than is usual on the Web",
            BadCoding::Dictionary => "the upstream's body was coded with a dictionary",
            BadCoding::TooDense => "the upstream's body stands for far more bytes than it has",
            BadCoding::Truncated => "the upstream's coded body ends in the middle",
        })
    }
}

impl std::error::Error for BadCoding {}
