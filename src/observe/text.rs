//! Text from outside, made harmless for a log: nothing can end its line, its quotes or speak to a terminal.

use std::borrow::Cow;

/// Stands for a query in the log.
pub(super) const REDACTED: &str = "[redacted]";

/// Appends text with everything but printable ASCII as `\xHH`, and quotes and backslashes escaped.
pub(super) fn escape_into(line: &mut Vec<u8>, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in text {
        match byte {
            b'"' | b'\\' => line.extend([b'\\', *byte]),
            b' '..=b'~' => line.push(*byte),
            _ => {
                let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'?');
                line.extend([b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
}

/// Text for a JSON string: no control characters of any kind.
pub(super) fn printable(text: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(text);
    if text.contains(char::is_control) { Cow::Owned(text.replace(char::is_control, "\u{fffd}")) } else { text }
}

/// Whether an id is but digits, as made by machines: a UUID, or one of our own. Clients may choose others, and say anything
/// with them.
pub(super) fn is_opaque(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// A URL in parts (a `Referer`, or a target): what is before a user's name and password, what is behind them, and
/// whether a query follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Location<'a> {
    pub(super) scheme: &'a [u8],
    pub(super) place: &'a [u8],
    /// What follows `?` or `#`.
    pub(super) query: Option<&'a [u8]>,
}

impl<'a> Location<'a> {
    pub(super) fn of(value: &'a [u8]) -> Location<'a> {
        let (place, query) = match value.iter().position(|byte| matches!(byte, b'?' | b'#')) {
            Some(mark) => (value.get(..mark).unwrap_or_default(), value.get(mark + 1..)),
            None => (value, None),
        };
        let authority_starts = place.windows(2).position(|pair| pair == b"//").map_or(0, |slashes| slashes + 2);
        let (scheme, rest) = place.split_at(authority_starts);
        let authority_ends = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
        let (authority, _) = rest.split_at(authority_ends);
        let user = authority.iter().rposition(|byte| *byte == b'@').map_or(0, |at| at + 1);
        Location { scheme, place: rest.split_at(user).1, query }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_its_line_or_its_quotes() {
        for (text, expected) in [
            (&b"plain text"[..], "plain text"),
            (b"a\r\nb\0\x1b[31m", "a\\x0d\\x0ab\\x00\\x1b[31m"),
            (b"say \"hi\" \\o/", "say \\\"hi\\\" \\\\o/"),
            (b"\xc3\xa9\xff\x7f", "\\xc3\\xa9\\xff\\x7f"),
        ] {
            let mut line = Vec::new();
            escape_into(&mut line, text);
            assert_eq!(String::from_utf8(line).unwrap(), expected);
        }
        assert_eq!(printable("é\n\u{9b}x".as_bytes()), "é\u{fffd}\u{fffd}x");
    }

    #[test]
    fn a_location_shows_no_user_and_where_its_query_is() {
        for (value, scheme, place, query) in [
            ("http://a.org/b?c=d", "http://", "a.org/b", Some("c=d")),
            ("http://u:p@a.org/b", "http://", "a.org/b", None),
            ("http://u:p@x@a.org", "http://", "a.org", None),
            ("http://a.org/@b#f", "http://", "a.org/@b", Some("f")),
            ("http://a.org?x=//u@b", "http://", "a.org", Some("x=//u@b")),
            ("u:p@a.org/b", "", "a.org/b", None),
            ("/wiki/@a:b", "", "/wiki/@a:b", None),
            ("//u:p@a.org/b", "//", "a.org/b", None),
            ("", "", "", None),
        ] {
            let expected =
                Location { scheme: scheme.as_bytes(), place: place.as_bytes(), query: query.map(str::as_bytes) };
            assert_eq!(Location::of(value.as_bytes()), expected, "{value}");
        }
    }
}
