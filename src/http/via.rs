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

/// How often a gateway of this pseudonym has already passed the message on. For people who look for loops: anybody can
/// write this field, so nothing is decided by it (see [`super::cdn_loop`]).
pub(crate) fn count(fields: Fields<'_>, pseudonym: &str) -> usize {
    let by = |member: &[u8]| {
        let mut words = member.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        words.nth(1).is_some_and(|by| by.eq_ignore_ascii_case(pseudonym.as_bytes()))
    };
    fields.list("via").filter(|member| by(member)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    #[test]
    fn passages_are_counted() {
        let block = b"Via: 1.0 fred, 1.1 Hafir (a comment)\r\nvia: HTTP/1.1  hafir , hafir\r\n";
        let spans = FieldSpans::parse(block).unwrap();
        let fields = Fields::new(block, spans.as_slice());
        assert_eq!((count(fields, "hafir"), count(fields, "fred"), count(fields, "x")), (2, 1, 0));
    }
}
