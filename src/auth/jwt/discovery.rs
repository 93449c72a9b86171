//! Where an issuer's keys are (OpenID Connect Discovery 1.0 §4).

use std::net::IpAddr;

use super::keys::{BOUNDS, LARGEST_DOCUMENT};
use crate::base::json::{self, Json};
use crate::config::UpstreamUrl;

const LONGEST_URL: usize = 2048;

/// Where the issuer is asked: a slash at its end is left out first (§4.1).
pub(super) fn url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer))
}

/// A URL as text.
pub(super) fn text(url: &UpstreamUrl) -> String {
    let scheme = if url.tls { "https" } else { "http" };
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
    let standard = if url.tls { 443 } else { 80 };
    let port = if url.port == standard { String::new() } else { format!(":{}", url.port) };
    format!("{scheme}://{host}{port}{}", url.path)
}

/// `jwks_uri` of an answer. The issuer in it must be the one that was asked, letter for letter (§4.3, RFC 8414 §3.3).
pub(super) fn keys_url(body: &[u8], issuer: &str) -> Result<String, String> {
    if body.len() > LARGEST_DOCUMENT {
        return Err("the discovery document is too large".to_owned());
    }
    let document = json::read(body, BOUNDS).map_err(|problem| format!("the discovery document has {problem}"))?;
    let named = |name: &str| document.get(name).and_then(Json::as_str);
    let found = named("issuer").ok_or("the discovery document names no issuer")?;
    if found != issuer {
        return Err(format!("the discovery document is of another issuer, {found:.200?}"));
    }
    let url = named("jwks_uri").ok_or("the discovery document names no jwks_uri")?;
    if !is_sound(url) || !is_allowed(url, issuer) {
        return Err(format!("the jwks_uri {url:.200?} is not taken: it must begin with https://"));
    }
    Ok(url.to_owned())
}

fn is_sound(url: &str) -> bool {
    url.len() <= LONGEST_URL && url.bytes().all(|byte| byte.is_ascii_graphic() && !b"@#\\\"<>".contains(&byte))
}

/// HTTPS; or HTTP to a host nearby where the issuer itself is one that is asked over HTTP.
fn is_allowed(url: &str, issuer: &str) -> bool {
    let nearby = |url: &str| url.strip_prefix("http://").is_some_and(|rest| is_nearby(host(rest)));
    let is_secure = url.strip_prefix("https://").is_some_and(|rest| !host(rest).is_empty());
    is_secure || (nearby(issuer) && nearby(url))
}

/// The host of what comes behind `scheme://`.
fn host(rest: &str) -> &str {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// This machine or the network at hand: private addresses, and names that no public server has.
fn is_nearby(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => {
            let endings = [".localhost", ".local", ".lan", ".internal", ".home.arpa"];
            !host.is_empty() && (!host.contains('.') || endings.iter().any(|ending| host.ends_with(ending)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_is_asked_at_its_well_known_place() {
        assert_eq!(url("https://id.example"), "https://id.example/.well-known/openid-configuration");
        assert_eq!(url("https://id.example/realms/a/"), "https://id.example/realms/a/.well-known/openid-configuration");
        let keys = |tls, host: &str, port| text(&UpstreamUrl { tls, host: host.into(), port, path: "/k".into() });
        assert_eq!(keys(true, "id.example", 443), "https://id.example/k");
        assert_eq!(keys(false, "::1", 8080), "http://[::1]:8080/k");
    }

    #[test]
    fn only_the_issuer_itself_says_where_its_keys_are() {
        let check = |issuer: &str, said: &str, url: &str, expected: bool| {
            let body = format!("{{\"issuer\":\"{said}\",\"jwks_uri\":\"{url}\",\"x\":[1]}}");
            let found = keys_url(body.as_bytes(), issuer);
            assert_eq!(found.is_ok(), expected, "{issuer} {said} {url}: {found:?}");
        };
        let id = "https://id.example";
        check(id, id, "https://keys.example/jwks", true);
        check(id, "https://id.example/", "https://keys.example/jwks", false);
        check(id, "https://ID.example", "https://keys.example/jwks", false);
        check(id, id, "http://id.example/jwks", false);
        check(id, id, "http://127.0.0.1/jwks", false);
        check(id, id, "file:///etc/passwd", false);
        check(id, id, "https:///jwks", false);
        check(id, id, "https://a@b/jwks", false);
        check(id, id, "https://b/jwks x", false);
        for near in [
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://keycloak:8080/realms/a",
            "http://10.1.2.3",
            "http://id.lan",
        ] {
            check(near, near, &format!("{near}/jwks"), true);
            check(near, near, "https://keys.example/jwks", true);
            check(near, near, "http://keys.example/jwks", false);
        }
        check("http://id.example", "http://id.example", "http://id.example/jwks", false);
        assert!(keys_url(b"{\"issuer\":\"https://id.example\"}", id).is_err());
        assert!(keys_url(b"<html>", id).is_err());
        let twice = br#"{"issuer":"https://id.example","issuer":"https://id.example","jwks_uri":"https://a/"}"#;
        assert!(keys_url(twice, id).is_err());
    }
}
