//! Rates: whose bucket it is, what is told of it, and what a change of the file does to it.

use rustix::process::Signal;

use super::{
    BROWSER, among_many, check_status, get_from, key_field, new_key, parameter, replace_in_file, route, seconds,
};
use crate::harness::{Answer, Origin, Response, Setup, until};

/// Slow enough that no token comes back while a test runs.
const SLOW: &str = "1/hour";

fn kept() -> Origin {
    Origin::new(|seen| Answer::ok(&["Cache-Control: max-age=600"], seen.target()))
}

fn limit(response: &Response) -> &str {
    response.field("ratelimit").unwrap_or_else(|| panic!("no RateLimit: {}", response.head))
}

fn policy(response: &Response) -> &str {
    response.field("ratelimit-policy").unwrap_or_else(|| panic!("no RateLimit-Policy: {}", response.head))
}

#[test]
fn answers_tell_what_is_left_and_hits_count_as_misses_do() {
    let origin = kept();
    let gateway = route(&mut Setup::new(), &origin, &format!("rate = {SLOW} burst 4"));
    let first = gateway.keep_first("/a");
    check_status(&first, 200);
    assert_eq!(policy(&first), "\"all\";q=4;w=14400");
    assert!(limit(&first).starts_with("\"all\";r=3;t="), "{}", limit(&first));
    for left in [2, 1, 0] {
        let hit = gateway.get("/a");
        assert!(hit.status == 200 && hit.is_hit(), "{}", hit.head);
        assert_eq!(policy(&hit), "\"all\";q=4;w=14400");
        assert_eq!(parameter(limit(&hit), "r"), left, "{}", hit.head);
    }
    let refused = gateway.get("/a");
    check_status(&refused, 429);
    assert_eq!(policy(&refused), "\"all\";q=4;w=14400");
    // A token comes back each hour, and the first was taken a moment ago.
    assert!((3500..=3600).contains(&seconds(&refused)), "{}", refused.head);
    assert_eq!((parameter(limit(&refused), "r"), parameter(limit(&refused), "t")), (0, seconds(&refused)));
    assert_eq!(refused.field("cache-control"), Some("no-store"));
    assert_eq!(origin.count(), 1);
}

#[test]
fn refusals_are_problems_for_programs_and_pages_for_people() {
    let origin = kept();
    let gateway = route(&mut Setup::new(), &origin, &format!("rate = {SLOW} burst 1"));
    check_status(&gateway.get("/"), 200);
    let problem = gateway.get("/");
    check_status(&problem, 429);
    assert_eq!(problem.field("content-type"), Some("application/problem+json"));
    let text = problem.text();
    assert!(text.contains("\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\""), "{text}");
    assert!(text.contains("\"status\":429") && text.contains("\"violated-policies\":[\"all\"]"), "{text}");
    let page = gateway.get_with("/", BROWSER);
    check_status(&page, 429);
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("<h1>") && seconds(&page) > 0, "{}", page.text());
    let head = format!("HEAD / HTTP/1.1\r\nHost: board\r\n{BROWSER}\r\n");
    check_status(&gateway.client().send(head).response_to("HEAD"), 429);
}

#[test]
fn a_refused_request_with_a_body_leaves_its_connection_in_order() {
    let origin = Origin::plain();
    let gateway = route(&mut Setup::new(), &origin, &format!("rate = {SLOW} burst 1"));
    let mut client = gateway.client();
    for status in [200, 429, 429] {
        let asked = "POST / HTTP/1.1\r\nHost: board\r\nContent-Length: 5\r\n\r\nhello";
        check_status(&client.send(asked).response(), status);
    }
    assert_eq!(origin.count(), 1);
}

#[test]
fn each_client_has_a_bucket_and_a_network_of_ipv6_is_one_client() {
    let origin = kept();
    let gateway = route(&mut among_many(), &origin, &format!("rate = {SLOW} burst 2"));
    let ask = |address: &str| get_from(&gateway, address, "/").status;
    assert_eq!([ask("192.0.2.1"), ask("192.0.2.1"), ask("192.0.2.1")], [200, 200, 429]);
    assert_eq!(ask("192.0.2.2"), 200);
    assert_eq!([ask("2001:db8:1:2::1"), ask("2001:db8:1:2::2"), ask("2001:db8:1:2:3::3")], [200, 200, 429]);
    assert_eq!(ask("2001:db8:1:3::1"), 200);
    // IPv4 in the clothes of IPv6.
    assert_eq!(ask("::ffff:192.0.2.1"), 429);
}

#[test]
fn callers_addresses_and_all_together_are_counted_apart() {
    let origin = kept();
    let mut setup = among_many();
    let terms = format!("auth = key\nrate = {SLOW} burst 2, {SLOW} burst 3 per address, {SLOW} burst 5 for all");
    setup.route("all", &format!("path = /\nupstream = {}\n{terms}", origin.url()));
    let gateway = setup.start();
    let keys: Vec<String> = ["a", "b", "c"].iter().map(|name| new_key(&gateway.file, &["--name", name])).collect();
    let ask = |key: usize, address: &str| {
        gateway.get_with("/", &format!("{}X-Forwarded-For: {address}\r\n", key_field(&keys[key])))
    };
    until("keys that are known", || ask(0, "192.0.2.9").status != 401);
    let first = ask(0, "192.0.2.1");
    check_status(&first, 200);
    let names = ["\"all\";q=2", "\"all 2\";q=3", "\"all 3\";q=5"];
    assert!(names.iter().all(|name| policy(&first).contains(name)), "{}", policy(&first));
    // The key's own bucket is empty, wherever it is used; what it was refused costs nobody else anything.
    for _ in 0..5 {
        let refused = ask(0, "192.0.2.2");
        check_status(&refused, 429);
        assert!(refused.text().contains("\"violated-policies\":[\"all\"]"), "{}", refused.text());
        assert!(limit(&refused).contains("\"all 2\";r=3"), "{}", limit(&refused));
    }
    // The address: one by the first key, two by the second, and the third has to go elsewhere.
    assert_eq!([ask(1, "192.0.2.1").status, ask(1, "192.0.2.1").status], [200, 200]);
    let refused = ask(2, "192.0.2.1");
    check_status(&refused, 429);
    assert!(refused.text().contains("\"violated-policies\":[\"all 2\"]"), "{}", refused.text());
    // All: two by the first key, two by the second, one by the third.
    check_status(&ask(2, "192.0.2.3"), 200);
    let refused = ask(2, "192.0.2.4");
    check_status(&refused, 429);
    assert!(refused.text().contains("\"violated-policies\":[\"all 3\"]"), "{}", refused.text());
}

#[test]
fn the_tightest_of_several_rates_decides() {
    let origin = kept();
    let gateway = route(&mut Setup::new(), &origin, "rate = 1/min burst 2, 1/hour burst 2, 100/s burst 100");
    check_status(&gateway.get("/"), 200);
    check_status(&gateway.get("/"), 200);
    let refused = gateway.get("/");
    check_status(&refused, 429);
    // Both of the slow ones are empty: after a minute only one would do.
    assert!((3500..=3600).contains(&seconds(&refused)), "{}", refused.head);
    assert!(refused.text().contains("[\"all\",\"all 2\"]"), "{}", refused.text());
    let fast = limit(&refused).split(", ").find(|item| item.starts_with("\"all 3\"")).expect("the third rate");
    assert!(parameter(fast, "r") >= 98, "{fast}");
}

#[test]
fn answers_of_every_kind_are_counted_and_tell_of_it() {
    let mut setup = Setup::new();
    let file = setup.folder.write("files/a.txt", "a file");
    let folder = file.parent().expect("a folder").display().to_string();
    let terms = format!("rate = {SLOW} burst 2");
    setup.route("fixed", &format!("path = /fixed\nrespond = 200 fixed\n{terms}"));
    setup.route("moved", &format!("path = /moved\nredirect = /fixed\n{terms}"));
    setup.route("files", &format!("path = /files\nfiles = {folder}\n{terms}"));
    setup.route("down", &format!("path = /down\nupstream = http://127.0.0.1:{}\n{terms}", crate::harness::free_port()));
    let gateway = setup.start();
    for (target, status) in
        [("/fixed", 200), ("/moved", 302), ("/files/a.txt", 200), ("/files/none", 404), ("/down", 502)]
    {
        let response = gateway.get(target);
        check_status(&response, status);
        assert!(policy(&response).ends_with(";q=2;w=7200"), "{}", response.head);
    }
    for (target, statuses) in
        [("/fixed", [200, 429]), ("/moved", [302, 429]), ("/files/a.txt", [429; 2]), ("/down", [502, 429])]
    {
        assert_eq!([gateway.get(target).status, gateway.get(target).status], statuses, "{target}");
    }
}

#[test]
fn nobody_gets_more_than_there_is_by_asking_all_at_once() {
    let origin = kept();
    let gateway = route(&mut Setup::new(), &origin, &format!("rate = {SLOW} burst 7 for all"));
    gateway.keep_first("/a");
    let passed = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|number| {
                let gateway = &gateway;
                scope.spawn(move || {
                    let mut client = gateway.client();
                    // Hits and misses.
                    let target = if number % 2 == 0 { "/a".to_owned() } else { format!("/{number}") };
                    (0..5).filter(|_| client.get(&target).status == 200).count()
                })
            })
            .collect();
        asked.into_iter().map(|thread| thread.join().expect("a client")).sum::<usize>()
    });
    assert_eq!(passed, 6);
}

#[test]
fn a_token_that_came_back_lets_a_request_through() {
    let origin = kept();
    let gateway = route(&mut Setup::new(), &origin, "rate = 2/s burst 1");
    let mut statuses = Vec::new();
    until("a request that passes, one that does not, and one that does again", || {
        statuses.push(gateway.get("/").status);
        let refused = statuses.iter().position(|status| *status == 429);
        refused.is_some_and(|at| statuses[at..].contains(&200))
    });
    assert_eq!(statuses[0], 200);
}

#[test]
fn keys_pick_plans_and_a_route_has_one_for_everybody_else() {
    let origin = kept();
    let mut setup = among_many();
    setup.set("plan clinic", "rate", &format!("{SLOW} burst 3")).set("plan guest", "rate", &format!("{SLOW} burst 1"));
    for (name, terms) in [("open", "plan = guest"), ("closed", "auth = key\nplan = guest")] {
        setup.route(name, &format!("path = /{name}\nupstream = {}\n{terms}", origin.url()));
    }
    let gateway = setup.start();
    let clinic = key_field(&new_key(&gateway.file, &["--name", "tablet", "--plan", "clinic"]));
    let plain = key_field(&new_key(&gateway.file, &["--name", "other"]));
    let nobody = gateway.get("/open");
    assert_eq!(policy(&nobody), "\"plan\";q=1;w=3600");
    check_status(&get_from(&gateway, "127.0.0.1", "/open"), 429);
    until("a key that is known", || gateway.get_with("/closed", &clinic).status == 200);
    let second = gateway.get_with("/closed", &clinic);
    assert_eq!((policy(&second), parameter(limit(&second), "r")), ("\"plan\";q=3;w=10800", 1));
    check_status(&gateway.get_with("/closed", &clinic), 200);
    check_status(&gateway.get_with("/closed", &clinic), 429);
    let third = gateway.get_with("/closed", &plain);
    assert_eq!((third.status, policy(&third)), (200, "\"plan\";q=1;w=3600"));
    check_status(&gateway.get_with("/closed", &plain), 429);
}

#[test]
fn a_changed_rate_holds_at_once_and_what_was_spent_stays_spent() {
    let origin = kept();
    let mut setup = among_many();
    setup.set("plan guest", "rate", "1/hour burst 10");
    let gateway = route(&mut setup, &origin, "plan = guest");
    let ask = |address: &str| get_from(&gateway, address, "/");
    for left in [9, 8, 7, 6] {
        assert_eq!(parameter(limit(&ask("192.0.2.1")), "r"), left);
    }
    replace_in_file(&gateway, "1/hour burst 10", "1/hour burst 6");
    gateway.signal(Signal::HUP);
    // Others find out; a worker takes it over in its own time, so each is asked often enough.
    let mut others = 2..;
    let mut in_a_row = 0;
    until("the new rate", || {
        let other = format!("198.51.{}.1", others.next().expect("enough") % 250);
        in_a_row = if policy(&ask(&other)).contains("q=6") { in_a_row + 1 } else { 0 };
        in_a_row > 20
    });
    let next = ask("192.0.2.1");
    assert_eq!((next.status, policy(&next), parameter(limit(&next), "r")), (200, "\"plan\";q=6;w=21600", 1));
    assert_eq!([ask("192.0.2.1").status, ask("192.0.2.1").status], [200, 429]);
}
