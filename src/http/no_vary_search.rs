//! `No-Vary-Search`: which parts of a query make no difference to an answer (the HTTP Working Group's draft of that
//! name: a dictionary of `key-order`, `params` and `except`).

use super::fields::Fields;
use super::structured::{self, Dictionary, Item, Member};
use super::target;

/// What a query is compared by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NoVarySearch {
    /// The order of parameters with different names means something.
    ordered: bool,
    ignored: Ignored,
}

/// Parameters that mean nothing. Names as they are read: without percent-encoding, `+` a blank.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Ignored {
    These(Vec<Vec<u8>>),
    AllBut(Vec<Vec<u8>>),
}

impl NoVarySearch {
    /// `None` where there is no such field, it is not as it is defined, or it says that everything counts.
    pub(crate) fn of(fields: Fields<'_>) -> Option<NoVarySearch> {
        let found = structured::dictionary(fields, "no-vary-search")?;
        let ordered = match found.get("key-order") {
            None => true,
            Some(Member::Item(Item::Boolean(free))) => !free,
            Some(Member::Item(_) | Member::List(_)) => return None,
        };
        let ignored = ignored(&found)?;
        let counts_all = ordered && ignored == Ignored::These(Vec::new());
        (!counts_all).then_some(NoVarySearch { ordered, ignored })
    }

    /// The one form of all queries that bring the same answer; `None` where nothing is left that counts. Not what any
    /// of them was sent as: a name for what is stored, and no more.
    pub(crate) fn normalise(&self, query: &str) -> Option<String> {
        let mut kept: Vec<(Vec<u8>, Vec<u8>)> = query
            .split('&')
            .filter(|piece| !piece.is_empty())
            .map(pair)
            .filter(|(name, _)| self.counts(name))
            .collect();
        if !self.ordered {
            // Values of one name keep their order.
            kept.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        let texts: Vec<String> = kept.iter().map(|(name, value)| [encoded(name), encoded(value)].join("=")).collect();
        (!texts.is_empty()).then(|| texts.join("&"))
    }

    /// Bytes it takes in RAM beside itself, roughly.
    pub(crate) fn footprint(&self) -> usize {
        let (Ignored::These(names) | Ignored::AllBut(names)) = &self.ignored;
        names.iter().map(|name| name.capacity() + size_of::<Vec<u8>>()).sum()
    }

    fn counts(&self, name: &Vec<u8>) -> bool {
        match &self.ignored {
            Ignored::These(names) => !names.contains(name),
            Ignored::AllBut(names) => names.contains(name),
        }
    }
}

/// `None`: not as it is defined, and so nothing of the field holds.
fn ignored(found: &Dictionary<'_>) -> Option<Ignored> {
    let params = match found.get("params") {
        None | Some(Member::Item(Item::Boolean(false))) => Ignored::These(Vec::new()),
        Some(Member::Item(Item::Boolean(true))) => Ignored::AllBut(Vec::new()),
        Some(Member::List(items)) => Ignored::These(names(items)?),
        Some(Member::Item(_)) => return None,
    };
    match (found.get("except"), params) {
        (None, params) => Some(params),
        (Some(Member::List(items)), Ignored::AllBut(_)) => Some(Ignored::AllBut(names(items)?)),
        (Some(_), _) => None,
    }
}

/// Strings alone; each is written as in a query.
fn names(items: &[Item<'_>]) -> Option<Vec<Vec<u8>>> {
    let name = |item: &Item<'_>| match item {
        Item::String(text) => Some(read(&structured::unescaped(text))),
        Item::Integer(_) | Item::Boolean(_) | Item::Token(_) | Item::Other => None,
    };
    items.iter().map(name).collect()
}

/// A parameter as forms write it (application/x-www-form-urlencoded).
fn pair(piece: &str) -> (Vec<u8>, Vec<u8>) {
    let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
    (read(name), read(value))
}

fn read(text: &str) -> Vec<u8> {
    target::decode(&text.replace('+', " ")).into_owned()
}

fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    bytes.iter().for_each(|byte| target::push(&mut text, *byte, target::is_unreserved));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    fn rules(value: &str) -> Option<NoVarySearch> {
        let block = format!("No-Vary-Search: {value}\r\n");
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        NoVarySearch::of(Fields::new(block.as_bytes(), spans.as_slice()))
    }

    #[test]
    fn queries_that_bring_the_same_have_one_form() {
        fn check(value: &str, query: &str, expected: Option<&str>) {
            let found = rules(value).unwrap_or_else(|| panic!("{value} is not read")).normalise(query);
            assert_eq!(found.as_deref(), expected, "{value}: {query}");
        }
        check("params", "a=1&b=2", None);
        check("params, except=(\"q\")", "a=1&q=2&b=3&q=4", Some("q=2&q=4"));
        check("params=(\"utm\" \"x y\")", "a=1&utm=2&x+y=3&x%20y=4&z", Some("a=1&z="));
        check("params=(\"utm\"), key-order", "b=2&utm&a=1&b=1", Some("a=1&b=2&b=1"));
        check("key-order", "b=2&a=1", Some("a=1&b=2"));
        check("key-order", "", None);
        check("key-order, params=?0", "b&a", Some("a=&b="));
        check("key-order=?0, params=(\"a\")", "c=1&b=2", Some("c=1&b=2"));
        // One parameter in many spellings.
        check("params=(\"x\")", "a+b=c/d", Some("a%20b=c%2Fd"));
        check("params=(\"x\")", "a%20b=c%2Fd&&", Some("a%20b=c%2Fd"));
        check("params=(\"x\")", "a=b=c", Some("a=b%3Dc"));
        check("params=(\"%C3%BC\")", "%C3%BC=1", None);
        check(r#"params=("a\"b")"#, "a%22b=1", None);
        check("params=()  , key-order;x=y", "b&a", Some("a=&b="));
    }

    #[test]
    fn what_is_not_as_defined_changes_nothing() {
        for value in [
            "",
            "params=?0",
            "params=()",
            "key-order=?0",
            "key-order=1",
            "key-order=(\"a\")",
            "params=\"a\"",
            "params=a",
            "params=(a)",
            "params=(\"a\" 1)",
            "params, except",
            "params, except=\"a\"",
            "params, except=(a)",
            "params=(\"a\"), except=(\"b\")",
            "except=(\"a\")",
            "params=(\"a\"",
            "unknown",
        ] {
            assert_eq!(rules(value), None, "{value}");
        }
    }
}
