//! Connections: kept, pipelined, closed when asked, and shared between requests only in step.

use crate::harness::{Answer, Gate, Gateway, Origin, Setup, until};

#[test]
fn connections_are_kept_on_both_sides() {
    let origin = Origin::plain();
    let mut setup = Setup::before(&origin);
    setup.set("gateway", "workers", "1");
    let gateway = setup.start();
    let mut client = gateway.client();
    for number in 0..50 {
        let target = format!("/{number}");
        assert_eq!(client.get(&target).text(), target);
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::new(|seen| match seen.target() {
        "/cached" => Answer::ok(&["Cache-Control: max-age=60"], "cached"),
        other => Answer::ok(&["Cache-Control: no-store"], other),
    });
    let gateway = Gateway::before(&origin);
    assert_eq!(gateway.get("/cached").text(), "cached");
    let mut client = gateway.client();
    let mut burst = String::new();
    for number in 0..40 {
        let request = match number % 4 {
            0 => format!("GET /{number} HTTP/1.1\r\nHost: board\r\n\r\n"),
            1 => "GET /cached HTTP/1.1\r\nHost: board\r\n\r\n".to_owned(),
            2 => format!("POST /{number} HTTP/1.1\r\nHost: board\r\nContent-Length: 3\r\n\r\nabc"),
            _ => format!("HEAD /{number} HTTP/1.1\r\nHost: board\r\n\r\n"),
        };
        burst.push_str(&request);
    }
    client.send(&burst);
    for number in 0..40 {
        match number % 4 {
            1 => assert_eq!(client.response().text(), "cached"),
            3 => assert_eq!(client.response_to("HEAD").status, 200),
            _ => assert_eq!(client.response().text(), format!("/{number}")),
        }
    }
}

#[test]
fn pipelined_requests_may_be_cut_anywhere() {
    let origin = Origin::plain();
    let gateway = Gateway::before(&origin);
    let burst = "POST /1 HTTP/1.1\r\nHost: board\r\nContent-Length: 3\r\n\r\nabc\
        POST /2 HTTP/1.1\r\nHost: board\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
        GET /3 HTTP/1.1\r\nHost: board\r\n\r\n";
    for cut in 1..burst.len() {
        let mut client = gateway.client();
        client.send(&burst[..cut]);
        client.send(&burst[cut..]);
        for target in ["/1", "/2", "/3"] {
            assert_eq!(client.response().text(), target, "cut at {cut}");
        }
    }
}

#[test]
fn connections_close_when_asked() {
    let origin = Origin::plain();
    let gateway = Gateway::before(&origin);
    for option in ["close", "Close", "keep-alive, close", "x , close"] {
        let mut client = gateway.client();
        client.send(format!("GET /x HTTP/1.1\r\nHost: board\r\nConnection: {option}\r\n\r\n"));
        let response = client.response();
        assert_eq!(response.field("connection"), Some("close"), "{option}: {}", response.head);
        assert!(client.is_closed(), "{option}");
    }
    let mut client = gateway.client();
    assert_eq!(client.send("GET /x HTTP/1.0\r\nHost: board\r\n\r\n").response().text(), "/x");
    assert!(client.is_closed());
}

#[test]
fn a_client_that_half_closes_gets_its_answers() {
    let origin = Origin::plain();
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    client.send("GET /1 HTTP/1.1\r\nHost: board\r\n\r\nGET /2 HTTP/1.1\r\nHost: board\r\n\r\n").finish();
    assert_eq!(client.response().text(), "/1");
    assert_eq!(client.response().text(), "/2");
    assert!(client.is_closed());
}

#[test]
fn idle_connections_and_slow_heads_are_ended() {
    let origin = Origin::plain();
    let mut setup = Setup::before(&origin);
    setup.set("timeouts", "idle", "1 s").set("timeouts", "head", "1 s");
    let gateway = setup.start();
    let mut idle = gateway.client();
    assert_eq!(idle.get("/x").text(), "/x");
    assert!(idle.is_closed(), "an idle connection is closed without a word");
    let mut slow = gateway.client();
    slow.send("GET /x HTTP/1.1\r\nHost: bo");
    assert_eq!(slow.response().status, 408);
    assert!(slow.is_closed());
    let mut silent = gateway.client();
    assert!(silent.is_closed(), "a connection that never asks is closed");
}

#[test]
fn an_upstream_connection_whose_client_left_is_not_used_again_out_of_step() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::new(move |seen| match seen.target() {
        "/half" => Answer::raw("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 10\r\n\r\nhello")
            .wait(&held)
            .send("world"),
        other => Answer::ok(&["Cache-Control: no-store"], other),
    });
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    client.send("GET /half HTTP/1.1\r\nHost: board\r\n\r\n").read_until(b"hello");
    client.reset();
    gate.open();
    for _ in 0..5 {
        assert_eq!(gateway.get("/next").text(), "/next");
    }
}

#[test]
fn a_body_left_unread_never_becomes_the_next_request() {
    // 404 by the gateway itself, and a hit: neither needs the body, both must read it or close.
    let origin = Origin::new(|_| Answer::ok(&["Cache-Control: max-age=60"], "kept"));
    let mut setup = Setup::new();
    setup.route("only", &format!("path = /only/\nupstream = {}", origin.url()));
    let gateway = setup.start();
    assert_eq!(gateway.get("/only/x").text(), "kept");
    let smuggled = "GET /only/smuggled HTTP/1.1\r\nHost: board\r\n\r\n";
    for target in ["/nothing-here", "/only/x"] {
        let mut client = gateway.client();
        client.send(format!(
            "GET {target} HTTP/1.1\r\nHost: board\r\nContent-Length: {}\r\n\r\n{smuggled}",
            smuggled.len()
        ));
        let _ = client.response();
        client.send("GET /only/x HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n");
        let rest = client.rest();
        assert!(rest.windows(5).filter(|window| window == b"HTTP/").count() <= 1, "{target}");
        assert_eq!(origin.count_of("/only/smuggled"), 0, "{target}");
    }
}

#[test]
fn the_ceiling_of_connections_of_one_client_holds_and_is_given_back() {
    let origin = Origin::plain();
    let mut setup = Setup::before(&origin);
    setup.set("limits", "connections_per_client", "4").set("limits", "connections", "100");
    let gateway = setup.start();
    // The harness's own first connection may take a moment to be gone.
    let mut full = Vec::new();
    until("four connections that are served", || {
        let mut client = gateway.client();
        client.send("GET /x HTTP/1.1\r\nHost: board\r\n\r\n");
        if client.response_if_any().is_some_and(|response| response.status == 200) {
            full.push(client);
        }
        full.len() == 4
    });
    let mut fifth = gateway.client();
    fifth.send("GET /x HTTP/1.1\r\nHost: board\r\n\r\n");
    let said = String::from_utf8_lossy(&fifth.rest()).into_owned();
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 503") || said.starts_with("HTTP/1.1 429"), "{said}");
    full.clear();
    until("room again", || {
        let mut client = gateway.client();
        client.send("GET /x HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n");
        client.rest().starts_with(b"HTTP/1.1 200")
    });
}

#[test]
fn options_asterisk_and_plain_options_are_answered() {
    let origin = Origin::plain();
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    let response = client.send("OPTIONS * HTTP/1.1\r\nHost: board\r\n\r\n").response();
    assert!(response.status < 500, "{}", response.head);
    assert_eq!(client.send("OPTIONS /x HTTP/1.1\r\nHost: board\r\n\r\n").response().text(), "/x");
}

#[test]
fn an_absolute_target_is_the_same_as_a_plain_one() {
    let origin = Origin::plain();
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    for target in ["http://board/x?y", "http://BOARD/x?y", "HTTP://board/x?y"] {
        let response = client.get(target);
        assert_eq!(response.text(), "/x?y", "{target}");
    }
    assert_eq!(client.send("GET http://board HTTP/1.1\r\nHost: board\r\n\r\n").response().text(), "/");
}
