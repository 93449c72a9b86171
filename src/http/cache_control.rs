//! `Cache-Control` of requests and responses (RFC 9111 §5.2, RFC 5861, RFC 8246).

use std::time::Duration;

use super::bytes::{BadNumber, members, number, pair, trim};
use super::fields::Fields;

/// What counts as for ever: 2^31 seconds (RFC 9111 §1.2.2).
pub(crate) const FOR_EVER: Duration = Duration::from_secs(1 << 31);

/// All directives that mean something to a shared cache. Unknown ones are ignored (RFC 9111 §5.2.3).
///
/// Of a directive that comes more than once the first counts (§4.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct CacheControl<'a> {
    /// Zero where it is invalid: freshness that cannot be read is none (RFC 9111 §4.2.1).
    pub(crate) max_age: Option<Duration>,
    /// Zero where it is invalid.
    pub(crate) s_maxage: Option<Duration>,
    pub(crate) max_stale: Option<MaxStale>,
    /// [`FOR_EVER`] where it is invalid.
    pub(crate) min_fresh: Option<Duration>,
    pub(crate) stale_while_revalidate: Option<Duration>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) no_cache: Reach<'a>,
    pub(crate) private: Reach<'a>,
    pub(crate) no_store: bool,
    pub(crate) no_transform: bool,
    pub(crate) only_if_cached: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) proxy_revalidate: bool,
    pub(crate) must_understand: bool,
    pub(crate) public: bool,
    pub(crate) immutable: bool,
}

/// How much staleness a client takes (RFC 9111 §5.2.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MaxStale {
    Any,
    For(Duration),
}

/// What `no-cache` or `private` reaches.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Reach<'a> {
    #[default]
    Nothing,
    /// The fields in this list, to be read with [`Reach::names`].
    Fields(&'a [u8]),
    Whole,
}

impl<'a> CacheControl<'a> {
    /// Reads all lines of `Cache-Control`.
    pub(crate) fn parse(fields: Fields<'a>) -> CacheControl<'a> {
        let mut found = CacheControl::default();
        for directive in fields.list("cache-control") {
            let (written, argument) = pair(directive);
            let name = trim(written);
            // No white space is allowed at the equals sign. What has some is there, and what it says cannot be read.
            found.take(name, if name.len() == written.len() { argument } else { argument.and(Some(b"")) });
        }
        found
    }

    fn take(&mut self, name: &[u8], argument: Option<&'a [u8]>) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let or = |otherwise: Duration| Some(seconds(argument).unwrap_or(otherwise));
        if is("max-age") {
            self.max_age = self.max_age.or(or(Duration::ZERO));
        } else if is("s-maxage") {
            self.s_maxage = self.s_maxage.or(or(Duration::ZERO));
        } else if is("no-cache") {
            self.no_cache = self.no_cache.and(argument);
        } else if is("no-store") {
            self.no_store = true;
        } else if is("private") {
            self.private = self.private.and(argument);
        } else if is("public") {
            // RFC 9111 §5.2: it has no argument. What allows something must be written as it is defined.
            self.public |= argument.is_none();
        } else if is("must-revalidate") {
            self.must_revalidate = true;
        } else if is("proxy-revalidate") {
            self.proxy_revalidate = true;
        } else if is("immutable") {
            self.immutable |= argument.is_none();
        } else if is("stale-while-revalidate") {
            self.stale_while_revalidate = self.stale_while_revalidate.or(seconds(argument));
        } else if is("stale-if-error") {
            self.stale_if_error = self.stale_if_error.or(seconds(argument));
        } else if is("must-understand") {
            self.must_understand |= argument.is_none();
        } else if is("no-transform") {
            self.no_transform = true;
        } else if is("only-if-cached") {
            self.only_if_cached = true;
        } else if is("max-stale") {
            let staleness = argument.map_or(Some(MaxStale::Any), |_| seconds(argument).map(MaxStale::For));
            self.max_stale = self.max_stale.or(staleness);
        } else if is("min-fresh") {
            self.min_fresh = self.min_fresh.or(or(FOR_EVER));
        }
    }
}

impl<'a> Reach<'a> {
    /// The field names of the qualified form.
    pub(crate) fn names(self) -> impl Iterator<Item = &'a [u8]> {
        members(match self {
            Reach::Fields(list) => list,
            Reach::Nothing | Reach::Whole => b"",
        })
    }

    /// With one more directive. What cannot be read as one list of names reaches all.
    pub(super) fn and(self, argument: Option<&'a [u8]>) -> Reach<'a> {
        match (self, argument.map(without_quotes)) {
            (Reach::Nothing, Some(list)) if !trim(list).is_empty() && !list.contains(&b'\\') => Reach::Fields(list),
            _ => Reach::Whole,
        }
    }
}

/// Seconds as a token or a quoted string: both are taken (RFC 9111 §5.2).
fn seconds(argument: Option<&[u8]>) -> Option<Duration> {
    delta_seconds(without_quotes(argument?))
}

/// A span of seconds, at most [`FOR_EVER`] (RFC 9111 §1.2.2). `None` where it is not made of digits.
pub(crate) fn delta_seconds(digits: &[u8]) -> Option<Duration> {
    match number(digits) {
        Ok(seconds) => Some(Duration::from_secs(seconds).min(FOR_EVER)),
        Err(BadNumber::TooLarge) => Some(FOR_EVER),
        Err(BadNumber::NotDigits) => None,
    }
}

fn without_quotes(argument: &[u8]) -> &[u8] {
    match argument {
        [b'"', inner @ .., b'"'] => inner,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    fn check(value: &str, expected: CacheControl<'_>) {
        let block = format!("Cache-Control: {}\r\n", value.replace('|', "\r\nCACHE-CONTROL: "));
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        let found = CacheControl::parse(Fields::new(block.as_bytes(), spans.as_slice()));
        assert_eq!(found, expected, "{value}");
    }

    const NONE: CacheControl<'static> = CacheControl {
        max_age: None,
        s_maxage: None,
        max_stale: None,
        min_fresh: None,
        stale_while_revalidate: None,
        stale_if_error: None,
        no_cache: Reach::Nothing,
        private: Reach::Nothing,
        no_store: false,
        no_transform: false,
        only_if_cached: false,
        must_revalidate: false,
        proxy_revalidate: false,
        must_understand: false,
        public: false,
        immutable: false,
    };

    fn secs(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn directives_are_read() {
        check("", NONE);
        check("unknown, a=b, \"no-store\", no-stores", NONE);
        check("no-store", CacheControl { no_store: true, ..NONE });
        check("NO-STORE=x|Public", CacheControl { no_store: true, public: true, ..NONE });
        check("max-age=60, S-MaxAge=\"5\"", CacheControl { max_age: secs(60), s_maxage: secs(5), ..NONE });
        check(
            "must-revalidate,proxy-revalidate,must-understand,immutable",
            CacheControl {
                must_revalidate: true,
                proxy_revalidate: true,
                must_understand: true,
                immutable: true,
                ..NONE
            },
        );
        check(
            "stale-while-revalidate=1, stale-if-error=2",
            CacheControl { stale_while_revalidate: secs(1), stale_if_error: secs(2), ..NONE },
        );
        check("max-stale", CacheControl { max_stale: Some(MaxStale::Any), ..NONE });
        check(
            "max-stale=5, min-fresh=6",
            CacheControl { max_stale: secs(5).map(MaxStale::For), min_fresh: secs(6), ..NONE },
        );
        check("only-if-cached, no-transform", CacheControl { only_if_cached: true, no_transform: true, ..NONE });
    }

    #[test]
    fn what_cannot_be_read_makes_nothing_fresher() {
        for invalid in ["max-age", "max-age=", "max-age=a", "max-age=-1", "max-age=1.5", "max-age=\"\"", "max-age = 60"]
        {
            check(invalid, CacheControl { max_age: secs(0), ..NONE });
        }
        check("s-maxage=x", CacheControl { s_maxage: secs(0), ..NONE });
        check("max-age =60", CacheControl { max_age: secs(0), ..NONE });
        check("max-age= 60", CacheControl { max_age: secs(0), ..NONE });
        check("private =\"a\"", CacheControl { private: Reach::Whole, ..NONE });
        check("stale-if-error =60, public =x", NONE);
        check("max-age=+5, max-age=60", CacheControl { max_age: secs(0), ..NONE });
        check("max-stale=x, stale-if-error=x, stale-while-revalidate", NONE);
        check("public=1, must-understand=no, immutable=\"\"", NONE);
        check("min-fresh=x", CacheControl { min_fresh: Some(FOR_EVER), ..NONE });
        check("a=\"b, no-store", CacheControl { no_store: true, ..NONE });
    }

    #[test]
    fn repeated_and_overflowing_values_count_as_the_rfc_says() {
        check("max-age=1, max-age=60", CacheControl { max_age: secs(1), ..NONE });
        check("max-age=60|max-age=1", CacheControl { max_age: secs(60), ..NONE });
        for large in ["2147483648", "4294967296", "18446744073709551616", "99999999999999999999999"] {
            check(&format!("max-age={large}"), CacheControl { max_age: Some(FOR_EVER), ..NONE });
        }
        check("max-age=0000000000000000000000000005", CacheControl { max_age: secs(5), ..NONE });
    }

    #[test]
    fn no_cache_and_private_may_be_about_fields() {
        check("no-cache", CacheControl { no_cache: Reach::Whole, ..NONE });
        check("no-cache=Set-Cookie", CacheControl { no_cache: Reach::Fields(b"Set-Cookie"), ..NONE });
        check("private=\"a, b\"", CacheControl { private: Reach::Fields(b"a, b"), ..NONE });
        check("private=\"a\", private", CacheControl { private: Reach::Whole, ..NONE });
        check("private=a, private=b", CacheControl { private: Reach::Whole, ..NONE });
        check("private=\"\"", CacheControl { private: Reach::Whole, ..NONE });
        check("private=", CacheControl { private: Reach::Whole, ..NONE });
        check("private=\"a\\b\"", CacheControl { private: Reach::Whole, ..NONE });
        let names: Vec<&[u8]> = Reach::Fields(b"a , b,,c").names().collect();
        assert_eq!(names, [b"a", b"b", b"c"]);
        assert_eq!(Reach::Whole.names().count(), 0);
    }
}
