//! This cache's member of `Cache-Status` (RFC 9211).

use std::fmt::Write;

use crate::cache::Forward;

/// The name of this cache in the field.
const NAME: &str = "hafir";

/// Long enough for every member this gateway writes; what would not fit is left out, never cut in half.
pub(super) type Member = heapless::String<128>;

/// Answered without going forward. A negative `ttl` says for how long the answer has been stale.
pub(super) fn hit(ttl: i64) -> Member {
    member(format_args!("{NAME}; hit; ttl={ttl}"))
}

/// A stale answer stood in for an upstream that could not be reached; `why` is a token.
pub(super) fn stale_hit(ttl: i64, why: &str) -> Member {
    member(format_args!("{NAME}; hit; ttl={ttl}; detail={why}"))
}

/// Went forward, and what came back was (or is being) stored.
pub(super) fn stored(forward: Forward) -> Member {
    member(format_args!("{NAME}; fwd={}; stored", forward.word()))
}

/// A part was stored, and the rest is asked for.
pub(super) fn completed(forward: Forward) -> Member {
    member(format_args!("{NAME}; fwd={}; fwd-status=206; stored", forward.word()))
}

/// Somebody else's forwarded request brought the answer.
pub(super) fn collapsed(forward: Forward) -> Member {
    member(format_args!("{NAME}; fwd={}; collapsed", forward.word()))
}

/// Went forward; the upstream's status differs from the one the client gets.
pub(super) fn forwarded_as(forward: Forward, status: u16, detail: Option<&str>) -> Member {
    match detail {
        None => member(format_args!("{NAME}; fwd={}; fwd-status={status}", forward.word())),
        Some(detail) => member(format_args!("{NAME}; fwd={}; fwd-status={status}; detail={detail}", forward.word())),
    }
}

/// Went forward and was not stored; `detail` is a token that says why.
pub(super) fn passed(forward: Forward, detail: &str) -> Member {
    member(format_args!("{NAME}; fwd={}; detail={detail}", forward.word()))
}

fn member(text: std::fmt::Arguments<'_>) -> Member {
    let mut member = Member::new();
    if member.write_fmt(text).is_err() {
        member.clear();
        let _ = member.push_str(NAME);
    }
    member
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_structured_field_items() {
        assert_eq!(hit(30), "hafir; hit; ttl=30");
        assert_eq!(stored(Forward::UriMiss), "hafir; fwd=uri-miss; stored");
        assert_eq!(forwarded_as(Forward::Stale, 304, None), "hafir; fwd=stale; fwd-status=304");
        assert_eq!(passed(Forward::Bypass, &"x".repeat(200)), "hafir");
    }
}
