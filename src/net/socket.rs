//! A socket that a task can wait for.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socket_with};
use smol::io::{AsyncRead, AsyncWrite};

use crate::net::reactor::{Place, Way};

/// A non-blocking socket. A call is tried at once; only where it would block is the socket registered with the
/// thread's reactor, and then stays so. It may be carried to another thread, and is registered anew there.
pub(crate) struct Waited<T: AsFd> {
    place: Option<Place>,
    socket: T,
}

/// A connection.
pub(crate) type Socket = Waited<TcpStream>;

impl<T: AsFd> Waited<T> {
    /// `socket` is non-blocking already.
    pub(super) fn new(socket: T) -> Waited<T> {
        Waited { place: None, socket }
    }

    pub(crate) fn get_ref(&self) -> &T {
        &self.socket
    }

    /// Waits until a call is worth trying.
    pub(super) fn poll_ready(&mut self, context: &mut Context<'_>, way: Way) -> Poll<io::Result<()>> {
        if self.place_here().is_none() {
            if let Some(place) = self.place.take() {
                place.leave(&self.socket);
            }
            self.place = Some(Place::take(&self.socket)?);
        }
        match &self.place {
            Some(place) => place.poll(context, way),
            None => Poll::Pending,
        }
    }

    /// A call would have blocked.
    pub(super) fn exhausted(&self, way: Way) {
        if let Some(place) = self.place_here() {
            place.exhausted(way);
        }
    }

    /// Does a call, and waits where it would block.
    pub(super) fn poll_call<R>(
        &mut self,
        context: &mut Context<'_>,
        way: Way,
        mut call: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        if self.place_here().is_some() {
            ready!(self.poll_ready(context, way))?;
        }
        loop {
            match call(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.exhausted(way);
                    ready!(self.poll_ready(context, way))?;
                }
                called => return Poll::Ready(called),
            }
        }
    }

    fn place_here(&self) -> Option<&Place> {
        self.place.as_ref().filter(|place| place.is_here())
    }
}

impl Socket {
    /// Connects; the caller sets the deadline.
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Socket> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = TcpStream::from(socket_with(family, SocketType::STREAM, flags, None)?);
        match rustix::net::connect(&socket, &address) {
            Ok(()) => return Ok(Waited::new(socket)),
            Err(Errno::INPROGRESS | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut socket = Waited::new(socket);
        std::future::poll_fn(|context| socket.poll_ready(context, Way::Writing)).await?;
        match socket.socket.take_error()? {
            Some(error) => Err(error),
            None => Ok(socket),
        }
    }

    /// Reads what is there; `WouldBlock` where nothing is.
    pub(super) fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        let room = into.len();
        let read = recv(&self.socket, into, RecvFlags::empty()).map(|(count, _)| count);
        if let Some(place) = self.place_here() {
            match read {
                Ok(count) if (1..room).contains(&count) => place.read_short(),
                Err(Errno::AGAIN) => place.exhausted(Way::Reading),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(read?)
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        let read = ready!(socket.poll_call(context, Way::Reading, |mut socket| socket.read(into)))?;
        if let Some(place) = socket.place_here()
            && (1..into.len()).contains(&read)
        {
            place.read_short();
        }
        Poll::Ready(Ok(read))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_call(context, Way::Writing, |mut socket| socket.write(from))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_call(context, Way::Writing, |mut socket| socket.write_vectored(parts))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.shutdown(Shutdown::Write))
    }
}

impl<T: AsFd> AsFd for Waited<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
