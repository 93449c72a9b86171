//! Where people and peers are: addresses to listen on, ranges of clients, host names, languages, countries.

use std::net::{IpAddr, SocketAddr};

use super::problem::Fault;
use super::suggest;
use super::types::HostMatch;
use crate::base::{AddrRange, AddrRangeError};

/// `0.0.0.0:80` or `[::]:80`. Names are not resolved: what a board listens on must not depend on a resolver.
pub(super) fn listen(text: &str) -> Result<SocketAddr, Fault> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let fault = Fault::value(text, "an address with its port, as 0.0.0.0:80 or [::]:80");
    let bare = text.trim_start_matches("http://").trim_start_matches("https://").trim_end_matches('/');
    let (host, port) = bare.rsplit_once(':').unwrap_or(("", bare));
    if let Ok(address) = bare.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Err(fault.meant(SocketAddr::new(address, 8080).to_string()));
    }
    let Ok(port) = port.parse::<u16>() else {
        return Err(fault);
    };
    match host {
        "" | "*" => Err(fault.meant(format!("0.0.0.0:{port}"))),
        "localhost" => Err(fault.meant(format!("127.0.0.1:{port}"))),
        other => match other.parse::<IpAddr>() {
            Ok(address) => Err(fault.meant(SocketAddr::new(address, port).to_string())),
            Err(_) => Err(fault),
        },
    }
}

/// `192.168.4.0/24` or one address.
pub(super) fn range(text: &str) -> Result<AddrRange, Fault> {
    let fault = || Fault::value(text, "an address or a range of them, as 192.168.4.0/24 or fd00::/8");
    match text.parse::<AddrRange>() {
        Ok(range) => Ok(range),
        Err(AddrRangeError::HostBits(meant)) => Err(fault().meant(meant.to_string())),
        Err(AddrRangeError::Prefix | AddrRangeError::Address) => Err(match wildcard(text) {
            Some(meant) => fault().meant(meant),
            None => fault(),
        }),
    }
}

/// `192.168.4.*` is how people write `192.168.4.0/24`; `all` is everybody.
fn wildcard(text: &str) -> Option<String> {
    if matches!(text, "all" | "any" | "*") {
        return Some("0.0.0.0/0, ::/0".into());
    }
    let fixed = text.trim_end_matches(".*");
    let stars = text.len().checked_sub(fixed.len())?.checked_div(2)?;
    let prefix = 4usize.checked_sub(stars)?.checked_mul(8)?;
    let meant = format!("{fixed}{}/{prefix}", ".0".repeat(stars));
    (stars > 0 && meant.parse::<AddrRange>().is_ok()).then_some(meant)
}

/// `wiki.school` or `*.school`, without a port: the port of a request says nothing about the site.
pub(super) fn host_match(text: &str) -> Result<HostMatch, Fault> {
    let expected = "a host name, as wiki.school or *.school";
    let lower = text.to_lowercase();
    let bare = lower.trim_start_matches("http://").trim_start_matches("https://");
    let bare = bare.split('/').next().unwrap_or(bare);
    let host = match bare.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && !host.contains(':') => {
            host
        }
        _ => bare,
    };
    let (below, name) = match host.strip_prefix("*.") {
        Some(name) => (true, name),
        None => (false, host),
    };
    let Some(name) = host_name(name) else {
        return Err(Fault::value(text, expected));
    };
    if host != lower {
        return Err(Fault::value(text, expected).meant(host));
    }
    // As requests name them (RFC 3986 §3.2.2).
    let name = if name.contains(':') { format!("[{name}]") } else { name };
    Ok(if below { HostMatch::Below(format!(".{name}")) } else { HostMatch::Exact(name) })
}

/// A name in lower case or an address; IPv6 without brackets, in its shortest form. A last dot is dropped.
pub(super) fn host_name(text: &str) -> Option<String> {
    const LONGEST: usize = 253;
    if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.len() <= 63 && label.bytes().all(legal) && !label.starts_with('-')
    };
    let is_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    let is_name = name.len() <= LONGEST && !is_number && name.split('.').all(is_label);
    is_name.then(|| name.to_ascii_lowercase())
}

/// A language tag (RFC 5646) in lower case: `sw`, `pt-br`.
pub(super) fn language(text: &str) -> Result<String, Fault> {
    const NAMES: [(&str, &str); 8] = [
        ("english", "en"),
        ("french", "fr"),
        ("français", "fr"),
        ("spanish", "es"),
        ("portuguese", "pt"),
        ("swahili", "sw"),
        ("kiswahili", "sw"),
        ("arabic", "ar"),
    ];
    let tag = text.to_lowercase().replace('_', "-");
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    let is_primary = (2..=3).contains(&primary.len()) && primary.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_primary && parts.all(is_part) {
        return Ok(tag);
    }
    let fault = Fault::value(text, "a language tag, as en, sw or pt-br");
    match suggest::nearest(&tag, NAMES.map(|(name, _)| name)) {
        Some(near) => Err(fault.meant(NAMES.into_iter().find(|(name, _)| *name == near).map_or(near, |(_, tag)| tag))),
        None => Err(fault),
    }
}

/// Two letters (ISO 3166-1), in upper case.
pub(super) fn country(text: &str) -> Result<String, Fault> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Ok(text.to_ascii_uppercase());
    }
    Err(Fault::value(text, "the two letters of a country, as UG or KE"))
}

/// The name of a Unix account.
pub(super) fn account(text: &str) -> Result<String, Fault> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.len() <= 32 && text.bytes().all(legal) && !text.starts_with('-') {
        return Ok(text.to_owned());
    }
    Err(Fault::value(text, "the name of an account, as hafir"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant<T: std::fmt::Debug>(result: Result<T, Fault>) -> Option<String> {
        match result.unwrap_err() {
            Fault::Value { suggestion, .. } => suggestion,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn listen_addresses_carry_their_port() {
        assert!(listen("0.0.0.0:80").is_ok() && listen("[::]:80").is_ok() && listen("127.0.0.1:0").is_ok());
        for (text, expected) in [
            ("8080", Some("0.0.0.0:8080")),
            (":8080", Some("0.0.0.0:8080")),
            ("*:80", Some("0.0.0.0:80")),
            ("localhost:80", Some("127.0.0.1:80")),
            ("http://10.0.0.1:80/", Some("10.0.0.1:80")),
            ("10.0.0.1", Some("10.0.0.1:8080")),
            ("::1", Some("[::1]:8080")),
            ("school:80", None),
            ("0.0.0.0:99999", None),
            ("", None),
        ] {
            assert_eq!(meant(listen(text)).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn ranges_suggest_the_network() {
        assert!(range("192.168.4.0/24").is_ok() && range("::1").is_ok());
        assert_eq!(meant(range("192.168.4.7/24")).as_deref(), Some("192.168.4.0/24"));
        assert_eq!(meant(range("192.168.4.*")).as_deref(), Some("192.168.4.0/24"));
        assert_eq!(meant(range("10.*.*.*")).as_deref(), Some("10.0.0.0/8"));
        assert_eq!(meant(range("all")).as_deref(), Some("0.0.0.0/0, ::/0"));
        assert_eq!(meant(range("10.0.0.0/33")), None);
        assert_eq!(meant(range(".*.*.*.*.*.*")), None);
    }

    #[test]
    fn hosts_are_names_without_ports() {
        assert_eq!(host_match("Wiki.School."), Ok(HostMatch::Exact("wiki.school".into())));
        assert_eq!(host_match("*.school"), Ok(HostMatch::Below(".school".into())));
        assert_eq!(host_match("10.0.0.1"), Ok(HostMatch::Exact("10.0.0.1".into())));
        assert_eq!(host_match("[FD00::1]"), Ok(HostMatch::Exact("[fd00::1]".into())));
        assert_eq!(meant(host_match("wiki.school:8080")).as_deref(), Some("wiki.school"));
        assert_eq!(meant(host_match("http://wiki.school/")).as_deref(), Some("wiki.school"));
        for bad in ["a b", "école", "a..b", "*", "a.*", "-a", "1.2.3", "", "a/b c"] {
            assert_eq!(host_match(bad).map_err(|_| ()), Err(()), "{bad}");
        }
    }

    #[test]
    fn languages_and_countries() {
        assert_eq!(language("pt_BR"), Ok("pt-br".into()));
        assert_eq!(meant(language("Frensh")).as_deref(), Some("fr"));
        assert_eq!(meant(language("e")), None);
        assert_eq!(country("ug"), Ok("UG".into()));
        assert!(country("Uganda").is_err() && country("é").is_err());
        assert!(account("www-data").is_ok() && account("a b").is_err());
    }
}
