//! Paths, upstreams and locations (RFC 3986). Requests are compared in one normal form, so what a route says is brought
//! into the same form where that is sure, and refused where it could never match.

use std::fmt::Write as _;

use super::address;
use super::problem::Fault;
use super::types::{PathMatch, UpstreamUrl};

const LONGEST: usize = 2048;

/// `/wiki/`, `exact /health`, `/a/*/b` or `*.mp4`.
pub(super) fn path_match(text: &str) -> Result<PathMatch, Fault> {
    let expected = "a path, as /wiki/, 'exact /health' or *.mp4";
    if let Some(exact) = text.strip_prefix("exact ").or_else(|| text.strip_prefix("= ")) {
        return Ok(PathMatch::Exact(path(exact.trim_start(), expected)?));
    }
    if let Some(rest) = text.strip_prefix('*') {
        return Ok(PathMatch::Pattern(format!("*{}", path_tail(text, rest, expected)?)));
    }
    if text.contains('*') && text != "/*" {
        return Ok(PathMatch::Pattern(path(text, expected)?));
    }
    if text == "/*" {
        return Err(Fault::value(text, expected).meant("/"));
    }
    Ok(PathMatch::Prefix(path(text, expected)?))
}

/// An absolute path in normal form: characters that need it percent-encoded, others not (RFC 3986 §6.2.2).
pub(super) fn path(text: &str, expected: &str) -> Result<String, Fault> {
    if !text.starts_with('/') {
        let behind_host = text.split_once("://").map(|(_, rest)| rest.find('/').map_or("", |at| tail(rest, at)));
        let slashes = behind_host.unwrap_or(text).replace('\\', "/");
        let meant = format!("/{}", slashes.trim_start_matches('/'));
        let is_guess = meant.len() > 1 && path_tail(&meant, &meant, expected).is_ok();
        let fault = Fault::value(text, expected);
        return Err(if is_guess { fault.meant(meant) } else { fault });
    }
    path_tail(text, text, expected)
}

/// What a route puts in place of its path: beginning with `/`.
pub(super) fn rewrite(text: &str) -> Result<String, Fault> {
    path(text, "a path, as /new/")
}

/// `https://name:port/path`.
pub(super) fn upstream(text: &str) -> Result<UpstreamUrl, Fault> {
    let expected = "a URL, as https://name or http://name:8080/path";
    let fault = || Fault::value(text, expected);
    let Some((scheme, rest)) = text.split_once("://") else {
        let host = text.split(['/', ':']).next().unwrap_or_default();
        let is_guess = address::host_name(host).is_some();
        return Err(if is_guess { fault().meant(format!("{}{text}", guessed_scheme(host))) } else { fault() });
    };
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err(fault()),
    };
    let (authority, path_text) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        let sentence = "a URL with a name or password in it is not taken, as it would be shown; \
                        use 'set.request.Authorization = @/path/to/file'";
        return Err(Fault::refused(sentence));
    }
    if let Some(at) = path_text.find(['?', '#']) {
        let shorter = text.len().saturating_sub(path_text.len()).saturating_add(at);
        return Err(
            Fault::value(text, "a URL without query and fragment").meant(text.get(..shorter).unwrap_or_default())
        );
    }
    let (host, port) = host_and_port(authority, if tls { 443 } else { 80 }).ok_or_else(fault)?;
    let path = path_tail(text, path_text, expected)?;
    Ok(UpstreamUrl { tls, host, port, path })
}

/// `name` or `name:port`, as a `Host` field has it.
pub(super) fn authority(text: &str) -> Option<String> {
    const NONE: u16 = 0;
    let (host, port) = host_and_port(text, NONE)?;
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    Some(if port == NONE { host } else { format!("{host}:{port}") })
}

/// Where a redirect leads: a path of this site, or another one.
pub(super) fn location(text: &str) -> Result<String, Fault> {
    let expected = "a path or a URL, as /new/ or https://name/";
    let is_path = text.starts_with('/') && !text.starts_with("//");
    let lower = text.to_ascii_lowercase();
    let is_url = ["http://", "https://"].iter().any(|scheme| lower.len() > scheme.len() && lower.starts_with(scheme));
    let authority = text.split("://").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if is_url && authority.contains('@') {
        return Err(Fault::refused("a URL with a name or password in it is not taken, as everybody would see it"));
    }
    let is_whole = text.len() <= LONGEST && !text.chars().any(|c| c.is_control() || c == ' ' || c == '\\');
    if is_whole && (is_path || is_url) {
        return Ok(encoded(text));
    }
    let host = text.split('/').next().unwrap_or_default();
    let is_host = host.contains('.') && address::host_name(host).is_some();
    let fault = Fault::value(text, expected);
    Err(if is_host && is_whole { fault.meant(format!("{}{text}", guessed_scheme(host))) } else { fault })
}

/// The normal form of `part`, a piece of `whole`, which is what a problem shows.
fn path_tail(whole: &str, part: &str, expected: &str) -> Result<String, Fault> {
    let fault = || Fault::value(whole, expected);
    if let Some(at) = part.find(['?', '#']) {
        let shorter = whole.len().saturating_sub(part.len()).saturating_add(at);
        let meant = whole.get(..shorter).unwrap_or_default();
        return Err(Fault::value(whole, "a path without query and fragment").meant(meant));
    }
    if part.contains('\\') {
        return Err(fault().meant(whole.replace('\\', "/")));
    }
    if part.len() > LONGEST || part.chars().any(char::is_control) {
        return Err(fault());
    }
    let normal =
        normal(part, is_path_byte).ok_or_else(|| Fault::value(whole, "'%' followed by two hexadecimal digits"))?;
    if ["%2F", "%5C", "%0", "%1", "%7F"].iter().any(|code| normal.contains(code)) {
        return Err(Fault::refused(
            "requests with encoded slashes or control characters are refused; no route sees them",
        ));
    }
    if normal.contains("//") {
        return Err(Fault::value(whole, "a path without doubled slashes"));
    }
    // With a parameter behind them too (`..;x`): some servers drop it first.
    if normal.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | ".."))) {
        return Err(Fault::value(whole, "a path without '.' and '..' segments"));
    }
    Ok(normal)
}

/// Percent-encodes what is not legal, decodes what need not be encoded (unreserved characters), upper-cases the
/// digits. `None` where a `%` is not followed by two digits.
fn normal(text: &str, is_legal: fn(u8) -> bool) -> Option<String> {
    let mut normal = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let (byte, was_encoded) = match byte {
            b'%' => (hex(bytes.next()?)?.checked_mul(16)?.checked_add(hex(bytes.next()?)?)?, true),
            plain => (plain, false),
        };
        if is_unreserved(byte) || (!was_encoded && is_legal(byte)) {
            normal.push(char::from(byte));
        } else {
            let _ = write!(normal, "%{byte:02X}");
        }
    }
    Some(normal)
}

/// Percent-encodes what no URL may hold, and nothing else.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>^`{|}".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// `pchar` and the slash (RFC 3986 §3.3).
fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte)
}

fn host_and_port(authority: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = match port {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port > 0)?
        }
        Some(_) => return None,
        None => default,
    };
    let is_bare_v6 = host.contains(':') && !host.starts_with('[');
    let host = if is_bare_v6 { None } else { address::host_name(host) };
    host.map(|host| (host, port))
}

/// Names on the web speak TLS; what is near often does not.
fn guessed_scheme(host: &str) -> &'static str {
    let is_near = host == "localhost" || !host.contains('.') || host.parse::<std::net::IpAddr>().is_ok();
    if is_near { "http://" } else { "https://" }
}

fn tail(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn paths_are_brought_into_the_normal_form() {
        for (text, expected) in [
            ("/wiki/", PathMatch::Prefix("/wiki/".into())),
            ("/", PathMatch::Prefix("/".into())),
            ("/leçons", PathMatch::Prefix("/le%C3%A7ons".into())),
            ("/a b/%7eu/%c3%a9", PathMatch::Prefix("/a%20b/~u/%C3%A9".into())),
            ("/a:b@c,d;e=f", PathMatch::Prefix("/a:b@c,d;e=f".into())),
            ("exact /health", PathMatch::Exact("/health".into())),
            ("*.mp4", PathMatch::Pattern("*.mp4".into())),
            ("/a/*/b", PathMatch::Pattern("/a/*/b".into())),
        ] {
            assert_eq!(path_match(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn paths_that_no_request_has_are_refused() {
        for (text, end) in [
            ("wiki/", "did you mean '/wiki/'?"),
            ("https://a/wiki/", "did you mean '/wiki/'?"),
            ("\\wiki", "did you mean '/wiki'?"),
            ("/wiki\\a", "did you mean '/wiki/a'?"),
            ("/wiki?a=1", "did you mean '/wiki'?"),
            ("/a//b", "without doubled slashes"),
            ("/a/../b", "without '.' and '..' segments"),
            ("/a/%2e%2E/b", "without '.' and '..' segments"),
            ("/a%2fb", "no route sees them"),
            ("/a%5c", "no route sees them"),
            ("/a%1f", "no route sees them"),
            ("/a/..;x/b", "without '.' and '..' segments"),
            ("/a%zz", "two hexadecimal digits"),
            ("/a%2", "two hexadecimal digits"),
            ("/*", "did you mean '/'?"),
            ("exact health", "did you mean '/health'?"),
            ("", "*.mp4"),
        ] {
            let said = said(path_match(text));
            assert!(said.ends_with(end), "{text}: {said}");
        }
    }

    #[test]
    fn upstreams_are_whole_urls() {
        let url = |tls, host: &str, port, path: &str| UpstreamUrl { tls, host: host.into(), port, path: path.into() };
        for (text, expected) in [
            ("https://en.Wikipedia.org", url(true, "en.wikipedia.org", 443, "")),
            ("http://10.0.0.2/", url(false, "10.0.0.2", 80, "/")),
            ("HTTP://kiwix:8080/content", url(false, "kiwix", 8080, "/content")),
            ("http://[fd00::1]:81/a/", url(false, "fd00::1", 81, "/a/")),
            ("http://[fd00::1]", url(false, "fd00::1", 80, "")),
        ] {
            assert_eq!(upstream(text), Ok(expected), "{text}");
        }
        for (text, end) in [
            ("en.wikipedia.org", "did you mean 'https://en.wikipedia.org'?"),
            ("localhost:8080", "did you mean 'http://localhost:8080'?"),
            ("10.0.0.2:80/a", "did you mean 'http://10.0.0.2:80/a'?"),
            ("http://a/b?c", "did you mean 'http://a/b'?"),
            ("http://a?c", "did you mean 'http://a'?"),
            ("http://u:p@a/", "'set.request.Authorization = @/path/to/file'"),
            ("ftp://a", "http://name:8080/path"),
            ("http://", "http://name:8080/path"),
            ("http://a:0", "http://name:8080/path"),
            ("http://a:99999", "http://name:8080/path"),
            ("http://a:+80", "http://name:8080/path"),
            ("http://fd00::1/", "http://name:8080/path"),
            ("http://a b/", "http://name:8080/path"),
        ] {
            let said = said(upstream(text));
            assert!(said.ends_with(end), "{text}: {said}");
            assert!(!said.contains("u:p"), "{said}");
        }
    }

    #[test]
    fn authorities_are_a_name_and_perhaps_a_port() {
        assert_eq!(authority("Wiki:8080").as_deref(), Some("wiki:8080"));
        assert_eq!(authority("[fd00::1]").as_deref(), Some("[fd00::1]"));
        assert_eq!((authority("a b"), authority("a:"), authority("")), (None, None, None));
    }

    #[test]
    fn redirects_lead_somewhere() {
        assert_eq!(location("/new/?a=1#b"), Ok("/new/?a=1#b".into()));
        assert_eq!(location("https://école/é"), Ok("https://%C3%A9cole/%C3%A9".into()));
        assert!(said(location("wiki.school/a")).ends_with("did you mean 'https://wiki.school/a'?"));
        for bad in ["", "new", "//evil.example", "javascript:alert(1)", "http://", "/a b", "/a\r\nb", "https://u:p@a/"]
        {
            assert!(location(bad).is_err(), "{bad}");
        }
    }
}
