//! A connection, plain or in TLS.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};

use async_io::Async;
use futures_rustls::TlsStream;
use smol::io::{AsyncRead, AsyncWrite};

/// A connection to a client or to an upstream. TLS state is large and boxed, so that a plain one stays small.
pub(crate) enum Stream {
    Plain(Async<TcpStream>),
    Tls(Box<TlsStream<Async<TcpStream>>>),
}

impl Stream {
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }

    pub(crate) fn peer(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }

    /// Reads what is there. `WouldBlock` where nothing is, and always in TLS: then wait with [`crate::net::Buffer::fill`].
    pub(crate) fn try_read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        todo!()
    }

    /// Writes what fits at once. `WouldBlock` where nothing does, and always in TLS: then go on with
    /// [`crate::net::write_all`].
    pub(crate) fn try_write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        todo!()
    }

    /// Waits until a read would bring something (bytes, the end or an error), without a buffer. In TLS it may end early.
    pub(crate) fn readable(&mut self) -> impl Future<Output = io::Result<()>> + Unpin + '_ {
        std::future::ready(todo!())
    }

    pub(crate) fn writable(&mut self) -> impl Future<Output = io::Result<()>> + Unpin + '_ {
        std::future::ready(todo!())
    }

    /// Whether an unused connection is still good: open, and nothing has come on it. Does not wait.
    pub(crate) fn is_quiet(&mut self) -> bool {
        todo!()
    }

    /// Cuts the connection with a reset, so that the peer sees that the message did not end in order.
    pub(crate) fn reset(self) {
        todo!()
    }

    fn socket(&self) -> &TcpStream {
        todo!()
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        todo!()
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        todo!()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        todo!()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        todo!()
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        todo!()
    }
}
