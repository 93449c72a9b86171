//! What is remembered of an exchange.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::{Facts, Gauges, Scope, Status};
use crate::base::{Now, Size};
use crate::config::LogConfig;

/// One exchange, told at its end.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    /// When the request came in.
    pub(crate) now: Now,
    /// The route's place in the file.
    pub(crate) route: Option<usize>,
    pub(crate) client: IpAddr,
    /// Empty where the head could not be read.
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    /// `1.0` or `1.1`.
    pub(crate) version: &'static str,
    pub(crate) referer: Option<&'a [u8]>,
    pub(crate) user_agent: Option<&'a [u8]>,
    pub(crate) status: u16,
    pub(crate) cache: CacheResult,
    /// Bytes of the answer's body sent to the client.
    pub(crate) sent: u64,
    /// Bytes that came over the uplink because of this exchange, heads included.
    pub(crate) uplink: u64,
    /// From sending the request upstream to the head of its answer.
    pub(crate) uplink_time: Option<Duration>,
    /// From the request's first byte to the answer's last.
    pub(crate) elapsed: Duration,
    /// The refusal's word, where the gateway answered by itself.
    pub(crate) refusal: Option<&'static str>,
    pub(crate) request_id: &'a dyn fmt::Display,
    /// Whether the whole answer was sent.
    pub(crate) complete: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum CacheResult {
    Hit,
    Stale,
    Revalidated,
    Miss,
    /// Went by the cache.
    Pass,
    /// The cache was not asked: files, redirects, refusals.
    None,
}

/// Lives as long as the process; survives reloads.
pub(crate) struct Observer {}

impl Observer {
    /// Starts the access log's writer thread. Never fails: what does not work is logged and shown in the status.
    pub(crate) fn start(config: &LogConfig) -> Observer {
        todo!()
    }

    /// After a reload.
    pub(crate) fn reconfigure(&self, config: &LogConfig) {
        todo!()
    }

    /// Counters for a configuration's routes, in file order. Routes of the same name go on counting.
    pub(crate) fn scope(&self, routes: &[&str]) -> Scope {
        todo!()
    }

    pub(crate) fn record(&self, scope: &Scope, record: &Record<'_>) {
        todo!()
    }

    /// An exchange ended in a panic.
    pub(crate) fn panicked(&self) {
        todo!()
    }

    pub(crate) fn connection_opened(&self) {
        todo!()
    }

    pub(crate) fn connection_closed(&self) {
        todo!()
    }

    /// A connection that was closed before a request: ceiling, handshake, … `word` as in [`Record::refusal`].
    pub(crate) fn refused(&self, word: &'static str) {
        todo!()
    }

    /// Prometheus text format 0.0.4.
    pub(crate) fn metrics_text(&self, gauges: &Gauges) -> String {
        todo!()
    }

    pub(crate) fn status(&self, facts: Facts) -> Status {
        todo!()
    }

    /// Writes out what the access log still holds. Waits for the writer thread.
    pub(crate) fn flush(&self) {
        todo!()
    }
}
