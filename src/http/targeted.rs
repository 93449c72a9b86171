//! Cache directives for some caches alone, as in `CDN-Cache-Control` (RFC 9213).

use std::time::Duration;

use super::cache_control::{CacheControl, FOR_EVER, Reach};
use super::fields::Fields;
use super::structured::{self, Dictionary, Item, Member};

impl<'a> CacheControl<'a> {
    /// What a targeted field says; `None` where there is none, or an empty one, or one that is no dictionary: then it is
    /// as if there were none (RFC 9213 §2.1).
    ///
    /// A value of another type than the directive's is not consumed (§2.1): a freshness that cannot be read is none, a
    /// directive that forbids holds, and one that allows does not.
    pub(crate) fn targeted(fields: Fields<'a>, name: &str) -> Option<CacheControl<'a>> {
        let found = structured::dictionary(fields, name).filter(|found| !found.is_empty())?;
        let forbids = |key: &str| found.get(key).is_some_and(|member| *member != FALSE);
        let allows = |key: &str| found.get(key) == Some(&TRUE);
        let stale = |key: &str| found.get(key).and_then(seconds);
        Some(CacheControl {
            max_age: lifetime(&found, "max-age"),
            s_maxage: lifetime(&found, "s-maxage"),
            stale_while_revalidate: stale("stale-while-revalidate"),
            stale_if_error: stale("stale-if-error"),
            no_cache: reach(&found, "no-cache"),
            private: reach(&found, "private"),
            no_store: forbids("no-store"),
            no_transform: forbids("no-transform"),
            must_revalidate: forbids("must-revalidate"),
            proxy_revalidate: forbids("proxy-revalidate"),
            must_understand: allows("must-understand"),
            public: allows("public"),
            immutable: allows("immutable"),
            ..CacheControl::default()
        })
    }
}

const TRUE: Member<'static> = Member::Item(Item::Boolean(true));
const FALSE: Member<'static> = Member::Item(Item::Boolean(false));

fn lifetime(found: &Dictionary<'_>, key: &str) -> Option<Duration> {
    found.get(key).map(|member| seconds(member).unwrap_or(Duration::ZERO))
}

fn seconds(member: &Member<'_>) -> Option<Duration> {
    match member {
        Member::Item(Item::Integer(seconds)) => {
            u64::try_from(*seconds).ok().map(|seconds| Duration::from_secs(seconds).min(FOR_EVER))
        }
        Member::Item(_) | Member::List(_) => None,
    }
}

/// `no-cache` and `private` stand alone, or have a string that lists names of fields.
fn reach<'a>(found: &Dictionary<'a>, key: &str) -> Reach<'a> {
    match found.get(key) {
        None => Reach::Nothing,
        Some(member) if *member == FALSE => Reach::Nothing,
        Some(Member::Item(Item::String(names))) => Reach::Nothing.and(Some(names.as_bytes())),
        Some(Member::Item(_) | Member::List(_)) => Reach::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    fn check(value: &str, expected: Option<CacheControl<'_>>) {
        let block = format!("CDN-Cache-Control: {}\r\n", value.replace('|', "\r\ncdn-cache-control: "));
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        let fields = Fields::new(block.as_bytes(), spans.as_slice());
        assert_eq!(CacheControl::targeted(fields, "cdn-cache-control"), expected, "{value}");
    }

    fn secs(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn directives_are_typed() {
        let none = CacheControl::default();
        check("none", Some(none));
        check("max-age=60", Some(CacheControl { max_age: secs(60), ..none }));
        check("max-age=60;x=1, s-maxage=5", Some(CacheControl { max_age: secs(60), s_maxage: secs(5), ..none }));
        check("max-age=60|no-store", Some(CacheControl { max_age: secs(60), no_store: true, ..none }));
        check("max-age=999999999999999", Some(CacheControl { max_age: Some(FOR_EVER), ..none }));
        // RFC 9651 §3.2: the last of a key counts.
        check("max-age=60, max-age=5", Some(CacheControl { max_age: secs(5), ..none }));
        check(
            "stale-while-revalidate=1, stale-if-error=2, must-revalidate",
            Some(CacheControl {
                stale_while_revalidate: secs(1),
                stale_if_error: secs(2),
                must_revalidate: true,
                ..none
            }),
        );
        check("public, must-understand", Some(CacheControl { public: true, must_understand: true, ..none }));
        check("no-cache, private", Some(CacheControl { no_cache: Reach::Whole, private: Reach::Whole, ..none }));
        check("no-cache=\"A, b\"", Some(CacheControl { no_cache: Reach::Fields(b"A, b"), ..none }));
        check("private=\"\"", Some(CacheControl { private: Reach::Whole, ..none }));
    }

    #[test]
    fn values_of_another_type_make_nothing_fresher() {
        let none = CacheControl::default();
        for wrong in ["max-age", "max-age=\"60\"", "max-age=60.5", "max-age=-1", "max-age=a", "max-age=(60)"] {
            check(wrong, Some(CacheControl { max_age: secs(0), ..none }));
        }
        check("stale-if-error=\"5\", stale-while-revalidate", Some(none));
        check("no-store=?0, no-cache=?0, public=?0", Some(none));
        check("no-store=x, private=(a)", Some(CacheControl { no_store: true, private: Reach::Whole, ..none }));
        check("public=1, must-understand=x", Some(none));
    }

    #[test]
    fn what_is_no_dictionary_is_as_good_as_absent() {
        for value in ["", "max-age=60, &&&&", "Max-Age=60", "max-age =60", "max-age=60,", "max-age=00000000000000060"] {
            check(value, None);
        }
    }
}
