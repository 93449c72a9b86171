//! When the upstream fails: what was kept is served, unless a directive forbids it.

use crate::harness::{Answer, Origin, Setup};

fn before(origin: &Origin, keys: &str) -> crate::harness::Gateway {
    let mut setup = Setup::new();
    setup.route(
        "all",
        &format!("path = /\nupstream = {}\ntimeout.connect = 2 s\ntimeout.first_byte = 2 s\n{keys}", origin.url()),
    );
    setup.start()
}

/// Keeps an answer with this `Cache-Control`, takes the origin away, and asks again.
fn while_down(control: &'static str, keys: &str) -> crate::harness::Response {
    let field = format!("Cache-Control: {control}");
    let mut origin = Origin::new(move |_| Answer::ok(&[&field, "ETag: \"v1\""], "kept"));
    let gateway = before(&origin, keys);
    assert_eq!(gateway.keep_first("/x").text(), "kept");
    origin.stop();
    gateway.get("/x")
}

#[test]
fn stale_answers_are_served_while_the_upstream_is_down() {
    for (control, keys) in [
        ("max-age=0", ""),
        ("max-age=0", "stale = 30 days"),
        ("max-age=0, stale-if-error=600", "stale = 0 s"),
        ("public, max-age=0, unknown", ""),
    ] {
        let response = while_down(control, keys);
        assert_eq!((response.status, response.text().as_str()), (200, "kept"), "{control}, {keys}: {}", response.head);
        assert!(response.is_hit(), "{control}, {keys}: {}", response.head);
    }
}

#[test]
fn stale_answers_are_not_served_where_a_directive_forbids_it() {
    for control in ["max-age=0, must-revalidate", "max-age=0, proxy-revalidate", "no-cache", "s-maxage=0"] {
        let response = while_down(control, "");
        assert!(matches!(response.status, 502..=504), "{control}: {}", response.head);
    }
    let response = while_down("max-age=0", "stale = 0 s");
    assert!(matches!(response.status, 502..=504), "{}", response.head);
}

#[test]
fn fresh_answers_need_no_upstream() {
    let response = while_down("max-age=600, must-revalidate", "");
    assert!(response.is_hit() && response.text() == "kept", "{}", response.head);
}

#[test]
fn errors_of_the_origin_are_covered_by_stale_if_error() {
    for status in ["500 Oh", "502 Oh", "503 Oh", "504 Oh"] {
        let origin = Origin::new(move |seen| match seen.field("if-none-match") {
            None => Answer::ok(&["Cache-Control: max-age=0, stale-if-error=600", "ETag: \"v1\""], "kept"),
            Some(_) => Answer::status(status, &[], "broken"),
        });
        let gateway = before(&origin, "");
        gateway.keep_first("/x");
        let response = gateway.get("/x");
        assert_eq!((response.status, response.text().as_str()), (200, "kept"), "{status}");
    }
}

#[test]
fn answers_that_say_no_are_passed_on_and_not_covered() {
    for status in ["404 Not Found", "403 Forbidden", "410 Gone"] {
        let origin = Origin::new(move |seen| match seen.field("if-none-match") {
            None => Answer::ok(&["Cache-Control: max-age=0, stale-if-error=600", "ETag: \"v1\""], "kept"),
            Some(_) => Answer::status(status, &[], "no"),
        });
        let gateway = before(&origin, "");
        gateway.keep_first("/x");
        assert_eq!(gateway.get("/x").text(), "no", "{status}");
    }
}

#[test]
fn an_upstream_that_hangs_or_breaks_off_counts_as_down() {
    for answer in [
        Answer::default().wait(&crate::harness::Gate::default()),
        Answer::default().close(),
        Answer::default().reset(),
        Answer::raw("nonsense\r\n\r\n"),
    ] {
        let origin = Origin::new(move |seen| match seen.field("if-none-match") {
            None => Answer::ok(&["Cache-Control: max-age=0", "ETag: \"v1\""], "kept"),
            Some(_) => answer.clone(),
        });
        let gateway = before(&origin, "");
        gateway.keep_first("/x");
        let response = gateway.get("/x");
        assert_eq!((response.status, response.text().as_str()), (200, "kept"), "{}", response.head);
    }
}

#[test]
fn the_next_upstream_is_tried_and_a_failing_one_is_skipped() {
    let mut first = Origin::new(|_| Answer::ok(&["Cache-Control: no-store"], "first"));
    let second = Origin::new(|_| Answer::ok(&["Cache-Control: no-store"], "second"));
    let mut setup = Setup::new();
    setup.route("all", &format!("path = /\nupstream = {}, {}", first.url(), second.url()));
    let gateway = setup.start();
    assert_eq!(gateway.get("/x").text(), "first");
    first.stop();
    for _ in 0..5 {
        assert_eq!(gateway.get("/x").text(), "second");
    }
    first.start();
    crate::harness::until("the first upstream to be probed and used again", || gateway.get("/x").text() == "first");
}
