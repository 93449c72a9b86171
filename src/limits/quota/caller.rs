//! Who is counted, by a name that outlives the process.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Somebody, by the name under which counters are kept: `key/ID`, `user/anna`, `address/192.168.4.7`,
/// `address/2001:db8:0:1::/64`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Caller<'a> {
    /// `kind` is the word of what somebody was known by, `id` is unique in it.
    Known { kind: &'a str, id: &'a str },
    /// An IPv4 address, or the /64 of an IPv6 address.
    Address(IpAddr),
}

impl fmt::Display for Caller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caller::Known { kind, id } => write!(f, "{kind}/{id}"),
            Caller::Address(address) => match address.to_canonical() {
                IpAddr::V4(address) => write!(f, "address/{address}"),
                IpAddr::V6(address) => write!(f, "address/{}/64", network(address)),
            },
        }
    }
}

/// A host may take any address in its /64 (RFC 8981).
pub(super) fn network(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))
}
