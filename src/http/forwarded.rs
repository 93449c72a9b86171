//! Who a request comes from behind proxies: `Forwarded` (RFC 7239) and the older `X-Forwarded-*`.

use std::fmt;
use std::net::IpAddr;

use super::fields::Fields;

/// One element of `Forwarded`: what one proxy saw.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) by: Option<&'a [u8]>,
    pub(crate) client: Option<&'a [u8]>,
    pub(crate) host: Option<&'a [u8]>,
    pub(crate) proto: Option<&'a [u8]>,
}

/// Prints an address as a `Forwarded` node: `192.0.2.1`, `"[2001:db8::1]"`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node(pub(crate) IpAddr);

/// The client's address as seen by the nearest proxy that is not trusted: walks `Forwarded`, or else
/// `X-Forwarded-For`, from the right for as long as the address before is trusted. `peer` where nothing is to be believed.
pub(crate) fn client(_fields: Fields<'_>, _peer: IpAddr, _trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    todo!()
}

/// The elements of one `Forwarded` list member.
pub(crate) fn parse(_member: &[u8]) -> Option<Element<'_>> {
    todo!()
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_canonical() {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "\"[{address}]\""),
        }
    }
}
