//! nginx behind the gateway: the most common origin there is.

use super::{Server, have, program};
use crate::harness::{Folder, Setup, free_port, pattern};

pub(super) fn start(folder: &Folder, port: u16, locations: &str) -> Server {
    let place = folder.path().display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {place}/tmp-{kind};\n"))
        .collect();
    let account = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    folder.write(
        "nginx.conf",
        format!(
            "daemon off; {account} worker_processes 1; pid {place}/nginx.pid; error_log {place}/error.log;\n\
             events {{ worker_connections 200; }}\n\
             http {{ access_log off; default_type text/html; {temporary}\n\
             server {{ root {place}/site;\n{locations}\n}} }}\n"
        ),
    );
    let file = folder.join("nginx.conf");
    Server::start(program("nginx").arg("-e").arg(folder.join("start.log")).arg("-c").arg(file), port)
}

#[test]
fn pages_ranges_codings_and_validators_pass_and_are_kept() {
    if !have(&["nginx"]) {
        return;
    }
    let folder = Folder::new();
    let film = pattern(5_000_000, 12);
    folder.write("site/index.html", "<h1>nginx</h1>".repeat(1000));
    folder.write("site/film.mp4", &film);
    folder.write("site/fresh/a.html", "fresh");
    let port = free_port();
    let mut nginx = start(
        &folder,
        port,
        &format!(
            "listen 127.0.0.1:{port}; gzip on; gzip_proxied any; gzip_vary on; gzip_types text/html; gzip_min_length 1;\n\
             location /fresh/ {{ add_header Cache-Control max-age=600; }}\n\
             location /checked/ {{ alias {}/site/; add_header Cache-Control no-cache; }}\n\
             location /never/ {{ alias {}/site/; add_header Cache-Control no-store; }}\n\
             location = /film.mp4 {{ gzip off; }}\n\
             location = /old {{ return 301 /index.html; }}",
            folder.path().display(),
            folder.path().display()
        ),
    );
    let mut setup = Setup::new();
    setup.route("all", &format!("path = /\nupstream = {}", nginx.url()));
    let gateway = setup.start();
    let mut client = gateway.client();

    assert_eq!(client.get("/fresh/a.html").text(), "fresh");
    assert!(client.get("/fresh/a.html").is_hit());
    // Checked each time: the origin answers 304, the body comes from the card.
    for _ in 0..3 {
        assert!(client.get("/checked/film.mp4").body == film);
    }
    for target in ["/never/film.mp4", "/film.mp4"] {
        let response = client.get(target);
        assert!(response.is_whole() && response.body == film, "{target}: {}", response.head);
    }
    let response = client.send("GET /never/film.mp4 HTTP/1.1\r\nHost: board\r\nRange: bytes=-100\r\n\r\n").response();
    assert_eq!((response.status, response.body.as_slice()), (206, &film[4_999_900..]));
    // gzip comes in chunks and with Vary: the two forms are kept apart.
    for _ in 0..2 {
        let zipped = client.send("GET / HTTP/1.1\r\nHost: board\r\nAccept-Encoding: gzip\r\n\r\n").response();
        assert_eq!(zipped.field("content-encoding"), Some("gzip"), "{}", zipped.head);
        assert!(zipped.body.starts_with(&[0x1f, 0x8b]));
        assert_eq!(client.get("/").text(), "<h1>nginx</h1>".repeat(1000));
    }
    let head = client.send("HEAD /film.mp4 HTTP/1.1\r\nHost: board\r\n\r\n").response_to("HEAD");
    assert_eq!(head.field("content-length"), Some("5000000"), "{}", head.head);
    let moved = client.get("/old");
    assert_eq!(moved.status, 301);
    assert_eq!(client.get("/nothing").status, 404);
    gateway.wait_until_kept(2);
    nginx.stop();
    assert!(client.get("/fresh/a.html").is_hit());
    // no-cache forbids what cannot be checked (RFC 9111 §5.2.2.4).
    let unchecked = client.get("/checked/film.mp4");
    assert!(matches!(unchecked.status, 502..=504), "{}", unchecked.head);
}
