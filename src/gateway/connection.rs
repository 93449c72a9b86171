//! A client's connection: request after request, until one side has had enough.
//!
//! While idle it costs its socket and a small task: buffers are held only while there are bytes, and the large futures
//! of an exchange live in a box that exists only during the exchange.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::net::{Accepted, Buffer, Filled, IdleTimer, Stream, close_gently};

use super::fast::{self, Attempt};
use super::flow::Pace;
use super::identify::Presented;
use super::plan::Arrival;
use super::worker::Place;
use super::{DoorKind, Worker, serve};

/// Cached answers to pipelined requests that leave before other connections of the thread get their turn.
const ANSWERS_IN_A_ROW: usize = 16;
/// How long the last bytes of a connection may take to be taken away (RFC 9112 §9.6).
const LINGER: std::time::Duration = std::time::Duration::from_secs(2);

/// One client's connection.
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) buffer: Buffer,
    pub(super) timer: IdleTimer,
    pub(super) arrival: Arrival,
    pub(super) admin: bool,
    /// The client's certificate, where it showed one.
    pub(super) presented: Option<Presented>,
    /// How fast the answer at hand leaves.
    pub(super) pace: Option<Pace>,
    place: Place,
}

/// What becomes of a connection after an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum After {
    Keep,
    /// The answer was complete; nothing more is read as a request.
    Close,
    /// The answer is incomplete: the client must see that.
    Cut,
    /// The client has left.
    Gone,
}

/// Serves a connection to its end.
pub(super) async fn attend(worker: &Rc<Worker>, accepted: Accepted, asked: SocketAddr) {
    let Accepted { stream, peer } = accepted;
    let kind = worker.gateway().door_kind(asked);
    // Before the handshake: what changes meanwhile is looked at again.
    let generation = worker.gateway().tls.as_ref().map_or(0, |front| front.generation());
    let stream = match kind {
        DoorKind::Tls => match Box::pin(handshake(worker, stream, asked)).await {
            Some(stream) => stream,
            None => return,
        },
        DoorKind::Plain | DoorKind::Admin => stream,
    };
    let arrival = Arrival { peer: peer.ip().to_canonical(), secure: kind == DoorKind::Tls };
    let admin = kind == DoorKind::Admin;
    let presented = stream.peer_certificate().map(|shown| Presented::new(shown, asked, generation));
    let mut connection = Connection {
        presented,
        pace: None,
        stream,
        buffer: Buffer::new(),
        timer: IdleTimer::default(),
        arrival,
        admin,
        place: worker.place(),
    };
    match connection.converse(worker).await {
        After::Keep | After::Gone => {}
        After::Close => Box::pin(close_gently(connection.stream, LINGER)).await,
        After::Cut => connection.stream.reset(),
    }
}

async fn handshake(worker: &Worker, stream: Stream, asked: SocketAddr) -> Option<Stream> {
    let gateway = worker.gateway();
    let front = gateway.tls.as_ref()?;
    match front.accept(stream, asked, gateway.config.timeouts.handshake).await {
        Ok(stream) => Some(stream),
        Err(cause) => {
            log::debug!("no TLS connection at {asked}: {cause}");
            worker.process.observer.refused("handshake");
            None
        }
    }
}

impl Connection {
    /// Gives what is to become of the connection; never [`After::Keep`].
    async fn converse(&mut self, worker: &Rc<Worker>) -> After {
        let mut in_a_row = 0;
        loop {
            if self.buffer.is_empty() && !self.bytes_came(worker).await {
                return After::Gone;
            }
            let after = match fast::attempt(self, worker) {
                Attempt::Answered => After::Keep,
                Attempt::AnsweredLast => return After::Close,
                Attempt::Gone => return After::Gone,
                Attempt::Unsent(unsent) => Box::pin(serve::finish(self, worker, &unsent)).await,
                Attempt::Slow => Box::pin(serve::serve(self, worker)).await,
            };
            if after != After::Keep {
                return after;
            }
            in_a_row += 1;
            if in_a_row % ANSWERS_IN_A_ROW == 0 {
                smol::future::yield_now().await;
            }
        }
    }

    /// Waits, idle, for the first bytes of a request. `false`: the client has left, or was idle for too long.
    async fn bytes_came(&mut self, worker: &Rc<Worker>) -> bool {
        let (idle, ceiling) = worker.idle_rule();
        if self.stream.is_tls() {
            let fill = self.timer.within(idle, self.buffer.fill(&mut self.stream, ceiling));
            return matches!(self.place.unless_draining(fill).await, Some(Ok(Ok(Filled::Bytes(_)))));
        }
        loop {
            let readable = self.timer.within(idle, self.stream.readable());
            if !matches!(self.place.unless_draining(readable).await, Some(Ok(Ok(())))) {
                return false;
            }
            match self.buffer.try_fill(&mut self.stream, ceiling) {
                Ok(Filled::Bytes(_)) => return true,
                // Woken for nothing.
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => {}
                Ok(Filled::End | Filled::Full) | Err(_) => return false,
            }
        }
    }
}
