//! Requests that are refused and closed, never repaired: what the origin sees of them is nothing.

use crate::harness::{Gateway, Origin, Setup, shown};

/// A request that would be answered if it were read from behind a refused one.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: board\r\n\r\n";

struct Stage {
    origin: Origin,
    gateway: Gateway,
}

impl Stage {
    fn new() -> Stage {
        let origin = Origin::plain();
        let mut setup = Setup::before(&origin);
        setup.set("limits", "head", "8 KB").set("limits", "fields", "64").set("limits", "target", "2 KB");
        Stage { gateway: setup.start(), origin }
    }

    /// The request is answered with one of these, then the connection is closed; nothing goes upstream.
    fn refused(&self, what: &str, request: impl AsRef<[u8]>, statuses: &[u16]) {
        let request = request.as_ref();
        let mut client = self.gateway.client();
        client.send(request).send(SMUGGLED);
        let response = client.response();
        let sent = shown(request);
        assert!(statuses.contains(&response.status), "{what}: {} in answer to {sent}", response.status);
        assert!(client.is_closed(), "{what}: the connection goes on after {sent}");
        assert_eq!(self.origin.count(), 0, "{what}: the origin was asked {:?} for {sent}", self.origin.requests());
    }

    fn refused_head(&self, what: &str, fields: &str, statuses: &[u16]) {
        self.refused(what, format!("POST /x HTTP/1.1\r\nHost: board\r\n{fields}\r\n"), statuses);
    }

    fn refused_target(&self, what: &str, target: &str) {
        self.refused(what, format!("GET {target} HTTP/1.1\r\nHost: board\r\n\r\n"), &[400]);
    }
}

#[test]
fn ambiguous_framing_is_refused() {
    let stage = Stage::new();
    let check = |fields: &str, statuses: &[u16]| stage.refused_head("framing", fields, statuses);
    check("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", &[400]);
    check("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", &[400]);
    check("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", &[400]);
    check("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", &[400, 501]);
    for coding in [
        "xchunked",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "chunked, identity",
        "identity",
        "gzip",
        "",
        ",",
        "chunked;q=1",
        "\"chunked\"",
        "'chunked'",
        "chunked x",
        "chunked\u{b}",
        "\u{b}chunked",
        "chu\u{212a}ed",
    ] {
        check(&format!("Transfer-Encoding: {coding}\r\n"), &[400, 501]);
    }
    check("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", &[400, 501]);
    check("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", &[400, 501]);
    check("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", &[400, 501]);
    check("Transfer-Encoding : chunked\r\n", &[400]);
    check("Transfer-Encoding\u{0}: chunked\r\n", &[400]);
    check("X: y\rTransfer-Encoding: chunked\r\n", &[400]);
    check(" Transfer-Encoding: chunked\r\n", &[400]);
}

#[test]
fn transfer_codings_in_http_1_0_are_refused() {
    let stage = Stage::new();
    let request = "POST /x HTTP/1.0\r\nHost: board\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    stage.refused("coding in 1.0", request, &[400]);
    let request = "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello";
    stage.refused("coding in 1.0", request, &[400]);
}

#[test]
fn lengths_that_are_not_one_plain_number_are_refused() {
    let stage = Stage::new();
    for length in ["", "+5", "-5", "5 5", "5,5", "5, 5", "5,6", "0x5", "5.0", "5;", "5a", "a", "\"5\"", "٥", "5\u{b}"]
    {
        stage.refused_head("length", &format!("Content-Length: {length}\r\n"), &[400]);
    }
    stage.refused_head("repeated length", "Content-Length: 5\r\nContent-Length: 5\r\n", &[400]);
    stage.refused_head("differing lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", &[400]);
    stage.refused_head("length and empty length", "Content-Length: 5\r\nContent-Length:\r\n", &[400]);
    stage.refused_head("space before the colon", "Content-Length : 5\r\n", &[400]);
}

#[test]
fn lengths_that_overflow_are_refused() {
    let stage = Stage::new();
    for length in [
        "4294967296",
        "4294967301",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551621",
        "99999999999999999999999999999999999999",
    ] {
        stage.refused_head("length", &format!("Content-Length: {length}\r\n"), &[400, 413]);
    }
}

#[test]
fn lines_that_are_not_lines_are_refused() {
    let stage = Stage::new();
    let check = |request: &str| stage.refused("line", request, &[400]);
    check("GET /x HTTP/1.1\nHost: board\r\n\r\n");
    check("GET /x HTTP/1.1\nHost: board\n\n");
    check("GET /x HTTP/1.1\r\nHost: board\n\r\n");
    check("GET /x HTTP/1.1\r\nHost: board\r\nX: a\nY: b\r\n\r\n");
    check("GET /x HTTP/1.1\r\nHost: board\r\nX: a\rY: b\r\n\r\n");
    check("GET /x HTTP/1.1\rHost: board\r\n\r\n");
    check("GET /x\rHTTP/1.1\r\nHost: board\r\n\r\n");
    check("GET /x HTTP/1.1\r\nHost: board\r\nX: a\r\r\n\r\n");
    check("GET /x HTTP/1.1\r\nHost: board\r\nX : a\r\n\r\n");
    check("GET /x HTTP/1.1\r\nHost: board\r\nX\t: a\r\n\r\n");
    check("GET /x HTTP/1.1\r\nHost : board\r\n\r\n");
    check("GET /x HTTP/1.1\r\nHost: board\r\nX: a\r\n folded\r\n\r\n");
    check("GET /x HTTP/1.1\r\nHost: board\r\nX: a\r\n\tfolded\r\n\r\n");
    check("GET /x HTTP/1.1\r\n Host: board\r\n\r\n");
    check("GET /x HTTP/1.1\r\n\tX: a\r\nHost: board\r\n\r\n");
    check("GET /x HTTP/1.1\r\nHost: board\r\nno colon\r\n\r\n");
    check("GET /x HTTP/1.1\r\nHost: board\r\n: no name\r\n\r\n");
    check("GET /x HTTP/1.1\r\nHost: board\r\n\r: x\r\n\r\n");
}

#[test]
fn characters_that_do_not_belong_are_refused() {
    let stage = Stage::new();
    for byte in (0..=0x1f).chain([0x7f]).filter(|byte| !b"\t\r\n".contains(byte)) {
        let mut value = b"GET /x HTTP/1.1\r\nHost: board\r\nX: a".to_vec();
        value.push(byte);
        value.extend_from_slice(b"b\r\n\r\n");
        stage.refused("control in a value", value, &[400]);
    }
    for byte in b"\0\x01\x1f \t\x7f\"(),/;<=>?@[\\]{}\x80\xff" {
        let mut name = b"GET /x HTTP/1.1\r\nHost: board\r\nX".to_vec();
        name.push(*byte);
        name.extend_from_slice(b"Y: b\r\n\r\n");
        stage.refused("stranger in a name", name, &[400]);
    }
    for byte in b"\0\x01\x7f\"(),/:;<=>?@[\\]{}\x80" {
        let mut method = b"GE".to_vec();
        method.push(*byte);
        method.extend_from_slice(b"T /x HTTP/1.1\r\nHost: board\r\n\r\n");
        stage.refused("stranger in a method", method, &[400]);
    }
    for byte in b"\0\x01\x0b\x0c\x1f\x7f\x80\xff" {
        let mut target = b"GET /x".to_vec();
        target.push(*byte);
        target.extend_from_slice(b"y HTTP/1.1\r\nHost: board\r\n\r\n");
        stage.refused("stranger in a target", target, &[400]);
    }
}

#[test]
fn a_request_names_exactly_one_valid_host() {
    let stage = Stage::new();
    stage.refused("no host", "GET /x HTTP/1.1\r\n\r\n", &[400]);
    stage.refused("two hosts", "GET /x HTTP/1.1\r\nHost: board\r\nHost: board\r\n\r\n", &[400]);
    stage.refused("two hosts", "GET /x HTTP/1.1\r\nHost: board\r\nHost: other\r\n\r\n", &[400]);
    stage.refused("two hosts", "GET /x HTTP/1.0\r\nHost: board\r\nHost: other\r\n\r\n", &[400]);
    for host in [
        "", "a b", "a/b", "a@b", "a:b", "a:-1", "a:99999", "a:1:2", "[::1", "::1", "[::1]x", "[::zz]", "a,b", "a?b",
        "a#b", "a\\b", "a\"b", "a<b", "%00", "a%zz", "é",
    ] {
        stage.refused("host", format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n"), &[400]);
    }
}

#[test]
fn an_absolute_target_agrees_with_the_host() {
    let stage = Stage::new();
    let check = |request: &str| stage.refused("authority", request, &[400, 421]);
    check("GET http://other/x HTTP/1.1\r\nHost: board\r\n\r\n");
    check("GET http://board:81/x HTTP/1.1\r\nHost: board\r\n\r\n");
    check("GET http://board.evil/x HTTP/1.1\r\nHost: board\r\n\r\n");
    check("GET http://board@evil/x HTTP/1.1\r\nHost: board\r\n\r\n");
    check("GET http://user:word@board/x HTTP/1.1\r\nHost: board\r\n\r\n");
    check("GET http:///x HTTP/1.1\r\nHost: board\r\n\r\n");
    check("GET ftp://board/x HTTP/1.1\r\nHost: board\r\n\r\n");
    check("GET http:board/x HTTP/1.1\r\nHost: board\r\n\r\n");
    check("GET http://board\\x HTTP/1.1\r\nHost: board\r\n\r\n");
}

#[test]
fn targets_that_could_mean_two_things_are_refused() {
    let stage = Stage::new();
    let check = |target: &str| stage.refused_target("target", target);
    for target in [
        "/x#part",
        "/x?a#part",
        "/%",
        "/%2",
        "/%zz",
        "/x?%",
        "/x?%g1",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/%00",
        "/a%0d%0ab",
        "/%0a",
        "x",
        "*",
        "?x",
        "/a b",
        "/x y z",
    ] {
        check(target);
    }
    stage.refused("asterisk is for OPTIONS", "POST * HTTP/1.1\r\nHost: board\r\n\r\n", &[400]);
    stage.refused("two spaces", "GET  /x HTTP/1.1\r\nHost: board\r\n\r\n", &[400]);
    stage.refused("two spaces", "GET /x  HTTP/1.1\r\nHost: board\r\n\r\n", &[400]);
    stage.refused("a tab", "GET\t/x HTTP/1.1\r\nHost: board\r\n\r\n", &[400]);
    stage.refused("a tab", "GET /x\tHTTP/1.1\r\nHost: board\r\n\r\n", &[400]);
    stage.refused("space first", " GET /x HTTP/1.1\r\nHost: board\r\n\r\n", &[400]);
    stage.refused("space last", "GET /x HTTP/1.1 \r\nHost: board\r\n\r\n", &[400, 505]);
}

#[test]
fn versions_nobody_knows_are_refused() {
    let stage = Stage::new();
    for version in ["HTTP/2.0", "HTTP/3.0", "HTTP/0.9", "HTTP/1.2", "HTTP/9.9"] {
        stage.refused("version", format!("GET /x {version}\r\nHost: board\r\n\r\n"), &[505]);
    }
    for version in
        ["HTTP/1.10", "HTTP/11", "HTTP/1", "HTTP/1.", "HTTP/.1", "http/1.1", "HTTQ/1.1", "HTTP/1,1", "HTTP/ 1.1"]
    {
        stage.refused("version", format!("GET /x {version}\r\nHost: board\r\n\r\n"), &[400, 505]);
    }
    stage.refused("no version", "GET /x\r\nHost: board\r\n\r\n", &[400, 505]);
    stage.refused("HTTP/2 at once", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[400, 505]);
}

#[test]
fn connect_trace_and_h2c_are_refused() {
    let stage = Stage::new();
    stage.refused("connect", "CONNECT board:443 HTTP/1.1\r\nHost: board:443\r\n\r\n", &[400, 405, 501]);
    stage.refused("connect", "CONNECT /x HTTP/1.1\r\nHost: board\r\n\r\n", &[400, 405, 501]);
    stage.refused("trace", "TRACE /x HTTP/1.1\r\nHost: board\r\n\r\n", &[405, 501]);
    let h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n";
    stage.refused("h2c", format!("GET /x HTTP/1.1\r\nHost: board\r\n{h2c}\r\n"), &[400, 403, 426, 501]);
    let h2c = h2c.replace("h2c", "websocket, H2C");
    stage.refused("h2c", format!("GET /x HTTP/1.1\r\nHost: board\r\n{h2c}\r\n"), &[400, 403, 426, 501]);
}

#[test]
fn heads_and_targets_that_are_too_large_are_refused() {
    let stage = Stage::new();
    stage.refused_head("large field", &format!("X: {}\r\n", "x".repeat(9000)), &[431]);
    stage.refused_head("large name", &format!("{}: x\r\n", "x".repeat(9000)), &[431]);
    stage.refused_head("many fields", &"X: y\r\n".repeat(65), &[431]);
    stage.refused_head("20,000 fields", &"X: y\r\n".repeat(20_000), &[431]);
    stage.refused("large target", format!("GET /{} HTTP/1.1\r\nHost: board\r\n\r\n", "x".repeat(3000)), &[414]);
    stage.refused("endless target", format!("GET /{}", "x".repeat(100_000)), &[414, 431]);
    stage.refused("endless method", "X".repeat(100_000), &[400, 414, 431, 501]);
    stage.refused("empty lines without end", "\r\n".repeat(5000), &[400, 414, 431]);
}

#[test]
fn refusals_are_the_same_however_the_bytes_arrive() {
    let stage = Stage::new();
    let request = "POST /x HTTP/1.1\r\nHost: board\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut client = stage.gateway.client();
    for byte in request.bytes() {
        client.send([byte]);
    }
    assert_eq!(client.response().status, 400);
    assert!(client.is_closed());
    assert_eq!(stage.origin.count(), 0);
}

#[test]
fn a_refused_request_ends_what_was_pipelined_behind_it_and_nothing_before_it() {
    let stage = Stage::new();
    let mut client = stage.gateway.client();
    client.send("GET /first HTTP/1.1\r\nHost: board\r\n\r\nGET /second HTTP/1.1\r\n\r\n").send(SMUGGLED);
    assert_eq!(client.response().text(), "/first");
    assert_eq!(client.response().status, 400);
    assert!(client.is_closed());
    assert_eq!(stage.origin.count(), 1);
}

#[test]
fn refusals_tell_programs_and_people_calmly() {
    let mut setup = Setup::new();
    setup.route("one", "path = /one\nrespond = 200 here");
    let gateway = setup.start();
    let page = gateway.get_with("/none", "Accept: text/html,*/*;q=0.8\r\nAccept-Language: fr\r\n");
    assert_eq!(page.status, 404);
    assert!(page.field("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{}", page.head);
    assert!(page.text().contains("lang=\"fr\""), "{}", page.text());
    let page = gateway.get_with("/none", "Accept: text/html\r\nAccept-Language: ar\r\n");
    assert!(page.text().contains("dir=\"rtl\""), "{}", page.text());
    let problem = gateway.get_with("/none", "Accept: application/json\r\n");
    assert_eq!(problem.field("content-type"), Some("application/problem+json"), "{}", problem.head);
    assert!(problem.text().contains("\"status\":404"), "{}", problem.text());
    for answer in [page, problem] {
        assert!(answer.field("cache-control").is_some_and(|value| value.contains("no-store")), "{}", answer.head);
        assert!(!answer.text().contains("/none"), "nothing of the request is repeated: {}", answer.text());
    }
}
