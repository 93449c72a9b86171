//! Why a message may not pass, and the bounds within which that is found out.

use std::fmt;

/// How much one judgement may cost. Everything is counted, nothing is timed: the same body fares the same on every
/// board.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bounds {
    /// Bytes of a body.
    pub(crate) size: usize,
    /// Arrays and objects in each other.
    pub(crate) depth: usize,
    /// Small pieces of work, at the very most: a keyword, a member looked at, a character tried by a pattern's state. Small
    /// bodies get fewer.
    pub(crate) steps: u64,
}

/// What is left of [`Bounds::steps`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Steps(u64);

impl Steps {
    pub(super) fn new(steps: u64) -> Steps {
        Steps(steps)
    }

    pub(super) fn take(&mut self, steps: u64) -> Result<(), Unfit> {
        self.0 = self.0.checked_sub(steps).ok_or(Unfit::TooCostly)?;
        Ok(())
    }
}

/// Violations that are told of one message. Nobody mends more at once, and the answer stays small.
pub(crate) const MAX_VIOLATIONS: usize = 20;

/// One rule that one place of a message does not keep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Violation {
    /// Where: a JSON Pointer (RFC 6901) into the body, or `query.limit`, `header.x-id`.
    pub(crate) pointer: String,
    /// The keyword of the rule, as `maxLength`.
    pub(crate) keyword: &'static str,
    /// Where the rule stands in the schema; empty where there is none.
    pub(crate) schema: String,
    /// What would be right, without the value that is wrong.
    pub(crate) message: String,
}

/// Why a body is not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unfit {
    TooLarge,
    TooDeep,
    /// Not a JSON text (RFC 8259) in UTF-8; the offset of the first byte that cannot stand there.
    NotJson(usize),
    /// An object has a name twice, and whoever reads it next may believe the other one; the offset.
    Duplicate(usize),
    /// The steps are used up.
    TooCostly,
    /// Never empty, and at most [`MAX_VIOLATIONS`].
    Violations(Vec<Violation>),
}

impl Unfit {
    /// For the log.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Unfit::TooLarge => "body-too-large",
            Unfit::TooDeep => "body-too-deep",
            Unfit::NotJson(_) => "body-not-json",
            Unfit::Duplicate(_) => "body-duplicate-name",
            Unfit::TooCostly => "body-too-costly",
            Unfit::Violations(_) => "body-against-schema",
        }
    }

    /// 413 for what is too large, 400 for what is not JSON, 422 for what is, but not as it ought to be (RFC 9110
    /// §15.5.14, §15.5.1, §15.5.21).
    pub(crate) fn status(&self) -> u16 {
        match self {
            Unfit::TooLarge => 413,
            Unfit::NotJson(_) | Unfit::Duplicate(_) => 400,
            Unfit::TooDeep | Unfit::TooCostly | Unfit::Violations(_) => 422,
        }
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        match self {
            Unfit::Violations(list) => list,
            Unfit::TooLarge | Unfit::TooDeep | Unfit::NotJson(_) | Unfit::Duplicate(_) | Unfit::TooCostly => &[],
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::TooLarge => f.write_str("The body is larger than this address takes."),
            Unfit::TooDeep => f.write_str("Arrays and objects are nested deeper than this address takes."),
            Unfit::NotJson(at) => write!(f, "The body is not JSON in UTF-8, from byte {at} on."),
            Unfit::Duplicate(at) => write!(f, "An object has a name twice, at byte {at}."),
            Unfit::TooCostly => f.write_str("The body takes more work to check than this address gives to one."),
            Unfit::Violations(list) => match list.len() {
                1 => f.write_str("One place of the message is not as it ought to be."),
                count => write!(f, "{count} places of the message are not as they ought to be."),
            },
        }
    }
}
