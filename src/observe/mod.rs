//! One record per exchange → counters, access log; and what the gateway tells about itself.
//!
//! Never changes an answer, never waits: what does not fit is dropped and counted. Never writes a password, and no query
//! unless told to. Entry types: [`Observer`], [`Scope`], [`Record`], [`Gauges`], [`Status`], [`stderr_log`].

mod access;
mod counters;
mod metrics;
mod record;
mod sink;
mod status;
mod stderr;

pub(crate) use counters::{Counters, Scope};
pub(crate) use metrics::Gauges;
pub(crate) use record::{CacheResult, Observer, Record};
pub(crate) use status::{CacheFacts, ConfigFacts, Facts, RouteStatus, Status, UpstreamStatus};
pub(crate) use stderr::stderr_log;
