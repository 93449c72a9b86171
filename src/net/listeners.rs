//! Where connections come in.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::net::Stream;

/// All listening addresses. Each has one socket per worker (`SO_REUSEPORT`), so that the kernel spreads connections
/// and a connection lives and dies on one thread.
pub(crate) struct Listeners {
    workers: usize,
}

/// One worker's socket of one address.
pub(crate) struct Listener {
    address: SocketAddr,
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

impl Listeners {
    pub(crate) fn new(workers: usize) -> Listeners {
        Listeners { workers }
    }

    /// Listens on exactly the addresses `wanted`: binds those that are new, closes those that are gone, leaves the
    /// others alone. An address that cannot be bound is reported and costs only itself.
    pub(crate) fn update(&mut self, wanted: &[SocketAddr]) -> Update {
        todo!()
    }

    /// The addresses that are listened on, with the ports that the kernel chose.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        todo!()
    }

    /// Closes all: every [`Listener::accept`] ends with [`AcceptError::Closed`].
    pub(crate) fn close(&mut self) {
        todo!()
    }
}

impl Listener {
    /// The address as it was asked for in [`Listeners::update`].
    pub(crate) fn asked(&self) -> SocketAddr {
        self.address
    }

    /// The address that is bound.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection.
    pub(crate) async fn accept(&mut self) -> Result<Accepted, AcceptError> {
        todo!()
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.address, self.why)
    }
}
