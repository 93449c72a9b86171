//! Project Wycheproof's vectors for JSON Web Signatures and Keys. The data is not part of this repository:
//! `HAFIR_JWS_VECTORS` names the folder, or it lies in `../shared/data/jws`; otherwise the test says so and passes.

use std::path::PathBuf;

use super::super::compact;
use super::super::keys::Keys;
use crate::base::json::{self, Json, JsonBounds};

const BOUNDS: JsonBounds = JsonBounds { depth: 16, values: 100_000 };

fn folder() -> Option<PathBuf> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/jws"));
    let folder = std::env::var_os("HAFIR_JWS_VECTORS").map_or(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// Whether the signature of a compact JWS is verified by a key of the set.
fn accepts(keys: &str, jws: &str) -> bool {
    let (Ok(keys), Ok(token)) = (Keys::read(keys.as_bytes()), compact::read(jws)) else { return false };
    let (algorithm, kid) = (token.header.algorithm, token.header.kid.as_deref());
    keys.candidates(kid, algorithm).any(|key| key.verifies(algorithm, token.signed, &token.signature))
}

fn text(value: &Json<'_>, out: &mut String) {
    use std::fmt::Write as _;
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => write!(out, "{value}").unwrap(),
        Json::Number(number) => out.push_str(number.text()),
        Json::String(string) => write!(out, "{string:?}").unwrap(),
        Json::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                text(item, out);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (place, (name, value)) in members.iter().enumerate() {
                write!(out, "{}{name:?}:", if place == 0 { "" } else { "," }).unwrap();
                text(value, out);
            }
            out.push('}');
        }
    }
}

/// Judges each vector of a file. What differs: the number, what it is about, and what was expected.
fn differing(file: &str, bytes: &[u8]) -> (usize, Vec<(i64, String)>) {
    let document = json::read(bytes, BOUNDS).unwrap_or_else(|problem| panic!("{file}: {problem}"));
    let mut count = 0;
    let mut differing = Vec::new();
    for group in document.get("testGroups").unwrap().items() {
        let mut keys = String::new();
        text(group.get("public").or_else(|| group.get("private")).unwrap(), &mut keys);
        for test in group.get("tests").unwrap().items() {
            let said = |name: &str| test.get(name).and_then(Json::as_str).unwrap_or_default();
            let expected = said("result") == "valid";
            count += 1;
            if accepts(&keys, said("jws")) != expected {
                let number = test.get("tcId").unwrap().as_number().unwrap().as_i64().unwrap();
                let (about, about_test) =
                    (group.get("comment").and_then(Json::as_str).unwrap_or_default(), said("comment"));
                differing.push((number, format!("{about}/{about_test} ({})", said("result"))));
            }
        }
    }
    (count, differing)
}

/// Valid, and refused all the same: HMAC, which is never taken; P-521, which is not supported; and PS384 by a key whose
/// `alg` says PS256 (346, 350).
const REFUSED_SIGNATURES: [i64; 14] = [1, 346, 347, 348, 350, 351, 352, 357, 358, 359, 372, 373, 376, 377];

/// HMAC again, and 7: an RSA key that its maker's library made badly (ROCA). Whoever has the primes of a key that we were
/// told to believe signs as its owner; it is for the provider to choose another one.
const DIFFERENT_KEYS: [i64; 5] = [2, 7, 13, 14, 15];

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn wycheproof() {
    let Some(folder) = folder() else {
        eprintln!("skipped: the vectors are not here; see HAFIR_JWS_VECTORS");
        return;
    };
    for (file, known) in
        [("json_web_signature_test.json", &REFUSED_SIGNATURES[..]), ("json_web_key_test.json", &DIFFERENT_KEYS[..])]
    {
        let (count, differing) = differing(file, &std::fs::read(folder.join(file)).unwrap());
        eprintln!(
            "{file}: {} of {count} as expected, {} differ for a reason",
            count - differing.len(),
            differing.len()
        );
        let numbers: Vec<i64> = differing.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, known, "{differing:#?}");
    }
}
