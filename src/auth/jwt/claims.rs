//! What a token says, held against what its section asks for (RFC 7519 §4.1, RFC 9068 §4).

use std::time::Duration;

use super::base64;
use super::problem::TokenProblem;
use crate::auth::{Identity, Kind};
use crate::base::json::{Json, JsonBounds, Number};
use crate::base::{Now, Wall};
use crate::config::JwtConfig;

/// Of a token's payload and of a provider's answer about one.
pub(super) const BOUNDS: JsonBounds = JsonBounds { depth: 8, values: 2048 };

/// What of a token goes into an [`Identity`]: it stays in memory for as long as the token does.
const MOST_CLAIMS: usize = 32;
const MOST_VALUES: usize = 16;
const LONGEST_VALUE: usize = 256;
const MOST_SCOPES: usize = 64;

/// Dates that became a [`Span`]; as claims they would only take room.
const DATES: [&str; 3] = ["exp", "nbf", "iat"];

/// Who vouches for the claims.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// A signature. `aud` and `exp` must be there.
    Signed,
    /// The provider's answer (RFC 7662 §2.2), where they may be missing.
    Answered,
}

/// From when to when a token holds, leeway included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Span {
    pub(super) from: Option<Wall>,
    pub(super) until: Option<Wall>,
}

impl Span {
    /// A clock that is not believed is never late but may be early: it can say that a token has expired, and nothing else.
    pub(super) fn judge(self, now: Now) -> Result<(), TokenProblem> {
        if self.until.is_some_and(|until| now.wall >= until) {
            return Err(TokenProblem::Expired);
        }
        if now.sure && self.from.is_some_and(|from| now.wall < from) {
            return Err(TokenProblem::NotYet);
        }
        Ok(())
    }
}

/// `iss`, where it is text.
pub(super) fn issuer<'j>(claims: &'j Json<'_>) -> Option<&'j str> {
    claims.get("iss").and_then(Json::as_str)
}

/// `aud` is a text or a list of texts, of which one must be ours (§4.1.3).
pub(super) fn audience(claims: &Json<'_>, rules: &JwtConfig, source: Source) -> Result<(), TokenProblem> {
    let Some(audience) = claims.get("aud") else {
        return if source == Source::Answered { Ok(()) } else { Err(TokenProblem::Audience) };
    };
    let ours = |value: &Json<'_>| value.as_str().is_some_and(|name| rules.audience.iter().any(|own| own == name));
    if ours(audience) || audience.items().iter().any(ours) { Ok(()) } else { Err(TokenProblem::Audience) }
}

/// `exp`, `nbf`, and `iat`, which no token of today has in the future.
pub(super) fn span(claims: &Json<'_>, leeway: Duration, source: Source) -> Result<Span, TokenProblem> {
    let date = |name: &str| claims.get(name).map(|value| seconds(value).ok_or_else(|| claim(name))).transpose();
    let leeway = i64::try_from(leeway.as_secs()).unwrap_or(i64::MAX);
    let until = date("exp")?;
    if until.is_none() && source == Source::Signed {
        return Err(claim("exp"));
    }
    let from = date("nbf")?.max(date("iat")?);
    Ok(Span {
        from: from.map(|from| Wall::from_seconds(from.saturating_sub(leeway))),
        until: until.map(|until| Wall::from_seconds(until.saturating_add(leeway))),
    })
}

/// Who it is. The claims are believed by now.
pub(super) fn identity(claims: &Json<'_>, rules: &JwtConfig, span: Span) -> Result<Identity, TokenProblem> {
    let own = claims.get(&rules.identity).and_then(value_text).filter(|text| !text.is_empty());
    let own = own.ok_or_else(|| claim(&rules.identity))?;
    let id = format!("{}/{own}", rules.name);
    let name = claims.get("name").and_then(value_text).filter(|text| !text.is_empty()).unwrap_or_else(|| id.clone());
    Ok(Identity {
        kind: Kind::Token,
        id,
        name,
        plan: plan(claims, rules),
        scopes: scopes(claims, &rules.scope),
        claims: told(claims),
        not_before: span.from,
        expires: span.until,
        bound_to: bound_to(claims)?,
    })
}

fn claim(name: &str) -> TokenProblem {
    TokenProblem::Claim(name.to_owned())
}

/// NumericDate (RFC 7519 §2); a part of a second is left off.
fn seconds(value: &Json<'_>) -> Option<i64> {
    /// Year 33658: beyond it, milliseconds were meant, or nothing.
    const LAST: f64 = 1e12;
    let number: Number<'_> = value.as_number()?;
    let seconds = number.as_i64().map_or_else(|| number.as_f64(), |whole| whole as f64).floor();
    // In this range each whole number is exact.
    (0.0..LAST).contains(&seconds).then_some(seconds as i64)
}

/// The first of the section's `plans` whose value the claim has.
fn plan(claims: &Json<'_>, rules: &JwtConfig) -> Option<String> {
    let has = |wanted: &str, value: &Json<'_>| value_text(value).is_some_and(|text| text == wanted);
    let value = at(claims, &rules.plan_claim)?;
    let matches = |wanted: &str| has(wanted, value) || value.items().iter().any(|item| has(wanted, item));
    rules.plans.iter().find(|(wanted, _)| matches(wanted)).map(|(_, plan)| plan.clone())
}

/// A claim by its name, or, with dots, one inside another: `realm_access.roles`.
fn at<'j, 'a>(claims: &'j Json<'a>, name: &str) -> Option<&'j Json<'a>> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    name.split('.').try_fold(claims, |inside, part| inside.get(part))
}

/// Words in one text (RFC 8693 §4.2) or a list; `scp` where the section's own claim is not there.
fn scopes(claims: &Json<'_>, name: &str) -> Vec<String> {
    let Some(value) = at(claims, name).or_else(|| claims.get("scp")) else { return Vec::new() };
    let words = value.as_str().into_iter().flat_map(|text| text.split(' '));
    let listed = value.items().iter().filter_map(Json::as_str);
    let fit = words.chain(listed).filter(|scope| !scope.is_empty() && is_sound(scope));
    fit.take(MOST_SCOPES).map(str::to_owned).collect()
}

/// What rules and header fields may be about: texts, numbers, truths and lists of them, at the top or one level inside.
fn told(claims: &Json<'_>) -> Vec<(String, Vec<String>)> {
    let mut told = Vec::new();
    for (name, value) in claims.members() {
        if value.members().is_empty() {
            tell(&mut told, name, value);
        }
        for (inner, value) in value.members() {
            tell(&mut told, &format!("{name}.{inner}"), value);
        }
    }
    told
}

fn tell(told: &mut Vec<(String, Vec<String>)>, name: &str, value: &Json<'_>) {
    if told.len() >= MOST_CLAIMS || !is_sound(name) || DATES.contains(&name) {
        return;
    }
    let values: Vec<String> = match value {
        Json::Array(items) => items.iter().filter_map(value_text).take(MOST_VALUES).collect(),
        Json::String(_) | Json::Number(_) | Json::Bool(_) => value_text(value).into_iter().collect(),
        Json::Null | Json::Object(_) => Vec::new(),
    };
    if !values.is_empty() {
        told.push((name.to_owned(), values));
    }
}

/// A value as text; none where it is too long, or could break a line of a log or a head.
fn value_text(value: &Json<'_>) -> Option<String> {
    let text = match value {
        Json::String(text) => text,
        Json::Number(number) => number.text(),
        Json::Bool(true) => "true",
        Json::Bool(false) => "false",
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
    };
    is_sound(text).then(|| text.to_owned())
}

fn is_sound(text: &str) -> bool {
    text.len() <= LONGEST_VALUE && !text.chars().any(char::is_control)
}

/// `cnf` (RFC 7800 §3.1): with `x5t#S256` the token is for the holder of that certificate (RFC 8705 §3.1). A token bound to
/// something that is not looked at here, as to a DPoP key, is not taken for one that everybody may carry.
fn bound_to(claims: &Json<'_>) -> Result<Option<[u8; 32]>, TokenProblem> {
    let Some(confirmation) = claims.get("cnf") else { return Ok(None) };
    let is_alone = confirmation.members().len() == 1;
    let hash = confirmation.get("x5t#S256").and_then(Json::as_str).and_then(|text| base64::decode(text.as_bytes()));
    let hash = hash.filter(|_| is_alone).and_then(|hash| <[u8; 32]>::try_from(hash).ok());
    hash.map(Some).ok_or_else(|| claim("cnf"))
}
