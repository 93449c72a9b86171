//! How long an answer is fresh (RFC 9111 §4.2.1, §4.2.2), and what it says about its use after that.

use std::time::Duration;

use super::request::Assigned;
use super::targets::{Stated, Targets};
use crate::base::{Now, Wall};
use crate::http::cache_control::Reach;
use crate::http::{CacheControl, Fields, date};

/// The heuristic of RFC 9111 §4.2.2: this part of the time since `Last-Modified` …
const HEURISTIC_PART: u32 = 10;
/// … but never longer than this: a page untouched for years may still change tomorrow.
const HEURISTIC_MOST: Duration = Duration::from_secs(7 * 24 * 3600);

/// What an answer says about its own use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Freshness {
    pub(crate) lifetime: Duration,
    pub(crate) source: Source,
    /// `must-revalidate`, `proxy-revalidate`, or `s-maxage`, which includes it (§5.2.2.10).
    pub(crate) must_revalidate: bool,
    /// `no-cache` without field names (§5.2.2.4).
    pub(crate) no_cache: bool,
    /// `immutable` (RFC 8246 §2): while it is fresh it does not change.
    pub(crate) immutable: bool,
    /// RFC 5861 §3.
    pub(crate) stale_while_revalidate: Option<Duration>,
    /// RFC 5861 §4.
    pub(crate) stale_if_error: Option<Duration>,
}

/// Where a freshness lifetime comes from, in the order in which they are asked (§4.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// The route's `cache.for`.
    Route,
    SMaxAge,
    MaxAge,
    Expires,
    /// From `Last-Modified`.
    Heuristic,
    /// None stated and none to be guessed: never fresh.
    None,
}

impl Source {
    /// The origin itself stated it.
    pub(crate) fn is_explicit(self) -> bool {
        match self {
            Source::SMaxAge | Source::MaxAge | Source::Expires => true,
            Source::Route | Source::Heuristic | Source::None => false,
        }
    }
}

impl Freshness {
    /// `received` is when the answer came; its wall time is used only where `sure`.
    pub(crate) fn of(
        status: u16,
        fields: Fields<'_>,
        targets: &Targets,
        assigned: Assigned,
        received: Now,
    ) -> Freshness {
        let stated = Stated::of(fields, targets);
        let directives = stated.directives;
        let (lifetime, source) = lifetime(status, fields, &stated, assigned, received);
        let forced = assigned.forced && source == Source::Route;
        Freshness {
            lifetime,
            source,
            must_revalidate: !forced
                && (directives.must_revalidate || directives.proxy_revalidate || directives.s_maxage.is_some()),
            no_cache: !forced && directives.no_cache == Reach::Whole,
            immutable: directives.immutable,
            stale_while_revalidate: directives.stale_while_revalidate,
            stale_if_error: directives.stale_if_error,
        }
    }

    /// May be used for somebody at some time without asking.
    pub(crate) fn is_reusable(&self) -> bool {
        !self.lifetime.is_zero() && !self.no_cache
    }
}

fn lifetime(
    status: u16,
    fields: Fields<'_>,
    stated: &Stated<'_>,
    assigned: Assigned,
    received: Now,
) -> (Duration, Source) {
    let directives = &stated.directives;
    let route = assigned.fresh_for.filter(|_| assigned.statuses.contains(status));
    if let (true, Some(fresh_for)) = (assigned.forced, route) {
        return (fresh_for, Source::Route);
    }
    if let Some(lifetime) = directives.s_maxage {
        return (lifetime, Source::SMaxAge);
    }
    if let Some(lifetime) = directives.max_age {
        return (lifetime, Source::MaxAge);
    }
    if let Some(expires) = stated.expires {
        return (until(expires, fields, received), Source::Expires);
    }
    if let Some(fresh_for) = route {
        return (fresh_for, Source::Route);
    }
    match heuristic(status, fields, directives, received) {
        Some(lifetime) => (lifetime, Source::Heuristic),
        None => (Duration::ZERO, Source::None),
    }
}

/// RFC 9111 §5.3: what is no date, as `0`, is in the past. Without `Date` the time of receipt stands in for it, and
/// where that is not to be believed either, nothing is known and so nothing is fresh.
fn until(expires: &[u8], fields: Fields<'_>, received: Now) -> Duration {
    match (date::parse(expires), generated(fields, received)) {
        (Some(expires), Some(generated)) => expires.since(generated),
        (Some(_) | None, _) => Duration::ZERO,
    }
}

fn heuristic(status: u16, fields: Fields<'_>, directives: &CacheControl<'_>, received: Now) -> Option<Duration> {
    if !is_heuristically_cacheable(status) && !directives.public {
        return None;
    }
    let modified = date::parse(fields.first("last-modified")?)?;
    let unchanged = generated(fields, received)?.since(modified);
    Some((unchanged / HEURISTIC_PART).min(HEURISTIC_MOST))
}

fn generated(fields: Fields<'_>, received: Now) -> Option<Wall> {
    fields.first("date").and_then(date::parse).or(received.sure.then_some(received.wall))
}

/// RFC 9110 §15.1. 206 is among them too: a part is judged as the 200 that it was taken from.
pub(super) fn is_heuristically_cacheable(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}
