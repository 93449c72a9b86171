//! The audit trail of a gateway that is killed at any moment while it writes, and of which any byte is changed.
//!
//! `HAFIR_POWER_CUTS` multiplies the rounds.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Client, Gateway, Setup, hafir};

/// What is answered so long before a death is on the card.
const DURABLE: Duration = Duration::from_secs(1);
const CLIENTS: usize = 3;
/// Between two requests of a client. Some thousand exchanges a second are more than a card takes; then the trail says how many
/// it could not hold.
const PACE: Duration = Duration::from_millis(2);

fn rounds() -> usize {
    5 * std::env::var("HAFIR_POWER_CUTS").ok().and_then(|count| count.parse().ok()).unwrap_or(1)
}

fn audit(gateway: &Gateway, words: &[&str]) -> (String, bool) {
    let file = gateway.file.display().to_string();
    let output = hafir(&[&["audit", "--config", &file], words].concat());
    (String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(), output.status.success())
}

/// Asks until the gateway is gone. Gives the ids of the requests that were answered, with the time of each answer.
fn ask(gateway: &Gateway, round: usize, client: usize, stop: &AtomicBool) -> Vec<(String, Instant)> {
    let mut answered = Vec::new();
    let Some(mut connection) = Client::try_connect(gateway.address) else { return answered };
    while !stop.load(Ordering::SeqCst) {
        // Other ids could say something of a person, and are left out of the trail.
        let id = format!("{round:04}-{client}-{:06}", answered.len());
        connection.send(format!("GET /{id} HTTP/1.1\r\nHost: board\r\nX-Request-Id: {id}\r\n\r\n"));
        let Some(response) = connection.response_unless_cut() else { break };
        assert_eq!(response.status, 200);
        answered.push((id, Instant::now()));
        thread::sleep(PACE);
    }
    answered
}

/// The request ids of all that is in the trail.
fn noted(gateway: &Gateway, name: &str) -> HashSet<String> {
    let file = gateway.folder.join(name);
    let (said, well) = audit(gateway, &["export", &file.display().to_string()]);
    assert!(well, "{said}");
    let text = fs::read_to_string(&file).expect("what was exported");
    let id = |line: &str| Some(line.split("\"request_id\":\"").nth(1)?.split('"').next()?.to_owned());
    text.lines().filter_map(id).collect()
}

fn segments(gateway: &Gateway) -> Vec<PathBuf> {
    let files = gateway.folder.files("state/audit");
    files.into_iter().filter(|file| file.extension().is_some_and(|end| end == "jsonl")).collect()
}

fn write(file: &Path, bytes: &[u8]) {
    fs::set_permissions(file, Permissions::from_mode(0o600)).expect("permissions");
    fs::write(file, bytes).expect("a segment");
}

#[test]
fn nothing_is_lost_by_kill_9_and_every_damaged_byte_is_found() {
    let mut setup = Setup::new();
    setup.set("audit", "segment", "64 KB").set("audit", "size", "64 MB");
    setup.route("all", "path = /\nrespond = 200\naudit = on");
    let mut gateway = setup.start();
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..rounds() {
        if round > 0 {
            gateway.start_again();
        }
        let stop = AtomicBool::new(false);
        // The moment of the death differs from round to round.
        let span = DURABLE + Duration::from_millis(37 * (round as u64 % 20) + 150);
        let (answered, died) = thread::scope(|scope| {
            let (gateway, stop) = (&gateway, &stop);
            let asking: Vec<_> =
                (0..CLIENTS).map(|client| scope.spawn(move || ask(gateway, round, client, stop))).collect();
            thread::sleep(span);
            let died = Instant::now();
            gateway.cut();
            stop.store(true, Ordering::SeqCst);
            let answered: Vec<_> = asking.into_iter().flat_map(|asking| asking.join().expect("a client")).collect();
            (answered, died)
        });
        gateway.kill();
        let durable = answered.iter().filter(|(_, at)| died.duration_since(*at) > DURABLE).map(|(id, _)| id.clone());
        let before = acknowledged.len();
        acknowledged.extend(durable);
        assert!(acknowledged.len() > before, "{} answers in {span:?}", answered.len());
        let (verdict, well) = audit(&gateway, &["verify"]);
        assert!(well && verdict.contains("nothing was changed"), "{verdict}");
        let noted = noted(&gateway, &format!("export{round}"));
        let lost: Vec<&String> = acknowledged.iter().filter(|id| !noted.contains(*id)).collect();
        assert!(lost.is_empty(), "{} of {}: {:?}\n{verdict}", lost.len(), acknowledged.len(), lost.first());
    }
    gateway.start_again();
    gateway.get("/");
    gateway.signal(Signal::TERM);
    gateway.wait_for_exit();
    damage(&gateway);
}

/// Changes bytes all over the trail, one at a time.
fn damage(gateway: &Gateway) {
    let segments = segments(gateway);
    assert!(segments.len() > 1, "{segments:?}");
    for (number, segment) in segments.iter().enumerate().step_by(segments.len().div_ceil(6)) {
        let sound = fs::read(segment).expect("a segment");
        for place in 0..6 {
            let at = (number * 7919 + place * sound.len() / 6) % sound.len();
            let mut damaged = sound.clone();
            damaged[at] ^= 1 << (place % 7);
            write(segment, &damaged);
            let (verdict, well) = audit(gateway, &["verify"]);
            assert!(!well && verdict.contains("FOUND"), "byte {at} of {}: {verdict}", segment.display());
        }
        write(segment, &sound);
    }
    // A whole segment that is not there.
    let segment = &segments[segments.len() / 2];
    let aside = gateway.folder.join("aside");
    fs::rename(segment, &aside).expect("a segment");
    let (verdict, well) = audit(gateway, &["verify"]);
    assert!(!well && verdict.contains("FOUND"), "{verdict}");
    fs::rename(&aside, segment).expect("a segment");
    assert!(audit(gateway, &["verify"]).1);
}
