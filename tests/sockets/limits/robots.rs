//! `/robots.txt`, answered for all routes (RFC 9309).

use super::check_status;
use crate::harness::{Answer, Origin, Setup};

#[test]
fn crawlers_are_told_on_every_host_whatever_the_routes_below_would_say() {
    let origin = Origin::new(|seen| Answer::ok(&["Cache-Control: max-age=600"], seen.target()));
    let mut setup = Setup::before(&origin);
    setup.set("gateway", "robots", "refuse");
    setup.route("named", &format!("host = wiki.school\npath = /wiki\nupstream = {}", origin.url()));
    let gateway = setup.start();
    for host in ["board", "wiki.school", "192.168.4.1"] {
        let asked = format!("GET /robots.txt?x HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let response = gateway.client().send(asked).response();
        check_status(&response, 200);
        assert_eq!(response.text(), "User-agent: *\nDisallow: /\n");
        assert_eq!(response.field("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(response.field("cache-control"), Some("public, max-age=86400"));
    }
    assert_eq!(origin.count(), 0);
    let head = gateway.client().send("HEAD /robots.txt HTTP/1.1\r\nHost: board\r\n\r\n").response_to("HEAD");
    check_status(&head, 200);
    assert_eq!(head.field("content-length"), Some("26"));
    // Other methods and paths are the routes'.
    let posted =
        gateway.client().send("POST /robots.txt HTTP/1.1\r\nHost: board\r\nContent-Length: 0\r\n\r\n").response();
    assert_eq!((posted.status, posted.text().as_str()), (200, "/robots.txt"));
    assert_eq!(gateway.get("/wiki/robots.txt").text(), "/wiki/robots.txt");
    let mut kept = gateway.client();
    assert_eq!([kept.get("/robots.txt").status, kept.get("/b").status, kept.get("/robots.txt").status], [200; 3]);
}

#[test]
fn an_answer_that_was_kept_before_does_not_speak_for_the_gateway() {
    let origin = Origin::new(|_| Answer::ok(&["Cache-Control: max-age=600"], "come in"));
    let mut setup = Setup::before(&origin);
    setup.set("gateway", "robots", "off");
    let gateway = setup.start();
    assert_eq!(gateway.keep_first("/robots.txt").text(), "come in");
    assert!(gateway.get("/robots.txt").is_hit());
    super::replace_in_file(&gateway, "robots = off", "robots = refuse");
    gateway.signal(rustix::process::Signal::HUP);
    crate::harness::until("the gateway's own answer", || gateway.get("/robots.txt").text().contains("Disallow"));
}

#[test]
fn a_route_for_this_very_path_goes_before_and_no_route_is_needed() {
    let mut setup = Setup::new();
    setup.set("gateway", "robots", "allow");
    setup.route("own", "path = exact /robots.txt\nhost = own.school\nrespond = 200 my own");
    let gateway = setup.start();
    let ask = |host: &str, path: &str| {
        gateway.client().send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).response()
    };
    assert_eq!(ask("own.school", "/robots.txt").text(), "my own");
    assert_eq!(ask("board", "/robots.txt").text(), "User-agent: *\nAllow: /\n");
    check_status(&ask("board", "/other"), 404);
}
