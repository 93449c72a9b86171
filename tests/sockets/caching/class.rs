//! One download serves the class: thirty viewers of one film whose index is at its end, over a thin link.
//!
//! The size and the link are a 25th and one and a half times those of the promise; `HAFIR_CLASS=full` takes the real ones
//! (100 MB over 2 Mbit/s, some minutes).

use std::time::{Duration, Instant};

use crate::harness::{FilmOrigin, Setup};

const CHUNK: u64 = 256 << 10;
const VIEWERS: usize = 30;

struct Scale {
    length: usize,
    /// Bytes a second.
    rate: u64,
}

#[test]
#[allow(clippy::print_stdout)] // the promise is about numbers
fn thirty_viewers_seek_in_one_film_and_its_bytes_come_once() {
    let full = std::env::var("HAFIR_CLASS").is_ok_and(|value| value == "full");
    let Scale { length, rate } = match full {
        true => Scale { length: 100 << 20, rate: 250_000 },
        false => Scale { length: 4 << 20, rate: 400_000 },
    };
    let origin = FilmOrigin::new(length, rate, &["Cache-Control: max-age=6000"]);
    let mut setup = Setup::new();
    setup.route("film", &format!("path = /\nupstream = {}\ncache.finish = never", origin.url()));
    let gateway = setup.start();
    let body = origin.body(1);
    let (fifth, tail, middle, piece) = (length / 5, 64 << 10, length / 2, length / 8);
    let slowest = std::thread::scope(|scope| {
        let watch = || {
            let mut slowest = Duration::ZERO;
            // From the beginning, as a player does; then the index at the end; then a seek to the middle.
            let wanted = [
                ("Range: bytes=0-\r\n".to_owned(), 0, fifth),
                (format!("Range: bytes=-{tail}\r\n"), length - tail, tail),
                (format!("Range: bytes={middle}-\r\n"), middle, piece),
            ];
            for (field, first, count) in wanted {
                let mut client = gateway.client();
                let begun = Instant::now();
                client.send(format!("GET /1 HTTP/1.1\r\nHost: board\r\n{field}\r\n"));
                let head = client.head();
                assert_eq!(head.status, 206, "{}", head.head);
                assert_eq!(client.take(1), body[first..=first]);
                slowest = slowest.max(begun.elapsed());
                assert!(client.take(count - 1) == body[first + 1..first + count], "wrong bytes from {first} on");
            }
            slowest
        };
        let viewers: Vec<_> = (0..VIEWERS).map(|_| scope.spawn(watch)).collect();
        viewers.into_iter().map(|viewer| viewer.join().expect("a viewer")).max().unwrap_or_default()
    });
    let distinct = (fifth + tail + piece) as u64;
    let sent = origin.sent();
    let resident = gateway.resident();
    println!("{VIEWERS} viewers: {sent} bytes for {distinct}, slowest first byte {slowest:?}, {resident} KB resident");
    let asked = |head: &String| head.lines().find(|line| line.starts_with("Range")).unwrap_or("the whole").to_owned();
    println!("the origin was asked for {}", origin.heads().iter().map(asked).collect::<Vec<_>>().join(", "));
    assert!(sent <= distinct + 6 * CHUNK, "{sent} bytes over the link for {distinct}");
    assert!(resident <= 32 << 10, "{resident} KB");
    let whole = gateway.get("/1");
    assert!(whole.is_whole() && whole.body == **body, "a whole film, put together");
    assert!(origin.sent() <= length as u64 + 8 * CHUNK, "{} bytes for all of it", origin.sent());
    // A connection that was asked to seek must not wait for what lies in between.
    let patience = Duration::from_secs(if full { 3 } else { 10 });
    assert!(slowest < patience, "{slowest:?} to the first byte");
}
