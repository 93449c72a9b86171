//! Host names and their addresses, remembered.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event_listener::Event;

use crate::base::Mono;
use crate::net::{Clock, within};

/// An answer is believed for this long.
const FRESH: Duration = Duration::from_secs(60);
/// After a failure the resolver is left alone for this long.
const QUIET: Duration = Duration::from_secs(5);
/// A name whose last addresses are known does not wait longer for a resolver that is slow to fail.
const GRACE: Duration = Duration::from_secs(1);
/// Names remembered: more than any configuration has upstreams.
const MAX_NAMES: usize = 512;
/// Addresses remembered of each name.
const MAX_ADDRESSES: usize = 8;

/// Answers of the resolver: fresh for a minute, and kept for as long as the resolver fails.
pub(crate) struct Names {
    shared: Arc<Shared>,
}

type Resolver = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

struct Shared {
    clock: Arc<Clock>,
    resolve: Box<Resolver>,
    /// Guards the table for one look-up or one answer.
    table: Mutex<Table>,
    answered: Event,
}

impl Names {
    /// With the system's resolver.
    pub(crate) fn system(clock: Arc<Clock>) -> Arc<Names> {
        Names::with_resolver(clock, |name| {
            (name, 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect())
        })
    }

    /// With another one; it may block.
    pub(crate) fn with_resolver(
        clock: Arc<Clock>,
        resolve: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Arc<Names> {
        let (table, answered) = (Mutex::new(Table::default()), Event::new());
        Arc::new(Names { shared: Arc::new(Shared { clock, resolve: Box::new(resolve), table, answered }) })
    }

    /// The addresses of a name, or of an address itself. Waits for the resolver no longer than `span`.
    pub(super) async fn lookup(&self, name: &str, span: Duration) -> Result<Arc<[IpAddr]>, String> {
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(Arc::new([address]));
        }
        let shared = &self.shared;
        let until = shared.clock.mono().after(span);
        loop {
            let answer = shared.answered.listen();
            let now = shared.clock.mono();
            let patience = match shared.lock().find(name, now) {
                Found::Known(addresses) => return Ok(addresses),
                Found::Unknown(why) => return Err(why),
                Found::Ask(patience) => {
                    shared.ask(name);
                    patience
                }
                Found::Asking(patience) => patience,
            };
            let left = until.since(now);
            if within(patience.min(left), answer).await.is_err() && patience >= left {
                return shared.lock().last_good(name).ok_or_else(|| "the resolver does not answer".to_owned());
            }
        }
    }

    /// What is known, as text: one line per name, the name followed by its addresses.
    pub(crate) fn export(&self) -> String {
        self.shared.lock().export()
    }

    /// Takes what [`Names::export`] wrote earlier, as answers that are no longer fresh; lines that cannot be read are
    /// passed over.
    pub(crate) fn import(&self, text: &str) {
        let mut table = self.shared.lock();
        text.lines().for_each(|line| table.import(line));
    }
}

impl Shared {
    /// Asks the resolver on the blocking pool; its answer is kept even when nobody waits for it any more.
    fn ask(self: &Arc<Self>, name: &str) {
        let (shared, name) = (Arc::clone(self), name.to_owned());
        smol::unblock(move || {
            let mut asking = Asking { shared, name, answer: Err("the resolver failed".to_owned()) };
            asking.answer = (asking.shared.resolve)(&asking.name).map_err(|error| error.to_string());
        })
        .detach();
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question that is out. Dropping it enters the answer, also where the resolver panicked.
struct Asking {
    shared: Arc<Shared>,
    name: String,
    answer: Result<Vec<IpAddr>, String>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let answer = std::mem::replace(&mut self.answer, Ok(Vec::new()));
        let now = self.shared.clock.mono();
        self.shared.lock().answer(&self.name, answer, now);
        self.shared.answered.notify(usize::MAX);
    }
}

/// What is known of all names.
#[derive(Default)]
struct Table {
    names: HashMap<String, Name>,
}

#[derive(Default)]
struct Name {
    /// The last good answer; empty where there never was one.
    addresses: Arc<[IpAddr]>,
    fresh_until: Mono,
    /// After a failure: when the resolver may be asked again.
    ask_again: Mono,
    asked: Option<Mono>,
    why: String,
}

enum Found {
    Known(Arc<[IpAddr]>),
    Unknown(String),
    /// The caller is to ask the resolver, and to look again after so long at the latest.
    Ask(Duration),
    /// Somebody else has asked.
    Asking(Duration),
}

impl Table {
    fn find(&mut self, name: &str, now: Mono) -> Found {
        self.make_room(name);
        let entry = self.names.entry(name.to_owned()).or_default();
        if now < entry.fresh_until {
            return Found::Known(Arc::clone(&entry.addresses));
        }
        let known = !entry.addresses.is_empty();
        match entry.asked {
            Some(asked) if known && now.since(asked) >= GRACE => Found::Known(Arc::clone(&entry.addresses)),
            Some(asked) if known => Found::Asking(GRACE.saturating_sub(now.since(asked))),
            Some(_) => Found::Asking(Duration::MAX),
            None if now < entry.ask_again && known => Found::Known(Arc::clone(&entry.addresses)),
            None if now < entry.ask_again => Found::Unknown(entry.why.clone()),
            None => {
                entry.asked = Some(now);
                Found::Ask(if known { GRACE } else { Duration::MAX })
            }
        }
    }

    fn answer(&mut self, name: &str, answer: Result<Vec<IpAddr>, String>, now: Mono) {
        let Some(entry) = self.names.get_mut(name) else {
            return;
        };
        entry.asked = None;
        match answer {
            Ok(found) if !found.is_empty() => {
                entry.addresses = distinct(found);
                entry.fresh_until = now.after(FRESH);
            }
            Ok(_) => entry.failed("the name has no address".to_owned(), now),
            Err(why) => entry.failed(why, now),
        }
    }

    fn last_good(&self, name: &str) -> Option<Arc<[IpAddr]>> {
        self.names.get(name).map(|entry| Arc::clone(&entry.addresses)).filter(|known| !known.is_empty())
    }

    fn export(&self) -> String {
        let mut lines: Vec<String> = self.names.iter().filter_map(|(name, entry)| entry.line(name)).collect();
        lines.sort_unstable();
        lines.concat()
    }

    fn import(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        let (Some(name), addresses) = (words.next(), words.filter_map(|word| word.parse().ok()).collect::<Vec<_>>())
        else {
            return;
        };
        if addresses.is_empty() || self.names.len() >= MAX_NAMES {
            return;
        }
        if let Entry::Vacant(vacant) = self.names.entry(name.to_owned()) {
            vacant.insert(Name { addresses: distinct(addresses), ..Name::default() });
        }
    }

    /// Forgets the name that was resolved longest ago where the table is full.
    fn make_room(&mut self, name: &str) {
        if self.names.len() < MAX_NAMES || self.names.contains_key(name) {
            return;
        }
        let idle = self.names.iter().filter(|(_, entry)| entry.asked.is_none());
        if let Some(oldest) = idle.min_by_key(|(_, entry)| entry.fresh_until).map(|(name, _)| name.clone()) {
            self.names.remove(&oldest);
        }
    }
}

impl Name {
    fn failed(&mut self, why: String, now: Mono) {
        self.why = why;
        self.ask_again = now.after(QUIET);
    }

    fn line(&self, name: &str) -> Option<String> {
        let addresses = self.addresses.iter().map(|address| format!(" {address}")).collect::<String>();
        (!addresses.is_empty()).then(|| format!("{name}{addresses}\n"))
    }
}

fn distinct(found: Vec<IpAddr>) -> Arc<[IpAddr]> {
    let mut distinct: Vec<IpAddr> = Vec::with_capacity(MAX_ADDRESSES);
    for address in found {
        if distinct.len() < MAX_ADDRESSES && !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    distinct.into()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::base::Wall;
    use crate::net::testing::{PATIENCE, block_on};

    fn at(seconds: u64) -> Mono {
        Mono::from_millis(seconds * 1000)
    }

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// The table's answer in one word, or the addresses.
    fn find(table: &mut Table, now: Mono) -> String {
        match table.find("origin", now) {
            Found::Known(addresses) => addresses.iter().map(|address| format!("{address} ")).collect(),
            Found::Unknown(why) => why,
            Found::Ask(patience) => format!("ask {patience:?}"),
            Found::Asking(patience) => format!("wait {patience:?}"),
        }
    }

    #[test]
    fn answers_are_fresh_for_a_minute_and_then_asked_again_once() {
        let mut table = Table::default();
        assert!(find(&mut table, at(0)).starts_with("ask"));
        assert!(find(&mut table, at(0)).starts_with("wait"));
        table.answer("origin", Ok(addresses(&["10.0.0.1", "10.0.0.1", "10.0.0.2"])), at(1));
        assert_eq!(find(&mut table, at(60)), "10.0.0.1 10.0.0.2 ");
        assert_eq!(find(&mut table, at(61)), "ask 1s");
        assert_eq!(find(&mut table, at(61)), "wait 1s");
        table.answer("origin", Ok(addresses(&["10.0.0.3"])), at(62));
        assert_eq!(find(&mut table, at(63)), "10.0.0.3 ");
    }

    #[test]
    fn the_last_good_answer_is_used_while_the_resolver_fails() {
        let mut table = Table::default();
        find(&mut table, at(0));
        table.answer("origin", Ok(addresses(&["10.0.0.1"])), at(0));
        assert!(find(&mut table, at(100)).starts_with("ask"));
        assert_eq!(find(&mut table, at(101)), "10.0.0.1 ", "a slow resolver is not waited for");
        table.answer("origin", Err("no answer".to_owned()), at(110));
        assert_eq!(find(&mut table, at(114)), "10.0.0.1 ", "and left alone for a while");
        assert!(find(&mut table, at(115)).starts_with("ask"));
        table.answer("origin", Ok(Vec::new()), at(116));
        assert_eq!(find(&mut table, at(117)), "10.0.0.1 ", "an empty answer is a failure");
    }

    #[test]
    fn a_name_that_never_had_an_answer_is_unknown_for_a_while() {
        let mut table = Table::default();
        find(&mut table, at(0));
        table.answer("origin", Err("no such name".to_owned()), at(1));
        assert_eq!(find(&mut table, at(5)), "no such name");
        assert!(find(&mut table, at(6)).starts_with("ask"));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut table = Table::default();
        for index in 0..MAX_NAMES + 10 {
            let name = format!("host-{index}");
            table.find(&name, at(0));
            table.answer(&name, Ok(addresses(&["10.0.0.1"])), Mono::from_millis(u64::try_from(index).unwrap()));
        }
        assert_eq!(table.names.len(), MAX_NAMES);
        assert!(!table.names.contains_key("host-0"));
    }

    #[test]
    fn what_is_exported_can_be_imported_and_is_not_fresh() {
        let mut table = Table::default();
        table.find("origin", at(0));
        table.answer("origin", Ok(addresses(&["10.0.0.1", "fd00::1"])), at(0));
        table.find("unknown", at(0));
        let text = table.export();
        assert_eq!(text, "origin 10.0.0.1 fd00::1\n");
        let mut other = Table::default();
        for line in format!("{text}\n# junk\nlonely\nwrong 10.0.0.300\norigin 10.9.9.9\n").lines() {
            other.import(line);
        }
        assert_eq!(other.export(), text);
        assert_eq!(find(&mut other, at(0)), "ask 1s");
    }

    fn names(resolve: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Arc<Names> {
        Names::with_resolver(Clock::start(Wall::default()), resolve)
    }

    #[test]
    fn many_requests_ask_the_resolver_once() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let names = names(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(addresses(&["10.0.0.1"]))
        });
        block_on(async {
            let both = smol::future::zip(names.lookup("origin", PATIENCE), names.lookup("origin", PATIENCE)).await;
            assert_eq!(both.0.unwrap(), both.1.unwrap());
        });
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn addresses_are_never_resolved() {
        let names = names(|_| panic!("resolved"));
        for literal in ["10.0.0.1", "fd00::1"] {
            let found = block_on(names.lookup(literal, PATIENCE)).unwrap();
            assert_eq!(found[0].to_string(), literal);
        }
    }

    #[test]
    fn a_resolver_that_hangs_costs_no_more_than_the_given_time() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = Mutex::new(held);
        let names = names(move |_| {
            let _ = held.lock().unwrap().recv();
            Err(io::ErrorKind::TimedOut.into())
        });
        let tiny = Duration::from_millis(5);
        assert!(block_on(names.lookup("origin", tiny)).unwrap_err().contains("does not answer"));
        names.import("known 10.0.0.7");
        assert_eq!(block_on(names.lookup("known", tiny)).unwrap()[0].to_string(), "10.0.0.7");
        drop(release);
    }

    #[test]
    fn a_resolver_that_panics_is_a_resolver_that_fails() {
        let names = names(|_| panic!("out of order"));
        assert!(block_on(names.lookup("origin", PATIENCE)).is_err());
    }
}
