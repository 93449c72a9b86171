//! Asking the upstream: a lease, the request, the head of the answer; and again where that is safe.

use std::borrow::Cow;
use std::time::Duration;

use smol::channel::Sender;

use crate::base::Now;
use crate::config::HostPolicy;
use crate::http::{BodyFraming, Method, OwnedResponse, Version};
use crate::net::{Meter, write_all};
use crate::transform::{Conditions, NotForwarded, RequestParts, Told, interim_head, request_head};
use crate::upstream::{Answer, ExchangeError, Failure, Lease, Source, Upload, UploadError, Uploaded, Want, exchange};

use super::body::RequestBody;
use super::build::Origin;
use super::connection::Connection;
use super::fill::Event;
use super::plan::Plan;
use super::{Gateway, Process, Refusal};

/// How long a client that waits for 100 is left to the upstream, before the gateway itself tells it to go on
/// (RFC 9110 §10.1.1 leaves the time open; clients wait about a second themselves).
const CONTINUE_PATIENCE: Duration = Duration::from_secs(3);
/// Attempts of one exchange: each upstream once or twice at the most, never for ever.
const ATTEMPTS: usize = 4;
/// `HTTP/1.1 200 OK` and two line ends, for the account of bytes.
const STATUS_LINE: usize = 19;

/// A question for the upstream.
pub(super) struct Question<'q> {
    pub(super) process: &'q Process,
    pub(super) gateway: &'q Gateway,
    pub(super) plan: &'q Plan<'q>,
    pub(super) origin: &'q Origin,
    pub(super) conditions: Conditions<'q>,
    /// The codings that are asked for in place of the client's.
    pub(super) accept_encoding: Option<&'static str>,
    /// The protocol to change to.
    pub(super) upgrade: Option<&'q [u8]>,
}

/// On whose behalf is asked: who hears interim answers, and whose body is sent.
pub(super) enum Caller<'c> {
    Client {
        connection: &'c mut Connection,
        body: &'c mut RequestBody,
    },
    /// A fill asks for the cache; its events go to the client that caused it, if that is still there.
    Fill(&'c Sender<Event>),
}

/// The upstream's answer, up to its body.
pub(super) struct Answered {
    pub(super) lease: Lease,
    pub(super) head: OwnedResponse,
    pub(super) framing: BodyFraming,
    /// The codings to choose from were the gateway's, not the client's.
    pub(super) coding_is_ours: bool,
    /// What the head cost on the uplink.
    pub(super) head_bytes: usize,
    pub(super) asked: Now,
    pub(super) received: Now,
}

/// A final head, with where its body ends.
struct Last {
    head: OwnedResponse,
    framing: BodyFraming,
}

/// Why one attempt brought no answer.
pub(super) enum Trouble {
    /// The fault of the client or of ourselves: another upstream would change nothing.
    Refused(Refusal),
    /// The connection from the pool was closed already.
    Stale,
    Upstream(ExchangeError),
}

/// Asks until there is an answer, or none to be had.
pub(super) async fn ask(question: &Question<'_>, caller: &mut Caller<'_>) -> Result<Answered, Refusal> {
    let mut want = Want::Any;
    let mut attempt = 0;
    if let Caller::Client { connection, body } = caller {
        body.gather(connection).await?;
    }
    loop {
        attempt += 1;
        let mut lease = question.origin.group.lease(want).await.map_err(Refusal::Unavailable)?;
        let asked = question.process.clock.now();
        let (error, repeat) = match question.converse(&mut lease, caller).await {
            Ok(last) => return question.judge(lease, last, asked),
            Err(Trouble::Refused(refusal)) => return Err(refusal),
            Err(Trouble::Stale) => (ExchangeError::Stale, true),
            Err(Trouble::Upstream(error)) => {
                lease.failed(failure(&error));
                (error, question.origin.urls.len() > 1)
            }
        };
        if !repeat || attempt >= ATTEMPTS || !question.may_repeat() {
            return Err(refusal(error));
        }
        want = Want::New;
    }
}

impl Question<'_> {
    /// Sends the request and waits for the final head, passing interim ones on.
    async fn converse(&self, lease: &mut Lease, caller: &mut Caller<'_>) -> Result<Last, Trouble> {
        let mut meter = Meter::new(self.gateway.progress);
        let head = self.head(lease).map_err(Trouble::Refused)?;
        exchange::send(lease, &head, self.plan.framing, &mut meter).await?;
        if let Some(early) = self.send_body(lease, caller, &mut meter).await? {
            return Ok(early);
        }
        loop {
            match self.next_head(lease, self.plan.route.config.upstream.first_byte).await? {
                Answer::Interim(interim) => self.pass_on(&interim, caller).await?,
                Answer::Final(head, framing) => return Ok(Last { head, framing }),
            }
        }
    }

    /// The request head for the upstream that this lease is on.
    fn head(&self, lease: &Lease) -> Result<Vec<u8>, Refusal> {
        let plan = self.plan;
        let number = self.origin.urls.iter().position(|url| url == lease.url()).unwrap_or(0);
        let client_host = plan.client_host();
        let host = plan.upstream_host(self.origin, number);
        let path: Cow<'_, str> = plan.forwarded_path(self.origin, number);
        let mut out = Vec::with_capacity(1024);
        let told = plan.caller.as_ref().map(|caller| caller.told(plan.route, self.gateway)).unwrap_or_default();
        let parts = RequestParts {
            via: &self.process.via,
            client: &plan.client,
            ids: &plan.ids,
            edits: &plan.route.request_edits,
            told: Told {
                names: &plan.route.config.auth.tells,
                values: &told,
                certificate: plan.caller.as_ref().and_then(|caller| caller.certificate.as_ref()),
            },
            method: plan.request.method.as_str(),
            path: &path,
            query: plan.target.query.as_deref(),
            host,
            client_host: self.told_host(client_host),
            version: plan.request.version,
            fields: plan.request.fields,
            framing: plan.framing,
            conditions: self.conditions,
            accept_encoding: self.accept_encoding,
            upgrade: self.upgrade,
            expect: plan.expects_continue,
            close: false,
        };
        match request_head(&mut out, &parts) {
            Ok(_) => Ok(out),
            Err(NotForwarded::Loop) => Err(Refusal::Loop),
            Err(NotForwarded::LastHop) => Err(Refusal::LastHop),
            Err(NotForwarded::Unwritable(_)) => {
                Err(Refusal::Internal("the request head for the upstream is not legal"))
            }
        }
    }

    /// The name by which the client came, as far as the upstream may know it: a page that repeats it is not to be kept
    /// for those who came by another. Where the client's `Host` is kept, it is part of the cache key.
    fn told_host<'h>(&self, client_host: &'h str) -> &'h str {
        let shared = self.conditions != Conditions::Client;
        let keyed = self.plan.route.config.upstream.host == HostPolicy::Keep;
        if shared && !keyed { "" } else { client_host }
    }

    /// Sends the client's body. A final head that comes before its end is the answer; the rest is not sent.
    async fn send_body(
        &self,
        lease: &mut Lease,
        caller: &mut Caller<'_>,
        meter: &mut Meter,
    ) -> Result<Option<Last>, Trouble> {
        if self.plan.bodiless() {
            return Ok(None);
        }
        if let Some(early) = self.await_continue(lease, caller).await? {
            return Ok(Some(early));
        }
        let mut upload = Upload::new(self.plan.framing, self.plan.route.config.body);
        let hidden = |name: &[u8]| self.plan.route.hides(name);
        loop {
            let Caller::Client { connection, body } = caller else { return Ok(None) };
            let mut source = Source {
                stream: &mut connection.stream,
                buffer: &mut connection.buffer,
                body: &mut body.reader,
                meter: &mut body.meter,
                hidden: &hidden,
            };
            match upload.run(lease, &mut source, meter).await {
                Ok(Uploaded::Whole) => return Ok(None),
                Ok(Uploaded::Answered) => {}
                Err(UploadError::Client(error)) => return Err(Trouble::Refused(Refusal::of_request_body(&error))),
                Err(UploadError::TooLarge) => return Err(Trouble::Refused(Refusal::BodyTooLarge)),
                Err(UploadError::Upstream(error)) => return Err(error.into()),
            }
            match self.next_head(lease, self.plan.route.config.upstream.first_byte).await? {
                Answer::Interim(interim) => self.pass_on(&interim, caller).await?,
                Answer::Final(head, framing) => return Ok(Some(Last { head, framing })),
            }
        }
    }

    /// Where the client waits for 100: lets the upstream decide, and gives the word itself when that takes too long.
    async fn await_continue(&self, lease: &mut Lease, caller: &mut Caller<'_>) -> Result<Option<Last>, Trouble> {
        while caller.holds_back() {
            match self.next_head(lease, CONTINUE_PATIENCE).await {
                Ok(Answer::Interim(interim)) => self.pass_on(&interim, caller).await?,
                Ok(Answer::Final(head, framing)) => return Ok(Some(Last { head, framing })),
                Err(Trouble::Upstream(ExchangeError::TimedOut)) => self.go_on(caller).await?,
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(None)
    }

    async fn next_head(&self, lease: &mut Lease, patience: Duration) -> Result<Answer, Trouble> {
        Ok(exchange::response_head(lease, self.plan.request.method, &self.gateway.limits, patience).await?)
    }

    /// Hands an interim answer to the client, or to the fill's. A 100 that nobody waits for is dropped.
    async fn pass_on(&self, interim: &OwnedResponse, caller: &mut Caller<'_>) -> Result<(), Trouble> {
        match caller {
            Caller::Client { connection, body } => {
                if interim.status == 100 && !std::mem::take(&mut body.held_back) {
                    return Ok(());
                }
                pass_interim(connection, self.gateway, self.plan.request.version, interim).await
            }
            Caller::Fill(events) => {
                let _ = events.try_send(Event::Interim(interim.clone()));
                Ok(())
            }
        }
    }

    async fn go_on(&self, caller: &mut Caller<'_>) -> Result<(), Trouble> {
        let Caller::Client { connection, body } = caller else { return Ok(()) };
        body.held_back = false;
        write_interim(connection, b"HTTP/1.1 100 Continue\r\n\r\n", self.gateway).await
    }

    /// Tells the upstream's health how it did. A change of protocol that nobody asked for is no answer.
    fn judge(&self, mut lease: Lease, last: Last, asked: Now) -> Result<Answered, Refusal> {
        let received = self.process.clock.now();
        let Last { head, framing } = last;
        match head.status {
            101 if self.upgrade.is_none() => {
                lease.failed(Failure::BadAnswer);
                return Err(Refusal::SwitchedUnasked);
            }
            502..=504 if self.origin.urls.len() > 1 => lease.failed(Failure::Status(head.status)),
            _ => lease.worked(),
        }
        let head_bytes = head.fields().iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
        let (head_bytes, coding_is_ours) = (head_bytes + STATUS_LINE, self.accept_encoding.is_some());
        Ok(Answered { lease, coding_is_ours, head_bytes, head, framing, asked, received })
    }

    /// Whether sending the request once more cannot do harm (RFC 9110 §9.2.2): nothing of a body was used up, and the
    /// method is idempotent.
    fn may_repeat(&self) -> bool {
        self.plan.bodiless() && self.plan.request.method.is_idempotent() && self.plan.request.method != Method::Delete
    }
}

impl Caller<'_> {
    fn holds_back(&self) -> bool {
        match self {
            Caller::Client { body, .. } => body.held_back,
            Caller::Fill(_) => false,
        }
    }
}

impl From<ExchangeError> for Trouble {
    fn from(error: ExchangeError) -> Trouble {
        match error {
            ExchangeError::Stale => Trouble::Stale,
            error => Trouble::Upstream(error),
        }
    }
}

/// Writes an interim answer to a client (RFC 9110 §15.2); those of HTTP/1.0 know none.
pub(super) async fn pass_interim(
    connection: &mut Connection,
    gateway: &Gateway,
    version: Version,
    interim: &OwnedResponse,
) -> Result<(), Trouble> {
    let mut out = Vec::new();
    // What cannot be written is left out: an interim answer is never needed.
    let written = interim_head(&mut out, interim.status, interim.reason(), interim.fields());
    if version == Version::Http10 || written.is_err() {
        return Ok(());
    }
    write_interim(connection, &out, gateway).await
}

async fn write_interim(connection: &mut Connection, head: &[u8], gateway: &Gateway) -> Result<(), Trouble> {
    let mut meter = Meter::new(gateway.progress);
    let written = write_all(&mut connection.stream, head, &mut meter).await;
    written.map_err(|_| Trouble::Refused(Refusal::ClientGone))
}

fn failure(error: &ExchangeError) -> Failure {
    match error {
        ExchangeError::TimedOut | ExchangeError::TooSlow => Failure::TimedOut,
        ExchangeError::BadResponse(_) | ExchangeError::TooManyInterim => Failure::BadAnswer,
        ExchangeError::Stale | ExchangeError::Closed | ExchangeError::Io(_) => Failure::Truncated,
    }
}

fn refusal(error: ExchangeError) -> Refusal {
    match error {
        ExchangeError::TimedOut | ExchangeError::TooSlow => Refusal::UpstreamTooSlow,
        ExchangeError::BadResponse(bad) => Refusal::BadAnswer(bad),
        ExchangeError::TooManyInterim => Refusal::TooManyInterim,
        ExchangeError::Stale | ExchangeError::Closed | ExchangeError::Io(_) => Refusal::UpstreamCut,
    }
}
