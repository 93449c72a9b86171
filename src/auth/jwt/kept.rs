//! Fetched keys on the card: five lines of text, and behind them the document as it came.
//!
//! `hafir-jwks 1`, the issuer, the URL of the keys by configuration (empty: discovery), the URL they came from, and when in
//! milliseconds with `sure` or `unsure`. The ledger's own checksum guards it; nothing is believed that does not parse.

use super::discovery;
use super::errand::Fetched;
use crate::base::Wall;
use crate::config::{JwtConfig, KeySource};

const FORMAT: &str = "hafir-jwks 1";
const PREFIX: &str = "jwt/";

/// Under which the card keeps a section's keys.
pub(super) fn name(section: &str) -> String {
    format!("{PREFIX}{section}")
}

/// The section that a name belongs to.
pub(super) fn section(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)
}

pub(super) fn write(rules: &JwtConfig, fetched: &Fetched) -> Vec<u8> {
    let sure = if fetched.sure { "sure" } else { "unsure" };
    let (issuer, source, url) = (&rules.issuer, source(rules), &fetched.url);
    let head = format!("{FORMAT}\n{issuer}\n{source}\n{url}\n{} {sure}\n", fetched.at.as_millis());
    [head.as_bytes(), &fetched.document].concat()
}

/// `None`: another format, or the keys of another issuer or from another place than the section now has.
pub(super) fn read(rules: &JwtConfig, bytes: &[u8]) -> Option<Fetched> {
    let mut parts = bytes.splitn(6, |byte| *byte == b'\n');
    let mut line = || std::str::from_utf8(parts.next()?).ok();
    if line()? != FORMAT || line()? != rules.issuer || line()? != source(rules) {
        return None;
    }
    let url = line()?.to_owned();
    let (millis, sure) = line()?.split_once(' ')?;
    let at = Wall::from_millis(millis.parse().ok()?);
    Some(Fetched { at, sure: sure == "sure", url, document: parts.next()?.to_vec() })
}

fn source(rules: &JwtConfig) -> String {
    match &rules.keys {
        KeySource::Discovery | KeySource::File(_) => String::new(),
        KeySource::Url(url) => discovery::text(url),
    }
}
