//! The state of the gateway as one value: the status page, `/status.json` and `hafir status` all show this.

use miniserde::{Deserialize, Serialize};

/// What the gateway knows and `observe` does not.
pub(crate) type Facts = Status;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) uptime_seconds: u64,
    /// As `Date` writes it.
    pub(crate) time: String,
    pub(crate) clock_sure: bool,
    pub(crate) config: ConfigFacts,
    pub(crate) cache: CacheFacts,
    pub(crate) upstreams: Vec<UpstreamStatus>,
    /// What needs somebody's attention, a sentence each: a certificate that is missing, a route that leads nowhere.
    pub(crate) problems: Vec<String>,
    pub(crate) resident_bytes: u64,
    // Filled in by `Observer::status`:
    pub(crate) routes: Vec<RouteStatus>,
    pub(crate) connections: u64,
    pub(crate) requests: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) uplink_bytes: u64,
    pub(crate) panics: u64,
    pub(crate) log_lines_dropped: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ConfigFacts {
    pub(crate) file: String,
    /// Whether the last good configuration is in use because the file is broken.
    pub(crate) last_good: bool,
    pub(crate) problems: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct CacheFacts {
    /// `ready`, `read only`, `full`, `off`
    pub(crate) state: String,
    pub(crate) why: String,
    pub(crate) bytes: u64,
    pub(crate) capacity_bytes: u64,
    pub(crate) objects: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct UpstreamStatus {
    pub(crate) route: String,
    pub(crate) url: String,
    pub(crate) up: bool,
    /// Why it is down, for an operator.
    pub(crate) why: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RouteStatus {
    pub(crate) name: String,
    pub(crate) requests: u64,
    pub(crate) hits: u64,
    pub(crate) stale: u64,
    pub(crate) misses: u64,
    pub(crate) passes: u64,
    pub(crate) errors: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) uplink_bytes: u64,
}
