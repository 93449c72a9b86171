//! The chunked transfer coding (RFC 9112 §7.1), strict: lines end with CRLF, sizes are hexadecimal digits alone,
//! extensions are dropped, and all of it is bounded.

use std::fmt;

use super::fields::{FieldSpans, Fields, split_line};
use super::framing::MAX_LENGTH;
use super::writer::HeadWriter;

/// Digits of a chunk size, leading zeros included. Sixteen hold any size there is.
const MAX_SIZE_DIGITS: u8 = 16;

/// Bytes of extensions in one body. They are dropped, so a body made of them would only burn the link.
const MAX_EXTENSIONS: usize = 16 << 10;

/// Bytes of trailer lines in one body, those that are dropped included.
const MAX_TRAILER_BYTES: usize = 8 << 10;

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

/// Takes a chunked body apart as it arrives, whatever pieces it arrives in. After an error it is not asked again.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    state: State,
    /// Of the size line at hand; then what is left of the chunk.
    size: u64,
    digits: u8,
    extensions: usize,
    trailers: Option<Box<Trailers>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Size,
    /// White space between size and extension; an extension must follow.
    Blank,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerLine,
    TrailerLf,
    EndLf,
    End,
}

#[derive(Debug, Default)]
struct Trailers {
    /// Whole lines that are kept, then the line at hand.
    bytes: Vec<u8>,
    line_start: usize,
    received: usize,
    spans: FieldSpans,
}

impl Decoder {
    pub(crate) fn decode(&mut self, input: &[u8]) -> Result<Step, BadChunk> {
        let mut at = 0;
        while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
            if self.state == State::Data {
                let len = usize::try_from(self.size).map_or(rest.len(), |size| size.min(rest.len()));
                self.size = self.size.saturating_sub(len as u64);
                if self.size == 0 {
                    self.state = State::DataCr;
                }
                return Ok(Step::Data { start: at, end: at + len, consumed: at + len });
            }
            if self.state == State::End {
                break;
            }
            for byte in rest {
                self.state = self.take(*byte)?;
                at += 1;
                if matches!(self.state, State::Data | State::End) {
                    break;
                }
            }
        }
        if self.state == State::End { Ok(Step::Done { consumed: at }) } else { Ok(Step::NeedMore { consumed: at }) }
    }

    /// After [`Step::Done`]: the trailer fields that may be passed on (RFC 9110 §6.5.1).
    pub(crate) fn trailers(&self) -> Fields<'_> {
        match &self.trailers {
            Some(trailers) if self.state == State::End => Fields::new(&trailers.bytes, trailers.spans.as_slice()),
            Some(_) | None => Fields::NONE,
        }
    }

    /// Takes one byte that is not body; gives the state behind it.
    fn take(&mut self, byte: u8) -> Result<State, BadChunk> {
        match (self.state, byte) {
            (State::Size, byte) => self.take_size(byte),
            (State::Blank, b' ' | b'\t') => self.drop_extension(State::Blank),
            (State::Blank, b';') => self.drop_extension(State::Extension),
            (State::Blank, _) => Err(BadChunk::Size),
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Extension, b'\t' | b' '..=b'~' | 0x80..) => self.drop_extension(State::Extension),
            (State::Extension, _) => Err(BadChunk::Extension),
            (State::SizeLf, b'\n') if self.size == 0 => Ok(State::TrailerStart),
            (State::SizeLf, b'\n') => Ok(State::Data),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(self.begin_size()),
            (State::TrailerStart, b'\r') => Ok(State::EndLf),
            (State::TrailerLine, b'\r') => Ok(State::TrailerLf),
            (State::TrailerStart | State::TrailerLine, b'\t' | b' '..=b'~' | 0x80..) => self.take_trailer(byte),
            (State::TrailerLf, b'\n') => self.end_trailer(),
            (State::EndLf, b'\n') => self.end(),
            (State::TrailerStart | State::TrailerLine | State::TrailerLf | State::EndLf, _) => Err(BadChunk::Trailer),
            (State::SizeLf | State::DataCr | State::DataLf | State::Data | State::End, _) => Err(BadChunk::Terminator),
        }
    }

    fn begin_size(&mut self) -> State {
        self.size = 0;
        self.digits = 0;
        State::Size
    }

    fn take_size(&mut self, byte: u8) -> Result<State, BadChunk> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            self.size = self.size.checked_mul(16).ok_or(BadChunk::SizeTooLarge)? | u64::from(digit);
            self.digits += 1;
            let fits = self.digits <= MAX_SIZE_DIGITS && self.size <= MAX_LENGTH;
            return if fits { Ok(State::Size) } else { Err(BadChunk::SizeTooLarge) };
        }
        match byte {
            _ if self.digits == 0 => Err(BadChunk::Size),
            b'\r' => Ok(State::SizeLf),
            b';' => self.drop_extension(State::Extension),
            b' ' | b'\t' => self.drop_extension(State::Blank),
            _ => Err(BadChunk::Size),
        }
    }

    fn drop_extension(&mut self, next: State) -> Result<State, BadChunk> {
        self.extensions += 1;
        if self.extensions > MAX_EXTENSIONS { Err(BadChunk::ExtensionsTooLarge) } else { Ok(next) }
    }

    fn take_trailer(&mut self, byte: u8) -> Result<State, BadChunk> {
        let trailers = self.trailers.get_or_insert_default();
        trailers.received += 1;
        if trailers.received > MAX_TRAILER_BYTES {
            return Err(BadChunk::TrailersTooLarge);
        }
        trailers.bytes.push(byte);
        Ok(State::TrailerLine)
    }

    /// A trailer line that is none spoils the body; one that may not stand in a trailer is dropped.
    fn end_trailer(&mut self) -> Result<State, BadChunk> {
        let trailers = self.trailers.get_or_insert_default();
        let line = trailers.bytes.get(trailers.line_start..).unwrap_or_default();
        let (name, _) = split_line(line).map_err(|_| BadChunk::Trailer)?;
        if may_be_trailer(name) {
            trailers.bytes.extend_from_slice(b"\r\n");
            trailers.line_start = trailers.bytes.len();
        } else {
            trailers.bytes.truncate(trailers.line_start);
        }
        Ok(State::TrailerStart)
    }

    fn end(&mut self) -> Result<State, BadChunk> {
        if let Some(trailers) = &mut self.trailers {
            trailers.spans = FieldSpans::parse(&trailers.bytes).map_err(|_| BadChunk::TrailersTooLarge)?;
        }
        Ok(State::End)
    }
}

/// Up to 16 hexadecimal digits and CRLF.
pub(crate) type SizeLine = heapless::Vec<u8, 18>;

/// The chunk-size line of a chunk of `len` bytes. The chunk is that line, its bytes, and CRLF. Zero is for
/// [`write_end`] alone: it would end the body.
pub(crate) fn size_line(len: u64) -> SizeLine {
    let digits = (64 - (len | 1).leading_zeros()).div_ceil(4);
    let nibble = |place: u32| (len >> (place * 4)) as u32 & 0xf;
    let hexadecimal = (0..digits).rev().filter_map(|place| char::from_digit(nibble(place), 16));
    hexadecimal.map(|digit| digit as u8).chain(*b"\r\n").collect()
}

/// Appends the last chunk, those of the fields that may stand in a trailer, and the empty line.
pub(crate) fn write_end(out: &mut Vec<u8>, trailers: Fields<'_>) {
    out.extend_from_slice(b"0\r\n");
    let mut writer = HeadWriter::fields_only(out);
    for (name, value) in trailers.iter().filter(|(name, _)| may_be_trailer(name)) {
        writer.field(name, value);
    }
    if writer.end().is_err() {
        out.extend_from_slice(b"\r\n");
    }
}

/// Whether a field may stand in a trailer: not where it frames, routes, authenticates, modifies a request, controls an
/// answer or says how to read content (RFC 9110 §6.5.1), and not where a gateway speaks for somebody.
pub(crate) fn may_be_trailer(name: &[u8]) -> bool {
    let begins =
        |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()));
    !NEVER_TRAILERS.iter().any(|never| name.eq_ignore_ascii_case(never.as_bytes()))
        && !NEVER_TRAILER_PREFIXES.iter().any(|prefix| begins(prefix))
}

const NEVER_TRAILER_PREFIXES: [&str; 6] =
    ["proxy-", "x-forwarded-", "client-cert", "if-", "access-control-", "sec-websocket-"];

const NEVER_TRAILERS: [&str; 36] = [
    "transfer-encoding",
    "content-length",
    "trailer",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "host",
    "forwarded",
    "via",
    "cdn-loop",
    "x-request-id",
    "traceparent",
    "authorization",
    "www-authenticate",
    "cookie",
    "set-cookie",
    "cache-control",
    "pragma",
    "expect",
    "max-forwards",
    "range",
    "age",
    "date",
    "expires",
    "location",
    "retry-after",
    "vary",
    "warning",
    "content-encoding",
    "content-type",
    "content-range",
    "content-language",
    "content-location",
    "cache-status",
    "strict-transport-security",
];

impl fmt::Display for BadChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadChunk::Size => "a chunk size is not hexadecimal digits alone",
            BadChunk::SizeTooLarge => "a chunk size is larger than any chunk can be",
            BadChunk::Extension => "a chunk extension holds a control character",
            BadChunk::ExtensionsTooLarge => "the chunk extensions of the body are longer than the limit",
            BadChunk::Terminator => "a chunk or its size does not end with CRLF",
            BadChunk::Trailer => "a trailer line is not a field",
            BadChunk::TrailersTooLarge => "the trailer is longer than the limit",
        })
    }
}

impl std::error::Error for BadChunk {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Body, trailers, and what is left for the next message.
    type Decoded = Result<(Vec<u8>, Vec<u8>, Vec<u8>), BadChunk>;

    /// Decodes input that arrives in the given pieces, the way a connection does.
    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<Decoded> {
        let (mut decoder, mut held, mut body) = (Decoder::default(), Vec::new(), Vec::new());
        let mut pieces = pieces.into_iter();
        loop {
            let consumed = match decoder.decode(&held) {
                Err(bad) => return Some(Err(bad)),
                Ok(Step::Data { start, end, consumed }) => {
                    assert!(start < end && end <= consumed);
                    body.extend_from_slice(&held[start..end]);
                    consumed
                }
                Ok(Step::NeedMore { consumed }) => {
                    assert_eq!(consumed, held.len());
                    held.clear();
                    held.extend_from_slice(pieces.next()?);
                    continue;
                }
                Ok(Step::Done { consumed }) => {
                    let lines = decoder.trailers().iter().flat_map(|(name, value)| [name, b"=", value, b";"].concat());
                    let rest = [&held[consumed..], &pieces.flatten().copied().collect::<Vec<u8>>()].concat();
                    return Some(Ok((body, lines.collect(), rest)));
                }
            };
            held.drain(..consumed);
        }
    }

    /// Whole, then in two pieces cut anywhere, then in pieces of every length: always the same.
    fn check(input: &[u8], expected: Option<Decoded>) {
        let shown = input.escape_ascii().to_string();
        assert_eq!(decode([input]), expected, "{shown}");
        for cut in 0..=input.len() {
            let (first, second) = input.split_at(cut);
            assert_eq!(decode([first, second]), expected, "{shown} cut at {cut}");
        }
        for len in 1..=input.len() {
            assert_eq!(decode(input.chunks(len)), expected, "{shown} in pieces of {len}");
        }
    }

    fn body(body: &[u8], trailers: &[u8], rest: &[u8]) -> Option<Decoded> {
        Some(Ok((body.into(), trailers.into(), rest.into())))
    }

    #[test]
    fn chunks_are_joined() {
        check(b"0\r\n\r\n", body(b"", b"", b""));
        check(b"5\r\nhello\r\n0\r\n\r\nGET /", body(b"hello", b"", b"GET /"));
        check(b"5\r\nhello\r\n00a\r\n, \r\nworld\n\r\n0000\r\n\r\n", body(b"hello, \r\nworld\n", b"", b""));
        check(b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", body(b"01234567890123456789", b"", b""));
    }

    #[test]
    fn extensions_are_dropped() {
        check(b"5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", body(b"hello", b"", b""));
        check(b"5 \t; a = \xff\r\nhello\r\n0\r\n\r\n", body(b"hello", b"", b""));
    }

    #[test]
    fn trailers_are_kept_where_they_may_be() {
        check(b"0\r\nDigest: x\r\nB:y \r\n\r\nrest", body(b"", b"Digest=x;B=y;", b"rest"));
        check(b"0\r\nContent-Length: 5\r\nA: b\r\nHOST: c\r\nX-Forwarded-For: d\r\n\r\n", body(b"", b"A=b;", b""));
    }

    #[test]
    fn what_is_cut_is_never_done() {
        let whole = b"5\r\nhello\r\n0\r\nA: b\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(decode([&whole[..end]]), None, "cut at {end}");
        }
    }

    #[test]
    fn bad_chunks_are_refused() {
        let refused = |input: &[u8], why| check(input, Some(Err(why)));
        for input in [
            &b"\r\n"[..],
            b"x\r\n",
            b"-5\r\nhello\r\n",
            b"+5\r\nhello\r\n",
            b"0x5\r\nhello\r\n",
            b" 5\r\nhello\r\n",
            b"5 \r\nhello\r\n",
            b"5\t5\r\nhello\r\n",
            b"5\nhello\r\n",
            b"5g\r\n",
            b"5_0\r\n",
            b";a\r\n",
            b"\xff\r\n",
            b"5\r\nhello\r\n\r\n",
        ] {
            refused(input, BadChunk::Size);
        }
        refused(b"5\rhello", BadChunk::Terminator);
        refused(b"5\r\r\nhello", BadChunk::Terminator);
        refused(b"5\r\nhello\n0\r\n\r\n", BadChunk::Terminator);
        refused(b"5\r\nhello0\r\n\r\n", BadChunk::Terminator);
        refused(b"5\r\nhello!\r\n", BadChunk::Terminator);
        refused(b"5\r\nhello\r0\r\n\r\n", BadChunk::Terminator);
        refused(b"5;a\nhello", BadChunk::Extension);
        refused(b"5;a\0\r\nhello", BadChunk::Extension);
        refused(b"5;a\rb\r\nhello", BadChunk::Terminator);
        refused(b"0\r\n\n", BadChunk::Trailer);
        refused(b"0\r\n\rx", BadChunk::Trailer);
    }

    #[test]
    fn bad_trailers_are_refused() {
        for input in [
            &b"0\r\nA\r\n\r\n"[..],
            b"0\r\nA : b\r\n\r\n",
            b"0\r\n A: b\r\n\r\n",
            b"0\r\nA: b\r\n c\r\n\r\n",
            b"0\r\nA: b\nC: d\r\n\r\n",
            b"0\r\nA: b\0\r\n\r\n",
            b"0\r\nA: b\rc\r\n\r\n",
            b"0\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            check(input, Some(Err(BadChunk::Trailer)));
        }
    }

    #[test]
    fn sizes_are_bounded() {
        for (size, expected) in [
            ("100000000", None),
            ("7fffffffffffffff", None),
            ("8000000000000000", Some(BadChunk::SizeTooLarge)),
            ("ffffffffffffffff", Some(BadChunk::SizeTooLarge)),
            ("10000000000000000", Some(BadChunk::SizeTooLarge)),
            ("10000000000000005", Some(BadChunk::SizeTooLarge)),
            ("00000000000000005", Some(BadChunk::SizeTooLarge)),
            ("0000000000000006", None),
        ] {
            let found = decode([format!("{size}\r\nhello").as_bytes()]);
            assert_eq!(found, expected.map(Err), "{size}");
        }
    }

    #[test]
    fn what_is_dropped_is_bounded() {
        let extension = format!("1;{}\r\nx\r\n", "e".repeat(1000));
        assert_eq!(decode([extension.repeat(17).as_bytes()]), Some(Err(BadChunk::ExtensionsTooLarge)));
        assert_eq!(decode([extension.repeat(16).as_bytes()]), None);
        let trailer = "Host: x\r\n".repeat(2000);
        assert_eq!(decode([format!("0\r\n{trailer}").as_bytes()]), Some(Err(BadChunk::TrailersTooLarge)));
        let many = "A: b\r\n".repeat(crate::http::MAX_FIELDS + 1);
        assert_eq!(decode([format!("0\r\n{many}\r\n").as_bytes()]), Some(Err(BadChunk::TrailersTooLarge)));
    }

    #[test]
    fn any_bytes_are_read_the_same_in_any_pieces() {
        let mut dice = crate::http::hostile::Dice::new();
        for _ in 0..20_000 {
            let input = dice.input();
            let whole = decode([&input[..]]);
            let (first, second) = input.split_at(dice.below(input.len()));
            assert_eq!(decode([first, second]), whole, "{}", input.escape_ascii());
            assert_eq!(decode(input.chunks(1 + dice.below(7))), whole, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (len, expected) in
            [(1, "1"), (15, "f"), (16, "10"), (0x1234_5678, "12345678"), (u64::MAX, "ffffffffffffffff")]
        {
            assert_eq!(size_line(len), format!("{expected}\r\n").as_bytes());
        }
        let block = b"A: b\r\nHost: c\r\n";
        let spans = FieldSpans::parse(block).unwrap();
        let mut out = [&size_line(5)[..], b"hello\r\n"].concat();
        write_end(&mut out, Fields::new(block, spans.as_slice()));
        assert_eq!(out, b"5\r\nhello\r\n0\r\nA: b\r\n\r\n");
        check(&out, body(b"hello", b"A=b;", b""));
        let mut out = Vec::new();
        write_end(&mut out, Fields::NONE);
        assert_eq!(out, b"0\r\n\r\n");
    }
}
