//! Which answers are kept (RFC 9111 §3).

use super::freshness::{Freshness, is_assignable, is_heuristically_cacheable};
use super::request::RequestRules;
use super::targets::{Stated, Targets};
use crate::base::{Now, Size};
use crate::cache::reason::NotStored;
use crate::http::cache_control::Reach;
use crate::http::{Fields, date, etag};

/// Whether an answer may be kept, and how long it is fresh.
pub(crate) fn may_store(
    rules: &RequestRules,
    status: u16,
    fields: Fields<'_>,
    length: Option<u64>,
    max_object: Size,
    targets: &Targets,
    received: Now,
) -> Result<Freshness, NotStored> {
    match status {
        206 => return Err(NotStored::Partial),
        304 => return Err(NotStored::NotModified),
        _ => {}
    }
    if length.is_some_and(|length| length > max_object.as_u64()) {
        return Err(NotStored::TooLarge);
    }
    if fields.list("transfer-encoding").any(|coding| !coding.eq_ignore_ascii_case(b"chunked")) {
        return Err(NotStored::TransferCoding);
    }
    let stated = Stated::of(fields, targets);
    let forced = rules.assigned.forced && is_assignable(status);
    allowed(rules, status, fields, &stated, forced)?;
    let freshness = Freshness::of(status, fields, targets, rules.assigned, received);
    if fields.contains("set-cookie") && !forced && !keeps_cookies(&freshness) {
        return Err(NotStored::SetCookie);
    }
    if freshness.lifetime.is_zero() && freshness.stale_if_error.is_none() && !has_validator(fields) {
        return Err(NotStored::NothingToReuse);
    }
    Ok(freshness)
}

/// `Set-Cookie` is kept, and so given to everybody, only with explicit freshness: then the origin meant it.
pub(crate) fn keeps_cookies(freshness: &Freshness) -> bool {
    freshness.source.is_explicit() && freshness.is_reusable()
}

fn allowed(
    rules: &RequestRules,
    status: u16,
    fields: Fields<'_>,
    stated: &Stated<'_>,
    forced: bool,
) -> Result<(), NotStored> {
    let directives = &stated.directives;
    if rules.no_store {
        return Err(NotStored::RequestNoStore);
    }
    if fields.list("vary").any(|member| member == b"*" || is_written_by_us(member)) {
        return Err(NotStored::VaryAny);
    }
    if directives.must_understand && !is_understood(status) {
        return Err(NotStored::MustUnderstand);
    }
    // RFC 9111 §5.2.2.3: a cache that understands the status ignores the no-store beside must-understand.
    if directives.no_store && !directives.must_understand && !forced {
        return Err(NotStored::NoStore);
    }
    if directives.private == Reach::Whole {
        return Err(NotStored::Private);
    }
    let leave = directives.public || directives.must_revalidate || directives.s_maxage.is_some();
    if rules.authorization && !leave {
        return Err(NotStored::Authorization);
    }
    let explicit = directives.max_age.is_some()
        || directives.s_maxage.is_some()
        || (fields.contains("expires") && !stated.targeted);
    if !explicit && !directives.public && !forced && !is_heuristically_cacheable(status) {
        return Err(NotStored::Status);
    }
    Ok(())
}

/// Fields that a gateway tells of each client anew: what the origin saw of them is not in the client's own request.
fn is_written_by_us(name: &[u8]) -> bool {
    let ours = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
    ours.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes()))
}

/// Statuses whose caching rules are all implemented here (RFC 9111 §3).
fn is_understood(status: u16) -> bool {
    is_heuristically_cacheable(status) || matches!(status, 302 | 303 | 307)
}

fn has_validator(fields: Fields<'_>) -> bool {
    fields.first("etag").and_then(etag::parse).is_some()
        || fields.first("last-modified").and_then(date::parse).is_some()
}
