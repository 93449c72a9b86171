//! Power cuts of the whole process in the midst of everything, and damage to files in between: nothing wrong is ever
//! served, and service is back at once.
//!
//! `HAFIR_CUTS` and `HAFIR_OBJECTS` set how much; the promise is made with 500 and 20000.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Answer, Client, FilmOrigin, Gateway, Origin, Setup, pattern};

const FILM: usize = 2 << 20;
const FILMS: u32 = 6;
const CLIENTS: usize = 6;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Mostly small, some larger than what is kept in RAM, a few of more than one chunk.
fn body_of(number: usize) -> Vec<u8> {
    let size = match number % 97 {
        0 => 300_000,
        1..=4 => 50_000,
        _ => 100 + number % 1900,
    };
    pattern(size, u32::try_from(number).expect("a small number"))
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("fits")
    }
}

/// One client: asks for this and that until the gateway is gone, and checks what comes whole.
fn wander(
    gateway: &Gateway,
    films: &FilmOrigin,
    objects: usize,
    mut dice: Dice,
    answered: &AtomicUsize,
    enough: usize,
) {
    while answered.load(Ordering::Relaxed) < enough {
        let Some(mut client) = Client::try_connect(gateway.address) else { return };
        let (request, expected) = match dice.roll(8) {
            0 => {
                let number = u32::try_from(dice.roll(FILMS as usize)).expect("fits");
                let first = dice.roll(FILM - 200_000);
                let range = first..first + 1 + dice.roll(190_000);
                let request = format!(
                    "GET /film/{number} HTTP/1.1\r\nHost: b\r\nRange: bytes={}-{}\r\n\r\n",
                    range.start,
                    range.end - 1
                );
                (request, films.body(number)[range].to_vec())
            }
            1 => {
                let number = u32::try_from(dice.roll(FILMS as usize)).expect("fits");
                (format!("GET /film/{number} HTTP/1.1\r\nHost: b\r\n\r\n"), films.body(number).to_vec())
            }
            _ => {
                let number = dice.roll(objects);
                (format!("GET /{number} HTTP/1.1\r\nHost: b\r\n\r\n"), body_of(number))
            }
        };
        client.send(&request);
        let Some(answer) = client.response_unless_cut() else { continue };
        assert!(matches!(answer.status, 200 | 206), "{request}{}", answer.head);
        assert!(
            expected.starts_with(&answer.body) && (!answer.is_whole() || answer.body.len() == expected.len()),
            "wrong bytes for {request}{}",
            answer.head
        );
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// Flips, zeroes or cuts off something in some files.
fn damage(gateway: &Gateway, dice: &mut Dice) {
    let files = gateway.folder.files("cache");
    for _ in 0..2 {
        let Some(file) = files.get(dice.roll(files.len().max(1))) else { return };
        let Ok(mut bytes) = fs::read(file) else { continue };
        if bytes.is_empty() {
            continue;
        }
        let place = dice.roll(bytes.len());
        match dice.roll(4) {
            0 | 1 => bytes[place] ^= 1 << dice.roll(8),
            2 => bytes.truncate(place),
            _ => {
                let end = (place + 4096).min(bytes.len());
                bytes[place..end].fill(0);
            }
        }
        let _ = fs::write(file, bytes);
    }
}

#[test]
#[allow(clippy::print_stdout)] // the promise is about numbers
fn cuts_of_power_and_rotten_bytes_never_make_a_wrong_answer() {
    let (cuts, objects) = (setting("HAFIR_CUTS", 20), setting("HAFIR_OBJECTS", 400));
    let origin = Origin::new(|seen| {
        let number = seen.target().trim_start_matches('/').parse().unwrap_or(0);
        Answer::ok(&["Cache-Control: max-age=60000", "ETag: \"v1\""], body_of(number))
    });
    let films = FilmOrigin::new(FILM, 0, &["Cache-Control: max-age=60000"]);
    let mut setup = Setup::new();
    setup
        .set("cache", "size", "2 GB")
        .set("cache", "sync", "100 ms")
        .set("log", "access", "off")
        .route("all", &format!("path = /\nupstream = {}", origin.url()))
        .route("film", &format!("path = /film/\nstrip = on\nupstream = {}\ncache.finish = never", films.url()));
    let mut gateway = setup.start();
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let (mut slowest, mut all) = (Duration::ZERO, 0);
    for _ in 0..cuts {
        let answered = Arc::new(AtomicUsize::new(0));
        let enough = 20 + dice.roll(objects / cuts.min(objects).max(1) * 2 + 60);
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                let dice = Dice(dice.roll(usize::MAX) as u64 | 1);
                let (gateway, films, answered) = (&gateway, &films, Arc::clone(&answered));
                scope.spawn(move || wander(gateway, films, objects, dice, &answered, enough));
            }
            // The clients are in the midst of their last requests.
            while answered.load(Ordering::Relaxed) < enough.saturating_sub(CLIENTS) {
                std::thread::sleep(Duration::from_millis(1));
            }
            gateway.cut();
        });
        all += answered.load(Ordering::Relaxed);
        gateway.kill();
        damage(&gateway, &mut dice);
        let begun = Instant::now();
        gateway.start_again();
        let first = gateway.get("/0");
        assert!(first.status == 200 && first.body == body_of(0), "{}", first.head);
        slowest = slowest.max(begun.elapsed());
    }
    println!(
        "{cuts} cuts, {all} answers between them, {objects} objects; slowest first answer after a start {slowest:?}"
    );
    for number in 0..objects {
        let answer = gateway.get(&format!("/{number}"));
        assert!(answer.is_whole() && answer.body == body_of(number), "/{number}: wrong bytes, {}", answer.head);
    }
    for number in 0..FILMS {
        let answer = gateway.get(&format!("/film/{number}"));
        assert!(answer.is_whole() && answer.body == **films.body(number), "film {number}: {}", answer.head);
    }
}
