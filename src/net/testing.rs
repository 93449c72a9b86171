//! Connections over loopback for the tests of this room and of `upstream`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_io::Async;

use crate::net::{Meter, Progress, Stream};

/// Long enough for a loaded machine, short enough to end a test that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Both ends of a connection: ours, and the peer's as a blocking socket.
pub(crate) fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    (Stream::Plain(Async::new(ours).unwrap()), patient(theirs))
}

/// A blocking socket that gives up in the end.
pub(crate) fn patient(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}

pub(crate) fn patient_meter() -> Meter {
    Meter::new(Progress::idle(PATIENCE))
}

/// A peer in its own thread: handles connections one after the other, each by the next of `scripts`.
pub(crate) fn peer<F>(scripts: Vec<F>) -> (SocketAddr, JoinHandle<()>)
where
    F: FnOnce(TcpStream) + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        for script in scripts {
            script(patient(listener.accept().unwrap().0));
        }
    });
    (address, thread)
}

/// Reads up to and with the empty line that ends a head.
pub(crate) fn read_head(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && socket.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Sends all and ends with a reset instead of in order.
pub(crate) fn send_and_reset(mut socket: TcpStream, bytes: &[u8]) {
    socket.write_all(bytes).unwrap();
    rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO)).unwrap();
}
