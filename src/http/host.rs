//! `Host` and the authority of a target (RFC 9110 §7.2, RFC 9112 §3.2).

use std::fmt;
use std::net::Ipv6Addr;

use super::bytes::number;
use super::fields::{Fields, Repeated};
use super::method::Version;
use super::refused::BadRequest;

/// The longest name that DNS knows, and its dot.
const MAX_NAME: usize = 254;

/// A host and perhaps a port. The host is a name without the root's trailing dot, an IPv4 address, or an IPv6 address in
/// brackets; its case is as it came, so compare with [`Authority::names`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Authority<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: Option<u16>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BadHost;

/// Reads a `Host` value or an authority without user information.
///
/// Narrower than RFC 3986 §3.2.2: names are made of letters, digits, `-`, `_` and `.`, which is all that DNS and
/// certificates carry; nothing percent-encoded, as others would decode it into another name.
pub(crate) fn parse(value: &[u8]) -> Result<Authority<'_>, BadHost> {
    let text = std::str::from_utf8(value).map_err(|_| BadHost)?;
    let end = if text.starts_with('[') { text.find(']').map(|at| at + 1) } else { text.find(':') };
    let (host, port) = text.split_at_checked(end.unwrap_or(text.len())).ok_or(BadHost)?;
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return Err(BadHost),
        Some("") => None,
        Some(digits) => Some(parse_port(digits)?),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if is_host(host) { Ok(Authority { host, port }) } else { Err(BadHost) }
}

/// The one valid `Host` of a request; HTTP/1.0 may have none (RFC 9112 §3.2).
pub(crate) fn of(version: Version, fields: Fields<'_>) -> Result<Option<Authority<'_>>, BadRequest> {
    match fields.sole("host") {
        Err(Repeated) => Err(BadRequest::HostRepeated),
        Ok(Some(value)) => parse(value).map(Some).map_err(|BadHost| BadRequest::HostInvalid),
        Ok(None) if version == Version::Http10 => Ok(None),
        Ok(None) => Err(BadRequest::HostMissing),
    }
}

impl Authority<'_> {
    /// Whether the host is this name, whatever its case.
    pub(crate) fn names(&self, host: &str) -> bool {
        self.host.eq_ignore_ascii_case(host)
    }

    /// Whether both mean the same place, where `default_port` is meant by no port.
    pub(crate) fn agrees(&self, other: &Authority<'_>, default_port: u16) -> bool {
        self.names(other.host) && self.port.unwrap_or(default_port) == other.port.unwrap_or(default_port)
    }
}

fn parse_port(digits: &str) -> Result<u16, BadHost> {
    let port = number(digits.as_bytes()).map_err(|_| BadHost)?;
    u16::try_from(port).ok().filter(|port| *port != 0).ok_or(BadHost)
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    host.len() < MAX_NAME && host.split('.').all(is_label)
}

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read() {
        fn check(value: &str, host: &str, port: Option<u16>) {
            assert_eq!(parse(value.as_bytes()), Ok(Authority { host, port }), "{value}");
        }
        check("school.example", "school.example", None);
        check("School.Example:8080", "School.Example", Some(8080));
        check("school.example.", "school.example", None);
        check("school.example.:80", "school.example", Some(80));
        check("a_b-c", "a_b-c", None);
        check("192.168.4.1:", "192.168.4.1", None);
        check("[2001:db8::1]", "[2001:db8::1]", None);
        check("[::1]:443", "[::1]", Some(443));
        check("a:65535", "a", Some(65535));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for value in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            ":80",
            "a:0",
            "a:65536",
            "a:80:80",
            "a:+80",
            "a:-1",
            "a: 80",
            "a b",
            "a,b",
            "a/b",
            "u@a",
            "a?b",
            "a#b",
            "a%2eb",
            "a\\b",
            "\u{e9}",
            "[::1",
            "::1",
            "[::1]a",
            "[]",
            "[::1%eth0]",
            "[v1.a]",
            "[1.2.3.4]",
            "a[::1]",
            "a'b",
            "a\"b",
            "a;b",
            "<a>",
            "*.a",
            "[::1].",
        ] {
            assert_eq!(parse(value.as_bytes()), Err(BadHost), "{value}");
        }
        assert_eq!(parse("a.".repeat(127).as_bytes()).map(|found| found.host.len()), Ok(253));
        assert_eq!(parse("a.".repeat(128).as_bytes()), Err(BadHost));
        assert_eq!(parse(b"\xff"), Err(BadHost));
    }

    #[test]
    fn hosts_agree_whatever_their_case_and_default_port() {
        let agree =
            |one: &str, other: &str| parse(one.as_bytes()).unwrap().agrees(&parse(other.as_bytes()).unwrap(), 80);
        assert!(agree("a.example", "A.EXAMPLE.:80"));
        assert!(!agree("a.example", "a.example:8080"));
        assert!(!agree("a.example", "b.example"));
    }
}
