//! Finding the end of a head in bytes that arrive in pieces, each byte looked at once.

use super::fields::MAX_FIELDS;
use super::refused::Flaw;

/// Spans are 16 bits wide, so no head may be longer, whatever a configuration says. Two bytes are left for an empty
/// line before a request.
pub(crate) const MAX_HEAD: usize = u16::MAX as usize - 2;

/// What a head may cost. Enforced while it still arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct HeadLimits {
    /// Bytes of the whole head; more than [`MAX_HEAD`] counts as [`MAX_HEAD`].
    pub(crate) head: usize,
    /// Field lines; more than [`MAX_FIELDS`] counts as that.
    pub(crate) fields: usize,
    /// Bytes of the request-target.
    pub(crate) target: usize,
}

impl Default for HeadLimits {
    fn default() -> HeadLimits {
        HeadLimits { head: 32 << 10, fields: 100, target: 8 << 10 }
    }
}

/// Whether a head is all there.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a head is read into its place on the stack; a box would cost an allocation"
)]
pub(crate) enum Parse<T> {
    Complete(T),
    /// Read more, and parse again from the same first byte with the same [`Scan`].
    Partial,
}

/// How far a head has been looked at. Begin each head with `Scan::default()` and hand the same one in until it is complete.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Scan {
    /// Everything before is looked at.
    at: usize,
    /// Where the line that `at` is in begins.
    line_start: usize,
    /// Where the first line ends, once it did: its length without CRLF.
    first_line: Option<usize>,
    /// Whole lines behind the first.
    fields: usize,
}

impl Scan {
    /// Looks at what is new in `bytes`. Gives the length of the head, its empty line included, once it is all there.
    ///
    /// A line ends with CRLF and nothing else: a lone LF would let others see lines where we see none (RFC 9112 §2.2).
    pub(super) fn advance(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Flaw> {
        let limit = limits.head.min(MAX_HEAD);
        let window = bytes.get(..limit).unwrap_or(bytes);
        while let Some(at) = next_control(window, self.at) {
            match window.get(at..).unwrap_or_default() {
                [b'\t', ..] => self.at = at + 1,
                [b'\r', b'\n', ..] if at == self.line_start => return Ok(Some(at + 2)),
                [b'\r', b'\n', ..] => self.end_line(at, limits)?,
                [b'\r'] => {
                    self.at = at;
                    return self.partial(bytes, limit);
                }
                [b'\r', ..] => return Err(Flaw::BareCr),
                [b'\n', ..] => return Err(Flaw::BareLf),
                _ => return Err(Flaw::Control),
            }
        }
        self.at = window.len();
        self.partial(bytes, limit)
    }

    /// How long the first line is, or already is.
    pub(super) fn first_line(&self, bytes: &[u8]) -> usize {
        self.first_line.unwrap_or(bytes.len())
    }

    fn end_line(&mut self, at: usize, limits: &HeadLimits) -> Result<(), Flaw> {
        self.at = at + 2;
        self.line_start = self.at;
        if self.first_line.is_none() {
            self.first_line = Some(at);
            return Ok(());
        }
        self.fields += 1;
        if self.fields > limits.fields.min(MAX_FIELDS) { Err(Flaw::TooManyFields) } else { Ok(()) }
    }

    fn partial(&self, bytes: &[u8], limit: usize) -> Result<Option<usize>, Flaw> {
        if bytes.len() >= limit { Err(Flaw::HeadTooLarge) } else { Ok(None) }
    }
}

/// The place of the next byte below space, from `from` on. Looks at a word at a time: heads are read in one pass at
/// little more than the speed of memory, on boards too.
fn next_control(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let (words, tail) = rest.as_chunks::<{ size_of::<usize>() }>();
    let mut at = from;
    for word in words {
        let controls = controls(usize::from_le_bytes(*word));
        if controls != 0 {
            return Some(at + controls.trailing_zeros() as usize / 8);
        }
        at += size_of::<usize>();
    }
    tail.iter().position(|byte| *byte < b' ').map(|place| at + place)
}

/// The high bit of each byte below space. Bytes above the lowest such byte may be marked falsely by its borrow; the
/// lowest is exact.
fn controls(word: usize) -> usize {
    const ONES: usize = usize::MAX / 0xff;
    word.wrapping_sub(ONES * b' ' as usize) & !word & (ONES * 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { head: 200, fields: 4, target: 100 };

    fn check(bytes: &[u8], expected: Result<Option<usize>, Flaw>) {
        assert_eq!(Scan::default().advance(bytes, &LIMITS), expected, "{:?}", bytes.escape_ascii().to_string());
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        check(b"", Ok(None));
        check(b"GET / HTTP/1.1\r\n\r\n", Ok(Some(18)));
        check(b"GET / HTTP/1.1\r\nA: b\r\n\r\nbody\n\0", Ok(Some(24)));
        check(b"GET / HTTP/1.1\r\nA:\tb\r\n\r", Ok(None));
        check(b"\r\n", Ok(Some(2)));
    }

    #[test]
    fn lone_line_ends_and_controls_are_refused_at_once() {
        check(b"GET / HTTP/1.1\n", Err(Flaw::BareLf));
        check(b"GET / HTTP/1.1\r\nA: b\n", Err(Flaw::BareLf));
        check(b"GET / HTTP/1.1\r\nA: b\rc", Err(Flaw::BareCr));
        check(b"GET / HTTP/1.1\r\nA: b\r\r\n", Err(Flaw::BareCr));
        check(b"GET / HTTP/1.1\r\nA: b\0", Err(Flaw::Control));
        check(b"\x16\x03\x01\x02\x00\x01", Err(Flaw::Control));
    }

    #[test]
    fn limits_hold_while_the_head_arrives() {
        check(&[b'a'; 199], Ok(None));
        check(&[b'a'; 200], Err(Flaw::HeadTooLarge));
        check(b"a\r\nb:1\r\nb:2\r\nb:3\r\nb:4\r\n\r\n", Ok(Some(25)));
        check(b"a\r\nb:1\r\nb:2\r\nb:3\r\nb:4\r\nb:5\r\n", Err(Flaw::TooManyFields));
        let mut exactly = vec![b'a'; 196];
        exactly.extend_from_slice(b"\r\n\r\n");
        check(&exactly, Ok(Some(200)));
        exactly.insert(0, b'a');
        check(&exactly, Err(Flaw::HeadTooLarge));
    }

    #[test]
    fn every_way_of_arriving_gives_the_same() {
        for bytes in [
            &b"GET /some/longer/path HTTP/1.1\r\nHost: school.example\r\nA:\tb\r\n\r\nrest"[..],
            b"GET /some/longer/path HTTP/1.1\r\nHost: school\n.example\r\n\r\n",
            b"GET /some/longer/path HTTP/1.1\r\nHost: school\r.example\r\n\r\n",
            b"a\r\nb:1\r\nb:2\r\nb:3\r\nb:4\r\nb:5\r\n\r\n",
        ] {
            let whole = Scan::default().advance(bytes, &LIMITS);
            for step in 1..bytes.len() {
                let mut scan = Scan::default();
                let ends = (step..bytes.len()).step_by(step).chain([bytes.len()]);
                let last = ends.map(|end| scan.advance(&bytes[..end], &LIMITS)).find(|found| *found != Ok(None));
                assert_eq!(last, Some(whole), "in steps of {step}");
            }
        }
    }

    #[test]
    fn controls_are_found_at_every_place() {
        for place in 0..40 {
            for control in (0..b' ').chain([b' ', b'~', 0x7f, 0x80, 0xff]) {
                let mut bytes = [0xe0_u8; 40];
                bytes[place] = control;
                let expected = (control < b' ').then_some(place);
                assert_eq!(next_control(&bytes, 0), expected, "{control} at {place}");
            }
        }
    }
}
