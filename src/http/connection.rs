//! What `Connection`, `Upgrade` and `Expect` ask of one hop (RFC 9110 §7.6.1, §7.8, §10.1.1, RFC 9112 §9.3).

use super::fields::Fields;
use super::method::Version;

/// What a request's `Expect` asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expectation {
    None,
    /// 100-continue; in HTTP/1.0 it counts as none.
    Continue,
    /// 417
    Unknown,
}

/// Whether the sender lets this connection carry another message after this one.
pub(crate) fn persists(_version: Version, _fields: Fields<'_>) -> bool {
    todo!()
}

/// The protocol a request wants to change to, or a 101 changes to: only with `Connection: upgrade`, in HTTP/1.1.
pub(crate) fn upgrade<'a>(_version: Version, _fields: Fields<'a>) -> Option<&'a [u8]> {
    todo!()
}

/// Whether a request asks for HTTP/2 in clear text (h2c), which is refused: what it carried past a gateway would be
/// seen by no rule.
pub(crate) fn asks_h2c(_fields: Fields<'_>) -> bool {
    todo!()
}

pub(crate) fn expectation(_version: Version, _fields: Fields<'_>) -> Expectation {
    todo!()
}
