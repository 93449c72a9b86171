//! `Upgrade`: only where the route allows it, and only after the upstream's 101.

use crate::harness::{Answer, Gateway, Origin, Setup};

const WISH: &str = "GET /socket HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

fn before(origin: &Origin) -> Gateway {
    let mut setup = Setup::new();
    setup.route("all", &format!("path = /\nupstream = {}\nupgrade = yes", origin.url()));
    setup.start()
}

fn switching() -> Origin {
    Origin::new(|seen| match seen.field("upgrade") {
        Some(_) => {
            Answer::raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").echo()
        }
        None => Answer::ok(&["Cache-Control: no-store"], "no upgrade"),
    })
}

#[test]
fn a_tunnel_carries_bytes_both_ways_after_101() {
    let origin = switching();
    let gateway = before(&origin);
    let mut client = gateway.client();
    client.send(WISH);
    let response = client.head();
    assert_eq!((response.status, response.field("upgrade")), (101, Some("websocket")), "{}", response.head);
    assert!(response.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("upgrade")));
    let seen = origin.last();
    assert!(seen.all("connection").join(",").to_ascii_lowercase().contains("upgrade"), "{}", seen.head);
    assert_eq!(seen.field("sec-websocket-version"), Some("13"));
    for message in [&b"\x81\x85mask"[..], b"GET / HTTP/1.1\r\n\r\n", &[0xff; 100_000]] {
        client.send(message);
        assert!(client.take(message.len()) == message);
    }
    assert!(client.finish().is_closed());
}

#[test]
fn bytes_sent_with_the_wish_are_part_of_the_tunnel() {
    let origin = switching();
    let gateway = before(&origin);
    let mut client = gateway.client();
    client.send(format!("{WISH}early"));
    assert_eq!(client.head().status, 101);
    assert_eq!(client.take(5), b"early");
}

#[test]
fn without_the_route_s_leave_nothing_is_switched() {
    let origin = switching();
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    let response = client.send(WISH).response();
    assert_ne!(response.status, 101);
    assert!(origin.requests().iter().all(|seen| seen.field("upgrade").is_none()), "{:?}", origin.requests());
}

#[test]
fn an_upstream_that_does_not_switch_leaves_an_ordinary_exchange() {
    let origin = Origin::new(|seen| Answer::status("403 Forbidden", &[], seen.target()));
    let gateway = before(&origin);
    let mut client = gateway.client();
    let response = client.send(format!("{WISH}GET /behind HTTP/1.1\r\nHost: board\r\n\r\n")).response();
    assert_eq!((response.status, response.text().as_str()), (403, "/socket"));
    // What followed was sent as a request, and no tunnel was made of it.
    let rest = client.finish().rest();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 403"));
}

#[test]
fn h2c_is_never_asked_of_an_upstream() {
    let origin = switching();
    let gateway = before(&origin);
    let wish = "GET /x HTTP/1.1\r\nHost: board\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
    let response = gateway.client().send(wish).response();
    assert!((400..600).contains(&response.status), "{}", response.head);
    assert_eq!(origin.count(), 0);
}

#[test]
fn a_switch_to_something_else_is_a_502() {
    let origin = Origin::always(
        Answer::raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n").echo(),
    );
    let gateway = before(&origin);
    assert_eq!(gateway.client().send(WISH).response().status, 502);
}
