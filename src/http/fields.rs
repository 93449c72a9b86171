//! Field lines of a head or trailer, as spans over somebody's buffer, and the ways to ask them (RFC 9110 §5).

use std::fmt;

use super::bytes;
use super::refused::Flaw;

/// The most field lines of one head. 128 lines cost 1 KB of spans; browsers send about 20.
pub(crate) const MAX_FIELDS: usize = 128;

/// A piece of a head.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Span {
    pub(crate) start: u16,
    pub(crate) len: u16,
}

/// Where one field line's name and value are. The value has no white space around it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct FieldSpan {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// The field lines of one head, in order, held in place.
#[derive(Clone, Default, Debug)]
pub(crate) struct FieldSpans {
    list: heapless::Vec<FieldSpan, MAX_FIELDS>,
}

/// A field that may come once came more often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Repeated;

/// Why a block of field lines cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadField {
    Flaw(Flaw),
    /// More than [`MAX_FIELDS`] lines, or more bytes than a [`Span`] reaches.
    TooMuch,
}

/// The field lines of one head together with the bytes they are in.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    buf: &'a [u8],
    spans: &'a [FieldSpan],
}

impl Span {
    /// Where `part`, a piece of `buf`, is in it; `None` where 16 bits do not reach.
    pub(super) fn within(buf: &[u8], part: &[u8]) -> Option<Span> {
        let start = part.as_ptr().addr().checked_sub(buf.as_ptr().addr())?;
        Some(Span { start: u16::try_from(start).ok()?, len: u16::try_from(part.len()).ok()? })
    }

    pub(crate) fn of(self, buf: &[u8]) -> &[u8] {
        let start = usize::from(self.start);
        buf.get(start..start + usize::from(self.len)).unwrap_or_default()
    }
}

impl FieldSpans {
    /// Reads lines of `name: value CRLF`, without the empty line that ends a head: trailers, stored heads.
    pub(crate) fn parse(block: &[u8]) -> Result<FieldSpans, BadField> {
        let mut spans = FieldSpans::default();
        let mut start = 0;
        while let Some(rest) = block.get(start..).filter(|rest| !rest.is_empty()) {
            let len = rest.iter().position(|byte| *byte == b'\n').ok_or(BadField::Flaw(Flaw::BareCr))?;
            let Some([line @ .., b'\r']) = rest.get(..len) else {
                return Err(BadField::Flaw(Flaw::BareLf));
            };
            let (name, value) = split_line(line).map_err(BadField::Flaw)?;
            spans.push(block, name, value)?;
            start += len + 1;
        }
        Ok(spans)
    }

    /// Adds a field whose parts lie in `buf`.
    pub(super) fn push(&mut self, buf: &[u8], name: &[u8], value: &[u8]) -> Result<(), BadField> {
        let parts = Span::within(buf, name).zip(Span::within(buf, value));
        let (name, value) = parts.ok_or(BadField::TooMuch)?;
        self.list.push(FieldSpan { name, value }).map_err(|_| BadField::TooMuch)
    }

    pub(crate) fn as_slice(&self) -> &[FieldSpan] {
        &self.list
    }
}

impl<'a> Fields<'a> {
    pub(crate) const NONE: Fields<'static> = Fields { buf: &[], spans: &[] };

    pub(crate) fn new(buf: &'a [u8], spans: &'a [FieldSpan]) -> Fields<'a> {
        Fields { buf, spans }
    }

    /// Names and values in the order they came.
    pub(crate) fn iter(self) -> impl DoubleEndedIterator<Item = (&'a [u8], &'a [u8])> + Clone {
        self.spans.iter().map(move |field| (field.name.of(self.buf), field.value.of(self.buf)))
    }

    /// The value of the first line of this name. Names are matched whatever their case.
    pub(crate) fn first(self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The values of all lines of this name.
    pub(crate) fn all<'n>(self, name: &'n str) -> impl DoubleEndedIterator<Item = &'a [u8]> + Clone + use<'a, 'n> {
        self.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    pub(crate) fn contains(self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The value of a field that may come only once.
    pub(crate) fn sole(self, name: &str) -> Result<Option<&'a [u8]>, Repeated> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() { Err(Repeated) } else { Ok(first) }
    }

    /// The members of a comma-separated list over all lines of this name (RFC 9110 §5.6.1), without white space around
    /// them; empty members are left out and commas inside quoted strings do not separate.
    pub(crate) fn list<'n>(self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a, 'n> {
        self.all(name).flat_map(bytes::members)
    }

    /// The lines whose name is not to be hidden, for a view in which the others never were.
    pub(crate) fn without(self, hidden: impl Fn(&[u8]) -> bool) -> FieldSpans {
        let mut spans = FieldSpans::default();
        for span in self.spans.iter().filter(|span| !hidden(span.name.of(self.buf))) {
            // As many at most as there are, which fit.
            let _ = spans.list.push(*span);
        }
        spans
    }

    /// The bytes that the lines are in.
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.buf
    }

    /// Whether the list has this member, whatever its case: `fields.has_token("connection", "close")`.
    pub(crate) fn has_token(self, name: &str, token: &str) -> bool {
        self.list(name).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
    }
}

/// Whether a field is another one than `known` to us, but the same to software that takes `-` and `_` for one (CGI,
/// WSGI) or skips them: `X_Forwarded_For`.
pub(crate) fn looks_like(name: &[u8], known: &str) -> bool {
    name.len() + 2 >= known.len()
        && !name.eq_ignore_ascii_case(known.as_bytes())
        && letters(name).eq(letters(known.as_bytes()))
}

fn letters(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter().filter(|byte| !matches!(byte, b'-' | b'_')).map(u8::to_ascii_lowercase)
}

/// The lines of a whole head, without their CRLF and without the empty line at the end.
pub(super) fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = head.strip_suffix(b"\r\n\r\n").unwrap_or(head);
    lines.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// Takes one field line, without its CRLF, apart; says what is wrong with it (RFC 9112 §5.1, §5.2).
pub(super) fn split_line(line: &[u8]) -> Result<(&[u8], &[u8]), Flaw> {
    if matches!(line, [b' ' | b'\t', ..]) {
        return Err(Flaw::Fold);
    }
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Flaw::FieldName)?;
    let (name, value) = line.split_at_checked(colon).ok_or(Flaw::FieldName)?;
    if matches!(name, [.., b' ' | b'\t']) {
        return Err(Flaw::SpaceBeforeColon);
    }
    if !bytes::is_token(name) {
        return Err(Flaw::FieldName);
    }
    let value = bytes::trim(value.get(1..).unwrap_or_default());
    if bytes::is_value(value) { Ok((name, value)) } else { Err(Flaw::FieldValue) }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.iter().map(|(name, value)| (String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        f.debug_map().entries(lines).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(block: &str, ask: impl FnOnce(Fields<'_>) -> T) -> T {
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        ask(Fields::new(block.as_bytes(), spans.as_slice()))
    }

    #[test]
    fn hidden_lines_never_were() {
        with("A: 1\r\nB: 2\r\nb: 3\r\nC: 4\r\n", |fields| {
            let left = fields.without(|name| name.eq_ignore_ascii_case(b"b"));
            let left = Fields::new(fields.bytes(), left.as_slice());
            assert_eq!(left.iter().collect::<Vec<_>>(), [(&b"A"[..], &b"1"[..]), (b"C", b"4")]);
        });
    }

    #[test]
    fn names_match_whatever_their_case_and_order_is_kept() {
        with("Accept: a\r\nX:\r\nACCEPT:\t b \r\n", |fields| {
            assert_eq!(fields.first("accept"), Some(&b"a"[..]));
            assert_eq!(fields.all("Accept").collect::<Vec<_>>(), [b"a", b"b"]);
            assert_eq!(fields.first("x"), Some(&b""[..]));
            assert_eq!(fields.sole("accept"), Err(Repeated));
            assert_eq!(fields.sole("x"), Ok(Some(&b""[..])));
            assert_eq!(fields.sole("y"), Ok(None));
            assert_eq!(fields.iter().map(|(name, _)| name).collect::<Vec<_>>(), [&b"Accept"[..], b"X", b"ACCEPT"]);
            assert_eq!((fields.iter().count(), fields.contains("y")), (3, false));
        });
    }

    #[test]
    fn lists_run_over_all_lines() {
        with("Connection: keep-alive, Upgrade\r\nA: b\r\nconnection: ,X\r\n", |fields| {
            let members: Vec<&[u8]> = fields.list("connection").collect();
            assert_eq!(members, [&b"keep-alive"[..], b"Upgrade", b"X"]);
            assert!(fields.has_token("connection", "upgrade"));
            assert!(!fields.has_token("connection", "grade"));
        });
    }

    #[test]
    fn names_that_others_take_for_another_are_seen() {
        for (name, expected) in [
            ("X_Forwarded_For", true),
            ("xforwardedfor", true),
            ("X-Forwarded--For", true),
            ("x-forwarded-for", false),
            ("X-Forwarded-Fo", false),
            ("X-Forwarded-Form", false),
        ] {
            assert_eq!(looks_like(name.as_bytes(), "X-Forwarded-For"), expected, "{name}");
        }
    }

    #[test]
    fn only_field_lines_are_a_block() {
        fn check(block: &[u8], expected: BadField) {
            assert_eq!(FieldSpans::parse(block).unwrap_err(), expected, "{:?}", block.escape_ascii().to_string());
        }
        check(b"A: b", BadField::Flaw(Flaw::BareCr));
        check(b"A: b\n", BadField::Flaw(Flaw::BareLf));
        check(b"A: b\r\n c\r\n", BadField::Flaw(Flaw::Fold));
        check(b"A : b\r\n", BadField::Flaw(Flaw::SpaceBeforeColon));
        check(b": b\r\n", BadField::Flaw(Flaw::FieldName));
        check(b"A(: b\r\n", BadField::Flaw(Flaw::FieldName));
        check(b"A\r\n", BadField::Flaw(Flaw::FieldName));
        check(b"\r\n", BadField::Flaw(Flaw::FieldName));
        check(b"A: b\rc\r\n", BadField::Flaw(Flaw::FieldValue));
        check(b"A: b\x7f\r\n", BadField::Flaw(Flaw::FieldValue));
        check(&b"A: b\r\n".repeat(MAX_FIELDS + 1), BadField::TooMuch);
        check(&[b"A: b\r\n".as_slice(), b"B: ", &[b'c'; 1 << 16], b"\r\n"].concat(), BadField::TooMuch);
        assert!(FieldSpans::parse(&b"A: b\r\n".repeat(MAX_FIELDS)).is_ok());
        assert!(FieldSpans::parse("A: \u{00e9}\r\n".as_bytes()).is_ok());
    }
}
