//! Ways around a guard that are none.

use super::{Key, ask, guard, keepable};
use crate::harness::{Answer, Gateway, Origin, Setup, until};

/// A path as a careless service might read it.
fn careless(target: &str) -> String {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    let mut bytes = path.as_bytes().iter();
    let mut decoded = Vec::new();
    while let Some(&byte) = bytes.next() {
        let rest = bytes.as_slice();
        let value = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (byte, value.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(value)) => {
                decoded.push(value);
                bytes.nth(1);
            }
            (byte, _) => decoded.push(byte),
        }
    }
    let mut parts = Vec::new();
    for part in String::from_utf8_lossy(&decoded).replace('\\', "/").split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part.to_owned()),
        }
    }
    format!("/{}", parts.join("/"))
}

#[test]
fn no_spelling_of_a_path_leads_around_its_guard() {
    let origin = Origin::plain();
    let mut setup = Setup::before(&origin);
    guard(&mut setup, &origin, "records", "auth = key");
    let gateway = setup.start();
    for target in [
        "/records",
        "/records/",
        "/records/1",
        "/records?x",
        "/%72ecords",
        "/recor%64s/1",
        "/re%63%6Frds",
        "//records",
        "///records/1",
        "/./records",
        "/x/../records",
        "/x/y/../../records/1",
        "/x/%2e%2e/records",
        "/x/.%2E/records",
        "/%2e/records",
        "/../records",
        "/records/.",
        "/records/../records",
        "/records%2f1",
        "/%2frecords",
        "/x/..%2frecords",
        "/x%2f..%2frecords",
        "\\records",
        "/x\\..\\records",
        "/x/..%5crecords",
        "/%2572ecords",
        "/records%00",
        "/records%20",
        "/records#x",
        "http://board/records",
        "http://board/x/../records",
        "HTTP://BOARD/records",
        "http://board//records",
        "http://other@board/records",
    ] {
        let before = origin.count();
        let response = gateway.get(target);
        for seen in &origin.requests()[before..] {
            let path = careless(seen.target());
            let guarded = path == "/records" || path.starts_with("/records/");
            assert!(!guarded, "{target} reached {:?}: {}", seen.target(), response.head);
        }
    }
    // An open one did pass, so that the above says something.
    assert_eq!(gateway.get("/recordings").status, 200);
    assert_eq!(careless("/x/%2e%2e//rec%6Frds"), "/records");
}

#[test]
fn every_kind_of_route_is_guarded() {
    let mut setup = Setup::new();
    let folder = setup.folder.write("files/a.txt", "a file").parent().expect("a folder").display().to_string();
    for (name, destination) in [
        ("files", format!("files = {folder}\nfiles.listing = on")),
        ("moved", "redirect = /elsewhere".to_owned()),
        ("fixed", "respond = 200 hello".to_owned()),
        ("down", "upstream = http://127.0.0.1:9".to_owned()),
    ] {
        setup.route(name, &format!("path = /{name}\n{destination}\nauth = key\nauth.query = token"));
    }
    let gateway = setup.start();
    let key = Key::new(&gateway, &[]);
    for (target, status) in [
        ("/files/a.txt", 200),
        ("/files/", 200),
        ("/files", 301),
        ("/files/none", 404),
        ("/moved", 302),
        ("/fixed", 200),
        ("/down", 502),
    ] {
        for method in ["GET", "HEAD"] {
            assert_eq!(ask(&gateway, method, target, "").status, 401, "{method} {target}");
            let response = ask(&gateway, method, target, &key.bearer());
            assert_eq!(response.status, status, "{method} {target}: {}", response.head);
        }
        let response = gateway.get(&format!("{target}?a=1&token={}", key.text));
        assert_eq!(response.status, status, "{target}: {}", response.head);
        assert!(!response.head.contains(key.secret()) && !response.text().contains(key.secret()), "{}", response.head);
        for method in ["OPTIONS", "POST", "PROPFIND"] {
            assert_eq!(ask(&gateway, method, target, "").status, 401, "{method} {target}");
        }
    }
}

#[test]
fn one_request_s_credential_is_not_the_next_one_s() {
    let origin = keepable();
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "plain", "auth = key");
    guard(&mut setup, &origin, "told", "auth = key\ntell.X-Who = id");
    let gateway = setup.start();
    let (a, b) = (Key::new(&gateway, &[]), Key::new(&gateway, &[]));
    assert_eq!(gateway.get_with("/plain", &a.bearer()).status, 200);
    gateway.wait_until_kept(1);
    let mut client = gateway.client();
    for target in ["/plain", "/told"] {
        let mut requests = String::new();
        for fields in [a.bearer(), String::new(), b.field(), String::new(), a.field()] {
            requests.push_str(&format!("GET {target} HTTP/1.1\r\nHost: board\r\n{fields}\r\n"));
        }
        client.send(requests);
        for status in [200, 401, 200, 401, 200] {
            assert_eq!(client.response().status, status, "{target}");
        }
    }
    let told: Vec<String> = origin.requests()[1..].iter().map(|seen| seen.all("x-who").join("|")).collect();
    assert_eq!(told, [&a, &b, &a].map(|key| format!("key/{}", key.id)));
}

#[test]
fn a_guard_that_appears_in_the_file_stands_before_what_is_kept() {
    let origin = keepable();
    let mut setup = Setup::new();
    let form = |rules: &str| format!("path = /plain\nupstream = {}\n{rules}", origin.url());
    setup.route("plain", &form("priority = low"));
    let gateway = setup.start();
    let key = Key::new(&gateway, &[]);
    let mut open = gateway.client();
    assert_eq!(open.get("/plain").status, 200);
    gateway.wait_until_kept(1);
    assert!(open.get("/plain").is_hit());
    let guarded = setup.text().replace("priority = low", "auth = key");
    setup.folder.write("hafir.ini", &guarded);
    until("the guard", || gateway.get("/plain").status == 401);
    assert_eq!(open.get("/plain").status, 401, "on a connection from before");
    let shared = |gateway: &Gateway| gateway.get_with("/plain", &key.bearer());
    assert!(shared(&gateway).is_hit());
    setup.folder.write("hafir.ini", guarded.replace("auth = key", "auth = key\ntell.X-Who = id"));
    until("the route that tells", || !shared(&gateway).is_hit());
    assert_eq!(origin.last().field("x-who"), Some(format!("key/{}", key.id).as_str()));
}

#[test]
fn an_older_client_is_judged_like_any_other() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "told", "auth = key\ntell.X-Who = id");
    let gateway = setup.start();
    let key = Key::new(&gateway, &[]);
    let old = |fields: &str| {
        let request = format!("GET /told HTTP/1.0\r\nHost: board\r\nX-Who: root\r\n{fields}\r\n");
        gateway.client().send(request).response().status
    };
    assert_eq!((old(""), old(&key.field())), (401, 200));
    assert_eq!(origin.last().all("x-who"), [format!("key/{}", key.id).as_str()]);
}

#[test]
fn small_letters_are_no_way_around_a_schema() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    let schema = setup.folder.write("schema.json", r#"{"type":"object","required":["name"]}"#);
    guard(&mut setup, &origin, "form", &format!("schema.POST = {}", schema.display()));
    let gateway = setup.start();
    for method in ["POST", "post", "Post"] {
        let send = |body: &str| {
            let head = format!("{method} /form HTTP/1.1\r\nHost: board\r\nContent-Type: application/json\r\n");
            let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
            gateway.client().send(request).response().status
        };
        assert_ne!(send("[]"), 200, "{method}");
        assert_eq!(send(r#"{"name":"a"}"#), 200, "{method}");
    }
    assert_eq!(origin.count(), 3);
}

#[test]
fn a_route_that_is_found_by_a_credential_stays_the_request_s_own() {
    let ours = Origin::new(|_| Answer::ok(&["Cache-Control: max-age=60"], "ours"));
    let staff = Origin::new(|_| Answer::ok(&["Cache-Control: max-age=60"], "staff"));
    let mut setup = Setup::new();
    let route = |origin: &Origin, keys: &str| format!("path = /desk\nupstream = {}\n{keys}", origin.url());
    setup.route("query", &route(&ours, "query.k = *\nauth = key\nauth.query = k"));
    setup.route("field", &route(&ours, "header.X-API-Key = *\nauth = key"));
    setup.route("staff", &route(&staff, "auth = basic\nauth.plain_http = on\nscope = staff"));
    setup.set("user anna", "password", "a-long-password");
    let gateway = setup.start();
    let key = Key::new(&gateway, &[]);
    // Cold, stored, and from RAM.
    for _ in 0..3 {
        let by_query = ask(&gateway, "GET", &format!("/desk/a?k={}", key.text), "");
        assert_eq!((by_query.status, by_query.text().as_str()), (200, "ours"), "{}", by_query.head);
        let by_field = ask(&gateway, "GET", "/desk/b", &key.field());
        assert_eq!((by_field.status, by_field.text().as_str()), (200, "ours"), "{}", by_field.head);
        assert_eq!(ask(&gateway, "GET", "/desk/a", "").status, 401);
    }
    assert_eq!(staff.count(), 0, "nobody showed what the staff's route asks for");
}
