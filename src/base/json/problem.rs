//! What is wrong with a text, and where.

use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct JsonProblem {
    pub(crate) wrong: JsonWrong,
    /// The byte, counted from 0.
    pub(crate) at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum JsonWrong {
    /// Not UTF-8 (RFC 8259 §8.1).
    Utf8,
    /// Something else than JSON has there.
    Syntax,
    /// The text ends too early.
    Short,
    /// Something comes behind the value.
    Behind,
    /// A number as JSON does not write it (§6).
    Number,
    /// A control character in a string (§7).
    Control,
    /// A backslash before what it cannot escape, or half a surrogate pair.
    Escape,
    /// A name that the object has already.
    Twice,
    TooDeep,
    TooMany,
}

impl fmt::Display for JsonProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.wrong {
            JsonWrong::Utf8 => "bytes that are not UTF-8",
            JsonWrong::Syntax => "something that is not JSON",
            JsonWrong::Short => "the end, where more must come",
            JsonWrong::Behind => "something behind the value",
            JsonWrong::Number => "a number that is not written as in JSON",
            JsonWrong::Control => "a control character in a string",
            JsonWrong::Escape => "a backslash that escapes nothing",
            JsonWrong::Twice => "a name that the object has already",
            JsonWrong::TooDeep => "too many arrays and objects in each other",
            JsonWrong::TooMany => "too many values",
        };
        write!(f, "{words} at byte {}", self.at)
    }
}

impl std::error::Error for JsonProblem {}
