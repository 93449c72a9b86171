//! Whether a client asks for another protocol on its connection (RFC 9110 §7.8).

use crate::http::{Fields, Version, connection};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Upgrade<'a> {
    /// None, or one that may be ignored: in HTTP/1.0, without `Connection: Upgrade`, a list of several.
    None,
    /// The one protocol asked for, `websocket` as a rule.
    Wanted(&'a [u8]),
    /// HTTP/2 on this connection, which would hide requests from every rule: never forwarded.
    H2c,
}

impl<'a> Upgrade<'a> {
    pub(crate) fn of(version: Version, fields: Fields<'a>) -> Upgrade<'a> {
        if connection::asks_h2c(fields) {
            return Upgrade::H2c;
        }
        match connection::upgrade(version, fields) {
            Some(protocol) if !protocol.contains(&b',') => Upgrade::Wanted(protocol),
            Some(_) | None => Upgrade::None,
        }
    }
}
