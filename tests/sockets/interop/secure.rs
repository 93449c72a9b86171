//! TLS on both sides with a test authority: curl and openssl before, nginx behind.

use std::process::{Command, Stdio};

use super::{have, nginx, run, text};
use crate::harness::{Authority, Folder, Gateway, Origin, Setup, free_port, pattern, spawn};

/// A gateway with TLS for `board.test`, and the port of it.
fn front(origin: &Origin, authority: &Authority) -> (Gateway, u16) {
    let mut setup = Setup::before(origin);
    let port = free_port();
    let (certificate, key) = authority.issue(&setup.folder, "front", &["board.test"]);
    setup.set("tls", "listen", &format!("127.0.0.1:{port}"));
    setup.set("tls", "certificate", &certificate).set("tls", "key", &key);
    (setup.start(), port)
}

#[test]
fn curl_comes_in_over_tls() {
    if !have(&["curl"]) {
        return;
    }
    let (origin, authority) = (Origin::plain(), Authority::new());
    let (gateway, port) = front(&origin, &authority);
    let ca = authority.file(&gateway.folder);
    for version in [&["--tlsv1.2", "--tls-max", "1.2"][..], &["--tlsv1.3"]] {
        let output = run(Command::new("curl")
            .args(["-sS", "-q", "--max-time", "20", "--noproxy", "*", "--cacert", &ca, "--resolve"])
            .arg(format!("board.test:{port}:127.0.0.1"))
            .args(version)
            .arg(format!("https://board.test:{port}/over-tls")));
        assert_eq!(text(&output), "/over-tls", "{version:?}");
    }
    assert_eq!(origin.last().field("x-forwarded-proto"), Some("https"));
}

#[test]
fn openssl_sees_the_whole_chain_and_the_right_protocol() {
    if !have(&["openssl"]) {
        return;
    }
    let (origin, authority) = (Origin::plain(), Authority::new());
    let (gateway, port) = front(&origin, &authority);
    let ca = authority.file(&gateway.folder);
    let mut command = Command::new("openssl");
    command
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-servername", "board.test", "-CAfile", &ca])
        .args(["-verify_return_error", "-verify_hostname", "board.test", "-alpn", "h2,http/1.1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let output = spawn(&mut command).and_then(|child| child.wait_with_output()).expect("openssl runs");
    let said = text(&output);
    assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
}

#[test]
fn nginx_is_asked_over_tls_and_only_with_the_right_name() {
    if !have(&["nginx"]) {
        return;
    }
    let authority = Authority::new();
    let folder = Folder::new();
    let film = pattern(2_000_000, 19);
    folder.write("site/film.mp4", &film);
    let (certificate, key) = authority.issue(&folder, "origin", &["wiki.test"]);
    let port = free_port();
    let _nginx = nginx::start(
        &folder,
        port,
        &format!("listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};"),
    );
    let ca = authority.file(&folder);
    let stranger = Authority::new().file_named(&folder, "stranger.pem");
    let mut setup = Setup::new();
    let upstream = format!("upstream = https://127.0.0.1:{port}\nstrip = yes");
    setup.route("right", &format!("path = /right/\n{upstream}\nupstream.ca = {ca}\nupstream.verify = wiki.test"));
    setup.route("name", &format!("path = /name/\n{upstream}\nupstream.ca = {ca}\nupstream.verify = other.test"));
    setup.route(
        "authority",
        &format!("path = /authority/\n{upstream}\nupstream.ca = {stranger}\nupstream.verify = wiki.test"),
    );
    setup.route("web", &format!("path = /web/\n{upstream}\nupstream.verify = wiki.test"));
    let gateway = setup.start();
    let mut client = gateway.client();
    for _ in 0..2 {
        let response = client.get("/right/film.mp4");
        assert!(response.is_whole() && response.body == film, "{}", response.head);
    }
    for target in ["/name/other.mp4", "/authority/other.mp4", "/web/other.mp4"] {
        assert_eq!(client.get(target).status, 502, "{target}");
    }
}
