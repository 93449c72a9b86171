//! Which answers are kept (RFC 9111 §3).

use super::freshness::{Freshness, is_heuristically_cacheable};
use super::invalidation::TargetUri;
use super::request::RequestRules;
use super::targets::{Stated, Targets};
use crate::base::{Now, Size};
use crate::cache::reason::NotStored;
use crate::http::cache_control::Reach;
use crate::http::range::{ByteRange, ContentRange};
use crate::http::{Fields, conditional, date, etag};

/// Which bytes of a whole an answer brings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    pub(crate) range: ByteRange,
    /// How long the whole is, where the answer says so.
    pub(crate) total: Option<u64>,
    /// Fewer bytes come than the answer says.
    pub(crate) short: bool,
}

impl Part {
    /// What there is of it where the content is so long: all, or what would have come before a cut. `None`: nothing, or
    /// more than there can be.
    fn with_content(self, length: Option<u64>) -> Option<Part> {
        let Some(length) = length.filter(|length| *length != self.range.len()) else { return Some(self) };
        let range = ByteRange { last: self.range.first.checked_add(length.checked_sub(1)?)?, ..self.range };
        (length < self.range.len()).then_some(Part { range, short: true, ..self })
    }
}

/// Whether a whole answer may be kept, and how long it is fresh. A part (206) is for [`may_store_part`] to judge.
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
        ..200 => return Err(NotStored::Interim),
        206 => return Err(NotStored::Partial),
        304 => return Err(NotStored::NotModified),
        status if is_of_one_request(status) => return Err(NotStored::OneRequest),
        _ => {}
    }
    if length.is_some_and(|length| length > max_object.as_u64()) {
        return Err(NotStored::TooLarge);
    }
    let freshness = judged(rules, status, fields, targets, received)?;
    if freshness.lifetime.is_zero() && freshness.stale_if_error.is_none() && !has_validator(fields) {
        return Err(NotStored::NothingToReuse);
    }
    Ok(freshness)
}

/// Whether a 206 may be kept, as a part of the 200 that it was taken from (RFC 9111 §3.3): one range, in bytes. Whether
/// anything may be put to it is another question (§3.4). `length` is that of this content: some upstreams send less than
/// they say, others more, of which nothing is believed.
pub(crate) fn may_store_part(
    rules: &RequestRules,
    fields: Fields<'_>,
    length: Option<u64>,
    max_object: Size,
    targets: &Targets,
    received: Now,
) -> Result<(Part, Freshness), NotStored> {
    let part = part_of(fields).and_then(|part| part.with_content(length)).ok_or(NotStored::Partial)?;
    if part.total.unwrap_or(part.range.len()) > max_object.as_u64() {
        return Err(NotStored::TooLarge);
    }
    Ok((part, judged(rules, 200, fields, targets, received)?))
}

/// Whether what came of an answer that was cut may be kept and completed later: of a 200 alone (RFC 9111 §3.3), and
/// where what comes later can be told to be of the same representation (§3.4).
pub(crate) fn may_store_incomplete(status: u16, fields: Fields<'_>) -> bool {
    status == 200 && conditional::strong(fields).is_some()
}

/// Whether an answer says of itself, in `Content-Location`, that it is what a `GET` of the target would bring
/// (RFC 9110 §8.7).
pub(crate) fn names_its_target(target: &TargetUri<'_>, fields: Fields<'_>) -> bool {
    let location = fields.sole("content-location").ok().flatten();
    let named = location.and_then(|location| target.resolve(location));
    named.is_some_and(|named| named.path == target.path && named.query.as_deref() == target.query)
}

/// `Set-Cookie` is kept, and so given to everybody, only with explicit freshness: then the origin meant it.
pub(crate) fn keeps_cookies(freshness: &Freshness) -> bool {
    freshness.source.is_explicit() && freshness.is_reusable()
}

/// What is common to wholes and parts.
fn judged(
    rules: &RequestRules,
    status: u16,
    fields: Fields<'_>,
    targets: &Targets,
    received: Now,
) -> Result<Freshness, NotStored> {
    if fields.list("transfer-encoding").any(|coding| !coding.eq_ignore_ascii_case(b"chunked")) {
        return Err(NotStored::TransferCoding);
    }
    let forced = rules.assigned.forced && rules.assigned.statuses.contains(status);
    let stated = Stated::of(fields, targets);
    allowed(rules, status, fields, &stated, forced)?;
    let freshness = Freshness::of(status, fields, targets, rules.assigned, received);
    if fields.contains("set-cookie") && !stated.withholds(b"set-cookie") && !forced && !keeps_cookies(&freshness) {
        return Err(NotStored::SetCookie);
    }
    Ok(freshness)
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
    let explicit = directives.max_age.is_some() || directives.s_maxage.is_some() || stated.expires.is_some();
    if !explicit && !directives.public && !forced && !is_heuristically_cacheable(status) {
        return Err(NotStored::Status);
    }
    Ok(())
}

/// The single range of a 206. Several parts come without a `Content-Range` of their own (RFC 9110 §15.3.7.2); what is
/// in another unit or contradicts itself is never put together with anything (§14.4).
fn part_of(fields: Fields<'_>) -> Option<Part> {
    let ContentRange { range, total } = ContentRange::parse(fields.sole("content-range").ok().flatten()?)?;
    Some(Part { range: range?, total, short: false })
}

/// Fields that a gateway tells of each client anew: what the origin saw of them is not in the client's own request.
fn is_written_by_us(name: &[u8]) -> bool {
    let ours = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
    ours.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes()))
}

/// Answers to what one client or connection did, never to what was asked for. 428, 429, 431 and 511 must not be kept
/// (RFC 6585); a key holds neither credentials nor ranges, so that 401, 407 and 416 would be given to those who come with
/// better ones.
fn is_of_one_request(status: u16) -> bool {
    matches!(status, 401 | 407 | 408 | 416 | 421 | 425 | 428 | 429 | 431 | 511)
}

/// Statuses whose caching rules are all implemented here (RFC 9111 §3): those that may be kept without a word, and
/// those for which RFC 9110 §15 has no rule but that they need one. The part of a 200 is judged as a 200.
fn is_understood(status: u16) -> bool {
    is_heuristically_cacheable(status)
        || matches!(status, 201 | 202 | 302 | 303 | 307 | 400 | 403 | 406 | 500 | 502..=504)
}

fn has_validator(fields: Fields<'_>) -> bool {
    fields.first("etag").and_then(etag::parse).is_some()
        || fields.first("last-modified").and_then(date::parse).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::tests::{Block, at};
    use crate::http::host;

    const TAG: &str = "ETag: \"1\"\nCache-Control: max-age=5\n";
    const FIRST: &str = "Content-Range: bytes 0-9/100\n";

    #[test]
    fn parts_are_kept() {
        let check = |text: &str, length: Option<u64>, expected: Result<(u64, u64, Option<u64>), NotStored>| {
            let block = Block::new(text);
            let limit = Size::bytes(100);
            let found = may_store_part(&RequestRules::PLAIN, block.fields(), length, limit, &Targets::default(), at(0));
            let found = found.map(|(part, _)| (part.range.first, part.range.last, part.total));
            assert_eq!(found, expected, "{text}");
        };
        // RFC 9111 §3.3, RFC 9110 §14.4
        check(&format!("{TAG}{FIRST}"), Some(10), Ok((0, 9, Some(100))));
        check(&format!("{TAG}{FIRST}"), None, Ok((0, 9, Some(100))));
        check(&format!("{TAG}content-range: BYTES 5-9/*"), Some(5), Ok((5, 9, None)));
        check(&format!("{TAG}{FIRST}"), Some(11), Err(NotStored::Partial));
        // What is short is kept as far as it comes.
        check(&format!("{TAG}{FIRST}"), Some(9), Ok((0, 8, Some(100))));
        check(&format!("{TAG}Content-Range: bytes 4-9/10"), Some(1), Ok((4, 4, Some(10))));
        check(&format!("{TAG}{FIRST}"), Some(0), Err(NotStored::Partial));
        for bad in [
            "",
            "Content-Range: bytes */100",
            "Content-Range: bytes 9-0/100",
            "Content-Range: bytes 0-100/100",
            "Content-Range: lines 0-9/100",
            "Content-Range: bytes 0-9/100\nContent-Range: bytes 0-9/100",
            "Content-Type: multipart/byteranges; boundary=x",
        ] {
            check(&format!("{TAG}{bad}"), None, Err(NotStored::Partial));
        }
        check(&format!("{TAG}Content-Range: bytes 0-9/101"), Some(10), Err(NotStored::TooLarge));
        // Also those to which nothing can be put (§3.3, §3.4).
        let fresh = "Cache-Control: max-age=5\n";
        check(&format!("{FIRST}{fresh}"), None, Ok((0, 9, Some(100))));
        check(&format!("{FIRST}{fresh}ETag: W/\"1\""), None, Ok((0, 9, Some(100))));
        // §3: all that is asked of a whole is asked of a part.
        for (directive, why) in [("no-store", NotStored::NoStore), ("private", NotStored::Private)] {
            check(&format!("{FIRST}ETag: \"1\"\nCache-Control: {directive}"), None, Err(why));
        }
        check(&format!("{TAG}{FIRST}Vary: *"), None, Err(NotStored::VaryAny));
        check(&format!("{TAG}{FIRST}Set-Cookie: a=b"), None, Ok((0, 9, Some(100))));
        // RFC 9110 §15.3.7: a 206 may be kept on a guess.
        check(&format!("{FIRST}ETag: \"1\""), None, Ok((0, 9, Some(100))));
    }

    #[test]
    fn what_was_cut_is_kept_where_the_rest_can_be_asked_for() {
        let check = |status: u16, text: &str, expected: bool| {
            assert_eq!(may_store_incomplete(status, Block::new(text).fields()), expected, "{status} {text}");
        };
        // RFC 9111 §3.3
        check(200, TAG, true);
        check(200, "ETag: W/\"1\"", false);
        check(200, "", false);
        check(404, TAG, false);
        check(301, TAG, false);
    }

    #[test]
    fn an_answer_names_its_target_or_it_does_not() {
        let check = |text: &str, expected: bool| {
            let authority = host::parse(b"school.example").ok();
            let target = TargetUri { secure: false, authority, path: "/a", query: Some("b=c") };
            assert_eq!(names_its_target(&target, Block::new(text).fields()), expected, "{text}");
        };
        // RFC 9110 §8.7
        check("Content-Location: /a?b=c", true);
        check("Content-Location: http://SCHOOL.example:80/%61?b=c", true);
        check("", false);
        for other in ["/a", "/a?b=d", "/b?b=c", "https://school.example/a?b=c", "//other.example/a?b=c"] {
            check(&format!("Content-Location: {other}"), false);
        }
        check("Content-Location: /a?b=c\nContent-Location: /a?b=c", false);
    }
}
