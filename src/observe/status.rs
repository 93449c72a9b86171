//! The state of the gateway as one value: the status page, its JSON and `hafir status` all show this.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use miniserde::{Deserialize, Serialize};

use super::counters::{Counters, RouteCounters};
use super::record::CacheResult;
use crate::base::{Now, Size};
use crate::http::date;

/// What the gateway knows and `observe` does not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) uptime: Duration,
    pub(crate) now: Now,
    pub(crate) config: ConfigFacts,
    pub(crate) cache: CacheFacts,
    pub(crate) upstreams: Vec<UpstreamStatus>,
    /// What needs somebody's attention, a sentence each: a certificate that is missing, a route that leads nowhere.
    pub(crate) problems: Vec<String>,
    pub(crate) resident: Size,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) uptime_seconds: u64,
    /// As HTTP writes dates.
    pub(crate) time: String,
    pub(crate) clock_sure: bool,
    pub(crate) problems: Vec<String>,
    pub(crate) config: ConfigFacts,
    pub(crate) cache: CacheFacts,
    pub(crate) upstreams: Vec<UpstreamStatus>,
    /// Those that were asked for something since the start, and last (without a name) what took no route.
    pub(crate) routes: Vec<RouteStatus>,
    pub(crate) connections: u64,
    pub(crate) requests: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) uplink_bytes: u64,
    /// What people got from upstreams without the link having to carry it again.
    pub(crate) saved_bytes: u64,
    pub(crate) refusals: Vec<RefusalStatus>,
    pub(crate) panics: u64,
    pub(crate) log_lines_dropped: u64,
    pub(crate) resident_bytes: u64,
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
    /// Why it is not ready, for an operator.
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
    pub(crate) revalidated: u64,
    pub(crate) misses: u64,
    /// Went by the cache.
    pub(crate) passes: u64,
    /// Answers of class 5xx.
    pub(crate) errors: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) uplink_bytes: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RefusalStatus {
    pub(crate) reason: String,
    pub(crate) count: u64,
}

impl Status {
    pub(super) fn of(facts: Facts, counters: &Counters, log_lines_dropped: u64) -> Status {
        let all = counters.all();
        let mut routes: Vec<_> = all.iter().map(|route| RouteStatus::of(route)).collect();
        routes.rotate_left(1);
        let sum = |value: fn(&RouteStatus) -> u64| routes.iter().map(value).fold(0, u64::saturating_add);
        let (requests, sent_bytes) = (sum(|route| route.requests), sum(|route| route.sent_bytes));
        let uplink_bytes = sum(|route| route.uplink_bytes);
        routes.retain(|route| route.requests > 0);
        let refusals = counters.refusals.all();
        Status {
            name: facts.name,
            version: facts.version,
            uptime_seconds: facts.uptime.as_secs(),
            time: time(facts.now),
            clock_sure: facts.now.sure,
            problems: facts.problems,
            config: facts.config,
            cache: facts.cache,
            upstreams: facts.upstreams,
            routes,
            connections: counters.open_connections.load(Relaxed),
            requests,
            sent_bytes,
            uplink_bytes,
            saved_bytes: all.iter().map(|route| route.saved()).fold(0, u64::saturating_add),
            refusals: refusals.map(|(word, count)| RefusalStatus { reason: word.to_owned(), count }).collect(),
            panics: counters.panics.load(Relaxed),
            log_lines_dropped,
            resident_bytes: facts.resident.as_u64(),
        }
    }
}

impl RouteStatus {
    fn of(counters: &RouteCounters) -> RouteStatus {
        let mut status = RouteStatus {
            name: counters.name.clone(),
            sent_bytes: counters.sent.load(Relaxed),
            uplink_bytes: counters.uplink.load(Relaxed),
            ..Default::default()
        };
        for (result, class, count) in counters.exchanges() {
            status.requests += count;
            status.errors += if class == "5xx" { count } else { 0 };
            match result {
                CacheResult::Hit => status.hits += count,
                CacheResult::Stale => status.stale += count,
                CacheResult::Revalidated => status.revalidated += count,
                CacheResult::Miss => status.misses += count,
                CacheResult::Pass => status.passes += count,
                CacheResult::None => {}
            }
        }
        status
    }
}

fn time(now: Now) -> String {
    let mut text = [0; 29];
    date::format(now.wall, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use miniserde::json;

    use super::super::access::tests::record;
    use super::*;
    use crate::observe::Record;

    #[test]
    fn the_status_sums_up_and_goes_through_json_unchanged() {
        let counters = Counters::new();
        let scope = counters.scope(&["wiki", "never asked"]);
        assert_eq!(Status::of(Facts::default(), &counters, 0).saved_bytes, 0);
        let failed = Record { status: 502, cache: CacheResult::Miss, uplink: 100, ..record() };
        for told in [record(), failed, Record { route: None, status: 400, cache: CacheResult::None, ..record() }] {
            scope.counters(told.route).add(&told);
        }
        counters.refusals.add("loop");
        let facts = Facts { name: "Kitgum".into(), uptime: Duration::from_secs(9), ..Facts::default() };
        let status = Status::of(facts, &counters, 1);
        assert_eq!((status.requests, status.sent_bytes, status.uplink_bytes), (3, 3 * 5120, 100));
        assert_eq!(status.saved_bytes, 2 * 5120 - 100);
        let names: Vec<_> = status.routes.iter().map(|route| route.name.as_str()).collect();
        assert_eq!(names, ["wiki", ""]);
        let wiki = &status.routes[0];
        assert_eq!((wiki.requests, wiki.hits, wiki.misses, wiki.errors), (2, 1, 1, 1));
        let text = json::to_string(&status);
        assert_eq!(json::to_string(&json::from_str::<Status>(&text).unwrap()), text);
        assert_eq!(status.time, "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
