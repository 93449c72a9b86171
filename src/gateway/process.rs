//! What outlives a configuration: clock, cache, connections to upstreams, counters, permits.

use std::path::PathBuf;

use crate::cache::Cache;
use crate::net::{Admission, Clock};
use crate::observe::Observer;
use crate::transform::Via;
use crate::upstream::Upstreams;

/// One per process; a reload changes its settings, never its contents.
pub(crate) struct Process {
    pub(crate) clock: Clock,
    pub(crate) cache: Cache,
    pub(crate) upstreams: Upstreams,
    pub(crate) observer: Observer,
    pub(crate) admission: Admission,
    pub(crate) via: Via,
    /// The configuration file, for the status page.
    pub(crate) file: PathBuf,
}
