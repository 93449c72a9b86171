//! The one who is told of every exchange.

use std::cell::RefCell;
use std::sync::atomic::Ordering::Relaxed;

use super::counters::{Counters, Scope};
use super::metrics::{self, Gauges};
use super::record::Record;
use super::sink::Sink;
use super::status::{Facts, Status};
use super::{access, json};
use crate::config::{LogConfig, LogFormat, LogTarget};

/// Lives as long as the process and survives reloads. Dropping it writes out what the access log still holds.
pub(crate) struct Observer {
    counters: Counters,
    sink: Sink,
}

thread_local! {
    /// A line being written, kept for the next one.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Observer {
    /// Starts the access log's writer thread. Never fails: what does not work is logged, and lines are counted as lost.
    pub(crate) fn start(config: &LogConfig) -> Observer {
        Observer { counters: Counters::new(), sink: Sink::start(config) }
    }

    /// After a reload.
    pub(crate) fn reconfigure(&self, config: &LogConfig) {
        self.sink.reconfigure(config);
    }

    /// Counters for a configuration's routes, in file order. Routes of the same name go on counting.
    pub(crate) fn scope(&self, routes: &[&str]) -> Scope {
        self.counters.scope(routes)
    }

    pub(crate) fn record(&self, scope: &Scope, record: &Record<'_>) {
        let route = scope.counters(record.route);
        route.add(record);
        if let Some(word) = record.refusal {
            self.counters.refusals.add(word);
        }
        let Some(style) = self.sink.style() else { return };
        LINE.with_borrow_mut(|line| {
            line.clear();
            match style.format {
                LogFormat::Combined => access::write(line, record, &route.name, style.query),
                LogFormat::Json => json::write(line, record, &route.name, style.query),
            }
            self.sink.append(line);
        });
    }

    /// Bytes that came over the uplink after the exchange that caused them was recorded.
    pub(crate) fn uplink(&self, scope: &Scope, route: usize, bytes: u64) {
        scope.counters(Some(route)).uplink.fetch_add(bytes, Relaxed);
    }

    /// An exchange ended in a panic.
    pub(crate) fn panicked(&self) {
        self.counters.panics.fetch_add(1, Relaxed);
    }

    pub(crate) fn connection_opened(&self) {
        self.counters.connections.fetch_add(1, Relaxed);
        self.counters.open_connections.fetch_add(1, Relaxed);
    }

    pub(crate) fn connection_closed(&self) {
        self.counters.open_connections.fetch_sub(1, Relaxed);
    }

    /// A connection that was closed without a request: ceiling, handshake, … `word` as in [`Record::refusal`].
    pub(crate) fn refused(&self, word: &'static str) {
        self.counters.refusals.add(word);
    }

    /// Prometheus text format 0.0.4.
    pub(crate) fn metrics_text(&self, gauges: &Gauges) -> String {
        metrics::text(&self.counters, self.sink.dropped(), gauges)
    }

    pub(crate) fn status(&self, facts: Facts) -> Status {
        Status::of(facts, &self.counters, self.sink.dropped())
    }

    /// Writes out what the access log holds and waits until that is done: blocks.
    pub(crate) fn flush(&self) {
        self.sink.flush();
    }
}

/// Where and how the access log is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Style {
    pub(super) format: LogFormat,
    pub(super) query: bool,
}

impl Style {
    /// Nothing where no access log is written.
    pub(super) fn of(config: &LogConfig) -> Option<Style> {
        match config.access {
            LogTarget::Off => None,
            LogTarget::Stderr | LogTarget::File(_) => Some(Style { format: config.format, query: config.query }),
        }
    }

    pub(super) fn code(style: Option<Style>) -> u8 {
        let Some(style) = style else { return 0 };
        let format = match style.format {
            LogFormat::Combined => 2,
            LogFormat::Json => 4,
        };
        format | u8::from(style.query)
    }

    pub(super) fn from_code(code: u8) -> Option<Style> {
        let format = match code & !1 {
            2 => LogFormat::Combined,
            4 => LogFormat::Json,
            _ => return None,
        };
        Some(Style { format, query: code & 1 == 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_keep_their_meaning_as_codes() {
        assert_eq!(Style::from_code(Style::code(None)), None);
        for format in [LogFormat::Combined, LogFormat::Json] {
            for query in [false, true] {
                let style = Some(Style { format, query });
                assert_eq!(Style::from_code(Style::code(style)), style);
            }
        }
    }
}
