//! Tokens that PyJWT and jwcrypto make, honest ones and attacks, to a running gateway.

use std::path::Path;
use std::process::Command;

use miniserde::{Deserialize, json};

use super::{run, text};
use crate::harness::{Answer, Origin, Setup, skipped};

/// Made by `scripts/test`.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/oidc-provider/bin/python");
const SCRIPT: &str = include_str!("attacks.py");

#[derive(Deserialize)]
struct Made {
    jwks: json::Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    about: String,
    token: String,
    status: u16,
}

#[test]
fn honest_tokens_count_and_attacks_do_not() {
    let has = |words: &str| Command::new(PYTHON).args(["-c", words]).output().is_ok_and(|ended| ended.status.success());
    if !Path::new(PYTHON).exists() || !has("import jwt, jwcrypto") {
        return skipped("PyJWT and jwcrypto are not in target/oidc-provider");
    }
    let made: Made =
        json::from_str(&text(&run(Command::new(PYTHON).args(["-c", SCRIPT])))).expect("what the script made");
    let origin = Origin::new(|seen| Answer::ok(&[], seen.field("x-user").unwrap_or("nobody")));
    let mut setup = Setup::new();
    let keys = setup.folder.write("keys.json", json::to_string(&made.jwks)).display().to_string();
    setup.set("jwt school", "issuer", "https://id.example").set("jwt school", "audience", "board");
    setup.set("jwt school", "keys.file", &keys);
    let route = format!("path = /\nupstream = {}\nauth = jwt\nclaim.role = nurse\ntell.X-User = id", origin.url());
    setup.route("all", &route);
    let gateway = setup.start();
    assert!(made.cases.len() > 100, "{}", made.cases.len());
    // Each twice: the second time it is remembered.
    for case in made.cases.iter().chain(&made.cases) {
        let answer = gateway.get_with("/", &format!("Authorization: Bearer {}\r\nX-User: root\r\n", case.token));
        assert_eq!(answer.status, case.status, "{}: {}", case.about, answer.head);
        assert_eq!(answer.text() == "token/school/amina", case.status == 200, "{}: {}", case.about, answer.text());
    }
    let honest = made.cases.iter().filter(|case| case.status == 200).count();
    assert_eq!(origin.count(), 2 * honest, "nothing else came to the origin");
}
