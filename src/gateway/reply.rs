//! Writing an answer to a client, whatever it is made of: head and body leave together where they can, and a body of
//! unknown length is chunked.

use std::fs::File;
use std::io::IoSlice;
use std::os::unix::fs::FileExt;

use crate::cache::Piece;
use crate::codings::{Coding, Decoder};
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
    decoder: Option<Box<Decoder>>,
}

/// Bytes of a coded body that are read from a file at once, and of a decoded one that are sent at once.
const STEP: usize = 64 * 1024;

impl<'c> Reply<'c> {
    /// `head` is a whole head; nothing is written yet.
    pub(super) fn new(
        connection: &'c mut Connection,
        progress: Progress,
        framing: ReplyFraming,
        head: Vec<u8>,
    ) -> Reply<'c> {
        let chunked = framing == ReplyFraming::Chunked;
        Reply { connection, meter: Meter::new(progress), chunked, head, sent: 0, decoder: None }
    }

    /// From here on the body is decoded before it leaves.
    pub(super) fn decoding(mut self, coding: Option<Coding>) -> Reply<'c> {
        self.decoder = coding.map(|coding| Box::new(Decoder::new(coding)));
        self
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
        match self.decoder.take() {
            None => self.plain(bytes).await,
            Some(mut decoder) => {
                self.decoded(&mut decoder, bytes).await?;
                self.decoder = Some(decoder);
                Ok(())
            }
        }
    }

    async fn decoded(&mut self, decoder: &mut Decoder, mut coded: &[u8]) -> Result<(), WriteError> {
        let mut out = Vec::new();
        loop {
            out.clear();
            // What is stored is not what it says it is: ours to cut, not the client's fault.
            let taken = decoder.decode(coded, &mut out, STEP).map_err(|_| WriteError::ShortFile)?;
            coded = coded.get(taken..).unwrap_or_default();
            self.plain(&out).await?;
            if out.len() < STEP {
                return Ok(());
            }
        }
    }

    async fn plain(&mut self, mut bytes: &[u8]) -> Result<(), WriteError> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at_checked(self.allowed(bytes.len()).await).unwrap_or((bytes, &[]));
            self.at_once(now).await?;
            bytes = later;
        }
        Ok(())
    }

    /// How many of so many bytes may leave; waits for them.
    async fn allowed(&self, want: usize) -> usize {
        match &self.connection.pace {
            None => want,
            Some(pace) => usize::try_from(pace.allow(want as u64).await).unwrap_or(want),
        }
    }

    async fn at_once(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
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
        if self.decoder.is_some() {
            return self.file_decoded(file, offset, len).await;
        }
        if self.chunked {
            self.head.extend_from_slice(&chunked::size_line(len));
        }
        self.head().await?;
        let end = offset.saturating_add(len);
        let mut at = offset;
        while at < end {
            let step = self.allowed(usize::try_from(end - at).unwrap_or(usize::MAX)).await as u64;
            send_file(&mut self.connection.stream, file, at, step, &mut self.meter).await?;
            at += step;
            self.sent += step;
        }
        if self.chunked {
            write_all(&mut self.connection.stream, b"\r\n", &mut self.meter).await?;
        }
        Ok(())
    }

    /// The bytes were just seen in the page cache, so that reading them does not wait.
    async fn file_decoded(&mut self, file: &File, mut offset: u64, len: u64) -> Result<(), WriteError> {
        let end = offset.saturating_add(len);
        let mut coded = vec![0; STEP];
        while offset < end {
            let most = usize::try_from(end - offset).unwrap_or(STEP).min(STEP);
            let Some(space) = coded.get_mut(..most) else { return Err(WriteError::ShortFile) };
            file.read_exact_at(space, offset).map_err(|_| WriteError::ShortFile)?;
            offset += most as u64;
            let read = std::mem::take(&mut coded);
            self.bytes(read.get(..most).unwrap_or_default()).await?;
            coded = read;
        }
        Ok(())
    }

    /// The body is complete. Gives the number of its bytes.
    pub(super) async fn end(mut self, trailers: Fields<'_>) -> Result<u64, WriteError> {
        let trailers = match self.decoder.take() {
            None => trailers,
            // They may be about the coded form.
            Some(decoder) => {
                decoder.finish().map_err(|_| WriteError::ShortFile)?;
                Fields::NONE
            }
        };
        if self.chunked {
            chunked::write_end(&mut self.head, trailers);
        }
        self.head().await?;
        Ok(self.sent)
    }
}
