//! Python's http.server (HTTP/1.0, closes after each answer) behind, http.client before.

use std::process::Command;

use super::{Server, have, run, text};
use crate::harness::{Folder, Gateway, Origin, Setup, free_port, pattern};

#[test]
fn a_server_of_http_1_0_is_served_over_kept_connections() {
    if !have(&["python3"]) {
        return;
    }
    let folder = Folder::new();
    let film = pattern(1_000_000, 13);
    folder.write("page.html", "old but good");
    folder.write("film.mp4", &film);
    folder.write("deep/inside.txt", "inside");
    let port = free_port();
    let number = port.to_string();
    let arguments = ["-m", "http.server", "--bind", "127.0.0.1", &number];
    let server = Server::start(Command::new("python3").args(arguments).current_dir(folder.path()), port);
    let mut setup = Setup::new();
    setup.route("all", &format!("path = /\nupstream = {}", server.url()));
    let gateway = setup.start();
    let mut client = gateway.client();
    for _ in 0..3 {
        assert_eq!(client.get("/page.html").text(), "old but good");
        assert!(client.get("/film.mp4").body == film);
        assert_eq!(client.get("/deep/inside.txt").text(), "inside");
    }
    assert!(client.get("/deep/").text().contains("inside.txt"), "a listing, which states no length in chunks");
    assert_eq!(client.get("/nothing").status, 404);
    let refused = client.send("POST /page.html HTTP/1.1\r\nHost: board\r\nContent-Length: 3\r\n\r\nabc").response();
    assert_eq!(refused.status, 501);
}

const CLIENT: &str = "
import http.client, sys
c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=20)
for method, path, body, chunked in [
    ('GET', '/1', None, False), ('POST', '/2', b'x' * 100000, False), ('HEAD', '/3', None, False),
    ('PUT', '/4', iter([b'abc', b'def' * 30000]), True), ('OPTIONS', '/5', None, False), ('GET', '/6', None, False),
]:
    c.request(method, path, body=body, encode_chunked=chunked, headers={'Transfer-Encoding': 'chunked'} if chunked else {})
    r = c.getresponse()
    data = r.read()
    assert r.status == 200, (path, r.status)
    assert data == (b'' if method == 'HEAD' else path.encode()), (path, data)
    assert not r.will_close, path
print('well')
";

#[test]
fn http_client_speaks_over_one_connection() {
    if !have(&["python3"]) {
        return;
    }
    let origin = Origin::plain();
    let gateway = Gateway::before(&origin);
    let port = gateway.address.port().to_string();
    assert_eq!(text(&run(Command::new("python3").args(["-c", CLIENT, &port]))).trim(), "well");
    let bodies: Vec<usize> = origin.requests().iter().map(|seen| seen.body.len()).collect();
    assert_eq!(bodies, [0, 100_000, 0, 90_003, 0, 0]);
    assert!(origin.requests().iter().all(|seen| seen.complete));
}
