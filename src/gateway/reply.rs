//! Writing an answer to a client, whatever it is made of: head and body leave together where they can, and a body of
//! unknown length is chunked.

use std::fs::File;
use std::io::IoSlice;

use crate::cache::Piece;
use crate::http::{Fields, chunked};
use crate::net::{Meter, Progress, WriteError, send_file, write_all, write_all_vectored};
use crate::transform::ReplyFraming;

use super::connection::Connection;

/// One answer on its way out. Dropped before [`Reply::end`], the answer is incomplete and the connection must be cut.
pub(super) struct Reply<'c> {
    connection: &'c mut Connection,
    meter: Meter,
    chunked: bool,
    /// What waits to leave with the first bytes of the body.
    head: Vec<u8>,
    /// Body bytes sent.
    sent: u64,
}

impl<'c> Reply<'c> {
    /// `head` is a whole head; nothing is written yet.
    pub(super) fn new(
        connection: &'c mut Connection,
        progress: Progress,
        framing: ReplyFraming,
        head: Vec<u8>,
    ) -> Reply<'c> {
        let chunked = framing == ReplyFraming::Chunked;
        Reply { connection, meter: Meter::new(progress), chunked, head, sent: 0 }
    }

    /// Body bytes sent so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether nothing has been sent.
    pub(super) fn is_untouched(&self) -> bool {
        self.sent == 0 && !self.head.is_empty()
    }

    /// Sends the head now, because the body may take its time.
    pub(super) async fn head(&mut self) -> Result<(), WriteError> {
        let head = std::mem::take(&mut self.head);
        if head.is_empty() {
            return Ok(());
        }
        write_all(&mut self.connection.stream, &head, &mut self.meter).await
    }

    /// Sends a piece of the body; an empty one sends nothing (as a chunk it would end the body).
    pub(super) async fn bytes(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let head = std::mem::take(&mut self.head);
        let stream = &mut self.connection.stream;
        if self.chunked {
            let size = chunked::size_line(bytes.len() as u64);
            let mut parts = [&head, size.as_slice(), bytes, b"\r\n"].map(IoSlice::new);
            write_all_vectored(stream, &mut parts, &mut self.meter).await?;
        } else {
            write_all_vectored(stream, &mut [&head, bytes].map(IoSlice::new), &mut self.meter).await?;
        }
        self.sent += bytes.len() as u64;
        Ok(())
    }

    /// Sends a piece of a stored body.
    pub(super) async fn piece(&mut self, piece: Piece<'_>) -> Result<(), WriteError> {
        match piece {
            Piece::Memory(bytes) => self.bytes(bytes).await,
            Piece::File { file, offset, len } => self.file(file, offset, len as u64).await,
        }
    }

    /// Sends a piece of the body from a file.
    pub(super) async fn file(&mut self, file: &File, offset: u64, len: u64) -> Result<(), WriteError> {
        if len == 0 {
            return Ok(());
        }
        if self.chunked {
            self.head.extend_from_slice(&chunked::size_line(len));
        }
        self.head().await?;
        send_file(&mut self.connection.stream, file, offset, len, &mut self.meter).await?;
        if self.chunked {
            write_all(&mut self.connection.stream, b"\r\n", &mut self.meter).await?;
        }
        self.sent += len;
        Ok(())
    }

    /// The body is complete. Gives the number of its bytes.
    pub(super) async fn end(mut self, trailers: Fields<'_>) -> Result<u64, WriteError> {
        if self.chunked {
            chunked::write_end(&mut self.head, trailers);
        }
        self.head().await?;
        Ok(self.sent)
    }
}
