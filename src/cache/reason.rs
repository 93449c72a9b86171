//! The names of every "no", and the words for them on the wire (RFC 9211) and in logs.

/// Why a request goes past the cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PassReason {
    /// `cache = off`.
    RouteOff,
    /// Only GET and HEAD are understood.
    Method,
    /// Class personal, and the request has `Cookie` or `Authorization`.
    Personal,
    /// Class patient: nothing is kept.
    Patient,
    /// A GET with a body: no rule says that the body does not change the answer.
    RequestBody,
    /// `If-Match` or `If-Unmodified-Since`, and nothing fresh that meets it: for the origin to judge (RFC 9111 §4.3.2).
    Precondition,
    /// `Connection` takes fields away: the origin sees another request than the one that would select the answer.
    Connection,
    /// The request says `no-store` and nothing usable is stored (RFC 9111 §5.2.1.5).
    RequestNoStore,
    /// HEAD for something that is not stored: fetching the body would cost the link more than was asked for.
    HeadMiss,
    /// A range that is not stored and that no fill will reach soon.
    RangeMiss,
    /// An answer to this key could not be kept some seconds ago.
    HitForPass,
    /// The answer that this request was waiting for was not kept.
    NotStored(NotStored),
    /// The store keeps nothing at present: off, read-only or full.
    Store,
    /// What is stored is in a coding that this client does not take, and must not be changed (RFC 9111 §5.2.2.6).
    NoTransform,
    /// Each answer that this request waited for turned out to be for others.
    Busy,
}

impl PassReason {
    pub(crate) fn forward(self) -> Forward {
        match self {
            PassReason::RouteOff
            | PassReason::Personal
            | PassReason::Patient
            | PassReason::Store
            | PassReason::Busy => Forward::Bypass,
            PassReason::Method => Forward::Method,
            PassReason::RequestBody | PassReason::Precondition | PassReason::Connection | PassReason::NoTransform => {
                Forward::Request
            }
            PassReason::RequestNoStore
            | PassReason::HeadMiss
            | PassReason::RangeMiss
            | PassReason::HitForPass
            | PassReason::NotStored(_) => Forward::UriMiss,
        }
    }

    /// For logs, and `detail` in Cache-Status.
    pub(crate) fn word(self) -> &'static str {
        match self {
            PassReason::RouteOff => "route-off",
            PassReason::Method => "method",
            PassReason::Personal => "personal",
            PassReason::Patient => "patient",
            PassReason::RequestBody => "request-body",
            PassReason::Precondition => "precondition",
            PassReason::Connection => "connection",
            PassReason::RequestNoStore => "request-no-store",
            PassReason::HeadMiss => "head-miss",
            PassReason::RangeMiss => "range-miss",
            PassReason::HitForPass => "hit-for-pass",
            PassReason::NotStored(why) => why.word(),
            PassReason::Store => "store",
            PassReason::NoTransform => "no-transform",
            PassReason::Busy => "busy",
        }
    }
}

/// The `fwd` values of Cache-Status (RFC 9211 §2.2): why a request went on towards the origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Forward {
    Bypass,
    Method,
    UriMiss,
    VaryMiss,
    Stale,
    Request,
    /// A part of it is stored.
    Partial,
}

impl Forward {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Forward::Bypass => "bypass",
            Forward::Method => "method",
            Forward::UriMiss => "uri-miss",
            Forward::VaryMiss => "vary-miss",
            Forward::Stale => "stale",
            Forward::Request => "request",
            Forward::Partial => "partial",
        }
    }
}

/// Why an answer is not kept (RFC 9111 §3 where no other section is named).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotStored {
    /// §5.2.2.5
    NoStore,
    /// §5.2.2.7
    Private,
    /// The request had `Authorization` and the answer gives no leave (§3.5).
    Authorization,
    /// §5.2.1.5
    RequestNoStore,
    /// `Set-Cookie` without explicit freshness: it would be given to everybody on a guess.
    SetCookie,
    /// `Vary: *` matches nothing (§4.1), and nothing that can be known matches a field that the gateway itself writes.
    VaryAny,
    /// The status is not cacheable by itself and the answer says nothing that makes it so.
    Status,
    /// `must-understand` with a status that is not understood (§5.2.2.3).
    MustUnderstand,
    /// An answer to `HEAD` has no body to keep (§4.3.5).
    HeadMethod,
    /// A 206 that is not one range of bytes (§3.3), or where parts are not expected.
    Partial,
    /// A part that cannot be used alone, with no strong validator to tell by whether another one is of the same whole
    /// (§3.4).
    WeakValidator,
    /// A part, and just now somebody else's is kept in its place, or read from there.
    Taken,
    /// The answer to a question for a part brings none, and says nothing of the whole.
    RangeRefused,
    /// An answer to `POST` that does not say for how long it is fresh (RFC 9110 §9.3.3).
    PostFreshness,
    /// Its status speaks of one request, client or connection alone: 401, 416, 429 …
    OneRequest,
    /// Not final: another answer comes after it.
    Interim,
    /// A 304 to a question that was the client's own.
    NotModified,
    /// Neither freshness nor a validator: it could never be used again.
    NothingToReuse,
    /// In a transfer coding that is not known here: what came is not the content (RFC 9112 §6.1).
    TransferCoding,
    /// Larger than `max_object`.
    TooLarge,
    /// The head does not fit into the limits of a stored head.
    Head,
    /// The store keeps nothing at present.
    Store,
}

impl NotStored {
    /// For logs, and `detail` in Cache-Status.
    pub(crate) fn word(self) -> &'static str {
        match self {
            NotStored::NoStore => "no-store",
            NotStored::Private => "private",
            NotStored::Authorization => "authorization",
            NotStored::RequestNoStore => "request-no-store",
            NotStored::SetCookie => "set-cookie",
            NotStored::VaryAny => "vary-any",
            NotStored::Status => "status",
            NotStored::MustUnderstand => "must-understand",
            NotStored::HeadMethod => "head-method",
            NotStored::Partial => "partial",
            NotStored::RangeRefused => "range-refused",
            NotStored::WeakValidator => "weak-validator",
            NotStored::Taken => "taken",
            NotStored::PostFreshness => "post-freshness",
            NotStored::OneRequest => "one-request",
            NotStored::Interim => "interim",
            NotStored::NotModified => "not-modified",
            NotStored::NothingToReuse => "nothing-to-reuse",
            NotStored::TransferCoding => "transfer-coding",
            NotStored::TooLarge => "too-large",
            NotStored::Head => "head",
            NotStored::Store => "store",
        }
    }
}

/// For what a stale answer would stand in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StaleFor {
    /// No connection, a time-out, a cut answer.
    Unreachable,
    /// The upstream answered with this status: 500, 502, 503 or 504 (RFC 5861 §4).
    ServerError(u16),
}

/// Why a stale answer may not be served (RFC 9111 §4.2.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StaleForbidden {
    /// `must-revalidate`, `proxy-revalidate` or `s-maxage`.
    MustRevalidate,
    /// `no-cache`.
    NoCache,
    /// Invalidated or purged: it must be validated first (§4.4).
    Invalidated,
    /// The request limits the age or the staleness that it takes (§5.2.1).
    Requested,
    /// Staler than the route, the answer and the request allow.
    TooOld,
    /// It never had a freshness, and the request that brought it had a `Cookie`: it may be one person's.
    Personal,
}

/// Why there is no answer, as the one who asked the upstream wants every follower to tell it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    /// 502, 503, 504, …
    pub(crate) status: u16,
    pub(crate) word: &'static str,
}

impl Failure {
    /// The body ended before its end.
    pub(crate) const CUT: Failure = Failure { status: 502, word: "cut" };
}
