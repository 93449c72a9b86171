//! Who the client is, when there are proxies between it and us.

use std::net::IpAddr;

use crate::base::AddrRange;
use crate::http::Fields;

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
    pub(crate) fn of(fields: Fields<'_>, peer: IpAddr, secure: bool, trusted_proxies: &[AddrRange]) -> Client {
        todo!()
    }
}
