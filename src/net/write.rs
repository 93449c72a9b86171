//! Writing to a peer that may read slowly.

use std::fs::File;
use std::io::{self, IoSlice};
use std::time::Duration;

use crate::net::{Meter, Stream};

#[derive(Debug)]
pub(crate) enum WriteError {
    /// The peer broke the progress rule.
    TooSlow,
    /// The file ended before the bytes that were promised. Ours, not the peer's.
    ShortFile,
    /// The peer is gone.
    Io(io::Error),
}

/// Writes all of `bytes` and, in TLS, flushes them.
pub(crate) async fn write_all(stream: &mut Stream, bytes: &[u8], meter: &mut Meter) -> Result<(), WriteError> {
    todo!()
}

/// Writes all parts, in one system call where they fit.
pub(crate) async fn write_all_vectored(
    stream: &mut Stream,
    parts: &mut [IoSlice<'_>],
    meter: &mut Meter,
) -> Result<(), WriteError> {
    todo!()
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
    todo!()
}

/// Ends a connection whose peer may still be sending: ends our side, then reads and drops what comes for a while, so
/// that the last answer is not lost to a reset (RFC 9112 §9.6).
pub(crate) async fn close_gently(stream: Stream, span: Duration) {
    todo!()
}
