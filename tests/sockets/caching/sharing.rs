//! One fill serves all who ask, as it comes; it belongs to the cache, not to the client that caused it.

use crate::harness::{Answer, Client, Gate, Gateway, Origin, Setup, pattern, until};

#[test]
fn twenty_clients_make_one_upstream_request() {
    let gate = Gate::default();
    let held = gate.clone();
    let body = pattern(300_000, 6);
    let whole = body.clone();
    let origin = Origin::new(move |_| {
        let head = Answer::head("200 OK", &["Cache-Control: max-age=60", "Content-Length: 300000"]);
        Answer::raw(head).send(&whole[..1000]).wait(&held).send(&whole[1000..])
    });
    let gateway = Gateway::before(&origin);
    let mut clients: Vec<Client> = (0..20).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send("GET /film HTTP/1.1\r\nHost: board\r\n\r\n");
    }
    // Every client reads the beginning while the fill is still held: all of them follow it.
    let heads: Vec<_> = clients.iter_mut().map(|client| (client.head().status, client.take(1000))).collect();
    assert!(heads.iter().all(|(status, bytes)| *status == 200 && *bytes == body[..1000]));
    gate.open();
    for client in &mut clients {
        assert!(client.take(299_000) == body[1000..]);
    }
    assert_eq!(origin.count(), 1);
    assert!(gateway.get("/film").is_hit());
}

#[test]
fn those_who_come_later_get_the_beginning_too() {
    let gate = Gate::default();
    let held = gate.clone();
    let body = pattern(1_500_000, 7);
    let whole = body.clone();
    let origin = Origin::new(move |_| {
        let head = Answer::head("200 OK", &["Cache-Control: max-age=60", "Content-Length: 1500000"]);
        Answer::raw(head).send(&whole[..1_000_000]).wait(&held).send(&whole[1_000_000..])
    });
    let gateway = Gateway::before(&origin);
    let mut first = gateway.client();
    first.send("GET /film HTTP/1.1\r\nHost: board\r\n\r\n").head();
    assert!(first.take(1_000_000) == body[..1_000_000]);
    let mut late = gateway.client();
    late.send("GET /film HTTP/1.1\r\nHost: board\r\n\r\n").head();
    assert!(late.take(1_000_000) == body[..1_000_000], "what has arrived is there for all");
    gate.open();
    assert!(first.take(500_000) == body[1_000_000..] && late.take(500_000) == body[1_000_000..]);
    assert_eq!(origin.count(), 1);
}

#[test]
fn a_client_that_leaves_does_not_end_the_fill() {
    let gate = Gate::default();
    let held = gate.clone();
    let body = pattern(500_000, 8);
    let whole = body.clone();
    let origin = Origin::new(move |_| {
        let head = Answer::head("200 OK", &["Cache-Control: max-age=60", "Content-Length: 500000"]);
        Answer::raw(head).send(&whole[..1000]).wait(&held).send(&whole[1000..])
    });
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    client.send("GET /film HTTP/1.1\r\nHost: board\r\n\r\n").head();
    client.take(1000);
    client.reset();
    gate.open();
    until("the fill's end", || {
        let response = gateway.get("/film");
        assert!(response.body == body, "{} bytes", response.body.len());
        response.is_hit()
    });
    assert_eq!(origin.count(), 1);
}

#[test]
fn a_slow_reader_holds_neither_the_fill_nor_the_others() {
    let body = pattern(8_000_000, 9);
    let whole = body.clone();
    let origin = Origin::new(move |_| Answer::ok(&["Cache-Control: max-age=60"], &whole));
    let gateway = Gateway::before(&origin);
    let mut slow = gateway.client();
    slow.send("GET /film HTTP/1.1\r\nHost: board\r\n\r\n").head();
    // The slow one has read its head and nothing more; the others get everything.
    for _ in 0..3 {
        assert!(gateway.get("/film").body == body);
    }
    assert!(slow.take(8_000_000) == body);
    assert_eq!(origin.count(), 1);
}

#[test]
fn answers_that_cannot_be_kept_do_not_queue_the_others() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::new(move |_| {
        let head = "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 10\r\n\r\nhello";
        Answer::raw(head).wait(&held).send("world")
    });
    let gateway = Gateway::before(&origin);
    let mut clients: Vec<Client> = (0..8).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send("GET /own HTTP/1.1\r\nHost: board\r\n\r\n");
    }
    // All eight are at the origin at the same time.
    origin.wait_for_count(8);
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response().text(), "helloworld");
    }
}

#[test]
fn followers_of_a_fill_that_breaks_are_never_given_a_whole_answer() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::new(move |seen| {
        let head = Answer::head("200 OK", &["Cache-Control: max-age=60", "Content-Length: 500000"]);
        let _ = seen;
        Answer::raw(head).send(pattern(1000, 1)).wait(&held).close()
    });
    let gateway = Gateway::before(&origin);
    let mut clients: Vec<Client> = (0..5).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send("GET /film HTTP/1.1\r\nHost: board\r\n\r\n");
        assert_eq!(client.head().status, 200);
    }
    gate.open();
    for client in &mut clients {
        assert!(client.take(500_000).len() < 500_000);
    }
    let again = gateway.get("/film");
    // It breaks again: before its head was passed on, or within its body.
    assert!(!again.is_hit() && (again.status == 502 || !again.is_whole()), "{}", again.head);
}

#[test]
fn a_fill_that_finds_nobody_home_is_an_answer_for_all_who_waited() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::new(move |_| Answer::default().wait(&held).close());
    let gateway = Gateway::before(&origin);
    let mut clients: Vec<Client> = (0..5).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send("GET /x HTTP/1.1\r\nHost: board\r\n\r\n");
    }
    origin.wait_for_count(1);
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response().status, 502);
    }
}

#[test]
fn an_object_larger_than_allowed_passes_whole() {
    let body = pattern(3_000_000, 2);
    let whole = body.clone();
    let origin = Origin::new(move |seen| match seen.target() {
        "/length" => Answer::ok(&["Cache-Control: max-age=60"], &whole),
        _ => Answer::raw("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\n").send(&whole).close(),
    });
    let mut setup = Setup::new();
    setup.route("all", &format!("path = /\nupstream = {}\ncache.max_object = 1 MB", origin.url()));
    let gateway = setup.start();
    for target in ["/length", "/close"] {
        for _ in 0..2 {
            let response = gateway.get(target);
            assert!(response.is_whole() && response.body == body && !response.is_hit(), "{target}: {}", response.head);
        }
    }
    assert_eq!(origin.count(), 4);
}

#[test]
fn a_request_that_goes_in_a_circle_fails_alone() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::new(move |seen| match seen.target() {
        "/held" => Answer::default().wait(&held).then_ok("held"),
        _ => Answer::ok(&["Cache-Control: max-age=60"], "good"),
    });
    let mut setup = Setup::new();
    setup.set("gateway", "workers", "1");
    setup.route("all", &format!("path = /\nupstream = {}\nupstream.connections = 1", origin.url()));
    let gateway = setup.start();
    let mut busy = gateway.client();
    busy.send("GET /held HTTP/1.1\r\nHost: board\r\n\r\n");
    origin.wait_for_count(1);
    // Both wait for the one connection; the second follows the first.
    let hops = ["1.1 hafir"; 8].join(", ");
    let (mut circling, mut other) = (gateway.client(), gateway.client());
    circling.send(format!("GET /x HTTP/1.1\r\nHost: board\r\nVia: {hops}\r\n\r\n"));
    // Answered after the request before it was taken up: one thread serves both.
    gateway.client().send("TRACE / HTTP/1.1\r\nHost: board\r\n\r\n").response();
    other.send("GET /x HTTP/1.1\r\nHost: board\r\n\r\n");
    gateway.client().send("TRACE / HTTP/1.1\r\nHost: board\r\n\r\n").response();
    gate.open();
    assert_eq!(circling.response().status, 508);
    assert_eq!(other.response().text(), "good");
}
