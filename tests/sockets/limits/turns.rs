//! As many at the same time as may be: who waits, who is sent away, and in what order.

use super::{BROWSER, among_many, check_status, seconds};
use crate::harness::{Answer, Client, Gate, Gateway, Origin, Setup, until};

/// An origin whose `/held…` answers wait for the gate.
fn held(gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::new(move |seen| match seen.target() {
        held if held.starts_with("/held") => Answer::default().wait(&gate).send(plain(held)),
        other => Answer::raw(plain(other)),
    })
}

fn plain(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

/// One thread, so that what was sent earlier is looked at earlier.
fn start(setup: &mut Setup, origin: &Origin, terms: &str) -> Gateway {
    setup.set("gateway", "workers", "1").route("free", "path = /free\nrespond = 200 free");
    super::route(setup, origin, terms)
}

/// Sends a request, and comes back when the gateway has taken note of it.
fn ask(gateway: &Gateway, method: &str, address: &str, target: &str) -> Client {
    let mut client = gateway.client();
    check_status(&client.get("/free"), 200);
    client.send(format!("{method} {target} HTTP/1.1\r\nHost: board\r\nX-Forwarded-For: {address}\r\n\r\n"));
    let mut probe = gateway.client();
    for _ in 0..5 {
        check_status(&probe.get("/free"), 200);
    }
    client
}

#[test]
fn without_a_queue_the_next_one_is_sent_away_at_once() {
    let gate = Gate::default();
    let origin = held(&gate);
    let gateway = start(&mut among_many(), &origin, "concurrency = 1\nconcurrency.route = 2");
    let mut first = ask(&gateway, "GET", "192.0.2.1", "/held/1");
    origin.wait_for_count(1);
    let page = gateway.get_with("/a", &format!("{BROWSER}X-Forwarded-For: 192.0.2.1\r\n"));
    check_status(&page, 503);
    assert_eq!(seconds(&page), 5);
    assert!(page.text().contains("<meta http-equiv=\"refresh\" content=\"5\">"), "{}", page.text());
    let problem = super::get_from(&gateway, "192.0.2.1", "/a");
    check_status(&problem, 503);
    assert!(problem.text().contains("\"type\":\"urn:hafir:problem:waiting\""), "{}", problem.text());
    let posted =
        format!("POST /a HTTP/1.1\r\nHost: board\r\n{BROWSER}X-Forwarded-For: 192.0.2.1\r\nContent-Length: 0\r\n\r\n");
    let posted = gateway.client().send(posted).response();
    check_status(&posted, 503);
    assert!(!posted.text().contains("http-equiv"), "{}", posted.text());
    // Somebody else goes through, a third one finds the route full.
    let mut second = ask(&gateway, "GET", "192.0.2.2", "/held/2");
    origin.wait_for_count(2);
    check_status(&super::get_from(&gateway, "192.0.2.3", "/a"), 503);
    gate.open();
    assert_eq!((first.response().text(), second.response().text()), ("/held/1".into(), "/held/2".into()));
    until("a free place", || super::get_from(&gateway, "192.0.2.3", "/a").status == 200);
}

#[test]
fn turns_go_round_between_clients_and_in_order_for_each() {
    let gate = Gate::default();
    let origin = held(&gate);
    let gateway = start(&mut among_many(), &origin, "concurrency.route = 1\nqueue = 60 s");
    let mut clients = vec![ask(&gateway, "GET", "192.0.2.1", "/held")];
    origin.wait_for_count(1);
    for (address, target) in [
        ("192.0.2.1", "/a1"),
        ("192.0.2.1", "/a2"),
        ("192.0.2.1", "/a3"),
        ("192.0.2.2", "/b1"),
        ("192.0.2.3", "/c1"),
        ("192.0.2.2", "/b2"),
    ] {
        clients.push(ask(&gateway, "GET", address, target));
    }
    assert_eq!(origin.count(), 1);
    gate.open();
    for client in &mut clients {
        check_status(&client.response(), 200);
    }
    let order: Vec<String> = origin.requests().iter().map(|seen| seen.target().to_owned()).collect();
    assert_eq!(order, ["/held", "/a1", "/b1", "/c1", "/a2", "/b2", "/a3"]);
}

#[test]
fn a_wait_that_is_over_ends_with_a_page_that_asks_again() {
    let gate = Gate::default();
    let origin = held(&gate);
    let gateway = start(&mut among_many(), &origin, "concurrency.route = 1\nqueue = 100 ms");
    let mut first = ask(&gateway, "GET", "192.0.2.1", "/held");
    origin.wait_for_count(1);
    let page = gateway.get_with("/a", BROWSER);
    check_status(&page, 503);
    assert!(page.text().contains("http-equiv=\"refresh\"") && seconds(&page) == 5, "{}", page.head);
    gate.open();
    check_status(&first.response(), 200);
    assert_eq!(origin.count(), 1);
}

#[test]
fn who_leaves_the_queue_takes_no_turn() {
    let gate = Gate::default();
    let origin = held(&gate);
    let gateway = start(&mut among_many(), &origin, "concurrency.route = 1\nqueue = 60 s");
    let mut first = ask(&gateway, "GET", "192.0.2.1", "/held");
    origin.wait_for_count(1);
    ask(&gateway, "GET", "192.0.2.2", "/left").reset();
    let mut last = ask(&gateway, "GET", "192.0.2.3", "/last");
    gate.open();
    check_status(&first.response(), 200);
    check_status(&last.response(), 200);
}

#[test]
fn a_plan_bounds_what_one_caller_has_under_way() {
    let gate = Gate::default();
    let origin = held(&gate);
    let mut setup = among_many();
    setup.set("plan guest", "concurrency", "1");
    let gateway = start(&mut setup, &origin, "plan = guest");
    let mut first = ask(&gateway, "GET", "192.0.2.1", "/held");
    origin.wait_for_count(1);
    check_status(&super::get_from(&gateway, "192.0.2.1", "/a"), 503);
    check_status(&super::get_from(&gateway, "192.0.2.2", "/a"), 200);
    gate.open();
    check_status(&first.response(), 200);
}
