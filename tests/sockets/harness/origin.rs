use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::answer::{Answer, Step};
use super::{find, free_port, loopback, until};

/// A server that plays a script and keeps what it was asked.
pub(crate) struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// One request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// With its empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: String,
    /// Whether the body came to its end.
    pub(crate) complete: bool,
    /// Counts the connections from 0.
    pub(crate) connection: usize,
}

struct Shared {
    script: Box<dyn Fn(&Seen) -> Answer + Send + Sync>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
    stopping: AtomicBool,
}

impl Origin {
    /// The script is asked once for each request, when its head is there.
    pub(crate) fn new(script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Origin {
        let shared = Shared {
            script: Box::new(script),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: Mutex::default(),
            stopping: AtomicBool::new(false),
        };
        let mut origin = Origin { address: loopback(free_port()), shared: Arc::new(shared), accepting: None };
        origin.start();
        origin
    }

    /// Answers everything with 200 and the request's target as body; nothing may be kept.
    pub(crate) fn plain() -> Origin {
        Origin::new(|seen| Answer::ok(&["Cache-Control: no-store"], seen.target()))
    }

    pub(crate) fn always(answer: Answer) -> Origin {
        Origin::new(move |_| answer.clone())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn last(&self) -> Seen {
        self.requests().pop().expect("the origin was asked")
    }

    /// Requests so far, for any target.
    pub(crate) fn count(&self) -> usize {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Requests so far whose target begins so.
    pub(crate) fn count_of(&self, target: &str) -> usize {
        self.requests().iter().filter(|seen| seen.target().starts_with(target)).count()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn wait_for_count(&self, count: usize) {
        until(&format!("{count} requests at the origin"), || self.count() >= count);
    }

    /// Closes everything and refuses connections from now on.
    pub(crate) fn stop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        for stream in self.shared.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Listens (again) at the same address.
    pub(crate) fn start(&mut self) {
        self.shared.stopping.store(false, Ordering::SeqCst);
        let listener = TcpListener::bind(self.address).expect("the origin's port");
        let shared = Arc::clone(&self.shared);
        self.accepting = Some(std::thread::spawn(move || accept(&listener, &shared)));
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Seen {
    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// Every value of a field, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let _ = stream.set_nodelay(true);
        let number = shared.connections.fetch_add(1, Ordering::SeqCst);
        if let Ok(stream) = stream.try_clone() {
            shared.open.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let mut peer = Peer { stream, kept: Vec::new() };
            while exchange(&mut peer, &shared, number).is_some() {}
            let _ = peer.stream.shutdown(Shutdown::Both);
        });
    }
}

/// One request and its answer; `None` ends the connection.
fn exchange(peer: &mut Peer, shared: &Shared, connection: usize) -> Option<()> {
    let head = String::from_utf8_lossy(&peer.read_until(b"\r\n\r\n")?).into_owned();
    let mut seen = Seen { head, connection, ..Seen::default() };
    let index = {
        let mut all = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(seen.clone());
        all.len() - 1
    };
    let answer = (shared.script)(&seen);
    if answer.early {
        return play(peer, answer);
    }
    if seen.field("expect").is_some() {
        peer.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    seen.complete = body(peer, &mut seen).is_some();
    shared.seen.lock().unwrap_or_else(PoisonError::into_inner)[index] = seen.clone();
    if !seen.complete {
        return None;
    }
    play(peer, answer)
}

fn play(peer: &mut Peer, answer: Answer) -> Option<()> {
    for step in answer.steps {
        match step {
            Step::Send(bytes) => peer.stream.write_all(&bytes).ok()?,
            Step::Wait(gate) => {
                if !gate.wait() {
                    return None;
                }
            }
            Step::Close => return None,
            Step::Reset => {
                // Connecting a TCP socket to "no address" drops it with RST, whoever else holds a handle to it.
                let _ = rustix::net::connect_unspec(&peer.stream);
                return None;
            }
            Step::Echo => {
                let kept = std::mem::take(&mut peer.kept);
                peer.stream.write_all(&kept).ok()?;
                let mut space = [0; 4096];
                loop {
                    let length = peer.stream.read(&mut space).ok().filter(|length| *length > 0)?;
                    peer.stream.write_all(&space[..length]).ok()?;
                }
            }
        }
    }
    Some(())
}

/// Reads the body into `seen`; `None` where it ends too early.
fn body(peer: &mut Peer, seen: &mut Seen) -> Option<()> {
    if seen.field("transfer-encoding").is_some() {
        loop {
            let line = String::from_utf8_lossy(&peer.read_until(b"\r\n")?).into_owned();
            let size = usize::from_str_radix(line.trim(), 16).ok()?;
            if size == 0 {
                break;
            }
            let whole = peer.take(size, &mut seen.body);
            whole.then_some(())?;
            peer.read_until(b"\r\n")?;
        }
        loop {
            let line = peer.read_until(b"\r\n")?;
            if line == b"\r\n" {
                return Some(());
            }
            seen.trailers.push_str(&String::from_utf8_lossy(&line));
        }
    }
    let length = seen.field("content-length").map_or(Some(0), |length| length.parse().ok())?;
    peer.take(length, &mut seen.body).then_some(())
}

struct Peer {
    stream: TcpStream,
    kept: Vec<u8>,
}

impl Peer {
    fn read_until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.kept, mark) {
                return Some(self.kept.drain(..at + mark.len()).collect());
            }
            self.read_more()?;
        }
    }

    /// Appends `length` bytes, or as many as came before the end; true when all came.
    fn take(&mut self, length: usize, into: &mut Vec<u8>) -> bool {
        while self.kept.len() < length && self.read_more().is_some() {}
        let taken = length.min(self.kept.len());
        into.extend(self.kept.drain(..taken));
        taken == length
    }

    fn read_more(&mut self) -> Option<()> {
        let mut space = [0; 16 * 1024];
        let length = self.stream.read(&mut space).ok().filter(|length| *length > 0)?;
        self.kept.extend_from_slice(&space[..length]);
        Some(())
    }
}
