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

impl std::error::Error for Denied {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Size;
    use crate::config::{
        AuthConfig, ContentConfig, DestinationConfig, MatchConfig, RouteCacheConfig, RouteLimitsConfig, UpstreamConfig,
    };

    fn route(allow: &[&str], deny: &[&str]) -> RouteConfig {
        let ranges = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        RouteConfig {
            name: "r".into(),
            line: 1,
            matches: MatchConfig::default(),
            destination: DestinationConfig::Redirect { location: "/".into(), status: 302 },
            upstream: UpstreamConfig::default(),
            allow: ranges(allow),
            deny: ranges(deny),
            body: Size::ZERO,
            upgrade: false,
            edit_request: Vec::new(),
            edit_response: Vec::new(),
            cache: RouteCacheConfig::default(),
            auth: AuthConfig::default(),
            limits: RouteLimitsConfig::default(),
            content: ContentConfig::default(),
            audit: false,
            mask: Vec::new(),
        }
    }

    #[test]
    fn deny_goes_before_allow() {
        let lan = "192.168.4.0/24";
        let one = "192.168.4.7/32";
        for (allow, deny, client, expected) in [
            (&[][..], &[][..], "8.8.8.8", Ok(())),
            (&[lan], &[], "192.168.4.9", Ok(())),
            (&[lan], &[], "::ffff:192.168.4.9", Ok(())),
            (&[lan], &[], "192.168.5.9", Err(Denied::NotInAllow)),
            (&[lan], &[], "::1", Err(Denied::NotInAllow)),
            (&["10.0.0.0/8", lan], &[], "192.168.4.9", Ok(())),
            (&[lan], &[one], "192.168.4.7", Err(Denied::InDeny(one.parse().unwrap()))),
            (&[], &[one], "192.168.4.7", Err(Denied::InDeny(one.parse().unwrap()))),
            (&[], &[one], "192.168.4.8", Ok(())),
            (&[], &["::/0"], "192.168.4.8", Ok(())),
        ] {
            assert_eq!(allowed(&route(allow, deny), client.parse().unwrap()), expected, "{allow:?} {deny:?} {client}");
        }
    }

    #[test]
    fn a_denial_says_why() {
        let denied = allowed(&route(&[], &["10.0.0.0/8"]), "10.1.2.3".parse().unwrap()).unwrap_err();
        assert_eq!(denied.to_string(), "the address is in the denied range 10.0.0.0/8");
    }
}
