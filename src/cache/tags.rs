//! The names by which an origin groups its answers, so that a group can be purged at once.
//!
//! `Cache-Groups` (RFC 9875) is a list of strings in structured form; `Surrogate-Key` and `Cache-Tag`, which came
//! before it, are words parted by blanks or commas.

use super::head::fields_of;
use crate::http::Fields;

/// RFC 9875 asks for 32 at the least.
const MOST_MEMBERS: usize = 128;

/// How the members of a field are written.
#[derive(Clone, Copy)]
enum Form {
    Strings,
    Words,
}

const FIELDS: [(&str, Form); 3] =
    [("cache-groups", Form::Strings), ("surrogate-key", Form::Words), ("cache-tag", Form::Words)];

/// Whether a block of `Name: value CRLF` lines carries a tag.
pub(crate) fn has(lines: &[u8], tag: &str) -> bool {
    of(lines).iter().any(|member| member == tag)
}

/// Whether a block of lines is of this group (RFC 9875).
pub(crate) fn has_group(lines: &[u8], name: &str) -> bool {
    let groups = fields_of(lines).filter(|(field, _)| field.eq_ignore_ascii_case(b"cache-groups"));
    groups.flat_map(|(_, value)| strings(value)).any(|member| member == name)
}

/// The groups that an answer to an unsafe request says have changed (RFC 9875).
pub(crate) fn changed_groups(fields: Fields<'_>) -> Vec<String> {
    let mut groups: Vec<String> = fields.all("cache-group-invalidation").flat_map(strings).collect();
    groups.truncate(MOST_MEMBERS);
    groups
}

/// All tags of a block of lines.
pub(crate) fn of(lines: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in fields_of(lines) {
        let form = FIELDS.iter().find(|(field, _)| name.eq_ignore_ascii_case(field.as_bytes()));
        let members = match form {
            Some((_, Form::Strings)) => strings(value),
            Some((_, Form::Words)) => words(value),
            None => continue,
        };
        found.extend(members);
    }
    found.truncate(MOST_MEMBERS);
    found
}

/// The members of `Cache-Groups` or `Cache-Group-Invalidation` (RFC 9875): parameters say nothing to a cache, and
/// a member that is no string, or a field that is no list, makes the whole field invalid (RFC 9651 §4.2).
pub(crate) fn strings(value: &[u8]) -> Vec<String> {
    let mut members = Vec::new();
    let mut rest = value.trim_ascii();
    while !rest.is_empty() {
        let Some((member, after)) = string(rest) else { return Vec::new() };
        members.push(member);
        let Some(after) = without_parameters(after) else { return Vec::new() };
        rest = match after.trim_ascii_start() {
            [] => return members,
            [b',', more @ ..] if !more.trim_ascii_start().is_empty() => more.trim_ascii_start(),
            _ => return Vec::new(),
        };
    }
    members
}

/// A string in quotes (RFC 9651 §4.2.5), and what is behind it.
fn string(text: &[u8]) -> Option<(String, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut member = String::new();
    loop {
        let (byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => return Some((member, rest)),
            b'\\' => {
                let (escaped, after) = rest.split_first().filter(|(byte, _)| matches!(byte, b'"' | b'\\'))?;
                member.push(char::from(*escaped));
                rest = after;
            }
            b' '..=b'~' => member.push(char::from(*byte)),
            _ => return None,
        }
    }
}

/// Steps over `;name=value` parts.
fn without_parameters(mut text: &[u8]) -> Option<&[u8]> {
    while let Some(after) = text.strip_prefix(b";") {
        let mut rest = after.trim_ascii_start();
        let bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.*=:/?+".contains(byte);
        let end = rest.iter().position(|byte| !bare(byte)).unwrap_or(rest.len());
        let name = rest.get(..end)?;
        rest = rest.get(end..)?;
        if name.ends_with(b"=") {
            rest = string(rest)?.1;
        }
        text = rest;
    }
    Some(text)
}

fn words(value: &[u8]) -> Vec<String> {
    let parts = value.split(|byte| matches!(byte, b' ' | b'\t' | b','));
    parts.filter(|part| !part.is_empty()).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_a_list_of_strings() {
        let check = |value: &str, expected: &[&str]| assert_eq!(strings(value.as_bytes()), expected, "{value}");
        check(r#""a", "b c""#, &["a", "b c"]);
        check(r#""a";x=1;y="z" , "q\"\\""#, &["a", "q\"\\"]);
        check("", &[]);
        // Not a list of strings: ignored whole.
        for bad in [r#"a, "b""#, r#""a" "b""#, r#""a","#, r#""a"#, r#""a\x""#, "\"\u{e9}\""] {
            check(bad, &[]);
        }
    }

    #[test]
    fn tags_come_from_all_fields_that_carry_them() {
        let lines = b"Surrogate-Key: one two\r\nX: three\r\ncache-groups: \"four\"\r\nCache-Tag: five,six\r\n";
        assert_eq!(of(lines), ["one", "two", "four", "five", "six"]);
        assert!(has(lines, "four") && !has(lines, "three") && !has(lines, "fo"));
    }
}
