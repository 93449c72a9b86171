//! What outlives a configuration: clock, cache, connections to upstreams, counters, permits.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::auth::key::KeyRing;
use crate::base::Wall;
use crate::cache::{Cache, SearchRules};
use crate::config::Config;
use crate::ledger::{Ledger, Table};
use crate::limits::gate::Gates;
use crate::limits::rate::RateTable;
use crate::limits::scrape::Scrape;
use crate::net::{Admission, Clock};
use crate::observe::Observer;
use crate::transform::Via;
use crate::upstream::Upstreams;

/// Callers whose rates are remembered at the same time: more than a school has, in less than a megabyte.
const CALLERS: usize = 16_384;

/// One per process; a reload changes its settings, never its contents.
pub(crate) struct Process {
    pub(crate) clock: Arc<Clock>,
    pub(crate) cache: Cache,
    /// Which parts of queries make a difference, as answers said.
    pub(crate) search: SearchRules,
    pub(crate) upstreams: Arc<Upstreams>,
    pub(crate) observer: Observer,
    pub(crate) admission: Arc<Admission>,
    pub(crate) rates: RateTable,
    pub(crate) gates: Arc<Gates>,
    pub(crate) scrape: Scrape,
    /// What must not be forgotten. Never asked on the way of a request.
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) via: Via,
    /// The configuration file, for the status page.
    pub(crate) file: PathBuf,
}

impl Process {
    /// `floor`: a time that is surely over. Nothing here fails: what does not work shows in the status.
    pub(crate) fn start(config: &Config, file: &Path, floor: Wall, instance: u64) -> Process {
        let clock = Clock::start(floor);
        let (ledger, keys) = open_ledger(&config.gateway.state);
        Process {
            cache: Cache::open(&config.cache, config.gateway.memory),
            search: SearchRules::default(),
            upstreams: Upstreams::new(clock.clone()),
            observer: Observer::start(&config.log),
            admission: Admission::new(config.limits.connections, config.limits.connections_per_client),
            rates: RateTable::new(CALLERS),
            gates: Gates::new(),
            scrape: Scrape::new(CALLERS),
            ledger,
            keys,
            via: Via::new(instance),
            file: file.to_owned(),
            clock,
        }
    }

    /// Takes over what a new configuration says of the things that stay.
    pub(crate) fn reconfigure(&self, config: &Config) {
        self.cache.reconfigure(&config.cache);
        self.observer.reconfigure(&config.log);
        self.admission.set_ceilings(config.limits.connections, config.limits.connections_per_client);
    }
}

/// Without a ledger the gateway serves all the same: with the keys that can be read, and no new ones.
fn open_ledger(state: &Path) -> (Arc<Ledger>, Arc<KeyRing>) {
    let (ledger, problem) = Ledger::open(state);
    problem.iter().for_each(|problem| log::error!("{problem}"));
    let records = ledger.all(Table::Keys).unwrap_or_else(|cause| {
        log::error!("the keys cannot be read, and open nothing: {cause}");
        Vec::new()
    });
    let (keys, problem) = KeyRing::new(records);
    problem.iter().for_each(|problem| log::error!("{problem}"));
    (Arc::new(ledger), Arc::new(keys))
}
