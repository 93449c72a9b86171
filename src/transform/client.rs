//! Who the client is, when there are proxies between it and us.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::base::AddrRange;
use crate::http::{Fields, forwarded};

/// The client of an exchange: the peer itself, or whom a trusted proxy names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Client {
    /// The other end of the connection.
    pub(crate) peer: IpAddr,
    /// The address that rules, limits and the log go by.
    pub(crate) address: IpAddr,
    /// Whether the client's own connection is TLS, as far as is known.
    pub(crate) secure: bool,
    /// Whether the peer is a listed proxy, so that its `Forwarded` and `X-Forwarded-*` are believed and passed on.
    pub(crate) trusted: bool,
}

impl Client {
    /// `secure`: whether the peer's connection is TLS.
    pub(crate) fn of(fields: Fields<'_>, peer: IpAddr, secure: bool, trusted_proxies: &[AddrRange]) -> Client {
        let peer = peer.to_canonical();
        let is_trusted = |address: IpAddr| trusted_proxies.iter().any(|range| range.contains(address));
        if !is_trusted(peer) {
            return Client { peer, address: peer, secure, trusted: false };
        }
        Client {
            peer,
            address: forwarded::client(fields, peer, is_trusted),
            secure: proxy_says_secure(fields).unwrap_or(secure),
            trusted: true,
        }
    }
}

/// What the nearest proxy says of its own client's connection.
fn proxy_says_secure(fields: Fields<'_>) -> Option<bool> {
    let by_forwarded = fields.list("forwarded").last().and_then(forwarded::parse).and_then(|element| element.proto);
    let proto = by_forwarded.or_else(|| fields.list("x-forwarded-proto").last().map(Cow::Borrowed))?;
    Some(proto.eq_ignore_ascii_case(b"https"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    fn check(peer: &str, block: &str, address: &str, secure: bool, trusted: bool) {
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        let fields = Fields::new(block.as_bytes(), spans.as_slice());
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        let client = Client::of(fields, peer.parse().unwrap(), false, &proxies);
        let expected = Client { peer: client.peer, address: address.parse().unwrap(), secure, trusted };
        assert_eq!(client, expected, "{peer} {block}");
    }

    #[test]
    fn only_listed_proxies_are_believed() {
        check("192.168.4.7", "", "192.168.4.7", false, false);
        check("::ffff:192.168.4.7", "", "192.168.4.7", false, false);
        check("192.168.4.7", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n", "192.168.4.7", false, false);
        check("10.0.0.1", "", "10.0.0.1", false, true);
        check("10.0.0.1", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n", "1.2.3.4", true, true);
        check("10.0.0.1", "X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.9\r\n", "1.2.3.4", false, true);
        check("10.0.0.1", "Forwarded: for=1.2.3.4;proto=https\r\n", "1.2.3.4", true, true);
    }
}
