//! Classes of bytes and the small words of the grammar (RFC 9110 §5.6).

use std::borrow::Cow;

/// `tchar`: what a method, a field name or a parameter name is made of.
pub(super) fn is_token_byte(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).is_some_and(|is_token| *is_token)
}

/// A look-up costs less than comparing, for each byte of each field name.
#[expect(clippy::indexing_slicing, reason = "it is counted out while compiling")]
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        table[byte] = matches!(byte as u8, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~');
        byte += 1;
    }
    table
};

pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

/// What a field value may hold: visible characters, obs-text, space and tab (RFC 9110 §5.5).
pub(super) fn is_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
}

/// Without the optional white space around it.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// A number of digits alone, in checked arithmetic: no sign, no blanks, not empty.
pub(super) fn number(digits: &[u8]) -> Result<u64, BadNumber> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadNumber::NotDigits);
    }
    let add = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')));
    digits.iter().try_fold(0, add).ok_or(BadNumber::TooLarge)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BadNumber {
    NotDigits,
    TooLarge,
}

/// The pieces between separators outside of quoted strings, trimmed, without empty ones.
///
/// A quote that is never closed is an ordinary character, and so are all behind it: nothing can be hidden from the
/// reader of a list by leaving a string open, and no piece is looked at twice.
#[derive(Clone, Debug)]
pub(super) struct Pieces<'a> {
    rest: &'a [u8],
    separator: u8,
    quotes: bool,
}

/// The members of a comma-separated list (RFC 9110 §5.6.1).
pub(super) fn members(value: &[u8]) -> Pieces<'_> {
    Pieces { rest: value, separator: b',', quotes: true }
}

/// A value and its parameters, `text/html;q=0.5`: the first piece is the value (RFC 9110 §5.6.6).
pub(super) fn parameters(member: &[u8]) -> Pieces<'_> {
    Pieces { rest: member, separator: b';', quotes: true }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = self.next_separator();
            let (piece, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
            self.rest = rest.get(1..).unwrap_or_default();
            let piece = trim(piece);
            if !piece.is_empty() {
                return Some(piece);
            }
        }
        None
    }
}

impl Pieces<'_> {
    fn next_separator(&mut self) -> usize {
        let mut at = 0;
        while let Some(byte) = self.rest.get(at) {
            at += match *byte {
                byte if byte == self.separator => return at,
                b'"' if self.quotes => match quoted_len(self.rest.get(at..).unwrap_or_default()) {
                    Some(len) => len,
                    None => {
                        self.quotes = false;
                        1
                    }
                },
                _ => 1,
            };
        }
        at
    }
}

/// The length of the quoted string that `bytes` begins with, quotes included; `None` where it is never closed.
fn quoted_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => 2,
            _ => 1,
        };
    }
}

/// `name=value` cut at the first `=`; both as they are, blanks included.
pub(super) fn pair(piece: &[u8]) -> (&[u8], Option<&[u8]>) {
    match piece.iter().position(|byte| *byte == b'=') {
        Some(at) => (piece.get(..at).unwrap_or_default(), piece.get(at + 1..)),
        None => (piece, None),
    }
}

/// What a token or a quoted string says; `None` where it is neither.
pub(super) fn unquote(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let [b'"', inner @ .., b'"'] = value else {
        return is_token(value).then_some(Cow::Borrowed(value));
    };
    if quoted_len(value) != Some(value.len()) {
        return None;
    }
    if !inner.contains(&b'\\') {
        return Some(Cow::Borrowed(inner));
    }
    let mut escaped = false;
    let kept = inner.iter().copied().filter(|byte| {
        escaped = *byte == b'\\' && !escaped;
        !escaped
    });
    Some(Cow::Owned(kept.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_at_commas_outside_of_quotes() {
        fn check(value: &str, expected: &[&str]) {
            let found: Vec<&str> =
                members(value.as_bytes()).map(|member| std::str::from_utf8(member).unwrap()).collect();
            assert_eq!(found, expected, "{value}");
        }
        check("", &[]);
        check(" , ,\t", &[]);
        check("a", &["a"]);
        check("a,b ,\tc\t", &["a", "b", "c"]);
        check(r#"a="x,y", b"#, &[r#"a="x,y""#, "b"]);
        check(r#"a="x\",y", b"#, &[r#"a="x\",y""#, "b"]);
        check(r#"a="x, no-store"#, &[r#"a="x"#, "no-store"]);
        check(r#"a="x\", no-store"#, &[r#"a="x\""#, "no-store"]);
        check(r#""a,b""c,d",e"#, &[r#""a,b""c,d""#, "e"]);
    }

    #[test]
    fn many_open_quotes_cost_no_more_than_one_look() {
        let hostile = br#""\"#.repeat(1 << 20);
        assert_eq!(members(&hostile).count(), 1);
    }

    #[test]
    fn numbers_are_digits_that_fit() {
        fn check(digits: &str, expected: Result<u64, BadNumber>) {
            assert_eq!(number(digits.as_bytes()), expected, "{digits}");
        }
        check("0", Ok(0));
        check("0000000000000000000000000000042", Ok(42));
        check("18446744073709551615", Ok(u64::MAX));
        check("18446744073709551616", Err(BadNumber::TooLarge));
        for not_digits in ["", "+1", "-1", " 1", "1 ", "1_0", "0x1", "1.0", "١"] {
            check(not_digits, Err(BadNumber::NotDigits));
        }
    }

    #[test]
    fn quoted_strings_and_tokens_are_read() {
        fn check(value: &str, expected: Option<&str>) {
            let found = unquote(value.as_bytes());
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{value}");
        }
        check("token", Some("token"));
        check(r#""a b""#, Some("a b"));
        check(r#""a\"b\\c""#, Some(r#"a"b\c"#));
        check(r#""""#, Some(""));
        check(r#""a"b""#, None);
        check(r#"""#, None);
        check(r#""a\""#, None);
        check("a b", None);
        check("", None);
    }
}
