//! async-h1 as origin and as client: an HTTP/1.1 that shares no line with the gateway's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_types::{Method, Request, Response, StatusCode, Url};
use smol::net::{TcpListener, TcpStream};

use crate::harness::{Answer, Gateway, Origin, Setup, pattern, until};

/// An origin on threads of its own; it lives as long as the test's process.
fn origin() -> (u16, Arc<AtomicUsize>) {
    let listener = smol::block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let port = listener.local_addr().expect("a local address").port();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    std::thread::spawn(move || {
        smol::block_on(async {
            let executor = smol::LocalExecutor::new();
            let accepting = async {
                loop {
                    let Ok((stream, _)) = listener.accept().await else { return };
                    let counter = Arc::clone(&counter);
                    executor
                        .spawn(async_h1::accept(stream, move |request| answer(request, Arc::clone(&counter))))
                        .detach();
                }
            };
            executor.run(accepting).await;
        });
    });
    (port, count)
}

async fn answer(mut request: Request, count: Arc<AtomicUsize>) -> http_types::Result<Response> {
    count.fetch_add(1, Ordering::SeqCst);
    let mut response = Response::new(StatusCode::Ok);
    match request.url().path() {
        "/kept" => {
            response.insert_header("Cache-Control", "max-age=600");
            response.set_body(pattern(300_000, 16));
        }
        _ => {
            let body = request.body_bytes().await?;
            response.insert_header("Cache-Control", "no-store");
            response.set_body(body);
        }
    }
    Ok(response)
}

#[test]
fn an_async_h1_origin_is_served_and_kept() {
    let (port, count) = origin();
    let mut setup = Setup::new();
    setup.route("all", &format!("path = /\nupstream = http://127.0.0.1:{port}"));
    let gateway = setup.start();
    let mut client = gateway.client();
    let film = pattern(300_000, 16);
    for hit in [false, true, true] {
        let response = client.get("/kept");
        assert!(response.body == film && response.is_hit() == hit, "{}", response.head);
    }
    for body in [pattern(0, 1), pattern(1, 1), pattern(100_000, 1)] {
        client
            .send(format!("POST /echo HTTP/1.1\r\nHost: board\r\nContent-Length: {}\r\n\r\n", body.len()))
            .send(&body);
        let response = client.response();
        assert!(response.status == 200 && response.body == body, "{}", response.head);
    }
    client.send("POST /echo HTTP/1.1\r\nHost: board\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    assert_eq!(client.response().text(), "hello");
    until("the origin's count", || count.load(Ordering::SeqCst) == 5);
}

#[test]
fn an_async_h1_client_is_answered() {
    let film = pattern(200_000, 17);
    let whole = film.clone();
    let origin = Origin::new(move |seen| match seen.target() {
        "/film" => Answer::ok(&["Cache-Control: max-age=600"], &whole),
        "/chunks" => Answer::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        _ => Answer::ok(&["Cache-Control: no-store"], seen.method()),
    });
    let gateway = Gateway::before(&origin);
    let ask = |method: Method, path: &str, body: &[u8]| {
        smol::block_on(async {
            let stream = TcpStream::connect(gateway.address).await.expect("a connection");
            let url = Url::parse(&format!("http://board{path}")).expect("a URL");
            let mut request = Request::new(method, url);
            if !body.is_empty() {
                request.set_body(body);
            }
            let mut response = async_h1::connect(stream, request).await.expect("an answer");
            (u16::from(response.status()), response.body_bytes().await.expect("a body"))
        })
    };
    for _ in 0..2 {
        assert!(ask(Method::Get, "/film", b"") == (200, film.clone()));
        assert_eq!(ask(Method::Get, "/chunks", b""), (200, b"hello".to_vec()));
        assert_eq!(ask(Method::Post, "/x", &pattern(50_000, 18)), (200, b"POST".to_vec()));
    }
    assert_eq!(origin.count_of("/film"), 1);
    assert!(origin.last().body == pattern(50_000, 18));
}
