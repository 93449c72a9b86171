//! A schema in the form in which it is asked.

use super::super::json::{Divisor, Number};
use super::super::regex::Regex;
use super::format::Format;

/// Sorted.
pub(super) type Names = Box<[Box<str>]>;

/// A subschema: its place among [`super::Schema`]'s.
pub(super) type Id = u32;

/// A name, and what stands behind it.
pub(super) type Named<T> = (Box<str>, T);

/// Where a value stands: a document, and a place in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    pub(super) document: u32,
    pub(super) node: u32,
}

#[derive(Debug)]
pub(super) struct Subschema {
    pub(super) place: Place,
    /// The schema resource in which it stands (JSON Schema Core §4.3.5).
    pub(super) resource: u32,
    pub(super) rules: Rules,
}

#[derive(Debug)]
pub(super) enum Rules {
    Always,
    Never,
    /// In the order in which they are asked: what needs to know of the others comes last.
    Keywords(Box<[Rule]>),
}

#[derive(Debug)]
pub(super) enum Rule {
    Type(Types),
    /// In canonical bytes.
    Const(Box<[u8]>),
    /// In canonical bytes, sorted.
    Enum(Box<[Box<[u8]>]>),
    MultipleOf(Divisor),
    Limit(Limit, Number<'static>),
    Count(Count, usize),
    Pattern(Regex),
    Format(Format),
    UniqueItems,
    Required(Names),
    DependentRequired(Box<[Named<Names>]>),
    Ref(Id),
    /// The target, and the name by which the dynamic scope may know another one (JSON Schema Core §8.2.3.2).
    DynamicRef(Id, Option<Box<str>>),
    AllOf(Box<[Id]>),
    AnyOf(Box<[Id]>),
    OneOf(Box<[Id]>),
    Not(Id),
    If {
        condition: Id,
        then: Option<Id>,
        otherwise: Option<Id>,
    },
    DependentSchemas(Box<[Named<Id>]>),
    Items {
        first: Box<[Id]>,
        rest: Option<Id>,
    },
    Contains {
        item: Id,
        least: usize,
        most: Option<usize>,
    },
    Members(Members),
    PropertyNames(Id),
    UnevaluatedItems(Id),
    UnevaluatedProperties(Id),
}

/// `properties`, `patternProperties` and `additionalProperties` together.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Sorted by name.
    pub(super) known: Box<[Named<Id>]>,
    pub(super) patterns: Box<[(Regex, Id)]>,
    pub(super) rest: Option<Id>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Limit {
    Maximum,
    ExclusiveMaximum,
    Minimum,
    ExclusiveMinimum,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Count {
    MaxLength,
    MinLength,
    MaxItems,
    MinItems,
    MaxProperties,
    MinProperties,
}

/// A set of types.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Types(u8);

impl Types {
    /// In the order of their bits.
    const NAMES: [&str; 7] = ["null", "boolean", "number", "string", "array", "object", "integer"];

    pub(super) fn named(name: &str) -> Types {
        Types(Types::NAMES.iter().position(|known| *known == name).map_or(0, |bit| 1 << bit))
    }

    pub(super) fn and(self, other: Types) -> Types {
        Types(self.0 | other.0)
    }

    pub(super) fn meet(self, other: Types) -> bool {
        self.0 & other.0 != 0
    }

    /// `string or null`
    pub(super) fn words(self) -> String {
        let named = Types::NAMES.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1);
        named.map(|(_, name)| *name).collect::<Vec<_>>().join(" or ")
    }
}

impl Limit {
    pub(super) const ALL: [Limit; 4] =
        [Limit::Maximum, Limit::ExclusiveMaximum, Limit::Minimum, Limit::ExclusiveMinimum];

    pub(super) fn keyword(self) -> &'static str {
        match self {
            Limit::Maximum => "maximum",
            Limit::ExclusiveMaximum => "exclusiveMaximum",
            Limit::Minimum => "minimum",
            Limit::ExclusiveMinimum => "exclusiveMinimum",
        }
    }

    pub(super) fn holds(self, number: &Number<'_>, bound: &Number<'_>) -> bool {
        match self {
            Limit::Maximum => number <= bound,
            Limit::ExclusiveMaximum => number < bound,
            Limit::Minimum => number >= bound,
            Limit::ExclusiveMinimum => number > bound,
        }
    }
}

impl Count {
    pub(super) const ALL: [Count; 6] = [
        Count::MaxLength,
        Count::MinLength,
        Count::MaxItems,
        Count::MinItems,
        Count::MaxProperties,
        Count::MinProperties,
    ];

    pub(super) fn keyword(self) -> &'static str {
        match self {
            Count::MaxLength => "maxLength",
            Count::MinLength => "minLength",
            Count::MaxItems => "maxItems",
            Count::MinItems => "minItems",
            Count::MaxProperties => "maxProperties",
            Count::MinProperties => "minProperties",
        }
    }

    pub(super) fn is_most(self) -> bool {
        matches!(self, Count::MaxLength | Count::MaxItems | Count::MaxProperties)
    }

    pub(super) fn unit(self) -> &'static str {
        match self {
            Count::MaxLength | Count::MinLength => "characters",
            Count::MaxItems | Count::MinItems => "items",
            Count::MaxProperties | Count::MinProperties => "members",
        }
    }
}
