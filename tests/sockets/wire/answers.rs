//! What upstreams answer: every framing passes, what is broken becomes 502, what is cut is never whole.

use std::time::Instant;

use crate::harness::{Answer, End, Gate, Gateway, Origin, Response, Setup, pattern, shown, until};

/// Asks for `/x` of an origin that answers with these bytes and then closes, or keeps the connection open.
fn answered(bytes: &[u8], closes: bool) -> (Response, Origin) {
    let answer = if closes { Answer::raw(bytes).close() } else { Answer::raw(bytes) };
    let origin = Origin::always(answer);
    let gateway = Gateway::before(&origin);
    (gateway.get("/x"), origin)
}

#[test]
fn every_framing_passes_whole() {
    let origin = Origin::new(|seen| {
        let raw = Answer::raw;
        match seen.target() {
            "/length" => raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
            "/chunks" => {
                raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n")
            }
            "/trailers" => {
                raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n")
            }
            "/close" => raw("HTTP/1.1 200 OK\r\n\r\nhello").close(),
            "/says-close" => raw("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello").close(),
            "/old" => raw("HTTP/1.0 200 OK\r\n\r\nhello").close(),
            "/old-length" => raw("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello").close(),
            "/old-kept" => raw("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"),
            "/unknown-coding" => raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: strange\r\n\r\nhello").close(),
            "/no-date" => raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: old\r\n\r\nhello"),
            "/no-reason" => raw("HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello"),
            "/empty-reason" => raw("HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello"),
            "/odd-reason" => raw("HTTP/1.1 200 Très \u{fc} bien\r\nContent-Length: 5\r\n\r\nhello"),
            other => panic!("not in the script: {other}"),
        }
    });
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    for target in [
        "/length",
        "/chunks",
        "/trailers",
        "/close",
        "/says-close",
        "/old",
        "/old-length",
        "/old-kept",
        "/unknown-coding",
        "/no-date",
        "/no-reason",
        "/empty-reason",
        "/odd-reason",
    ] {
        // All over one client connection: none of these is a reason to close it.
        let response = client.get(target);
        assert_eq!((response.status, response.text().as_str()), (200, "hello"), "{target}: {}", response.head);
        assert!(matches!(response.end, End::Length | End::Chunks), "{target}: {:?} {}", response.end, response.head);
        assert!(response.field("date").is_some(), "{target}: {}", response.head);
    }
}

#[test]
fn a_http_1_0_client_gets_bodies_by_length_or_close() {
    let origin = Origin::new(|seen| match seen.target() {
        "/chunks" => {
            Answer::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n")
        }
        "/close" => Answer::raw("HTTP/1.1 200 OK\r\n\r\nhello").close(),
        _ => Answer::ok(&[], "hello"),
    });
    let gateway = Gateway::before(&origin);
    for target in ["/chunks", "/close", "/length"] {
        let mut client = gateway.client();
        let response = client.send(format!("GET {target} HTTP/1.0\r\n\r\n")).response();
        assert_eq!(response.text(), "hello", "{target}");
        assert!(response.field("transfer-encoding").is_none(), "{}", response.head);
        assert!(matches!(response.end, End::Length | End::Close), "{target}: {:?}", response.end);
        assert!(client.is_closed());
    }
    let mut client = gateway.client();
    for _ in 0..2 {
        client.send("GET /length HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let response = client.response();
        assert_eq!(response.text(), "hello");
        assert!(response.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("keep-alive")));
    }
}

#[test]
fn any_status_from_200_to_999_passes() {
    let origin = Origin::new(|seen| {
        let status = seen.target().trim_start_matches('/');
        match status {
            "204" | "304" => Answer::raw(format!("HTTP/1.1 {status} Empty\r\nX-Mark: here\r\n\r\n")),
            _ => Answer::raw(format!("HTTP/1.1 {status} Odd\r\nX-Mark: here\r\nContent-Length: 5\r\n\r\nhello")),
        }
    });
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    for status in
        (200..1000).step_by(7).chain([201, 204, 205, 206, 226, 299, 304, 308, 404, 451, 500, 503, 599, 700, 999])
    {
        let response = client.get(&format!("/{status}"));
        assert_eq!(response.status, status, "{}", response.head);
        assert_eq!(response.field("x-mark"), Some("here"));
        let expected = if matches!(status, 204 | 304) { "" } else { "hello" };
        assert_eq!(response.text(), expected, "{}", response.head);
    }
}

#[test]
fn legal_field_bytes_pass_verbatim() {
    let mut value: Vec<u8> = (0x21..=0x7e).chain(0x80..=0xff).collect();
    value.extend_from_slice(b" \t inner");
    let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n!#$%&'*+-.^_`|~09azAZ: ".to_vec();
    bytes.extend_from_slice(&value);
    bytes.extend_from_slice(
        b" \r\nX-Empty:\r\nX-Twice: 1\r\nX-Twice: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nok",
    );
    let origin = Origin::always(Answer::raw(bytes));
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    client.send(b"GET /x HTTP/1.1\r\nHost: board\r\nX-Mine: \xc3\xa9\xff~\r\n\r\n");
    let head = client.read_until(b"\r\n\r\n");
    assert!(crate::harness::find(&head, &value).is_some(), "{}", shown(&head));
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    for line in ["x-empty:", "x-twice: 1\r\n", "x-twice: 2\r\n", "set-cookie: a=1\r\n", "set-cookie: b=2\r\n"] {
        assert!(head.contains(line), "{line} is not in {head}");
    }
    assert!(head.find("x-twice: 1") < head.find("x-twice: 2"), "order is kept: {head}");
    assert_eq!(client.take(2), b"ok");
    assert!(origin.last().head.to_ascii_lowercase().contains("x-mine: "));
}

#[test]
fn head_requests_get_heads_alone() {
    let origin = Origin::new(|seen| match seen.target() {
        "/length" => Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nCache-Control: no-store\r\n\r\n"),
        "/chunks" => Answer::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: no-store\r\n\r\n"),
        "/missing" => Answer::raw("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n"),
        _ => Answer::ok(&["Cache-Control: no-store"], seen.method()),
    });
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    for (target, status, length) in
        [("/length", 200, Some("5000")), ("/chunks", 200, None), ("/missing", 404, Some("9"))]
    {
        let response = client.send(format!("HEAD {target} HTTP/1.1\r\nHost: board\r\n\r\n")).response_to("HEAD");
        assert_eq!((response.status, response.field("content-length")), (status, length), "{}", response.head);
    }
    assert_eq!(client.get("/after").text(), "GET");
}

#[test]
fn answers_that_cannot_be_believed_become_502() {
    let check = |what: &str, bytes: &[u8]| {
        for closes in [true, false] {
            let (response, _origin) = answered(bytes, closes);
            assert_eq!(response.status, 502, "{what}: {} in answer to {}", response.head, shown(bytes));
            assert!(response.is_whole());
        }
    };
    let head = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\nhello").into_bytes();
    check("differing lengths", &head("Content-Length: 5\r\nContent-Length: 6\r\n"));
    check("repeated length", &head("Content-Length: 5\r\nContent-Length: 5\r\n"));
    check("list of lengths", &head("Content-Length: 5, 6\r\n"));
    check("signed length", &head("Content-Length: +5\r\n"));
    check("negative length", &head("Content-Length: -5\r\n"));
    check("empty length", &head("Content-Length:\r\n"));
    check("worded length", &head("Content-Length: five\r\n"));
    check("length beyond 64 bits", &head("Content-Length: 18446744073709551621\r\n"));
    check("NUL in a value", &head("Content-Length: 5\r\nX: a\0b\r\n"));
    check("bare CR in a value", &head("Content-Length: 5\r\nX: a\rb\r\n"));
    check("no name", &head("Content-Length: 5\r\n: b\r\n"));
    check("no version", b"200 OK\r\nContent-Length: 5\r\n\r\nhello");
    check("another version", b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    check("another protocol", b"ICY 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    check("status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello");
    check("status of four digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello");
    check("status below 100", b"HTTP/1.1 099 OK\r\nContent-Length: 5\r\n\r\nhello");
    check("switching without being asked", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nhello");
    check("an endless field", format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200_000)).as_bytes());
    check("endless fields", format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(20_000)).as_bytes());
}

#[test]
fn answers_that_end_before_their_head_become_502() {
    for bytes in ["", "H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"] {
        let (response, _origin) = answered(bytes.as_bytes(), true);
        assert_eq!(response.status, 502, "{bytes:?}");
    }
    let origin = Origin::always(Answer::raw("HTTP/1.1 103 Early Hints\r\n\r\n").close());
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    assert_eq!((client.get("/x").status, client.response().status), (103, 502));
}

#[test]
fn space_before_a_colon_from_upstream_is_taken_out() {
    // RFC 9112 §5.1: a proxy removes it from answers; in requests it is refused.
    let (response, _origin) = answered(b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\nX-Mark : 1\r\n\r\nhello", false);
    assert_eq!((response.status, response.text().as_str(), response.end), (200, "hello", End::Length));
    assert!(response.field("x-mark") == Some("1") && !response.head.contains(" :"), "{}", response.head);
}

#[test]
fn both_framings_at_once_from_upstream_are_not_believed_twice() {
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let (response, _origin) = answered(bytes, false);
    // RFC 9112 §6.3: refuse, or let the coding override and drop the length.
    assert!(response.status == 502 || response.text() == "hello", "{} {}", response.head, response.text());
}

/// Past the head there is nothing to say to the client but the end of its connection.
#[test]
fn broken_chunks_from_upstream_cut_the_client_off() {
    let origin = Origin::new(|seen| {
        let body = match seen.target() {
            "/size" => "5\r\nhello\r\nzz\r\nmore\r\n0\r\n\r\n",
            "/overflow" => "5\r\nhello\r\nfffffffffffffffff\r\nmore\r\n0\r\n\r\n",
            "/no-end" => "5\r\nhello5\r\nhello\r\n0\r\n\r\n",
            "/bare" => "5\r\nhello\n0\n\n",
            "/trailer" => "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
            other => panic!("not in the script: {other}"),
        };
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCache-Control: max-age=60\r\n\r\n";
        Answer::raw(format!("{head}{body}"))
    });
    let gateway = Gateway::before(&origin);
    for target in ["/size", "/overflow", "/no-end", "/bare", "/trailer"] {
        for round in 1..=2 {
            let mut client = gateway.client();
            client.send(format!("GET {target} HTTP/1.1\r\nHost: board\r\n\r\n"));
            // Found before the head went out, there may be no answer at all.
            if let Some(response) = client.response_if_any() {
                assert!(
                    response.status == 502 || !response.is_whole(),
                    "{target}: {} {:?}",
                    response.head,
                    response.end
                );
            }
            assert_eq!(origin.count_of(target), round, "{target} was kept");
        }
    }
}

#[test]
fn cut_answers_are_never_whole_and_never_kept() {
    let origin = Origin::new(|seen| {
        let fresh = "Cache-Control: max-age=60\r\n";
        let length = format!("HTTP/1.1 200 OK\r\n{fresh}Content-Length: 100000\r\n\r\n{}", "x".repeat(70_000));
        let chunks = format!("HTTP/1.1 200 OK\r\n{fresh}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        match seen.target() {
            "/length" => Answer::raw(length).close(),
            "/length-reset" => Answer::raw(length).reset(),
            "/chunks" => Answer::raw(chunks).close(),
            "/chunks-reset" => Answer::raw(chunks).reset(),
            "/no-last-line" => Answer::raw(chunks).send("0\r\n").close(),
            "/mid-chunk" => Answer::raw(chunks).send("5\r\nhe").close(),
            "/until-close-reset" => Answer::raw(format!("HTTP/1.1 200 OK\r\n{fresh}\r\nhello")).reset(),
            "/old-reset" => Answer::raw(format!("HTTP/1.0 200 OK\r\n{fresh}\r\nhello")).reset(),
            other => panic!("not in the script: {other}"),
        }
    });
    let gateway = Gateway::before(&origin);
    for target in [
        "/length",
        "/length-reset",
        "/chunks",
        "/chunks-reset",
        "/no-last-line",
        "/mid-chunk",
        "/until-close-reset",
        "/old-reset",
    ] {
        for version in ["1.1", "1.0"] {
            let mut client = gateway.client();
            client.send(format!("GET {target} HTTP/{version}\r\nHost: board\r\n\r\n"));
            // A reset may overtake the head: then it is a plain 502, or no answer at all.
            let Some(response) = client.response_if_any() else { continue };
            let whole = response.status == 200 && response.is_whole();
            assert!(!whole, "{target} for HTTP/{version}: {:?} {}", response.end, response.head);
            assert!(!response.is_hit(), "{target} for HTTP/{version} was kept: {}", response.head);
        }
    }
}

#[test]
fn leftover_bytes_retire_the_connection() {
    let origin = Origin::new(|seen| match seen.target() {
        "/more" => Answer::raw(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        ),
        "/empty" => Answer::raw("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
        "/chunks" => Answer::raw(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        ),
        "/head" => Answer::raw("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
        other => Answer::ok(&["Cache-Control: no-store"], other),
    });
    let gateway = Gateway::before(&origin);
    for target in ["/more", "/empty", "/chunks"] {
        let response = gateway.get(target);
        assert!(["ok", ""].contains(&response.text().as_str()), "{target}: {}", response.text());
        assert_eq!(gateway.get("/next").text(), "/next", "after {target}");
    }
    let response = gateway.client().send("HEAD /head HTTP/1.1\r\nHost: board\r\n\r\n").response_to("HEAD");
    assert_eq!(response.status, 200);
    assert_eq!(gateway.get("/next").text(), "/next", "after a HEAD that was answered with a body");
}

#[test]
fn interim_answers_are_passed_on() {
    let origin = Origin::always(
        Answer::raw(
            "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n",
        )
        .send("HTTP/1.1 102 Processing\r\n\r\n")
        .then_ok("done"),
    );
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    let hints = client.get("/x");
    assert_eq!((hints.status, hints.field("link")), (103, Some("</style.css>; rel=preload")));
    assert_eq!(hints.field("x-hop"), None);
    assert_eq!(client.response().status, 102);
    assert_eq!(client.response().text(), "done");
}

#[test]
fn interim_answers_go_out_before_the_final_one_is_there() {
    let gate = Gate::default();
    let origin =
        Origin::always(Answer::raw("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n").wait(&gate).then_ok("done"));
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    assert_eq!(client.get("/x").status, 103);
    gate.open();
    assert_eq!(client.response().text(), "done");
}

#[test]
fn a_thousand_interim_answers_are_borne() {
    let origin = Origin::always(
        Answer::raw("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n".repeat(1000)).then_ok("done"),
    );
    let gateway = Gateway::before(&origin);
    let ask = || {
        let mut client = gateway.client();
        let mut response = client.get("/x");
        while response.status == 103 {
            response = client.response();
        }
        response
    };
    // The first one brings the program itself into memory.
    ask();
    let before = gateway.allocated();
    let began = Instant::now();
    let response = ask();
    // Passed on or given up on, but soon and in the same memory.
    assert!(matches!(response.status, 200 | 502), "{}", response.head);
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    assert!(gateway.allocated() < before + 2000, "{} KB, {before} KB before", gateway.allocated());
}

#[test]
fn bodies_are_passed_on_as_they_come() {
    let (first, second) = (Gate::default(), Gate::default());
    let origin = Origin::always(
        Answer::raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            .wait(&first)
            .send("9\r\ndata: 1\n\n\r\n")
            .wait(&second)
            .send("9\r\ndata: 2\n\n\r\n0\r\n\r\n"),
    );
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    client.send("GET /events HTTP/1.1\r\nHost: board\r\nAccept: text/event-stream\r\n\r\n");
    // Each gate opens only when what comes before it has arrived: a buffering gateway would stand still here.
    let head = client.head();
    assert_eq!(head.field("content-type"), Some("text/event-stream"));
    first.open();
    client.read_until(b"data: 1\n\n");
    second.open();
    client.read_until(b"data: 2\n\n");
}

#[test]
fn large_answers_arrive_whole() {
    let body = pattern(20_000_000, 3);
    let whole = body.clone();
    let origin = Origin::new(move |seen| {
        let mut chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        match seen.target() {
            "/length" => return Answer::ok(&["Cache-Control: no-store"], &whole),
            "/close" => return Answer::raw("HTTP/1.1 200 OK\r\n\r\n").send(&whole).close(),
            _ => {}
        }
        for piece in whole.chunks(99_999) {
            chunks.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            chunks.extend_from_slice(piece);
            chunks.extend_from_slice(b"\r\n");
        }
        Answer::raw(chunks).send("0\r\n\r\n")
    });
    let gateway = Gateway::before(&origin);
    for target in ["/length", "/close", "/chunks"] {
        let response = gateway.get(target);
        assert!(response.is_whole() && response.body == body, "{target}: {} of {}", response.body.len(), body.len());
    }
}

#[test]
fn an_upstream_that_cannot_be_reached_is_said_so() {
    let mut setup = Setup::new();
    let nobody = crate::harness::free_port();
    let origin = Origin::plain();
    setup.route("dead", &format!("path = /dead/\nupstream = http://127.0.0.1:{nobody}"));
    setup.route("nowhere", "path = /nowhere/\nupstream = http://no-such-name.invalid");
    setup.route("alive", &format!("path = /\nupstream = {}", origin.url()));
    let gateway = setup.start();
    for target in ["/dead/x", "/nowhere/x"] {
        let response = gateway.get(target);
        assert!(matches!(response.status, 502..=504), "{target}: {}", response.head);
        assert!(!response.text().contains("127.0.0.1") && !response.text().contains("invalid"), "{}", response.text());
    }
    assert_eq!(gateway.get("/alive").text(), "/alive");
}

#[test]
fn an_upstream_that_says_nothing_is_a_504() {
    let origin = Origin::always(Answer::default().wait(&Gate::default()));
    let mut setup = Setup::new();
    setup.route("all", &format!("path = /\nupstream = {}\ntimeout.first_byte = 1 s", origin.url()));
    let gateway = setup.start();
    assert_eq!(gateway.get("/x").status, 504);
}

#[test]
fn a_stale_pooled_connection_is_replaced_without_the_client_noticing() {
    let mut origin = Origin::new(|seen| Answer::ok(&["Cache-Control: no-store"], seen.target()));
    let gateway = Gateway::before(&origin);
    assert_eq!(gateway.get("/1").text(), "/1");
    origin.stop();
    origin.start();
    assert_eq!(gateway.get("/2").text(), "/2");
    assert!(origin.connections() >= 2);
}

#[test]
fn a_request_that_may_have_been_carried_out_is_not_sent_twice() {
    let origin = Origin::new(|seen| match (seen.method(), seen.target()) {
        (_, "/warm") => Answer::ok(&["Cache-Control: no-store"], "warm"),
        // Read whole, then dropped: it may have had its effect.
        _ => Answer::default().close(),
    });
    let gateway = Gateway::before(&origin);
    assert_eq!(gateway.get("/warm").text(), "warm");
    let response = gateway.client().send("POST /pay HTTP/1.1\r\nHost: board\r\nContent-Length: 1\r\n\r\n1").response();
    assert_eq!(response.status, 502);
    assert_eq!(origin.count_of("/pay"), 1);
}

#[test]
fn a_slow_http_1_0_client_sees_that_its_answer_is_cut() {
    let body = crate::harness::pattern(30_000_000, 4);
    let origin = Origin::new(move |seen| {
        let fields =
            ["Transfer-Encoding: chunked", if seen.target() == "/kept" { "ETag: \"a\"" } else { "X-Not: kept" }];
        let size = format!("{:x}\r\n", body.len());
        Answer::raw(Answer::head("200 OK", &fields)).send(size).send(&body).send("\r\n0\r\n\r\n")
    });
    let mut setup = Setup::before(&origin);
    setup.set("timeouts", "progress", "1 s").set("timeouts", "progress_bytes", "1 MB");
    let gateway = setup.start();
    for target in ["/kept", "/passed"] {
        let mut client = gateway.client();
        client.send(format!("GET {target} HTTP/1.0\r\n\r\n"));
        assert_eq!(client.head().status, 200);
        // The log tells when the gateway has given up; only then the client reads on.
        until("the exchange to be given up", || {
            let log = std::fs::read_to_string(gateway.folder.join("access.log")).unwrap_or_default();
            log.contains(&format!("GET {target} "))
        });
        let came = client.rest().len();
        assert!(came < 30_000_000 && client.is_broken(), "{target}: {came} bytes look like the whole answer");
    }
}
