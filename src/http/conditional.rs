//! Preconditions of a request against what is at hand (RFC 9110 §13).

use crate::base::Wall;

use super::date;
use super::etag::{self, Comparison, ListMatch};
use super::fields::{Fields, Repeated};
use super::method::Method;

/// What is known of the representation at hand.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Validators<'a> {
    /// The whole `ETag` value.
    pub(crate) etag: Option<&'a [u8]>,
    pub(crate) last_modified: Option<Wall>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Proceed,
    /// 304
    NotModified,
    /// 412
    PreconditionFailed,
}

/// In the order of RFC 9110 §13.2.2, for a representation that exists and would be answered with 200. `If-Range` is
/// asked apart. Dates that are none, or come twice, are ignored (§13.1.3, §13.1.4).
pub(crate) fn evaluate(fields: Fields<'_>, method: Method<'_>, at_hand: &Validators<'_>) -> Outcome {
    let reads = matches!(method, Method::Get | Method::Head);
    let tag = at_hand.etag.and_then(etag::parse);
    let changed_after = |name: &str| {
        let date = date_of(fields, name)?;
        Some(at_hand.last_modified?.as_seconds() > date.as_seconds())
    };
    match etag::list_match(fields, "if-match", tag, Comparison::Strong) {
        ListMatch::Differs => return Outcome::PreconditionFailed,
        ListMatch::Absent if changed_after("if-unmodified-since") == Some(true) => return Outcome::PreconditionFailed,
        ListMatch::Absent | ListMatch::Matches => {}
    }
    match etag::list_match(fields, "if-none-match", tag, Comparison::Weak) {
        ListMatch::Matches if reads => Outcome::NotModified,
        ListMatch::Matches => Outcome::PreconditionFailed,
        ListMatch::Absent if reads && changed_after("if-modified-since") == Some(false) => Outcome::NotModified,
        ListMatch::Absent | ListMatch::Differs => Outcome::Proceed,
    }
}

/// Whether `Range` is to be honoured: there is no `If-Range`, or it holds (RFC 9110 §13.1.5). `date` is when the
/// representation was seen: a `Last-Modified` says nothing certain about the second it names (§8.8.2.2).
pub(crate) fn range_applies(fields: Fields<'_>, at_hand: &Validators<'_>, date: Option<Wall>) -> bool {
    let value = match fields.sole("if-range") {
        Ok(None) => return true,
        Ok(Some(value)) => value,
        Err(Repeated) => return false,
    };
    if let Some(wanted) = etag::parse(value) {
        return at_hand.etag.and_then(etag::parse).is_some_and(|tag| tag.strong_eq(&wanted));
    }
    let (Some(wanted), Some(modified), Some(seen)) = (date::parse(value), at_hand.last_modified, date) else {
        return false;
    };
    wanted.as_seconds() == modified.as_seconds() && modified.as_seconds() < seen.as_seconds()
}

/// Whether `If-Match` or `If-Unmodified-Since` holds for a stored representation that is still fresh. Then it makes no
/// difference, and a cache may go by it (RFC 9110 §13.1.1, §13.1.4). Where it does not hold, or nobody here can tell,
/// that is for the origin to say (RFC 9111 §4.3.2).
pub(crate) fn meets(fields: Fields<'_>, at_hand: &Validators<'_>) -> bool {
    let tag = at_hand.etag.and_then(etag::parse);
    match etag::list_match(fields, "if-match", tag, Comparison::Strong) {
        ListMatch::Matches => true,
        ListMatch::Differs => false,
        ListMatch::Absent => match (date_of(fields, "if-unmodified-since"), at_hand.last_modified) {
            (Some(date), Some(modified)) => modified.as_seconds() <= date.as_seconds(),
            (Some(_), None) => false,
            // What is no date is ignored (RFC 9110 §13.1.4).
            (None, _) => true,
        },
    }
}

/// A validator that two answers share only if they bring the same bytes (RFC 9110 §8.8.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Strong<'a> {
    /// A whole `ETag` value.
    Tag(&'a [u8]),
    /// A `Last-Modified` value as it was received, for one who compares it as text.
    Modified(&'a [u8]),
}

/// The strong validator of an answer: its entity tag, or where it has none its `Last-Modified`, if that was over for a
/// second when the answer was made (RFC 9110 §8.8.2.2). A weak tag says that the time alone is not enough either.
pub(crate) fn strong(fields: Fields<'_>) -> Option<Strong<'_>> {
    if let Some(value) = fields.sole("etag").ok()? {
        return etag::parse(value).filter(|tag| !tag.weak).map(|_| Strong::Tag(value));
    }
    let value = fields.sole("last-modified").ok()??;
    let (modified, made) = (date::parse(value)?, date_of(fields, "date")?);
    (modified.as_seconds() < made.as_seconds()).then_some(Strong::Modified(value))
}

fn date_of(fields: Fields<'_>, name: &str) -> Option<Wall> {
    fields.sole(name).ok().flatten().and_then(date::parse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;
    use Outcome::{NotModified, PreconditionFailed, Proceed};

    const NOON: &str = "Sun, 06 Nov 1994 12:00:00 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 11:59:59 GMT";
    const AFTER: &str = "Sunday, 06-Nov-94 12:00:01 GMT";

    /// A representation with the tag `"a"`, last changed a little after [`NOON`], in the same second.
    fn at_hand() -> Validators<'static> {
        let noon = date::parse(NOON.as_bytes()).unwrap();
        Validators { etag: Some(b"\"a\""), last_modified: Some(Wall::from_millis(noon.as_millis() + 500)) }
    }

    fn with<T>(lines: &[(&str, &str)], ask: impl FnOnce(Fields<'_>) -> T) -> T {
        let block: String = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        ask(Fields::new(block.as_bytes(), spans.as_slice()))
    }

    #[test]
    fn preconditions_are_taken_in_order() {
        fn check(lines: &[(&str, &str)], get: Outcome, put: Outcome) {
            for (method, expected) in [(Method::Get, get), (Method::Head, get), (Method::Put, put)] {
                let found = with(lines, |fields| evaluate(fields, method, &at_hand()));
                assert_eq!(found, expected, "{method} {lines:?}");
            }
        }
        check(&[], Proceed, Proceed);
        check(&[("If-Match", "\"a\"")], Proceed, Proceed);
        check(&[("If-Match", "*")], Proceed, Proceed);
        check(&[("If-Match", "\"b\"")], PreconditionFailed, PreconditionFailed);
        check(&[("If-Match", "W/\"a\"")], PreconditionFailed, PreconditionFailed);
        check(&[("If-Unmodified-Since", NOON)], Proceed, Proceed);
        check(&[("If-Unmodified-Since", BEFORE)], PreconditionFailed, PreconditionFailed);
        check(&[("If-Unmodified-Since", "yesterday")], Proceed, Proceed);
        check(&[("If-Match", "\"a\""), ("If-Unmodified-Since", BEFORE)], Proceed, Proceed);
        check(&[("If-None-Match", "W/\"a\"")], NotModified, PreconditionFailed);
        check(&[("If-None-Match", "*")], NotModified, PreconditionFailed);
        check(&[("If-None-Match", "\"b\"")], Proceed, Proceed);
        check(&[("If-None-Match", "\"b\""), ("If-Modified-Since", AFTER)], Proceed, Proceed);
        check(&[("If-Modified-Since", NOON)], NotModified, Proceed);
        check(&[("If-Modified-Since", AFTER)], NotModified, Proceed);
        check(&[("If-Modified-Since", BEFORE)], Proceed, Proceed);
        check(&[("If-Modified-Since", "0")], Proceed, Proceed);
        check(&[("If-Modified-Since", NOON), ("If-Modified-Since", NOON)], Proceed, Proceed);
        check(&[("If-Match", "\"b\""), ("If-None-Match", "\"a\"")], PreconditionFailed, PreconditionFailed);
        check(&[("If-Match", "\"a\""), ("If-None-Match", "\"a\"")], NotModified, PreconditionFailed);
    }

    #[test]
    fn without_validators_only_the_asterisk_matches() {
        for (line, expected) in [
            (("If-None-Match", "\"a\""), Proceed),
            (("If-None-Match", "*"), NotModified),
            (("If-Match", "\"a\""), PreconditionFailed),
            (("If-Modified-Since", NOON), Proceed),
            (("If-Unmodified-Since", BEFORE), Proceed),
        ] {
            let found = with(&[line], |fields| evaluate(fields, Method::Get, &Validators::default()));
            assert_eq!(found, expected, "{line:?}");
        }
    }

    #[test]
    fn conditions_for_the_origin_are_met_or_left_to_it() {
        fn check(lines: &[(&str, &str)], expected: bool) {
            assert_eq!(with(lines, |fields| meets(fields, &at_hand())), expected, "{lines:?}");
        }
        check(&[], true);
        check(&[("If-Match", "\"b\", \"a\"")], true);
        check(&[("If-Match", "*")], true);
        check(&[("If-Match", "\"b\"")], false);
        check(&[("If-Match", "W/\"a\"")], false);
        check(&[("If-Unmodified-Since", NOON)], true);
        check(&[("If-Unmodified-Since", AFTER)], true);
        check(&[("If-Unmodified-Since", BEFORE)], false);
        check(&[("If-Unmodified-Since", "soon")], true);
        check(&[("If-Match", "\"a\""), ("If-Unmodified-Since", BEFORE)], true);
        check(&[("If-Match", "\"b\""), ("If-Unmodified-Since", NOON)], false);
        let unknown = |line| with(&[line], |fields| meets(fields, &Validators::default()));
        assert!(!unknown(("If-Unmodified-Since", NOON)));
        assert!(!unknown(("If-Match", "\"a\"")));
    }

    #[test]
    fn strong_validators_are_told_from_weak_ones() {
        fn check(lines: &[(&str, &str)], expected: Option<Strong<'_>>) {
            with(lines, |fields| assert_eq!(strong(fields), expected, "{lines:?}"));
        }
        // RFC 9110 §8.8.1, §8.8.2.2
        check(&[], None);
        check(&[("ETag", "\"a\"")], Some(Strong::Tag(b"\"a\"")));
        check(&[("ETag", "W/\"a\"")], None);
        check(&[("ETag", "a")], None);
        check(&[("ETag", "\"a\""), ("ETag", "\"a\"")], None);
        check(&[("Last-Modified", NOON), ("Date", AFTER)], Some(Strong::Modified(NOON.as_bytes())));
        check(&[("Last-Modified", NOON), ("Date", NOON)], None);
        check(&[("Last-Modified", NOON), ("Date", BEFORE)], None);
        check(&[("Last-Modified", NOON)], None);
        check(&[("Last-Modified", "x"), ("Date", AFTER)], None);
        check(&[("ETag", "W/\"a\""), ("Last-Modified", NOON), ("Date", AFTER)], None);
    }

    #[test]
    fn ranges_apply_to_what_the_client_has() {
        fn check(lines: &[(&str, &str)], seen: Option<&str>, expected: bool) {
            let seen = seen.and_then(|seen| date::parse(seen.as_bytes()));
            let found = with(lines, |fields| range_applies(fields, &at_hand(), seen));
            assert_eq!(found, expected, "{lines:?} {seen:?}");
        }
        check(&[], None, true);
        check(&[("If-Range", "\"a\"")], None, true);
        check(&[("If-Range", "W/\"a\"")], None, false);
        check(&[("If-Range", "\"b\"")], None, false);
        check(&[("If-Range", NOON)], Some(AFTER), true);
        check(&[("If-Range", NOON)], Some(NOON), false);
        check(&[("If-Range", NOON)], None, false);
        check(&[("If-Range", AFTER)], Some(AFTER), false);
        check(&[("If-Range", BEFORE)], Some(AFTER), false);
        check(&[("If-Range", "soon")], Some(AFTER), false);
        check(&[("If-Range", "\"a\""), ("If-Range", "\"a\"")], None, false);
    }
}
