//! Ids that follow a request: `X-Request-Id` and W3C `traceparent`.

use std::fmt;

use crate::base::{RequestId, TraceParent};
use crate::http::Fields;

/// The ids of one exchange: the client's where they are valid, else made from what the caller drew by lot.
/// `Display` is the request id.
#[derive(Clone, Copy)]
pub(crate) struct Ids<'a> {
    request: RequestName<'a>,
    trace: TraceParent,
    /// Whether the client's `traceparent` was valid; else its `tracestate` is not passed on.
    trace_given: bool,
}

#[derive(Clone, Copy)]
enum RequestName<'a> {
    Given(&'a str),
    Made(RequestId),
}

impl<'a> Ids<'a> {
    /// `random` is 24 bytes from the system's generator.
    pub(crate) fn of(fields: Fields<'a>, random: [u64; 4]) -> Ids<'a> {
        todo!()
    }
}
