//! `Host` and the authority of a target (RFC 9110 §7.2, RFC 9112 §3.2).

use std::fmt;

use super::fields::Fields;
use super::method::Version;
use super::refused::BadRequest;

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
pub(crate) fn parse(_value: &[u8]) -> Result<Authority<'_>, BadHost> {
    todo!()
}

/// The one valid `Host` of a request; HTTP/1.0 may have none (RFC 9112 §3.2).
pub(crate) fn of(_version: Version, _fields: Fields<'_>) -> Result<Option<Authority<'_>>, BadRequest> {
    todo!()
}

impl Authority<'_> {
    /// Whether the host is this name, whatever its case.
    pub(crate) fn names(&self, host: &str) -> bool {
        self.host.eq_ignore_ascii_case(host)
    }
}

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}
