//! One upstream: its connections and its health.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event_listener::Event;

use crate::base::Mono;
use crate::config::{UpstreamConfig, UpstreamUrl};
use crate::net::{Clock, Socket, Stream, TlsClient, within};
use crate::upstream::group::{PeerStatus, Want};
use crate::upstream::health::{Health, Standing};
use crate::upstream::{Failure, Names, Unavailable};

/// Unused connections kept of one upstream, whatever its ceiling.
const IDLE_MAX: usize = 32;

/// What makes two routes share an upstream's connections and health.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Identity {
    tls: bool,
    host: String,
    port: u16,
    ca: Option<PathBuf>,
    verify: Option<String>,
    connections: usize,
    connect: Duration,
    keep: Duration,
}

/// One upstream, shared by all routes that lead to it and kept over reloads.
pub(super) struct Peer {
    identity: Identity,
    origin: String,
    tls: Option<TlsClient>,
    names: Arc<Names>,
    clock: Arc<Clock>,
    /// Guards pool, count and health; never held across an await.
    state: Mutex<State>,
    /// Tells one waiting request that a connection is free.
    freed: Event,
}

#[derive(Default)]
struct State {
    leased: usize,
    /// The one used last is at the end and used first.
    idle: Vec<Idle>,
    health: Health,
    /// The address that worked last.
    good: Option<IpAddr>,
}

struct Idle {
    stream: Stream,
    since: Mono,
}

/// The right to hold one connection under the upstream's ceiling. Dropping it lets the next request have it.
pub(super) struct Slot {
    peer: Arc<Peer>,
}

impl Identity {
    pub(super) fn of(url: &UpstreamUrl, config: &UpstreamConfig) -> Identity {
        Identity {
            tls: url.tls,
            host: url.host.clone(),
            port: url.port,
            ca: config.ca.clone().filter(|_| url.tls),
            verify: config.verify.clone().filter(|_| url.tls),
            connections: config.connections.max(1),
            connect: config.connect,
            keep: config.keep,
        }
    }

    /// As people read it.
    fn origin(&self) -> String {
        let whole = self.whole_origin();
        let port = if self.tls { ":443" } else { ":80" };
        whole.strip_suffix(port).map(str::to_owned).unwrap_or(whole)
    }

    /// With its port, whichever it is.
    fn whole_origin(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{scheme}://{host}:{}", self.port)
    }
}

impl Peer {
    pub(super) fn new(identity: Identity, names: &Arc<Names>, clock: &Arc<Clock>) -> Peer {
        Peer {
            origin: identity.origin(),
            tls: identity.tls.then(|| TlsClient::new(identity.ca.as_deref(), identity.verify.as_deref(), clock)),
            identity,
            names: Arc::clone(names),
            clock: Arc::clone(clock),
            state: Mutex::default(),
            freed: Event::new(),
        }
    }

    pub(super) fn standing(&self, now: Mono) -> Standing {
        self.lock().health.standing(now)
    }

    pub(super) fn looks_down(&self, now: Mono) -> bool {
        self.lock().health.looks_down(now)
    }

    pub(super) fn begin_probe(&self, now: Mono) -> bool {
        self.lock().health.begin_probe(now)
    }

    pub(super) fn end_probe(&self) {
        self.lock().health.end_probe();
    }

    /// A connection from the pool, or a new one; and whether it was used before. Takes no longer than the connect
    /// time-out. A failure is entered into the upstream's health.
    pub(super) async fn connection(self: &Arc<Self>, want: Want) -> Result<(Stream, Slot, bool), Unavailable> {
        let begun = self.clock.mono();
        let Ok(slot) = within(self.identity.connect, self.slot()).await else {
            return Err(Unavailable::Busy { origin: self.origin.clone() });
        };
        if want == Want::Any
            && let Some(stream) = self.pooled()
        {
            return Ok((stream, slot, true));
        }
        let until = begun.after(self.identity.connect);
        match self.connect(until).await {
            Ok(stream) => Ok((stream, slot, false)),
            Err(why) => {
                if let Some(failure) = why.failure() {
                    slot.failed(failure);
                }
                Err(why)
            }
        }
    }

    /// Closes connections that were unused for too long, or that the upstream has ended.
    pub(super) fn sweep(&self) {
        let now = self.clock.mono();
        let mut idle = std::mem::take(&mut self.lock().idle);
        idle.retain_mut(|idle| now.since(idle.since) < self.identity.keep && idle.stream.is_quiet());
        let mut state = self.lock();
        // What came meanwhile was used last.
        idle.append(&mut state.idle);
        state.idle = idle;
        state.shrink(self.most_idle());
    }

    pub(super) fn status(&self) -> PeerStatus {
        let state = self.lock();
        let failing = match state.health {
            Health::Up => None,
            Health::Failing(failing) => Some((failing.why, failing.since, failing.again)),
        };
        PeerStatus { origin: self.identity.whole_origin(), leased: state.leased, idle: state.idle.len(), failing }
    }

    async fn slot(self: &Arc<Self>) -> Slot {
        loop {
            if let Some(slot) = self.try_slot() {
                return slot;
            }
            let freed = self.freed.listen();
            if let Some(slot) = self.try_slot() {
                return slot;
            }
            freed.await;
        }
    }

    fn try_slot(self: &Arc<Self>) -> Option<Slot> {
        let mut state = self.lock();
        if state.leased >= self.identity.connections {
            return None;
        }
        state.leased = state.leased.saturating_add(1);
        Some(Slot { peer: Arc::clone(self) })
    }

    /// The pooled connection that was used last and is still good: not ended, and nothing has come on it that
    /// nobody asked for.
    fn pooled(&self) -> Option<Stream> {
        let now = self.clock.mono();
        loop {
            let mut idle = self.lock().idle.pop()?;
            if now.since(idle.since) < self.identity.keep && idle.stream.is_quiet() {
                return Some(idle.stream);
            }
        }
    }

    /// Makes room under the ceiling for a new connection beside the pooled ones.
    fn shrink_pool(&self) {
        let mut state = self.lock();
        let room = self.identity.connections.saturating_sub(state.leased);
        state.shrink(room);
    }

    fn most_idle(&self) -> usize {
        self.identity.connections.min(IDLE_MAX)
    }

    async fn connect(&self, until: Mono) -> Result<Stream, Unavailable> {
        self.shrink_pool();
        let host = &self.identity.host;
        let known = self.names.lookup(host, self.left(until)).await;
        let addresses = known.map_err(|why| Unavailable::NameUnknown { host: host.clone(), why })?;
        let socket = self.connect_to_one_of(self.good_first(&addresses), until).await?;
        match &self.tls {
            None => Ok(Stream::Plain(socket)),
            Some(tls) => {
                let secured = tls.connect(socket, host, self.left(until)).await;
                secured.map_err(|error| Unavailable::handshake(&self.origin, &error))
            }
        }
    }

    /// Tries the addresses in turn, each for its share of the time that is left.
    async fn connect_to_one_of(&self, addresses: Vec<IpAddr>, until: Mono) -> Result<Socket, Unavailable> {
        let mut last = Unavailable::TimedOut { origin: self.origin.clone() };
        let mut untried = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        for address in addresses {
            let share = self.left(until).checked_div(untried).unwrap_or_default();
            untried = untried.saturating_sub(1);
            let target = SocketAddr::new(address, self.identity.port);
            last = match within(share, Socket::connect(target)).await {
                Ok(Ok(socket)) => {
                    self.lock().good = Some(address);
                    // Without it a small request waits for more; a socket that refuses the option still works.
                    let _ = socket.get_ref().set_nodelay(true);
                    return Ok(socket);
                }
                Ok(Err(error)) => Unavailable::connecting(&self.origin, &error),
                Err(_) => Unavailable::TimedOut { origin: self.origin.clone() },
            };
        }
        Err(last)
    }

    fn good_first(&self, addresses: &[IpAddr]) -> Vec<IpAddr> {
        let good = self.lock().good;
        let (mut first, others): (Vec<_>, Vec<_>) = addresses.iter().partition(|address| Some(**address) == good);
        first.extend(others);
        first
    }

    fn left(&self, until: Mono) -> Duration {
        until.since(self.clock.mono())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Closes those pooled connections that were unused longest, down to `most`.
    fn shrink(&mut self, most: usize) {
        let surplus = self.idle.len().saturating_sub(most);
        self.idle.drain(..surplus);
    }
}

impl Slot {
    pub(super) fn failed(&self, why: Failure) {
        let now = self.peer.clock.mono();
        self.peer.lock().health.failed(why, now);
    }

    pub(super) fn succeeded(&self) {
        self.peer.lock().health.succeeded();
    }

    /// Puts the connection into the pool for the next request.
    pub(super) fn keep(self, stream: Stream) {
        let since = self.peer.clock.mono();
        let mut state = self.peer.lock();
        state.idle.push(Idle { stream, since });
        state.shrink(self.peer.most_idle());
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.peer.lock();
        state.leased = state.leased.saturating_sub(1);
        drop(state);
        self.peer.freed.notify(1);
    }
}
