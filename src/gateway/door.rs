//! Where clients come in: from a listening socket to a connection's task.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use smol::future::FutureExt;

use crate::net::{AcceptError, Accepted, Listener, Permit, spawn};

use super::{Gateway, Worker, connection};

/// What is spoken at an address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum DoorKind {
    Plain,
    Tls,
    /// The status pages, never a route.
    Admin,
}

impl Worker {
    /// Accepts from `listener` until it is closed.
    pub(crate) fn open(self: &Rc<Worker>, listener: Listener) {
        spawn(accept(self.clone(), listener));
    }

    /// Gives a connection its task, or closes it where there are too many.
    fn welcome(self: &Rc<Worker>, accepted: Accepted, asked: SocketAddr) {
        match self.process.admission.admit(accepted.peer.ip()) {
            Ok(permit) => {
                let task = attend(self.clone(), accepted, asked, permit);
                spawn(task);
            }
            Err(refused) => {
                log::info!("{}: {refused}", accepted.peer.ip());
                self.process.observer.refused("connections");
            }
        }
    }
}

async fn accept(worker: Rc<Worker>, mut listener: Listener) {
    loop {
        match listener.accept().await {
            Ok(accepted) => worker.welcome(accepted, listener.asked()),
            Err(AcceptError::Closed) => return,
            Err(AcceptError::Exhausted(cause)) => log::error!("no connection can be accepted: {cause}"),
        }
    }
}

/// A connection from its first byte to its last. A panic inside ends this connection alone.
async fn attend(worker: Rc<Worker>, accepted: Accepted, asked: SocketAddr, permit: Permit) {
    let observer = &worker.process.observer;
    observer.connection_opened();
    let attended = AssertUnwindSafe(connection::attend(&worker, accepted, asked)).catch_unwind().await;
    if attended.is_err() {
        observer.panicked();
        log::error!("a defect ended a connection; please report what was asked for");
    }
    observer.connection_closed();
    drop(permit);
}

impl Gateway {
    /// What is spoken at an address. One that a reload has taken away speaks plain HTTP to its last connections.
    pub(super) fn door_kind(&self, address: SocketAddr) -> DoorKind {
        let found = self.doors.iter().find(|(_, door)| *door == address);
        found.map_or(DoorKind::Plain, |(kind, _)| *kind)
    }
}
