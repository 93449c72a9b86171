//! How much, how fast and what: every limit that a file can set, as clients meet it.

mod content;
mod quotas;
mod rates;
mod robots;
mod scraping;
mod speed;
mod turns;

use std::fs;
use std::path::Path;

use crate::harness::{Gateway, Origin, Response, Setup, hafir};

/// Browsers say so.
pub(super) const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";

/// Whose forwarded addresses are believed, so that a test can be many clients.
pub(super) fn among_many() -> Setup {
    let mut setup = Setup::new();
    setup.set("gateway", "trusted_proxies", "127.0.0.1");
    setup
}

pub(super) fn route(setup: &mut Setup, origin: &Origin, keys: &str) -> Gateway {
    setup.route("all", &format!("path = /\nupstream = {}\n{keys}", origin.url()));
    setup.start()
}

/// Asks as the client of this address would.
pub(super) fn get_from(gateway: &Gateway, address: &str, target: &str) -> Response {
    gateway.get_with(target, &format!("X-Forwarded-For: {address}\r\n"))
}

pub(super) fn key_field(key: &str) -> String {
    format!("X-API-Key: {key}\r\n")
}

/// A new key, as the command prints it.
pub(super) fn new_key(file: &Path, words: &[&str]) -> String {
    let file = file.display().to_string();
    let output = hafir(&[&["key", "--config", &file, "new"], words].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find(|line| line.trim().starts_with("hafir_"));
    line.unwrap_or_else(|| panic!("no key: {said} {}", String::from_utf8_lossy(&output.stderr))).trim().to_owned()
}

pub(super) fn seconds(response: &Response) -> u64 {
    let value = response.field("retry-after").unwrap_or_else(|| panic!("no Retry-After: {}", response.head));
    value.parse().unwrap_or_else(|_| panic!("not seconds: {value}"))
}

pub(super) fn check_status(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{}\n{}", response.head, response.text());
}

pub(super) fn replace_in_file(gateway: &Gateway, from: &str, to: &str) {
    let text = fs::read_to_string(&gateway.file).expect("the file");
    assert!(text.contains(from), "{text}");
    fs::write(&gateway.file, text.replace(from, to)).expect("the file");
}

/// The number behind `name` in an item such as `"day";r=3;t=20`.
pub(super) fn parameter(item: &str, name: &str) -> u64 {
    let value = item.split(';').find_map(|part| part.trim().strip_prefix(&format!("{name}=")));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {item}"))
}
