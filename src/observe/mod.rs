//! One record per exchange → counters and access log; and what the gateway tells about itself.
//!
//! Never changes an answer, never waits: what does not fit is dropped and counted. Never writes a password, and no query
//! unless told to. Entry types: [`Observer`], [`Scope`], [`Record`], [`Gauges`], [`Facts`] → [`Status`], [`stderr_log`].

mod access;
pub(crate) mod audit;
mod counters;
mod json;
mod metrics;
mod observer;
mod record;
mod resident;
mod shown;
mod sink;
mod status;
mod stderr;
mod text;

pub(crate) use counters::Scope;
pub(crate) use metrics::{Gauges, UpstreamGauge};
pub(crate) use observer::Observer;
pub(crate) use record::{CacheResult, Record};
pub(crate) use resident::resident;
pub(crate) use status::{CacheFacts, ConfigFacts, Facts, RouteStatus, Status, UpstreamStatus};
pub(crate) use stderr::stderr_log;
