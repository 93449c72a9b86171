//! The admin pages: `/metrics`, `/status` for people, `/status.json` for programs. They only read.

use std::rc::Rc;
use std::sync::Arc;

use crate::base::{Mono, Now, Size};
use crate::cache::StoreState;
use crate::http::Method;
use crate::http::connection::persists;
use crate::observe::{CacheFacts, ConfigFacts, Facts, Gauges, UpstreamGauge, UpstreamStatus, resident};
use crate::portal::status_page;

use super::build::url_origin;
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
            let keep = persists(request.version, request.fields) && !request.has_body();
            let refusal = Refusal::AdminNotFound;
            return refuse_unplanned(connection, worker, gateway, now, Some(request), &refusal, keep).await;
        }
    };
    let lines = format!("Content-Type: {content_type}\r\nCache-Control: no-store\r\n");
    let own = Own { status: 200, lines, body: text.as_bytes() };
    send_unplanned(connection, worker, gateway, now, request, &own).await
}

fn gauges(gateway: &Gateway, process: &Process, now: Now) -> Gauges {
    let stat = process.cache.stat();
    let gauge = |peer: UpstreamStatus| UpstreamGauge { route: peer.route, url: peer.url, up: peer.up };
    Gauges {
        version: env!("CARGO_PKG_VERSION"),
        uptime: now.mono.since(Mono::default()),
        clock_sure: now.sure,
        config_ok: gateway.file_problems.is_empty(),
        cache_state: state_words(&process.cache.state()).0,
        cache_used: Size::bytes(stat.bytes),
        cache_capacity: gateway.config.cache.size,
        cache_objects: stat.objects,
        cache_evicted: stat.evicted,
        cache_damaged: stat.damaged,
        cache_written: Size::bytes(stat.written),
        resident: resident(),
        upstreams: upstreams(gateway, process).map(gauge).collect(),
    }
}

fn facts(gateway: &Gateway, process: &Process, now: Now) -> Facts {
    let stat = process.cache.stat();
    let (state, why) = state_words(&process.cache.state());
    Facts {
        name: gateway.config.gateway.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime: now.mono.since(Mono::default()),
        now,
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
        upstreams: upstreams(gateway, process).collect(),
        problems: problems(gateway, process),
        resident: resident(),
    }
}

/// Every upstream of every route. What was never asked counts as up.
fn upstreams(gateway: &Gateway, process: &Process) -> impl Iterator<Item = UpstreamStatus> {
    let known = process.upstreams.status();
    gateway.routes.iter().filter_map(|route| Some((route, route.origin()?))).flat_map(move |(route, origin)| {
        let failing = |url: &str| known.iter().find(|peer| peer.origin == url).and_then(|peer| peer.failing);
        let told = origin.urls.iter().map(|url| {
            let url = url_origin(url);
            let failing = failing(&url);
            let why = failing.map_or_else(String::new, |(why, _, _)| why.to_string());
            UpstreamStatus { route: route.config.name.clone(), url, up: failing.is_none(), why }
        });
        told.collect::<Vec<_>>()
    })
}

fn problems(gateway: &Gateway, process: &Process) -> Vec<String> {
    let kept = process.problems.iter().cloned();
    let providers = process.tokens.status().into_iter().filter_map(|issuer| {
        let problem = issuer.problem?;
        let keys = match issuer.keys {
            0 => "no token of it counts".to_owned(),
            keys => format!("tokens are judged by the {keys} keys that are kept"),
        };
        Some(format!("[jwt {}] the provider cannot be asked ({problem}); {keys}", issuer.name))
    });
    let tls = gateway.tls.iter().flat_map(|front| front.problems());
    let audit = process.audit.status();
    let lost = (audit.lost > 0).then(|| format!("{} exchanges could not be noted in the audit trail", audit.lost));
    let told =
        gateway.problems.iter().cloned().chain(kept).chain(providers).chain(tls.map(|problem| problem.to_string()));
    told.chain(audit.failing).chain(lost).collect()
}

fn state_words(state: &StoreState) -> (&'static str, String) {
    match state {
        StoreState::Ready => ("ready", String::new()),
        StoreState::ReadOnly(why) => ("read_only", why.clone()),
        StoreState::Full => ("full", "no space within [cache] size and keep_free".to_owned()),
        StoreState::Off(why) => ("off", why.clone()),
    }
}
