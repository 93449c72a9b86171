//! How fast: towards clients, and over the link.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::check_status;
use crate::harness::{Answer, FilmOrigin, Origin, Setup, pattern};

const PAGE: usize = 50_000;

/// 50,000 bytes at 50,000 a second, of which a quarter of a second's worth may come at once. Only too fast is wrong.
const LEAST: Duration = Duration::from_millis(600);

#[test]
fn answers_go_no_faster_than_the_route_or_plan_says_be_they_kept_or_not() {
    let origin = Origin::new(|_| Answer::ok(&["Cache-Control: max-age=600"], pattern(PAGE, 1)));
    let mut setup = Setup::new();
    setup.set("plan guest", "bandwidth", "400 kbit/s");
    let file = setup.folder.write("files/page.txt", pattern(PAGE, 1));
    let folder = file.parent().expect("a folder").display().to_string();
    let upstream = format!("upstream = {}", origin.url());
    setup.route("own", &format!("path = /own\n{upstream}\nbandwidth = 400 kbit/s"));
    setup.route("all", &format!("path = /all\n{upstream}\nbandwidth.route = 400 kbit/s"));
    setup.route("plan", &format!("path = /plan\n{upstream}\nplan = guest"));
    setup.route("files", &format!("path = /files\nfiles = {folder}\nbandwidth = 400 kbit/s"));
    let gateway = setup.start();
    let span_of = |target: &str| {
        let begun = Instant::now();
        let response = gateway.get(target);
        check_status(&response, 200);
        assert!(response.body == pattern(PAGE, 1), "{target}");
        (begun.elapsed(), response.is_hit())
    };
    std::thread::scope(|scope| {
        for (target, hit) in [("/own", true), ("/all", true), ("/plan", true), ("/files/page.txt", false)] {
            scope.spawn(move || {
                let (first, _) = span_of(target);
                // What the first one overdrew is still to be paid for.
                let (second, was_kept) = span_of(target);
                assert!(first >= LEAST && second >= LEAST, "{target}: {first:?} {second:?}");
                assert!(was_kept == hit, "{target}");
            });
        }
    });
}

#[test]
fn one_slow_client_slows_nobody_else_and_a_slow_route_slows_all_on_it() {
    let origin = Origin::new(|_| Answer::ok(&["Cache-Control: no-store"], pattern(PAGE, 1)));
    let mut setup = super::among_many();
    setup.route("all", &format!("path = /\nupstream = {}\nbandwidth.route = 800 kbit/s", origin.url()));
    let gateway = setup.start();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            let gateway = &gateway;
            scope.spawn(move || check_status(&super::get_from(gateway, address, "/"), 200));
        }
    });
    // 150,000 bytes at 100,000 a second, of which 25,000 may come at once.
    assert!(begun.elapsed() >= Duration::from_millis(1_000), "{:?}", begun.elapsed());
}

#[test]
fn a_record_comes_through_while_a_film_crawls() {
    let film = FilmOrigin::new(1_500_000, 0, &["Cache-Control: no-store"]);
    let origin = Origin::new(|_| Answer::ok(&["Cache-Control: no-store"], pattern(20_000, 1)));
    let mut setup = Setup::new();
    setup.set("link", "rate", "800 kbit/s");
    setup.route("films", &format!("path = /\nupstream = {}\npriority = low", film.url()));
    setup.route("records", &format!("path = /records\nupstream = {}\npriority = high", origin.url()));
    let gateway = setup.start();
    let finished = Arc::new(AtomicBool::new(false));
    let films: Vec<_> = (1..=3)
        .map(|number| {
            let mut client = gateway.client();
            client.send(format!("GET /{number} HTTP/1.1\r\nHost: board\r\n\r\n"));
            assert_eq!(client.head().status, 200);
            assert_eq!(client.take(1).len(), 1);
            let finished = Arc::clone(&finished);
            std::thread::spawn(move || {
                if client.take(1_500_000 - 1).len() == 1_500_000 - 1 {
                    finished.store(true, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for _ in 0..3 {
        let record = gateway.get("/records");
        assert!(record.status == 200 && record.body == pattern(20_000, 1), "{}", record.head);
        // Forty-five seconds of films are before it in time, and behind it in rank.
        assert!(!finished.load(Ordering::SeqCst));
    }
    drop(gateway);
    for film in films {
        film.join().expect("a film that was cut");
    }
}
