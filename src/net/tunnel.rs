//! Two connections joined after an `Upgrade`.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use smol::io::AsyncWrite;

use crate::net::clock::instant_after;
use crate::net::deadline::IdleTimer;
use crate::net::{Buffer, Filled, Stream};

/// What a tunnel holds at most for each direction.
const BLOCK: usize = 16 << 10;

/// How much a tunnel carried, and why it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tunnelled {
    /// From the first connection to the second.
    pub(crate) there: u64,
    pub(crate) back: u64,
    pub(crate) end: TunnelEnd,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TunnelEnd {
    /// Both sides ended in order.
    Closed,
    /// Nothing moved for the idle span.
    Idle,
    /// One side failed.
    Cut,
}

/// Copies both ways until both sides have ended, one fails, or nothing moved for `idle`. Bytes already in the buffers
/// go first. A side that ends is passed on as a half-close.
pub(crate) async fn both_ways(
    one: (&mut Stream, &mut Buffer),
    other: (&mut Stream, &mut Buffer),
    idle: Duration,
) -> Tunnelled {
    let (first, second) = (one.0, other.0);
    let mut there = Way::new(one.1);
    let mut back = Way::new(other.1);
    let mut timer = IdleTimer::default();
    let mut deadline = instant_after(idle);
    let end = poll_fn(|cx| {
        let before = there.steps.saturating_add(back.steps);
        let ways = [there.poll(cx, first, second), back.poll(cx, second, first)];
        if ways.iter().any(|way| matches!(way, Poll::Ready(Err(_)))) {
            return Poll::Ready(TunnelEnd::Cut);
        }
        if ways.iter().all(Poll::is_ready) {
            return Poll::Ready(TunnelEnd::Closed);
        }
        if there.steps.saturating_add(back.steps) > before {
            deadline = instant_after(idle);
        }
        timer.poll_until(cx, deadline).map(|()| TunnelEnd::Idle)
    })
    .await;
    Tunnelled { there: there.moved, back: back.moved, end }
}

/// One direction.
struct Way<'b> {
    buffer: &'b mut Buffer,
    moved: u64,
    /// Reads and writes that brought something.
    steps: u64,
    state: WayState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WayState {
    Open,
    /// The side that is read has ended; the other is to be told.
    Ended,
    Closed,
}

impl<'b> Way<'b> {
    fn new(buffer: &'b mut Buffer) -> Way<'b> {
        Way { buffer, moved: 0, steps: 0, state: WayState::Open }
    }

    /// Ready when this direction has ended.
    fn poll(&mut self, cx: &mut Context<'_>, from: &mut Stream, to: &mut Stream) -> Poll<io::Result<()>> {
        loop {
            if self.state == WayState::Closed {
                return Poll::Ready(Ok(()));
            }
            while !self.buffer.is_empty() {
                let written = ready!(Pin::new(&mut *to).poll_write(cx, self.buffer.bytes()))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.buffer.consume(written);
                self.moved = self.moved.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
                self.steps = self.steps.saturating_add(1);
            }
            if self.state == WayState::Ended {
                ready!(Pin::new(&mut *to).poll_close(cx))?;
                self.state = WayState::Closed;
                continue;
            }
            match self.buffer.poll_fill(cx, from, BLOCK) {
                Poll::Ready(Ok(Filled::End)) => self.state = WayState::Ended,
                Poll::Ready(Ok(Filled::Bytes(_) | Filled::Full)) => self.steps = self.steps.saturating_add(1),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    ready!(Pin::new(&mut *to).poll_flush(cx))?;
                    return Poll::Pending;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::Shutdown;

    use super::*;
    use crate::net::testing::{PATIENCE, block_on, pair};

    fn join(one: &mut Stream, early: &mut Buffer, other: &mut Stream, idle: Duration) -> Tunnelled {
        block_on(both_ways((one, early), (other, &mut Buffer::new()), idle))
    }

    #[test]
    fn bytes_go_both_ways_and_a_half_close_leaves_the_other_half_open() {
        let (mut one, mut client) = pair();
        let (mut other, mut server) = pair();
        let mut early = Buffer::new();
        client.write_all(b"early ").unwrap();
        block_on(early.fill(&mut one, BLOCK)).unwrap();
        let client = std::thread::spawn(move || {
            client.write_all(b"question").unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).unwrap();
            answer
        });
        let server = std::thread::spawn(move || {
            let mut question = String::new();
            server.read_to_string(&mut question).unwrap();
            server.write_all(&vec![b'a'; 1 << 20]).unwrap();
            question
        });
        let tunnelled = join(&mut one, &mut early, &mut other, PATIENCE);
        drop((one, other));
        assert_eq!(tunnelled, Tunnelled { there: 14, back: 1 << 20, end: TunnelEnd::Closed });
        assert_eq!(server.join().unwrap(), "early question");
        assert_eq!(client.join().unwrap().len(), 1 << 20);
    }

    #[test]
    fn a_silent_tunnel_ends() {
        let ((mut one, _client), (mut other, _server)) = (pair(), pair());
        let tunnelled = join(&mut one, &mut Buffer::new(), &mut other, Duration::from_millis(5));
        assert_eq!(tunnelled.end, TunnelEnd::Idle);
    }

    #[test]
    fn a_reset_cuts_the_tunnel() {
        let ((mut one, client), (mut other, _server)) = (pair(), pair());
        crate::net::testing::send_and_reset(client, b"");
        assert_eq!(join(&mut one, &mut Buffer::new(), &mut other, PATIENCE).end, TunnelEnd::Cut);
    }
}
