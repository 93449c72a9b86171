//! Writing heads, so that nothing from anywhere can break out of its line.

use std::fmt;
use std::io::Write;

use super::bytes::{is_token, is_value};
use super::method::Version;

/// Writes one head behind what `out` holds. An invalid name or value spoils the head: [`HeadWriter::end`] then says so.
/// Dropped without `end`, or spoiled, it leaves `out` as it was.
#[derive(Debug)]
pub(crate) struct HeadWriter<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    spoiled: Option<Unwritable>,
    ended: bool,
}

/// What could not be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unwritable {
    Method,
    Target,
    Status,
    Reason,
    FieldName,
    FieldValue,
}

impl<'o> HeadWriter<'o> {
    /// Begins with `GET /path HTTP/1.1`.
    pub(crate) fn request(out: &'o mut Vec<u8>, method: &str, target: &[u8]) -> HeadWriter<'o> {
        let mut writer = HeadWriter::fields_only(out);
        writer.must(is_token(method.as_bytes()), Unwritable::Method);
        writer.must(!target.is_empty() && target.iter().all(u8::is_ascii_graphic), Unwritable::Target);
        writer.put(&[method.as_bytes(), b" ", target, b" HTTP/1.1\r\n"]);
        writer
    }

    /// Begins with `HTTP/1.1 200 OK`.
    pub(crate) fn response(out: &'o mut Vec<u8>, version: Version, status: u16, reason: &[u8]) -> HeadWriter<'o> {
        let mut writer = HeadWriter::fields_only(out);
        writer.must((100..=999).contains(&status), Unwritable::Status);
        writer.must(is_value(reason), Unwritable::Reason);
        writer.put(&[version.as_str().as_bytes(), b" "]);
        writer.digits(u64::from(status));
        writer.put(&[b" ", reason, b"\r\n"]);
        writer
    }

    /// Field lines alone: trailers, stored heads.
    pub(crate) fn fields_only(out: &'o mut Vec<u8>) -> HeadWriter<'o> {
        HeadWriter { start: out.len(), out, spoiled: None, ended: false }
    }

    pub(crate) fn field(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> &mut HeadWriter<'o> {
        self.put_field(name.as_ref(), value.as_ref());
        self
    }

    pub(crate) fn field_number(&mut self, name: &str, value: u64) -> &mut HeadWriter<'o> {
        self.must(is_token(name.as_bytes()), Unwritable::FieldName);
        self.put(&[name.as_bytes(), b": "]);
        self.digits(value);
        self.put(&[b"\r\n"]);
        self
    }

    /// A value that is printed.
    pub(crate) fn field_display(&mut self, name: &str, value: impl fmt::Display) -> &mut HeadWriter<'o> {
        self.must(is_token(name.as_bytes()), Unwritable::FieldName);
        self.put(&[name.as_bytes(), b": "]);
        let from = self.out.len();
        self.print(format_args!("{value}"));
        let printed = self.out.get(from..).unwrap_or_default();
        self.must(is_value(printed), Unwritable::FieldValue);
        self.put(&[b"\r\n"]);
        self
    }

    /// Writes the empty line. Gives the length of the head.
    pub(crate) fn end(mut self) -> Result<usize, Unwritable> {
        self.put(&[b"\r\n"]);
        self.end_open()
    }

    /// Ends without the empty line, so that others can append ready field lines and end the head themselves.
    pub(crate) fn end_open(mut self) -> Result<usize, Unwritable> {
        match self.spoiled {
            Some(why) => Err(why),
            None => {
                self.ended = true;
                Ok(self.out.len() - self.start)
            }
        }
    }

    fn put_field(&mut self, name: &[u8], value: &[u8]) {
        self.must(is_token(name), Unwritable::FieldName);
        self.must(is_value(value), Unwritable::FieldValue);
        self.put(&[name, b": ", value, b"\r\n"]);
    }

    /// As `{number}` is written, which takes several times as long.
    fn digits(&mut self, number: u64) {
        let mut digits = [b'0'; 20];
        let (mut rest, mut from) = (number, digits.len());
        for digit in digits.iter_mut().rev() {
            from -= 1;
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.out.extend_from_slice(digits.get(from..).unwrap_or_default());
    }

    fn put(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.out.extend_from_slice(part);
        }
    }

    fn print(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a `Vec` fails only where a `Display` says it failed: then its line is cut short, as any value may be.
        let _ = self.out.write_fmt(text);
    }

    /// The first thing that is wrong is the one that is told.
    fn must(&mut self, holds: bool, otherwise: Unwritable) {
        if !holds {
            self.spoiled.get_or_insert(otherwise);
        }
    }
}

impl Drop for HeadWriter<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.out.truncate(self.start);
        }
    }
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unwritable::Method => "the method is not a token",
            Unwritable::Target => "the request-target holds a byte that no target may hold",
            Unwritable::Status => "the status is not in 100-999",
            Unwritable::Reason => "the reason phrase holds a byte that is not allowed there",
            Unwritable::FieldName => "a field name is not a token",
            Unwritable::FieldValue => "a field value holds a byte that is not allowed there",
        })
    }
}

impl std::error::Error for Unwritable {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_written() {
        let mut out = b"before".to_vec();
        let mut writer = HeadWriter::request(&mut out, "GET", b"/a?b");
        writer.field("Host", "x").field(b"A", b"\xff").field_number("Content-Length", 42).field("Empty", "");
        let len = writer.end().unwrap();
        let expected = b"GET /a?b HTTP/1.1\r\nHost: x\r\nA: \xff\r\nContent-Length: 42\r\nEmpty: \r\n\r\n";
        assert_eq!((&out[6..], len), (&expected[..], expected.len()));

        let mut out = Vec::new();
        HeadWriter::response(&mut out, Version::Http10, 999, b"caf\xe9").end_open().unwrap();
        assert_eq!(out, b"HTTP/1.0 999 caf\xe9\r\n");
    }

    #[test]
    fn nothing_breaks_out_of_its_line() {
        fn check(write: impl FnOnce(&mut Vec<u8>) -> Result<usize, Unwritable>, expected: Unwritable) {
            let mut out = b"before".to_vec();
            assert_eq!(write(&mut out), Err(expected));
            assert_eq!(out, b"before");
        }
        for bad in ["a\r\nb", "a\nb", "a\rb", "a\0b", "a\x7fb", "a\x1bb"] {
            check(|out| HeadWriter::request(out, bad, b"/").end(), Unwritable::Method);
            check(|out| HeadWriter::request(out, "GET", bad.as_bytes()).end(), Unwritable::Target);
            check(|out| HeadWriter::response(out, Version::Http11, 200, bad.as_bytes()).end(), Unwritable::Reason);
            let field = |out: &mut Vec<u8>, name: &str, value: &str| {
                let mut writer = HeadWriter::fields_only(out);
                writer.field("A", "b").field(name, value).field("C", "\n");
                writer.end()
            };
            check(|out| field(out, bad, "b"), Unwritable::FieldName);
            check(|out| field(out, "A", bad), Unwritable::FieldValue);
            let display = |out: &mut Vec<u8>| {
                let mut writer = HeadWriter::fields_only(out);
                writer.field_display("A", bad);
                writer.end()
            };
            check(display, Unwritable::FieldValue);
        }
        check(|out| HeadWriter::request(out, "GET", b"").end(), Unwritable::Target);
        check(|out| HeadWriter::request(out, "GET", b"/a b").end(), Unwritable::Target);
        check(|out| HeadWriter::request(out, "GET", "/\u{e9}".as_bytes()).end(), Unwritable::Target);
        check(|out| HeadWriter::response(out, Version::Http11, 99, b"").end(), Unwritable::Status);
        check(|out| HeadWriter::response(out, Version::Http11, 1000, b"").end(), Unwritable::Status);
    }

    #[test]
    fn what_is_not_ended_is_not_written() {
        let mut out = b"before".to_vec();
        drop(HeadWriter::request(&mut out, "GET", b"/"));
        assert_eq!(out, b"before");
    }
}
