//! Connections over loopback for the tests of this room and of `upstream`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::config::TlsConfig;
use crate::net::socket::Waited;
use crate::net::{Meter, Progress, Socket, Stream};

/// Long enough for a loaded machine, short enough to end a test that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Both ends of a connection: ours, and the peer's as a blocking socket.
pub(crate) fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    (plain(ours), patient(theirs))
}

/// As [`crate::net::run`], where it works.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    crate::net::run(future).unwrap()
}

/// A connection that was made elsewhere.
pub(crate) fn plain(socket: TcpStream) -> Stream {
    Stream::Plain(waited(socket))
}

/// A socket that was made elsewhere.
pub(crate) fn waited(socket: TcpStream) -> Socket {
    socket.set_nonblocking(true).unwrap();
    Waited::new(socket)
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

/// A folder that is removed in the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static COUNTER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("hafir-net-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A certificate authority of its own, with its certificate in `ca.pem`.
pub(crate) struct Authority {
    pub(crate) folder: Folder,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let folder = Folder::new();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(2080, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(folder.path("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Authority { folder, issuer: rcgen::Issuer::new(params, key) }
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path("ca.pem")
    }

    /// Writes a certificate for a host, valid until 2070, and its key; gives a section that names both.
    pub(crate) fn issue(&self, host: &str) -> TlsConfig {
        let section = self.section(host);
        let mut params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2070, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(&section.certificate, params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        std::fs::write(&section.key, key.serialize_pem()).unwrap();
        section
    }

    /// The section alone, without its files.
    pub(crate) fn section(&self, host: &str) -> TlsConfig {
        TlsConfig {
            name: host.to_owned(),
            listen: Vec::new(),
            certificate: self.folder.path(&format!("{host}.pem")),
            key: self.folder.path(&format!("{host}.key")),
            ..TlsConfig::default()
        }
    }
}
