//! Finding the end of a head in bytes that arrive in pieces, each byte looked at once.

use super::refused::Flaw;

/// Spans are 16 bits wide, so no head may be longer, whatever a configuration says.
pub(crate) const MAX_HEAD: usize = u16::MAX as usize;

/// What a head may cost. Enforced while it still arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct HeadLimits {
    /// Bytes of the whole head; more than [`MAX_HEAD`] counts as [`MAX_HEAD`].
    pub(crate) head: usize,
    /// Field lines; more than [`super::MAX_FIELDS`] counts as that.
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
pub(crate) enum Parse<T> {
    Complete(T),
    /// Read more, and parse again from the same first byte with the same [`Scan`].
    Partial,
}

/// How far a head has been looked at. Begin each head with `Scan::default()` and hand the same one in until it is complete.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Scan {
    at: usize,
    line_start: usize,
    lines: usize,
}

impl Scan {
    #[allow(dead_code)]
    pub(super) fn advance(&mut self, _buf: &[u8], _limits: &HeadLimits) -> Result<Option<usize>, Flaw> {
        todo!()
    }
}
