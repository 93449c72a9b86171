//! Keys: where they are looked for, and until when they are good.

use rustix::process::Signal;

use super::{Key, ask, guard, keepable};
use crate::harness::{Gateway, Origin, Setup};

fn check(gateway: &Gateway, target: &str, fields: &str, status: u16) {
    let response = gateway.get_with(target, fields);
    assert_eq!(response.status, status, "{target} {fields}: {}", response.head);
}

#[test]
fn a_key_is_found_where_the_route_looks_for_it_and_nowhere_else() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "plain", "auth = key");
    guard(&mut setup, &origin, "query", "auth = key\nauth.query = token");
    guard(&mut setup, &origin, "own", "auth = key\nauth.header = X-Pass");
    let gateway = setup.start();
    let key = Key::new(&gateway, &[]);
    let text = &key.text;
    let spaced = format!("{} {}-{}", &text[..15], &text[15..31], &text[31..]);
    let table = [
        ("/plain", key.bearer(), 200),
        ("/plain", key.field(), 200),
        ("/plain", format!("authorization: bEARER {text}\r\n"), 200),
        ("/plain", format!("x-api-key: {}\r\n", text.to_uppercase()), 200),
        ("/plain", format!("X-API-Key: {spaced}\r\n"), 200),
        ("/plain", format!("Authorization: {text}\r\n"), 401),
        ("/plain", format!("Authorization: Token {text}\r\n"), 401),
        ("/plain", format!("Cookie: X-API-Key={text}\r\n"), 401),
        ("/plain", format!("X-Pass: {text}\r\n"), 401),
        ("/plain", format!("X_API_Key: {text}\r\n"), 401),
        ("/query", key.bearer(), 200),
        ("/own", format!("X-Pass: {text}\r\n"), 200),
        ("/own", key.field(), 401),
        ("/own", key.bearer(), 401),
    ];
    for (target, fields, status) in &table {
        check(&gateway, target, fields, *status);
    }
    for (target, status) in [
        (format!("/query?token={text}"), 200),
        (format!("/query?a=1&token={text}&b=2"), 200),
        (format!("/query?Token={text}"), 401),
        (format!("/query?a=token={text}"), 401),
        (format!("/query#?token={text}"), 400),
        (format!("/plain?token={text}"), 401),
        (format!("/plain?key={text}"), 401),
    ] {
        check(&gateway, &target, "", status);
    }
    let expected = table.iter().filter(|row| row.2 == 200).count() + 2;
    assert_eq!(origin.count(), expected, "nothing that was refused went upstream");
    assert_eq!((origin.count_of("/query?a=1&b=2"), origin.count_of("/query?token")), (1, 0));
}

#[test]
fn a_text_that_is_no_good_key_opens_nothing() {
    let origin = Origin::plain();
    let (mut setup, mut other) = (Setup::new(), Setup::new());
    guard(&mut setup, &origin, "plain", "auth = key");
    let gateway = setup.start();
    let key = Key::new(&gateway, &[]);
    let strange = Key::new(&other.start(), &[]);
    let last = if key.text.ends_with('0') { '1' } else { '0' };
    let typo = format!("{}{last}", &key.text[..key.text.len() - 1]);
    // The name of a key that there is, with another one's secret.
    let mixed = format!("{}{}", &key.text[..15], &strange.text[15..]);
    let texts = [
        typo.as_str(),
        &strange.text,
        &mixed,
        &key.text[..key.text.len() - 1],
        &format!("{}0", key.text),
        &key.id,
        &format!("hafir_{}_", key.id),
        "hafir_",
        "hafir",
        "",
        "\u{e9}\u{e9}",
        &"a".repeat(7000),
    ];
    for text in texts {
        for fields in [super::bearer(text), format!("X-API-Key: {text}\r\n")] {
            check(&gateway, "/plain", &fields, 401);
        }
    }
    check(&gateway, "/plain", &key.bearer(), 200);
    assert_eq!(origin.count(), 1);
}

#[test]
fn a_revocation_holds_from_the_next_request_on() {
    let origin = keepable();
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "plain", "auth = key");
    let mut gateway = setup.start();
    let (key, other) = (Key::new(&gateway, &[]), Key::new(&gateway, &[]));
    let request = |key: &Key, more: &str| format!("GET /plain HTTP/1.1\r\nHost: board\r\n{}{more}\r\n", key.bearer());
    let mut open = gateway.client();
    assert_eq!(open.send(request(&key, "")).response().status, 200);
    gateway.wait_until_kept(1);
    for _ in 0..3 {
        let response = open.send(request(&key, "")).response();
        assert!(response.status == 200 && response.is_hit(), "{}", response.head);
    }
    key.revoke(&gateway);
    for more in ["", "If-None-Match: *\r\n", "Range: bytes=0-1\r\n", "Cache-Control: only-if-cached\r\n"] {
        let response = open.send(request(&key, more)).response();
        assert_eq!((response.status, response.is_hit()), (401, false), "{more}: {}", response.head);
        assert_eq!(gateway.get_with("/plain", &format!("{}{more}", key.bearer())).status, 401, "{more}");
    }
    // The others go on, on the same connection too.
    let response = open.send(request(&other, "")).response();
    assert!(response.status == 200 && response.is_hit(), "{}", response.head);
    gateway.start_again();
    check(&gateway, "/plain", &key.bearer(), 401);
    check(&gateway, "/plain", &other.bearer(), 200);
    assert_eq!(origin.count(), 1);
}

#[test]
fn the_secret_before_is_good_for_the_time_of_grace() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "plain", "auth = key");
    let mut gateway = setup.start();
    let (first, second) = (Key::new(&gateway, &[]), Key::new(&gateway, &[]));
    let rolled = first.roll(&gateway, &["--grace", "12h"]);
    let at_once = second.roll(&gateway, &[]);
    let short = Key::new(&gateway, &["--expires", "12h"]);
    let long = Key::new(&gateway, &["--expires", "90days"]);
    assert_eq!((&rolled.id, &at_once.id), (&first.id, &second.id));
    for (key, status) in [(&first, 200), (&rolled, 200), (&second, 401), (&at_once, 200), (&short, 200), (&long, 200)] {
        check(&gateway, "/plain", &key.bearer(), status);
    }
    // A day later, as far as the board can know.
    super::clock::set_later(&mut gateway, 86_400);
    for (key, status) in [(&first, 401), (&rolled, 200), (&at_once, 200), (&short, 401), (&long, 200)] {
        check(&gateway, "/plain", &key.bearer(), status);
    }
    rolled.revoke(&gateway);
    for key in [&first, &rolled] {
        check(&gateway, "/plain", &key.bearer(), 401);
    }
}

#[test]
fn a_key_in_the_query_stays_in_no_file_and_goes_nowhere() {
    let origin = keepable();
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "query", "auth = key\nauth.query = token");
    setup.set("log", "query", "on").set("log", "level", "debug");
    let mut gateway = setup.start();
    let (good, revoked) = (Key::new(&gateway, &[]), Key::new(&gateway, &[]));
    revoked.revoke(&gateway);
    let target = |key: &Key| format!("/query/page?seen=1&token={}&last=2", key.text);
    for _ in 0..3 {
        check(&gateway, &target(&good), "", 200);
        gateway.wait_until_kept(1);
    }
    assert_eq!(ask(&gateway, "POST", &target(&good), "").status, 200);
    check(&gateway, &target(&revoked), "", 401);
    check(&gateway, &format!("/query/page?token={}&token={}", good.text, revoked.text), "", 401);
    check(&gateway, &format!("/query/page?token={}x", good.text), "", 401);
    assert_eq!(origin.count(), 2, "the answer is shared whatever the key is");
    for seen in origin.requests() {
        assert_eq!(seen.target(), "/query/page?seen=1&last=2");
        assert!(!seen.head.contains(&good.id), "{}", seen.head);
    }
    let pages: Vec<String> = ["/status", "/status.json", "/metrics"]
        .map(|page| crate::harness::Client::connect(gateway.admin).get(page).text())
        .into();
    gateway.signal(Signal::TERM);
    gateway.wait_for_exit();
    let log = std::fs::read_to_string(gateway.folder.join("access.log")).expect("the access log");
    assert!(log.contains("/query/page?seen=1&last=2"), "{log}");
    for key in [&good, &revoked] {
        let secret = key.secret();
        assert!(!gateway.said().contains(secret) && !pages.concat().contains(secret));
        for file in gateway.folder.files("") {
            let bytes = std::fs::read(&file).expect("a file");
            assert!(crate::harness::find(&bytes, secret.as_bytes()).is_none(), "{}", file.display());
        }
    }
}
