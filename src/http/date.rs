//! HTTP dates (RFC 9110 §5.6.7).

use crate::base::Wall;

/// Reads any of the three forms. Two-digit years are 1970–2069, as no clock is at hand.
pub(crate) fn parse(_text: &[u8]) -> Option<Wall> {
    todo!()
}

/// Writes `Sun, 06 Nov 1994 08:49:37 GMT`. Years outside 0–9999 are written as the nearest of them.
pub(crate) fn format(_time: Wall, _out: &mut [u8; 29]) {
    todo!()
}
