//! Request bodies: every framing arrives whole, and what is broken never arrives as complete.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Answer, End, Gate, Gateway, Origin, Setup, find, pattern, shown, until};

fn post(fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut request = format!("POST /x HTTP/1.1\r\nHost: board\r\n{fields}\r\n").into_bytes();
    request.extend_from_slice(body.as_ref());
    request
}

fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    post("Transfer-Encoding: chunked\r\n", body)
}

#[test]
fn bodies_arrive_as_they_were_sent() {
    let origin = Origin::plain();
    let gateway = Gateway::before(&origin);
    let check = |request: Vec<u8>, body: &[u8]| {
        let mut client = gateway.client();
        client.send(&request);
        assert_eq!(client.response().status, 200, "{}", shown(&request));
        let seen = origin.last();
        assert!(seen.complete, "{}", shown(&request));
        assert_eq!(shown(&seen.body), shown(body), "{}", shown(&request));
        let framings = seen.all("content-length").len() + seen.all("transfer-encoding").len();
        assert!(framings <= 1, "one framing goes upstream: {}", seen.head);
        // The connection is still in step.
        assert_eq!(client.get("/after").text(), "/after", "{}", shown(&request));
    };
    check(post("Content-Length: 5\r\n", "hello"), b"hello");
    check(post("Content-Length: 0\r\n", ""), b"");
    check(post("Content-Length: 00005\r\n", "hello"), b"hello");
    check(post("Content-Length: \t5 \t\r\n", "hello"), b"hello");
    check(post("content-LENGTH:5\r\n", "hello"), b"hello");
    check(post("", ""), b"");
    check(chunked("0\r\n\r\n"), b"");
    check(chunked("5\r\nhello\r\n0\r\n\r\n"), b"hello");
    check(chunked("1\r\nh\r\n4\r\nello\r\n0\r\n\r\n"), b"hello");
    check(chunked("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"), b"01234567890123456789");
    check(chunked("5;name=value\r\nhello\r\n0;last\r\n\r\n"), b"hello");
    check(chunked("5;name=\"a;b\"\r\nhello\r\n0\r\n\r\n"), b"hello");
    check(chunked("5\r\nhello\r\n0\r\nX-Trailer: yes\r\n\r\n"), b"hello");
    check(post("Transfer-Encoding: Chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), b"hello");
    check(post("Transfer-Encoding:chunked \r\n", "5\r\nhello\r\n0\r\n\r\n"), b"hello");
    check(b"GET /x HTTP/1.1\r\nHost: board\r\nContent-Length: 5\r\n\r\nhello".to_vec(), b"hello");
    check(b"DELETE /x HTTP/1.1\r\nHost: board\r\nContent-Length: 5\r\n\r\nhello".to_vec(), b"hello");
    check(b"PROPFIND /x HTTP/1.1\r\nHost: board\r\nContent-Length: 5\r\n\r\nhello".to_vec(), b"hello");
    check(b"\r\nPOST /x HTTP/1.1\r\nHost: board\r\nContent-Length: 5\r\n\r\nhello".to_vec(), b"hello");
}

#[test]
fn large_bodies_arrive_whole_in_both_framings() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    setup.route("all", &format!("path = /\nupstream = {}\nlimit.body = 64 MB", origin.url()));
    let gateway = setup.start();
    let body = pattern(5_000_000, 1);
    let mut client = gateway.client();
    client.send(post("Content-Length: 5000000\r\n", &body));
    assert_eq!(client.response().status, 200);
    assert!(origin.last().body == body);
    client.send(chunked(""));
    for piece in body.chunks(70_001) {
        client.send(format!("{:x}\r\n", piece.len())).send(piece).send("\r\n");
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.response().status, 200);
    assert!(origin.last().body == body);
    assert!(origin.requests().iter().all(|seen| seen.complete));
}

#[test]
fn chunk_extensions_are_dropped_and_trailers_are_limited() {
    let origin = Origin::plain();
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    let trailers = "X-Sum: 1\r\nContent-Length: 9\r\nHost: evil\r\nTransfer-Encoding: chunked\r\nAuthorization: x\r\n";
    client.send(post(
        "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n",
        format!("5;secret=1\r\nhello\r\n0;more\r\n{trailers}\r\n"),
    ));
    assert_eq!(client.response().status, 200);
    let seen = origin.last();
    assert_eq!(seen.body, b"hello");
    for name in ["content-length", "host", "transfer-encoding", "authorization"] {
        assert!(!seen.trailers.to_ascii_lowercase().contains(&format!("{name}:")), "{}", seen.trailers);
    }
}

/// What is wrong with a body is answered with 400 or, where an answer has begun, with the end of the connection.
#[test]
fn broken_bodies_never_arrive_as_complete() {
    let origin = Origin::plain();
    let gateway = Gateway::before(&origin);
    let check = |body: &[u8]| {
        let before = origin.count();
        let mut client = gateway.client();
        client.send(chunked(body)).send("GET /smuggled HTTP/1.1\r\nHost: board\r\n\r\n").finish();
        let said = client.rest();
        let first = shown(said.get(..12).unwrap_or(&said));
        assert_eq!(first, "HTTP/1.1 400", "in answer to {}", shown(body));
        assert!(find(&said, b"/smuggled").is_none(), "{} let a request through", shown(body));
        for seen in origin.requests().split_off(before) {
            assert!(!seen.complete && seen.target() == "/x", "{} arrived as {seen:?}", shown(body));
        }
    };
    for size in [
        "g",
        "-1",
        "+1",
        "0x1",
        " 1",
        "\t1",
        "1 ",
        "1\t",
        "",
        ";",
        ";x",
        "1g",
        "1.0",
        "ffffffffffffffff",
        "10000000000000000",
        "8000000000000000",
        "fffffffffffffffff",
        "00000000000000000000000000000001",
        "1\0",
        "1\u{b}",
    ] {
        check(format!("{size}\r\nh\r\n0\r\n\r\n").as_bytes());
    }
    for body in [
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "5\r\nhelloxx0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5;a\0\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
        "5\r\nhello\r\n0\r\n X: y\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: y\nZ: y\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: \0\r\n\r\n",
        "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
    ] {
        check(body.as_bytes());
    }
    check(format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(100_000)).as_bytes());
    check(format!("5\r\nhello\r\n0\r\n{}\r\n", "X: y\r\n".repeat(20_000)).as_bytes());
}

#[test]
fn cut_bodies_never_arrive_as_complete() {
    let origin = Origin::plain();
    let gateway = Gateway::before(&origin);
    let requests = [
        post("Content-Length: 10\r\n", "hello"),
        post("Content-Length: 10\r\n", ""),
        chunked(""),
        chunked("5\r\nhel"),
        chunked("5\r\nhello"),
        chunked("5\r\nhello\r\n"),
        chunked("5\r\nhello\r\n0\r\n"),
        chunked("5\r\nhello\r\n0\r\nX: y\r\n"),
    ];
    for request in &requests {
        for by_reset in [false, true] {
            let mut client = gateway.client();
            client.send(request);
            if by_reset {
                client.reset();
            } else {
                let said = client.finish().rest();
                assert!(find(&said, b"HTTP/1.1 200").is_none(), "{} was answered", shown(request));
            }
        }
    }
    // One whole request after them all: everything before it has been dealt with or is still incomplete.
    assert_eq!(gateway.get("/whole").text(), "/whole");
    until("the cut requests to end at the origin", || origin.requests().iter().any(|seen| seen.complete));
    for seen in origin.requests() {
        assert!(!seen.complete || seen.target() == "/whole", "{seen:?}");
    }
}

#[test]
fn bodies_beyond_the_route_s_limit_are_refused() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    setup.route("all", &format!("path = /\nupstream = {}\nlimit.body = 1 KB", origin.url()));
    let gateway = setup.start();
    let mut client = gateway.client();
    client.send(post("Content-Length: 1025\r\n", "x".repeat(1025)));
    assert_eq!(client.response().status, 413);
    assert!(client.is_closed());
    assert_eq!(origin.count(), 0);
    let mut client = gateway.client();
    client.send(chunked(format!("400\r\n{}\r\n1\r\nx\r\n0\r\n\r\n", "x".repeat(1024))));
    assert_eq!(client.response().status, 413);
    assert!(client.is_closed());
    assert!(origin.requests().iter().all(|seen| !seen.complete));
    let mut client = gateway.client();
    client.send(post("Content-Length: 1024\r\n", "x".repeat(1024)));
    assert_eq!(client.response().status, 200);
}

#[test]
fn expect_100_continue_is_answered_before_the_body_comes() {
    let origin = Origin::plain();
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    client.send(post("Content-Length: 5\r\nExpect: 100-continue\r\n", ""));
    assert_eq!(client.response().status, 100);
    let response = client.send("hello").response();
    assert_eq!((response.status, origin.last().body.as_slice()), (200, &b"hello"[..]));
    assert_eq!(client.get("/after").text(), "/after");
}

#[test]
fn a_client_that_expects_100_may_send_its_body_all_the_same() {
    let origin = Origin::plain();
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    client.send(post("Content-Length: 5\r\nExpect: 100-continue\r\n", "hello"));
    let mut response = client.response();
    if response.status == 100 {
        response = client.response();
    }
    assert_eq!((response.status, origin.last().body.as_slice()), (200, &b"hello"[..]));
    assert_eq!(client.get("/after").text(), "/after");
}

#[test]
fn an_http_1_0_client_is_never_sent_an_interim_answer() {
    let origin = Origin::new(|_| Answer::raw("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n").then_ok("done"));
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    client.send("POST /x HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (200, "done"));
    assert!(client.is_closed());
}

#[test]
fn an_early_answer_reaches_the_client_and_ends_both_connections() {
    let origin = Origin::new(|seen| match seen.target() {
        "/early" => Answer::status("403 Forbidden", &[], "no").early().wait(&Gate::default()),
        _ => Answer::ok(&[], seen.target()),
    });
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    client.send("POST /early HTTP/1.1\r\nHost: board\r\nContent-Length: 1000000\r\n\r\n").send("x".repeat(20_000));
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (403, "no"));
    // The body was not read to its end, so neither connection may carry another message.
    assert!(client.is_closed());
    assert_eq!(gateway.get("/next").text(), "/next");
    let seen = origin.last();
    assert_eq!((seen.target(), seen.connection), ("/next", 1), "the connection of the early answer was used again");
}

#[test]
fn a_slow_drip_of_a_body_is_cut() {
    let origin = Origin::plain();
    let mut setup = Setup::before(&origin);
    setup.set("timeouts", "progress", "1 s").set("timeouts", "progress_bytes", "1 KB");
    let gateway = setup.start();
    let mut client = gateway.client();
    client.send(post("Content-Length: 1000000\r\n", "x"));
    let response = client.response();
    assert!(matches!(response.status, 400 | 408), "{}", response.head);
    assert!(client.is_closed());
    assert!(origin.requests().iter().all(|seen| !seen.complete));
}

#[test]
fn a_body_for_an_origin_that_does_not_read_is_held_back_not_hoarded() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::new(move |_| Answer::default().early().wait(&held).close());
    let mut setup = Setup::new();
    setup.route("all", &format!("path = /\nupstream = {}\nlimit.body = 1 GB", origin.url()));
    let gateway = setup.start();
    let before = gateway.resident();
    let mut client = gateway.client();
    client.send(post("Content-Length: 500000000\r\n", ""));
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let sender = std::thread::spawn(move || {
        let mut client = client;
        let piece = vec![b'x'; 1 << 16];
        // Ends when the gateway closes; a full pipe holds it back before.
        for _ in 0..2000 {
            client.send(&piece);
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    origin.wait_for_count(1);
    let mut last = (0, Instant::now());
    until("the sender to be held back", || {
        let now = sent.load(Ordering::SeqCst);
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(300)
    });
    assert!(sent.load(Ordering::SeqCst) < 1000, "the gateway took everything");
    assert!(gateway.resident() < before + 16_000, "{} KB, {before} KB before", gateway.resident());
    gate.open();
    sender.join().expect("the sender ends");
}

#[test]
fn end_is_told_apart() {
    // The harness's own eyes: a cut body must not look whole.
    let origin = Origin::new(|seen| match seen.target() {
        "/cut" => Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").close(),
        _ => Answer::ok(&[], "hello"),
    });
    let mut client = crate::harness::Client::connect(crate::harness::loopback(origin.port()));
    assert_eq!(client.get("/whole").end, End::Length);
    assert_eq!(client.get("/cut").end, End::Cut);
}
