//! What a request asks of the cache.

use std::time::Duration;

use super::statuses::Statuses;
use crate::cache::reason::PassReason;
use crate::config::{CacheMode, Class, RouteCacheConfig};
use crate::http::cache_control::MaxStale;
use crate::http::range::{self, Wanted};
use crate::http::{CacheControl, Fields, Method, hop_by_hop};

/// What a request asks of the cache, read once from its fields. `Copy`, and nothing is allocated to make it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RequestRules {
    /// The method is HEAD: only the head of an answer is wanted.
    pub(crate) head: bool,
    pub(crate) authorization: bool,
    pub(crate) cookie: bool,
    /// The first byte that a `Range` wants; `None` where the whole is wanted. A suffix range wants a byte far out.
    pub(crate) first_byte: Option<u64>,
    /// There is an `If-Match` or `If-Unmodified-Since`: only what is fresh and meets it is served, see
    /// [`crate::http::conditional::meets`]; all else is for the origin to judge.
    pub(crate) precondition: bool,
    /// `no-cache`, or `Pragma: no-cache` where there is no `Cache-Control` (RFC 9111 §5.2.1.4, §5.4).
    pub(crate) no_cache: bool,
    pub(crate) no_store: bool,
    pub(crate) only_if_cached: bool,
    /// Nobody may be asked, for a reason of ours beside `only_if_cached`: what the route lets stand in for an upstream out
    /// of reach, so long past its freshness, will do.
    pub(crate) stands_in: Option<Duration>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) min_fresh: Option<Duration>,
    pub(crate) max_stale: Option<MaxStale>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) assigned: Assigned,
    /// One coded form serves all clients, so that `Accept-Encoding` selects nothing (`cache.compress`).
    pub(crate) one_form: bool,
}

/// The freshness that a route gives to answers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Assigned {
    /// Whatever the origin says (`cache = forced`).
    pub(crate) forced: bool,
    /// To those that state none; to all where `forced`.
    pub(crate) fresh_for: Option<Duration>,
    /// Which answers get it.
    pub(crate) statuses: Statuses,
}

impl Assigned {
    pub(in crate::cache) fn by(route: &RouteCacheConfig) -> Assigned {
        let forced = route.mode == CacheMode::Forced;
        Assigned { forced, fresh_for: route.fresh_for, statuses: Statuses::assigned_by(route) }
    }
}

/// The fields of a request that mean something here.
enum Watched {
    Authorization,
    Body,
    CacheControl,
    Connection,
    Cookie,
    Pragma,
    Precondition,
    Range,
}

/// Whether a request brings content.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    None,
    Some,
}

/// Whether a request may meet the cache at all, and what it asks. `method` as it was sent.
pub(crate) fn request(
    fields: Fields<'_>,
    method: Method<'_>,
    route: &RouteCacheConfig,
) -> Result<RequestRules, PassReason> {
    if route.mode == CacheMode::Off {
        return Err(PassReason::RouteOff);
    }
    let head = match method {
        Method::Get => false,
        Method::Head => true,
        Method::Post | Method::Put | Method::Delete | Method::Options | Method::Patch | Method::Other(_) => {
            return Err(PassReason::Method);
        }
    };
    let assigned = Assigned::by(route);
    let mut rules = RequestRules { head, assigned, one_form: route.compress, ..RequestRules::PLAIN };
    match rules.read(fields)? {
        Content::None => rules.meets(route.class),
        Content::Some => Err(PassReason::RequestBody),
    }
}

/// The same for `POST`, which no stored answer satisfies, but whose answer may be kept for `GET` (RFC 9110 §9.3.3): see
/// [`super::names_its_target`]. A route gives such an answer nothing that it does not have itself.
pub(crate) fn request_of_post(fields: Fields<'_>, route: &RouteCacheConfig) -> Result<RequestRules, PassReason> {
    if route.mode == CacheMode::Off {
        return Err(PassReason::RouteOff);
    }
    let mut rules = RequestRules::PLAIN;
    rules.read(fields)?;
    rules.meets(route.class)
}

impl RequestRules {
    /// A GET that asks nothing special.
    pub(crate) const PLAIN: RequestRules = RequestRules {
        head: false,
        authorization: false,
        cookie: false,
        first_byte: None,
        precondition: false,
        no_cache: false,
        no_store: false,
        only_if_cached: false,
        stands_in: None,
        max_age: None,
        min_fresh: None,
        max_stale: None,
        stale_if_error: None,
        assigned: Assigned { forced: false, fresh_for: None, statuses: Statuses::NONE },
        one_form: false,
    };

    /// Fields that select no variant, whatever `Vary` says.
    pub(crate) fn not_selecting(&self) -> &'static [&'static str] {
        if self.one_form { &["accept-encoding"] } else { &[] }
    }

    fn read(&mut self, fields: Fields<'_>) -> Result<Content, PassReason> {
        let (mut cache_control, mut pragma, mut content) = (false, false, Content::None);
        for (name, value) in fields.iter() {
            match watched(name) {
                Some(Watched::Authorization) => self.authorization = true,
                Some(Watched::Body) if value != b"0" => content = Content::Some,
                Some(Watched::CacheControl) => cache_control = true,
                Some(Watched::Connection) if hop_by_hop::takes_away(fields) => return Err(PassReason::Connection),
                Some(Watched::Cookie) => self.cookie = true,
                Some(Watched::Pragma) => pragma = true,
                Some(Watched::Precondition) => self.precondition = true,
                // RFC 9110 §14.2: Range is defined for GET only.
                Some(Watched::Range) if !self.head => self.first_byte = first_byte(value),
                Some(Watched::Body | Watched::Connection | Watched::Range) | None => {}
            }
        }
        if cache_control {
            self.obey(&CacheControl::parse(fields));
        }
        // RFC 9111 §5.4
        self.no_cache |= pragma && !cache_control && fields.has_token("pragma", "no-cache");
        Ok(content)
    }

    fn meets(self, class: Class) -> Result<RequestRules, PassReason> {
        match class {
            Class::Patient => Err(PassReason::Patient),
            Class::Personal if self.authorization || self.cookie => Err(PassReason::Personal),
            Class::Personal | Class::Public => Ok(self),
        }
    }

    fn obey(&mut self, directives: &CacheControl<'_>) {
        self.no_cache = directives.no_cache != crate::http::cache_control::Reach::Nothing;
        self.no_store = directives.no_store;
        self.only_if_cached = directives.only_if_cached;
        self.max_age = directives.max_age;
        self.min_fresh = directives.min_fresh;
        self.max_stale = directives.max_stale;
        self.stale_if_error = directives.stale_if_error;
    }
}

/// Told apart by length first: most names of a request are not looked at twice.
fn watched(name: &[u8]) -> Option<Watched> {
    let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
    match name.len() {
        5 if is("range") => Some(Watched::Range),
        6 if is("cookie") => Some(Watched::Cookie),
        6 if is("pragma") => Some(Watched::Pragma),
        8 if is("if-match") => Some(Watched::Precondition),
        10 if is("connection") => Some(Watched::Connection),
        13 if is("authorization") => Some(Watched::Authorization),
        13 if is("cache-control") => Some(Watched::CacheControl),
        14 if is("content-length") => Some(Watched::Body),
        17 if is("transfer-encoding") => Some(Watched::Body),
        19 if is("if-unmodified-since") => Some(Watched::Precondition),
        _ => None,
    }
}

fn first_byte(value: &[u8]) -> Option<u64> {
    match range::parse(value, u64::MAX) {
        Wanted::Parts(parts) => parts.iter().map(|part| part.first).min(),
        Wanted::Whole | Wanted::Unsatisfiable => None,
    }
}
