//! A path as people write it into a file (`/leçons`, `/my files/`, `/caf%c3%a9`) in the one form that requests have.

use crate::http::{Method, target};

/// The normal form, or nothing where no request can have the path.
pub(crate) fn normal(written: &str) -> Option<String> {
    if !written.starts_with('/') || written.contains('?') {
        return None;
    }
    let encoded = encoded(written);
    let path = target::parse(Method::Get, encoded.as_bytes(), None).ok()?.path.into_owned();
    // Climbing or doubled slashes were tidied away: the path is not what it says.
    (path.split('/').count() == encoded.split('/').count()).then_some(path)
}

/// The same for a pattern, which may begin with a star.
pub(super) fn normal_pattern(written: &str) -> Option<String> {
    if written.starts_with('*') {
        return normal(&format!("/{written}")).map(|path| path.trim_start_matches('/').to_owned());
    }
    normal(written)
}

/// What people write and no URL holds is percent-encoded.
fn encoded(written: &str) -> String {
    let mut path = String::with_capacity(written.len());
    for character in written.chars() {
        match character {
            ' ' | '"' | '<' | '>' | '\u{80}'.. => {
                path.extend(character.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")));
            }
            _ => path.push(character),
        }
    }
    path
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
            ("/{a}", Some("/%7Ba%7D")),
            ("wiki", None),
            ("", None),
            ("*", None),
            ("http://a/b", None),
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
            ("/a#b", None),
            ("/a%00", None),
            ("/a\u{7}", None),
        ] {
            assert_eq!(normal(written).as_deref(), expected, "{written}");
        }
        for (written, expected) in
            [("*.mp4", Some("*.mp4")), ("*é", Some("*%C3%A9")), ("/a/*", Some("/a/*")), ("films*", None)]
        {
            assert_eq!(normal_pattern(written).as_deref(), expected, "{written}");
        }
    }
}
