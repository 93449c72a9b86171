//! Everybody's counters in one table.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::Duration;

use crate::base::{Mono, Now, Wall};

use super::allowances::{self, Allowances, Holder, Measure, Unit};
use super::almanac::{Almanac, Motion, Today};
use super::calendar::{Label, Zone};
use super::caller::{Caller, Sort, Who};
use super::counter::Counter;
use super::record::{self, CLOCK, Counted};
use super::standing::{Line, QuotaStanding, QuotaUsed};
use super::{MOST_RECORDS, QuotaCharge, QuotaRecord, Usage};

/// Who found no place is counted together with a part of the others: a flood of addresses gets so many allowances more, not one
/// for each address.
const PARTS: u64 = 16;
/// At most this much counting is lost in a power cut, and the card is not written more often.
/// With 30 callers a batch is 2.4 KB of records, which the ledger makes 24 KB on the card: 18 MB for each hour in which
/// somebody is counted at all times.
const PAUSE: Duration = Duration::from_secs(5);
/// The time is written down at least this often, for boards that learn it from nobody. Longer while the clock is
/// believed: then it only says from where an unsure clock goes on.
const UNSURE_PAUSE: Duration = Duration::from_secs(600);
const SURE_PAUSE: Duration = Duration::from_secs(3600);
/// Of one exchange: those of a plan and of a route.
pub(super) const MOST_CHARGES: usize = 4;

/// Not shared; [`super::Quotas`] is.
pub(super) struct Book {
    almanac: Almanac,
    /// By the subject of the caller in the realm of the holder. That two of 10,000 have the same one happens in one of
    /// 10¹¹ processes; they would be counted as one.
    pages: HashMap<u64, Page, BuildHasherDefault<Drawn>>,
    /// Pages at the same time, those of others aside.
    most: usize,
    addresses: usize,
    others: usize,
    /// Pages that differ from what was written down.
    changed: Vec<u64>,
    /// Names of records that are to go.
    gone: Vec<String>,
    /// There was more than one batch.
    more: bool,
    handed: Option<Mono>,
    clock_handed: Option<Mono>,
    /// The hour in which pages without use were last looked for: until the next one begins, none loses its use.
    swept: Option<Label>,
    /// Some counters may have laid a period aside.
    laid_aside: bool,
}

/// One caller of one plan or route.
#[derive(Debug)]
struct Page {
    who: Who,
    holder: Holder,
    name: Box<str>,
    counters: Vec<Counter>,
    changed: bool,
}

/// Keys are drawn by a secret key already.
#[derive(Default)]
struct Drawn(u64);

impl Hasher for Drawn {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Where a charge is counted.
#[derive(Clone, Copy)]
struct Place<'a> {
    key: u64,
    caller: Caller<'a>,
    allowances: &'a Allowances,
}

impl Book {
    pub(super) fn new(zone: Zone, most: usize) -> Book {
        Book {
            almanac: Almanac::new(zone),
            pages: HashMap::default(),
            most,
            addresses: 0,
            others: 0,
            changed: Vec::new(),
            gone: Vec::new(),
            more: false,
            handed: None,
            clock_handed: None,
            swept: None,
            laid_aside: false,
        }
    }

    pub(super) fn set_zone(&mut self, zone: Zone) {
        self.almanac.set_zone(zone);
    }

    pub(super) fn take(&mut self, charges: &[QuotaCharge<'_>], now: Now) -> Result<QuotaStanding, QuotaUsed> {
        let today = self.look(now);
        let mut standing = QuotaStanding::default();
        let places = self.places(charges, &today);
        places.iter().for_each(|place| self.tell(place, &today, &mut standing));
        standing.refusal(Unit::Requests)?;
        places.iter().for_each(|place| self.count(place, Unit::Requests, 1, &today));
        standing.count_request();
        Ok(standing)
    }

    pub(super) fn give_back(&mut self, charges: &[QuotaCharge<'_>], now: Now) {
        let today = self.look(now);
        for place in self.places(charges, &today) {
            let Some(page) = self.pages.get_mut(&place.key) else { continue };
            for counter in page.counters.iter_mut().filter(|counter| counter.measure.unit == Unit::Requests) {
                counter.take_back(1, today.label(counter.measure.period));
            }
            page.mark(place.key, &mut self.changed);
        }
    }

    pub(super) fn spend(&mut self, charges: &[QuotaCharge<'_>], bytes: u64, now: Now) {
        let today = self.look(now);
        let places = self.places(charges, &today);
        places.iter().for_each(|place| self.count(place, Unit::Bytes, bytes, &today));
    }

    /// Everything that is used, in the order of holders and callers.
    pub(super) fn usage(&mut self, now: Now) -> Vec<Usage> {
        let today = self.look(now);
        let mut usage: Vec<Usage> = self.pages.values().flat_map(|page| page.usage(&today)).collect();
        usage.sort_unstable();
        usage
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.pages.len()
    }

    /// Looks at the clock; after a step back everything is put where it belongs.
    fn look(&mut self, now: Now) -> Today {
        let (today, motion) = self.almanac.advance(now);
        match motion {
            Motion::Still | Motion::Jump => {}
            Motion::Forward if self.laid_aside => {
                self.laid_aside = self.pages.values_mut().fold(false, |any, page| page.begin(&today) | any);
            }
            Motion::Forward => {}
            Motion::Back => {
                (self.swept, self.laid_aside) = (None, true);
                self.pages.iter_mut().for_each(|(key, page)| page.fold(*key, &today, &mut self.changed));
            }
        }
        today
    }

    fn places<'a>(&mut self, charges: &[QuotaCharge<'a>], today: &Today) -> heapless::Vec<Place<'a>, MOST_CHARGES> {
        let charges = charges.iter().filter(|charge| !charge.allowances.is_empty());
        charges.take(MOST_CHARGES).map(|charge| self.place(charge, today)).collect()
    }

    fn place<'a>(&mut self, charge: &QuotaCharge<'a>, today: &Today) -> Place<'a> {
        let (caller, allowances) = (charge.caller.normal(), charge.allowances);
        let subject = caller.subject();
        let key = subject.within(allowances.mark()).bits();
        if self.pages.contains_key(&key) || self.has_room(caller.sort(), today) {
            return Place { key, caller, allowances };
        }
        let part = u8::try_from(subject.bits() % PARTS).unwrap_or(0);
        let others = Caller::Others(caller.sort(), part);
        Place { key: others.subject().within(allowances.mark()).bits(), caller: others, allowances }
    }

    /// Whether somebody new is counted alone. Addresses have three quarters of the table, so that no flood of them keeps
    /// those out who are known.
    fn has_room(&mut self, sort: Sort, today: &Today) -> bool {
        let hour = today.label(crate::base::Period::Hour);
        if self.is_crowded(sort) && self.swept != Some(hour) {
            self.swept = Some(hour);
            self.sweep(today);
        }
        !self.is_crowded(sort)
    }

    fn is_crowded(&self, sort: Sort) -> bool {
        let full = self.pages.len().saturating_sub(self.others) >= self.most;
        full || sort == Sort::Address && self.addresses >= self.most / 4 * 3
    }

    /// Takes away who has used nothing in any period that goes on. Who has used something stays, whoever comes.
    fn sweep(&mut self, today: &Today) {
        let Book { pages, gone, addresses, .. } = self;
        pages.retain(|_, page| {
            let stays = page.is_in_use(today) || matches!(page.who, Who::Others(..));
            if !stays {
                gone.push(page.record_name());
                *addresses = addresses.saturating_sub(usize::from(matches!(page.who, Who::Address(_))));
            }
            stays
        });
    }

    fn tell(&self, place: &Place<'_>, today: &Today, standing: &mut QuotaStanding) {
        let page = self.pages.get(&place.key);
        for quota in place.allowances.quotas() {
            let measure = Measure::of(quota);
            let used = page.map_or(0, |page| page.used(measure, today));
            let (resets, window) = (today.seconds_left(measure.period), today.seconds(measure.period));
            standing.tell(Line { holder: place.allowances.holder(), quota: *quota, used, resets, window });
        }
    }

    fn count(&mut self, place: &Place<'_>, unit: Unit, amount: u64, today: &Today) {
        let mut measures =
            place.allowances.quotas().iter().map(Measure::of).filter(|measure| measure.unit == unit).peekable();
        if measures.peek().is_none() || amount == 0 {
            return;
        }
        let page = match self.pages.entry(place.key) {
            std::collections::hash_map::Entry::Occupied(page) => page.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => {
                match place.caller {
                    Caller::Known { .. } => {}
                    Caller::Address(_) => self.addresses += 1,
                    Caller::Others(..) => self.others += 1,
                }
                free.insert(Page::new(place.caller, place.allowances.holder(), place.allowances.name()))
            }
        };
        measures.for_each(|measure| page.counter(measure).add(amount, today.label(measure.period)));
        page.mark(place.key, &mut self.changed);
    }
}

/// What is written down, and read again.
impl Book {
    pub(super) fn dirty(&mut self, now: Now) -> Vec<QuotaRecord> {
        let waited = |since: Option<Mono>, pause| since.is_none_or(|since| now.mono.since(since) >= pause);
        if self.pages.is_empty() && self.gone.is_empty() || !self.more && !waited(self.handed, PAUSE) {
            return Vec::new();
        }
        self.look(now);
        let mut records: Vec<QuotaRecord> = Vec::new();
        records.extend(self.gone.drain(..self.gone.len().min(MOST_RECORDS)).map(|name| (name, None)));
        while records.len() < MOST_RECORDS {
            let Some(key) = self.changed.pop() else { break };
            records.extend(self.pages.get_mut(&key).map(Page::record));
        }
        self.more = !self.gone.is_empty() || !self.changed.is_empty();
        let clock_pause = if self.almanac.is_sure() { SURE_PAUSE } else { UNSURE_PAUSE };
        if !records.is_empty() || waited(self.clock_handed, clock_pause) {
            records.extend(self.almanac.time().map(|time| (CLOCK.to_owned(), Some(record::write_clock(time)))));
            (self.handed, self.clock_handed) = (Some(now.mono), Some(now.mono));
        }
        records
    }

    pub(super) fn due(&self, now: Now) -> Option<Duration> {
        if self.changed.is_empty() && self.gone.is_empty() {
            return None;
        }
        let rest = |handed| PAUSE.saturating_sub(now.mono.since(handed));
        Some(if self.more { Duration::ZERO } else { self.handed.map_or(Duration::ZERO, rest) })
    }

    pub(super) fn hurry(&mut self) {
        self.more = true;
    }

    pub(super) fn unwritten(&mut self, records: &[QuotaRecord]) {
        for (name, _) in records {
            let Some((holder, holder_name, caller)) = record::parse_name(name) else { continue };
            let Some(caller) = Caller::parse(caller) else { continue };
            let key = key_of(caller.normal(), holder, holder_name);
            match self.pages.get_mut(&key) {
                Some(page) => page.mark(key, &mut self.changed),
                None => self.gone.push(name.clone()),
            }
        }
        (self.clock_handed, self.more) = (None, false);
    }

    /// Gives the number of records that were not understood.
    pub(super) fn restore(&mut self, records: &[(String, Vec<u8>)], now: Now) -> usize {
        let clock = records.iter().find(|(name, _)| name == CLOCK).map(|(_, bytes)| record::read_clock(bytes));
        let counted = records.iter().filter(|(name, _)| name != CLOCK).map(|(_, bytes)| Counted::read(bytes));
        let (known, unknown): (Vec<_>, Vec<_>) = counted.partition(Option::is_some);
        let known: Vec<Counted> = known.into_iter().flatten().collect();
        let zone = self.almanac.zone();
        if let Some(time) = clock.flatten().or_else(|| latest(&known, zone)) {
            self.almanac.resume(time, now);
        }
        let today = self.look(now);
        self.laid_aside = true;
        let total = known.len();
        let taken = known.into_iter().filter(|counted| self.adopt(counted, &today)).count();
        unknown.len() + (total - taken) + usize::from(clock == Some(None))
    }

    fn adopt(&mut self, counted: &Counted, today: &Today) -> bool {
        let Some(caller) = Caller::parse(&counted.caller).map(Caller::normal) else { return false };
        let key = key_of(caller, counted.holder, &counted.name);
        let is_others = matches!(caller, Caller::Others(..));
        if self.pages.contains_key(&key) || !is_others && !self.has_room(caller.sort(), today) {
            return false;
        }
        self.addresses += usize::from(matches!(caller, Caller::Address(_)));
        self.others += usize::from(is_others);
        let mut page = Page::new(caller, counted.holder, &counted.name);
        page.counters.clone_from(&counted.counters);
        page.fold(key, today, &mut self.changed);
        self.pages.insert(key, page);
        true
    }
}

fn key_of(caller: Caller<'_>, holder: Holder, name: &str) -> u64 {
    caller.subject().within(allowances::mark(holder, name)).bits()
}

/// Where no time was written down, the latest period in which anything was used goes on.
fn latest(counted: &[Counted], zone: Zone) -> Option<Wall> {
    let counters = counted.iter().flat_map(|counted| &counted.counters);
    counters.filter_map(|counter| Some(zone.begin(counter.measure.period, counter.latest()?))).max()
}

impl Page {
    fn new(caller: Caller<'_>, holder: Holder, name: &str) -> Page {
        Page { who: caller.to_owned(), holder, name: name.into(), counters: Vec::new(), changed: false }
    }

    fn used(&self, measure: Measure, today: &Today) -> u64 {
        let counter = self.counters.iter().find(|counter| counter.measure == measure);
        counter.map_or(0, |counter| counter.used(today.label(measure.period)))
    }

    fn is_in_use(&self, today: &Today) -> bool {
        self.counters.iter().any(|counter| counter.used(today.label(counter.measure.period)) > 0)
    }

    fn counter(&mut self, measure: Measure) -> &mut Counter {
        let at = self.counters.iter().position(|counter| counter.measure == measure).unwrap_or_else(|| {
            self.counters.reserve_exact(1);
            self.counters.push(Counter::new(measure));
            self.counters.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the position was found or made just now")]
        &mut self.counters[at]
    }

    fn fold(&mut self, key: u64, today: &Today, changed: &mut Vec<u64>) {
        let mut folded = false;
        for counter in &mut self.counters {
            folded |= counter.fold(today.label(counter.measure.period));
        }
        if folded {
            self.mark(key, changed);
        }
    }

    /// Tells whether anything is still laid aside.
    fn begin(&mut self, today: &Today) -> bool {
        self.counters.iter_mut().fold(false, |any, counter| counter.begin(today.label(counter.measure.period)) | any)
    }

    fn mark(&mut self, key: u64, changed: &mut Vec<u64>) {
        if !std::mem::replace(&mut self.changed, true) {
            changed.push(key);
        }
    }

    fn record(&mut self) -> QuotaRecord {
        self.changed = false;
        let caller = self.who.caller().to_string();
        (self.record_name(), Some(Counted::write(self.holder, &self.name, &caller, &self.counters)))
    }

    fn record_name(&self) -> String {
        record::name(self.holder, &self.name, &self.who.caller().to_string())
    }

    fn usage<'a>(&'a self, today: &'a Today) -> impl Iterator<Item = Usage> + 'a {
        self.counters.iter().filter_map(|counter| {
            let Measure { unit, period } = counter.measure;
            let used = counter.used(today.label(period));
            let resets = u64::from(today.seconds_left(period));
            let caller = || self.who.caller().to_string();
            let usage = || Usage {
                holder: self.holder,
                name: self.name.to_string(),
                caller: caller(),
                unit,
                period,
                used,
                resets,
            };
            (used > 0).then(usage)
        })
    }
}
