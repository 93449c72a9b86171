//! What somebody is told who is not let in.

use super::{Key, basic, bearer, guard};
use crate::harness::{Gateway, Origin, Response, Setup, free_port, loopback};

fn challenges(gateway: &Gateway, target: &str, fields: &str) -> Vec<String> {
    let response = gateway.get_with(target, fields);
    assert_eq!(response.status, 401, "{target} {fields}: {}", response.head);
    assert_eq!(response.field("cache-control"), Some("no-store"));
    response.all("www-authenticate").into_iter().map(str::to_owned).collect()
}

#[test]
fn each_way_to_become_known_has_its_challenge() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    setup.set("jwt id", "issuer", "https://id.example").set("jwt id", "audience", "board");
    setup.set("jwt id", "keys.file", "/nonexistent/keys.json").set("user mary", "password", "sesame-open");
    for (name, rules) in [
        ("key", "auth = key"),
        ("own", "auth = key\nauth.header = X-Pass"),
        ("jwt", "auth = jwt"),
        ("password", "auth = basic"),
        ("all", "auth = key, jwt, basic"),
        ("both", "auth = jwt\nauth.require = basic"),
        ("mixed", "auth = basic, key\nauth.header = X-Pass"),
    ] {
        guard(&mut setup, &origin, name, &format!("{rules}\nauth.plain_http = on"));
    }
    let gateway = setup.start();
    let bearer_of = |name: &str| format!("Bearer realm=\"{name}\"");
    let basic_of = |name: &str| format!("Basic realm=\"{name}\", charset=\"UTF-8\"");
    let key_of = |name: &str| format!("ApiKey realm=\"{name}\", header=\"x-pass\"");
    for (name, expected) in [
        ("key", vec![bearer_of("key")]),
        ("own", vec![key_of("own")]),
        ("jwt", vec![bearer_of("jwt")]),
        ("password", vec![basic_of("password")]),
        ("all", vec![bearer_of("all"), basic_of("all")]),
        ("both", vec![bearer_of("both"), basic_of("both")]),
        ("mixed", vec![key_of("mixed"), basic_of("mixed")]),
    ] {
        assert_eq!(challenges(&gateway, &format!("/{name}"), ""), expected);
    }
    // RFC 6750 §3: who showed something is told that it does not hold.
    let invalid = |name: &str| vec![format!("{}, error=\"invalid_token\"", bearer_of(name))];
    assert_eq!(challenges(&gateway, "/key", &bearer("hafir_x")), invalid("key"));
    assert_eq!(challenges(&gateway, "/key", "X-API-Key: hafir_x\r\n"), invalid("key"));
    assert_eq!(challenges(&gateway, "/jwt", &bearer("a.b.c")), invalid("jwt"));
    assert_eq!(challenges(&gateway, "/password", &basic("mary:wrong")), [basic_of("password")]);
    assert_eq!(origin.count(), 0);
}

fn check_form(response: &Response, status: u16, html: bool, word: &str) {
    assert_eq!(response.status, status, "{}", response.head);
    let kind = if html { "text/html; charset=utf-8" } else { "application/problem+json" };
    assert_eq!(response.field("content-type"), Some(kind), "{}", response.head);
    assert!(response.field("vary").is_some_and(|vary| vary.contains("Accept")), "{}", response.head);
    let text = response.text();
    match html {
        true => assert!(text.starts_with("<!doctype html>") && text.contains("<h1>"), "{text}"),
        false => {
            assert!(text.contains(&format!("\"type\":\"urn:hafir:problem:{word}\"")), "{text}");
            assert!(text.contains(&format!("\"status\":{status}")), "{text}");
        }
    }
}

#[test]
fn people_get_a_page_and_programs_a_problem() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "key", "auth = key\nscope = records.read");
    let gateway = setup.start();
    let key = Key::new(&gateway, &[]);
    for (accept, html) in [
        ("", false),
        ("Accept: */*\r\n", false),
        ("Accept: application/json\r\n", false),
        ("Accept: application/problem+json, text/html;q=0.5\r\n", false),
        ("Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n", true),
    ] {
        check_form(&gateway.get_with("/key", accept), 401, html, "not-known");
        check_form(&gateway.get_with("/key", &format!("{accept}{}", key.bearer())), 403, html, "no-right");
        let text = gateway.get_with("/key", &format!("{accept}{}", bearer(&key.text[..40]))).text();
        assert!(!text.contains(&key.id) && !text.contains("hafir_"), "{text}");
    }
}

#[test]
fn a_connection_serves_on_after_a_refusal() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "key", "auth = key");
    let gateway = setup.start();
    let key = Key::new(&gateway, &[]);
    let mut client = gateway.client();
    for _ in 0..2 {
        let head = client.send("HEAD /key HTTP/1.1\r\nHost: board\r\n\r\n").response_to("HEAD");
        assert_eq!((head.status, head.all("www-authenticate").len()), (401, 1));
        let post = "POST /key HTTP/1.1\r\nHost: board\r\nContent-Length: 5\r\n";
        assert_eq!(client.send(format!("{post}\r\nhello")).response().status, 401);
        assert_eq!(client.send(format!("{post}{}\r\nhello", key.bearer())).response().status, 200);
        assert_eq!(client.get("/key").status, 401);
    }
    assert_eq!(origin.count(), 2);
    let chunked = "POST /key HTTP/1.1\r\nHost: board\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(gateway.client().send(chunked).response().status, 401);
    // Who waits to be told to go on is told no.
    let expects = "POST /key HTTP/1.1\r\nHost: board\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(gateway.client().send(expects).response().status, 401);
}

#[test]
fn what_tells_of_patients_is_told_over_tls_alone() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    setup.set("tls", "listen", &loopback(free_port()).to_string());
    setup.set("tls", "certificate", "none.pem").set("tls", "key", "none.pem");
    guard(&mut setup, &origin, "records", "auth = key\nclass = patient");
    let gateway = setup.start();
    let key = Key::new(&gateway, &[]);
    for fields in ["", &key.bearer(), "X-Forwarded-Proto: https\r\n", "Forwarded: proto=https\r\n"] {
        let response = gateway.get_with("/records", fields);
        check_form(&response, 403, false, "not-secure");
        assert!(response.all("www-authenticate").is_empty(), "nobody is asked for a credential in clear");
    }
    assert_eq!(origin.count(), 0);
}
