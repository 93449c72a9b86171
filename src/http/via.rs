//! `Via` (RFC 9110 §7.6.3).

use super::fields::Fields;
use super::method::Version;

/// The protocol version of a member: `1.1`.
pub(crate) fn protocol(version: Version) -> &'static str {
    match version {
        Version::Http10 => "1.0",
        Version::Http11 => "1.1",
    }
}

/// How often a gateway of this pseudonym has already passed the message on.
pub(crate) fn count(_fields: Fields<'_>, _pseudonym: &str) -> usize {
    todo!()
}
