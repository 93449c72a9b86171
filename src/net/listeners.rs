//! Where connections come in.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use event_listener::{Event, EventListener};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, acceptfrom_with, bind, listen, socket_with, sockopt};

use crate::net::Stream;
use crate::net::deadline::pause;
use crate::net::reactor::Way;
use crate::net::socket::Waited;

/// Connections that may wait in the kernel for each socket.
const BACKLOG: i32 = 1024;
/// Connections accepted in a row before other tasks of the thread have their turn.
const BURST: u32 = 16;
/// The pause after the kernel had no descriptors or memory left.
const PAUSE: Duration = Duration::from_millis(100);

/// All listening addresses. Each has one socket per worker (`SO_REUSEPORT`), so that the kernel spreads connections
/// and a connection lives and dies on one thread.
pub(crate) struct Listeners {
    workers: usize,
    open: Vec<Open>,
}

/// One worker's socket of one address.
pub(crate) struct Listener {
    socket: Waited<TcpListener>,
    asked: SocketAddr,
    closing: Arc<Closing>,
    closed: EventListener,
    burst: u32,
    pause: bool,
}

pub(crate) struct Accepted {
    pub(crate) stream: Stream,
    pub(crate) peer: SocketAddr,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum AcceptError {
    /// The address is no longer listened on; what had queued up was accepted before.
    Closed,
    /// The process or the kernel lacks descriptors or memory. The next call pauses before it tries again.
    Exhausted(io::Error),
}

/// An address that cannot be listened on.
#[derive(Debug)]
pub(crate) struct BindError {
    pub(crate) address: SocketAddr,
    pub(crate) why: io::Error,
}

/// What a change of the listening addresses brought.
pub(crate) struct Update {
    /// For each worker, in order, the listeners that it has to accept from.
    pub(crate) opened: Vec<Vec<Listener>>,
    pub(crate) problems: Vec<BindError>,
}

/// An address that is listened on. Dropping it closes the address.
struct Open {
    asked: SocketAddr,
    address: SocketAddr,
    closing: Arc<Closing>,
}

/// Tells the workers that their sockets of one address are no longer wanted.
struct Closing {
    closed: AtomicBool,
    event: Event,
}

impl Listeners {
    pub(crate) fn new(workers: usize) -> Listeners {
        Listeners { workers: workers.max(1), open: Vec::new() }
    }

    /// Listens on exactly the addresses `wanted`: binds those that are new, closes those that are gone, leaves the
    /// others alone. An address that cannot be bound is reported and costs only itself; the next update tries again.
    pub(crate) fn update(&mut self, wanted: &[SocketAddr]) -> Update {
        self.open.retain(|open| wanted.contains(&open.asked));
        let mut update = Update { opened: (0..self.workers).map(|_| Vec::new()).collect(), problems: Vec::new() };
        for asked in wanted {
            if self.open.iter().any(|open| open.asked == *asked) {
                continue;
            }
            match self.open_address(*asked) {
                Ok(listeners) => {
                    for (worker, listener) in update.opened.iter_mut().zip(listeners) {
                        worker.push(listener);
                    }
                }
                Err(why) => update.problems.push(BindError { address: *asked, why }),
            }
        }
        update
    }

    /// The addresses that are listened on, with the ports that the kernel chose.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.open.iter().map(|open| open.address).collect()
    }

    /// Closes all: every [`Listener::accept`] ends with [`AcceptError::Closed`]. Dropping does the same.
    pub(crate) fn close(&mut self) {
        self.open.clear();
    }

    fn open_address(&mut self, asked: SocketAddr) -> io::Result<Vec<Listener>> {
        if asked.port() != 0 {
            // `SO_REUSEPORT` would silently share the port with another gateway of the same user.
            drop(bound_socket(asked, Sharing::Alone)?);
        }
        let first = bound_socket(asked, Sharing::Workers)?;
        let address = first.local_addr()?;
        let mut sockets = vec![first];
        while sockets.len() < self.workers {
            sockets.push(bound_socket(address, Sharing::Workers)?);
        }
        let closing = Arc::new(Closing { closed: AtomicBool::new(false), event: Event::new() });
        let listeners = sockets.into_iter().map(|socket| Listener::new(socket, asked, &closing)).collect();
        self.open.push(Open { asked, address, closing });
        listeners
    }
}

impl Listener {
    fn new(socket: TcpListener, asked: SocketAddr, closing: &Arc<Closing>) -> io::Result<Listener> {
        listen(&socket, BACKLOG)?;
        let socket = Waited::new(socket);
        let closed = closing.event.listen();
        Ok(Listener { socket, asked, closing: Arc::clone(closing), closed, burst: 0, pause: false })
    }

    /// The address as it was asked for in [`Listeners::update`].
    pub(crate) fn asked(&self) -> SocketAddr {
        self.asked
    }

    /// The next connection. What has queued up is accepted even when the address is closed meanwhile.
    pub(crate) async fn accept(&mut self) -> Result<Accepted, AcceptError> {
        if std::mem::take(&mut self.pause) {
            pause(PAUSE).await;
        }
        loop {
            self.burst = self.burst.saturating_add(1);
            if self.burst > BURST {
                self.burst = 0;
                smol::future::yield_now().await;
            }
            match accept_one(&self.socket) {
                Ok(accepted) => return Ok(accepted),
                Err(error) => match Verdict::of(&error) {
                    Verdict::Wait if self.closing.closed.load(Ordering::Acquire) => return Err(AcceptError::Closed),
                    Verdict::Wait => self.wait().await,
                    Verdict::Next => {}
                    Verdict::Pause => {
                        self.pause = true;
                        return Err(AcceptError::Exhausted(error));
                    }
                },
            }
        }
    }

    /// Until a connection is there, or the address is closed.
    async fn wait(&mut self) {
        self.burst = 0;
        self.socket.exhausted(Way::Reading);
        poll_fn(|cx| {
            if self.closing.closed.load(Ordering::Acquire) || Pin::new(&mut self.closed).poll(cx).is_ready() {
                return Poll::Ready(());
            }
            // An error is found again by the next call.
            self.socket.poll_ready(cx, Way::Reading).map(|_| ())
        })
        .await;
    }
}

/// What to do after a failed `accept`.
enum Verdict {
    Wait,
    /// The connection died in the queue; Linux reports its network errors here too (accept(2)).
    Next,
    Pause,
}

impl Verdict {
    fn of(error: &io::Error) -> Verdict {
        match Errno::from_io_error(error) {
            Some(Errno::AGAIN) => Verdict::Wait,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) | None => Verdict::Pause,
            Some(
                Errno::CONNABORTED
                | Errno::INTR
                | Errno::PROTO
                | Errno::NOPROTOOPT
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NONET
                | Errno::OPNOTSUPP
                | Errno::TIMEDOUT
                | Errno::PERM,
            ) => Verdict::Next,
            Some(_) => Verdict::Pause,
        }
    }
}

/// Who may bind the same address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    Workers,
}

fn bound_socket(address: SocketAddr, sharing: Sharing) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket: OwnedFd = socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, sharing == Sharing::Workers)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    // Accepted sockets inherit it, which saves a system call for each.
    sockopt::set_tcp_nodelay(&socket, true)?;
    bind(&socket, &address)?;
    Ok(TcpListener::from(socket))
}

fn accept_one(listener: &Waited<TcpListener>) -> io::Result<Accepted> {
    let (socket, peer) = acceptfrom_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    let socket = TcpStream::from(socket);
    let peer = match peer.map(SocketAddr::try_from) {
        Some(Ok(peer)) => peer,
        Some(Err(_)) | None => socket.peer_addr()?,
    };
    Ok(Accepted { stream: Stream::Plain(Waited::new(socket)), peer })
}

impl Drop for Open {
    fn drop(&mut self) {
        self.closing.closed.store(true, Ordering::Release);
        self.closing.event.notify(usize::MAX);
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.address, self.why)
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.why)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream as Client;

    use super::*;
    use crate::net::testing::block_on;

    fn listeners(workers: usize, addresses: &[&str]) -> (Listeners, Update) {
        let mut listeners = Listeners::new(workers);
        let addresses: Vec<SocketAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let update = listeners.update(&addresses);
        (listeners, update)
    }

    #[test]
    fn each_worker_has_its_own_socket_of_one_port() {
        let (listeners, mut update) = listeners(2, &["127.0.0.1:0"]);
        assert_eq!(update.opened.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
        let address = listeners.addresses()[0];
        let mut first = update.opened[0].remove(0);
        let mut second = update.opened[1].remove(0);
        for _ in 0..20 {
            let client = Client::connect(address).unwrap();
            let accepted = block_on(smol::future::or(first.accept(), second.accept())).unwrap();
            assert_eq!(accepted.peer, client.local_addr().unwrap());
            let Stream::Plain(socket) = accepted.stream else { panic!("not plain") };
            assert!(socket.get_ref().nodelay().unwrap());
            assert!(rustix::io::fcntl_getfd(&socket).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
            assert!(rustix::fs::fcntl_getfl(&socket).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
        }
    }

    #[test]
    fn an_address_in_use_is_named_and_costs_only_itself() {
        let (others, _sockets) = listeners(1, &["127.0.0.1:0"]);
        let taken = others.addresses()[0];
        let mut mine = Listeners::new(1);
        let update = mine.update(&[taken, "127.0.0.1:0".parse().unwrap()]);
        assert_eq!(update.problems.len(), 1);
        assert!(update.problems[0].to_string().contains(&taken.to_string()));
        assert_eq!(update.opened[0].len(), 1);
    }

    #[test]
    fn a_change_closes_what_is_gone_and_leaves_the_rest() {
        let (mut listeners, mut update) = listeners(1, &["127.0.0.1:0", "127.0.0.2:0"]);
        let mut gone = update.opened[0].remove(0);
        let mut kept = update.opened[0].remove(0);
        let addresses = listeners.addresses();
        let queued = Client::connect(addresses[0]).unwrap();
        let update = listeners.update(&[kept.asked()]);
        assert!(update.opened[0].is_empty());
        let last = block_on(gone.accept()).unwrap();
        assert_eq!(last.peer, queued.local_addr().unwrap(), "what had queued up is still served");
        assert!(matches!(block_on(gone.accept()), Err(AcceptError::Closed)));
        drop(gone);
        assert!(Client::connect(addresses[0]).is_err());
        let _client = Client::connect(addresses[1]).unwrap();
        assert!(block_on(kept.accept()).is_ok());
    }

    #[test]
    fn closing_wakes_a_worker_that_waits() {
        let (listeners, mut update) = listeners(1, &["127.0.0.1:0"]);
        let mut listener = update.opened[0].remove(0);
        let worker = std::thread::spawn(move || block_on(listener.accept()).map(|_| ()));
        drop(listeners);
        assert!(matches!(worker.join().unwrap(), Err(AcceptError::Closed)));
    }

    #[test]
    fn ipv6_sockets_leave_ipv4_alone() {
        let (listeners, update) = listeners(1, &["[::]:0"]);
        if update.problems.is_empty() {
            let address = listeners.addresses()[0];
            assert!(Client::connect(("127.0.0.1", address.port())).is_err());
        }
    }
}
