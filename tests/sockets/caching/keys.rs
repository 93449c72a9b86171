//! Whose answer is whose: requests that the origin tells apart never get each other's.

use crate::harness::{Answer, Origin, Setup};

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
