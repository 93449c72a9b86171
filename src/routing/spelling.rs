//! A path as people write it into a file (`/leçons`, `/my files/`, `/caf%c3%a9`) in the one form that requests have.

/// The normal form of RFC 3986 §6.2.2, or nothing where no request in normal form can have the path.
pub(super) fn normal(written: &str) -> Option<String> {
    let path = spelled(written)?;
    let whole = path.starts_with('/') && !path.contains("//");
    let climbs = path.split('/').any(|segment| matches!(segment, "." | ".."));
    (whole && !climbs).then_some(path)
}

/// The same for a pattern, which may begin with a star.
pub(super) fn normal_pattern(written: &str) -> Option<String> {
    let pattern = spelled(written)?;
    pattern.starts_with(['/', '*']).then_some(pattern)
}

/// What must be percent-encoded is, what need not be is not, and the digits are capitals.
fn spelled(written: &str) -> Option<String> {
    let mut path = String::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        (rest, _) = match (byte, behind) {
            (b'%', [high, low, behind @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
                (behind, push(&mut path, u8::from_str_radix(digits, 16).ok()?, true)?)
            }
            (b'%' | b'?' | b'#' | b'\\', _) => return None,
            _ => (behind, push(&mut path, *byte, false)?),
        };
    }
    Some(path)
}

fn push(path: &mut String, byte: u8, was_encoded: bool) -> Option<()> {
    let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let reserved = b"/:@!$&'()*+,;=".contains(&byte);
    match byte {
        0..=0x1f | 0x7f => return None,
        b'/' | b'\\' if was_encoded => return None,
        _ if unreserved || (reserved && !was_encoded) => path.push(char::from(byte)),
        _ => path.push_str(&format!("%{byte:02X}")),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_people_write_them() {
        for (written, expected) in [
            ("/wiki/", Some("/wiki/")),
            ("/leçons", Some("/le%C3%A7ons")),
            ("/le%c3%a7ons", Some("/le%C3%A7ons")),
            ("/my files", Some("/my%20files")),
            ("/%77iki", Some("/wiki")),
            ("/a%2Bb+c", Some("/a%2Bb+c")),
            ("wiki", None),
            ("", None),
            ("/a//b", None),
            ("/a/../b", None),
            ("/a/%2e%2E/b", None),
            ("/a%2fb", None),
            ("/a%5Cb", None),
            ("/a\\b", None),
            ("/a%0", None),
            ("/a%zz", None),
            ("/a%+1", None),
            ("/a?b", None),
            ("/a%00", None),
        ] {
            assert_eq!(normal(written).as_deref(), expected, "{written}");
        }
        assert_eq!(normal_pattern("*.mp4").as_deref(), Some("*.mp4"));
        assert_eq!(normal_pattern("films*"), None);
    }
}
