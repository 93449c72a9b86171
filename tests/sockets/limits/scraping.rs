//! Against those who collect everything, and those who guess keys.

use std::time::{Duration, Instant};

use super::{among_many, check_status, get_from, key_field, new_key, seconds};
use crate::harness::{Answer, Origin, until};

#[test]
fn who_asks_for_ever_other_pages_is_slowed_down_and_then_refused() {
    let origin = Origin::new(|seen| Answer::ok(&["Cache-Control: max-age=600"], seen.target()));
    let gateway = super::route(&mut among_many(), &origin, "limit.pages = 1/hour burst 5");
    let ask = |page: &str| get_from(&gateway, "192.0.2.1", page);
    // What was seen before costs nothing, and other values behind the ? make no other page.
    for page in ["/1", "/1", "/1?a", "/2", "/2", "/1"] {
        check_status(&ask(page), 200);
    }
    check_status(&ask("/3"), 200);
    let begun = Instant::now();
    check_status(&ask("/4"), 200);
    assert!(begun.elapsed() >= Duration::from_millis(800), "{:?}", begun.elapsed());
    // Pages are counted from a sketch, which takes each for a little more than one: the fifth may be too much already.
    let refused = [ask("/5"), ask("/6")].into_iter().find(|response| response.status != 200).expect("a refusal");
    check_status(&refused, 429);
    assert!((1..=3_600).contains(&seconds(&refused)), "{}", refused.head);
    assert!(refused.text().contains("\"violated-policies\":[\"scrape-distinct\"]"), "{}", refused.text());
    check_status(&get_from(&gateway, "192.0.2.2", "/5"), 200);
}

#[test]
fn who_guesses_keys_is_refused_and_does_not_learn_which_guess_was_right() {
    let origin = Origin::plain();
    let gateway = super::route(&mut among_many(), &origin, "auth = key\nlimit.errors = 1/hour burst 3");
    let key = key_field(&new_key(&gateway.file, &["--name", "tablet"]));
    let from = |address: &str, key: &str| gateway.get_with("/", &format!("X-Forwarded-For: {address}\r\n{key}"));
    until("a key that is known", || from("192.0.2.9", &key).status == 200 || from("192.0.2.8", &key).status == 200);
    let mut guesses = 0;
    until("the end of patience", || {
        guesses += 1;
        from("192.0.2.1", "X-API-Key: hafir_a_guess\r\n").status == 429
    });
    // An error counts when its answer has been sent: who is quick may have one guess more.
    assert!((4..=6).contains(&guesses), "{guesses}");
    let wrong = from("192.0.2.1", "X-API-Key: hafir_a_guess\r\n");
    let right = from("192.0.2.1", &key);
    for refused in [&wrong, &right] {
        check_status(refused, 429);
        assert!((3_000..=3_600).contains(&seconds(refused)), "{}", refused.head);
        assert!(refused.text().contains("\"violated-policies\":[\"scrape-errors\"]"), "{}", refused.text());
    }
    check_status(&from("192.0.2.2", &key), 200);
}

#[test]
fn pages_that_are_not_there_are_errors_and_those_that_are_none() {
    let origin = Origin::new(|seen| match seen.target() {
        "/there" => Answer::ok(&["Cache-Control: no-store"], "there"),
        _ => Answer::status("404 Not Found", &["Cache-Control: no-store"], "not"),
    });
    let gateway = super::route(&mut among_many(), &origin, "limit.errors = 1/hour burst 2");
    let ask = |page: &str| get_from(&gateway, "192.0.2.1", page).status;
    assert_eq!([ask("/there"), ask("/there"), ask("/there"), ask("/there")], [200; 4]);
    assert_eq!([ask("/1"), ask("/2")], [404, 404]);
    // An error counts when its answer has been sent: who is quick may be told of one more.
    until("a refusal", || ask("/3") == 429);
    assert_eq!(ask("/there"), 429);
    assert!(origin.count_of("/3") < 3);
}
