//! The head of an answer whose body lies here in coded form.

use crate::http::{Fields, HeadWriter, Unwritable, etag};

const VARY: &str = "Vary";
const ACCEPT_ENCODING: &str = "Accept-Encoding";

/// Whether a field is true of the coded form only, so that it goes when the body is decoded. For trailers, too.
///
/// Digests are of the bytes that were sent, coding included: `Content-Digest` of the content, `Repr-Digest` and its
/// forerunner `Digest` of the representation, of which the coding is a part (RFC 9530 §2, §3).
pub(crate) fn is_of_coded_form(name: &[u8]) -> bool {
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
    head.end().map(drop)
}

/// Appends the field lines of the coded answer as it lies here. Only `Vary` may be new: other clients get another form,
/// whether or not the origin said so, and caches behind this one must know (RFC 9110 §12.5.5). Where the answer
/// [names it](names_accept_encoding), its lines are right as they are.
pub(crate) fn coded_head(out: &mut Vec<u8>, answer: Fields<'_>) -> Result<(), Unwritable> {
    let mut head = HeadWriter::fields_only(out);
    let mut vary = Vary::of(answer);
    answer.iter().for_each(|(name, value)| vary.write(&mut head, name, value));
    vary.end(&mut head);
    head.end().map(drop)
}

/// Whether `Vary` says that the answer depends on `Accept-Encoding`, or on everything.
pub(crate) fn names_accept_encoding(answer: Fields<'_>) -> bool {
    answer.has_token(VARY, ACCEPT_ENCODING) || answer.has_token(VARY, "*")
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
