//! The head of an answer whose body lies here in coded form.

use crate::http::{Fields, HeadWriter, Unwritable, etag};

const VARY: &str = "Vary";
const ACCEPT_ENCODING: &str = "Accept-Encoding";

/// Appends the field lines of the decoded answer, whose length nobody knows, to `out`; no empty line.
///
/// A strong `ETag` becomes the weak one of the same text: both forms say the same, byte for byte they are not the same
/// (RFC 9110 §8.8.1, §8.8.3.3). A client that comes back with it is understood, as `If-None-Match` is compared weakly;
/// its `If-Range` and `If-Match` do not hold, which is right. What is no tag is dropped: it cannot be made weak.
pub(crate) fn decoded_head(out: &mut Vec<u8>, answer: Fields<'_>) -> Result<(), Unwritable> {
    let mut head = HeadWriter::fields_only(out);
    let mut vary = Vary::of(answer);
    for (name, value) in answer.iter().filter(|(name, _)| !is_of_coded_form(name)) {
        if name.eq_ignore_ascii_case(b"etag") {
            match etag::parse(value) {
                None => {}
                Some(tag) if tag.weak => drop(head.field(name, value)),
                Some(_) => drop(head.field(name, [b"W/", value].concat())),
            }
        } else {
            vary.write(&mut head, name, value);
        }
    }
    vary.end(&mut head);
    head.end_open().map(drop)
}

/// Appends the field lines of the coded answer as it lies here. Only `Vary` may be new: other clients get another form,
/// whether or not the origin said so, and caches behind this one must know (RFC 9110 §12.5.5). Where the answer
/// [names it](names_accept_encoding), its lines are right as they are.
pub(crate) fn coded_head(out: &mut Vec<u8>, answer: Fields<'_>) -> Result<(), Unwritable> {
    let mut head = HeadWriter::fields_only(out);
    let mut vary = Vary::of(answer);
    answer.iter().for_each(|(name, value)| vary.write(&mut head, name, value));
    vary.end(&mut head);
    head.end_open().map(drop)
}

/// Whether `Vary` says that the answer depends on `Accept-Encoding`, or on everything.
pub(crate) fn names_accept_encoding(answer: Fields<'_>) -> bool {
    answer.has_token(VARY, ACCEPT_ENCODING) || answer.has_token(VARY, "*")
}

/// Whether a field is true of the coded form only, so that it goes when the body is decoded.
///
/// Digests are of the bytes that were sent, coding included: `Content-Digest` of the content, `Repr-Digest` and its
/// forerunner `Digest` of the representation, of which the coding is a part (RFC 9530 §2, §3).
fn is_of_coded_form(name: &[u8]) -> bool {
    const NAMES: [&str; 8] = [
        "content-encoding",
        "content-length",
        "content-range",
        "accept-ranges",
        "content-digest",
        "repr-digest",
        "digest",
        "content-md5",
    ];
    NAMES.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// Sees to it that `Accept-Encoding` is named once: behind the first list that has members, else in a line of its own.
struct Vary {
    is_named: bool,
}

impl Vary {
    fn of(answer: Fields<'_>) -> Vary {
        Vary { is_named: names_accept_encoding(answer) }
    }

    fn write(&mut self, head: &mut HeadWriter<'_>, name: &[u8], value: &[u8]) {
        if self.is_named || value.is_empty() || !name.eq_ignore_ascii_case(VARY.as_bytes()) {
            head.field(name, value);
        } else {
            head.field(name, [value, b", ", ACCEPT_ENCODING.as_bytes()].concat());
            self.is_named = true;
        }
    }

    fn end(self, head: &mut HeadWriter<'_>) {
        if !self.is_named {
            head.field(VARY, ACCEPT_ENCODING);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::conditional::{self, Outcome, Validators};
    use crate::http::{FieldSpans, Method};

    fn with<T>(lines: &str, ask: impl FnOnce(Fields<'_>) -> T) -> T {
        let spans = FieldSpans::parse(lines.as_bytes()).unwrap();
        ask(Fields::new(lines.as_bytes(), spans.as_slice()))
    }

    fn written(lines: &str, write: fn(&mut Vec<u8>, Fields<'_>) -> Result<(), Unwritable>) -> String {
        let mut out = b"before ".to_vec();
        with(lines, |fields| write(&mut out, fields)).unwrap();
        let written = String::from_utf8(out.split_off(7)).unwrap();
        assert_eq!(out, b"before ");
        written
    }

    #[test]
    fn heads_of_decoded_answers() {
        fn check(lines: &str, expected: &str) {
            assert_eq!(written(lines, decoded_head), expected, "{lines:?}");
        }
        let vary = "Vary: Accept-Encoding\r\n";
        check("Content-Encoding: gzip\r\n", vary);
        check(
            "Content-Type: text/html\r\nContent-Encoding: br\r\nContent-Length: 9\r\nAccept-Ranges: bytes\r\n\
             Content-Range: bytes 0-1/2\r\nLast-Modified: Sun, 06 Nov 1994 12:00:00 GMT\r\n",
            &format!("Content-Type: text/html\r\nLast-Modified: Sun, 06 Nov 1994 12:00:00 GMT\r\n{vary}"),
        );
        check(
            "Content-MD5: x\r\ndigest: sha-256=x\r\nContent-Digest: sha-256=:eA==:\r\nRepr-Digest: sha-256=:eA==:\r\n\
             Want-Repr-Digest: sha-256=1\r\n",
            &format!("Want-Repr-Digest: sha-256=1\r\n{vary}"),
        );
        check("ETag: \"a\"\r\n", &format!("ETag: W/\"a\"\r\n{vary}"));
        check("etag: W/\"a\"\r\n", &format!("etag: W/\"a\"\r\n{vary}"));
        check("ETag: a\r\nETag: \"b\r\n", vary);
        check("Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n", &format!("Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n{vary}"));
    }

    #[test]
    fn accept_encoding_is_named_once() {
        fn check(lines: &str, expected: &str) {
            assert_eq!(written(lines, decoded_head), expected, "{lines:?}");
            assert_eq!(written(lines, coded_head), expected, "{lines:?}");
            assert!(with(expected, names_accept_encoding), "{lines:?}");
            assert_eq!(with(lines, names_accept_encoding), lines == expected, "{lines:?}");
        }
        for right in [
            "Vary: Accept-Encoding\r\n",
            "vary: cookie, accept-encoding\r\n",
            "Vary: *\r\n",
            "Vary: Cookie\r\nVary: Accept-Encoding\r\n",
        ] {
            check(right, right);
        }
        check("", "Vary: Accept-Encoding\r\n");
        check("Vary: Cookie\r\n", "Vary: Cookie, Accept-Encoding\r\n");
        check("Vary: Cookie\r\nA: 1\r\nVary: Origin\r\n", "Vary: Cookie, Accept-Encoding\r\nA: 1\r\nVary: Origin\r\n");
        check("Vary: \r\nA: 1\r\n", "Vary: \r\nA: 1\r\nVary: Accept-Encoding\r\n");
    }

    #[test]
    fn coded_answers_keep_what_is_true_of_them() {
        let lines = "Content-Encoding: gzip\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\nRepr-Digest: sha-256=:eA==:\r\n";
        assert_eq!(written(lines, coded_head), format!("{lines}Vary: Accept-Encoding\r\n"));
    }

    #[test]
    fn clients_come_back_with_the_weak_tag() {
        fn check(request: &str, expected: Outcome, ranges: bool) {
            let at_hand = Validators { etag: Some(b"W/\"a\""), last_modified: None };
            let found = with(request, |fields| {
                let outcome = conditional::evaluate(fields, Method::Get, &at_hand);
                (outcome, conditional::range_applies(fields, &at_hand, None))
            });
            assert_eq!(found, (expected, ranges), "{request:?}");
        }
        check("If-None-Match: W/\"a\"\r\n", Outcome::NotModified, true);
        check("If-None-Match: \"a\"\r\n", Outcome::NotModified, true);
        check("If-None-Match: W/\"b\"\r\n", Outcome::Proceed, true);
        check("If-Range: W/\"a\"\r\n", Outcome::Proceed, false);
        check("If-Range: \"a\"\r\n", Outcome::Proceed, false);
    }
}
