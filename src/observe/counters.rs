//! What is counted, in atomics that every worker adds to.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::record::{CacheResult, Record};

/// Names that are counted apart over the life of the process, reloads included: four files full of routes. What is
/// renamed more often goes on under [`OTHER`].
const MAX_NAMES: usize = 1024;

const OTHER: &str = "(other)";

/// Words for refusals: the gateway's table has about half as many.
const MAX_WORDS: usize = 128;

/// 1xx to 5xx; and in front of them what is none of these.
pub(super) const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The counters of one configuration's routes, in file order.
pub(crate) struct Scope {
    routes: Box<[Arc<RouteCounters>]>,
    nowhere: Arc<RouteCounters>,
}

/// All that is counted. Lives as long as the process.
pub(super) struct Counters {
    /// Guards the list of names: taken by reloads and by those who read, never by exchanges.
    routes: Mutex<Vec<Arc<RouteCounters>>>,
    /// What took no route.
    nowhere: Arc<RouteCounters>,
    pub(super) refusals: Words,
    pub(super) panics: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) open_connections: AtomicU64,
}

#[derive(Default)]
pub(super) struct RouteCounters {
    /// Empty for what took no route.
    pub(super) name: String,
    exchanges: [[AtomicU64; CLASSES.len()]; CacheResult::ALL.len()],
    pub(super) sent: AtomicU64,
    /// Of those, what never came over a link: folders, redirects, pages of the gateway itself.
    own: AtomicU64,
    pub(super) uplink: AtomicU64,
    /// Answers that ended before their time.
    pub(super) cut: AtomicU64,
    pub(super) elapsed: Span,
    pub(super) uplink_wait: Span,
}

/// How often and how long in all.
#[derive(Default)]
pub(super) struct Span {
    pub(super) count: AtomicU64,
    micros: AtomicU64,
}

/// Counters by word: a table that only grows, up to its end.
pub(super) struct Words([(OnceLock<&'static str>, AtomicU64); MAX_WORDS]);

impl Scope {
    pub(super) fn counters(&self, route: Option<usize>) -> &RouteCounters {
        route.and_then(|place| self.routes.get(place)).unwrap_or(&self.nowhere)
    }
}

impl Counters {
    pub(super) fn new() -> Counters {
        Counters {
            routes: Mutex::default(),
            nowhere: Arc::default(),
            refusals: Words(std::array::from_fn(|_| (OnceLock::new(), AtomicU64::new(0)))),
            panics: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            open_connections: AtomicU64::new(0),
        }
    }

    pub(super) fn scope(&self, routes: &[&str]) -> Scope {
        let mut known = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let routes = routes.iter().map(|name| named(&mut known, name)).collect();
        Scope { routes, nowhere: Arc::clone(&self.nowhere) }
    }

    /// What took no route, then the routes in the order in which they were first seen.
    pub(super) fn all(&self) -> Vec<Arc<RouteCounters>> {
        let known = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::once(&self.nowhere).chain(known.iter()).map(Arc::clone).collect()
    }
}

fn named(known: &mut Vec<Arc<RouteCounters>>, name: &str) -> Arc<RouteCounters> {
    let name = if known.len() >= MAX_NAMES && known.iter().all(|route| route.name != name) { OTHER } else { name };
    if let Some(route) = known.iter().find(|route| route.name == name) {
        return Arc::clone(route);
    }
    let route = Arc::new(RouteCounters { name: name.to_owned(), ..RouteCounters::default() });
    known.push(Arc::clone(&route));
    route
}

impl RouteCounters {
    pub(super) fn add(&self, record: &Record<'_>) {
        if let Some(counter) = self.exchanges.get(record.cache as usize).and_then(|row| row.get(class(record.status))) {
            counter.fetch_add(1, Relaxed);
        }
        self.sent.fetch_add(record.sent, Relaxed);
        self.elapsed.add(record.elapsed);
        if record.cache == CacheResult::None {
            self.own.fetch_add(record.sent, Relaxed);
        }
        if record.uplink > 0 {
            self.uplink.fetch_add(record.uplink, Relaxed);
        }
        if let Some(wait) = record.uplink_time {
            self.uplink_wait.add(wait);
        }
        if !record.complete {
            self.cut.fetch_add(1, Relaxed);
        }
    }

    /// Bytes that clients got from upstreams without the link having to carry them again.
    pub(super) fn saved(&self) -> u64 {
        let from_upstreams = self.sent.load(Relaxed).saturating_sub(self.own.load(Relaxed));
        from_upstreams.saturating_sub(self.uplink.load(Relaxed))
    }

    /// Each result and class that was ever seen.
    pub(super) fn exchanges(&self) -> impl Iterator<Item = (CacheResult, &'static str, u64)> {
        let rows = CacheResult::ALL.into_iter().zip(&self.exchanges);
        let cells = rows.flat_map(|(result, row)| {
            CLASSES.into_iter().zip(row).map(move |(class, count)| (result, class, count.load(Relaxed)))
        });
        cells.filter(|(_, _, count)| *count > 0)
    }
}

fn class(status: u16) -> usize {
    let class = usize::from(status / 100);
    if class < CLASSES.len() { class } else { 0 }
}

impl Span {
    fn add(&self, time: Duration) {
        self.count.fetch_add(1, Relaxed);
        self.micros.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(super) fn total(&self) -> Duration {
        Duration::from_micros(self.micros.load(Relaxed))
    }
}

impl Words {
    pub(super) fn add(&self, word: &'static str) {
        let taken = self.0.iter().find(|(slot, _)| *slot.get_or_init(|| word) == word);
        if let Some((_, count)) = taken {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map_while(|(slot, count)| slot.get().map(|word| (*word, count.load(Relaxed))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_go_on_counting_after_a_reload() {
        let counters = Counters::new();
        let before = counters.scope(&["wiki", "maps"]);
        before.counters(Some(0)).cut.fetch_add(1, Relaxed);
        let after = counters.scope(&["maps", "wiki"]);
        assert_eq!(after.counters(Some(1)).cut.load(Relaxed), 1);
        assert_eq!(after.counters(Some(2)).name, "");
        assert_eq!(counters.all().len(), 3);
    }

    #[test]
    fn names_are_bounded() {
        let counters = Counters::new();
        for number in 0..2 * MAX_NAMES {
            counters.scope(&[&format!("route {number}")]);
        }
        assert_eq!(counters.all().len(), MAX_NAMES + 2);
        assert_eq!(counters.scope(&["one more"]).counters(Some(0)).name, OTHER);
        assert_eq!(counters.scope(&["route 3"]).counters(Some(0)).name, "route 3");
    }

    #[test]
    fn words_are_counted_apart() {
        let counters = Counters::new();
        for word in ["loop", "busy", "loop"] {
            counters.refusals.add(word);
        }
        assert_eq!(counters.refusals.all().collect::<Vec<_>>(), [("loop", 2), ("busy", 1)]);
    }

    #[test]
    fn every_status_has_a_class() {
        for (status, name) in [(0, "other"), (99, "other"), (100, "1xx"), (204, "2xx"), (599, "5xx"), (999, "other")] {
            assert_eq!(CLASSES[class(status)], name, "{status}");
        }
    }
}
