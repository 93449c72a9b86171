//! What is kept, what it answers, and how it is checked with the origin.

use crate::harness::{Answer, Gateway, Origin, Setup, http_date, until};

/// One row: what the origin answers, what the client sends along, and whether a second request is a hit.
struct Row(&'static str, &'static [&'static str], &'static str, bool);

fn check_rows(route: &str, rows: &'static [Row]) {
    let origin = Origin::new(move |seen| {
        let number: usize = seen.target().trim_start_matches('/').parse().expect("a row's number");
        let fields: Vec<String> = rows[number].1.iter().map(|field| with_dates(field)).collect();
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let status = fields.iter().find_map(|field| field.strip_prefix(":status ")).unwrap_or("200 OK");
        let fields: Vec<&str> = fields.iter().copied().filter(|field| !field.starts_with(':')).collect();
        Answer::status(status, &fields, "body")
    });
    let mut setup = Setup::new();
    setup.route("all", &format!("path = /\nupstream = {}\n{route}", origin.url()));
    let gateway = setup.start();
    for (number, Row(rule, fields, sent, hit)) in rows.iter().enumerate() {
        let target = format!("/{number}");
        let sent = with_dates(sent);
        let first = gateway.get_with(&target, &sent);
        assert_eq!(first.text(), "body", "{rule}: {}", first.head);
        assert!(!first.is_hit(), "{rule}: {}", first.head);
        let second = gateway.get_with(&target, &sent);
        assert_eq!(second.text(), "body", "{rule}: {}", second.head);
        assert_eq!(second.is_hit(), *hit, "{rule}: {fields:?} then {sent:?}: {}", second.head);
        let asked = origin.requests().iter().filter(|seen| seen.target() == target).count();
        assert_eq!(asked, if *hit { 1 } else { 2 }, "{rule}: requests at the origin");
        let upstream_ages = fields.iter().any(|field| field.starts_with("Age:"));
        assert_eq!(second.field("age").is_some(), *hit || upstream_ages, "{rule}: Age in {}", second.head);
    }
}

/// `{+60}` stands for the HTTP date sixty seconds from now.
fn with_dates(text: &str) -> String {
    let Some((before, rest)) = text.split_once('{') else { return text.to_owned() };
    let (offset, after) = rest.split_once('}').expect("a closed brace");
    format!("{before}{}{after}", http_date(offset.parse().expect("seconds")))
}

#[test]
fn class_public_keeps_what_rfc_9111_allows() {
    check_rows(
        "",
        &[
            Row("max-age", &["Cache-Control: max-age=60"], "", true),
            Row("quoted max-age", &["Cache-Control: max-age=\"60\""], "", true),
            Row("directives in capitals", &["CACHE-CONTROL: MAX-AGE=60"], "", true),
            Row("several lines", &["Cache-Control: public", "Cache-Control: max-age=60"], "", true),
            Row("overflowing max-age", &["Cache-Control: max-age=99999999999999999999"], "", true),
            Row("max-age of zero", &["Cache-Control: max-age=0"], "", false),
            Row("invalid max-age is stale", &["Cache-Control: max-age=abc"], "", false),
            Row("negative max-age is stale", &["Cache-Control: max-age=-5"], "", false),
            Row("s-maxage before max-age", &["Cache-Control: max-age=0, s-maxage=60"], "", true),
            Row("s-maxage of zero", &["Cache-Control: max-age=60, s-maxage=0"], "", false),
            Row("max-age before Expires", &["Cache-Control: max-age=60", "Expires: {-60}"], "", true),
            Row("Expires", &["Expires: {60}"], "", true),
            Row("Expires in the past", &["Expires: {-60}"], "", false),
            Row("Expires: 0", &["Expires: 0"], "", false),
            Row("unknown directives", &["Cache-Control: frobnicate=1, max-age=60, x"], "", true),
            Row("immutable", &["Cache-Control: max-age=60, immutable"], "", true),
            Row("heuristics by Last-Modified", &["Last-Modified: {-864000}"], "", true),
            Row("no heuristics without it", &["X-Nothing: here"], "", false),
            Row("no-store", &["Cache-Control: no-store, max-age=60"], "", false),
            Row("private", &["Cache-Control: private, max-age=60"], "", false),
            Row("no-cache", &["Cache-Control: no-cache, max-age=60"], "", false),
            Row("Age uses the time up", &["Cache-Control: max-age=60", "Age: 100"], "", false),
            Row("Age leaves some", &["Cache-Control: max-age=600", "Age: 100"], "", true),
            Row("Vary: *", &["Cache-Control: max-age=60", "Vary: *"], "", false),
            Row("404 with freshness", &[":status 404 Not Found", "Cache-Control: max-age=60"], "", true),
            Row("301 with freshness", &[":status 301 Moved", "Location: /", "Cache-Control: max-age=60"], "", true),
            Row("500 without freshness", &[":status 500 Oh", "Last-Modified: {-864000}"], "", false),
            Row("unknown status", &[":status 599 Odd", "Last-Modified: {-864000}"], "", false),
            Row(
                "must-understand, unknown",
                &[":status 599 Odd", "Cache-Control: must-understand, max-age=60"],
                "",
                false,
            ),
            Row("Set-Cookie, explicit", &["Set-Cookie: a=1", "Cache-Control: max-age=60"], "", true),
            Row("Set-Cookie, heuristic", &["Set-Cookie: a=1", "Last-Modified: {-864000}"], "", false),
            Row("Authorization", &["Cache-Control: max-age=60"], "Authorization: Basic x\r\n", false),
            Row("Authorization, public", &["Cache-Control: public, max-age=60"], "Authorization: Basic x\r\n", true),
            Row("Authorization, s-maxage", &["Cache-Control: s-maxage=60"], "Authorization: Basic x\r\n", true),
            Row(
                "Authorization, must-revalidate",
                &["Cache-Control: max-age=60, must-revalidate"],
                "Authorization: Basic x\r\n",
                true,
            ),
            Row("Cookie does not bypass", &["Cache-Control: max-age=60"], "Cookie: a=1\r\n", true),
            Row("request no-store", &["Cache-Control: max-age=60"], "Cache-Control: no-store\r\n", false),
            Row("request no-cache", &["Cache-Control: max-age=60"], "Cache-Control: no-cache\r\n", false),
            Row("request Pragma", &["Cache-Control: max-age=60"], "Pragma: no-cache\r\n", false),
            Row("request max-age=0", &["Cache-Control: max-age=60"], "Cache-Control: max-age=0\r\n", false),
            Row("request max-age", &["Cache-Control: max-age=60"], "Cache-Control: max-age=30\r\n", true),
            Row("request min-fresh", &["Cache-Control: max-age=60"], "Cache-Control: min-fresh=600\r\n", false),
            Row("request unknown", &["Cache-Control: max-age=60"], "Cache-Control: whatever\r\n", true),
        ],
    );
}

#[test]
fn class_personal_goes_by_the_cache_for_people_who_are_known() {
    check_rows(
        "class = personal",
        &[
            Row("nobody in particular", &["Cache-Control: max-age=60"], "", true),
            Row("Cookie", &["Cache-Control: public, max-age=60"], "Cookie: a=1\r\n", false),
            Row("Authorization", &["Cache-Control: public, max-age=60"], "Authorization: Basic x\r\n", false),
        ],
    );
}

#[test]
fn a_route_can_keep_what_states_no_freshness_or_nothing_at_all() {
    check_rows(
        "cache.for = 1 h",
        &[
            Row("no freshness stated", &["X-Nothing: here"], "", true),
            Row("freshness stated", &["Cache-Control: max-age=0"], "", false),
            Row("no-store stays", &["Cache-Control: no-store"], "", false),
        ],
    );
    check_rows("cache = off", &[Row("off", &["Cache-Control: max-age=60"], "", false)]);
    check_rows(
        "cache = forced\ncache.for = 1 day",
        &[
            Row("no-store is overruled", &["Cache-Control: no-store"], "", true),
            Row("max-age=0 is overruled", &["Cache-Control: max-age=0"], "", true),
        ],
    );
}

#[test]
fn a_hit_is_the_same_answer_with_its_age() {
    let origin = Origin::always(Answer::ok(
        &["Cache-Control: max-age=60, frob", "ETag: \"v1\"", "X-Odd: caf\u{e9}", "Link: </a>", "Link: </b>"],
        "hello",
    ));
    let gateway = Gateway::before(&origin);
    let first = gateway.get("/x");
    let second = gateway.get("/x");
    assert!(second.is_hit() && second.field("age").is_some(), "{}", second.head);
    for name in ["etag", "x-odd", "link", "date", "cache-control", "content-length"] {
        assert_eq!(second.all(name), first.all(name), "{name}");
    }
    assert_eq!(second.body, first.body);
    assert!(second.cache_status().starts_with("hafir;"), "{}", second.head);
    assert_eq!(origin.count(), 1);
}

#[test]
fn answers_of_every_framing_and_size_are_kept() {
    let sizes = [0_usize, 1, 1000, 32 * 1024, 64 * 1024, 64 * 1024 + 1, 256 * 1024, 256 * 1024 + 1, 3_000_000];
    let origin = Origin::new(|seen| {
        let mut parts = seen.target().trim_start_matches('/').split('/');
        let kind = parts.next().unwrap_or_default();
        let size: usize = parts.next().and_then(|size| size.parse().ok()).expect("a size");
        let body = crate::harness::pattern(size, 9);
        let head = |framing: &str| format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\n{framing}\r\n");
        match kind {
            "length" => Answer::raw(head(&format!("Content-Length: {size}\r\n"))).send(body),
            "close" => Answer::raw(head("Connection: close\r\n")).send(body).close(),
            _ => {
                let mut answer = Answer::raw(head("Transfer-Encoding: chunked\r\n"));
                for piece in body.chunks(50_000) {
                    answer = answer.send(format!("{:x}\r\n", piece.len())).send(piece).send("\r\n");
                }
                answer.send("0\r\n\r\n")
            }
        }
    });
    let gateway = Gateway::before(&origin);
    for kind in ["length", "chunks", "close"] {
        for size in sizes {
            let target = format!("/{kind}/{size}");
            for round in 0..3 {
                let response = gateway.get(&target);
                let right = response.is_whole() && response.body == crate::harness::pattern(size, 9);
                assert!(right, "{target}, round {round}: {} bytes, {:?}", response.body.len(), response.end);
                assert_eq!(response.is_hit(), round > 0, "{target}, round {round}: {}", response.head);
            }
        }
    }
    assert_eq!(origin.count(), 3 * sizes.len());
}

#[test]
fn what_is_stale_is_checked_with_its_validators() {
    let origin =
        Origin::new(|seen| match (seen.target(), seen.field("if-none-match"), seen.field("if-modified-since")) {
            ("/etag", Some("\"v1\""), _) => {
                Answer::not_modified(&["ETag: \"v1\"", "X-Count: 2", "Cache-Control: max-age=0"])
            }
            ("/etag", None, _) => Answer::ok(&["ETag: \"v1\"", "X-Count: 1", "Cache-Control: max-age=0"], "body"),
            ("/modified", _, Some("Sun, 06 Nov 1994 08:49:37 GMT")) => {
                Answer::not_modified(&["Cache-Control: max-age=0"])
            }
            ("/modified", _, None) => {
                Answer::ok(&["Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Cache-Control: max-age=0"], "body")
            }
            (_, tag, date) => panic!("asked with {tag:?} and {date:?}"),
        });
    let gateway = Gateway::before(&origin);
    for target in ["/etag", "/modified"] {
        for round in 1..=3 {
            let response = gateway.get(target);
            assert_eq!((response.status, response.text().as_str()), (200, "body"), "{target}");
            assert_eq!(origin.count_of(target), round, "{target}");
        }
    }
    // RFC 9111 §3.2: the 304's fields replace the stored ones.
    assert_eq!(gateway.get("/etag").field("x-count"), Some("2"));
}

#[test]
fn a_304_makes_an_answer_fresh_again() {
    let origin = Origin::new(|seen| match seen.field("if-none-match") {
        None => Answer::ok(&["ETag: \"v1\"", "Cache-Control: max-age=0"], "body"),
        Some(_) => Answer::not_modified(&["ETag: \"v1\"", "Cache-Control: max-age=600"]),
    });
    let gateway = Gateway::before(&origin);
    gateway.keep_first("/x");
    gateway.get("/x");
    let response = gateway.get("/x");
    assert!(response.is_hit() && response.text() == "body", "{}", response.head);
    assert_eq!(origin.count(), 2);
}

#[test]
fn a_changed_answer_replaces_the_old_one() {
    let origin = Origin::new(|seen| match seen.field("if-none-match") {
        None => Answer::ok(&["ETag: \"v1\"", "Cache-Control: max-age=0"], "old"),
        Some(_) => Answer::ok(&["ETag: \"v2\"", "Cache-Control: max-age=600"], "new and longer"),
    });
    let gateway = Gateway::before(&origin);
    assert_eq!(gateway.get("/x").text(), "old");
    // The client has its answer when the card may still be taking it in.
    until("the new answer to be kept", || {
        let response = gateway.get("/x");
        response.is_hit() && response.text() == "new and longer"
    });
}

#[test]
fn variants_are_kept_apart() {
    let origin = Origin::new(|seen| {
        let language = seen.field("accept-language").unwrap_or("none").to_owned();
        Answer::ok(&["Vary: Accept-Language", "Cache-Control: max-age=60"], language)
    });
    let gateway = Gateway::before(&origin);
    for round in 0..2 {
        for language in ["en", "sw", "fr"] {
            let response = gateway.get_with("/x", &format!("Accept-Language: {language}\r\n"));
            assert_eq!((response.text().as_str(), response.is_hit()), (language, round == 1), "{}", response.head);
        }
        let response = gateway.get("/x");
        assert_eq!((response.text().as_str(), response.is_hit()), ("none", round == 1), "{}", response.head);
    }
    assert_eq!(origin.count(), 4);
}

#[test]
fn queries_and_upstreams_are_kept_apart() {
    let one = Origin::new(|seen| Answer::ok(&["Cache-Control: max-age=60"], format!("one {}", seen.target())));
    let two = Origin::new(|seen| Answer::ok(&["Cache-Control: max-age=60"], format!("two {}", seen.target())));
    let mut setup = Setup::new();
    setup.route("one", &format!("path = /\nhost = one.test\nupstream = {}", one.url()));
    setup.route("two", &format!("path = /\nhost = two.test\nupstream = {}", two.url()));
    let gateway = setup.start();
    for _ in 0..2 {
        for (host, target) in [("one", "/x"), ("two", "/x"), ("one", "/x?a=1"), ("one", "/x?a=2"), ("one", "/x?")] {
            let request = format!("GET {target} HTTP/1.1\r\nHost: {host}.test\r\n\r\n");
            assert_eq!(gateway.client().send(request).response().text(), format!("{host} {target}"));
        }
    }
    assert_eq!((one.count(), two.count()), (4, 1));
}

#[test]
fn unsafe_methods_make_what_is_kept_stale() {
    let origin = Origin::new(|seen| match seen.method() {
        "GET" => Answer::ok(&["Cache-Control: max-age=600"], "body"),
        _ if seen.target() == "/fails" => Answer::status("500 Oh", &[], ""),
        _ => Answer::status("204 No Content", &[], ""),
    });
    let gateway = Gateway::before(&origin);
    for (method, target, hit) in [
        ("POST", "/1", false),
        ("PUT", "/2", false),
        ("DELETE", "/3", false),
        ("PATCH", "/4", false),
        ("POST", "/fails", true),
    ] {
        gateway.get(target);
        assert!(gateway.get(target).is_hit(), "{target}");
        let request = format!("{method} {target} HTTP/1.1\r\nHost: board\r\nContent-Length: 0\r\n\r\n");
        let _ = gateway.client().send(request).response();
        assert_eq!(gateway.get(target).is_hit(), hit, "after {method} {target}");
    }
}

#[test]
fn head_requests_are_answered_from_what_get_brought() {
    let origin = Origin::always(Answer::ok(&["Cache-Control: max-age=60"], "hello"));
    let gateway = Gateway::before(&origin);
    gateway.keep_first("/x");
    let mut client = gateway.client();
    let response = client.send("HEAD /x HTTP/1.1\r\nHost: board\r\n\r\n").response_to("HEAD");
    assert!(response.is_hit(), "{}", response.head);
    assert_eq!(response.field("content-length"), Some("5"));
    assert_eq!(client.get("/x").text(), "hello");
    assert_eq!(origin.count(), 1);
}

#[test]
fn conditional_requests_are_answered_from_the_cache() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let modified = format!("Last-Modified: {date}");
    let origin = Origin::new(move |_| Answer::ok(&["Cache-Control: max-age=60", "ETag: \"v1\"", &modified], "hello"));
    let gateway = Gateway::before(&origin);
    gateway.keep_first("/x");
    for (condition, status) in [
        ("If-None-Match: \"v1\"", 304),
        ("If-None-Match: W/\"v1\"", 304),
        ("If-None-Match: \"v0\", \"v1\"", 304),
        ("If-None-Match: *", 304),
        ("If-None-Match: \"v2\"", 200),
        (&format!("If-Modified-Since: {date}"), 304),
        ("If-Modified-Since: Sat, 05 Nov 1994 08:49:37 GMT", 200),
        (&format!("If-None-Match: \"v2\"\r\nIf-Modified-Since: {date}"), 200),
    ] {
        let response = gateway.get_with("/x", &format!("{condition}\r\n"));
        assert_eq!(response.status, status, "{condition}: {}", response.head);
        assert_eq!(response.text(), if status == 200 { "hello" } else { "" });
        assert_eq!(response.field("etag"), Some("\"v1\""), "{condition}: {}", response.head);
    }
    assert_eq!(origin.count(), 1);
}

#[test]
fn a_client_s_condition_does_not_spoil_the_fill() {
    // The first request for an object is conditional: what is kept must be whole all the same.
    let origin = Origin::new(|seen| match seen.field("if-none-match") {
        Some(_) => Answer::not_modified(&["ETag: \"v1\"", "Cache-Control: max-age=60"]),
        None => Answer::ok(&["ETag: \"v1\"", "Cache-Control: max-age=60"], "hello"),
    });
    let gateway = Gateway::before(&origin);
    assert_eq!(gateway.get_with("/x", "If-None-Match: \"v1\"\r\n").status, 304);
    assert_eq!(gateway.get("/x").text(), "hello");
    assert_eq!(gateway.get_with("/x", "If-None-Match: \"v1\"\r\n").status, 304);
    assert_eq!(gateway.get("/x").text(), "hello");
}

#[test]
fn a_stored_answer_serves_ranges() {
    let body = crate::harness::pattern(600_000, 5);
    let whole = body.clone();
    let origin = Origin::new(move |_| Answer::ok(&["Cache-Control: max-age=60", "ETag: \"v1\""], &whole));
    let gateway = Gateway::before(&origin);
    gateway.keep_first("/x");
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=262143-262144", 262_143, 262_145),
        ("bytes=100000-", 100_000, 600_000),
        ("bytes=-10", 599_990, 600_000),
        ("bytes=599999-700000", 599_999, 600_000),
    ] {
        let response = gateway.get_with("/x", &format!("Range: {range}\r\n"));
        let expected = format!("bytes {from}-{}/600000", to - 1);
        assert_eq!((response.status, response.field("content-range")), (206, Some(expected.as_str())), "{range}");
        assert!(response.body == body[from..to], "{range}");
    }
    assert_eq!(gateway.get_with("/x", "Range: bytes=600000-\r\n").status, 416);
    for ignored in ["bytes=5-2", "lines=1-2", "bytes=x", "bytes="] {
        assert_eq!(gateway.get_with("/x", &format!("Range: {ignored}\r\n")).status, 200, "{ignored}");
    }
    let matched = gateway.get_with("/x", "Range: bytes=0-4\r\nIf-Range: \"v1\"\r\n");
    assert_eq!(matched.status, 206);
    assert_eq!(gateway.get_with("/x", "Range: bytes=0-4\r\nIf-Range: \"v0\"\r\n").status, 200);
    assert_eq!(origin.count(), 1);
}

#[test]
fn only_if_cached_never_asks_the_origin() {
    let origin = Origin::always(Answer::ok(&["Cache-Control: max-age=60"], "hello"));
    let gateway = Gateway::before(&origin);
    assert_eq!(gateway.get_with("/x", "Cache-Control: only-if-cached\r\n").status, 504);
    assert_eq!(origin.count(), 0);
    gateway.keep_first("/x");
    assert!(gateway.get_with("/x", "Cache-Control: only-if-cached\r\n").is_hit());
}

#[test]
fn conditions_are_only_about_what_is_a_200() {
    let origin =
        Origin::always(Answer::status("404 Not Found", &["Cache-Control: max-age=60", "ETag: \"a\""], "nothing"));
    let gateway = Gateway::before(&origin);
    for hit in [false, true, true] {
        let answer = gateway.get_with("/x", "If-None-Match: \"a\"\r\n");
        assert_eq!((answer.status, answer.is_hit()), (404, hit), "{}", answer.head);
    }
}

#[test]
fn a_304_again_to_the_question_without_conditions_is_no_answer() {
    let origin = Origin::new(|seen| match seen.field("if-none-match").or(seen.field("x-again")) {
        None => Answer::ok(&["Cache-Control: max-age=0, must-revalidate", "ETag: \"a\""], "hello"),
        Some(_) => Answer::not_modified(&["ETag: \"b\""]),
    });
    let gateway = Gateway::before(&origin);
    assert_eq!(gateway.get("/x").text(), "hello");
    assert_eq!(gateway.get_with("/x", "X-Again: yes\r\n").status, 502);
    assert_eq!(origin.count(), 3);
}

#[test]
fn a_kept_204_states_no_length() {
    let origin = Origin::always(Answer::raw("HTTP/1.1 204 No Content\r\nCache-Control: max-age=60\r\n\r\n"));
    let gateway = Gateway::before(&origin);
    for hit in [false, true] {
        let answer = gateway.get("/x");
        assert_eq!((answer.status, answer.is_hit(), answer.field("content-length")), (204, hit, None));
    }
}

#[test]
fn what_is_in_an_unknown_transfer_coding_passes_and_is_not_kept() {
    let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: x-unknown\r\n\r\n";
    let origin = Origin::always(Answer::raw(head).send("coded").close());
    let gateway = Gateway::before(&origin);
    for _ in 0..2 {
        let answer = gateway.get("/x");
        assert_eq!((answer.text().as_str(), answer.is_hit()), ("coded", false), "{}", answer.head);
    }
}

#[test]
fn the_name_a_client_came_by_is_in_no_page_kept_for_others() {
    let origin = Origin::new(|seen| {
        let told = format!("{:?} {:?}", seen.field("x-forwarded-host"), seen.field("forwarded"));
        Answer::ok(&["Cache-Control: max-age=60"], &told)
    });
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    client.send("GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n").response();
    let kept = gateway.get("/x");
    assert!(kept.is_hit() && !kept.text().contains("evil"), "{} {}", kept.head, kept.text());
    // An answer for one client alone may know it.
    let own = client.send("POST /x HTTP/1.1\r\nHost: good.example\r\nContent-Length: 0\r\n\r\n").response();
    assert!(own.text().contains("good.example"), "{}", own.text());
}

#[test]
fn what_is_never_kept_is_compared_by_its_own_client() {
    let origin = Origin::new(|seen| match seen.field("if-none-match") {
        Some("\"own\"") => Answer::status("304 Not Modified", &["ETag: \"own\""], ""),
        _ => Answer::ok(&["Cache-Control: private, max-age=0", "ETag: \"own\""], "for one alone"),
    });
    let gateway = Gateway::before(&origin);
    assert_eq!(gateway.get("/x").text(), "for one alone");
    assert_eq!(gateway.get_with("/x", "If-None-Match: \"own\"\r\n").status, 304);
    assert_eq!(gateway.get("/x").text(), "for one alone");
}
