//! What credentials with an end are worth while the board does not know the time.

use rustix::process::Signal;

use super::tokens::{Claims, Provider};
use super::{Key, basic, bearer, guard};
use crate::harness::{Gateway, Origin, Setup, until};

/// Starts again with a clock that is behind what the board remembers: it is that much later, and not believed.
pub(super) fn set_later(gateway: &mut Gateway, seconds: u64) {
    gateway.signal(Signal::TERM);
    gateway.wait_for_exit();
    let later = super::tokens::in_seconds(i64::try_from(seconds).expect("small"));
    gateway.folder.write("state/clock", format!("{later}\n"));
    gateway.start_again();
}

#[test]
fn each_route_says_what_counts_while_the_clock_is_unsure() {
    let (origin, provider) = (Origin::plain(), Provider::new(1));
    let mut setup = Setup::new();
    provider.section(&mut setup, "id");
    setup.set("user mary", "password", "sesame-open");
    for (name, policy) in [("known", "accept-known"), ("refuse", "refuse"), ("accept", "accept")] {
        let rules = format!("auth = key, jwt, basic\nauth.plain_http = on\nclock.unsure = {policy}");
        guard(&mut setup, &origin, name, &rules);
    }
    guard(&mut setup, &origin, "unsaid", "auth = key, jwt, basic\nauth.plain_http = on");
    let mut gateway = setup.start();
    let ending = Key::new(&gateway, &["--expires", "90days"]).bearer();
    let endless = Key::new(&gateway, &[]).bearer();
    let over = Key::new(&gateway, &["--expires", "12h"]).bearer();
    let token = bearer(&provider.token(&Claims { exp: 40 * 86_400, ..Claims::default() }));
    let old = bearer(&provider.token(&Claims { exp: 3600, ..Claims::default() }));
    let password = basic("mary:sesame-open");
    for fields in [&ending, &endless, &over, &token, &old, &password] {
        for target in ["/known", "/refuse", "/accept", "/unsaid"] {
            assert_eq!(gateway.get_with(target, fields).status, 200, "{target} {fields}");
        }
    }
    set_later(&mut gateway, 86_400);
    // What has no end is good whatever the time is, and what is over is over.
    for target in ["/known", "/refuse", "/accept", "/unsaid"] {
        for (fields, status) in [(&endless, 200), (&password, 200), (&over, 401), (&old, 401)] {
            assert_eq!(gateway.get_with(target, fields).status, status, "{target} {fields}");
        }
    }
    let table = [
        (&ending, "/known", 200),
        (&ending, "/unsaid", 200),
        (&ending, "/refuse", 503),
        (&ending, "/accept", 200),
        (&token, "/known", 503),
        (&token, "/unsaid", 503),
        (&token, "/refuse", 503),
        (&token, "/accept", 200),
        // That it was let in elsewhere makes it no better known.
        (&token, "/known", 503),
    ];
    for (fields, target, status) in table {
        let response = gateway.get_with(target, fields);
        assert_eq!(response.status, status, "{target} {fields}: {}", response.head);
        if status == 503 {
            assert!(response.text().contains("urn:hafir:problem:clock-unsure"), "{}", response.text());
            assert!(response.field("retry-after").is_some() && response.all("www-authenticate").is_empty());
        }
    }
}

#[test]
fn a_clock_that_looks_right_is_believed_once_the_machine_says_so_and_nothing_is_lost_by_it() {
    let (origin, provider) = (Origin::plain(), Provider::new(1));
    let mut setup = Setup::new();
    provider.section(&mut setup, "id");
    guard(&mut setup, &origin, "known", "auth = jwt\nauth.plain_http = on");
    let sign = setup.folder.join("clock-is-right");
    setup.environment("HAFIR_CLOCK", &sign.display().to_string());
    let gateway = setup.start();
    let token = bearer(&provider.token(&Claims { exp: 3600, ..Claims::default() }));
    assert_eq!(gateway.get_with("/known", &token).status, 503);
    gateway.folder.write("clock-is-right", "");
    until("the clock is believed", || gateway.get_with("/known", &token).status == 200);
}
