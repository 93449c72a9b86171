//! Whether a client asks for another protocol on its connection (RFC 9110 §7.8).

use crate::http::{Fields, Version};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Upgrade<'a> {
    None,
    /// The one protocol asked for, `websocket` as a rule.
    Wanted(&'a [u8]),
    /// HTTP/2 on this connection, which would hide requests from every rule: never forwarded.
    H2c,
    /// Not in HTTP/1.0, not without `Connection: Upgrade`, not a list: ignored, as §7.8 allows.
    Ignored,
}

impl<'a> Upgrade<'a> {
    pub(crate) fn of(version: Version, fields: Fields<'a>) -> Upgrade<'a> {
        todo!()
    }
}
