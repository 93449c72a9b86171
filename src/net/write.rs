//! Writing to a peer that may read slowly.

use std::fmt;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::Errno;
use smol::io::AsyncWrite;

use crate::net::buffer::{class_of, give_back, take};
use crate::net::reactor::{Way, go_on_later};
use crate::net::{Buffer, Filled, Meter, Socket, Stream, TooSlow, within};

/// Of a file at most this much is given to the kernel before other tasks of the thread have their turn: some
/// milliseconds of copying on the smallest board.
const FILE_PIECE: u64 = 512 << 10;
/// A file is read in blocks of this size for TLS: one record.
const TLS_PIECE: usize = 16 << 10;
/// A peer that keeps on sending after our last word is read up to here, and then cut.
const LINGER_BYTES: usize = 256 << 10;

#[derive(Debug)]
pub(crate) enum WriteError {
    /// The peer broke the progress rule.
    TooSlow,
    /// The file ended before the bytes that were promised, or cannot be read. Ours, not the peer's.
    ShortFile,
    /// The peer is gone.
    Io(io::Error),
}

/// Writes all of `bytes` and, in TLS, flushes them.
pub(crate) async fn write_all(stream: &mut Stream, bytes: &[u8], meter: &mut Meter) -> Result<(), WriteError> {
    write_all_vectored(stream, &mut [IoSlice::new(bytes)], meter).await
}

/// Writes all parts, in one system call where they fit.
pub(crate) async fn write_all_vectored(
    stream: &mut Stream,
    mut parts: &mut [IoSlice<'_>],
    meter: &mut Meter,
) -> Result<(), WriteError> {
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        let written = meter.wait(poll_fn(|cx| Pin::new(&mut *stream).poll_write_vectored(cx, parts))).await??;
        if written == 0 {
            return Err(WriteError::Io(io::ErrorKind::WriteZero.into()));
        }
        IoSlice::advance_slices(&mut parts, written);
        if stream.is_tls() {
            flush_tls(stream, meter).await?;
        } else {
            meter.moved(written);
        }
    }
    Ok(())
}

/// How far [`write_while_silent`] came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wrote {
    All,
    /// The peer has said something, or can take no more: read. So many bytes were taken before.
    Heard(usize),
}

/// Writes all parts unless the peer speaks while it takes no more; what it says is in `heard`. A peer that is gone
/// counts as one that spoke: reading tells whether it left an answer.
pub(crate) async fn write_while_silent(
    stream: &mut Stream,
    mut parts: &mut [IoSlice<'_>],
    heard: &mut Buffer,
    meter: &mut Meter,
) -> Result<Wrote, TooSlow> {
    let mut taken = 0_usize;
    let mut seen = stream.tls_written();
    IoSlice::advance_slices(&mut parts, 0);
    loop {
        let step = meter.wait(poll_fn(|cx| poll_write_or_hear(stream, cx, parts, heard, seen))).await?;
        meter.moved(stream.tls_written().wrapping_sub(seen));
        seen = stream.tls_written();
        match step {
            Said::Took(written) => {
                IoSlice::advance_slices(&mut parts, written);
                taken = taken.saturating_add(written);
                if !stream.is_tls() {
                    meter.moved(written);
                }
            }
            Said::Left => {}
            Said::Flushed => return Ok(Wrote::All),
            Said::Spoke => return Ok(Wrote::Heard(taken)),
        }
    }
}

/// Sends `len` bytes of a file from `offset`; on plain connections without copying them through user space.
/// Other tasks of the thread run between large pieces.
pub(crate) async fn send_file(
    stream: &mut Stream,
    file: &File,
    offset: u64,
    len: u64,
    meter: &mut Meter,
) -> Result<(), WriteError> {
    if stream.is_tls() {
        let mut block = take(class_of(TLS_PIECE));
        let sent = send_through(stream, file, offset, len, meter, &mut block).await;
        give_back(block);
        return sent;
    }
    let (mut offset, mut left) = (offset, len);
    let mut turn = Turn::Ours(FILE_PIECE);
    while left > 0 {
        let step = poll_fn(|cx| poll_send_file(cx, stream.socket_mut(), file, &mut offset, left, &mut turn));
        let sent = meter.wait(step).await??;
        if sent == 0 {
            return Err(WriteError::ShortFile);
        }
        meter.moved(sent);
        let sent = u64::try_from(sent).unwrap_or(u64::MAX);
        left = left.saturating_sub(sent);
        turn = turn.after(sent);
    }
    Ok(())
}

/// Whose turn it is on the thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    /// So much may be sent before it is the others' turn.
    Ours(u64),
    Others,
}

impl Turn {
    fn after(self, sent: u64) -> Turn {
        match self {
            Turn::Ours(left) if left > sent => Turn::Ours(left.saturating_sub(sent)),
            Turn::Ours(_) | Turn::Others => Turn::Others,
        }
    }
}

/// Gives the kernel one piece of a file. A poll that was not caused by the socket tries all the same: the kernel
/// calls a socket writable only when a good part of it is free, which takes a slow reader longer than to progress.
fn poll_send_file(
    cx: &mut Context<'_>,
    socket: &mut Socket,
    file: &File,
    offset: &mut u64,
    left: u64,
    turn: &mut Turn,
) -> Poll<io::Result<usize>> {
    loop {
        let Turn::Ours(most) = *turn else {
            *turn = Turn::Ours(FILE_PIECE);
            go_on_later(cx.waker());
            return Poll::Pending;
        };
        let asked = usize::try_from(left.min(most)).unwrap_or(usize::MAX);
        match rustix::fs::sendfile(&*socket, file, Some(offset), asked) {
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => {}
            sent => return Poll::Ready(sent.map_err(io::Error::from)),
        }
        *turn = Turn::Ours(FILE_PIECE);
        socket.exhausted(Way::Writing);
        ready!(socket.poll_ready(cx, Way::Writing))?;
    }
}

/// Ends a connection whose peer may still be sending: ends our side, then reads and drops what comes for a while, so
/// that the last answer is not lost to a reset (RFC 9112 §9.6).
pub(crate) async fn close_gently(mut stream: Stream, span: Duration) {
    let linger = async {
        if poll_fn(|cx| Pin::new(&mut stream).poll_close(cx)).await.is_err() {
            return;
        }
        let mut buffer = Buffer::new();
        let mut dropped = 0_usize;
        while let Ok(Filled::Bytes(count)) = buffer.fill(&mut stream, TLS_PIECE).await {
            buffer.consume(count);
            dropped = dropped.saturating_add(count);
            if dropped > LINGER_BYTES {
                return;
            }
        }
    };
    // Whether the peer ended or the time did, the connection is dropped now.
    let _ = within(span, linger).await;
}

async fn send_through(
    stream: &mut Stream,
    file: &File,
    mut offset: u64,
    len: u64,
    meter: &mut Meter,
    block: &mut [u8],
) -> Result<(), WriteError> {
    let mut left = len;
    while left > 0 {
        let asked = usize::try_from(left).unwrap_or(usize::MAX).min(TLS_PIECE);
        let piece = block.get_mut(..asked).unwrap_or_default();
        let count = file.read_at(piece, offset).map_err(|_| WriteError::ShortFile)?;
        let read = piece.get(..count).filter(|read| !read.is_empty()).ok_or(WriteError::ShortFile)?;
        write_all(stream, read, meter).await?;
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        offset = offset.saturating_add(count);
        left = left.saturating_sub(count);
    }
    Ok(())
}

/// Progress in TLS is what the socket took, not what TLS took.
async fn flush_tls(stream: &mut Stream, meter: &mut Meter) -> Result<(), WriteError> {
    let mut seen = stream.tls_written();
    loop {
        let flushed = meter.wait(poll_fn(|cx| poll_flush_some(stream, cx, seen))).await??;
        meter.moved(stream.tls_written().wrapping_sub(seen));
        seen = stream.tls_written();
        if flushed {
            return Ok(());
        }
    }
}

/// Ready with true when all is flushed, with false when at least something more was written than `seen`.
fn poll_flush_some(stream: &mut Stream, cx: &mut Context<'_>, seen: usize) -> Poll<io::Result<bool>> {
    match Pin::new(&mut *stream).poll_flush(cx) {
        Poll::Ready(flushed) => Poll::Ready(flushed.map(|()| true)),
        Poll::Pending if stream.tls_written() != seen => Poll::Ready(Ok(false)),
        Poll::Pending => Poll::Pending,
    }
}

/// One step of [`write_while_silent`].
enum Said {
    /// The connection took so many bytes.
    Took(usize),
    /// TLS took nothing new, but some of what it held left.
    Left,
    Flushed,
    Spoke,
}

fn poll_write_or_hear(
    stream: &mut Stream,
    cx: &mut Context<'_>,
    parts: &[IoSlice<'_>],
    heard: &mut Buffer,
    seen: usize,
) -> Poll<Said> {
    let step = if parts.is_empty() {
        Pin::new(&mut *stream).poll_flush(cx).map_ok(|()| Said::Flushed)
    } else {
        Pin::new(&mut *stream).poll_write_vectored(cx, parts).map_ok(Said::Took)
    };
    match step {
        Poll::Ready(Ok(Said::Took(0)) | Err(_)) => Poll::Ready(Said::Spoke),
        Poll::Ready(Ok(said)) => Poll::Ready(said),
        Poll::Pending if stream.tls_written() != seen => Poll::Ready(Said::Left),
        Poll::Pending => heard.poll_fill(cx, stream, TLS_PIECE).map(|_| Said::Spoke),
    }
}

impl From<TooSlow> for WriteError {
    fn from(TooSlow: TooSlow) -> WriteError {
        WriteError::TooSlow
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> WriteError {
        WriteError::Io(error)
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::TooSlow => f.write_str("the peer reads too slowly"),
            WriteError::ShortFile => f.write_str("the file is shorter than it was"),
            WriteError::Io(error) => write!(f, "the peer is gone: {error}"),
        }
    }
}

impl std::error::Error for WriteError {}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::base::Size;
    use crate::net::Progress;
    use crate::net::testing::{PATIENCE, block_on, pair, patient_meter};

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|at| ((at * 31) >> 3).to_le_bytes()[0]).collect()
    }

    fn temporary_file(name: &str, bytes: &[u8]) -> File {
        let path = std::env::temp_dir().join(format!("hafir-net-write-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        file
    }

    #[test]
    fn all_parts_arrive_even_when_the_socket_is_full() {
        let (mut stream, mut peer) = pair();
        let body = pattern(8 << 20);
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).unwrap();
            all
        });
        let mut meter = patient_meter();
        block_on(async {
            let mut parts = [IoSlice::new(b"head"), IoSlice::new(b""), IoSlice::new(&body)];
            write_all_vectored(&mut stream, &mut parts, &mut meter).await.unwrap();
            write_all(&mut stream, b"", &mut meter).await.unwrap();
            write_all(&mut stream, b"tail", &mut meter).await.unwrap();
        });
        drop(stream);
        let got = reader.join().unwrap();
        assert!(got == [b"head", &body[..], b"tail"].concat());
    }

    #[test]
    fn a_part_of_a_file_is_sent_whole() {
        let (mut stream, mut peer) = pair();
        let bytes = pattern(5 << 20);
        let file = temporary_file("part", &bytes);
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).unwrap();
            all
        });
        let mut meter = patient_meter();
        block_on(send_file(&mut stream, &file, 1000, (5 << 20) - 1000, &mut meter)).unwrap();
        drop(stream);
        assert!(reader.join().unwrap() == bytes[1000..]);
    }

    #[test]
    fn a_peer_that_speaks_instead_of_reading_is_heard() {
        let (mut stream, mut peer) = pair();
        peer.write_all(b"enough").unwrap();
        let (big, mut heard) = (vec![0; 64 << 20], Buffer::new());
        let wrote =
            block_on(write_while_silent(&mut stream, &mut [IoSlice::new(&big)], &mut heard, &mut patient_meter()));
        assert!(matches!(wrote, Ok(Wrote::Heard(1..))), "{wrote:?}");
        assert_eq!(heard.bytes(), b"enough");
        let (mut stream, peer) = pair();
        drop(peer);
        let mut parts = [IoSlice::new(&big)];
        let wrote = block_on(write_while_silent(&mut stream, &mut parts, &mut heard, &mut patient_meter()));
        assert!(matches!(wrote, Ok(Wrote::Heard(_))), "{wrote:?}");
    }

    #[test]
    fn a_file_that_is_too_short_is_our_fault() {
        let (mut stream, _peer) = pair();
        let file = temporary_file("short", b"0123456789");
        let sent = block_on(send_file(&mut stream, &file, 5, 6, &mut patient_meter()));
        assert!(matches!(sent, Err(WriteError::ShortFile)));
    }

    #[test]
    fn a_peer_that_does_not_read_is_too_slow() {
        let (mut stream, peer) = pair();
        let file = temporary_file("slow", &vec![0; 16 << 20]);
        let rule = Progress { bytes: Size::kib(1), span: Duration::from_millis(20) };
        let sent = block_on(send_file(&mut stream, &file, 0, 16 << 20, &mut Meter::new(rule)));
        assert!(matches!(sent, Err(WriteError::TooSlow)));
        let written = block_on(write_all(&mut stream, &vec![0; 16 << 20], &mut Meter::new(rule)));
        assert!(matches!(written, Err(WriteError::TooSlow)));
        drop(peer);
    }

    #[test]
    fn a_peer_that_left_is_noticed() {
        let (mut stream, peer) = pair();
        drop(peer);
        let big = vec![0; 16 << 20];
        let written = block_on(write_all(&mut stream, &big, &mut patient_meter()));
        assert!(matches!(written, Err(WriteError::Io(_))));
    }

    #[test]
    fn a_download_lets_other_tasks_run() {
        let executor = smol::LocalExecutor::new();
        let (mut stream, mut peer) = pair();
        let file = temporary_file("fair", &vec![0; 64 << 20]);
        let reader = std::thread::spawn(move || std::io::copy(&mut peer, &mut std::io::sink()).unwrap());
        let turns = std::rc::Rc::new(std::cell::Cell::new(0));
        let counted = std::rc::Rc::clone(&turns);
        let other = executor.spawn(async move {
            loop {
                counted.set(counted.get() + 1);
                smol::future::yield_now().await;
            }
        });
        block_on(executor.run(send_file(&mut stream, &file, 0, 64 << 20, &mut patient_meter()))).unwrap();
        drop((stream, other));
        assert!(turns.get() > 64, "{} turns", turns.get());
        assert_eq!(reader.join().unwrap(), 64 << 20);
    }

    #[test]
    fn after_a_piece_of_a_file_others_come_first_but_any_poll_goes_on() {
        let (mut stream, _peer) = pair();
        let file = temporary_file("piece", b"0123456789");
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let (mut offset, mut turn) = (0, Turn::Ours(8).after(8));
        let mut step = || poll_send_file(&mut cx, stream.socket_mut(), &file, &mut offset, 5, &mut turn);
        assert!(step().is_pending());
        assert!(matches!(step(), Poll::Ready(Ok(5))));
        assert!(matches!(step(), Poll::Ready(Ok(5))));
    }

    #[test]
    fn a_gentle_close_lets_the_peer_read_the_last_answer() {
        let (mut stream, mut peer) = pair();
        peer.write_all(&[b'x'; 50_000]).unwrap();
        let talker = std::thread::spawn(move || {
            let mut answer = String::new();
            peer.read_to_string(&mut answer).unwrap();
            answer
        });
        block_on(async {
            write_all(&mut stream, b"no", &mut patient_meter()).await.unwrap();
            close_gently(stream, PATIENCE).await;
        });
        assert_eq!(talker.join().unwrap(), "no");
    }
}
