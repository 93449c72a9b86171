//! Answers in the gateway's own words: refusals, redirects, fixed texts.

use std::fmt::Write;

use crate::content::Violation;
use crate::http::{Fields, Method, status};
use crate::portal::{self, Extension, Fault, Told, Trouble};
use crate::transform::{Edits, NOTHING_TOLD, ReplyFraming, Tail, stored_head};

use super::connection::{After, Connection};
use super::exchange::{Account, Exchange, connection_option, date, record_refused};
use super::plan::Request;
use super::refusal::{Blame, Refusal, Verdict};
use super::reply::Reply;
use super::{Gateway, Worker};
use crate::base::Now;
use crate::http::connection::persists;
use crate::transform::Ids;

/// An answer that is all there before it is sent.
pub(super) struct Own<'o> {
    pub(super) status: u16,
    /// `Name: value\r\n` lines; framing is added.
    pub(super) lines: String,
    pub(super) body: &'o [u8],
}

impl Exchange<'_> {
    /// Answers a planned request with a refusal. Nothing must have been sent yet.
    pub(super) async fn refuse(&mut self, connection: &mut Connection, refusal: &Refusal, body_read: bool) -> After {
        let verdict = refusal.verdict();
        if let Refusal::ClientGone = refusal {
            (self.account.status, self.account.refusal) = (verdict.status, Some(verdict.word));
            return After::Gone;
        }
        if let Refusal::LastHop = refusal {
            return self.own(connection, &Own { status: 204, lines: String::new(), body: &[] }, body_read).await;
        }
        tell(refusal, &verdict, &self.plan.route.config.name);
        if let Refusal::Overuse(_) = refusal {
            // It tells of the limits itself.
            self.told = None;
        }
        let page = page(self.gateway, refusal, &verdict, Some(&self.plan.request), &self.plan.ids);
        let body_read = body_read && !refusal.closes();
        self.account.refusal = Some(verdict.word);
        self.own(connection, &page.own(), body_read).await
    }

    /// Sends an answer of the gateway's own, with the route's edits.
    pub(super) async fn own(&mut self, connection: &mut Connection, own: &Own<'_>, body_read: bool) -> After {
        let framing = own_framing(own);
        let after = self.after(framing, body_read);
        self.account.status = own.status;
        let tail = self.tail(framing, after, None);
        let head = own_head(own, &tail);
        let body = if self.plan.request.is_head() { &[] } else { own.body };
        let (sent, after) = send(connection, self.gateway, framing, head, body, after).await;
        self.account.sent = sent;
        self.account.complete = after != After::Gone;
        after
    }
}

/// Answers a request that has no plan: its head is refused, or no route takes it.
pub(super) async fn refuse_unplanned(
    connection: &mut Connection,
    worker: &Worker,
    gateway: &Gateway,
    now: Now,
    request: Option<&Request<'_>>,
    refusal: &Refusal,
    keep: bool,
) -> After {
    let verdict = refusal.verdict();
    tell(refusal, &verdict, "-");
    let ids = Ids::of(request.map_or(Fields::NONE, |request| request.fields), worker.draw());
    let page = page(gateway, refusal, &verdict, request, &ids);
    let unplanned = Unplanned { worker, gateway, now, request: *request.unwrap_or(&Request::NONE), ids };
    let keep = keep && !refusal.closes();
    unplanned.send(connection, &page.own(), Some(verdict.word), keep).await
}

/// Answers a request that needs no plan: the admin pages, and what the gateway says before any route.
pub(super) async fn send_unplanned(
    connection: &mut Connection,
    worker: &Worker,
    gateway: &Gateway,
    now: Now,
    request: &Request<'_>,
    own: &Own<'_>,
) -> After {
    let ids = Ids::of(request.fields, worker.draw());
    let keep = persists(request.version, request.fields) && !request.has_body();
    Unplanned { worker, gateway, now, request: *request, ids }.send(connection, own, None, keep).await
}

struct Unplanned<'u> {
    worker: &'u Worker,
    gateway: &'u Gateway,
    now: Now,
    request: Request<'u>,
    ids: Ids<'u>,
}

impl Unplanned<'_> {
    async fn send(
        &self,
        connection: &mut Connection,
        own: &Own<'_>,
        refusal: Option<&'static str>,
        keep: bool,
    ) -> After {
        let framing = own_framing(own);
        let after = if keep && !self.worker.is_draining() { After::Keep } else { After::Close };
        let tail = Tail {
            edits: &Edits::default(),
            framing,
            connection: connection_option(self.request.version, framing, after),
            cache_status: None,
            age: None,
            date: date(self.now),
            request_id: Some(&self.ids),
            told: NOTHING_TOLD,
        };
        let body = if self.request.is_head() { &[] } else { own.body };
        let (sent, after) = send(connection, self.gateway, framing, own_head(own, &tail), body, after).await;
        let complete = after != After::Gone;
        let account = Account { status: own.status, sent, refusal, complete, ..Account::default() };
        record_refused(self.worker, self.gateway, self.now, connection, &self.request, &self.ids, &account);
        after
    }
}

/// A page with the fields that belong to it.
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) lines: String,
    pub(super) body: String,
}

impl Page {
    pub(super) fn own(&self) -> Own<'_> {
        Own { status: self.status, lines: self.lines.clone(), body: self.body.as_bytes() }
    }
}

fn page<'a>(
    gateway: &Gateway,
    refusal: &'a Refusal,
    verdict: &Verdict,
    request: Option<&Request<'_>>,
    ids: &Ids<'_>,
) -> Page {
    let violated: Vec<&str> = match refusal {
        Refusal::Overuse(overuse) => overuse.violated.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    let fault = |one: &'a Violation| Fault { pointer: &one.pointer, detail: &one.message };
    let faults: Vec<Fault<'_>> = refusal.violations().iter().map(fault).collect();
    // A page that asks again by itself is for those whose questions can be repeated.
    let trouble = match verdict.trouble {
        Trouble::Waiting if !request.is_some_and(|request| request.method == Method::Get) => Trouble::Busy,
        trouble => trouble,
    };
    let page = portal::trouble_page(&Told {
        trouble,
        status: verdict.status,
        fields: request.map(|request| request.fields),
        languages: &gateway.config.gateway.languages,
        gateway: &gateway.config.gateway.name,
        request_id: Some(ids),
        extension: match (violated.as_slice(), faults.as_slice()) {
            ([], []) => Extension::Nothing,
            ([], faults) => Extension::Faults(faults),
            (violated, _) => Extension::Policies(violated),
        },
    });
    let mut lines = format!("Content-Type: {}\r\nCache-Control: no-store\r\n", page.content_type);
    lines.push_str("Vary: Accept, Accept-Language\r\n");
    let _ = write!(lines, "Content-Language: {}\r\n", page.language);
    for (name, value) in refusal.fields() {
        let _ = write!(lines, "{name}: {value}\r\n");
    }
    Page { status: verdict.status, lines, body: page.body }
}

/// A client's fault is told quietly, ours loudly.
fn tell(refusal: &Refusal, verdict: &Verdict, route: &str) {
    let level = match verdict.blame {
        Blame::Client => log::Level::Debug,
        Blame::Peer => log::Level::Warn,
        Blame::Us => log::Level::Error,
    };
    log::log!(level, "[route {route}] {}: {refusal}", verdict.status);
}

fn own_framing(own: &Own<'_>) -> ReplyFraming {
    match own.status {
        204 | 304 => ReplyFraming::Nothing,
        _ => ReplyFraming::Length(own.body.len() as u64),
    }
}

fn own_head(own: &Own<'_>, tail: &Tail<'_>) -> Option<Vec<u8>> {
    let mut head = Vec::with_capacity(512);
    let reason = status::reason(own.status).as_bytes();
    stored_head(&mut head, own.status, reason, own.lines.as_bytes(), tail).ok()?;
    Some(head)
}

async fn send(
    connection: &mut Connection,
    gateway: &Gateway,
    framing: ReplyFraming,
    head: Option<Vec<u8>>,
    body: &[u8],
    after: After,
) -> (u64, After) {
    let Some(head) = head else {
        log::error!("an answer of the gateway's own could not be written");
        return (0, After::Cut);
    };
    let mut reply = Reply::new(connection, gateway.progress, framing, head);
    if reply.bytes(body).await.is_err() {
        return (reply.sent(), After::Gone);
    }
    match reply.end(Fields::NONE).await {
        Ok(sent) => (sent, after),
        Err(_) => (0, After::Gone),
    }
}
