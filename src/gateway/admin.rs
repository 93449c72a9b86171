//! The admin pages: `/metrics`, `/status` for people, `/status.json` for programs. They only read.

use std::rc::Rc;
use std::sync::Arc;

use crate::base::Now;
use crate::cache::StoreState;
use crate::http::{Method, date};
use crate::observe::{CacheFacts, ConfigFacts, Facts, Gauges, UpstreamStatus, resident_bytes};
use crate::portal::status_page;

use super::connection::{After, Connection};
use super::plan::Request;
use super::refuse::{Own, refuse_unplanned, send_unplanned};
use super::{Gateway, Process, Refusal, Worker};

/// Prometheus text exposition format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers a request on the admin listener.
pub(super) async fn answer(
    connection: &mut Connection,
    worker: &Rc<Worker>,
    gateway: &Arc<Gateway>,
    now: Now,
    request: &Request<'_>,
) -> After {
    if !matches!(request.method, Method::Get | Method::Head) {
        return refuse_unplanned(connection, worker, gateway, now, Some(request), &Refusal::AdminMethod, false).await;
    }
    let process = &worker.process;
    let path = request.target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let (content_type, text) = match path {
        b"/metrics" => (METRICS_TYPE, process.observer.metrics_text(&gauges(gateway, process, now))),
        b"/status.json" => {
            let status = process.observer.status(facts(gateway, process, now));
            ("application/json", miniserde::json::to_string(&status))
        }
        b"/" | b"/status" => {
            let status = process.observer.status(facts(gateway, process, now));
            ("text/html; charset=utf-8", status_page(&status))
        }
        _ => {
            let refusal = Refusal::AdminNotFound;
            return refuse_unplanned(connection, worker, gateway, now, Some(request), &refusal, true).await;
        }
    };
    let lines = format!("Content-Type: {content_type}\r\nCache-Control: no-store\r\n");
    let own = Own { status: 200, lines, body: text.as_bytes() };
    send_unplanned(connection, worker, gateway, now, request, &own).await
}

fn gauges(gateway: &Gateway, process: &Process, now: Now) -> Gauges {
    let stat = process.cache.stat();
    let upstreams = process.upstreams.status();
    Gauges {
        uptime_seconds: now.mono.as_millis() / 1000,
        clock_sure: now.sure,
        config_ok: gateway.file_problems.is_empty(),
        cache_state: state_words(&process.cache.state()).0,
        cache_bytes: stat.bytes,
        cache_capacity_bytes: gateway.config.cache.size.as_u64(),
        cache_objects: stat.objects,
        cache_evictions: stat.evicted,
        cache_damaged: stat.damaged,
        cache_written_bytes: stat.written,
        resident_bytes: resident_bytes(),
        upstreams: upstreams.into_iter().map(|peer| (String::new(), peer.origin, peer.failing.is_none())).collect(),
    }
}

fn facts(gateway: &Gateway, process: &Process, now: Now) -> Facts {
    let stat = process.cache.stat();
    let (state, why) = state_words(&process.cache.state());
    let mut time = [0; 29];
    date::format(now.wall, &mut time);
    let upstreams = process.upstreams.status().into_iter().map(|peer| UpstreamStatus {
        route: String::new(),
        url: peer.origin,
        up: peer.failing.is_none(),
        why: peer.failing.map_or_else(String::new, |(why, _, _)| why.to_string()),
    });
    Facts {
        name: gateway.config.gateway.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_seconds: now.mono.as_millis() / 1000,
        time: String::from_utf8_lossy(&time).into_owned(),
        clock_sure: now.sure,
        config: ConfigFacts {
            file: process.file.display().to_string(),
            last_good: gateway.last_good,
            problems: gateway.file_problems.clone(),
        },
        cache: CacheFacts {
            state: state.replace('_', " "),
            why,
            bytes: stat.bytes,
            capacity_bytes: gateway.config.cache.size.as_u64(),
            objects: stat.objects,
        },
        upstreams: upstreams.collect(),
        problems: problems(gateway),
        resident_bytes: resident_bytes(),
        ..Facts::default()
    }
}

fn problems(gateway: &Gateway) -> Vec<String> {
    let tls = gateway.tls.iter().flat_map(|front| front.problems());
    gateway.problems.iter().cloned().chain(tls.map(|problem| problem.to_string())).collect()
}

fn state_words(state: &StoreState) -> (&'static str, String) {
    match state {
        StoreState::Ready => ("ready", String::new()),
        StoreState::ReadOnly(why) => ("read_only", why.clone()),
        StoreState::Full => ("full", "no space within [cache] size and keep_free".to_owned()),
        StoreState::Off(why) => ("off", why.clone()),
    }
}
