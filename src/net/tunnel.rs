//! Two connections joined after an `Upgrade`.

use std::time::Duration;

use crate::net::{Buffer, Stream};

/// How much a tunnel carried, and why it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tunnelled {
    /// From the first to the second connection.
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
    todo!()
}
