//! The tree.

use std::borrow::Cow;

/// A value. Strings borrow from the text but where they have escapes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number<'a>),
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    /// In the order of the text; no name is there twice.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// A number as it is written; its text follows the grammar of RFC 8259 §6. Equality is that of the texts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Number<'a>(pub(super) &'a str);

impl<'a> Json<'a> {
    /// The value of a member; none where this is no object or has no such member.
    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.members().iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// The members of an object; none of anything else.
    pub(crate) fn members(&self) -> &[(Cow<'a, str>, Json<'a>)] {
        if let Json::Object(members) = self { members } else { &[] }
    }

    /// The items of an array; none of anything else.
    pub(crate) fn items(&self) -> &[Json<'a>] {
        if let Json::Array(items) = self { items } else { &[] }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Json::String(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        if let Json::Bool(value) = self { Some(*value) } else { None }
    }

    pub(crate) fn as_number(&self) -> Option<Number<'a>> {
        if let Json::Number(number) = self { Some(*number) } else { None }
    }
}

impl<'a> Number<'a> {
    pub(crate) fn text(self) -> &'a str {
        self.0
    }

    /// The number where it is written as an integer that fits.
    pub(crate) fn as_i64(self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The nearest one; infinite where it is too great.
    pub(crate) fn as_f64(self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }
}
