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

/// For each path, what its newest answer said of its queries: a bounded table in RAM, 1 MB at the very most.
///
/// It forgets: everything at a restart, and of more than [`MOST`] paths the one that was not asked for the longest.
/// What was stored by a name that only the table gives is then not found until some answer of that path has said so
/// again. What was stored before the table knew a path lies under its own query and is found by that. Either way
/// something is asked for once more than needed, and nothing is ever answered with another query's answer.
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
}

impl SearchRules {
    /// The query that names the answer to this one. `query` is in normal form and already without what the route leaves
    /// out ([`super::KeyRules::query`]).
    pub(crate) fn query<'q>(&self, origin: &str, path: &str, query: Option<Cow<'q, str>>) -> Option<Cow<'q, str>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return query;
        }
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.uses += 1;
        let uses = table.uses;
        let Some(known) = table.paths.get_mut(&place(origin, path)) else { return query };
        known.used = uses;
        known.rules.normalise(query.as_deref().unwrap_or_default()).map(Cow::Owned)
    }

    /// Notes what an answer of a path says, or no longer says. For answers that are kept, before they get their name.
    pub(crate) fn learn(&self, origin: &str, path: &str, answer: Fields<'_>) {
        let said = NoVarySearch::of(answer).filter(|rules| rules.footprint() <= MOST_BYTES);
        if said.is_none() && self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let place = place(origin, path);
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        match said {
            Some(rules) => table.enter(place, rules),
            None => {
                table.paths.remove(&place);
            }
        }
        self.count.store(table.paths.len(), Ordering::Relaxed);
    }
}

impl Table {
    fn enter(&mut self, place: u128, rules: NoVarySearch) {
        self.uses += 1;
        if !self.paths.contains_key(&place) && self.paths.len() >= MOST {
            let oldest = self.paths.iter().min_by_key(|(_, known)| known.used).map(|(place, _)| *place);
            oldest.and_then(|oldest| self.paths.remove(&oldest));
        }
        self.paths.insert(place, Known { rules, used: self.uses });
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
        rules.learn("http://origin:80", path, Block::new(answer).fields());
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
