//! What would be right, in a few words. The value that is not is never repeated: it may be personal.

use super::rule::{Count, Limit, Rule};

pub(super) fn assertion(rule: &Rule) -> String {
    match rule {
        Rule::Type(types) => format!("must be {}", types.words()),
        Rule::Const(_) => "must be the one value that is allowed".to_owned(),
        Rule::Enum(values) => format!("must be one of the {} values that are allowed", values.len()),
        Rule::MultipleOf(divisor) => format!("must be a multiple of {divisor}"),
        Rule::Limit(limit, bound) => format!("must be {} {bound}", limit_words(*limit)),
        Rule::Count(count, bound) => count_words(*count, *bound),
        Rule::Pattern(_) => "must match the pattern".to_owned(),
        Rule::Format(format) => format!("must be in the format {}", format.name()),
        _ => "must not have the same item twice".to_owned(),
    }
}

pub(super) fn not() -> String {
    "fits what it must not be".to_owned()
}

pub(super) fn any_of() -> String {
    "fits none of the ways it may be".to_owned()
}

pub(super) fn more_than_one() -> String {
    "fits more than one of the ways it may be".to_owned()
}

pub(super) fn too_few(least: usize) -> String {
    format!("needs at least {least} of a certain item")
}

pub(super) fn too_many(most: usize) -> String {
    format!("must have at most {most} of a certain item")
}

fn limit_words(limit: Limit) -> &'static str {
    match limit {
        Limit::Maximum => "at most",
        Limit::ExclusiveMaximum => "less than",
        Limit::Minimum => "at least",
        Limit::ExclusiveMinimum => "more than",
    }
}

fn count_words(count: Count, bound: usize) -> String {
    let words = if count.is_most() { "at most" } else { "at least" };
    format!("must have {words} {bound} {}", count.unit())
}
