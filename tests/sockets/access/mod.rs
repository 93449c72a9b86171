//! Who may use a route: what is shown is judged, what is refused says how to become known, and no credential goes further.

mod ambiguous;
mod clock;
mod keys;
mod passwords;
mod refusals;
mod rights;
mod sharing;
mod tokens;
mod upstream;

use crate::harness::{Answer, Gateway, Origin, Response, Setup, hafir};

/// A key as `hafir key` printed it, and its ID.
struct Key {
    text: String,
    id: String,
}

impl Key {
    /// `words`: options beside the name.
    fn new(gateway: &Gateway, words: &[&str]) -> Key {
        Key::printed(gateway, &[&["new", "--name", "Tablet"], words].concat())
    }

    fn roll(&self, gateway: &Gateway, words: &[&str]) -> Key {
        Key::printed(gateway, &[&["roll", self.id.as_str()], words].concat())
    }

    fn revoke(&self, gateway: &Gateway) {
        key_command(gateway, &["revoke", &self.id]);
    }

    fn printed(gateway: &Gateway, words: &[&str]) -> Key {
        let said = key_command(gateway, words);
        let text = said.lines().find(|line| line.starts_with("hafir_")).expect("a key").trim().to_owned();
        let id = text.split('_').nth(1).expect("an ID").to_owned();
        Key { text, id }
    }

    fn bearer(&self) -> String {
        bearer(&self.text)
    }

    fn field(&self) -> String {
        format!("X-API-Key: {}\r\n", self.text)
    }

    /// What nobody may find anywhere.
    fn secret(&self) -> &str {
        &self.text[15..47]
    }
}

fn key_command(gateway: &Gateway, words: &[&str]) -> String {
    let file = gateway.file.display().to_string();
    let output = hafir(&[&["key", "--config", &file], words].concat());
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(output.status.success(), "{words:?}: {said}");
    said
}

fn bearer(text: &str) -> String {
    format!("Authorization: Bearer {text}\r\n")
}

/// An origin whose answers everybody may keep.
fn keepable() -> Origin {
    Origin::new(|seen| Answer::ok(&["Cache-Control: max-age=600"], seen.target()))
}

/// A route below `/NAME` to the origin.
fn guard(setup: &mut Setup, origin: &Origin, name: &str, rules: &str) {
    setup.route(name, &format!("path = /{name}\nupstream = {}\n{rules}", origin.url()));
}

fn ask(gateway: &Gateway, method: &str, target: &str, fields: &str) -> Response {
    let request = format!("{method} {target} HTTP/1.1\r\nHost: board\r\nContent-Length: 0\r\n{fields}\r\n");
    gateway.client().send(request).response_to(method)
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).for_each(|at| text.push(char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63])));
    }
    text
}

fn base64url(bytes: &[u8]) -> String {
    base64(bytes).replace('+', "-").replace('/', "_")
}

fn basic(login: &str) -> String {
    let padding = "=".repeat((3 - login.len() % 3) % 3);
    format!("Authorization: Basic {}{padding}\r\n", base64(login.as_bytes()))
}
