//! The bytes of a message body, as they arrive, and never more than belong to it.

use std::fmt;
use std::io;
use std::ops::Range;

use crate::http::chunked::{BadChunk, Decoder, Step};
use crate::http::{BodyFraming, Fields};
use crate::net::{Buffer, Filled, Meter, Stream, TooSlow};

/// A body is read in blocks of at most this size; slow peers get by with less.
const BLOCK: usize = 32 << 10;

/// Reads one body to its end. What follows it stays in the buffer.
pub(crate) struct BodyReader {
    rest: Rest,
    /// Where in the buffer the present piece is, and how much of the buffer goes with it.
    piece: Range<usize>,
    used: usize,
    received: u64,
    done: bool,
}

/// What is still to come.
enum Rest {
    Nothing,
    Length(u64),
    /// Boxed: it is large, and few bodies need it.
    Chunked(Box<Decoder>),
    /// The last chunk was read; the decoder holds the trailers.
    Trailers(Box<Decoder>),
    UntilClose,
}

#[derive(Debug)]
pub(crate) enum BodyError {
    /// The body ended before its framing said so. It must not be passed on or kept as complete.
    Truncated,
    BadChunk(BadChunk),
    TooSlow,
    Io(io::Error),
}

impl BodyReader {
    pub(crate) fn new(framing: BodyFraming) -> BodyReader {
        let rest = match framing {
            BodyFraming::None => Rest::Nothing,
            BodyFraming::Length(length) => Rest::Length(length),
            BodyFraming::Chunked => Rest::Chunked(Box::default()),
            BodyFraming::UntilClose => Rest::UntilClose,
        };
        let done = matches!(framing, BodyFraming::None | BodyFraming::Length(0));
        BodyReader { rest, piece: 0..0, used: 0, received: 0, done }
    }

    /// Waits for the next bytes, to be looked at with [`BodyReader::piece`]. False at the end of the body, and from
    /// then on. The bytes are taken out of the buffer by the next call.
    pub(crate) async fn advance(
        &mut self,
        stream: &mut Stream,
        buffer: &mut Buffer,
        meter: &mut Meter,
    ) -> Result<bool, BodyError> {
        buffer.consume(std::mem::take(&mut self.used));
        self.piece = 0..0;
        while !self.done {
            self.take(buffer)?;
            if !self.piece.is_empty() {
                self.received = self.received.saturating_add(widen(self.piece.len()));
                return Ok(true);
            }
            if self.done {
                break;
            }
            match meter.wait(buffer.fill(stream, BLOCK)).await?.map_err(BodyError::reading)? {
                Filled::Bytes(count) => meter.moved(count),
                Filled::End if matches!(self.rest, Rest::UntilClose) => self.done = true,
                Filled::End => return Err(BodyError::Truncated),
                Filled::Full => return Err(BodyError::Io(io::ErrorKind::OutOfMemory.into())),
            }
        }
        Ok(false)
    }

    /// The piece that the last [`BodyReader::advance`] found.
    pub(crate) fn piece<'b>(&self, buffer: &'b Buffer) -> &'b [u8] {
        buffer.bytes().get(self.piece.clone()).unwrap_or_default()
    }

    /// Whether the body was read to its end and taken out of the buffer: only then may the connection be used for
    /// another message.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Bytes of the body so far, framing not counted.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// The trailer fields of a chunked body that was read to its end; none of any other.
    pub(crate) fn trailers(&self) -> Fields<'_> {
        match &self.rest {
            Rest::Trailers(decoder) if self.done => decoder.trailers(),
            Rest::Trailers(_) | Rest::Nothing | Rest::Length(_) | Rest::Chunked(_) | Rest::UntilClose => Fields::NONE,
        }
    }

    /// Finds a piece in what is buffered, or the end. Finding neither means that more must be read.
    fn take(&mut self, buffer: &mut Buffer) -> Result<(), BodyError> {
        match &mut self.rest {
            Rest::Nothing | Rest::Length(0) | Rest::Trailers(_) => self.done = true,
            Rest::Length(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                *left = left.saturating_sub(widen(here));
                self.present(0..here, here);
            }
            Rest::UntilClose => {
                let here = buffer.len();
                self.present(0..here, here);
            }
            Rest::Chunked(decoder) => {
                let found = join_chunks(decoder, buffer.bytes_mut())?;
                if found.ended
                    && let Rest::Chunked(decoder) = std::mem::replace(&mut self.rest, Rest::Nothing)
                {
                    self.rest = Rest::Trailers(decoder);
                }
                if found.data.is_empty() {
                    buffer.consume(found.used);
                    self.done = found.ended;
                } else {
                    self.present(found.data, found.used);
                }
            }
        }
        Ok(())
    }

    fn present(&mut self, piece: Range<usize>, used: usize) {
        self.piece = piece;
        self.used = used;
    }
}

/// What [`join_chunks`] found.
struct Joined {
    data: Range<usize>,
    used: usize,
    ended: bool,
}

/// Decodes all chunks that are there and moves their data together, so that many small ones make one piece.
fn join_chunks(decoder: &mut Decoder, bytes: &mut [u8]) -> Result<Joined, BadChunk> {
    let mut joined = Joined { data: 0..0, used: 0, ended: false };
    while joined.used < bytes.len() {
        let at = joined.used;
        match decoder.decode(bytes.get(at..).unwrap_or_default())? {
            Step::Data { start, end, consumed } => {
                let found = at.saturating_add(start)..at.saturating_add(end);
                if joined.data.is_empty() {
                    joined.data = found;
                } else {
                    let len = found.len();
                    bytes.copy_within(found, joined.data.end);
                    joined.data.end = joined.data.end.saturating_add(len);
                }
                joined.used = at.saturating_add(consumed);
            }
            Step::NeedMore { consumed } => {
                joined.used = at.saturating_add(consumed);
                break;
            }
            Step::Done { consumed } => {
                joined.used = at.saturating_add(consumed);
                joined.ended = true;
                break;
            }
        }
    }
    Ok(joined)
}

fn widen(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl BodyError {
    /// A connection that breaks in the middle of a body has truncated it. In TLS an end without `close_notify` is one
    /// that anybody on the way could have made (RFC 9112 §9.8).
    fn reading(error: io::Error) -> BodyError {
        match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof => BodyError::Truncated,
            _ => BodyError::Io(error),
        }
    }
}

impl From<TooSlow> for BodyError {
    fn from(TooSlow: TooSlow) -> BodyError {
        BodyError::TooSlow
    }
}

impl From<BadChunk> for BodyError {
    fn from(why: BadChunk) -> BodyError {
        BodyError::BadChunk(why)
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::Truncated => f.write_str("the body ended too early"),
            BodyError::BadChunk(why) => write!(f, "the body's chunks are malformed: {why}"),
            BodyError::TooSlow => f.write_str("the body came too slowly"),
            BodyError::Io(error) => write!(f, "the body could not be read: {error}"),
        }
    }
}

impl std::error::Error for BodyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BodyError::BadChunk(why) => Some(why),
            BodyError::Io(error) => Some(error),
            BodyError::Truncated | BodyError::TooSlow => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpStream;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::base::Size;
    use crate::net::Progress;
    use crate::net::testing::{block_on, pair, patient_meter, send_and_reset};

    /// How the peer ends what it sent.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum Ending {
        /// It stays connected.
        Open,
        Closed,
        Reset,
    }

    struct Read {
        body: Vec<u8>,
        end: Result<String, BodyError>,
        left: Vec<u8>,
        done: bool,
    }

    /// Reads a body; `end` holds the trailers where it ended in order.
    async fn read(stream: &mut Stream, framing: BodyFraming) -> Read {
        let (mut reader, mut buffer, mut meter) = (BodyReader::new(framing), Buffer::new(), patient_meter());
        let mut body = Vec::new();
        let end = loop {
            match reader.advance(stream, &mut buffer, &mut meter).await {
                Ok(true) => body.extend_from_slice(reader.piece(&buffer)),
                Ok(false) => break Ok(format!("{:?}", reader.trailers())),
                Err(error) => break Err(error),
            }
        };
        assert_eq!(reader.received(), body.len() as u64);
        Read { body, end, left: buffer.bytes().to_vec(), done: reader.is_done() }
    }

    fn exchange(sent: &'static [u8], ending: Ending, framing: BodyFraming) -> Read {
        let (mut stream, peer) = pair();
        let peer = thread::spawn(move || send(peer, sent, ending));
        let read = block_on(read(&mut stream, framing));
        drop(peer.join().unwrap());
        read
    }

    fn send(mut peer: TcpStream, sent: &[u8], ending: Ending) -> Option<TcpStream> {
        if ending == Ending::Reset {
            send_and_reset(peer, sent);
            return None;
        }
        // In halves, so that a body is seen to arrive in pieces.
        let (first, second) = sent.split_at(sent.len() / 2);
        peer.write_all(first).unwrap();
        peer.write_all(second).unwrap();
        (ending == Ending::Open).then_some(peer)
    }

    #[test]
    fn bodies_end_where_their_framing_says() {
        let chunks: &[u8] = b"3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\nGET /";
        for (sent, ending, framing, body, left) in [
            (&b"GET /"[..], Ending::Open, BodyFraming::None, &b""[..], &b""[..]),
            (b"GET /", Ending::Open, BodyFraming::Length(0), b"", b""),
            (b"abcGET /", Ending::Open, BodyFraming::Length(3), b"abc", b"GET /"),
            (b"abc", Ending::Closed, BodyFraming::Length(3), b"abc", b""),
            (chunks, Ending::Open, BodyFraming::Chunked, b"abcd", b"GET /"),
            (b"0\r\n\r\n", Ending::Closed, BodyFraming::Chunked, b"", b""),
            (b"all of it", Ending::Closed, BodyFraming::UntilClose, b"all of it", b""),
            (b"", Ending::Closed, BodyFraming::UntilClose, b"", b""),
        ] {
            let read = exchange(sent, ending, framing);
            assert!(read.end.is_ok() && read.done, "{framing:?} {:?}", read.end);
            assert_eq!(read.body, body, "{framing:?}");
            assert!(left.starts_with(&read.left), "{framing:?} leaves {:?}", read.left);
        }
    }

    #[test]
    fn a_body_that_is_cut_short_is_truncated_however_it_is_framed() {
        for ending in [Ending::Closed, Ending::Reset] {
            for (sent, framing) in [
                (&b""[..], BodyFraming::Length(5)),
                (b"abc", BodyFraming::Length(5)),
                (b"", BodyFraming::Chunked),
                (b"5\r\nabc", BodyFraming::Chunked),
                (b"3\r\nabc\r\n", BodyFraming::Chunked),
                (b"3\r\nabc\r\n0\r\n", BodyFraming::Chunked),
                (b"3\r\nabc\r\n0\r\nA: b\r\n", BodyFraming::Chunked),
            ] {
                let read = exchange(sent, ending, framing);
                assert!(matches!(read.end, Err(BodyError::Truncated)), "{framing:?} {ending:?} {:?}", read.end);
                assert!(!read.done);
            }
        }
        let read = exchange(b"abc", Ending::Reset, BodyFraming::UntilClose);
        assert!(matches!(read.end, Err(BodyError::Truncated)), "{:?}", read.end);
    }

    #[test]
    fn malformed_chunks_are_an_error_of_their_own() {
        for sent in [&b"x\r\n"[..], b"3\nabc", b"3\r\nabcd\r\n", b"3\r\nabc\n0\r\n\r\n"] {
            let read = exchange(sent, Ending::Open, BodyFraming::Chunked);
            assert!(matches!(read.end, Err(BodyError::BadChunk(_))), "{:?}", read.end);
            assert!(!read.done);
        }
    }

    #[test]
    fn trailers_are_there_after_the_end() {
        let read = exchange(b"1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n", Ending::Open, BodyFraming::Chunked);
        assert!(read.end.unwrap().contains("X-Sum"));
    }

    #[test]
    fn many_small_chunks_make_one_piece() {
        let (mut stream, mut peer) = pair();
        peer.write_all(&b"1\r\na\r\n2\r\nbc\r\n".repeat(100)).unwrap();
        block_on(async {
            let (mut reader, mut buffer, mut meter) =
                (BodyReader::new(BodyFraming::Chunked), Buffer::new(), patient_meter());
            buffer.fill(&mut stream, 4096).await.unwrap();
            assert!(reader.advance(&mut stream, &mut buffer, &mut meter).await.unwrap());
            assert_eq!(reader.piece(&buffer), b"abc".repeat(100));
        });
    }

    #[test]
    fn bodies_of_any_length_pass_through_little_memory() {
        let (mut stream, mut peer) = pair();
        let writer = thread::spawn(move || {
            for _ in 0..64 {
                peer.write_all(b"20000\r\n").unwrap();
                peer.write_all(&[b'x'; 0x20000]).unwrap();
                peer.write_all(b"\r\n").unwrap();
            }
            peer.write_all(b"0\r\n\r\n").unwrap();
        });
        block_on(async {
            let (mut reader, mut buffer, mut meter) =
                (BodyReader::new(BodyFraming::Chunked), Buffer::new(), patient_meter());
            while reader.advance(&mut stream, &mut buffer, &mut meter).await.unwrap() {
                let piece = reader.piece(&buffer);
                assert!(piece.len() <= BLOCK && piece.iter().all(|byte| *byte == b'x'));
            }
            assert_eq!(reader.received(), 64 * 0x20000);
        });
        writer.join().unwrap();
    }

    #[test]
    fn a_drip_is_too_slow_though_it_never_stops() {
        let (mut stream, mut peer) = pair();
        let dripping = thread::spawn(move || while peer.write_all(b"x").is_ok() {});
        let rule = Progress { bytes: Size::bytes(u64::MAX), span: Duration::from_millis(20) };
        let mut meter = Meter::new(rule);
        let ended = block_on(async {
            let (mut reader, mut buffer) = (BodyReader::new(BodyFraming::UntilClose), Buffer::new());
            loop {
                if let Err(error) = reader.advance(&mut stream, &mut buffer, &mut meter).await {
                    break error;
                }
            }
        });
        assert!(matches!(ended, BodyError::TooSlow));
        drop(stream);
        dripping.join().unwrap();
    }
}
