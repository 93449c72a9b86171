//! `hafir key`, with the real program: beside the running gateway and without one, through deaths at any moment and
//! damage of any byte.
//!
//! `HAFIR_POWER_CUTS` multiplies the rounds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::{self, Gateway, Setup, hafir};

/// Runs `hafir key` on a configuration; gives what it printed and whether it succeeded.
fn key(file: &Path, words: &[&str]) -> (String, bool) {
    let file = file.display().to_string();
    let output = hafir(&[&["key", "--config", &file], words].concat());
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).expect("text"), output.status.success())
}

fn done(file: &Path, words: &[&str]) -> String {
    let (text, well) = key(file, words);
    assert!(well, "{words:?}: {text}");
    text
}

fn refused(file: &Path, words: &[&str]) -> String {
    let (text, well) = key(file, words);
    assert!(!well, "{words:?}: {text}");
    text
}

/// The text of a key that was printed whole, and its ID.
fn printed(said: &str) -> Option<(String, String)> {
    let line = said.split_inclusive('\n').find(|line| line.starts_with("hafir_") && line.ends_with('\n'))?;
    let id = line.split('_').nth(1)?.to_owned();
    Some((line.trim().to_owned(), id))
}

/// Every key with its state.
fn states(file: &Path) -> BTreeMap<String, String> {
    let listed = done(file, &["list", "--json"]);
    let word = |line: &str, name: &str| {
        let rest = line.split(&format!("\"{name}\":\"")).nth(1).expect("a name").to_owned();
        rest.split('"').next().expect("a value").to_owned()
    };
    listed.lines().filter(|line| line.starts_with('{')).map(|line| (word(line, "id"), word(line, "state"))).collect()
}

fn new(file: &Path, name: &str) -> (String, String) {
    printed(&done(file, &["new", "--name", name])).expect("a key")
}

/// A life of a key, with or without a gateway.
fn live(file: &Path, folder: &Path) {
    let card = folder.join("card.svg");
    let path = card.display().to_string();
    let words = ["new", "--name", "Clinic tablet 3", "--plan", "clinic", "--scope", "records.read", "--scope", "a"];
    let said = done(file, &[&words[..], &["--expires", "90 days", "--card", &path]].concat());
    let (text, id) = printed(&said).expect("a key");
    assert!(said.contains("there is no [plan clinic]") && said.contains("scopes   records.read a"), "{said}");
    let svg = std::fs::read_to_string(&card).expect("a card");
    assert!(svg.contains("Clinic tablet 3") && svg.contains("<path d=\"M"), "{svg}");
    assert!(refused(file, &["new", "--name", "x", "--card", &path]).contains("cannot be written"));
    std::fs::remove_file(card).expect("the card");
    assert_eq!(states(file).len(), 1, "the refused one is not there");
    let shown = done(file, &["show", &id.to_uppercase()]);
    assert!(shown.contains("Clinic tablet 3") && !shown.contains(&text[15..]), "{shown}");
    let rolled = done(file, &["roll", &id, "--grace", "7days"]);
    assert!(printed(&rolled).is_some_and(|(new, same)| same == id && new != text), "{rolled}");
    assert!(rolled.contains("the secret before is good until"), "{rolled}");
    assert!(done(file, &["rename", &id, "--name", "Tablet 4"]).contains("Tablet 4"));
    let listed = done(file, &["list"]);
    assert!(listed.contains(&id) && listed.contains("good") && listed.contains("Tablet 4"), "{listed}");
    assert!(done(file, &["revoke", &id]).contains("revoked"));
    assert!(refused(file, &["roll", &id]).contains("is revoked, for good"));
    assert!(refused(file, &["show", "00000000"]).contains("there is no key"));
    assert!(refused(file, &["new", "--name", "a", "--scope", "two words"]).contains("is no scope"));
    assert_eq!(states(file), BTreeMap::from([(id, "revoked".to_owned())]));
}

#[test]
fn keys_are_made_shown_and_ended_beside_the_gateway() {
    let mut gateway = Setup::new().start();
    live(&gateway.file, gateway.folder.path());
    let (text, id) = new(&gateway.file, "kept");
    let before = states(&gateway.file);
    gateway.start_again();
    assert_eq!(states(&gateway.file), before);
    assert_eq!(before.get(&id).map(String::as_str), Some("good"));
    gateway.kill();
    assert_eq!(states(&gateway.file), before, "without the gateway");
    for name in ["keys.copy", "keys.journal"] {
        let bytes = std::fs::read(gateway.folder.join(&format!("state/{name}"))).expect("a file");
        let secret = &text.as_bytes()[15..47];
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "the secret lies in {name}");
    }
}

#[test]
fn keys_are_made_shown_and_ended_without_a_gateway() {
    let setup = Setup::new();
    let file = setup.folder.write("hafir.ini", setup.text());
    live(&file, setup.folder.path());
    let missing = refused(Path::new("/nonexistent/hafir.ini"), &["list"]);
    assert!(missing.contains("/nonexistent/hafir.ini"), "{missing}");
}

/// Numbers that look like chance, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

fn rounds(least: usize) -> usize {
    least * std::env::var("HAFIR_POWER_CUTS").ok().and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    made: Vec<String>,
    revoked: Vec<String>,
}

impl Acknowledged {
    /// One change that is killed, or whose gateway is, after a moment.
    fn change(&mut self, file: &Path, dice: &mut Dice, moment: u64, gateway: Option<&Gateway>) {
        let victim = self.made.iter().find(|id| !self.revoked.contains(id)).cloned().filter(|_| dice.roll(2) == 0);
        let mut command = Command::new(env!("CARGO_BIN_EXE_hafir"));
        command.args(["key", "--config"]).arg(file);
        match &victim {
            Some(id) => command.args(["revoke", id]),
            None => command.args(["new", "--name", "a", "--scope", "b"]),
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = harness::spawn(&mut command).expect("hafir can be started");
        std::thread::sleep(Duration::from_micros(dice.roll(moment)));
        match gateway {
            Some(gateway) => gateway.cut(),
            None => drop(child.kill()),
        }
        let output = child.wait_with_output().expect("what it said");
        let said = String::from_utf8_lossy(&output.stdout);
        match victim {
            Some(id) if said.contains("state    revoked\n") => self.revoked.push(id),
            Some(_) => {}
            None => self.made.extend(printed(&said).map(|(_, id)| id)),
        }
    }

    fn check(&self, file: &Path, what: &str) {
        let states = states(file);
        for id in &self.made {
            assert!(states.contains_key(id), "{what}: the key {id} is lost");
        }
        for id in &self.revoked {
            assert_eq!(states.get(id).map(String::as_str), Some("revoked"), "{what}: the key {id} came back");
        }
    }
}

#[test]
fn commands_that_are_killed_lose_nothing_that_was_acknowledged() {
    let setup = Setup::new();
    let file = setup.folder.write("hafir.ini", setup.text());
    let (mut known, mut dice) = (Acknowledged::default(), Dice(7));
    for round in 0..rounds(90) {
        known.change(&file, &mut dice, 40_000, None);
        if round % 10 == 9 {
            known.check(&file, &format!("round {round}"));
        }
    }
    assert!(!known.made.is_empty(), "no key was made in time");
    // A command that is not killed works.
    new(&file, "last");
    known.check(&file, "at the end");
}

#[test]
fn gateways_that_are_killed_lose_nothing_that_was_acknowledged() {
    let mut gateway = Setup::new().start();
    let file = gateway.file.clone();
    let (mut known, mut dice) = (Acknowledged::default(), Dice(11));
    known.made.push(new(&file, "first").1);
    for round in 0..rounds(15) {
        known.change(&file, &mut dice, 40_000, Some(&gateway));
        gateway.start_again();
        known.check(&file, &format!("round {round}"));
    }
}

#[test]
fn a_damaged_byte_in_either_file_loses_no_key_and_brings_none_back() {
    let setup = Setup::new();
    let file = setup.folder.write("hafir.ini", setup.text());
    let mut known = Acknowledged::default();
    for _ in 0..6 {
        known.made.push(new(&file, "a").1);
    }
    for id in known.made.iter().take(3) {
        done(&file, &["revoke", id]);
        known.revoked.push(id.clone());
    }
    let mut dice = Dice(13);
    for round in 0..rounds(12) {
        let name = ["state/keys.copy", "state/keys.journal"][round % 2];
        let path: PathBuf = setup.folder.join(name);
        let mut bytes = std::fs::read(&path).expect("a file");
        let at = usize::try_from(dice.roll(bytes.len() as u64)).expect("small");
        bytes[at] ^= 1 << dice.roll(8);
        std::fs::write(&path, bytes).expect("a file");
        known.check(&file, &format!("{name} damaged at {at}"));
        assert_eq!(states(&file).values().filter(|state| *state == "good").count(), 3, "{name} damaged at {at}");
    }
}
