//! Entity tags (RFC 9110 §8.8.3).

use super::fields::Fields;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EntityTag<'a> {
    pub(crate) weak: bool,
    /// Without the quotes.
    pub(crate) opaque: &'a [u8],
}

/// How two tags are compared (RFC 9110 §8.8.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    Strong,
    Weak,
}

/// What a list of tags says about one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ListMatch {
    Absent,
    Matches,
    Differs,
}

pub(crate) fn parse(_value: &[u8]) -> Option<EntityTag<'_>> {
    todo!()
}

impl EntityTag<'_> {
    pub(crate) fn strong_eq(&self, other: &EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    pub(crate) fn weak_eq(&self, other: &EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// Whether `If-Match` or `If-None-Match` (`name`) has this tag; `*` matches also where there is none.
pub(crate) fn list_match(_fields: Fields<'_>, _name: &str, _tag: Option<EntityTag<'_>>, _how: Comparison) -> ListMatch {
    todo!()
}
