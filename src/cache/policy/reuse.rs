//! Whether a stored answer may be used for a request (RFC 9111 §4).

use std::time::Duration;

use super::freshness::Freshness;
use super::request::RequestRules;
use super::times::Times;
use crate::base::Now;
use crate::cache::reason::{Forward, StaleFor, StaleForbidden};
use crate::http::cache_control::MaxStale;

/// What a stored answer is for a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reuse {
    Serve,
    /// Ask the origin first, for this reason: `Stale` or `Request`.
    Validate(Forward),
}

/// What is to be known of a stored answer in order to judge it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    pub(crate) freshness: Freshness,
    pub(crate) times: Times,
    /// Marked by an unsafe request or a purge (RFC 9111 §4.4).
    pub(crate) invalidated: bool,
    /// The request that brought it had a `Cookie`.
    pub(crate) personal: bool,
}

/// RFC 9111 §4, §4.2, §5.2.1.
pub(crate) fn may_serve(stored: &Stored, rules: &RequestRules, now: Now) -> Reuse {
    if stored.invalidated || stored.freshness.no_cache {
        return Reuse::Validate(Forward::Stale);
    }
    let Some(age) = stored.times.age(now) else { return Reuse::Validate(Forward::Stale) };
    let lifetime = stored.freshness.lifetime;
    // RFC 8246 §2: what does not change while it is fresh needs more than a wish for something newer (`max-age=0`, as
    // browsers send it when they reload) in order to be validated.
    let settled = stored.freshness.immutable && lifetime > age;
    let too_old = is_older(rules, age) && !settled;
    let refused = rules.no_cache || too_old || is_nearly_stale(rules, age, lifetime);
    if lifetime > age {
        return if refused { Reuse::Validate(Forward::Request) } else { Reuse::Serve };
    }
    let allowed = !stored.freshness.must_revalidate && !stored.is_personal();
    let taken = client_takes(rules, age.saturating_sub(lifetime));
    if allowed && taken && !refused { Reuse::Serve } else { Reuse::Validate(Forward::Stale) }
}

/// RFC 5861 §3: whether a stale answer may be served at once, while one request asks behind it whether it still holds.
/// A client that limits what it takes is asked for first.
pub(crate) fn may_serve_while_revalidating(
    stored: &Stored,
    rules: &RequestRules,
    now: Now,
) -> Result<(), StaleForbidden> {
    let freshness = &stored.freshness;
    stored.may_go_unasked()?;
    stored.may_be_stale()?;
    // Where nobody knows the age, nobody knows that it is not too old.
    let age = stored.times.age(now).ok_or(StaleForbidden::TooOld)?;
    let staleness = age.saturating_sub(freshness.lifetime);
    let nearly_stale = is_nearly_stale(rules, age, freshness.lifetime);
    if rules.no_cache || is_older(rules, age) || nearly_stale || wants_fresh(rules, staleness) {
        return Err(StaleForbidden::Requested);
    }
    match freshness.stale_while_revalidate {
        Some(most) if staleness <= most => Ok(()),
        Some(_) | None => Err(StaleForbidden::TooOld),
    }
}

/// RFC 9111 §4.2.4, RFC 5861 §4: whether a stored answer may stand in for one that cannot be had. `route` is the
/// route's own `stale`. A client's `no-cache` or `max-age` is a wish (§5.2.1) that cannot be met now.
pub(crate) fn may_serve_stale(
    stored: &Stored,
    rules: &RequestRules,
    route: Duration,
    instead: StaleFor,
    now: Now,
) -> Result<(), StaleForbidden> {
    let freshness = &stored.freshness;
    stored.may_go_unasked()?;
    if stored.times.age(now).is_some_and(|age| freshness.lifetime > age) {
        return Ok(());
    }
    stored.may_be_stale()?;
    let staleness = stored.times.least_age(now).saturating_sub(freshness.lifetime);
    let on_error = freshness.stale_if_error.max(rules.stale_if_error);
    let most = match instead {
        // The upstream itself says that it cannot reach what it needs: as good as unreachable (RFC 9111 §4.3.3).
        StaleFor::Unreachable | StaleFor::ServerError(502..=504) => on_error.max(Some(route)),
        StaleFor::ServerError(_) => on_error,
    };
    if most.is_some_and(|most| staleness <= most) || client_takes(rules, staleness) {
        Ok(())
    } else {
        Err(StaleForbidden::TooOld)
    }
}

impl Stored {
    /// Neither marked as doubtful nor forbidden to be used without asking, fresh or not.
    fn may_go_unasked(&self) -> Result<(), StaleForbidden> {
        if self.invalidated {
            return Err(StaleForbidden::Invalidated);
        }
        if self.freshness.no_cache {
            return Err(StaleForbidden::NoCache);
        }
        Ok(())
    }

    /// Not forbidden to be served once it is stale.
    fn may_be_stale(&self) -> Result<(), StaleForbidden> {
        if self.freshness.must_revalidate {
            return Err(StaleForbidden::MustRevalidate);
        }
        if self.is_personal() {
            return Err(StaleForbidden::Personal);
        }
        Ok(())
    }

    /// No freshness was ever given to it, and it may have been made for the one whose `Cookie` came with the request.
    fn is_personal(&self) -> bool {
        self.personal && self.freshness.lifetime.is_zero()
    }
}

/// `max-stale` (RFC 9111 §5.2.1.2).
fn client_takes(rules: &RequestRules, staleness: Duration) -> bool {
    match rules.max_stale {
        None => false,
        Some(MaxStale::Any) => true,
        Some(MaxStale::For(most)) => staleness <= most,
    }
}

/// Whether a client takes nothing that is so stale: it says how stale an answer may be, or it speaks of ages and does not
/// say that it may be stale at all (RFC 9111 §5.2.1.1).
fn wants_fresh(rules: &RequestRules, staleness: Duration) -> bool {
    match rules.max_stale {
        Some(_) => !client_takes(rules, staleness),
        None => rules.max_age.is_some() || rules.min_fresh.is_some(),
    }
}

/// Whether `max-age` asks for something newer (RFC 9111 §5.2.1.1). With `max-stale`, a client that limits the age means
/// what it says about both.
fn is_older(rules: &RequestRules, age: Duration) -> bool {
    rules.max_age.is_some_and(|most| age > most)
}

/// Whether `min-fresh` asks for something that is fresh for longer (§5.2.1.3).
fn is_nearly_stale(rules: &RequestRules, age: Duration, lifetime: Duration) -> bool {
    rules.min_fresh.is_some_and(|least| lifetime.saturating_sub(age) < least)
}
