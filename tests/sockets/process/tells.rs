//! The access log, the metrics and the status.

use std::fs;

use crate::harness::{Answer, Client, Gate, Gateway, Origin, Setup, until};

fn origin() -> Origin {
    Origin::new(|seen| match seen.target() {
        "/missing" => Answer::status("404 Not Found", &["Cache-Control: no-store"], "nothing"),
        _ => Answer::ok(&["Cache-Control: max-age=600"], "hello"),
    })
}

fn log_lines(gateway: &Gateway, count: usize) -> Vec<String> {
    let read = || fs::read_to_string(gateway.folder.join("access.log")).unwrap_or_default();
    until(&format!("{count} lines in the access log"), || read().lines().count() >= count);
    read().lines().map(str::to_owned).collect()
}

#[test]
fn each_exchange_is_one_line_of_the_access_log() {
    let origin = origin();
    let mut setup = Setup::before(&origin);
    // Two workers may write their lines in any order.
    setup.set("gateway", "workers", "1");
    let gateway = setup.start();
    gateway.get("/x?name=secret");
    gateway.get("/x?name=secret");
    gateway.get_with("/missing", "Referer: http://board/\"start\"\r\nUser-Agent: test \\ \"1\"\r\n");
    gateway.client().send("TRACE /bad HTTP/1.1\r\nHost: board\r\n\r\n").response();
    let lines = log_lines(&gateway, 4);
    assert!(lines[0].starts_with("127.0.0.1 - - ["), "{}", lines[0]);
    assert!(lines[0].contains("\"GET /x") && lines[0].contains("HTTP/1.1\" 200 5 "), "{}", lines[0]);
    assert!(!lines[0].contains("secret"), "queries are not written down: {}", lines[0]);
    assert!(lines[0].contains("miss") && lines[1].contains("hit"), "{lines:?}");
    assert!(lines[2].contains(" 404 7 "), "{}", lines[2]);
    assert!(!lines[2].contains("test \\ \"1\""), "quotes inside of a value are escaped: {}", lines[2]);
    assert!(lines[3].contains(" 501 "), "{}", lines[3]);
}

#[test]
fn a_line_cannot_be_forged_by_what_a_client_sends() {
    let origin = origin();
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    // A control character in a value is refused; other odd bytes are written escaped.
    client.send(b"GET /a HTTP/1.1\r\nHost: board\r\nUser-Agent: \x1b[31m\"x\r\n\r\n").response();
    gateway.get_with("/b", "User-Agent: \u{e9}\u{2028}\"x\r\n");
    let lines = log_lines(&gateway, 2);
    assert!(lines.iter().all(|line| line.bytes().all(|byte| (0x20..0x7f).contains(&byte))), "{lines:?}");
}

#[test]
fn the_log_in_json_is_json() {
    let origin = origin();
    let mut setup = Setup::before(&origin);
    setup.set("log", "format", "json").set("log", "query", "on");
    let gateway = setup.start();
    gateway.get_with("/x?name=known", "User-Agent: \"quoted\" \u{e9}\r\n");
    for line in log_lines(&gateway, 1) {
        let value: miniserde::json::Value =
            miniserde::json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        let miniserde::json::Value::Object(object) = value else { panic!("not an object: {line}") };
        for key in ["status", "method"] {
            assert!(object.contains_key(key), "{key} is not in {line}");
        }
        assert!(line.contains("known"), "queries are written down where the file says so: {line}");
    }
}

#[test]
fn a_log_file_never_grows_beyond_its_size() {
    let origin = origin();
    let mut setup = Setup::before(&origin);
    setup.set("log", "size", "64 KB");
    let gateway = setup.start();
    let mut client = gateway.client();
    let path = format!("/{}", "x".repeat(900));
    for _ in 0..200 {
        client.get(&path);
    }
    until("the log to be begun again", || gateway.folder.join("access.log.1").exists());
    for name in ["access.log", "access.log.1"] {
        let size = fs::metadata(gateway.folder.join(name)).map_or(0, |data| data.len());
        assert!(size <= 66 * 1024, "{name}: {size}");
    }
}

#[test]
fn metrics_are_prometheus_text_and_count() {
    let origin = origin();
    let gateway = Gateway::before(&origin);
    for _ in 0..3 {
        gateway.get("/x");
    }
    let mut client = Client::connect(gateway.admin);
    let response = client.get("/metrics");
    assert!(response.field("content-type").is_some_and(|kind| kind.starts_with("text/plain")), "{}", response.head);
    let text = response.text();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if line.starts_with('#') {
            assert!(line.starts_with("# HELP hafir_") || line.starts_with("# TYPE hafir_"), "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let name = series.split('{').next().unwrap_or_default();
        assert!(
            name.starts_with("hafir_") && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric()),
            "{line}"
        );
        assert!(text.contains(&format!("# TYPE {}", family(name))), "no type for {name}:\n{text}");
    }
    // An exchange is counted when it has ended, a moment after its client has the answer.
    until("two hits of the route 'all'", || {
        let text = Client::connect(gateway.admin).get("/metrics").text();
        let hits =
            text.lines().find(|line| line.contains("hit") && line.contains("route=\"all\"") && !line.starts_with('#'));
        hits.is_some_and(|line| line.ends_with(" 2"))
    });
}

/// The name that `# TYPE` speaks of.
fn family(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

#[test]
fn the_admin_pages_are_on_their_own_address_only() {
    let mut setup = Setup::new();
    setup.route("fixed", "path = /fixed\nrespond = 200 here");
    let gateway = setup.start();
    for target in ["/metrics", "/status", "/status.json"] {
        assert_eq!(gateway.get(target).status, 404, "{target}");
        assert_eq!(Client::connect(gateway.admin).get(target).status, 200, "{target}");
    }
    assert_eq!(Client::connect(gateway.admin).get("/fixed").status, 404);
    let mut client = Client::connect(gateway.admin);
    assert_eq!(client.send("POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").response().status, 405);
    let page = Client::connect(gateway.admin)
        .send("GET /status HTTP/1.1\r\nHost: board\r\nAccept: text/html\r\n\r\n")
        .response();
    assert!(page.text().contains("Test board"), "{}", page.text());
}

#[test]
fn what_needs_attention_is_in_the_status() {
    let mut setup = Setup::new();
    setup.set("tls", "listen", &format!("127.0.0.1:{}", crate::harness::free_port()));
    setup.set("tls", "certificate", "/nowhere/cert.pem").set("tls", "key", "/nowhere/key.pem");
    setup.set("cache", "dir", "/proc/hafir-cannot-be-here");
    setup.route("fixed", "path = /\nrespond = 200 here");
    let gateway = setup.start();
    assert_eq!(gateway.get("/").text().trim_end(), "here", "each trouble costs its own thing only");
    let status = Client::connect(gateway.admin).get("/status.json").text();
    assert!(status.contains("/nowhere/cert.pem"), "{status}");
    assert!(status.contains("\"state\":\"off\"") || status.contains("\"state\":\"read only\""), "{status}");
}

#[test]
fn the_admin_pages_take_no_body_for_a_request() {
    let mut setup = Setup::new();
    setup.route("fixed", "path = /\nrespond = 200 here");
    let gateway = setup.start();
    let hidden = "GET /status.json HTTP/1.1\r\nHost: x\r\n\r\n";
    for request in [
        format!("GET /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len()),
        "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /nowhere HTTP/1.0\r\n\r\n".to_owned(),
    ] {
        let mut client = Client::connect(gateway.admin);
        assert_eq!(client.send(&request).response().status, 404, "{request}");
        assert!(client.is_closed(), "{request}");
    }
}

#[test]
fn the_log_says_what_a_miss_cost() {
    let origin = Origin::always(Answer::ok(&["Cache-Control: max-age=60"], "x".repeat(1000)));
    let gateway = Gateway::before(&origin);
    for number in 0..20 {
        gateway.get(&format!("/{number}"));
    }
    for line in log_lines(&gateway, 20) {
        let words: Vec<&str> = line.rsplit(' ').take(3).collect();
        let [uplink, time, "miss"] = words[..] else { panic!("not a miss: {line}") };
        assert!(time.parse::<u64>().is_ok() && uplink.parse::<u64>().is_ok_and(|bytes| bytes > 1000), "{line}");
    }
}

#[test]
fn a_client_that_leaves_before_its_answer_is_told_as_such() {
    let gate = Gate::default();
    let held = gate.clone();
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let origin = Origin::new(move |_| Answer::raw(early).wait(&held).send(early.repeat(2000)).then_ok("late"));
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    client.send("POST /x HTTP/1.1\r\nHost: board\r\nContent-Length: 1\r\n\r\n1");
    assert_eq!(client.head().status, 103);
    client.reset();
    gate.open();
    let lines = log_lines(&gateway, 1);
    assert!(lines[0].contains("\" 499 0 "), "{}", lines[0]);
}

#[test]
fn what_is_refused_is_logged_with_who_asked() {
    let mut setup = Setup::new();
    setup.set("gateway", "trusted_proxies", "127.0.0.1");
    setup.route("fixed", "path = /fixed\nrespond = 200 here\ndeny = 192.0.2.0/24");
    let gateway = setup.start();
    let said = "X-Forwarded-For: 192.0.2.7\r\nUser-Agent: curious\r\n";
    assert_eq!(gateway.get_with("/fixed", said).status, 403);
    assert_eq!(gateway.get_with("/nowhere", said).status, 404);
    for line in log_lines(&gateway, 2) {
        assert!(line.starts_with("192.0.2.7 - - [") && line.contains("\"curious\""), "{line}");
    }
}
