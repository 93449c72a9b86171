//! The rules as tables: one row per requirement, with the section it comes from.

use std::time::Duration;

use super::*;
use crate::base::{Mono, Now, Size, Wall};
use crate::cache::reason::{Forward, NotStored, PassReason, StaleFor, StaleForbidden};
use crate::cache::tests::{Block, START, at};
use crate::config::{CacheMode, Class, RouteCacheConfig};
use crate::http::conditional::Validators;
use crate::http::{Fields, Method};

const DATE: &str = "Date: Mon, 01 Jun 2026 00:00:00 GMT\n";
const TEN_DAYS_BEFORE: &str = "Last-Modified: Fri, 22 May 2026 00:00:00 GMT\n";

fn route() -> RouteCacheConfig {
    RouteCacheConfig { stale: Duration::from_secs(1000), ..RouteCacheConfig::default() }
}

fn rules(text: &str) -> RequestRules {
    request(Block::new(text).fields(), Method::Get, &route()).unwrap()
}

fn assigned(route: &RouteCacheConfig) -> Assigned {
    request(Block::new("").fields(), Method::Get, route).unwrap().assigned
}

fn forced() -> RouteCacheConfig {
    RouteCacheConfig { mode: CacheMode::Forced, fresh_for: Some(Duration::from_secs(500)), ..route() }
}

#[test]
fn requests_that_go_past_the_cache_say_why() {
    let check = |method: &str, text: &str, route: &RouteCacheConfig, expected: Result<(), PassReason>| {
        let found = request(Block::new(text).fields(), Method::from_name(method), route).map(|_| ());
        assert_eq!(found, expected, "{method} {text}");
    };
    let off = RouteCacheConfig { mode: CacheMode::Off, ..route() };
    let personal = RouteCacheConfig { class: Class::Personal, ..route() };
    check("GET", "", &route(), Ok(()));
    check("HEAD", "", &route(), Ok(()));
    check("GET", "", &off, Err(PassReason::RouteOff));
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "REPORT", "get"] {
        check(method, "", &route(), Err(PassReason::Method));
    }
    check("GET", "Cookie: a=b\nAuthorization: x", &route(), Ok(()));
    check("GET", "Cookie: a=b", &personal, Err(PassReason::Personal));
    check("GET", "authorization: x", &personal, Err(PassReason::Personal));
    check("GET", "Accept: */*", &personal, Ok(()));
    check("GET", "Content-Length: 0", &route(), Ok(()));
    check("GET", "Content-Length: 3", &route(), Err(PassReason::RequestBody));
    check("GET", "Transfer-Encoding: chunked", &route(), Err(PassReason::RequestBody));
    // RFC 9111 §4.3.2: whether they are met is asked where something is stored.
    check("GET", "If-Match: \"a\"\nIf-Unmodified-Since: x", &route(), Ok(()));
    check("GET", "If-None-Match: \"a\"\nIf-Modified-Since: x\nIf-Range: x", &route(), Ok(()));
}

#[test]
fn the_answer_to_a_post_may_be_kept_where_a_gets_may() {
    let check = |text: &str, route: &RouteCacheConfig, expected: Result<(), PassReason>| {
        let found = request_of_post(Block::new(text).fields(), route).map(|_| ());
        assert_eq!(found, expected, "{text}");
    };
    check("Content-Length: 3", &route(), Ok(()));
    check("Transfer-Encoding: chunked", &forced(), Ok(()));
    check("", &RouteCacheConfig { mode: CacheMode::Off, ..route() }, Err(PassReason::RouteOff));
    let personal = RouteCacheConfig { class: Class::Personal, ..route() };
    check("Cookie: a=b", &personal, Err(PassReason::Personal));
    check("Connection: X\nX: 1", &route(), Err(PassReason::Connection));
    // RFC 9110 §9.3.3: explicit freshness is the answer's own.
    let rules = request_of_post(Fields::NONE, &forced()).unwrap();
    assert_eq!(rules, RequestRules::PLAIN);
    let rules = request_of_post(Block::new("Cache-Control: no-store\nCookie: a=b").fields(), &route()).unwrap();
    assert!(rules.no_store && rules.cookie);
}

#[test]
fn request_directives_are_read() {
    // RFC 9111 §5.4: Pragma counts only where there is no Cache-Control.
    assert!(rules("Pragma: no-cache").no_cache);
    assert!(!rules("Pragma: no-cache\nCache-Control: max-age=5").no_cache);
    assert!(!rules("Pragma: other").no_cache);
    assert!(rules("Pragma: other, No-Cache").no_cache);
    assert!(rules("Pragma: other\nPragma: no-cache").no_cache);
    assert!(rules("If-Match: *").precondition);
    assert!(rules("If-Unmodified-Since: x").precondition);
    assert!(!rules("If-None-Match: *\nIf-Modified-Since: x\nIf-Range: x").precondition);
    assert!(rules("Cache-Control: no-cache").no_cache);
    assert!(rules("Cache-Control: x, no-store").no_store);
    assert!(rules("Cache-Control: only-if-cached").only_if_cached);
    assert_eq!(rules("Cache-Control: max-age=5").max_age, Some(Duration::from_secs(5)));
    assert_eq!(rules("Cache-Control: min-fresh=5").min_fresh, Some(Duration::from_secs(5)));
    for (text, first) in [("bytes=5-", Some(5)), ("bytes=0-9", Some(0)), ("bytes=9-9, 3-4", Some(3)), ("x=1", None)] {
        assert_eq!(rules(&format!("Range: {text}")).first_byte, first, "{text}");
    }
    assert!(rules("Range: bytes=-5").first_byte > Some(1 << 60));
    let head = request(Block::new("Range: bytes=5-").fields(), Method::Head, &route()).unwrap();
    assert_eq!((head.head, head.first_byte), (true, None));
}

#[test]
fn lifetimes_come_from_the_first_that_states_one() {
    let check = |status: u16, text: &str, seconds: u64, source: Source| {
        let block = Block::new(&format!("{DATE}{text}"));
        let freshness = Freshness::of(status, block.fields(), &Targets::default(), Assigned::default(), at(0));
        assert_eq!((freshness.lifetime, freshness.source), (Duration::from_secs(seconds), source), "{status} {text}");
    };
    let expires = "Expires: Mon, 01 Jun 2026 00:05:00 GMT\n";
    let day = 24 * 3600;
    // RFC 9111 §4.2.1, in its order.
    check(200, &format!("Cache-Control: max-age=5, s-maxage=7\n{expires}"), 7, Source::SMaxAge);
    check(200, &format!("Cache-Control: max-age=5\n{expires}"), 5, Source::MaxAge);
    check(200, expires, 300, Source::Expires);
    check(200, &format!("Cache-Control: max-age=0\n{expires}{TEN_DAYS_BEFORE}"), 0, Source::MaxAge);
    // §5.3: what is no date is in the past; so is what lies before Date.
    check(200, "Expires: 0", 0, Source::Expires);
    check(200, "Expires: -1", 0, Source::Expires);
    check(200, &format!("Expires: \n{TEN_DAYS_BEFORE}"), 0, Source::Expires);
    check(200, "Expires: Sun, 31 May 2026 00:00:00 GMT", 0, Source::Expires);
    check(200, "Expires: Mon, 01 Jun 2026 00:05:00 GMT, Mon, 01 Jun 2026 00:06:00 GMT", 0, Source::Expires);
    check(200, "Expires: Mon, 01 Jun 2026 00:05:00 EST", 0, Source::Expires);
    check(200, "Expires: Mon, 01 Jun 2026 00:05:00 +0000", 0, Source::Expires);
    check(200, "Expires: 2026-06-01T00:05:00Z", 0, Source::Expires);
    check(200, "Expires: 300", 0, Source::Expires);
    check(200, &format!("Expires: never\n{TEN_DAYS_BEFORE}"), 0, Source::Expires);
    check(200, "Expires: Mon, 01 Jun 2026 00:00:00 GMT", 0, Source::Expires);
    // §4.2: whatever the case; the three forms of RFC 9110 §5.6.7.
    check(200, "Expires: mon, 01 JUN 2026 00:05:00 gmt", 300, Source::Expires);
    check(200, "Expires: Monday, 01-Jun-26 00:05:00 GMT", 300, Source::Expires);
    check(200, "Expires: Mon Jun  1 00:05:00 2026", 300, Source::Expires);
    check(200, "Expires: Fri, 31 Dec 9999 23:59:59 GMT", 251_622_028_799, Source::Expires);
    // §4.2.1: of two, the first.
    check(200, &format!("{expires}Expires: 0"), 300, Source::Expires);
    check(200, &format!("Expires: 0\n{expires}"), 0, Source::Expires);
    check(200, "Cache-Control: max-age=5, max-age=7", 5, Source::MaxAge);
    check(200, "Cache-Control: max-age=5\nCache-Control: max-age=7", 5, Source::MaxAge);
    check(200, "Cache-Control: s-maxage=5, s-maxage=7", 5, Source::SMaxAge);
    // What states a freshness that cannot be read states none: stale.
    for invalid in ["max-age=a", "max-age=-5", "max-age=5.0", "max-age='5'", "max-age", "max-age=", "max-age=5 s"] {
        check(200, &format!("Cache-Control: {invalid}\n{expires}{TEN_DAYS_BEFORE}"), 0, Source::MaxAge);
    }
    check(200, "Cache-Control: s-maxage=a, max-age=5", 0, Source::SMaxAge);
    check(200, "Cache-Control: max-age=\"5\"", 5, Source::MaxAge);
    check(200, "Cache-Control: MAX-AGE=005", 5, Source::MaxAge);
    // §1.2.2
    check(200, "Cache-Control: max-age=99999999999999999999", 1 << 31, Source::MaxAge);
    check(200, "Cache-Control: x=\"max-age=5\", max-age=7", 7, Source::MaxAge);
    // §4.2.2: 10 % of the time since Last-Modified, at most a week, for statuses that allow it.
    check(200, TEN_DAYS_BEFORE, day, Source::Heuristic);
    check(200, "Last-Modified: Mon, 01 Jun 2020 00:00:00 GMT", 7 * day, Source::Heuristic);
    check(200, "Last-Modified: Mon, 01 Jun 2027 00:00:00 GMT", 0, Source::Heuristic);
    check(200, "Last-Modified: yesterday", 0, Source::None);
    check(200, "ETag: \"a\"", 0, Source::None);
    for status in [203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        check(status, TEN_DAYS_BEFORE, day, Source::Heuristic);
    }
    for status in [201, 302, 303, 307, 403, 500, 503, 599] {
        check(status, TEN_DAYS_BEFORE, 0, Source::None);
        // §5.2.2.9
        check(status, &format!("Cache-Control: public\n{TEN_DAYS_BEFORE}"), day, Source::Heuristic);
    }
}

#[test]
fn without_a_date_the_time_of_receipt_stands_in_if_it_is_believed() {
    let expires = Block::new("Expires: Mon, 01 Jun 2026 00:05:00 GMT");
    let unsure = Now { sure: false, ..at(0) };
    let lifetime = |received: Now| {
        Freshness::of(200, expires.fields(), &Targets::default(), Assigned::default(), received).lifetime
    };
    assert_eq!(lifetime(at(100)), Duration::from_secs(200));
    assert_eq!(lifetime(unsure), Duration::ZERO);
}

#[test]
fn a_route_gives_freshness_where_there_is_none_or_to_all() {
    let check = |assigned: Assigned, status: u16, text: &str, seconds: u64| {
        let block = Block::new(&format!("{DATE}{text}"));
        let freshness = Freshness::of(status, block.fields(), &Targets::default(), assigned, at(0));
        assert_eq!(freshness.lifetime, Duration::from_secs(seconds), "{status} {text}");
        freshness
    };
    let on = Assigned { forced: false, ..assigned(&forced()) };
    let forced = Assigned { forced: true, ..on };
    check(on, 200, "", 500);
    check(on, 200, TEN_DAYS_BEFORE, 500);
    check(on, 200, "Cache-Control: max-age=5", 5);
    check(on, 404, "", 0);
    check(on, 500, "", 0);
    check(forced, 200, "Cache-Control: max-age=5", 500);
    let freshness = check(forced, 200, "Cache-Control: no-cache, must-revalidate, s-maxage=1", 500);
    assert!(!freshness.no_cache && !freshness.must_revalidate);
    let freshness = check(forced, 503, "Cache-Control: max-age=5, must-revalidate", 5);
    assert!(freshness.must_revalidate);
    // `cache.status` says which answers get it.
    let listed = assigned(&RouteCacheConfig { statuses: vec![404, 503], ..super::tests::forced() });
    check(listed, 404, "Cache-Control: max-age=5", 500);
    check(listed, 503, "", 500);
    check(listed, 200, "Cache-Control: max-age=5", 5);
    check(listed, 200, "", 0);
}

#[test]
fn ages_are_summed_up() {
    let check = |text: &str, asked: u64, received: u64, sure: bool, seconds: u64| {
        let block = Block::new(text);
        let received = Now { sure, ..at(received) };
        let age = initial_age(block.fields(), at(asked), received);
        assert_eq!(age, Duration::from_secs(seconds), "{text}");
    };
    // RFC 9111 §4.2.3: what the Age field says and the time on the way, or the time since Date if that is more.
    check("", 0, 0, true, 0);
    check("Age: 7", 0, 3, true, 10);
    check(DATE, 50, 50, true, 50);
    check(&format!("{DATE}Age: 70"), 50, 50, true, 70);
    check(DATE, 50, 50, false, 0);
    check("Date: Mon, 01 Jun 2026 01:00:00 GMT", 0, 0, true, 0);
    // §5.1: the first member counts, what is no number does not.
    check("Age: 7, 9", 0, 0, true, 7);
    check("Age: 7\nAge: 9", 0, 0, true, 7);
    check("Age: -7", 0, 0, true, 0);
    for invalid in ["x", "7.0", "\"7\"", "+7", "7s", "0x7", "7 8", ""] {
        check(&format!("Age: {invalid}"), 0, 0, true, 0);
    }
    check("Age: -7, 9", 0, 0, true, 0);
    check("Age: 007", 0, 0, true, 7);
    // §1.2.2
    check("Age: 99999999999999999999999999", 0, 0, true, 1 << 31);
}

#[test]
fn what_is_kept_and_what_is_not() {
    let check = |request: &str, status: u16, text: &str, expected: Result<(), NotStored>| {
        let block = Block::new(text);
        let found =
            may_store(&rules(request), status, block.fields(), Some(10), Size::bytes(10), &Targets::default(), at(0));
        assert_eq!(found.map(|_| ()), expected, "{request} / {status} {text}");
    };
    let fresh = "Cache-Control: max-age=5";
    // RFC 9111 §3: explicit freshness makes any final status storable, the rest needs a status that allows guessing.
    for status in [200, 201, 299, 302, 303, 307, 400, 403, 404, 499, 500, 503, 599, 999] {
        check("", status, fresh, Ok(()));
        check("", status, "Expires: Mon, 01 Jun 2026 00:05:00 GMT", Ok(()));
    }
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        check("", status, "ETag: \"1\"", Ok(()));
    }
    for status in [201, 302, 400, 403, 500, 503] {
        check("", status, "ETag: \"1\"", Err(NotStored::Status));
        check("", status, "ETag: \"1\"\nCache-Control: public", Ok(()));
    }
    check("", 206, fresh, Err(NotStored::Partial));
    check("", 304, fresh, Err(NotStored::NotModified));
    check("", 103, fresh, Err(NotStored::Interim));
    // RFC 6585; what depends on more than a key holds.
    for status in [401, 407, 408, 416, 421, 425, 428, 429, 431, 511] {
        check("", status, "Cache-Control: public, max-age=5", Err(NotStored::OneRequest));
    }
    // RFC 9111 §5.4: Pragma means nothing in an answer.
    check("", 200, "Pragma: no-cache\nCache-Control: max-age=5", Ok(()));
    for status in [206, 304, 199] {
        check(
            "",
            status,
            "Cache-Control: public, max-age=5",
            Err(match status {
                206 => NotStored::Partial,
                304 => NotStored::NotModified,
                _ => NotStored::Interim,
            }),
        );
    }
    // §5.2.2.5, §5.2.2.3
    check("", 200, "Cache-Control: max-age=5, no-store", Err(NotStored::NoStore));
    check("", 200, "Cache-Control: max-age=5, no-store, must-understand", Ok(()));
    check("", 418, "Cache-Control: max-age=5, must-understand", Err(NotStored::MustUnderstand));
    check("", 200, "Cache-Control: max-age=5, no-store=x", Err(NotStored::NoStore));
    check("", 200, "Cache-Control: public, no-store", Err(NotStored::NoStore));
    check("", 200, "Cache-Control: max-age=5, no-store, must-understand=x", Err(NotStored::NoStore));
    for status in [200, 203, 204, 302, 307, 404, 410, 500, 503] {
        check("", status, "Cache-Control: max-age=5, no-store, must-understand", Ok(()));
    }
    for status in [299, 305, 402, 418, 599] {
        let said = "Cache-Control: max-age=5, no-store, must-understand";
        check("", status, said, Err(NotStored::MustUnderstand));
    }
    // §5.2.2.7
    check("", 200, "Cache-Control: max-age=5, private", Err(NotStored::Private));
    check("", 200, "Cache-Control: public, max-age=5, private", Err(NotStored::Private));
    check("", 200, "Cache-Control: max-age=5, private=\"\"", Err(NotStored::Private));
    check("", 200, "Cache-Control: max-age=5, private=\"X\"", Ok(()));
    // §5.2.1.5
    check("Cache-Control: no-store", 200, fresh, Err(NotStored::RequestNoStore));
    // §3.5
    check("Authorization: x", 200, fresh, Err(NotStored::Authorization));
    for leave in ["public", "s-maxage=3", "must-revalidate"] {
        check("Authorization: x", 200, &format!("Cache-Control: max-age=5, {leave}"), Ok(()));
    }
    check("Authorization: x", 200, "Cache-Control: max-age=5, proxy-revalidate", Err(NotStored::Authorization));
    // §5.2.3: unknown directives and request cookies change nothing.
    check("Cookie: a=b", 200, "Cache-Control: max-age=5, x-unknown, other=\"no-store\"", Ok(()));
    // §4.1
    check("", 200, "Cache-Control: max-age=5\nVary: Accept, *", Err(NotStored::VaryAny));
    check("", 200, "Cache-Control: max-age=5\nVary: Accept", Ok(()));
    // Cookies for everybody only where the origin says for how long.
    check("", 200, "Set-Cookie: a=b\nCache-Control: max-age=5", Ok(()));
    check("", 200, &format!("Set-Cookie: a=b\n{TEN_DAYS_BEFORE}"), Err(NotStored::SetCookie));
    check("", 200, "Set-Cookie: a=b\nCache-Control: max-age=0\nETag: \"1\"", Err(NotStored::SetCookie));
    check("", 200, "Set-Cookie: a=b\nCache-Control: max-age=5, no-cache\nETag: \"1\"", Err(NotStored::SetCookie));
    // A cookie that is withheld (§5.2.2.4, §5.2.2.7) is given to nobody.
    for withheld in ["private", "no-cache"] {
        let said = format!("Cache-Control: {withheld}=\"Set-Cookie\"\nSet-Cookie: a=b\n{TEN_DAYS_BEFORE}");
        check("", 200, &said, Ok(()));
    }
    // What could never be used again is not worth a write.
    check("", 200, "", Err(NotStored::NothingToReuse));
    check("", 200, "Cache-Control: max-age=0", Err(NotStored::NothingToReuse));
    check("", 200, "Cache-Control: max-age=0, stale-if-error=60", Ok(()));
    check("", 200, "Cache-Control: no-cache\nETag: W/\"1\"", Ok(()));
    check("", 200, "Cache-Control: no-cache\nLast-Modified: Mon, 01 Jun 2026 00:00:00 GMT", Ok(()));
    check("", 200, "ETag: none", Err(NotStored::NothingToReuse));
}

#[test]
fn sizes_are_limited() {
    let block = Block::new("Cache-Control: max-age=5");
    let check = |length: Option<u64>| {
        may_store(&RequestRules::PLAIN, 200, block.fields(), length, Size::bytes(10), &Targets::default(), at(0))
            .map(|_| ())
    };
    assert_eq!(check(Some(10)), Ok(()));
    assert_eq!(check(None), Ok(()));
    assert_eq!(check(Some(11)), Err(NotStored::TooLarge));
}

#[test]
fn a_route_that_forces_overrides_the_origin_but_not_what_is_personal() {
    let check = |asked: &str, status: u16, text: &str, expected: Result<(), NotStored>| {
        let rules = request(Block::new(asked).fields(), Method::Get, &forced()).unwrap();
        let block = Block::new(text);
        let found = may_store(&rules, status, block.fields(), None, Size::mib(1), &Targets::default(), at(0));
        assert_eq!(found.map(|_| ()), expected, "{asked} / {status} {text}");
    };
    check("", 200, "", Ok(()));
    check("", 200, "Cache-Control: no-store, no-cache, max-age=0", Ok(()));
    // A search of kiwix-serve.
    check("", 200, "Cache-Control: max-age=0, must-revalidate\nVary: Accept-Encoding", Ok(()));
    check("", 200, "Set-Cookie: a=b", Ok(()));
    check("", 200, "Cache-Control: private", Err(NotStored::Private));
    check("Authorization: x", 200, "", Err(NotStored::Authorization));
    check("Authorization: x", 200, "Cache-Control: public", Ok(()));
    check("", 200, "Vary: *", Err(NotStored::VaryAny));
    check("", 206, "", Err(NotStored::Partial));
    check("", 500, "", Err(NotStored::Status));
    check("", 429, "", Err(NotStored::OneRequest));
    check("", 404, "Cache-Control: no-store", Err(NotStored::NoStore));
}

fn stored(text: &str, age: u64) -> Stored {
    let block = Block::new(&format!("{DATE}{text}"));
    Stored {
        freshness: Freshness::of(200, block.fields(), &Targets::default(), Assigned::default(), at(0)),
        times: Times {
            initial_age: Duration::from_secs(age),
            received: at(0).wall,
            sure: true,
            since: Since::Received(at(0).mono),
        },
        invalidated: false,
        personal: false,
    }
}

#[test]
fn a_stored_answer_is_served_or_validated() {
    let check = |request: &str, text: &str, age: u64, expected: Reuse| {
        assert_eq!(may_serve(&stored(text, age), &rules(request), at(0)), expected, "{request} / {text} at {age}");
    };
    let stale = Reuse::Validate(Forward::Stale);
    let asked = Reuse::Validate(Forward::Request);
    let ten = "Cache-Control: max-age=10";
    // RFC 9111 §4.2: fresh while the lifetime is greater than the age.
    check("", ten, 9, Reuse::Serve);
    check("", ten, 10, stale);
    check("", "ETag: \"1\"", 0, stale);
    // §5.2.2.4
    check("", "Cache-Control: max-age=10, no-cache", 0, stale);
    check("", "Cache-Control: max-age=10, no-cache=\"X\"", 0, Reuse::Serve);
    // §5.2.1.4, §5.4
    check("Cache-Control: no-cache", ten, 0, asked);
    check("Pragma: no-cache", ten, 0, asked);
    // §5.2.1.1
    check("Cache-Control: max-age=5", ten, 5, Reuse::Serve);
    check("Cache-Control: max-age=5", ten, 6, asked);
    check("Cache-Control: max-age=0", ten, 1, asked);
    check("Cache-Control: max-age=20", ten, 15, stale);
    // RFC 8246 §2
    let immutable = "Cache-Control: max-age=10, immutable";
    check("Cache-Control: max-age=0", immutable, 5, Reuse::Serve);
    check("Cache-Control: max-age=0", immutable, 10, stale);
    check("Cache-Control: no-cache", immutable, 5, asked);
    check("Cache-Control: min-fresh=6", immutable, 5, asked);
    // §5.2.1.3
    check("Cache-Control: min-fresh=4", ten, 6, Reuse::Serve);
    check("Cache-Control: min-fresh=5", ten, 6, asked);
    // §5.2.1.2
    check("Cache-Control: max-stale", ten, 1000, Reuse::Serve);
    check("Cache-Control: max-stale=5", ten, 15, Reuse::Serve);
    check("Cache-Control: max-stale=5", ten, 16, stale);
    check("Cache-Control: max-stale=5, max-age=12", ten, 14, stale);
    check("Cache-Control: max-stale, no-cache", ten, 14, stale);
    // §5.2.2.2, §5.2.2.8, §5.2.2.10, §5.2.2.4: no wish of a client opens these.
    for forbids in ["must-revalidate", "proxy-revalidate", "s-maxage=10", "no-cache"] {
        check("Cache-Control: max-stale", &format!("Cache-Control: max-age=10, {forbids}"), 11, stale);
    }
    // §5.2.1.5: does not apply to what is stored already.
    check("Cache-Control: no-store", ten, 0, Reuse::Serve);
    let invalidated = Stored { invalidated: true, ..stored(ten, 0) };
    assert_eq!(may_serve(&invalidated, &rules("Cache-Control: max-stale"), at(0)), stale);
}

#[test]
fn a_stale_answer_stands_in_where_nothing_forbids_it() {
    use StaleForbidden::{MustRevalidate, NoCache, Personal, TooOld};
    let check = |request: &str, text: &str, age: u64, instead: StaleFor, expected: Result<(), StaleForbidden>| {
        let found = may_serve_stale(&stored(text, age), &rules(request), route().stale, instead, at(0));
        assert_eq!(found, expected, "{request} / {text} at {age} {instead:?}");
    };
    let ten = "Cache-Control: max-age=10";
    let error = "Cache-Control: max-age=10, stale-if-error=50";
    // The route's own time (1000 s) is for an upstream that cannot be reached.
    check("", ten, 1010, StaleFor::Unreachable, Ok(()));
    check("", ten, 1011, StaleFor::Unreachable, Err(TooOld));
    check("", ten, 1010, StaleFor::ServerError(503), Ok(()));
    check("", ten, 11, StaleFor::ServerError(500), Err(TooOld));
    // RFC 5861 §4
    check("", error, 60, StaleFor::ServerError(500), Ok(()));
    check("", error, 61, StaleFor::ServerError(500), Err(TooOld));
    check("Cache-Control: stale-if-error=90", ten, 100, StaleFor::ServerError(500), Ok(()));
    check("", "Cache-Control: max-age=10, stale-if-error=5000", 4000, StaleFor::Unreachable, Ok(()));
    check("Cache-Control: max-stale", ten, 99_999, StaleFor::Unreachable, Ok(()));
    // RFC 9111 §4.2.4
    check("", "Cache-Control: max-age=10, must-revalidate", 11, StaleFor::Unreachable, Err(MustRevalidate));
    check("", "Cache-Control: max-age=10, proxy-revalidate", 11, StaleFor::Unreachable, Err(MustRevalidate));
    check("", "Cache-Control: s-maxage=10", 11, StaleFor::Unreachable, Err(MustRevalidate));
    check("", "Cache-Control: max-age=10, no-cache", 1, StaleFor::Unreachable, Err(NoCache));
    check("", "Cache-Control: no-cache, stale-if-error=50", 1, StaleFor::Unreachable, Err(NoCache));
    // Still fresh, but the client wanted it newer.
    check("Cache-Control: no-cache", "Cache-Control: max-age=10, must-revalidate", 5, StaleFor::Unreachable, Ok(()));
    // What has no freshness may have been made for one person.
    check("", "ETag: \"1\"", 5, StaleFor::Unreachable, Ok(()));
    let personal = Stored { personal: true, ..stored("ETag: \"1\"", 5) };
    let found = may_serve_stale(&personal, &rules(""), route().stale, StaleFor::Unreachable, at(0));
    assert_eq!(found, Err(Personal));
    let personal = Stored { personal: true, ..stored(ten, 20) };
    let found = may_serve_stale(&personal, &rules(""), route().stale, StaleFor::Unreachable, at(0));
    assert_eq!(found, Ok(()));
}

#[test]
fn a_stale_answer_is_served_while_it_is_checked_behind() {
    use StaleForbidden::{Invalidated, MustRevalidate, NoCache, Personal, Requested, TooOld};
    let check = |request: &str, text: &str, age: u64, expected: Result<(), StaleForbidden>| {
        let found = may_serve_while_revalidating(&stored(text, age), &rules(request), at(0));
        assert_eq!(found, expected, "{request} / {text} at {age}");
    };
    let ten = "Cache-Control: max-age=10, stale-while-revalidate=5";
    // RFC 5861 §3
    check("", ten, 10, Ok(()));
    check("", ten, 15, Ok(()));
    check("", ten, 16, Err(TooOld));
    check("", "Cache-Control: max-age=10", 10, Err(TooOld));
    check("", "Cache-Control: max-age=10, stale-while-revalidate=0", 10, Ok(()));
    check("", "Cache-Control: max-age=10, stale-while-revalidate=x", 10, Err(TooOld));
    check("", "Cache-Control: max-age=10, stale-while-revalidate=\"5\"", 12, Ok(()));
    check("", "Cache-Control: stale-while-revalidate=5\nETag: \"1\"", 3, Ok(()));
    // RFC 9111 §4.2.4
    for forbids in ["must-revalidate", "proxy-revalidate", "s-maxage=10"] {
        check("", &format!("{ten}, {forbids}"), 12, Err(MustRevalidate));
    }
    check("", &format!("{ten}, no-cache"), 12, Err(NoCache));
    check("", &format!("{ten}, no-cache=\"X\""), 12, Ok(()));
    // §5.2.1: what the client says of ages and of staleness.
    check("Cache-Control: no-cache", ten, 12, Err(Requested));
    check("Pragma: no-cache", ten, 12, Err(Requested));
    check("Cache-Control: max-age=60", ten, 12, Err(Requested));
    check("Cache-Control: min-fresh=0", ten, 12, Err(Requested));
    check("Cache-Control: max-stale=1", ten, 12, Err(Requested));
    check("Cache-Control: max-stale=2", ten, 12, Ok(()));
    check("Cache-Control: max-age=60, max-stale", ten, 12, Ok(()));
    check("Cache-Control: max-age=11, max-stale", ten, 12, Err(Requested));
    let serves = |stored: &Stored| may_serve_while_revalidating(stored, &rules(""), at(0));
    assert_eq!(serves(&Stored { invalidated: true, ..stored(ten, 12) }), Err(Invalidated));
    let unlimited = "Cache-Control: max-age=0, stale-while-revalidate=50";
    assert_eq!(serves(&Stored { personal: true, ..stored(unlimited, 12) }), Err(Personal));
    assert_eq!(serves(&Stored { personal: true, ..stored(ten, 12) }), Ok(()));
    // Where nobody knows the age, nobody knows that it is not too old.
    let mut unknown = stored(ten, 0);
    unknown.times = Times { sure: false, since: Since::Opened(at(0).mono), ..unknown.times };
    assert_eq!(serves(&unknown), Err(TooOld));
}

#[test]
fn ages_of_an_earlier_run_need_a_clock_that_is_believed() {
    let opened = Since::Opened(Mono::from_millis(5_000));
    let times = |sure: bool| Times {
        initial_age: Duration::from_secs(3),
        received: Wall::from_seconds(START),
        sure,
        since: opened,
    };
    let now = |seconds: i64, sure: bool| Now {
        mono: Mono::from_millis(25_000),
        wall: Wall::from_seconds(START + seconds),
        sure,
    };
    assert_eq!(times(true).age(now(100, true)), Some(Duration::from_secs(103)));
    for (then, now) in [(false, now(100, true)), (true, now(100, false)), (true, now(-3, true))] {
        assert_eq!(times(then).age(now), None);
        assert_eq!(times(then).least_age(now), Duration::from_secs(23));
    }
}

#[test]
fn a_clock_that_is_set_makes_nothing_older_that_came_in_this_run() {
    let unsure = Now { sure: false, ..at(0) };
    let block = Block::new(DATE);
    let times = Times {
        initial_age: initial_age(block.fields(), unsure, unsure),
        received: unsure.wall,
        sure: false,
        since: Since::Received(unsure.mono),
    };
    let three_years = Duration::from_secs(3 * 365 * 86_400);
    let set = Now { mono: unsure.mono.after(Duration::from_secs(5)), wall: unsure.wall.after(three_years), sure: true };
    assert_eq!(times.age(set), Some(Duration::from_secs(5)));
    let next_run = Times { since: Since::Opened(Mono::default()), ..times };
    assert_eq!(next_run.age(set), None, "nobody knows when it came");
}

#[test]
fn hop_by_hop_and_withheld_fields_are_not_kept() {
    let check = |text: &str, cookies: bool, expected: &str| {
        let block = Block::new(text);
        let kept = kept(block.fields(), &Targets::default(), cookies, Now { sure: false, ..at(0) }).unwrap();
        assert_eq!(String::from_utf8(kept).unwrap(), expected.replace('\n', "\r\n"), "{text}");
    };
    // RFC 9111 §3.1
    check("A: 1\nConnection: close, B\nB: 2\nKeep-Alive: 5\nTE: x\nUpgrade: x\nC:", false, "A: 1\nC: \n");
    check("Proxy-Authenticate: x\nProxy-Authentication-Info: x\nProxy-Authorization: x\nA: 1", false, "A: 1\n");
    check("Age: 5\nContent-Length: 5\nA: 1\nContent-Type: a/b", false, "A: 1\nContent-Type: a/b\n");
    // §5.2.2.4, §5.2.2.7
    let control = "Cache-Control: private=\"X-One, x-two\"\n";
    check(&format!("{control}X-One: 1\nX-Two: 2\nX-Three: 3"), false, &format!("{control}X-Three: 3\n"));
    let control = "Cache-Control: no-cache=\"Set-Cookie\"\n";
    check(&format!("{control}Set-Cookie: a\nX: 1"), true, &format!("{control}X: 1\n"));
    check("Set-Cookie: a\nSet-Cookie: b", true, "Set-Cookie: a\nSet-Cookie: b\n");
    check("Set-Cookie: a\nX: 1", false, "X: 1\n");
}

#[test]
fn a_304_replaces_fields_by_name() {
    let check = |old: &str, new: &str, expected: &str| {
        let (old, block) = (Block::new(old), Block::new(new));
        let merged = updated(old.fields(), block.fields(), &Targets::default(), false, at(0)).unwrap();
        assert_eq!(String::from_utf8(merged).unwrap(), expected.replace('\n', "\r\n"), "{new}");
    };
    // RFC 9111 §3.2
    let now = "Date: Mon, 01 Jun 2026 00:00:00 GMT\n";
    check(
        "A: 1\nB: 2\na: 3\nContent-Type: old",
        "A: 4\nA: 5\nC: 6\nContent-Type: new",
        &format!("B: 2\nA: 4\nA: 5\nC: 6\nContent-Type: new\n{now}"),
    );
    check(
        "A: 1",
        "Content-Length: 0\nContent-Range: bytes 0-1/2\nConnection: X\nX: 1\nAge: 5",
        &format!("A: 1\n{now}"),
    );
    check("A: 1\nDate: Fri, 22 May 2026 00:00:00 GMT", "B: 2", &format!("A: 1\nB: 2\n{now}"));
    check("Date: x", "Date: Fri, 22 May 2026 00:00:00 GMT", "Date: Fri, 22 May 2026 00:00:00 GMT\n");
    check("A: 1", "Set-Cookie: a=b", &format!("A: 1\n{now}"));
    // The stored bytes stay in their coding.
    check("Content-Encoding: gzip", "Content-Encoding: br", &format!("Content-Encoding: gzip\n{now}"));
    check("A: 1", "Content-Encoding: br", &format!("A: 1\n{now}"));
    check(
        "Content-Length: 5",
        "Proxy-Authenticate: x\nTransfer-Encoding: chunked",
        &format!("Content-Length: 5\n{now}"),
    );
    // §5.2.2.7: what is withheld from now on goes.
    let private = "Cache-Control: private=\"X\"\n";
    check("X: 1\nY: 2", &format!("{private}X: 3"), &format!("Y: 2\n{private}{now}"));
    // RFC 9110 §8.8.1: no weak tag becomes a strong one.
    check("ETag: W/\"1\"", "ETag: \"1\"", &format!("ETag: W/\"1\"\n{now}"));
    check("ETag: \"1\"", "ETag: W/\"1\"", &format!("ETag: W/\"1\"\n{now}"));
    check("ETag: \"1\"", "ETag: \"2\"", &format!("ETag: \"2\"\n{now}"));
    // Lifetimes are counted from the date of the answer that states them.
    let old = "Date: Fri, 22 May 2026 00:00:00 GMT\n";
    let unsure = Now { sure: false, ..at(0) };
    let (old, new) = (Block::new(old), Block::new("Expires: Mon, 01 Jun 2026 00:05:00 GMT"));
    let merged = updated(old.fields(), new.fields(), &Targets::default(), false, unsure).unwrap();
    assert_eq!(merged, b"Expires: Mon, 01 Jun 2026 00:05:00 GMT\r\n");
}

#[test]
fn a_304_is_about_the_representation_whose_validator_it_has() {
    let modified = Wall::from_seconds(START - 10 * 24 * 3600);
    let check = |etag: Option<&str>, last_modified: Option<Wall>, new: &str, expected: bool| {
        let stored = Validators { etag: etag.map(str::as_bytes), last_modified };
        assert_eq!(same_representation(&stored, Block::new(new).fields()), expected, "{etag:?} {new}");
    };
    // RFC 9111 §4.3.4
    check(Some("\"1\""), None, "ETag: \"1\"", true);
    check(Some("\"1\""), None, "ETag: \"2\"", false);
    check(Some("\"1\""), None, "ETag: W/\"1\"", true);
    check(Some("W/\"1\""), None, "ETag: W/\"1\"", true);
    check(Some("W/\"1\""), None, "ETag: \"1\"", true);
    check(None, Some(modified), "ETag: \"1\"", false);
    check(None, Some(modified), TEN_DAYS_BEFORE, true);
    check(None, Some(modified), "Last-Modified: Sat, 23 May 2026 00:00:00 GMT", false);
    check(Some("\"1\""), Some(modified), "", true);
    check(Some("\"1\""), Some(modified), &format!("ETag: \"1\"\n{TEN_DAYS_BEFORE}"), true);
    check(None, Some(modified), "", true);
}

#[test]
fn an_answer_to_head_is_about_the_same_representation_or_another() {
    let modified = Wall::from_seconds(START - 10 * 24 * 3600);
    let check = |etag: Option<&str>, last_modified: Option<Wall>, length: Option<u64>, new: &str, expected: bool| {
        let stored = Validators { etag: etag.map(str::as_bytes), last_modified };
        assert_eq!(same_by_head(&stored, length, Block::new(new).fields()), expected, "{etag:?} {length:?} {new}");
    };
    // RFC 9111 §4.3.5
    check(Some("\"1\""), None, Some(5), "ETag: \"1\"\nContent-Length: 5", true);
    check(Some("\"1\""), None, Some(5), "ETag: \"1\"", true);
    check(Some("\"1\""), None, Some(5), "ETag: \"2\"\nContent-Length: 5", false);
    check(Some("\"1\""), None, Some(5), "ETag: W/\"1\"", false);
    check(Some("\"1\""), None, Some(5), "ETag: \"1\"\nContent-Length: 6", false);
    check(Some("\"1\""), None, Some(5), "ETag: \"1\"\nContent-Length: x", false);
    check(None, Some(modified), Some(5), TEN_DAYS_BEFORE, true);
    check(None, Some(modified), Some(5), DATE, true);
    check(None, Some(modified), Some(5), "Last-Modified: Mon, 01 Jun 2026 00:00:00 GMT", false);
    check(None, Some(modified), Some(5), "Last-Modified: x", false);
    check(None, None, Some(5), "ETag: \"1\"", false);
    check(None, None, Some(5), "Content-Length: 5", true);
    check(Some("\"1\""), None, None, "ETag: \"1\"\nContent-Length: 7", true);
}
