//! Every "no" of the gateway, and the one table that says what becomes of it.

use std::fmt;

use crate::auth::{self, Denied, NotAllowed, NotKnown};
use crate::base::Period;
use crate::cache::Failure;
use crate::content::{Unfit, Violation};
use crate::files::NoFile;
use crate::http::{BadRequest, BadResponse};
use crate::limits::gate::Full;
use crate::net::BodyError;
use crate::portal::{Online, Trouble};
use crate::upstream::Unavailable;

/// The word of [`Refusal::ServerError`], by which those who follow a fill know it.
pub(super) const SERVER_ERROR: &str = "server-error";

/// Why a request gets an answer in the gateway's own words. `Display` is the sentence for the log.
#[derive(Debug)]
pub(crate) enum Refusal {
    BadRequest(BadRequest),
    /// The upgrade to HTTP/2 on the same connection would hide requests from every rule.
    H2c,
    /// An expectation other than `100-continue` (RFC 9110 §10.1.1).
    Expectation,
    HeadTooSlow,
    BodyTooSlow,
    BodyBroken,
    BodyTooLarge,
    NoRoute,
    Denied(Denied),
    /// Nobody who is known; and the challenges that say how to become known.
    NotKnown(Box<NotKnown>, Vec<String>),
    /// Somebody who is known but may not do this, and the realm of the route.
    NotAllowed(NotAllowed, String),
    /// The route is answered over TLS only.
    NotSecure,
    /// More than a rate or budget allows.
    Overuse(Box<Overuse>),
    /// A method that the route does not take, and the value of `Allow`.
    Method(String),
    /// A body of a type that the route does not take, and the value of `Accept`.
    MediaType(String),
    /// A query or field that is not as the route wants it.
    Disagreement(Vec<Violation>),
    /// A body that is not as the route's schema says.
    Unfit(Box<Unfit>),
    /// As many are served at the same time as may be, and the wait is over or too long.
    Full(Full),
    File(NoFile),
    /// The admin pages know `GET` and `HEAD` only.
    AdminMethod,
    AdminNotFound,
    Loop,
    /// `OPTIONS` with `Max-Forwards: 0`: not a refusal at all, answered with 204.
    LastHop,
    /// No route is asked, as the gateway speaks for all of them: not a refusal at all.
    Spoken(Spoken),
    /// A precondition on a stored answer does not hold.
    Precondition,
    /// The client left while something was sent to it.
    ClientGone,
    /// `only-if-cached` and nothing there to use (RFC 9111 §5.2.1.7).
    OnlyIfCached,
    Unavailable(Unavailable),
    /// The upstream's first byte did not come in time.
    UpstreamTooSlow,
    /// The upstream closed or reset the connection before its answer was complete.
    UpstreamCut,
    BadAnswer(BadResponse),
    TooManyInterim,
    /// 101, or a change to another protocol than was asked for.
    SwitchedUnasked,
    /// 304 to a question without conditions.
    UnaskedNotModified,
    /// The upstream answered with this status, and a stale answer was thought to do instead.
    ServerError(u16),
    /// Somebody else's fill failed.
    OfFill(Failure),
    /// A route that cannot work as it is configured, in an operator's words.
    Misconfigured(String),
    /// A stored answer was not what was stored. The cache is asked again; should that not help, it is our fault.
    Damaged,
    /// A stored answer is in a form that this client cannot read and that must not be changed. The upstream is asked for
    /// this client; should that not help, it is our fault.
    OtherForm,
    Internal(&'static str),
}

/// What the gateway itself says where it goes before the routes, or where there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spoken {
    /// `/robots.txt`
    Robots { allowed: bool },
    /// To a device that asks whether there is the Internet.
    Online(&'static Online),
    /// To one that is to show the start page first.
    ToStart,
    /// The start page.
    Start,
}

/// A limit that was reached.
#[derive(Debug)]
pub(crate) struct Overuse {
    /// Seconds.
    pub(crate) retry_after: u64,
    /// Fields that tell of the limits.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// The names of the limits, as the problem tells them.
    pub(crate) violated: Vec<String>,
    /// The limit, in words, for the log.
    pub(crate) limit: String,
    /// The period whose quota is used up.
    pub(crate) period: Option<Period>,
    pub(crate) word: &'static str,
}

/// Whose doing a refusal is; decides how loudly it is logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Blame {
    Client,
    Peer,
    Us,
}

/// What becomes of a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    pub(crate) status: u16,
    pub(crate) blame: Blame,
    /// What people are told.
    pub(crate) trouble: Trouble,
    /// The word in logs and metrics.
    pub(crate) word: &'static str,
}

impl Refusal {
    /// The table.
    pub(crate) fn verdict(&self) -> Verdict {
        use Blame::{Client, Peer, Us};
        let (status, blame, trouble, word) = match self {
            Refusal::BadRequest(bad) => (bad.status(), Client, trouble_of(bad.status()), bad.word()),
            Refusal::H2c => (400, Client, Trouble::BadRequest, "h2c"),
            Refusal::Expectation => (417, Client, Trouble::BadRequest, "expectation"),
            Refusal::HeadTooSlow => (408, Client, Trouble::ClientTooSlow, "head-too-slow"),
            Refusal::BodyTooSlow => (408, Client, Trouble::ClientTooSlow, "body-too-slow"),
            Refusal::BodyBroken => (400, Client, Trouble::BadRequest, "body-broken"),
            Refusal::BodyTooLarge => (413, Client, Trouble::TooLarge, "body-too-large"),
            Refusal::NoRoute => (404, Client, Trouble::NotFound, "no-route"),
            Refusal::Denied(_) => (403, Client, Trouble::NotAllowed, "denied"),
            Refusal::NotKnown(why, _) if matches!(**why, NotKnown::ClockUnsure) => {
                (503, Us, Trouble::ClockUnsure, why.word())
            }
            // HTTP has no challenge that asks for a certificate, and RFC 9110 §15.5.2 wants one in each 401.
            Refusal::NotKnown(why, challenges) if challenges.is_empty() => (403, Client, Trouble::NotKnown, why.word()),
            Refusal::NotKnown(why, _) => (401, Client, Trouble::NotKnown, why.word()),
            Refusal::NotAllowed(why, _) => (403, Client, Trouble::NoRight, why.word()),
            Refusal::NotSecure => (403, Client, Trouble::NotSecure, "not-secure"),
            Refusal::Overuse(overuse) => {
                (429, Client, overuse.period.map_or(Trouble::TooMany, Trouble::QuotaUsed), overuse.word)
            }
            Refusal::Full(full) => (503, Client, Trouble::Waiting, full.word()),
            Refusal::Method(_) => (405, Client, Trouble::WrongMethod, "method"),
            Refusal::MediaType(_) => (415, Client, Trouble::WrongType, "media-type"),
            Refusal::Disagreement(_) => (400, Client, Trouble::NotAsAgreed, "content"),
            Refusal::Unfit(unfit) if unfit.status() == 413 => (413, Client, Trouble::TooLarge, unfit.word()),
            Refusal::Unfit(unfit) => (unfit.status(), Client, Trouble::NotAsAgreed, unfit.word()),
            Refusal::File(NoFile::NotFound) => (404, Client, Trouble::NotFound, "no-file"),
            Refusal::File(NoFile::Method) => (405, Client, Trouble::WrongMethod, "method"),
            Refusal::File(NoFile::PreconditionFailed) => (412, Client, Trouble::WrongMethod, "precondition"),
            Refusal::File(NoFile::FolderGone) => (503, Us, Trouble::Misconfigured, "folder-gone"),
            Refusal::File(NoFile::Unreadable) => (500, Us, Trouble::Internal, "file-unreadable"),
            Refusal::AdminMethod => (405, Client, Trouble::WrongMethod, "method"),
            Refusal::AdminNotFound => (404, Client, Trouble::NotFound, "no-file"),
            Refusal::Loop => (508, Client, Trouble::Loop, "loop"),
            Refusal::LastHop => (204, Client, Trouble::BadRequest, "last-hop"),
            Refusal::Spoken(_) => (200, Client, Trouble::NotFound, "spoken"),
            Refusal::Precondition => (412, Client, Trouble::WrongMethod, "precondition"),
            Refusal::ClientGone => (499, Client, Trouble::BadRequest, "client-gone"),
            Refusal::OnlyIfCached => (504, Client, Trouble::UpstreamTooSlow, "only-if-cached"),
            Refusal::Unavailable(Unavailable::TimedOut { .. }) => {
                (504, Peer, Trouble::UpstreamTooSlow, "connect-timeout")
            }
            Refusal::Unavailable(Unavailable::Busy { .. }) => (503, Peer, Trouble::Busy, "upstream-busy"),
            Refusal::Unavailable(_) => (502, Peer, Trouble::Unreachable, "unreachable"),
            Refusal::UpstreamTooSlow => (504, Peer, Trouble::UpstreamTooSlow, "upstream-timeout"),
            Refusal::UpstreamCut => (502, Peer, Trouble::Unreachable, "upstream-cut"),
            Refusal::BadAnswer(bad) => (502, Peer, Trouble::BadAnswer, bad.word()),
            Refusal::TooManyInterim => (502, Peer, Trouble::BadAnswer, "too-many-interim"),
            Refusal::SwitchedUnasked => (502, Peer, Trouble::BadAnswer, "switched-unasked"),
            Refusal::UnaskedNotModified => (502, Peer, Trouble::BadAnswer, "unasked-304"),
            Refusal::ServerError(_) => (502, Peer, Trouble::Unreachable, SERVER_ERROR),
            Refusal::OfFill(failure) => (failure.status, Peer, trouble_of_gateway(failure.status), failure.word),
            Refusal::Misconfigured(_) => (503, Us, Trouble::Misconfigured, "misconfigured"),
            Refusal::Damaged => (500, Us, Trouble::Internal, "damaged"),
            Refusal::OtherForm => (500, Us, Trouble::Internal, "other-form"),
            Refusal::Internal(_) => (500, Us, Trouble::Internal, "internal"),
        };
        Verdict { status, blame, trouble, word }
    }

    /// Whether the rest of the client's connection cannot be trusted, or must not be waited for.
    pub(crate) fn closes(&self) -> bool {
        match self {
            Refusal::BadRequest(_)
            | Refusal::H2c
            | Refusal::HeadTooSlow
            | Refusal::BodyTooSlow
            | Refusal::BodyBroken
            | Refusal::BodyTooLarge
            | Refusal::ClientGone
            | Refusal::SwitchedUnasked
            | Refusal::Internal(_) => true,
            Refusal::Expectation
            | Refusal::NoRoute
            | Refusal::Denied(_)
            | Refusal::NotKnown(..)
            | Refusal::NotAllowed(..)
            | Refusal::NotSecure
            | Refusal::Overuse(_)
            | Refusal::Full(_)
            | Refusal::Method(_)
            | Refusal::MediaType(_)
            | Refusal::Disagreement(_)
            | Refusal::Unfit(_)
            | Refusal::File(_)
            | Refusal::AdminMethod
            | Refusal::AdminNotFound
            | Refusal::Loop
            | Refusal::OnlyIfCached
            | Refusal::Unavailable(_)
            | Refusal::UpstreamTooSlow
            | Refusal::UpstreamCut
            | Refusal::LastHop
            | Refusal::Spoken(_)
            | Refusal::Precondition
            | Refusal::BadAnswer(_)
            | Refusal::TooManyInterim
            | Refusal::UnaskedNotModified
            | Refusal::ServerError(_)
            | Refusal::OfFill(_)
            | Refusal::Damaged
            | Refusal::OtherForm
            | Refusal::Misconfigured(_) => false,
        }
    }

    /// Fields that belong to the answer: `Allow` with 405, `Retry-After` where trying again makes sense.
    pub(crate) fn fields(&self) -> Vec<(&'static str, String)> {
        let verdict = self.verdict();
        match (self, verdict.status) {
            (Refusal::Overuse(overuse), _) => {
                let retry = ("Retry-After", overuse.retry_after.to_string());
                overuse.fields.iter().cloned().chain([retry]).filter(|(_, value)| !value.is_empty()).collect()
            }
            (Refusal::NotKnown(_, challenges), 401) => {
                challenges.iter().map(|challenge| ("WWW-Authenticate", challenge.clone())).collect()
            }
            (Refusal::NotAllowed(NotAllowed::Scope(scopes), realm), _) => {
                vec![("WWW-Authenticate", auth::scope_challenge(realm, scopes))]
            }
            (Refusal::Full(_), _) => vec![("Retry-After", verdict.trouble.again().unwrap_or(1).to_string())],
            (Refusal::Method(allow), _) => vec![("Allow", allow.clone())],
            (Refusal::MediaType(accept), _) => vec![("Accept", accept.clone())],
            (_, 405) => vec![("Allow", "GET, HEAD".to_owned())],
            (_, 502..=504) if !matches!(self, Refusal::OnlyIfCached) => vec![("Retry-After", "30".to_owned())],
            _ => Vec::new(),
        }
    }

    /// What is not as agreed, place by place.
    pub(crate) fn violations(&self) -> &[Violation] {
        match self {
            Refusal::Disagreement(violations) => violations,
            Refusal::Unfit(unfit) => unfit.violations(),
            _ => &[],
        }
    }

    /// The status that the upstream answered with, where that is the reason.
    pub(crate) fn upstream_status(&self) -> Option<u16> {
        match self {
            Refusal::ServerError(status) => Some(*status),
            _ => None,
        }
    }

    /// The refusal of a request body that could not be read to its end.
    pub(crate) fn of_request_body(error: &BodyError) -> Refusal {
        match error {
            BodyError::TooSlow => Refusal::BodyTooSlow,
            BodyError::Truncated | BodyError::BadChunk(_) | BodyError::Io(_) => Refusal::BodyBroken,
        }
    }
}

fn trouble_of_gateway(status: u16) -> Trouble {
    match status {
        504 => Trouble::UpstreamTooSlow,
        503 => Trouble::Busy,
        _ => Trouble::Unreachable,
    }
}

fn trouble_of(status: u16) -> Trouble {
    match status {
        413 | 414 => Trouble::TooLarge,
        405 | 501 => Trouble::WrongMethod,
        _ => Trouble::BadRequest,
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::BadRequest(bad) => bad.fmt(f),
            Refusal::H2c => f.write_str("the client asked for HTTP/2 by Upgrade"),
            Refusal::Expectation => f.write_str("an expectation other than 100-continue"),
            Refusal::HeadTooSlow => f.write_str("the request head did not come in time"),
            Refusal::BodyTooSlow => f.write_str("the request body came too slowly"),
            Refusal::BodyBroken => f.write_str("the request body was cut or malformed"),
            Refusal::BodyTooLarge => f.write_str("the request body is larger than the route's limit.body"),
            Refusal::NoRoute => f.write_str("no route matches"),
            Refusal::Denied(denied) => denied.fmt(f),
            Refusal::NotKnown(why, _) => why.fmt(f),
            Refusal::NotAllowed(why, _) => why.fmt(f),
            Refusal::NotSecure => f.write_str("the route is answered over TLS only"),
            Refusal::Overuse(overuse) => write!(f, "more than allowed: {}", overuse.limit),
            Refusal::Method(_) => f.write_str("a method that the route does not take"),
            Refusal::MediaType(_) => f.write_str("a body of a type that the route does not take"),
            Refusal::Disagreement(violations) => {
                let places: Vec<&str> = violations.iter().map(|one| one.pointer.as_str()).collect();
                write!(f, "not as the route wants it: {}", places.join(", "))
            }
            Refusal::Unfit(unfit) => f.write_str(unfit.word()),
            Refusal::Full(Full::Busy) => f.write_str("as many are served as may be"),
            Refusal::Full(Full::ClientQueue | Full::Queue) => f.write_str("its turn did not come in time"),
            Refusal::File(NoFile::NotFound) => f.write_str("no such file"),
            Refusal::File(NoFile::Method) => f.write_str("files are only read"),
            Refusal::File(NoFile::PreconditionFailed) => f.write_str("the client's precondition does not hold"),
            Refusal::File(NoFile::FolderGone) => f.write_str("the route's folder is not there"),
            Refusal::File(NoFile::Unreadable) => f.write_str("the file cannot be read"),
            Refusal::AdminMethod => f.write_str("the admin pages are only read"),
            Refusal::AdminNotFound => f.write_str("no such admin page"),
            Refusal::Loop => f.write_str("the request has passed through this gateway before"),
            Refusal::OnlyIfCached => f.write_str("only-if-cached, and nothing in the cache may be used"),
            Refusal::Unavailable(why) => why.fmt(f),
            Refusal::UpstreamTooSlow => f.write_str("the upstream did not begin its answer in time"),
            Refusal::UpstreamCut => f.write_str("the upstream closed the connection before its answer"),
            Refusal::BadAnswer(bad) => write!(f, "the upstream's answer: {bad}"),
            Refusal::LastHop => f.write_str("the request may go no further"),
            Refusal::Spoken(_) => f.write_str("the gateway itself answers"),
            Refusal::Precondition => f.write_str("the client's precondition does not hold"),
            Refusal::ClientGone => f.write_str("the client has left"),
            Refusal::TooManyInterim => f.write_str("the upstream sends interim answers without end"),
            Refusal::SwitchedUnasked => f.write_str("the upstream changed to a protocol nobody asked for"),
            Refusal::UnaskedNotModified => f.write_str("the upstream answered 304 to a question without conditions"),
            Refusal::ServerError(status) => write!(f, "the upstream answered {status}"),
            Refusal::OfFill(failure) => write!(f, "the fill this request followed failed: {}", failure.word),
            Refusal::Misconfigured(why) => f.write_str(why),
            Refusal::Damaged => f.write_str("a stored answer is damaged, again and again"),
            Refusal::OtherForm => f.write_str("the stored answer is in a form that this client cannot read"),
            Refusal::Internal(what) => f.write_str(what),
        }
    }
}
