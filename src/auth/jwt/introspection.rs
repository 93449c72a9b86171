//! Asking a provider about a token (RFC 7662).

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::base64;
use super::claims::{self, BOUNDS, Source, Span};
use super::discovery;
use super::memory::Digest;
use super::problem::TokenProblem;
use super::section::{Live, Section};
use crate::auth::Identity;
use crate::base::json::{self, Json};
use crate::base::{Mono, Now};
use crate::config::JwtConfig;

/// Enquiries of a section under way at the same time: tokens that nobody knows are free to make up.
const MOST_ENQUIRIES: usize = 32;
/// How long an answer without `exp`, or while the clock is not believed, is not asked for again.
const WITHOUT_END: Duration = Duration::from_secs(300);
/// How long a token that does not hold is not asked about again.
pub(super) const REFUSED_FOR: Duration = Duration::from_secs(30);
/// How long a provider that could not be asked is left alone.
pub(super) const PAUSE: Duration = Duration::from_secs(5);
/// Bytes of an answer.
const LARGEST_ANSWER: usize = 16 * 1024;

/// A question to be sent with POST, `application/x-www-form-urlencoded`, `Accept: application/json`. Holds the token
/// and the client's secret, and prints neither. Dropping it gives its place to the next one.
pub(crate) struct Enquiry {
    pub(crate) section: usize,
    pub(crate) url: String,
    pub(crate) body: String,
    /// The value of `Authorization`; none where the section has no `client_id`.
    pub(crate) authorization: Option<String>,
    pub(crate) ca: Option<PathBuf>,
    pub(super) digest: Digest,
    pub(super) form: u64,
    live: Arc<Live>,
}

/// What the provider said about a token that holds.
#[derive(Clone)]
pub(super) struct Confirmed {
    pub(super) identity: Arc<Identity>,
    pub(super) span: Span,
    pub(super) at: Mono,
    /// Until when it need not be asked again.
    pub(super) fresh: Mono,
    pub(super) sure: bool,
}

impl Enquiry {
    /// `None`: the section asks nobody, or too much is under way.
    pub(super) fn new(section: &Section, token: &str, digest: Digest) -> Option<Enquiry> {
        let rules = section.config.as_ref();
        let url = discovery::text(rules.introspect.as_ref()?);
        let live = Arc::clone(&section.live);
        let one_more = |count: usize| (count < MOST_ENQUIRIES).then_some(count + 1);
        live.asking.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more).ok()?;
        let body = format!("token={}&token_type_hint=access_token", form_encoded(token));
        let (ca, authorization) = (rules.ca.clone(), authorization(rules));
        Some(Enquiry { section: section.place, url, body, authorization, ca, digest, form: section.form, live })
    }
}

impl Drop for Enquiry {
    fn drop(&mut self) {
        self.live.asking.fetch_sub(1, Ordering::AcqRel);
    }
}

/// RFC 6749 §2.3.1: both are form-encoded before they are joined.
fn authorization(rules: &JwtConfig) -> Option<String> {
    let pair = || format!("{}:{}", form_encoded(&rules.client_id), form_encoded(&rules.client_secret));
    (!rules.client_id.is_empty()).then(|| format!("Basic {}", base64::encode_padded(pair().as_bytes())))
}

fn form_encoded(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| HEX.get(usize::from(value)).copied().map_or('0', char::from);
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

/// Why an answer is none: the provider, or what was said to it, is at fault.
pub(super) type Fault = String;

/// An answer (RFC 7662 §2.2). The outer error: it says nothing about the token. The inner one: the token does not hold.
pub(super) fn read(
    status: u16,
    body: &[u8],
    rules: &JwtConfig,
    now: Now,
) -> Result<Result<Confirmed, TokenProblem>, Fault> {
    match status {
        200 => {}
        401 | 403 => return Err("the provider does not take client_id and client_secret".to_owned()),
        _ => return Err(format!("the provider answered {status}")),
    }
    if body.len() > LARGEST_ANSWER {
        return Err("the provider's answer is too large".to_owned());
    }
    let answer = json::read(body, BOUNDS).map_err(|problem| format!("the provider's answer has {problem}"))?;
    let active = answer.get("active").and_then(Json::as_bool).ok_or("the provider's answer lacks \"active\"")?;
    Ok(if active { confirmed(&answer, rules, now) } else { Err(TokenProblem::Inactive) })
}

fn confirmed(answer: &Json<'_>, rules: &JwtConfig, now: Now) -> Result<Confirmed, TokenProblem> {
    if answer.get("iss").is_some() && claims::issuer(answer) != Some(rules.issuer.as_str()) {
        return Err(TokenProblem::UnknownIssuer);
    }
    claims::audience(answer, rules, Source::Answered)?;
    let span = claims::span(answer, rules.leeway, Source::Answered)?;
    span.judge(now)?;
    let identity = Arc::new(claims::identity(answer, rules, span)?);
    let left = span.until.filter(|_| now.sure).map_or(WITHOUT_END, |until| until.since(now.wall));
    Ok(Confirmed { identity, span, at: now.mono, fresh: now.mono.after(left), sure: now.sure })
}

impl fmt::Debug for Enquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enquiry").field("section", &self.section).field("url", &self.url).finish_non_exhaustive()
    }
}
