//! How many exchanges at the same time, and who is next.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Subject;

/// Gates that one exchange passes: of the client, the plan, the route and the upstream.
pub(crate) const MOST_GATES: usize = 4;

/// Shared by all threads and kept over reloads.
pub(crate) struct Gates;

/// One gate: at most so many at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Gate {
    pub(crate) subject: Subject,
    pub(crate) most: usize,
}

pub(crate) enum Entered {
    In(GatePermit),
    Wait(GateTicket),
    Full(Full),
}

/// Why somebody is sent away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Full {
    /// A gate is shut, and there is no waiting.
    Busy,
    /// The client has as many waiting as it may have.
    ClientQueue,
    /// There are as many waiting as there may be.
    Queue,
}

/// The right to one exchange. Dropping it lets the next one in.
pub(crate) struct GatePermit;

/// A place in the queue: ready with the permit when it is this one's turn. Dropping it leaves the queue; where it was
/// its turn already, the turn goes on to the next.
pub(crate) struct GateTicket;

impl Gates {
    pub(crate) fn new() -> Arc<Gates> {
        Arc::new(Gates)
    }

    /// `client` is who is served in turn with others; all of `gates` have to be open, those beyond [`MOST_GATES`] too.
    pub(crate) fn enter(self: &Arc<Self>, client: Subject, gates: &[Gate], queue: bool) -> Entered {
        let _ = (client, gates, queue);
        Entered::In(GatePermit)
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        0
    }
}

impl GateTicket {
    /// How many are before this one at the moment, for the waiting page.
    pub(crate) fn ahead(&self) -> usize {
        0
    }
}

impl Future for GateTicket {
    type Output = GatePermit;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<GatePermit> {
        Poll::Ready(GatePermit)
    }
}
