//! The satellite link: how long bytes are under way, how many have crossed, and whether it is there at all.
//!
//! It sends one piece after the other, as a link does, so that all connections share its speed; waiting is done by
//! timers alone and no clock is read.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use event_listener::Event;
use miniserde::Serialize;
use smol::future;
use smol::io::{AsyncWrite, AsyncWriteExt};

use crate::base::LinkRate;
use crate::net;

/// How long a transfer that is under way stalls when the link is cut, before its connection breaks.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long the near end may refuse to take a piece.
const NEAR_END: Duration = Duration::from_secs(60);
/// A piece occupies the link for about so long: short enough that transfers look simultaneous.
const PIECES_IN_A_SECOND: u64 = 25;
/// Bounds of a piece: below, timers cost more than they show; above, buffers grow.
const PIECE: (u64, u64) = (128, 256 * 1024);

/// The one way to the remote site.
pub(super) struct Link {
    up: Cell<bool>,
    delay: Cell<Duration>,
    rate: Cell<LinkRate>,
    bytes: Cell<u64>,
    requests: Cell<u64>,
    patience: Duration,
    /// Cut or mended.
    changed: Event,
    /// Who waits to send a piece, the one that sends it in front: at most one for each connection.
    queue: RefCell<VecDeque<u64>>,
    tickets: Cell<u64>,
    moved: Event,
}

/// What `GET /demo/link` tells.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(super) struct LinkState {
    pub(super) up: bool,
    /// Round trip in milliseconds.
    pub(super) delay: u64,
    /// Bits per second.
    pub(super) rate: u64,
    /// Both directions together, heads included, since the start.
    pub(super) bytes: u64,
    pub(super) requests: u64,
}

impl Link {
    pub(super) fn new(delay: Duration, rate: LinkRate) -> Link {
        Link {
            up: Cell::new(true),
            delay: Cell::new(delay),
            rate: Cell::new(rate),
            bytes: Cell::new(0),
            requests: Cell::new(0),
            patience: PATIENCE,
            changed: Event::new(),
            queue: RefCell::new(VecDeque::new()),
            tickets: Cell::new(0),
            moved: Event::new(),
        }
    }

    /// A link whose transfers break as soon as it is cut.
    #[cfg(test)]
    pub(super) fn without_patience(delay: Duration, rate: LinkRate) -> Link {
        Link { patience: Duration::ZERO, ..Link::new(delay, rate) }
    }

    pub(super) fn state(&self) -> LinkState {
        LinkState {
            up: self.up.get(),
            delay: u64::try_from(self.delay.get().as_millis()).unwrap_or(u64::MAX),
            rate: self.rate.get().bytes_per_second() * 8,
            bytes: self.bytes.get(),
            requests: self.requests.get(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.get()
    }

    /// Cuts the link, or mends it.
    pub(super) fn set_up(&self, up: bool) {
        self.up.set(up);
        self.changed.notify(usize::MAX);
    }

    pub(super) fn set_delay(&self, delay: Duration) {
        self.delay.set(delay);
    }

    pub(super) fn set_rate(&self, rate: LinkRate) {
        self.rate.set(rate);
    }

    /// Notes a request that came over the link.
    pub(super) fn requested(&self, bytes: usize) {
        self.requests.set(self.requests.get() + 1);
        self.bytes.set(self.bytes.get() + bytes as u64);
    }

    /// Waits as long as a message takes to the remote site and its answer back.
    pub(super) async fn round_trip(&self) -> io::Result<()> {
        pause(self.delay.get()).await;
        self.there().await
    }

    /// Sends bytes at the link's speed, or fails once it has been away for too long.
    pub(super) async fn carry(&self, to: &mut (impl AsyncWrite + Unpin), mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(bytes.len().min(self.piece()));
            self.cross(piece.len()).await?;
            within(NEAR_END, to.write_all(piece)).await?;
            bytes = rest;
        }
        Ok(())
    }

    /// Becomes ready when the link is cut.
    pub(super) async fn cut(&self) {
        self.until(false).await;
    }

    async fn cross(&self, count: usize) -> io::Result<()> {
        self.there().await?;
        let turn = self.turn().await;
        pause(time_for(count, self.rate.get())).await;
        drop(turn);
        self.bytes.set(self.bytes.get() + count as u64);
        self.there().await
    }

    /// Waits until all who came earlier have sent their piece. (A semaphore is not fair to a third who waits.)
    async fn turn(&self) -> Turn<'_> {
        let ticket = self.tickets.replace(self.tickets.get() + 1);
        self.queue.borrow_mut().push_back(ticket);
        let turn = Turn { link: self, ticket };
        while self.queue.borrow().front() != Some(&ticket) {
            self.moved.listen().await;
        }
        turn
    }

    async fn there(&self) -> io::Result<()> {
        let mended = async {
            self.until(true).await;
            Ok(())
        };
        within(self.patience, mended).await
    }

    async fn until(&self, up: bool) {
        while self.up.get() != up {
            // One thread: nothing changes between the look and the wait.
            self.changed.listen().await;
        }
    }

    fn piece(&self) -> usize {
        (self.rate.get().bytes_per_second() / PIECES_IN_A_SECOND).clamp(PIECE.0, PIECE.1) as usize
    }
}

/// A place in the queue; dropping it lets the next one go.
struct Turn<'a> {
    link: &'a Link,
    ticket: u64,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.link.queue.borrow_mut().retain(|ticket| *ticket != self.ticket);
        self.link.moved.notify(usize::MAX);
    }
}

fn time_for(count: usize, rate: LinkRate) -> Duration {
    Duration::from_secs(count as u64) / u32::try_from(rate.bytes_per_second().max(1)).unwrap_or(u32::MAX)
}

/// Lets time pass.
pub(super) async fn pause(span: Duration) {
    // Always late: there is nothing else to come.
    let _ = net::within(span, future::pending::<()>()).await;
}

/// Every wait for a peer ends.
pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    net::within(limit, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_takes_the_time_its_bits_need() {
        let rate = LinkRate::bits_per_second(256_000);
        assert_eq!(time_for(32_000, rate), Duration::from_secs(1));
        assert_eq!(time_for(1280, rate), Duration::from_millis(40));
        assert_eq!(Link::new(Duration::ZERO, rate).piece(), 1280);
    }

    #[test]
    fn what_crosses_is_counted_and_comes_out_whole() {
        let link = Link::new(Duration::ZERO, LinkRate::bits_per_second(1_000_000_000));
        let sent: Vec<u8> = (0..700_000_u32).map(|number| number as u8).collect();
        let mut arrived = Vec::new();
        net::run(link.carry(&mut arrived, &sent)).unwrap().unwrap();
        link.requested(100);
        assert!(arrived == sent);
        assert_eq!((link.state().bytes, link.state().requests), (700_100, 1));
    }

    #[test]
    fn a_small_answer_is_not_held_up_by_large_ones() {
        let link = Link::new(Duration::ZERO, LinkRate::bits_per_second(1_000_000_000));
        let order = RefCell::new(Vec::new());
        let transfer = |name, size| {
            let (link, order) = (&link, &order);
            async move {
                link.carry(&mut smol::io::sink(), &vec![0; size]).await.unwrap();
                order.borrow_mut().push(name);
            }
        };
        let large = future::zip(transfer("first", 2_000_000), transfer("second", 2_500_000));
        net::run(future::zip(large, transfer("small", 1_000))).unwrap();
        assert_eq!(order.into_inner(), ["small", "first", "second"]);
    }

    #[test]
    fn who_gives_up_waiting_leaves_the_queue() {
        let link = Link::new(Duration::ZERO, LinkRate::bits_per_second(1_000_000_000));
        net::run(async {
            let sending = link.turn().await;
            assert!(future::poll_once(link.turn()).await.is_none());
            drop(sending);
            assert!(future::poll_once(link.turn()).await.is_some());
        })
        .unwrap();
    }
}
