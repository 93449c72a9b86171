//! How fast: answers towards their clients, and what comes over the uplink, which is paid for as it comes.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use heapless::Vec as List;
use smol::future::poll_once;

use crate::config::Priority;
use crate::limits::quota::Payer;
use crate::limits::shape::{Lane, Line, Turn};
use crate::net::within;

use super::Process;

/// Lanes that one answer goes through: of the client on the route, of the route, of the client on its plan.
pub(super) const MOST_LANES: usize = 3;

/// How fast an answer goes to its client.
pub(super) struct Pace {
    process: Arc<Process>,
    lanes: List<Lane, MOST_LANES>,
}

impl Pace {
    /// `None`: as fast as the client takes it.
    pub(super) fn new(process: &Arc<Process>, lanes: List<Lane, MOST_LANES>) -> Option<Pace> {
        (!lanes.is_empty()).then(|| Pace { process: process.clone(), lanes })
    }

    /// Waits until some of so many bytes may leave. Gives how many.
    pub(super) async fn allow(&self, want: u64) -> u64 {
        let grant = self.process.shaper.take(&self.lanes, want, self.process.clock.mono());
        pause(grant.wait).await;
        grant.bytes.clamp(1, want.max(1))
    }
}

/// Pays for what comes over the uplink: counts it for whoever caused it, and waits for its turn.
pub(super) struct Toll {
    process: Arc<Process>,
    payer: Payer,
    line: Line,
}

impl Toll {
    pub(super) fn new(process: &Arc<Process>, payer: Payer, class: Priority) -> Toll {
        Toll { process: process.clone(), payer, line: process.governor.join(class) }
    }

    /// Pays for bytes that have come. The upstream is slowed down by TCP while this waits.
    pub(super) async fn pay(&mut self, bytes: usize) {
        let mut owed = bytes as u64;
        self.process.quotas.spend_by(&self.payer, owed, self.process.clock.now());
        while owed > 0 {
            owed = owed.saturating_sub(self.turn(owed).await);
        }
    }

    /// Waits until some of the bytes are through. Gives how many.
    async fn turn(&mut self, want: u64) -> u64 {
        loop {
            let wait = Cell::new(Duration::ZERO);
            let mut asked = pin!(poll_fn(|context| {
                match self.line.ask(want, self.process.clock.mono(), context.waker()) {
                    Turn::Go(bytes) => Poll::Ready(bytes),
                    Turn::Wait(span) => {
                        wait.set(span);
                        Poll::Pending
                    }
                }
            }));
            if let Some(bytes) = poll_once(asked.as_mut()).await {
                return bytes;
            }
            // Asked again when it is woken, and when the time is over.
            if let Ok(bytes) = within(wait.get(), asked).await {
                return bytes;
            }
        }
    }
}

async fn pause(span: Duration) {
    if !span.is_zero() {
        // Never ready: the end of the span is what is waited for.
        let _ = within(span, std::future::pending::<()>()).await;
    }
}
