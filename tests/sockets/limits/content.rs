//! What a request may hold: methods, types, queries, fields, and bodies as a schema wants them.

use super::check_status;
use crate::harness::{Answer, Client, Gateway, Origin, Response, Setup, until};

/// Takes an event of a clinic.
const EVENT: &str = r##"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["name", "doses"],
  "properties": {
    "name": { "type": "string", "maxLength": 5 },
    "doses": { "type": "array", "items": { "$ref": "#/$defs/dose" } }
  },
  "additionalProperties": true,
  "$defs": { "dose": { "type": "integer", "minimum": 1 } }
}"##;

/// As a client may write it: not as anybody else would.
const GOOD: &str = "{ \"doses\" :\n[1, 2.0, 3e0],\t\"name\":\"\\u0041da\" }\r\n";

fn echo() -> Origin {
    Origin::new(|seen| Answer::ok(&["Cache-Control: no-store"], seen.target()))
}

/// A gateway with the schema beside its file.
fn clinic(origin: &Origin, terms: &str) -> Gateway {
    let mut setup = Setup::new();
    let schema = setup.folder.write("event.json", EVENT).display().to_string();
    setup.route("events", &format!("path = /events\nupstream = {}\nschema.POST = {schema}\n{terms}", origin.url()));
    setup.route("other", &format!("path = /other\nupstream = {}", origin.url()));
    setup.start()
}

fn post<'c>(client: &'c mut Client, body: &str, fields: &str) -> &'c mut Client {
    let length = body.len();
    client.send(format!("POST /events HTTP/1.1\r\nHost: board\r\nContent-Length: {length}\r\n{fields}\r\n{body}"))
}

fn post_to(gateway: &Gateway, body: &str) -> Response {
    post(&mut gateway.client(), body, "").response()
}

#[test]
fn other_methods_and_types_are_told_which_there_are() {
    let origin = echo();
    let terms = "limit.methods = GET, POST\nlimit.types = application/json, text/*";
    let gateway = super::route(&mut Setup::new(), &origin, terms);
    let ask = |method: &str, fields: &str| {
        let asked = format!("{method} / HTTP/1.1\r\nHost: board\r\n{fields}\r\n");
        gateway.client().send(asked).response_to(method)
    };
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "get"] {
        let refused = ask(method, "Content-Length: 0\r\n");
        check_status(&refused, 405);
        assert_eq!(refused.field("allow"), Some("GET, POST, HEAD"));
    }
    assert_eq!([ask("GET", "").status, ask("HEAD", "").status], [200, 200]);
    for kind in ["application/json", "Application/JSON; charset=utf-8", "text/plain"] {
        let sent = format!("POST / HTTP/1.1\r\nHost: board\r\nContent-Type: {kind}\r\nContent-Length: 2\r\n\r\n{{}}");
        check_status(&gateway.client().send(sent).response(), 200);
    }
    for kind in ["application/xml", "application/jsonx", "text", "", "application/json\r\nContent-Type: text/html"] {
        let sent = format!("POST / HTTP/1.1\r\nHost: board\r\nContent-Type: {kind}\r\nContent-Length: 2\r\n\r\n{{}}");
        let refused = gateway.client().send(sent).response();
        check_status(&refused, 415);
        assert_eq!(refused.field("accept"), Some("application/json, text/*"), "{kind}");
    }
    assert_eq!(origin.count(), 5);
}

#[test]
fn queries_and_fields_are_held_against_their_rules() {
    let origin = echo();
    let terms = "check.query.pageSize = integer 1..200\ncheck.query.day = required date\n\
                 check.query.order = one of up down\ncheck.header.X-Facility = required text 2..4\ncheck.strict = on";
    let gateway = super::route(&mut Setup::new(), &origin, terms);
    let ask = |query: &str, fields: &str| gateway.get_with(&format!("/?{query}"), fields);
    let facility = "X-Facility: abc\r\n";
    check_status(&ask("day=2026-02-28&pageSize=200&order=up", facility), 200);
    for (query, fields, pointers) in [
        ("day=2026-02-30", facility, vec!["query.day"]),
        ("pageSize=201&day=2026-01-01&order=left", facility, vec!["query.pageSize", "query.order"]),
        ("day=2026-01-01&day=2026-01-02", facility, vec!["query.day"]),
        ("day=2026-01-01&%64ay=x", facility, vec!["query.day"]),
        ("day=2026-01-01&secret=1", facility, vec!["query.secret"]),
        ("", facility, vec!["query.day"]),
        ("day=2026-01-01", "", vec!["header.x-facility"]),
        ("day=2026-01-01", "X-Facility: abcde\r\n", vec!["header.x-facility"]),
    ] {
        let refused = ask(query, fields);
        check_status(&refused, 400);
        let text = refused.text().to_lowercase();
        assert_eq!(refused.field("content-type"), Some("application/problem+json"));
        assert!(text.contains("\"errors\":["), "{text}");
        for pointer in &pointers {
            assert!(text.contains(&format!("\"pointer\":\"{}\"", pointer.to_lowercase())), "{query}: {text}");
        }
        assert_eq!(text.matches("\"pointer\"").count(), pointers.len(), "{query}: {text}");
    }
    assert_eq!(origin.count(), 1);
}

#[test]
fn a_body_that_passes_reaches_the_service_byte_by_byte() {
    let origin = echo();
    let gateway = clinic(&origin, "");
    let mut client = gateway.client();
    for round in 0..2 {
        check_status(&post(&mut client, GOOD, "Content-Type: application/json\r\n").response(), 200);
        assert_eq!(origin.last().body, GOOD.as_bytes(), "{round}");
    }
    // In chunks, with more behind it on the same connection.
    let (one, two) = GOOD.split_at(7);
    let chunked = format!(
        "POST /events HTTP/1.1\r\nHost: board\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{one}\r\n{:x};ext=1\r\n{two}\r\n0\r\nX-Trailer: t\r\n\r\nGET /other HTTP/1.1\r\nHost: board\r\n\r\n",
        one.len(),
        two.len()
    );
    client.send(chunked);
    check_status(&client.response(), 200);
    assert_eq!(client.response().text(), "/other");
    let seen = origin.requests().into_iter().rfind(|seen| seen.method() == "POST").expect("a POST");
    assert_eq!(seen.body, GOOD.as_bytes());
    assert!(seen.field("transfer-encoding").is_none() || seen.field("content-length").is_none(), "{}", seen.head);
    // Other methods have no schema, and empty bodies none to be held against.
    let put = "PUT /events HTTP/1.1\r\nHost: board\r\nContent-Length: 3\r\n\r\nnot";
    check_status(&client.send(put).response(), 200);
    check_status(&client.get("/events"), 200);
}

#[test]
fn who_waits_to_be_told_to_send_is_told_and_the_service_gets_it_once() {
    let origin = echo();
    let gateway = clinic(&origin, "");
    let mut client = gateway.client();
    let length = GOOD.len();
    let head =
        format!("POST /events HTTP/1.1\r\nHost: board\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n");
    for _ in 0..2 {
        client.send(&head);
        assert_eq!(client.head().status, 100);
        check_status(&client.send(GOOD).response(), 200);
        assert_eq!(origin.last().body, GOOD.as_bytes());
    }
    let coded = head.replace(&format!("Content-Length: {length}"), "Transfer-Encoding: chunked");
    client.send(&coded);
    assert_eq!(client.head().status, 100);
    check_status(&client.send(format!("{length:x}\r\n{GOOD}\r\n0\r\n\r\n")).response(), 200);
    assert_eq!(origin.last().body, GOOD.as_bytes());
    // Nobody is told to send what is not taken.
    let large = head.replace(&format!("Content-Length: {length}"), "Content-Length: 2000000");
    check_status(&client.send(&large).response(), 413);
    assert_eq!(origin.count(), 3);
}

#[test]
fn what_is_wrong_in_a_body_is_told_place_by_place() {
    let origin = echo();
    let gateway = clinic(&origin, "schema.size = 2 KB\nschema.depth = 20");
    let refused = post_to(&gateway, "{\"name\":\"too long\",\"doses\":[1,0,\"x\"]}");
    check_status(&refused, 422);
    let text = refused.text();
    for pointer in ["/name", "/doses/1", "/doses/2"] {
        assert!(text.contains(&format!("\"pointer\":\"{pointer}\"")), "{text}");
    }
    assert!(text.contains("\"type\":\"urn:hafir:problem:not-as-agreed\"") && !text.contains("too long"), "{text}");
    let missing = post_to(&gateway, "{}");
    check_status(&missing, 422);
    let deep = format!("{{\"name\":\"a\",\"doses\":[],\"x\":{}{}}}", "[".repeat(30), "]".repeat(30));
    check_status(&post_to(&gateway, &deep), 422);
    for bad in ["no", "{\"name\":\"a\",}", "{\"name\":\"a\",\"doses\":[]} x", "\u{feff}{}", "{\"name\":\"a\"", "NaN"] {
        check_status(&post_to(&gateway, bad), 400);
    }
    // Who reads it next may take the other one of two.
    check_status(&post_to(&gateway, "{\"name\":\"a\",\"name\":\"b\",\"doses\":[]}"), 400);
    let large = format!("{{\"name\":\"a\",\"doses\":[],\"x\":\"{}\"}}", "x".repeat(3_000));
    check_status(&post_to(&gateway, &large), 413);
    let head = "POST /events HTTP/1.1\r\nHost: board\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunked = format!("{head}{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    check_status(&gateway.client().send(chunked).response(), 413);
    assert_eq!(origin.count(), 0);
    check_status(&post_to(&gateway, GOOD), 200);
}

#[test]
fn a_route_whose_schema_cannot_be_used_is_shut_and_says_so_and_others_are_not() {
    let origin = echo();
    let mut setup = Setup::new();
    let broken = setup.folder.write("broken.json", "{\"type\": \"objekt\"}").display().to_string();
    let abroad = setup.folder.write("schemas/abroad.json", "{\"$ref\": \"../broken.json\"}").display().to_string();
    let web =
        setup.folder.write("schemas/web.json", "{\"$ref\": \"https://example.org/a.json\"}").display().to_string();
    let gone = setup.folder.path().join("gone.json").display().to_string();
    let bad = [("broken", &broken), ("abroad", &abroad), ("web", &web), ("gone", &gone)];
    for (name, schema) in bad {
        setup.route(name, &format!("path = /{name}\nupstream = {}\nschema.POST = {schema}", origin.url()));
    }
    setup.route("other", &format!("path = /other\nupstream = {}", origin.url()));
    let gateway = setup.start();
    let status = Client::connect(gateway.admin).get("/status.json").text();
    for (name, _) in bad {
        let asked = format!("POST /{name} HTTP/1.1\r\nHost: board\r\nContent-Length: 2\r\n\r\n{{}}");
        let refused = gateway.client().send(asked).response();
        check_status(&refused, 503);
        assert!(!refused.text().contains(".json"), "{}", refused.text());
        assert!(status.contains(&format!("{name}.json")), "{name}: {status}");
    }
    check_status(&gateway.get("/other"), 200);
    assert_eq!(origin.count(), 1);
}

#[test]
fn answers_that_break_their_schema_are_reported_and_go_through_as_they_are() {
    let json = ["Content-Type: application/json", "Cache-Control: max-age=600"];
    let origin = Origin::new(move |seen| match seen.target() {
        "/good" => Answer::ok(&json, GOOD),
        "/bad" => Answer::ok(&json, "{\"name\":\"a-secret-name\"}"),
        "/torn" => Answer::ok(&json, "{\"name\":"),
        _ => Answer::ok(&["Content-Type: text/plain", "Cache-Control: max-age=600"], "no JSON at all"),
    });
    let mut setup = Setup::new();
    let schema = setup.folder.write("event.json", EVENT).display().to_string();
    let gateway = super::route(&mut setup, &origin, &format!("schema.response = {schema}"));
    for (target, body) in [
        ("/good", GOOD),
        ("/other", "no JSON at all"),
        ("/bad", "{\"name\":\"a-secret-name\"}"),
        ("/torn", "{\"name\":"),
    ] {
        let response = gateway.get(target);
        check_status(&response, 200);
        assert_eq!(response.text(), body);
    }
    until("two reports", || gateway.said().matches("not as its schema says").count() == 2);
    let said = gateway.said();
    assert!(said.contains("[route all]") && !said.contains("a-secret"), "{said}");
}
