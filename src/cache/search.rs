//! What answers have said of the queries of their paths (`No-Vary-Search`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_128;

use crate::http::Fields;
use crate::http::no_vary_search::NoVarySearch;

/// Paths that are remembered. A site has few pages that answer queries in this way.
const MOST: usize = 256;
/// Bytes that the rules of one path may take: a longer list is not remembered.
const MOST_BYTES: usize = 4 << 10;
/// For each path, the queries that were kept under their own name before the path's rules were known, …
const MOST_FIRST: usize = 4;
/// … if they are no longer than this.
const LONGEST_FIRST: usize = 256;

/// For each path, what its newest answer said of its queries: a bounded table in RAM, 2 MB at the very most.
///
/// It forgets: everything at a restart, and of more than [`MOST`] paths the one that was not asked for the longest.
/// What was stored by a name that only the table gives is then not found until some answer of that path has said so
/// again: something is asked for once more than needed, and nothing is ever answered with another query's answer.
#[derive(Default)]
pub(crate) struct SearchRules {
    /// How many there are: where there are none, as nearly everywhere, nobody takes the lock.
    count: AtomicUsize,
    table: Mutex<Table>,
}

/// Guarded by the lock of [`SearchRules`], which is held for a look-up and the making of one query.
#[derive(Default)]
struct Table {
    paths: HashMap<u128, Known>,
    /// Counts the uses.
    uses: u64,
}

struct Known {
    rules: NoVarySearch,
    used: u64,
    /// Answers whose names are not those that the rules give: what the rules would say, and the query they lie under,
    /// the newest last.
    first: Vec<(Option<String>, String)>,
}

impl SearchRules {
    /// The query that names the answer to this one. `query` is in normal form and already without what the route leaves
    /// out ([`super::KeyRules::query`]).
    pub(crate) fn query<'q>(&self, origin: &str, path: &str, query: Option<Cow<'q, str>>) -> Option<Cow<'q, str>> {
        if self.is_empty() {
            return query;
        }
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.uses += 1;
        let uses = table.uses;
        let Some(known) = table.paths.get_mut(&place(origin, path)) else { return query };
        known.used = uses;
        known.name(query.as_deref()).map(Cow::Owned)
    }

    /// Whether no answer has said anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Notes what an answer of a path says, or no longer says. For answers that are kept; `query` names this one.
    pub(crate) fn learn(&self, origin: &str, path: &str, query: Option<&str>, answer: Fields<'_>) {
        let said = NoVarySearch::of(answer).filter(|rules| rules.footprint() <= MOST_BYTES);
        if said.is_none() && self.is_empty() {
            return;
        }
        let place = place(origin, path);
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        match said {
            Some(rules) => table.enter(place, rules, query),
            None => {
                table.paths.remove(&place);
            }
        }
        self.count.store(table.paths.len(), Ordering::Relaxed);
    }
}

impl Table {
    fn enter(&mut self, place: u128, rules: NoVarySearch, query: Option<&str>) {
        self.uses += 1;
        if let Some(known) = self.paths.get_mut(&place).filter(|known| known.rules == rules) {
            known.used = self.uses;
            return known.note(query);
        }
        if !self.paths.contains_key(&place) && self.paths.len() >= MOST {
            let oldest = self.paths.iter().min_by_key(|(_, known)| known.used).map(|(place, _)| *place);
            oldest.and_then(|oldest| self.paths.remove(&oldest));
        }
        let mut known = Known { rules, used: self.uses, first: Vec::new() };
        known.note(query);
        self.paths.insert(place, known);
    }
}

impl Known {
    fn name(&self, query: Option<&str>) -> Option<String> {
        let normal = self.rules.normalise(query.unwrap_or_default());
        let first = self.first.iter().rev().find(|(name, _)| *name == normal);
        first.map(|(_, query)| query.clone()).or(normal)
    }

    /// An answer is kept under this query.
    fn note(&mut self, query: Option<&str>) {
        let Some(query) = query.filter(|query| query.len() <= LONGEST_FIRST) else { return };
        if self.name(Some(query)).as_deref() == Some(query) {
            return;
        }
        let normal = self.rules.normalise(query);
        self.first.retain(|(name, _)| *name != normal);
        if self.first.len() >= MOST_FIRST {
            self.first.remove(0);
        }
        self.first.push((normal, query.to_owned()));
    }
}

fn place(origin: &str, path: &str) -> u128 {
    xxh3_128(&[origin, path].concat().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::tests::Block;

    fn asked(rules: &SearchRules, path: &str, query: Option<&str>) -> Option<String> {
        rules.query("http://origin:80", path, query.map(Cow::Borrowed)).map(Cow::into_owned)
    }

    fn learn(rules: &SearchRules, path: &str, answer: &str) {
        rules.learn("http://origin:80", path, None, Block::new(answer).fields());
    }

    #[test]
    fn what_was_kept_before_the_rules_were_known_is_found() {
        let rules = SearchRules::default();
        let came = |query: &str, answer: &str| {
            rules.learn("http://origin:80", "/a", Some(query), Block::new(answer).fields());
        };
        let said = "No-Vary-Search: params=(\"s\")";
        came("a=1&s=1", said);
        assert_eq!(asked(&rules, "/a", Some("a=1&s=2")).as_deref(), Some("a=1&s=1"));
        assert_eq!(asked(&rules, "/a", Some("a=2&s=2")).as_deref(), Some("a=2"));
        came("a=1&s=1", said);
        came("s=1", said);
        assert_eq!(asked(&rules, "/a", None).as_deref(), Some("s=1"));
        // A few of them are remembered; the others are asked for once more.
        for number in 3..3 + MOST_FIRST {
            came(&format!("a={number}&s=1"), said);
        }
        assert_eq!(asked(&rules, "/a", Some("a=1&s=2")).as_deref(), Some("a=1"));
        assert_eq!(asked(&rules, "/a", Some("s=2&a=4")).as_deref(), Some("a=4&s=1"));
        came(&format!("a=9&s={}", "x".repeat(LONGEST_FIRST)), said);
        assert_eq!(asked(&rules, "/a", Some("a=9")).as_deref(), Some("a=9"));
        // Other rules, other names.
        came("a=1&s=1", "No-Vary-Search: key-order");
        assert_eq!(asked(&rules, "/a", Some("s=2&a=4")).as_deref(), Some("a=4&s=2"));
    }

    #[test]
    fn queries_are_named_as_the_newest_answer_says() {
        let rules = SearchRules::default();
        assert_eq!(asked(&rules, "/a", Some("x=1&utm=2")).as_deref(), Some("x=1&utm=2"));
        learn(&rules, "/a", "No-Vary-Search: params=(\"utm\")");
        assert_eq!(asked(&rules, "/a", Some("x=1&utm=2")).as_deref(), Some("x=1"));
        assert_eq!(asked(&rules, "/a", Some("utm=2")), None);
        assert_eq!(asked(&rules, "/a", None), None);
        assert_eq!(asked(&rules, "/b", Some("utm=2")).as_deref(), Some("utm=2"));
        learn(&rules, "/a", "No-Vary-Search: params");
        assert_eq!(asked(&rules, "/a", Some("x=1&utm=2")), None);
        // An answer that says nothing takes back what was said.
        learn(&rules, "/a", "");
        assert_eq!(asked(&rules, "/a", Some("x=1&utm=2")).as_deref(), Some("x=1&utm=2"));
    }

    #[test]
    fn the_table_stays_small_and_keeps_what_is_asked_for() {
        let rules = SearchRules::default();
        learn(&rules, "/kept", "No-Vary-Search: params");
        for number in 0..MOST * 2 {
            learn(&rules, &format!("/{number}"), "No-Vary-Search: params");
            assert_eq!(asked(&rules, "/kept", Some("a")), None);
        }
        assert_eq!(rules.count.load(Ordering::Relaxed), MOST);
        assert_eq!(asked(&rules, "/0", Some("a")).as_deref(), Some("a"));
        let long = format!("No-Vary-Search: params=(\"{}\")", "x".repeat(MOST_BYTES));
        learn(&rules, "/kept", &long);
        assert_eq!(asked(&rules, "/kept", Some("a")).as_deref(), Some("a"));
    }
}
