//! Field lines of a head or trailer, as spans over somebody's buffer, and the ways to ask them (RFC 9110 §5).

use std::fmt;

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

/// A block of field lines that is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BadField;

/// The field lines of one head together with the bytes they are in.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    buf: &'a [u8],
    spans: &'a [FieldSpan],
}

impl Span {
    pub(crate) fn of(self, buf: &[u8]) -> &[u8] {
        let start = usize::from(self.start);
        buf.get(start..start + usize::from(self.len)).unwrap_or_default()
    }
}

impl FieldSpans {
    /// Reads lines of `name: value CRLF` without the empty line that ends a head: stored heads, trailers. Strict.
    pub(crate) fn parse(_block: &[u8]) -> Result<FieldSpans, BadField> {
        todo!()
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

    pub(crate) fn len(self) -> usize {
        self.spans.len()
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
        self.all(name).flat_map(members)
    }

    /// Whether the list has this member, whatever its case: `fields.has_token("connection", "close")`.
    pub(crate) fn has_token(self, name: &str, token: &str) -> bool {
        self.list(name).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
    }
}

/// The members of one field value that is a comma-separated list.
pub(crate) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    value.split(|byte| *byte == b',')
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.iter().map(|(name, value)| (String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        f.debug_map().entries(lines).finish()
    }
}
