//! `allow` and `deny` of a route.

use std::fmt;
use std::net::IpAddr;

use crate::base::AddrRange;
use crate::config::RouteConfig;

/// Why an address may not use a route. The words are for logs and `explain`, not for the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Denied {
    /// The address is in a range of the route's `deny`.
    InDeny(AddrRange),
    /// The route has an `allow`, and the address is in none of its ranges.
    NotInAllow,
}

/// `deny` goes before `allow`; a route without `allow` lets everybody in who is not denied.
pub(crate) fn allowed(route: &RouteConfig, client: IpAddr) -> Result<(), Denied> {
    if let Some(range) = route.deny.iter().find(|range| range.contains(client)) {
        return Err(Denied::InDeny(*range));
    }
    if !route.allow.is_empty() && !route.allow.iter().any(|range| range.contains(client)) {
        return Err(Denied::NotInAllow);
    }
    Ok(())
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denied::InDeny(range) => write!(f, "the address is in the denied range {range}"),
            Denied::NotInAllow => f.write_str("the address is in none of the allowed ranges"),
        }
    }
}
