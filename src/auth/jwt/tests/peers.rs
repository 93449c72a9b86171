//! Tokens that PyJWT makes, and keys as it writes them. Skipped, with a word, where `HAFIR_PYTHON` (or `python3`) has no PyJWT
//! with `cryptography`.

use std::process::Command;

use super::*;
use crate::base::json::{self, Json};

const SCRIPT: &str = include_str!("pyjwt.py");

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn tokens_of_pyjwt_are_understood() {
    let python = std::env::var("HAFIR_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(&python).args(["-c", SCRIPT, &TODAY.to_string()]).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        eprintln!("skipped: {python} has no PyJWT with cryptography");
        return;
    };
    let bounds = json::JsonBounds { depth: 8, values: 10_000 };
    let made = json::read(&output.stdout, bounds).unwrap();
    let said = |value: &Json<'_>, name: &str| value.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let tokens = tokens(rules(), &said(&made, "jwks"));
    let mut count = 0;
    for case in made.get("cases").unwrap().items() {
        let found = check(&tokens, &said(case, "token"));
        let word = found.as_ref().map_or_else(|problem| problem.word(), |checked| checked.identity.name.as_str());
        assert_eq!(word, said(case, "expected"), "{}", said(case, "about"));
        count += 1;
    }
    assert!(count >= 20, "{count}");
    eprintln!("{count} tokens of PyJWT");
}
