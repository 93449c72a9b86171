//! Metrics.

/// Plain numbers that only the gateway knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) uptime_seconds: u64,
    pub(crate) clock_sure: bool,
    pub(crate) config_ok: bool,
    /// `ready`, `read_only`, `full`, `off`
    pub(crate) cache_state: &'static str,
    pub(crate) cache_bytes: u64,
    pub(crate) cache_capacity_bytes: u64,
    pub(crate) cache_objects: u64,
    pub(crate) cache_evictions: u64,
    pub(crate) cache_damaged: u64,
    pub(crate) cache_written_bytes: u64,
    pub(crate) resident_bytes: u64,
    /// Route, upstream, whether it is believed to work.
    pub(crate) upstreams: Vec<(String, String, bool)>,
}
