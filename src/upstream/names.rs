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
