//! Values as bytes that are the same for equal values only (JSON Schema Core §4.2.2): members in the order of their
//! names, numbers by their worth, strings by their characters.

use super::{Document, Kind};

/// Appends a value. Recursion ends with the depth that the [`super::Reader`] allowed.
pub(in crate::content) fn canonical(document: Document<'_>, at: u32, out: &mut Vec<u8>) {
    match document.kind(at) {
        Kind::Null => out.push(b'n'),
        Kind::Boolean => out.push(if document.is_true(at) { b't' } else { b'f' }),
        Kind::Number => {
            out.push(b'0');
            if let Some(number) = document.number(at) {
                number.write(out);
            }
        }
        Kind::String => string(&document.text(at), out),
        Kind::Array => {
            out.push(b'[');
            for item in document.items(at) {
                canonical(document, item, out);
            }
            out.push(b']');
        }
        Kind::Object => {
            let mut members: Vec<_> = document.members(at).map(|(name, value)| (document.text(name), value)).collect();
            members.sort_unstable();
            out.push(b'{');
            for (name, value) in members {
                string(&name, out);
                canonical(document, value, out);
            }
            out.push(b'}');
        }
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(&text.len().to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::tests::nodes;
    use super::super::{Document, ROOT};
    use super::*;

    #[test]
    fn equal_values_are_equal_bytes() {
        let bytes = |text: &str| {
            let mut out = Vec::new();
            canonical(Document::new(text.as_bytes(), &nodes(text)), ROOT, &mut out);
            out
        };
        for (one, other) in
            [(r#"{"a":1,"b":[2]}"#, r#"{ "b":[2.0], "\u0061":1e0 }"#), (r#""\u00e9""#, "\"é\""), ("0", "-0.0")]
        {
            assert_eq!(bytes(one), bytes(other));
        }
        let different = [
            "1",
            "true",
            "\"1\"",
            "[1]",
            "[[1]]",
            "[]",
            "{}",
            "null",
            "false",
            "0",
            "\"\"",
            "[1,2]",
            "[12]",
            r#"{"a":1}"#,
            r#"{"a":"1"}"#,
        ];
        for (place, one) in different.iter().enumerate() {
            for other in &different[place + 1..] {
                assert_ne!(bytes(one), bytes(other));
            }
        }
    }
}
