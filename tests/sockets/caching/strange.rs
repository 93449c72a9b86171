//! Origins that answer questions for parts in ways nobody asked for.

use crate::harness::{Answer, Gate, Gateway, Origin, Seen, Setup, pattern};

const WHOLE: usize = 1000;
const FIRST: &str = "Range: bytes=0-99\r\n";

/// A 206 with the strong validator that all of these have.
fn part(first: usize, last: usize, more: &str) -> Answer {
    let body = &pattern(WHOLE, 1)[first..=last];
    let range = format!("Content-Range: bytes {first}-{last}/{WHOLE}");
    Answer::status("206 Partial Content", &[&range, "ETag: \"v1\"", more], body)
}

/// An origin that gives the first hundred bytes, and then what `then` says.
fn after_the_first(then: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> (Origin, Gateway) {
    let origin = Origin::new(move |seen| match seen.field("range") {
        Some("bytes=0-99") => part(0, 99, "Cache-Control: max-age=600"),
        _ => then(seen),
    });
    let gateway = Gateway::before(&origin);
    assert_eq!(gateway.get_with("/film", FIRST).body, pattern(WHOLE, 1)[..100]);
    (origin, gateway)
}

#[test]
fn what_comes_behind_the_end_of_an_answer_reaches_nobody() {
    let (_origin, gateway) = after_the_first(|_| {
        let body = String::from_utf8(pattern(WHOLE, 1)).expect("letters") + "HTTP/1.1 200 OK\r\n\r\nEVIL";
        let head =
            Answer::head("200 OK", &["ETag: \"v1\"", "Cache-Control: max-age=600", "Transfer-Encoding: chunked"]);
        Answer::raw(format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()))
    });
    let mut client = gateway.client();
    client.send("GET /film HTTP/1.1\r\nHost: board\r\n\r\n");
    client.head();
    let all = client.rest();
    assert!(all.len() <= WHOLE && pattern(WHOLE, 1).starts_with(&all), "{} bytes", all.len());
}

#[test]
fn a_part_that_was_not_asked_for_is_not_asked_for_for_ever() {
    let (origin, gateway) = after_the_first(|_| part(0, 99, "Cache-Control: max-age=600"));
    let response = gateway.get("/film");
    assert!(!response.is_whole() || response.status != 200, "{}", response.head);
    assert!(origin.count() <= 10, "{} questions", origin.count());
}

#[test]
fn two_codings_with_one_date_are_not_put_together() {
    let dated = "Last-Modified: Mon, 01 Jun 2020 00:00:00 GMT";
    let origin = Origin::new(move |seen| match seen.field("range") {
        Some("bytes=0-99") => {
            let range = format!("Content-Range: bytes 0-99/{WHOLE}");
            let fields = [range.as_str(), dated, "Cache-Control: max-age=600"];
            Answer::status("206 Partial Content", &fields, &pattern(WHOLE, 1)[..100])
        }
        _ => {
            let fields = ["Content-Encoding: gzip", dated, "Cache-Control: max-age=600"];
            Answer::ok(&fields, pattern(WHOLE, 2))
        }
    });
    let mut setup = Setup::new();
    setup.route("all", &format!("path = /\nupstream = {}\ncache.compress = off", origin.url()));
    let gateway = setup.start();
    gateway.get_with("/film", FIRST);
    for _ in 0..2 {
        let response = gateway.get_with("/film", "Accept-Encoding: gzip\r\n");
        let mixed = response.is_whole() && response.body != pattern(WHOLE, 2);
        assert!(!mixed, "{}", response.head);
    }
}

#[test]
fn the_condition_of_a_range_is_for_the_origin_where_nothing_is_kept() {
    let origin = Origin::new(|_| part(500, 999, "Cache-Control: no-store"));
    let gateway = Gateway::before(&origin);
    gateway.get_with("/film", "Range: bytes=500-\r\nIf-Range: \"v0\"\r\n");
    assert_eq!(origin.last().field("if-range"), Some("\"v0\""));
}

#[test]
fn a_post_whose_answer_is_cut_is_not_sent_again() {
    let origin = Origin::new(|_| {
        let fields =
            ["ETag: \"v1\"", "Cache-Control: max-age=600", "Content-Location: /film", "Content-Length: 400000"];
        Answer::raw(Answer::head("200 OK", &fields)).send(pattern(200_000, 1)).close()
    });
    let gateway = Gateway::before(&origin);
    let mut client = gateway.client();
    let response = client.send("POST /film HTTP/1.1\r\nHost: board\r\nContent-Length: 0\r\n\r\n").response();
    assert!(!response.is_whole());
    assert_eq!(origin.count(), 1);
}

#[test]
fn a_part_that_must_not_be_kept_is_not_given_to_one_who_asked_for_the_whole() {
    let origin = Origin::new(|seen| match seen.field("range") {
        Some("bytes=0-99") => part(0, 99, "Cache-Control: max-age=0"),
        Some(_) => part(100, 999, "Cache-Control: no-store"),
        None => Answer::ok(&["ETag: \"v1\"", "Cache-Control: no-store"], pattern(WHOLE, 1)),
    });
    let gateway = Gateway::before(&origin);
    gateway.get_with("/film", FIRST);
    let response = gateway.get("/film");
    assert!(response.status == 200 && response.body == pattern(WHOLE, 1), "{}", response.head);
}

#[test]
fn a_reload_beside_a_download_of_unknown_length_stops_nobody() {
    const FILM: usize = 1_000_000;
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::new(move |seen| {
        let film = pattern(FILM, 1);
        let first = seen.field("range").and_then(|range| range.strip_prefix("bytes=")?.split('-').next()?.parse().ok());
        match (seen.target(), first) {
            ("/film", None::<usize>) => {
                let fields = ["ETag: \"v1\"", "Cache-Control: max-age=600", "Transfer-Encoding: chunked"];
                let piece = String::from_utf8(film[..100_000].to_vec()).expect("letters");
                Answer::raw(Answer::head("200 OK", &fields))
                    .send(format!("{:x}\r\n{piece}\r\n", piece.len()))
                    .wait(&held)
            }
            ("/film", Some(first)) => {
                let range = format!("Content-Range: bytes {first}-{}/{FILM}", FILM - 1);
                let fields = [range.as_str(), "ETag: \"v1\"", "Cache-Control: max-age=600"];
                Answer::status("206 Partial Content", &fields, &film[first..])
            }
            _ => Answer::ok(&["Cache-Control: no-store"], "other"),
        }
    });
    let gateway = Gateway::before(&origin);
    let mut first = gateway.client();
    first.send("GET /film HTTP/1.1\r\nHost: board\r\n\r\n");
    first.head();
    let mut reload = gateway.client();
    reload.send("GET /film HTTP/1.1\r\nHost: board\r\nCache-Control: no-cache\r\n\r\n");
    for _ in 0..20 {
        assert_eq!(gateway.get("/other").text(), "other");
    }
    gate.open();
}
