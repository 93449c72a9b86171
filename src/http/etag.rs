//! Entity tags (RFC 9110 §8.8.3).

use super::bytes::trim;
use super::fields::Fields;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EntityTag<'a> {
    pub(crate) weak: bool,
    /// Without the quotes.
    pub(crate) opaque: &'a [u8],
}

/// How two tags are compared (RFC 9110 §8.8.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    Strong,
    Weak,
}

/// What a list of tags says about one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ListMatch {
    /// There is no such field.
    Absent,
    Matches,
    Differs,
}

/// Reads a whole `ETag` value.
pub(crate) fn parse(value: &[u8]) -> Option<EntityTag<'_>> {
    let (tag, rest) = split(value)?;
    rest.is_empty().then_some(tag)
}

impl EntityTag<'_> {
    pub(crate) fn strong_eq(&self, other: &EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    pub(crate) fn weak_eq(&self, other: &EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// Whether `If-Match` or `If-None-Match` (`name`) has this tag; `*` matches also where there is none
/// (RFC 9110 §13.1.1, §13.1.2). Members that are no tags match nothing.
pub(crate) fn list_match(fields: Fields<'_>, name: &str, tag: Option<EntityTag<'_>>, how: Comparison) -> ListMatch {
    let same = |listed: EntityTag<'_>| {
        tag.is_some_and(|tag| match how {
            Comparison::Strong => tag.strong_eq(&listed),
            Comparison::Weak => tag.weak_eq(&listed),
        })
    };
    let mut values = fields.all(name).peekable();
    if values.peek().is_none() {
        ListMatch::Absent
    } else if values.any(|value| value == b"*" || Tags(value).any(same)) {
        ListMatch::Matches
    } else {
        ListMatch::Differs
    }
}

/// The tags of one list. Not a list of quoted strings: a backslash in a tag is a character like any other.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = EntityTag<'a>;

    fn next(&mut self) -> Option<EntityTag<'a>> {
        loop {
            self.0 = trim(self.0);
            let first = self.0.first()?;
            let found = split(self.0).filter(|(_, rest)| matches!(trim(rest), [] | [b',', ..]));
            if let Some((tag, rest)) = found {
                self.0 = rest;
                return Some(tag);
            }
            let skipped = if *first == b',' { Some(0) } else { self.0.iter().position(|byte| *byte == b',') };
            self.0 = skipped.and_then(|at| self.0.get(at + 1..)).unwrap_or_default();
        }
    }
}

/// The tag that `bytes` begins with, and what is behind it.
fn split(bytes: &[u8]) -> Option<(EntityTag<'_>, &[u8])> {
    let (weak, quoted) = match bytes {
        [b'W', b'/', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let [b'"', inner @ ..] = quoted else { return None };
    let end = inner.iter().position(|byte| !matches!(byte, b'!' | b'#'..=b'~' | 0x80..))?;
    let (opaque, [b'"', rest @ ..]) = inner.split_at_checked(end)? else { return None };
    Some((EntityTag { weak, opaque }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    #[test]
    fn tags_are_read() {
        fn check(value: &[u8], expected: Option<(bool, &[u8])>) {
            let found = parse(value).map(|tag| (tag.weak, tag.opaque));
            assert_eq!(found, expected, "{:?}", value.escape_ascii().to_string());
        }
        check(b"\"a\"", Some((false, b"a")));
        check(b"W/\"a\"", Some((true, b"a")));
        check(b"\"\"", Some((false, b"")));
        check(b"\"a,\\\xff'\"", Some((false, b"a,\\\xff'")));
        for bad in
            [&b""[..], b"a", b"\"a", b"a\"", b"w/\"a\"", b"W/a", b"W \"a\"", b"\"a b\"", b"\"a\"b\"", b"\"a\" ", b"*"]
        {
            check(bad, None);
        }
    }

    #[test]
    fn lists_are_searched() {
        fn check(lines: &str, tag: Option<&str>, how: Comparison, expected: ListMatch) {
            let spans = FieldSpans::parse(lines.as_bytes()).unwrap();
            let fields = Fields::new(lines.as_bytes(), spans.as_slice());
            let tag = tag.map(|tag| parse(tag.as_bytes()).unwrap());
            assert_eq!(list_match(fields, "if-match", tag, how), expected, "{lines:?}");
        }
        use Comparison::{Strong, Weak};
        use ListMatch::{Absent, Differs, Matches};
        let a = Some("\"a\"");
        check("", a, Strong, Absent);
        check("If-Match: *\r\n", a, Strong, Matches);
        check("If-Match: *\r\n", None, Strong, Matches);
        check("If-Match: \"a\"\r\n", None, Strong, Differs);
        check("If-Match: \"b\", \"a\"\r\n", a, Strong, Matches);
        check("If-Match: \"b\"\r\nIf-Match: ,, \"a\" ,\r\n", a, Strong, Matches);
        check("If-Match: W/\"a\"\r\n", a, Strong, Differs);
        check("If-Match: W/\"a\"\r\n", a, Weak, Matches);
        check("If-Match: \"a\"\r\n", Some("W/\"a\""), Strong, Differs);
        check("If-Match: \"a\"\r\n", Some("W/\"a\""), Weak, Matches);
        check("If-Match: \"b,\\\", \"a\"\r\n", a, Strong, Matches);
        check("If-Match: a, \"a\"\r\n", a, Strong, Matches);
        check("If-Match: \"b\" \"a\"\r\n", a, Strong, Differs);
        check("If-Match: a\r\n", a, Strong, Differs);
        check("If-Match:\r\n", a, Strong, Differs);
        check("If-Match: \"A\"\r\n", a, Weak, Differs);
    }

    #[test]
    fn open_quotes_cost_no_more_than_one_look() {
        let hostile = b"\"".repeat(1 << 20);
        assert_eq!(Tags(&hostile).count(), 0);
        let hostile = b"W/\"a\" b,".repeat(1 << 17);
        assert_eq!(Tags(&hostile).count(), 0);
    }
}
