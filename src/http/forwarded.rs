//! Who a request comes from behind proxies: `Forwarded` (RFC 7239) and the older `X-Forwarded-For`.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::bytes::{number, pair, parameters, trim, unquote};
use super::fields::Fields;

/// The most proxies that are followed back.
const MAX_HOPS: usize = 32;

/// One element of `Forwarded`: what one proxy saw (RFC 7239 §4).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) by: Option<Cow<'a, [u8]>>,
    /// `for`
    pub(crate) client: Option<Cow<'a, [u8]>>,
    pub(crate) host: Option<Cow<'a, [u8]>>,
    pub(crate) proto: Option<Cow<'a, [u8]>>,
}

/// Prints an address as a `Forwarded` node: `192.0.2.1`, `"[2001:db8::1]"` (RFC 7239 §6).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node(pub(crate) IpAddr);

/// The client's address as seen by the nearest proxy that is not trusted: walks from the right for as long as the
/// address before is trusted, and stops at what is no address.
///
/// A proxy that adds to one of `Forwarded` and `X-Forwarded-For` lets the client's own other one through. So where both
/// are there and differ, neither is believed and the client is `peer`.
pub(crate) fn client(fields: Fields<'_>, peer: IpAddr, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    if !trusted(peer) {
        return peer;
    }
    let by_forwarded = || {
        let nodes = last_members(fields, "forwarded").map(|member| node(parse(member)?.client.as_deref()?));
        walk(nodes, peer, &trusted)
    };
    let by_older = || walk(last_members(fields, "x-forwarded-for").map(node), peer, &trusted);
    match (fields.contains("forwarded"), fields.contains("x-forwarded-for")) {
        (false, false) => peer,
        (true, false) => by_forwarded(),
        (false, true) => by_older(),
        (true, true) => Some(by_forwarded()).filter(|address| *address == by_older()).unwrap_or(peer),
    }
}

/// Reads one member of a `Forwarded` list; `None` where it is none.
pub(crate) fn parse(member: &[u8]) -> Option<Element<'_>> {
    let mut element = Element::default();
    for parameter in parameters(member) {
        let (name, value) = pair(parameter);
        let value = unquote(value?)?;
        let slot = match name.to_ascii_lowercase().as_slice() {
            b"by" => &mut element.by,
            b"for" => &mut element.client,
            b"host" => &mut element.host,
            b"proto" => &mut element.proto,
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    Some(element)
}

/// The last members of a list over all lines, the last one first.
fn last_members<'a>(fields: Fields<'a>, name: &str) -> impl Iterator<Item = &'a [u8]> {
    let mut ring = [&[][..]; MAX_HOPS];
    let mut count = 0;
    for member in fields.list(name) {
        ring.rotate_right(1);
        if let Some(first) = ring.first_mut() {
            *first = member;
        }
        count += 1;
    }
    ring.into_iter().take(count)
}

fn walk(nodes: impl Iterator<Item = Option<IpAddr>>, peer: IpAddr, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut nearest = peer;
    for node in nodes {
        match node {
            Some(address) => nearest = address,
            None => break,
        }
        if !trusted(nearest) {
            break;
        }
    }
    nearest
}

/// The address of `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(trim(text)).ok()?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (IpAddr::V6(address.parse::<Ipv6Addr>().ok()?), port.strip_prefix(':'))
        }
        None => {
            let (address, port) = text.split_once(':')?;
            (IpAddr::V4(address.parse().ok()?), Some(port))
        }
    };
    let is_port = |port: &str| number(port.as_bytes()).is_ok_and(|port| port <= u64::from(u16::MAX));
    let closed = port.is_some() || text.ends_with(']');
    (closed && port.is_none_or(is_port)).then(|| address.to_canonical())
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_canonical() {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "\"[{address}]\""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn check(lines: &[&str], expected: &str) {
        let block: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        let trusted = |address: IpAddr| address.to_string().starts_with("10.") || address.to_string() == "fd00::1";
        let found = client(Fields::new(block.as_bytes(), spans.as_slice()), address("10.0.0.1"), trusted);
        assert_eq!(found, address(expected), "{lines:?}");
    }

    #[test]
    fn trusted_proxies_are_followed_back() {
        check(&[], "10.0.0.1");
        check(&["X-Forwarded-For: 192.0.2.1"], "192.0.2.1");
        check(&["X-Forwarded-For: 1.1.1.1, 192.0.2.1, 10.0.0.2"], "192.0.2.1");
        check(&["X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 192.0.2.1:4711, [fd00::1]:80"], "192.0.2.1");
        check(&["X-Forwarded-For: 10.0.0.3, 10.0.0.2"], "10.0.0.3");
        check(&["X-Forwarded-For: 1.1.1.1, unknown, 10.0.0.2"], "10.0.0.2");
        check(&["X-Forwarded-For: nonsense"], "10.0.0.1");
        check(&["X-Forwarded-For: ::ffff:192.0.2.1"], "192.0.2.1");
        check(&["Forwarded: for=1.1.1.1, For=\"[2001:db8::1]:4711\";proto=https"], "2001:db8::1");
        check(&["Forwarded: for=_hidden, for=10.0.0.2"], "10.0.0.2");
        check(&["Forwarded: proto=https;by=10.0.0.9"], "10.0.0.1");
        check(&["Forwarded: for=1.1.1.1;for=2.2.2.2"], "10.0.0.1");
    }

    #[test]
    fn two_stories_are_believed_only_where_they_are_one() {
        check(&["Forwarded: for=192.0.2.1", "X-Forwarded-For: 192.0.2.1"], "192.0.2.1");
        check(&["Forwarded: for=1.1.1.1", "X-Forwarded-For: 192.0.2.1"], "10.0.0.1");
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let block = b"X-Forwarded-For: 1.1.1.1\r\n";
        let spans = FieldSpans::parse(block).unwrap();
        let found = client(Fields::new(block, spans.as_slice()), address("192.0.2.1"), |_| false);
        assert_eq!(found, address("192.0.2.1"));
    }

    #[test]
    fn long_chains_end() {
        let chain = format!("X-Forwarded-For: 1.1.1.1{}", ", 10.0.0.2".repeat(MAX_HOPS));
        check(&[&chain], "10.0.0.2");
        let chain = format!("X-Forwarded-For: 1.1.1.1{}", ", 10.0.0.2".repeat(MAX_HOPS - 1));
        check(&[&chain], "1.1.1.1");
    }

    #[test]
    fn elements_are_read() {
        let element = parse(b"for=192.0.2.60; proto=http; BY=\"203.0.113.43\";host=\"a:80\";x=y").unwrap();
        let text = |value: Option<Cow<'_, [u8]>>| String::from_utf8(value.unwrap().into_owned()).unwrap();
        assert_eq!(text(element.client), "192.0.2.60");
        assert_eq!(text(element.by), "203.0.113.43");
        assert_eq!(text(element.host), "a:80");
        assert_eq!(text(element.proto), "http");
        for bad in ["for", "for=", "for=a b", "for=[::1]", "for=\"a"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn nodes_are_read_and_written() {
        for bad in
            ["", "1.2.3", "1.2.3.4:", "1.2.3.4:99999", "[::1", "[::1]x", "[1.2.3.4]", "_a", "unknown", "1.2.3.4:80:80"]
        {
            assert_eq!(node(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Node(address("::ffff:192.0.2.1")).to_string(), "192.0.2.1");
        assert_eq!(Node(address("2001:db8::1")).to_string(), "\"[2001:db8::1]\"");
    }
}
