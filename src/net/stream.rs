//! A connection, plain or in TLS.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_rustls::TlsStream;
use rustix::io::Errno;
use rustix::net::SendFlags;
use rustix::net::sockopt::set_socket_linger;
use smol::io::{AsyncRead, AsyncWrite};

use crate::base::PeerCertificate;
use crate::net::Socket;
use crate::net::reactor::Way;

/// A connection to a client or to an upstream. TLS state is large and boxed, so that a plain one stays small.
pub(crate) enum Stream {
    Plain(Socket),
    Tls(Box<Secured>),
}

/// A connection in TLS, and who is at its other end.
pub(crate) struct Secured {
    pub(super) tls: TlsStream<Counted>,
    /// What a client showed. The session holds its own copy; another 1 or 2 KB spare each request a conversion.
    peer: Option<PeerCertificate>,
}

/// The socket below TLS. It counts what really left, because TLS takes bytes long before the peer does; on a 32-bit
/// board the count wraps, so only differences mean something.
pub(crate) struct Counted {
    socket: Socket,
    written: usize,
}

impl Stream {
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }

    pub(super) fn secured(tls: TlsStream<Counted>, peer: Option<PeerCertificate>) -> Stream {
        Stream::Tls(Box::new(Secured { tls, peer }))
    }

    /// What a client showed in the handshake, judged good there. Never there for upstreams.
    pub(crate) fn peer_certificate(&self) -> Option<&PeerCertificate> {
        match self {
            Stream::Plain(_) => None,
            Stream::Tls(secured) => secured.peer.as_ref(),
        }
    }

    /// Reads what is there. `WouldBlock` where nothing is, and always in TLS: then wait with
    /// [`crate::net::Buffer::fill`].
    pub(crate) fn try_read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => socket.try_read(into),
            Stream::Tls(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Writes what fits at once of one piece, as [`Stream::try_write_vectored`] does.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => Ok(rustix::net::send(&*socket, bytes, SendFlags::NOSIGNAL)?),
            Stream::Tls(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Writes what fits at once. `WouldBlock` where nothing does, and always in TLS: then go on with
    /// [`crate::net::write_all_vectored`].
    pub(crate) fn try_write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Stream::Plain(socket) => Ok(rustix::io::writev(&*socket, parts)?),
            Stream::Tls(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Writes what fits at once of `head` and then of `len` bytes of a file, so that both leave together. `WouldBlock`
    /// where nothing fits, and always in TLS. A file that is shorter than promised shows as less written.
    pub(crate) fn try_send_with_file(
        &mut self,
        head: &[u8],
        file: &File,
        offset: u64,
        len: usize,
    ) -> io::Result<usize> {
        let Stream::Plain(socket) = self else { return Err(io::ErrorKind::WouldBlock.into()) };
        let written = rustix::net::send(&*socket, head, SendFlags::NOSIGNAL)?;
        if written < head.len() {
            return Ok(written);
        }
        let mut offset = offset;
        match rustix::fs::sendfile(&*socket, file, Some(&mut offset), len) {
            Ok(sent) => Ok(written.saturating_add(sent)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(written),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until a read would bring something (bytes, the end or an error), without a buffer. In TLS it may end
    /// early: what came may be half a record, or not meant for us.
    pub(crate) fn readable(&mut self) -> impl Future<Output = io::Result<()>> + Unpin + use<'_> {
        poll_fn(|cx| self.poll_readable(cx))
    }

    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.holds_plaintext() { Poll::Ready(Ok(())) } else { self.socket_mut().poll_ready(cx, Way::Reading) }
    }

    /// Whether an unused connection is still good: open, and nothing has come on it. Does not wait.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let silent = |seen: io::Result<usize>| seen.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        !self.holds_plaintext() && silent(self.socket().get_ref().peek(&mut [0]))
    }

    /// Where this end of the connection is, as the client knows it.
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket().get_ref().local_addr()
    }

    /// Cuts the connection with a reset, so that the peer sees that the message did not end in order.
    pub(crate) fn reset(self) {
        // A socket that cannot take the option is closed in the ordinary way.
        let _ = set_socket_linger(self.socket().get_ref(), Some(Duration::ZERO));
    }

    pub(super) fn socket(&self) -> &Socket {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(secured) => &secured.tls.get_ref().0.socket,
        }
    }

    pub(super) fn socket_mut(&mut self) -> &mut Socket {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(secured) => match &mut secured.tls {
                TlsStream::Client(client) => &mut client.get_mut().0.socket,
                TlsStream::Server(server) => &mut server.get_mut().0.socket,
            },
        }
    }

    /// Bytes that went into the socket of a TLS connection, records and all.
    pub(super) fn tls_written(&self) -> usize {
        match self {
            Stream::Plain(_) => 0,
            Stream::Tls(secured) => secured.tls.get_ref().0.written,
        }
    }

    /// Whether TLS has something decrypted (bytes, or the peer's end) that was not read yet.
    fn holds_plaintext(&mut self) -> bool {
        let Stream::Tls(secured) = self else {
            return false;
        };
        let state = match &mut secured.tls {
            TlsStream::Client(client) => client.get_mut().1.process_new_packets(),
            TlsStream::Server(server) => server.get_mut().1.process_new_packets(),
        };
        state.map_or(true, |state| state.plaintext_bytes_to_read() > 0 || state.peer_has_closed())
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(socket) => Pin::new(socket).poll_read(cx, into),
            Stream::Tls(secured) => Pin::new(&mut secured.tls).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(socket) => Pin::new(socket).poll_write(cx, from),
            Stream::Tls(secured) => Pin::new(&mut secured.tls).poll_write(cx, from),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, parts),
            Stream::Tls(secured) => Pin::new(&mut secured.tls).poll_write_vectored(cx, parts),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Stream::Tls(secured) => Pin::new(&mut secured.tls).poll_flush(cx),
        }
    }

    /// Ends our side; the peer's may go on.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(socket) => Poll::Ready(socket.get_ref().shutdown(Shutdown::Write)),
            Stream::Tls(secured) => Pin::new(&mut secured.tls).poll_close(cx),
        }
    }
}

impl Counted {
    pub(super) fn new(socket: Socket) -> Counted {
        Counted { socket, written: 0 }
    }

    fn count(&mut self, written: usize) -> usize {
        self.written = self.written.wrapping_add(written);
        written
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_read(cx, into)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write(cx, from))?;
        Poll::Ready(Ok(self.count(written)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, parts))?;
        Poll::Ready(Ok(self.count(written)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.get_ref().shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::net::testing::{block_on, pair};

    #[test]
    fn reading_and_writing_without_waiting() {
        let (mut stream, mut peer) = pair();
        let mut into = [0; 8];
        assert_eq!(stream.try_read(&mut into).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(stream.try_write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"c")]).unwrap(), 3);
        peer.read_exact(&mut into[..3]).unwrap();
        assert_eq!(&into[..3], b"abc");
        peer.write_all(b"xyz").unwrap();
        block_on(stream.readable()).unwrap();
        assert_eq!(stream.try_read(&mut into).unwrap(), 3);
    }

    #[test]
    fn a_connection_is_quiet_until_something_comes_or_it_ends() {
        let (mut stream, mut peer) = pair();
        assert!(stream.is_quiet());
        peer.write_all(b"x").unwrap();
        block_on(stream.readable()).unwrap();
        assert!(!stream.is_quiet());
        let (mut stream, peer) = pair();
        drop(peer);
        block_on(stream.readable()).unwrap();
        assert!(!stream.is_quiet());
    }

    #[test]
    fn a_reset_is_seen_as_such() {
        let (stream, mut peer) = pair();
        stream.reset();
        assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_plain_connection_is_small() {
        assert!(size_of::<Stream>() <= 24, "{}", size_of::<Stream>());
    }
}
