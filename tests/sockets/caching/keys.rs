//! Whose answer is whose: requests that the origin tells apart never get each other's.

use crate::harness::{Answer, Gateway, Origin, Setup};

const FRESH: &str = "Cache-Control: max-age=60";

#[test]
fn routes_that_name_different_hosts_do_not_share_answers() {
    let origin = Origin::new(|seen| Answer::ok(&[FRESH], seen.field("host").unwrap_or("none")));
    let mut setup = Setup::new();
    for name in ["one", "two"] {
        let keys = format!("host = {name}\nupstream = {}\nupstream.host = {name}.example", origin.url());
        setup.route(name, &keys);
    }
    setup.route("own", &format!("upstream = {}", origin.url()));
    let gateway = setup.start();
    let ask = |host: &str| {
        let mut client = gateway.client();
        client.send(format!("GET /page HTTP/1.1\r\nHost: {host}\r\n\r\n")).response()
    };
    for again in [false, true] {
        for (host, expected) in
            [("one", "one.example"), ("two", "two.example"), ("x", &origin.url()["http://".len()..])]
        {
            let answer = ask(host);
            assert_eq!((answer.text().as_str(), answer.is_hit()), (expected, again), "{host}");
        }
    }
}

#[test]
fn what_only_a_forced_route_keeps_is_for_that_route() {
    let origin = Origin::new(|_| Answer::ok(&["Cache-Control: no-store, max-age=60"], "secret"));
    let mut setup = Setup::new();
    let forced = format!("host = forced\nupstream = {}\ncache = forced\ncache.for = 1 h", origin.url());
    setup.route("forced", &forced).route("other", &format!("upstream = {}", origin.url()));
    let gateway = setup.start();
    for hit in [false, true] {
        let answer = gateway.client().send("GET /page HTTP/1.1\r\nHost: forced\r\n\r\n").response();
        assert_eq!(answer.is_hit(), hit);
    }
    assert!(!gateway.get("/page").is_hit(), "no-store holds for a route that does not force");
}

#[test]
fn a_selecting_field_that_the_origin_never_saw_selects_nothing() {
    let origin = Origin::new(|seen| {
        let language = seen.field("accept-language").unwrap_or("none");
        Answer::ok(&[FRESH, "Vary: Accept-Language"], language)
    });
    let gateway = Gateway::before(&origin);
    for _ in 0..2 {
        let taken = gateway.get_with("/page", "Accept-Language: fr\r\nConnection: Accept-Language\r\n");
        assert_eq!((taken.text().as_str(), taken.is_hit()), ("none", false), "{}", taken.head);
    }
    assert_eq!(gateway.get_with("/page", "Accept-Language: fr\r\n").text(), "fr");
    let usual = gateway.get_with("/page", "Accept-Language: fr\r\nConnection: keep-alive, X-Not-There\r\n");
    assert!(usual.is_hit(), "{}", usual.head);
}

#[test]
fn what_varies_by_the_gateway_s_own_fields_is_not_shared() {
    let origin = Origin::new(|seen| {
        let vary = seen.target().trim_start_matches('/');
        Answer::ok(&[FRESH, &format!("Vary: Accept, {vary}")], seen.field(vary).unwrap_or("none"))
    });
    let gateway = Gateway::before(&origin);
    for name in ["X-Forwarded-Host", "x-forwarded-proto", "X-Forwarded-For", "Forwarded"] {
        for host in ["one", "two"] {
            let request = format!("GET /{name} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let answer = gateway.client().send(request).response();
            assert!(!answer.is_hit(), "{name}: {}", answer.head);
            assert!(name != "X-Forwarded-Host" || answer.text() == "none", "{}", answer.text());
        }
    }
}
