//! Answers that are partly there: kept and resumed, completed and combined, through link and power loss.

use std::ops::Range;

use crate::harness::{End, FilmOrigin, Gateway, Response, Setup, until};

/// What is asked for at once, and what may be asked for twice at each border of a range.
const CHUNK: u64 = 256 << 10;
const MB: usize = 1 << 20;
const KEPT: &[&str] = &["Cache-Control: max-age=6000"];

fn board(origin: &FilmOrigin, keys: &str) -> Gateway {
    let mut setup = Setup::new();
    setup.set("cache", "sync", "100 ms").route("all", &format!("path = /\nupstream = {}\n{keys}", origin.url()));
    setup.start()
}

fn get_range(gateway: &Gateway, target: &str, range: &Range<usize>) -> Response {
    gateway.get_with(target, &format!("Range: bytes={}-{}\r\n", range.start, range.end - 1))
}

/// Asks for a range and checks each byte of what comes.
fn check_range(gateway: &Gateway, origin: &FilmOrigin, range: Range<usize>) -> Response {
    let response = get_range(gateway, "/1", &range);
    assert_eq!((response.status, response.end), (206, End::Length), "{range:?}: {}", response.head);
    let expected = format!("bytes {}-{}/{}", range.start, range.end - 1, origin.body(1).len());
    assert_eq!(response.field("content-range"), Some(expected.as_str()));
    assert!(response.body == origin.body(1)[range.clone()], "{range:?}: wrong bytes");
    response
}

fn check_whole(gateway: &Gateway, origin: &FilmOrigin) -> Response {
    let response = gateway.get("/1");
    assert!(response.status == 200 && response.is_whole(), "{}", response.head);
    assert!(response.body == **origin.body(1), "wrong bytes, {} of {}", response.body.len(), origin.body(1).len());
    response
}

#[test]
fn a_download_that_breaks_off_again_and_again_comes_whole_in_one_answer() {
    let origin = FilmOrigin::new(3 * MB, 0, KEPT);
    origin.break_after(700_000);
    let gateway = board(&origin, "");
    check_whole(&gateway, &origin);
    assert!(origin.sent() <= 3 * MB as u64 + 6 * CHUNK, "{} bytes", origin.sent());
    let heads = origin.heads();
    assert!(heads.len() >= 4 && heads.iter().skip(1).all(|head| head.contains("If-Range: \"1-1\"")), "{heads:?}");
    gateway.wait_until_kept(1);
    assert!(check_whole(&gateway, &origin).is_hit());
}

#[test]
fn what_came_before_the_link_went_is_not_paid_for_again() {
    let mut origin = FilmOrigin::new(3 * MB, 0, KEPT);
    let gateway = board(&origin, "");
    origin.break_after(2_000_000);
    let mut client = gateway.client();
    client.send("GET /1 HTTP/1.1\r\nHost: board\r\n\r\n");
    client.head();
    client.take(1_500_000);
    origin.stop();
    drop(client);
    // What is there is served without a link.
    check_range(&gateway, &origin, 0..1_000_000);
    origin.break_after(0);
    origin.start();
    // Once the pause after a failure is over.
    until("the rest of the film", || gateway.get("/1").body.len() == 3 * MB);
    check_whole(&gateway, &origin);
    assert!(origin.sent() <= 3 * MB as u64 + 4 * CHUNK, "{} bytes", origin.sent());
}

#[test]
fn what_came_before_a_power_cut_is_not_paid_for_again() {
    let origin = FilmOrigin::new(4 * MB, 0, KEPT);
    // For good: else the gateway has asked for the rest before the client, whose socket holds much, has left.
    origin.end_after(3_000_000);
    let mut gateway = board(&origin, "cache.finish = never");
    let mut client = gateway.client();
    client.send("GET /1 HTTP/1.1\r\nHost: board\r\n\r\n");
    client.head();
    client.take(2_500_000);
    drop(client);
    until("what came to be on the card", || gateway.folder.files("cache/partial").iter().any(|file| file.exists()));
    // Longer than [cache] sync.
    std::thread::sleep(std::time::Duration::from_millis(400));
    gateway.start_again();
    origin.end_after(0);
    let before = origin.sent();
    check_range(&gateway, &origin, 0..500_000);
    assert_eq!(origin.sent(), before, "what is stored is served from the card");
    check_whole(&gateway, &origin);
    assert!(origin.sent() - before <= 2 * MB as u64 + CHUNK, "{} bytes for the rest", origin.sent() - before);
}

#[test]
fn a_film_that_changed_is_never_put_together_from_two_versions() {
    let origin = FilmOrigin::new(2 * MB, 0, KEPT);
    let gateway = board(&origin, "");
    check_range(&gateway, &origin, 0..600_000);
    origin.change();
    // The part is fresh, so it is served; what is missing brings the news, and what has begun with the old is cut.
    let begun = gateway.get("/1");
    assert!(!begun.is_whole() && begun.body.len() <= 700_000, "{}", begun.head);
    check_whole(&gateway, &origin);
    check_range(&gateway, &origin, 0..600_000);
    check_range(&gateway, &origin, 1_000_000..1_200_000);
}

#[test]
fn ranges_are_kept_served_again_and_completed() {
    let origin = FilmOrigin::new(2 * MB, 0, KEPT);
    let gateway = board(&origin, "");
    check_range(&gateway, &origin, 1_000_000..1_300_000);
    assert!(origin.sent() <= 300_000 + 2 * CHUNK, "{} bytes", origin.sent());
    let before = origin.requests();
    let response = check_range(&gateway, &origin, 1_100_000..1_200_000);
    assert!(response.cache_status().contains("; hit"), "{}", response.cache_status());
    assert_eq!(origin.requests(), before);
    let tail = gateway.get_with("/1", "Range: bytes=-1000\r\n");
    assert!(tail.status == 206 && tail.body == origin.body(1)[2 * MB - 1000..], "{}", tail.head);
    check_whole(&gateway, &origin);
    assert!(origin.sent() <= 2 * MB as u64 + 4 * CHUNK, "{} bytes", origin.sent());
    gateway.wait_until_kept(1);
    let before = origin.requests();
    assert!(check_whole(&gateway, &origin).is_hit());
    assert_eq!(origin.requests(), before);
}

#[test]
fn a_film_whose_origin_knows_no_ranges_is_kept_all_the_same() {
    let origin = FilmOrigin::new(MB, 0, KEPT).without_ranges();
    let gateway = board(&origin, "");
    check_range(&gateway, &origin, 600_000..700_000);
    check_whole(&gateway, &origin);
    assert!(origin.sent() <= 2 * MB as u64, "{} bytes", origin.sent());
}

#[test]
fn an_abandoned_download_goes_on_or_stops_as_the_route_says() {
    let abandoned = |keys: &str, taken: usize| {
        let origin = FilmOrigin::new(8 * MB, 16 * MB as u64, KEPT);
        let gateway = board(&origin, keys);
        let mut client = gateway.client();
        client.send("GET /1 HTTP/1.1\r\nHost: board\r\n\r\n");
        client.head();
        client.take(taken);
        drop(client);
        (origin, gateway)
    };
    for (keys, taken) in [("cache.finish = always", MB), ("cache.finish = 40 %", 6 * MB)] {
        let (origin, gateway) = abandoned(keys, taken);
        gateway.wait_until_kept(1);
        assert!(check_whole(&gateway, &origin).is_hit(), "{keys}");
        assert_eq!(origin.sent(), 8 * MB as u64, "{keys}");
    }
    for keys in ["cache.finish = never", "cache.finish = 90 %"] {
        let (origin, gateway) = abandoned(keys, MB);
        let mut before = origin.sent();
        until("the download to stop", || {
            std::thread::sleep(std::time::Duration::from_millis(100));
            std::mem::replace(&mut before, origin.sent()) == origin.sent()
        });
        assert!(origin.sent() < 7 * MB as u64, "{keys}: {} bytes", origin.sent());
        check_whole(&gateway, &origin);
        assert!(origin.sent() <= 8 * MB as u64 + 2 * CHUNK, "{keys}: {} bytes", origin.sent());
    }
}
