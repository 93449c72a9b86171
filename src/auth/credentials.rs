//! What a request shows of who sent it.

use crate::config::{AuthConfig, AuthMethod};
use crate::http::{Fields, looks_like};

/// The credentials of a request, as they came. Never shown, never logged.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Credentials<'a> {
    /// From a field or parameter that carries nothing but keys.
    pub(crate) key: Option<&'a str>,
    /// `Authorization: Bearer` (RFC 6750 §2.1): a key or a token.
    pub(crate) bearer: Option<&'a str>,
    /// `Authorization: Basic`, still coded (RFC 7617 §2).
    pub(crate) basic: Option<&'a str>,
}

/// More than one credential of a kind: who is meant is anybody's guess.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ambiguous;

/// Finds what the route looks at.
pub(crate) fn credentials<'a>(
    rules: &AuthConfig,
    fields: Fields<'a>,
    query: Option<&'a str>,
) -> Result<Credentials<'a>, Ambiguous> {
    let mut found = authorization(fields)?;
    if rules.asks(AuthMethod::Key) {
        found.key = key(rules, fields, query)?;
    }
    Ok(found)
}

/// RFC 9110 §11.6.2. A scheme that nobody here knows shows nothing.
fn authorization(fields: Fields<'_>) -> Result<Credentials<'_>, Ambiguous> {
    let mut found = Credentials::default();
    let Some(value) = fields.sole("authorization").map_err(|_| Ambiguous)? else { return Ok(found) };
    let value = std::str::from_utf8(value).unwrap_or("");
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    let rest = Some(rest.trim_matches(' '));
    if scheme.eq_ignore_ascii_case("bearer") {
        found.bearer = rest;
    } else if scheme.eq_ignore_ascii_case("basic") {
        found.basic = rest;
    }
    Ok(found)
}

fn key<'a>(rules: &AuthConfig, fields: Fields<'a>, query: Option<&'a str>) -> Result<Option<&'a str>, Ambiguous> {
    let own = rules.key_headers.iter().filter(|name| *name != "authorization");
    let in_fields = own.flat_map(|name| fields.all(name)).map(|value| std::str::from_utf8(value).unwrap_or(""));
    let parameter = rules.key_query.as_deref();
    let in_query = query.unwrap_or("").split('&').filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        (Some(name) == parameter).then_some(value)
    });
    let mut all = in_fields.chain(in_query);
    let first = all.next();
    // The same twice is no riddle.
    if all.any(|other| Some(other) != first) { Err(Ambiguous) } else { Ok(first) }
}

impl AuthConfig {
    /// Whether the route asks anybody who they are.
    pub(crate) fn asks_anything(&self) -> bool {
        !self.any.is_empty() || !self.all.is_empty()
    }

    pub(crate) fn asks(&self, method: AuthMethod) -> bool {
        self.any.contains(&method) || self.all.contains(&method)
    }

    /// Whether a field carries a credential that is the gateway's to judge.
    pub(crate) fn is_credential(&self, name: &[u8]) -> bool {
        // Programs behind CGI take `X_API_Key` for `X-API-Key`.
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes()) || looks_like(name, known);
        self.asks_anything() && is("authorization")
            || self.asks(AuthMethod::Key) && self.key_headers.iter().any(|known| is(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    fn rules(any: &[AuthMethod]) -> AuthConfig {
        let key_headers = vec!["authorization".to_owned(), "x-api-key".to_owned()];
        AuthConfig { any: any.to_vec(), key_headers, key_query: Some("key".into()), ..AuthConfig::default() }
    }

    /// Key, bearer and basic.
    type Found<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

    fn check(block: &str, query: Option<&str>, expected: Result<Found<'_>, Ambiguous>) {
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        let fields = Fields::new(block.as_bytes(), spans.as_slice());
        let found = credentials(&rules(&[AuthMethod::Key, AuthMethod::Jwt]), fields, query);
        assert_eq!(found.map(|found| (found.key, found.bearer, found.basic)), expected, "{block} {query:?}");
    }

    #[test]
    fn credentials_are_found_where_they_may_be() {
        check("", None, Ok((None, None, None)));
        check("Authorization: Bearer abc\r\n", None, Ok((None, Some("abc"), None)));
        check("authorization: BEARER  abc \r\n", None, Ok((None, Some("abc"), None)));
        check("Authorization: Basic abc\r\n", None, Ok((None, None, Some("abc"))));
        check("Authorization: Digest abc\r\n", None, Ok((None, None, None)));
        check("Authorization: Bearer\r\n", None, Ok((None, Some(""), None)));
        check("X-API-KEY: k\r\n", None, Ok((Some("k"), None, None)));
        check("", Some("a=b&key=k"), Ok((Some("k"), None, None)));
        check("", Some("keys=k&Key=k"), Ok((None, None, None)));
        check("X-API-Key: k\r\n", Some("key=k"), Ok((Some("k"), None, None)));
        check("X-API-Key: k\r\nAuthorization: Bearer t\r\n", None, Ok((Some("k"), Some("t"), None)));
    }

    #[test]
    fn two_different_ones_are_a_riddle() {
        check("Authorization: Bearer a\r\nAuthorization: Bearer a\r\n", None, Err(Ambiguous));
        check("X-API-Key: a\r\nX-API-Key: b\r\n", None, Err(Ambiguous));
        check("X-API-Key: a\r\n", Some("key=b"), Err(Ambiguous));
        check("", Some("key=a&key=b"), Err(Ambiguous));
    }

    #[test]
    fn what_is_judged_here_is_known_by_its_name() {
        let keys = rules(&[AuthMethod::Key]);
        assert!(keys.is_credential(b"X-Api-Key") && keys.is_credential(b"Authorization"));
        assert!(keys.is_credential(b"x_api_key"));
        let tokens = rules(&[AuthMethod::Jwt]);
        assert!(!tokens.is_credential(b"X-Api-Key") && tokens.is_credential(b"authorization"));
        assert!(!rules(&[]).is_credential(b"Authorization"));
    }
}
