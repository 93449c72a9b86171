//! The same request again and again: what is remembered of it never says more than is so.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Answer, Gateway, Origin, Response, Setup, until};

const FRESH: &str = "Cache-Control: max-age=60";
/// More than it takes for a request to be known.
const MANY: usize = 6;

/// Each answer of the origin is numbered.
fn numbered(fields: &'static [&'static str]) -> Origin {
    let count = std::sync::atomic::AtomicUsize::new(0);
    Origin::new(move |_| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        Answer::ok(fields, format!("answer {number}"))
    })
}

/// On one connection, the first of them a miss.
fn many(gateway: &Gateway, target: &str) -> Vec<Response> {
    gateway.keep_first(target);
    let mut client = gateway.client();
    (0..MANY).map(|_| client.get(target)).collect()
}

fn texts(answers: &[Response]) -> Vec<String> {
    answers.iter().map(Response::text).collect()
}

#[test]
fn repeats_are_answered_alike_but_for_their_ids() {
    let origin = numbered(&[FRESH, "ETag: \"1\"", "X-Own: kept"]);
    let gateway = Gateway::before(&origin);
    let answers = many(&gateway, "/page?a=1");
    let lines = |answer: &Response| {
        let changing = ["x-request-id:", "age:", "cache-status:"];
        let is_changing = |line: &&str| changing.iter().any(|name| line.to_ascii_lowercase().starts_with(name));
        answer.head.lines().filter(|line| !is_changing(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut ids: Vec<&str> = answers.iter().filter_map(|answer| answer.field("x-request-id")).collect();
    for answer in &answers {
        assert_eq!((answer.text().as_str(), answer.is_hit()), ("answer 1", true), "{}", answer.head);
        assert_eq!(lines(answer), lines(&answers[0]));
        assert!(answer.cache_status().contains("ttl="), "{}", answer.head);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), MANY, "each exchange has an id of its own");
    assert!(ids.iter().all(|id| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())), "{ids:?}");
}

#[test]
fn each_repeat_has_its_line_in_the_log() {
    let origin = numbered(&[FRESH]);
    let mut setup = Setup::before(&origin);
    setup.set("log", "format", "json");
    let gateway = setup.start();
    gateway.keep_first("/page?a=1");
    let mut client = gateway.client();
    let fields = "Referer: http://board/start\r\nUser-Agent: Tablet/7\r\n";
    let request = format!("GET /page?a=1 HTTP/1.1\r\nHost: board\r\n{fields}\r\n");
    let answers: Vec<Response> = (0..MANY).map(|_| client.send(&request).response()).collect();
    let ids: Vec<&str> = answers.iter().filter_map(|answer| answer.field("x-request-id")).collect();
    let read = || fs::read_to_string(gateway.folder.join("access.log")).unwrap_or_default();
    until("all lines", || ids.iter().all(|id| read().contains(id)));
    let log = read();
    let line = |id: &str| {
        let line = log.lines().find(|line| line.contains(id)).unwrap_or_default();
        // What is another in each of them.
        let members = line.trim_matches(['{', '}']).split(',');
        let same = |member: &&str| {
            !["time", "ms", "request_id", "id"].iter().any(|name| member.starts_with(&format!("\"{name}")))
        };
        members.filter(same).map(str::to_owned).collect::<Vec<_>>()
    };
    for id in &ids {
        assert_eq!(line(id), line(ids[0]), "{log}");
    }
    let first = line(ids[0]).join(",");
    for known in ["Tablet/7", "http://board/start", "/page", "\"hit\"", "200", "127.0.0.1"] {
        assert!(first.contains(known), "{known}: {first}");
    }
}

#[test]
fn an_answer_grows_older_and_goes_stale_for_repeats_too() {
    let origin = numbered(&["Cache-Control: max-age=2"]);
    let gateway = Gateway::before(&origin);
    let first = many(&gateway, "/page");
    assert!(first.iter().all(Response::is_hit));
    sleep(Duration::from_millis(1100));
    let mut client = gateway.client();
    let later: Vec<Response> = (0..MANY).map(|_| client.get("/page")).collect();
    for answer in later.iter().filter(|answer| answer.is_hit()) {
        let age: u64 = answer.field("age").and_then(|age| age.parse().ok()).expect("an age");
        assert!((1..=2).contains(&age), "{}", answer.head);
    }
    sleep(Duration::from_millis(1500));
    assert_eq!(client.get("/page").text(), "answer 2");
}

#[test]
fn what_is_invalidated_or_purged_is_not_repeated() {
    let origin = numbered(&[FRESH]);
    let gateway = Gateway::before(&origin);
    assert_eq!(texts(&many(&gateway, "/page")), ["answer 1"; MANY]);
    let mut client = gateway.client();
    let posted = client.send("POST /page HTTP/1.1\r\nHost: board\r\nContent-Length: 0\r\n\r\n").response();
    assert_eq!(posted.text(), "answer 2");
    assert_eq!(client.get("/page").text(), "answer 3");
    assert_eq!(texts(&many(&gateway, "/page")), ["answer 3"; MANY]);
    let file = gateway.file.display().to_string();
    let purged = crate::harness::hafir(&["cache", "--config", &file, "purge", "/*"]);
    assert!(purged.status.success(), "{}", String::from_utf8_lossy(&purged.stderr));
    assert_eq!(client.get("/page").text(), "answer 4");
}

#[test]
fn a_new_configuration_holds_for_repeats_at_once() {
    let origin = numbered(&[FRESH]);
    let mut setup = Setup::before(&origin);
    let before = setup.text();
    let gateway = setup.start();
    assert_eq!(texts(&many(&gateway, "/page")), ["answer 1"; MANY]);
    let after = before.replace("path = /\n", "path = /\nset.response.X-New = yes\n");
    assert_ne!(before, after, "{before}");
    fs::write(&gateway.file, after).expect("the configuration");
    gateway.signal(Signal::HUP);
    let mut client = gateway.client();
    until("the new field", || client.get("/page").field("x-new") == Some("yes"));
    assert!((0..MANY).all(|_| client.get("/page").field("x-new") == Some("yes")));
    fs::write(&gateway.file, before).expect("the configuration");
    gateway.signal(Signal::HUP);
    until("the old head", || client.get("/page").field("x-new").is_none());
}

#[test]
fn rates_hold_for_repeats() {
    let origin = numbered(&[FRESH]);
    let mut setup = Setup::new();
    setup.route("all", &format!("path = /\nupstream = {}\nrate = 4/min", origin.url()));
    let gateway = setup.start();
    let mut client = gateway.client();
    let statuses: Vec<u16> = (0..MANY).map(|_| client.get("/page").status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 429, 429]);
}

#[test]
fn a_kept_answer_is_not_for_requests_against_the_rules() {
    let origin = numbered(&[FRESH]);
    let mut setup = Setup::new();
    setup.route("all", &format!("path = /\nupstream = {}\ncheck.header.X-Class = integer 1..8", origin.url()));
    let gateway = setup.start();
    let ask = |class: &str| gateway.get_with("/page", &format!("X-Class: {class}\r\n"));
    assert_eq!(ask("3").status, 200);
    gateway.wait_until_kept(1);
    for _ in 0..3 {
        assert_eq!((ask("3").status, ask("9").status), (200, 400));
    }
}

#[test]
fn repeats_that_come_all_at_once_are_answered_in_order() {
    let origin = numbered(&[FRESH]);
    let gateway = Gateway::before(&origin);
    many(&gateway, "/page");
    let mut client = gateway.client();
    let (known, head) = ("GET /page HTTP/1.1\r\nHost: board\r\n\r\n", "HEAD /page HTTP/1.1\r\nHost: board\r\n\r\n");
    for request in [known.repeat(5), format!("{known}{head}{known}"), known.to_owned()] {
        client.send(&request);
        for part in request.split("\r\n\r\n").filter(|part| !part.is_empty()) {
            let method = part.split(' ').next().unwrap_or_default();
            let answer = client.response_to(method);
            let expected = if method == "HEAD" { "" } else { "answer 1" };
            assert_eq!((answer.status, answer.text().as_str(), answer.is_hit()), (200, expected, true));
        }
    }
    // In pieces.
    for (at, _) in known.char_indices().skip(1) {
        client.send(&known[..at]);
        client.send(&known[at..]);
        assert_eq!(client.response().text(), "answer 1");
    }
}
