//! `/metrics`: the Prometheus text format, version 0.0.4.

use std::fmt::{Display, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::counters::{Counters, RouteCounters, Span};
use crate::base::Size;

/// Plain numbers that only the gateway knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) version: &'static str,
    pub(crate) uptime: Duration,
    pub(crate) clock_sure: bool,
    /// False while the last good configuration stands in for a broken file.
    pub(crate) config_ok: bool,
    /// `ready`, `read_only`, `full`, `off`
    pub(crate) cache_state: &'static str,
    pub(crate) cache_used: Size,
    pub(crate) cache_capacity: Size,
    pub(crate) cache_objects: u64,
    pub(crate) cache_evicted: u64,
    pub(crate) cache_damaged: u64,
    /// Bytes written to the card.
    pub(crate) cache_written: Size,
    pub(crate) resident: Size,
    pub(crate) upstreams: Vec<UpstreamGauge>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct UpstreamGauge {
    pub(crate) route: String,
    pub(crate) url: String,
    pub(crate) up: bool,
}

/// All metrics in one text.
pub(super) fn text(counters: &Counters, log_dropped: u64, gauges: &Gauges) -> String {
    let mut page = Page(String::with_capacity(8 << 10));
    write_routes(&mut page, &counters.all());
    let words: Vec<_> = counters.refusals.all().collect();
    page.counter("hafir_refusals_total", "Requests and connections that were refused, by reason.");
    for (word, count) in words {
        page.sample("hafir_refusals_total", &[("reason", word)], count);
    }
    let load = |counter: &AtomicU64| counter.load(Relaxed);
    page.single(Kind::Counter, "hafir_connections_total", "Client connections taken.", load(&counters.connections));
    page.single(Kind::Gauge, "hafir_connections_open", "Client connections open.", load(&counters.open_connections));
    page.single(Kind::Counter, "hafir_panics_total", "Exchanges ended by a defect.", load(&counters.panics));
    page.single(Kind::Counter, "hafir_log_lines_dropped_total", "Access log lines lost.", log_dropped);
    write_gauges(&mut page, gauges);
    page.0
}

fn write_routes(page: &mut Page, routes: &[Arc<RouteCounters>]) {
    page.counter(
        "hafir_requests_total",
        "Exchanges, by route, cache result and status class. No route: refused before.",
    );
    for route in routes {
        for (result, class, count) in route.exchanges() {
            let labels = [("route", route.name.as_str()), ("cache", result.word()), ("status", class)];
            page.sample("hafir_requests_total", &labels, count);
        }
    }
    let mut counted = |name: &str, help: &str, counter: fn(&RouteCounters) -> &AtomicU64| {
        page.counter(name, help);
        for route in routes {
            page.sample(name, &[("route", &route.name)], counter(route).load(Relaxed));
        }
    };
    counted("hafir_sent_bytes_total", "Bytes of answers sent to clients.", |route| &route.sent);
    counted("hafir_uplink_bytes_total", "Bytes that came over the uplink.", |route| &route.uplink);
    counted("hafir_answers_cut_total", "Answers that ended before their time.", |route| &route.cut);
    let mut timed = |name: &str, help: &str, span: fn(&RouteCounters) -> &Span| {
        page.family(Kind::Summary, name, help);
        for route in routes {
            let span = span(route);
            page.sample(&format!("{name}_sum"), &[("route", &route.name)], span.total().as_secs_f64());
            page.sample(&format!("{name}_count"), &[("route", &route.name)], span.count.load(Relaxed));
        }
    };
    timed("hafir_exchange_seconds", "From a request's first byte to its answer's last.", |route| &route.elapsed);
    timed("hafir_uplink_wait_seconds", "From asking an upstream to the head of its answer.", |route| {
        &route.uplink_wait
    });
}

fn write_gauges(page: &mut Page, gauges: &Gauges) {
    page.family(Kind::Gauge, "hafir_build_info", "The version, as a label.");
    page.sample("hafir_build_info", &[("version", gauges.version)], 1);
    page.single(Kind::Gauge, "hafir_uptime_seconds", "Since the start.", gauges.uptime.as_secs_f64());
    let sure = u8::from(gauges.clock_sure);
    page.single(Kind::Gauge, "hafir_clock_sure", "Whether the wall clock is believed.", sure);
    let ok = u8::from(gauges.config_ok);
    page.single(Kind::Gauge, "hafir_config_ok", "Whether the configuration file itself is in use.", ok);
    page.family(Kind::Gauge, "hafir_cache_state", "1 for the state that the cache is in.");
    for state in ["ready", "read_only", "full", "off"] {
        page.sample("hafir_cache_state", &[("state", state)], u8::from(state == gauges.cache_state));
    }
    let bytes = Size::as_u64;
    page.single(Kind::Gauge, "hafir_cache_bytes", "Bytes kept.", bytes(gauges.cache_used));
    page.single(Kind::Gauge, "hafir_cache_capacity_bytes", "Bytes that may be kept.", bytes(gauges.cache_capacity));
    page.single(Kind::Gauge, "hafir_cache_objects", "Objects kept.", gauges.cache_objects);
    page.single(Kind::Counter, "hafir_cache_evicted_total", "Objects removed to make room.", gauges.cache_evicted);
    page.single(Kind::Counter, "hafir_cache_damaged_total", "Objects found damaged.", gauges.cache_damaged);
    page.single(Kind::Counter, "hafir_cache_written_bytes_total", "Bytes written.", bytes(gauges.cache_written));
    page.single(Kind::Gauge, "hafir_resident_bytes", "Memory of the process.", bytes(gauges.resident));
    page.family(Kind::Gauge, "hafir_upstream_up", "Whether an upstream is believed to work.");
    for upstream in &gauges.upstreams {
        let labels = [("route", upstream.route.as_str()), ("upstream", upstream.url.as_str())];
        page.sample("hafir_upstream_up", &labels, u8::from(upstream.up));
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Summary,
}

/// The text as it grows. Writing to a `String` does not fail.
struct Page(String);

impl Page {
    fn family(&mut self, kind: Kind, name: &str, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Summary => "summary",
        };
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn counter(&mut self, name: &str, help: &str) {
        self.family(Kind::Counter, name, help);
    }

    fn single(&mut self, kind: Kind, name: &str, help: &str, value: impl Display) {
        self.family(kind, name, help);
        self.sample(name, &[], value);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"", if at == 0 { '{' } else { ',' });
            self.escape(text);
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// Backslash, quote and line feed are the three that the format escapes in label values.
    fn escape(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                other => self.0.push(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::Duration;

    use super::super::access::tests::record;
    use super::*;
    use crate::observe::{CacheResult, Record};

    fn page() -> String {
        let counters = Counters::new();
        let scope = counters.scope(&["wiki", "odd \"\\\nname"]);
        let fetched = Record {
            cache: CacheResult::Miss,
            uplink: 700,
            uplink_time: Some(Duration::from_millis(1500)),
            complete: false,
            ..record()
        };
        for told in
            [record(), record(), fetched, Record { route: Some(1), ..fetched }, Record { route: None, ..record() }]
        {
            scope.counters(told.route).add(&told);
        }
        counters.refusals.add("loop");
        counters.panics.fetch_add(2, Relaxed);
        let upstreams = vec![UpstreamGauge { route: "wiki".into(), url: "https://a.org".into(), up: true }];
        text(&counters, 3, &Gauges { cache_state: "ready", version: "0.1.0", upstreams, ..Gauges::default() })
    }

    #[test]
    fn counts_are_told_by_route() {
        let page = page();
        for line in [
            "hafir_requests_total{route=\"wiki\",cache=\"hit\",status=\"2xx\"} 2\n",
            "hafir_requests_total{route=\"wiki\",cache=\"miss\",status=\"2xx\"} 1\n",
            "hafir_requests_total{route=\"odd \\\"\\\\\\nname\",cache=\"miss\",status=\"2xx\"} 1\n",
            "hafir_requests_total{route=\"\",cache=\"hit\",status=\"2xx\"} 1\n",
            "hafir_sent_bytes_total{route=\"wiki\"} 15360\n",
            "hafir_uplink_bytes_total{route=\"wiki\"} 700\n",
            "hafir_answers_cut_total{route=\"wiki\"} 1\n",
            "hafir_uplink_wait_seconds_sum{route=\"wiki\"} 1.5\n",
            "hafir_uplink_wait_seconds_count{route=\"wiki\"} 1\n",
            "hafir_refusals_total{reason=\"loop\"} 1\n",
            "hafir_panics_total 2\n",
            "hafir_log_lines_dropped_total 3\n",
            "hafir_cache_state{state=\"ready\"} 1\n",
            "hafir_cache_state{state=\"full\"} 0\n",
            "hafir_upstream_up{route=\"wiki\",upstream=\"https://a.org\"} 1\n",
        ] {
            assert!(page.contains(line), "{line}\n{page}");
        }
    }

    /// A reader that takes nothing but the format: each family once, told before its samples, which stand together.
    #[test]
    fn the_text_is_in_the_format() {
        let page = page();
        let mut families = HashSet::new();
        let mut samples = HashSet::new();
        let mut family = (String::new(), "");
        assert!(page.ends_with('\n'));
        let mut lines = page.lines();
        while let Some(line) = lines.next() {
            if let Some(told) = line.strip_prefix("# HELP ") {
                let (name, help) = told.split_once(' ').unwrap();
                assert!(families.insert(name) && !help.is_empty() && !help.contains('\\'), "{line}");
                let kind = lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} "))).unwrap();
                assert!(["counter", "gauge", "summary"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                family = (name.to_owned(), kind);
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok_and(|value| value >= 0.0), "{line}");
            assert!(samples.insert(series), "{line} stands twice");
            let name = series.split('{').next().unwrap();
            let endings: &[&str] = if family.1 == "summary" { &["_sum", "_count"] } else { &[""] };
            assert!(endings.iter().any(|ending| name == format!("{}{ending}", family.0)), "{line} in {}", family.0);
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
            if let Some(labels) = series.strip_prefix(name).filter(|labels| !labels.is_empty()) {
                check_labels(labels.strip_prefix('{').and_then(|labels| labels.strip_suffix('}')).unwrap());
            }
        }
    }

    fn check_labels(mut labels: &str) {
        while !labels.is_empty() {
            let (name, rest) = labels.split_once("=\"").unwrap();
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{name}");
            let mut escaped = false;
            let end = rest.find(|character| match (escaped, character) {
                (true, '\\' | '"' | 'n') => {
                    escaped = false;
                    false
                }
                (true, other) => panic!("\\{other}"),
                (false, '\\') => {
                    escaped = true;
                    false
                }
                (false, character) => character == '"',
            });
            labels = &rest[end.unwrap() + 1..];
            labels = labels.strip_prefix(',').unwrap_or(labels);
        }
    }
}
