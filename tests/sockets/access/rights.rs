//! What somebody who is known may do: scopes by route and method, and plans.

use super::{Key, ask, guard};
use crate::harness::{Gateway, Origin, Response, Setup};

fn check(gateway: &Gateway, key: &Key, request: &str, status: u16) -> Response {
    let (method, target) = request.split_once(' ').expect("a method and a target");
    let response = ask(gateway, method, target, &key.bearer());
    assert_eq!(response.status, status, "{request}: {}", response.head);
    response
}

#[test]
fn scopes_are_needed_by_route_and_by_method() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    setup.set("plan clinic", "scope", "records.read");
    guard(&mut setup, &origin, "read", "auth = key\nscope = records.read\nscope.POST = records.write, records.sign");
    guard(&mut setup, &origin, "open", "auth = key\nscope.DELETE = records.delete");
    guard(&mut setup, &origin, "secret", "auth = key\nscope.GET = records.secret");
    let gateway = setup.start();
    let none = Key::new(&gateway, &[]);
    let similar =
        Key::new(&gateway, &["--scope", "records.rea", "--scope", "Records.Read", "--scope", "records.read2"]);
    let read = Key::new(&gateway, &["--scope", "records.read"]);
    let some = Key::new(&gateway, &["--scope", "records.read", "--scope", "records.write"]);
    let all = Key::new(&gateway, &["--scope", "records.write", "--scope", "records.read", "--scope", "records.sign"]);
    let of_plan = Key::new(&gateway, &["--plan", "clinic"]);
    let mut passed = 0;
    for (key, request, status) in [
        (&none, "GET /read", 403),
        (&none, "POST /read", 403),
        (&none, "GET /open", 200),
        (&none, "DELETE /open", 403),
        (&similar, "GET /read", 403),
        (&read, "GET /read", 200),
        (&read, "HEAD /read", 200),
        (&read, "PUT /read", 200),
        (&read, "POST /read", 403),
        (&some, "POST /read", 403),
        (&all, "POST /read", 200),
        (&all, "DELETE /open", 403),
        (&of_plan, "GET /read", 200),
        (&of_plan, "POST /read", 403),
        (&read, "GET /secret", 403),
        // What GET would tell, HEAD tells too.
        (&read, "HEAD /secret", 403),
        // Some services take these for the same.
        (&read, "get /secret", 403),
        (&read, "post /read", 403),
        (&read, "Post /read", 403),
        (&none, "delete /open", 403),
        (&read, "POST /secret", 200),
    ] {
        check(&gateway, key, request, status);
        passed += usize::from(status == 200);
    }
    assert_eq!(origin.count(), passed, "nothing that was refused went upstream");
}

#[test]
fn a_refusal_names_the_scopes_that_are_needed() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "read", "auth = key\nscope = records.read\nscope.POST = records.write, records.sign");
    let gateway = setup.start();
    let none = Key::new(&gateway, &[]);
    for (request, scopes) in [("GET /read", "records.read"), ("POST /read", "records.read records.write records.sign")]
    {
        let response = check(&gateway, &none, request, 403);
        // RFC 6750 §3.1
        let expected = format!("Bearer realm=\"read\", error=\"insufficient_scope\", scope=\"{scopes}\"");
        assert_eq!(response.field("www-authenticate"), Some(expected.as_str()), "{request}");
        assert_eq!(response.field("content-type"), Some("application/problem+json"));
        assert!(response.text().contains("urn:hafir:problem:no-right"), "{}", response.text());
        assert!(response.text().contains("\"status\":403"), "{}", response.text());
    }
}

#[test]
fn a_plan_opens_its_routes_alone_and_an_unknown_one_opens_nothing() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    setup.set("plan clinic", "routes", "records").set("plan clinic", "scope", "records.read");
    setup.set("plan guest", "scope", "look");
    guard(&mut setup, &origin, "records", "auth = key\nscope = records.read\ntell.X-Plan = plan\ntell.X-Scope = scope");
    guard(&mut setup, &origin, "maps", "auth = key\nplan = guest\ntell.X-Plan = plan\ntell.X-Scope = scope");
    let gateway = setup.start();
    let clinic = Key::new(&gateway, &["--plan", "clinic", "--scope", "look"]);
    let guest = Key::new(&gateway, &["--plan", "guest"]);
    let unknown = Key::new(&gateway, &["--plan", "nowhere", "--scope", "records.read"]);
    let none = Key::new(&gateway, &["--scope", "own"]);
    for (key, request, status) in [
        (&clinic, "GET /maps", 403),
        (&guest, "GET /records", 403),
        (&unknown, "GET /records", 403),
        (&unknown, "GET /maps", 403),
        (&none, "GET /records", 403),
    ] {
        check(&gateway, key, request, status);
    }
    assert_eq!(origin.count(), 0);
    for (key, request, plan, scopes) in [
        (&clinic, "GET /records", "clinic", "look records.read"),
        (&guest, "GET /maps", "guest", "look"),
        // The plan of the route, for those who have none of their own.
        (&none, "GET /maps", "guest", "look own"),
    ] {
        check(&gateway, key, request, 200);
        let seen = origin.last();
        assert_eq!((seen.all("x-plan"), seen.all("x-scope")), (vec![plan], vec![scopes]));
    }
}

#[test]
fn a_plan_that_appears_in_the_file_holds_without_a_restart() {
    let origin = Origin::plain();
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "maps", "auth = key\nscope = look");
    let gateway = setup.start();
    let key = Key::new(&gateway, &["--plan", "clinic"]);
    check(&gateway, &key, "GET /maps", 403);
    setup.set("plan clinic", "scope", "look");
    setup.folder.write("hafir.ini", setup.text());
    crate::harness::until("the new plan", || gateway.get_with("/maps", &key.bearer()).status == 200);
    setup.set("plan clinic", "routes", "elsewhere");
    setup.route("elsewhere", "path = /elsewhere\nrespond = 200");
    setup.folder.write("hafir.ini", setup.text());
    crate::harness::until("the narrower plan", || gateway.get_with("/maps", &key.bearer()).status == 403);
}
