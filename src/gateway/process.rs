//! What outlives a configuration: clock, cache, connections to upstreams, counters, permits.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::provider::Providers;
use super::{counts, provider};
use crate::auth::Tokens;
use crate::auth::key::KeyRing;
use crate::cache::{Cache, SearchRules};
use crate::config::Config;
use crate::ledger::{Ledger, Table};
use crate::limits::gate::Gates;
use crate::limits::quota::Quotas;
use crate::limits::rate::{self, RateTable};
use crate::limits::scrape::Scrape;
use crate::limits::shape::{Governor, Shaper};
use crate::net::{Admission, Clock};
use crate::observe::Observer;
use crate::observe::audit::Audit;
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
    pub(crate) audit: Audit,
    pub(crate) admission: Arc<Admission>,
    pub(crate) rates: RateTable,
    pub(crate) gates: Arc<Gates>,
    pub(crate) scrape: Scrape,
    pub(crate) quotas: Quotas,
    pub(crate) shaper: Shaper,
    pub(crate) governor: Arc<Governor>,
    /// Keys, counts and what else outlives the process.
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) keys: Arc<KeyRing>,
    /// What was wrong with what the state folder held, a sentence each.
    pub(crate) problems: Vec<String>,
    pub(crate) tokens: Tokens,
    pub(crate) providers: Providers,
    pub(crate) via: Via,
    /// The configuration file, for the status page.
    pub(crate) file: PathBuf,
}

impl Process {
    /// Nothing here fails: what does not work shows in the status.
    pub(crate) fn start(config: &Config, file: &Path, clock: Arc<Clock>, instance: u64) -> Process {
        let (ledger, problem) = Ledger::open(&config.gateway.state);
        let (records, unread) = match ledger.all(Table::Keys) {
            Ok(records) => (records, None),
            Err(cause) => (Vec::new(), Some(format!("the keys cannot be read: {cause}"))),
        };
        let (keys, unknown) = KeyRing::new(records);
        let quotas = Quotas::new(config.gateway.timezone);
        let uncounted = counts::restore(&quotas, &ledger, clock.now());
        let tokens = Tokens::default();
        tokens.reconfigure(&config.jwt);
        let unkept = provider::restore(&tokens, &ledger, clock.now());
        let problems = [problem, unread, unknown, uncounted, unkept];
        problems.iter().flatten().for_each(|problem| log::error!("{problem}"));
        Process {
            cache: Cache::open(&config.cache, config.gateway.memory),
            search: SearchRules::default(),
            upstreams: Upstreams::new(clock.clone()),
            observer: Observer::start(&config.log),
            audit: Audit::start(&config.audit),
            admission: Admission::new(config.limits.connections, config.limits.connections_per_client),
            rates: RateTable::new(rate::ENTRIES),
            gates: Gates::new(),
            scrape: Scrape::new(CALLERS),
            quotas,
            shaper: Shaper::new(CALLERS),
            governor: Governor::new(config.link.rate),
            ledger: Arc::new(ledger),
            keys: Arc::new(keys),
            problems: problems.into_iter().flatten().collect(),
            tokens,
            providers: Providers::default(),
            via: Via::new(instance),
            file: file.to_owned(),
            clock,
        }
    }

    /// Takes over what a new configuration says of the things that stay.
    pub(crate) fn reconfigure(&self, config: &Config) {
        self.cache.reconfigure(&config.cache);
        self.observer.reconfigure(&config.log);
        self.audit.reconfigure(&config.audit);
        self.governor.set_rate(config.link.rate);
        self.quotas.reconfigure(config.gateway.timezone);
        self.tokens.reconfigure(&config.jwt);
        self.admission.set_ceilings(config.limits.connections, config.limits.connections_per_client);
    }
}
