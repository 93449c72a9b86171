//! Quotas: requests, and bytes over the link, through the death of the gateway.

use std::fs;

use super::{BROWSER, among_many, check_status, get_from, parameter, route, seconds};
use crate::harness::{Answer, Gateway, Origin, Response, Setup, hafir, pattern, until};

/// Larger than what heads add to it.
const PAGE: usize = 60_000;

fn pages() -> Origin {
    Origin::new(|_| Answer::ok(&["Cache-Control: max-age=600"], pattern(PAGE, 1)))
}

fn member(response: &Response, field: &str, name: &str) -> String {
    let value = response.field(field).unwrap_or_else(|| panic!("no {field}: {}", response.head));
    let found = value.split(", ").find(|member| member.starts_with(&format!("\"{name}\"")));
    found.unwrap_or_else(|| panic!("no {name} in {field}: {value}")).to_owned()
}

/// What the state on the card says, read without asking or disturbing the gateway.
fn written(gateway: &Gateway) -> String {
    let copy = gateway.folder.path().join("copy");
    let state = gateway.folder.path().join("state");
    let _ = fs::remove_dir_all(&copy);
    fs::create_dir_all(copy.join("state")).expect("a folder");
    if fs::copy(state.join("counts.journal"), copy.join("state/counts.journal")).is_err() {
        return String::new();
    }
    let text = fs::read_to_string(&gateway.file).expect("the file");
    let text = text.replace(&state.display().to_string(), &copy.join("state").display().to_string());
    let file = gateway.folder.write("copy/hafir.ini", &text).display().to_string();
    let output = hafir(&["usage", "--config", &file, "--json"]);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn requests_of_a_day_are_counted_for_each_client_and_what_is_kept_is_free() {
    let origin = pages();
    let gateway = route(&mut among_many(), &origin, "quota = 3/day, 100/month");
    let ask = |path: &str| get_from(&gateway, "192.0.2.1", path);
    let first = ask("/a");
    assert_eq!(parameter(&member(&first, "ratelimit-policy", "route-quota-day"), "q"), 3);
    let window = parameter(&member(&first, "ratelimit-policy", "route-quota-day"), "w");
    assert_eq!(window, 86_400, "{}", first.head);
    assert_eq!(parameter(&member(&first, "ratelimit", "route-quota-day"), "r"), 2);
    assert_eq!(parameter(&member(&first, "ratelimit", "route-quota-month"), "r"), 99);
    assert_eq!(first.field("hafir-quota"), None);
    gateway.wait_until_kept(1);
    for _ in 0..5 {
        assert!(ask("/a").is_hit(), "what is kept costs nothing");
    }
    assert_eq!([ask("/b").status, ask("/c").status], [200, 200]);
    gateway.wait_until_kept(3);
    let refused = ask("/d");
    check_status(&refused, 429);
    assert!((1..=86_400).contains(&seconds(&refused)));
    assert_eq!(parameter(&member(&refused, "ratelimit", "route-quota-day"), "r"), 0);
    let text = refused.text();
    assert!(text.contains("\"violated-policies\":[\"route-quota-day\"]"), "{text}");
    let browser = format!("{BROWSER}X-Forwarded-For: 192.0.2.1\r\n");
    let page = gateway.get_with("/d", &browser).text();
    assert!(page.contains("Used up for today"), "{page}");
    assert!(["/a", "/b", "/c"].into_iter().all(|kept| ask(kept).is_hit()), "nor when the quota is used up");
    check_status(&get_from(&gateway, "192.0.2.2", "/d"), 200);
    assert_eq!(origin.count(), 4);
}

#[test]
fn a_warning_comes_with_four_fifths() {
    let origin = pages();
    let gateway = route(&mut Setup::new(), &origin, "quota = 5/hour");
    gateway.keep_first("/a");
    let told = ["/b", "/c", "/d", "/e"].map(|path| gateway.get(path).field("hafir-quota").is_some());
    assert_eq!(told, [false, false, true, true]);
}

#[test]
fn bytes_over_the_link_are_paid_once_and_what_is_kept_is_free() {
    let origin = pages();
    let mut gateway = route(&mut Setup::new(), &origin, "quota = 100 KB/month");
    let first = gateway.keep_first("/a");
    assert!(member(&first, "ratelimit-policy", "route-quota-month-bytes").contains("qu=\"content-bytes\""));
    for _ in 0..5 {
        assert!(gateway.get("/a").is_hit());
    }
    // Half is used: the next one begins, and uses up the rest.
    let second = gateway.get("/b");
    check_status(&second, 200);
    let left = parameter(&member(&second, "ratelimit", "route-quota-month-bytes"), "r");
    assert!((30_000..=102_400 - PAGE as u64).contains(&left), "{left}");
    gateway.wait_until_kept(2);
    let used_up = |gateway: &Gateway| {
        let refused = gateway.get_with("/c", BROWSER);
        check_status(&refused, 429);
        assert_eq!(parameter(&member(&refused, "ratelimit", "route-quota-month-bytes"), "r"), 0, "{}", refused.head);
        assert!(refused.text().contains("Used up for this month"), "{}", refused.text());
        assert!((1..=31 * 86_400).contains(&seconds(&refused)), "{}", refused.head);
        for kept in ["/a", "/b"] {
            let hit = gateway.get(kept);
            assert!(hit.status == 200 && hit.is_hit() && hit.body.len() == PAGE, "{}", hit.head);
        }
    };
    used_up(&gateway);
    let posted = "POST /c HTTP/1.1\r\nHost: board\r\nContent-Length: 2\r\n\r\nhi";
    check_status(&gateway.client().send(posted).response(), 429);
    assert_eq!(origin.count(), 2);
    // The power goes when it is on the card.
    until("bytes on the card", || {
        let text = written(&gateway);
        let used = text.split("\"unit\":\"bytes\",\"period\":\"month\",\"used\":").nth(1).unwrap_or_default();
        used.split(',').next().and_then(|used| used.parse::<u64>().ok()).is_some_and(|used| used >= 2 * PAGE as u64)
    });
    gateway.kill();
    gateway.start_again();
    check_status(&gateway.get("/c"), 429);
    assert_eq!(origin.count(), 2);
}

/// Uses up the bytes.
fn use_up(gateway: &Gateway) {
    until("the end of the allowance", || gateway.get("/large").status == 429);
}

#[test]
fn what_is_stale_stands_in_where_nothing_may_be_fetched_any_more() {
    let origin = Origin::new(|seen| match seen.target() {
        "/old" => Answer::ok(&["Cache-Control: max-age=10", "Age: 20", "ETag: \"a\""], "old"),
        "/strict" => Answer::ok(&["Cache-Control: max-age=10, must-revalidate", "Age: 20", "ETag: \"a\""], "strict"),
        _ => Answer::ok(&["Cache-Control: no-store"], pattern(PAGE, 1)),
    });
    let gateway = route(&mut Setup::new(), &origin, "quota = 100 KB/month\nstale = 30 days");
    gateway.keep_first("/old");
    check_status(&gateway.get("/strict"), 200);
    gateway.wait_until_kept(2);
    use_up(&gateway);
    let asked = origin.count();
    let old = gateway.get("/old");
    assert_eq!((old.status, old.text().as_str()), (200, "old"), "{}", old.head);
    assert!(old.cache_status().contains("detail=quota"), "{}", old.head);
    check_status(&gateway.get("/strict"), 429);
    let patient = gateway.get_with("/old", "Cache-Control: only-if-cached\r\n");
    check_status(&patient, 429);
    assert_eq!(origin.count(), asked);
}

#[test]
fn what_is_sent_in_and_what_goes_through_tunnels_is_paid_for() {
    let origin = Origin::new(|seen| match seen.field("upgrade") {
        Some(_) => {
            let switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n";
            Answer::raw(switched).echo()
        }
        None => Answer::ok(&["Cache-Control: no-store"], "taken"),
    });
    let mut setup = among_many();
    setup.route("all", &format!("path = /\nupstream = {}\nquota = 100 KB/day\nupgrade = on", origin.url()));
    let gateway = setup.start();
    // On one connection: what was sent in is counted before the next request is read.
    let mut client = gateway.client();
    let mut post = |address: &str| {
        let length = format!("Content-Length: {PAGE}");
        let head = format!("POST / HTTP/1.1\r\nHost: board\r\nX-Forwarded-For: {address}\r\n{length}\r\n\r\n");
        client.send(head).send(pattern(PAGE, 1)).response().status
    };
    assert_eq!([(); 3].map(|()| post("192.0.2.1")), [200, 200, 429]);
    let tunnel = |address: &str| {
        let mut client = gateway.client();
        let fields = format!("X-Forwarded-For: {address}\r\nConnection: Upgrade\r\nUpgrade: chat");
        client.send(format!("GET / HTTP/1.1\r\nHost: board\r\n{fields}\r\n\r\n"));
        (client.head().status, client)
    };
    assert_eq!(tunnel("192.0.2.1").0, 429);
    let (status, mut client) = tunnel("192.0.2.2");
    assert_eq!(status, 101);
    let said = pattern(PAGE, 2);
    client.send(&said);
    assert!(client.take(PAGE) == said);
    drop(client);
    // There and back, counted when the tunnel has ended.
    until("the end of the allowance", || get_from(&gateway, "192.0.2.2", "/").status == 429);
}

#[test]
fn a_power_cut_forgets_nothing_that_was_on_the_card() {
    let origin = pages();
    let mut setup = Setup::new();
    setup.set("plan guest", "quota", "6/month");
    let mut gateway = route(&mut setup, &origin, "plan = guest");
    for path in ["/1", "/2", "/3", "/4"] {
        check_status(&gateway.get(path), 200);
    }
    let four = "\"unit\":\"requests\",\"period\":\"month\",\"used\":4";
    until("four requests on the card", || written(&gateway).contains(four));
    gateway.kill();
    gateway.start_again();
    // Commands are answered a little later than requests.
    until("four requests that are shown", || {
        let shown = hafir(&["usage", "--config", &gateway.file.display().to_string(), "--json"]);
        String::from_utf8_lossy(&shown.stdout).contains(four)
    });
    assert_eq!(["/5", "/6", "/7"].map(|path| gateway.get(path).status), [200, 200, 429]);
}

#[test]
fn what_came_to_nothing_costs_nothing() {
    let mut origin = Origin::plain();
    let gateway = route(&mut Setup::new(), &origin, "quota = 2/day");
    origin.stop();
    for _ in 0..4 {
        check_status(&gateway.get("/a"), 502);
    }
    origin.start();
    until("an upstream that is asked again", || gateway.get("/a").status == 200);
    assert_eq!([gateway.get("/a").status, gateway.get("/a").status], [200, 429]);
}
