//! Quotas against a naive model, through restarts and wrong clocks; floods; the card.

use std::collections::BTreeMap;

use super::*;
use crate::base::{Allowance, Mono, Quota, Size, Wall};

const SECOND: i64 = 1000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;
/// 2026-11-03T10:00:00Z
const MORNING: i64 = 1_793_700_000 * SECOND;

fn at(mono: i64, wall: i64) -> Now {
    Now { mono: Mono::from_millis(u64::try_from(mono).unwrap()), wall: Wall::from_millis(wall), sure: true }
}

fn requests(count: u64, period: Period) -> Quota {
    Quota { allowance: Allowance::Requests(count), period }
}

fn bytes(count: u64, period: Period) -> Quota {
    Quota { allowance: Allowance::Bytes(Size::bytes(count)), period }
}

fn plan(quotas: &[Quota]) -> Allowances {
    Allowances::new(Holder::Plan, "clinic", quotas)
}

fn key(id: &str) -> Caller<'_> {
    Caller::Known { kind: "key", id }
}

fn address(number: u32) -> Caller<'static> {
    Caller::Address(std::net::IpAddr::V4(number.into()))
}

/// What lies on the card.
type Card = BTreeMap<String, Vec<u8>>;

fn write(card: &mut Card, records: Vec<QuotaRecord>) {
    for (name, record) in records {
        match record {
            Some(bytes) => drop(card.insert(name, bytes)),
            None => drop(card.remove(&name)),
        }
    }
}

fn restored(card: &Card, now: Now) -> Quotas {
    let quotas = Quotas::new(0);
    let records: Vec<_> = card.clone().into_iter().collect();
    assert_eq!(quotas.restore(&records, now), 0);
    quotas
}

#[test]
fn requests_are_refused_until_the_period_ends() {
    let quotas = Quotas::new(180);
    let plan = plan(&[requests(3, Period::Day), requests(100, Period::Month)]);
    let charge = [QuotaCharge { caller: key("a"), allowances: &plan }];
    for _ in 0..3 {
        assert!(quotas.take(&charge, at(0, MORNING)).is_ok());
    }
    // 10:00 UTC is 13:00 there: eleven hours are left.
    for (later, left) in [(0, 11 * 3600), (1, 11 * 3600), (999, 11 * 3600), (1000, 11 * 3600 - 1), (11 * HOUR - 1, 1)] {
        let used = quotas.take(&charge, at(later, MORNING + later)).unwrap_err();
        assert_eq!((used.retry_after, used.quota), (left, requests(3, Period::Day)), "{later}");
    }
    let other = [QuotaCharge { caller: key("b"), allowances: &plan }];
    assert!(quotas.take(&other, at(11 * HOUR - 1, MORNING + 11 * HOUR - 1)).is_ok());
    let standing = quotas.take(&charge, at(11 * HOUR, MORNING + 11 * HOUR)).unwrap();
    let mut text = String::new();
    standing.write_limit(&mut text).unwrap();
    assert_eq!(text, "\"quota-day\";r=2;t=86400, \"quota-month\";r=96;t=2332800");
}

#[test]
fn all_charges_are_counted_or_none() {
    let quotas = Quotas::new(0);
    let plan = plan(&[requests(2, Period::Day)]);
    let route = Allowances::new(Holder::Route, "records", &[requests(1, Period::Hour)]);
    let both = [plan.clone(), route.clone()].map(|allowances| (key("a"), allowances));
    let both = both.each_ref().map(|(caller, allowances)| QuotaCharge { caller: *caller, allowances });
    assert!(quotas.take(&both, at(0, MORNING)).is_ok());
    let used = quotas.take(&both, at(0, MORNING)).unwrap_err();
    assert_eq!((used.holder, used.violated().collect::<Vec<_>>()), (Holder::Route, vec!["route-quota-hour"]));
    assert!(quotas.take(&both[..1], at(0, MORNING)).is_ok(), "the refused request took nothing from the plan");
    assert!(quotas.take(&both[..1], at(0, MORNING)).is_err());
    quotas.give_back(&both, at(0, MORNING));
    assert!(quotas.take(&both, at(0, MORNING)).is_ok());
    assert!(quotas.take(&[], at(0, MORNING)).unwrap().is_empty());
}

#[test]
fn bytes_that_are_used_up_shut_the_uplink_and_not_the_cache() {
    let quotas = Quotas::new(0);
    let plan = plan(&[bytes(1000, Period::Month)]);
    let charge = [QuotaCharge { caller: key("a"), allowances: &plan }];
    let payer = Payer::of(&charge);
    assert!(quotas.take(&charge, at(0, MORNING)).unwrap().may_fetch().is_ok());
    quotas.spend_by(&payer, 999, at(0, MORNING));
    let standing = quotas.take(&charge, at(0, MORNING)).unwrap();
    assert!(standing.may_fetch().is_ok() && standing.nearly());
    // A long download goes on to its end.
    quotas.spend_by(&payer, 1_000_000, at(0, MORNING));
    let standing = quotas.take(&charge, at(0, MORNING)).unwrap();
    let used = standing.may_fetch().unwrap_err();
    assert_eq!((used.word(), used.retry_after), ("quota-bytes", (28 * DAY - 10 * HOUR) as u64 / 1000));
    assert!(Payer::of(&[QuotaCharge { caller: key("a"), allowances: &self::plan(&[]) }]).charges().is_empty());
}

#[test]
fn a_changed_limit_applies_to_what_was_used() {
    let quotas = Quotas::new(0);
    let take = |limit| {
        let plan = plan(&[requests(limit, Period::Day)]);
        quotas.take(&[QuotaCharge { caller: key("a"), allowances: &plan }], at(0, MORNING)).is_ok()
    };
    assert_eq!([3, 3, 2, 3, 3, 4].map(take), [true, true, false, true, false, true]);
}

#[test]
fn a_power_cut_loses_five_seconds() {
    let (quotas, mut card) = (Quotas::new(0), Card::new());
    let plan = plan(&[requests(1000, Period::Day)]);
    let charge = [QuotaCharge { caller: key("a"), allowances: &plan }];
    let mut written = 0;
    for millis in (0..60 * SECOND).step_by(100) {
        let now = at(millis, MORNING + millis);
        quotas.take(&charge, now).unwrap();
        let records = quotas.dirty(now);
        written += usize::from(!records.is_empty());
        write(&mut card, records);
        let used = restored(&card, now).usage(now)[0].used;
        assert!(used + 50 >= u64::try_from(millis).unwrap() / 100, "{used} at {millis}");
    }
    assert_eq!(written, 12);
    assert!(!quotas.dirty(at(66 * SECOND, MORNING + 66 * SECOND)).is_empty());
    assert!(quotas.dirty(at(90 * SECOND, MORNING + 90 * SECOND)).is_empty(), "nothing has changed");
}

#[test]
fn what_the_card_refused_is_written_later() {
    let (quotas, mut card) = (Quotas::new(0), Card::new());
    let plan = plan(&[requests(1000, Period::Day)]);
    quotas.take(&[QuotaCharge { caller: key("a"), allowances: &plan }], at(0, MORNING)).unwrap();
    let refused = quotas.dirty(at(0, MORNING));
    assert_eq!(refused.len(), 2);
    quotas.unwritten(&refused);
    assert!(quotas.dirty(at(SECOND, MORNING)).is_empty(), "not at once");
    let again = quotas.dirty(at(5 * SECOND, MORNING));
    assert_eq!(again.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["plan:6:clinic:key/a", "clock"]);
    write(&mut card, again);
    assert_eq!(restored(&card, at(0, MORNING)).usage(at(0, MORNING))[0].used, 1);
}

#[test]
fn a_damaged_record_costs_one_count() {
    let (quotas, mut card) = (Quotas::new(0), Card::new());
    let plan = plan(&[requests(1000, Period::Day)]);
    for id in ["a", "b"] {
        quotas.take(&[QuotaCharge { caller: key(id), allowances: &plan }], at(0, MORNING)).unwrap();
    }
    write(&mut card, quotas.dirty(at(0, MORNING)));
    card.insert("plan:6:clinic:key/b".to_owned(), b"nonsense".to_vec());
    card.insert("clock".to_owned(), Vec::new());
    let quotas = Quotas::new(0);
    let unsure = Now { sure: false, ..at(0, 0) };
    let records: Vec<_> = card.into_iter().collect();
    assert_eq!(quotas.restore(&records, unsure), 2);
    let usage = quotas.usage(unsure);
    assert_eq!(usage.iter().map(|usage| usage.caller.as_str()).collect::<Vec<_>>(), ["key/a"]);
    assert_eq!(usage[0].resets, 86_400, "the latest known day goes on from its beginning");
}

#[test]
fn a_flood_of_addresses_pushes_nobody_out_and_gets_sixteen_allowances() {
    let quotas = Quotas::with_room_for(1000, 0);
    let plan = plan(&[requests(5, Period::Day)]);
    let take = |caller, now| quotas.take(&[QuotaCharge { caller, allowances: &plan }], now).is_ok();
    let now = at(0, MORNING);
    let debtors: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    assert!(debtors.iter().all(|id| (0..5).all(|_| take(key(id), now))));
    let passed = (0..200_000_u32).filter(|number| take(address(*number), now)).count();
    assert_eq!(passed, 750 + 16 * 5);
    assert!(debtors.iter().all(|id| !take(key(id), now)));
    // 150 of those who are known still find a place, then they share.
    let known: Vec<String> = (0..1000).map(|number| format!("new {number}")).collect();
    assert_eq!(known.iter().filter(|id| take(key(id), now)).count(), 150 + 16 * 5);
    assert_eq!(quotas.book().len(), 1000 + 32);
    let tomorrow = at(DAY, MORNING + DAY);
    assert!((0..750_u32).all(|number| take(address(number + 500_000), tomorrow)), "those of yesterday make room");
    assert_eq!(quotas.book().len(), 750 + 32);
    let gone = quotas.dirty(tomorrow).into_iter().filter(|(_, record)| record.is_none()).count();
    assert_eq!(gone, 1000);
}

#[test]
fn two_hundred_thousand_addresses_are_ten_thousand_pages() {
    let quotas = Quotas::new(0);
    let plan = plan(&[requests(1000, Period::Day), bytes(1 << 30, Period::Month)]);
    for number in 0..200_000_u32 {
        let caller = address(number);
        quotas.take(&[QuotaCharge { caller, allowances: &plan }], at(0, MORNING)).ok();
    }
    assert_eq!(quotas.book().len(), MOST_CALLERS / 4 * 3 + 16);
    let mut card = Card::new();
    let mut batches = 0;
    loop {
        let records = quotas.dirty(at(0, MORNING));
        if records.is_empty() {
            break;
        }
        assert!(records.len() <= MOST_RECORDS + 1);
        batches += 1;
        write(&mut card, records);
    }
    assert_eq!((card.len(), batches), (7516 + 1, 8));
    assert_eq!(restored(&card, at(0, MORNING)).book().len(), 7516);
}

#[test]
fn a_clock_that_jumps_neither_shuts_out_nor_forgives() {
    for jump in [40 * DAY, 3650 * DAY, 90 * DAY + 3 * HOUR] {
        let (mut quotas, mut card) = (Quotas::new(0), Card::new());
        let plan = plan(&[requests(10, Period::Day), requests(10, Period::Month)]);
        let take = |quotas: &Quotas, count: u32, now| {
            let charge = [QuotaCharge { caller: key("a"), allowances: &plan }];
            (0..count).filter(|_| quotas.take(&charge, now).is_ok()).count()
        };
        assert_eq!(take(&quotas, 4, at(0, MORNING)), 4);
        assert_eq!(take(&quotas, 4, at(1, MORNING + jump)), 4);
        write(&mut card, quotas.dirty(at(1, MORNING + jump)));
        // Back at the right time, after a power cut.
        quotas = restored(&card, at(0, MORNING + SECOND));
        assert_eq!(take(&quotas, 9, at(0, MORNING + SECOND)), 2, "eight were used");
        let tomorrow = MORNING + DAY;
        assert_eq!(take(&quotas, 9, at(DAY, tomorrow)), 0, "the month's ten are used");
        let next_month = MORNING + 28 * DAY;
        assert_eq!(take(&quotas, 11, at(28 * DAY, next_month)), 10, "nobody is shut out for longer");
    }
}

#[test]
fn restarts_with_an_unsure_clock_give_nothing_anew() {
    let (mut quotas, mut card) = (Quotas::new(0), Card::new());
    let plan = plan(&[requests(10, Period::Day)]);
    let take = |quotas: &Quotas, now| {
        let charge = [QuotaCharge { caller: key("a"), allowances: &plan }];
        (0..20).filter(|_| quotas.take(&charge, now).is_ok()).count()
    };
    let mut passed = vec![take(&quotas, at(0, MORNING))];
    write(&mut card, quotas.dirty(at(0, MORNING)));
    for _ in 0..12 {
        quotas = restored(&card, Now { sure: false, ..at(0, 0) });
        // Two hours each day, then the switch.
        let evening = Now { sure: false, ..at(2 * HOUR, 77 * DAY) };
        passed.push(take(&quotas, evening));
        write(&mut card, quotas.dirty(evening));
    }
    assert_eq!(passed.iter().sum::<usize>(), 20, "{passed:?}");
    assert_eq!(passed[7], 10, "from ten o'clock it is fourteen hours to midnight");
}

/// A generator of our own, so that runs are the same everywhere (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn signed(&mut self, most: i64) -> i64 {
        i64::try_from(self.roll(u64::try_from(most).unwrap())).unwrap()
    }
}

/// The same rules, without tables: a list of every use.
#[derive(Clone, Default)]
struct Model {
    time: i64,
    zone: i64,
    /// When last looked at, and the zone then.
    labels: ([i64; 3], i64),
    /// By caller, holder, unit and period.
    counters: BTreeMap<(String, Holder, Unit, Period), Naive>,
}

#[derive(Clone, Default)]
struct Naive {
    uses: Vec<(i64, u64)>,
    aside: Option<(i64, u64)>,
}

impl Model {
    fn label(&self, period: Period) -> i64 {
        let local = self.time + self.zone * 60 * SECOND;
        match period {
            Period::Hour => local.div_euclid(HOUR),
            Period::Day => local.div_euclid(DAY),
            Period::Month => {
                // 2026 begins on day 20,454.
                let day = local.div_euclid(DAY);
                let (mut days, mut months) = if day < 20_454 { (day, 0) } else { (day - 20_454, 56 * 12) };
                while days >= length_of_month(months) {
                    days -= length_of_month(months);
                    months += 1;
                }
                months
            }
        }
    }

    fn look(&mut self, elapsed: i64, wall: i64, sure: bool) {
        let (before, (labels, zone)) = (self.time, self.labels);
        match sure {
            true if self.time - wall > 0 && self.time - wall <= 2 * SECOND => {}
            true => self.time = wall,
            false => self.time += elapsed,
        }
        let now = Period::ALL.map(|period| self.label(period));
        self.labels = (now, self.zone);
        let back = (0..3).any(|at| now[at] < labels[at]);
        let begun = now[0] != labels[0] || self.zone != zone;
        let in_its_own_time = begun && !back && self.time - before - elapsed <= 60 * SECOND;
        for ((_, _, _, period), counter) in &mut self.counters {
            let label = now[Period::ALL.iter().position(|own| own == period).unwrap()];
            counter.fold(label);
            if in_its_own_time {
                counter.aside = counter.aside.filter(|(aside, _)| *aside > label);
            }
        }
    }

    fn counter(&mut self, caller: &str, holder: Holder, measure: Measure) -> &mut Naive {
        self.counters.entry((caller.to_owned(), holder, measure.unit, measure.period)).or_default()
    }
}

impl Naive {
    fn used(&self, now: i64) -> u64 {
        match self.uses.iter().any(|(label, _)| *label == now) {
            true => self.uses.iter().filter(|(label, _)| *label == now).map(|(_, amount)| amount).sum(),
            false => self.aside.filter(|(label, _)| *label == now).map_or(0, |(_, amount)| amount),
        }
    }

    fn add(&mut self, amount: u64, now: i64) {
        let begun = self.uses.iter().any(|(label, _)| *label == now);
        if begun {
            self.aside = self.aside.map(|(label, sum)| (label, sum + amount));
        } else if let Some((_, sum)) = self.aside.take().filter(|(label, _)| *label == now) {
            self.uses.push((now, sum));
        }
        self.uses.push((now, amount));
        let mut labels: Vec<i64> = self.uses.iter().map(|(label, _)| *label).collect();
        labels.sort_unstable();
        labels.dedup();
        let oldest = labels.len().checked_sub(3).map_or(i64::MIN, |at| labels[at]);
        self.uses.retain(|(label, _)| *label >= oldest);
    }

    fn fold(&mut self, now: i64) {
        let Some(last) = self.uses.iter().map(|(label, _)| *label).max().filter(|last| *last > now) else { return };
        let right = self.uses.iter().any(|(label, _)| *label == now);
        let of_last = self.uses.iter().filter(|(label, _)| *label == last).map(|(_, amount)| amount).sum();
        self.aside = self.aside.or(Some((last, of_last)));
        self.uses.retain(|(label, _)| right || *label < now || *label == last);
        self.uses.iter_mut().filter(|(label, _)| *label > now).for_each(|(label, _)| *label = now);
    }
}

fn length_of_month(months_since_1970: i64) -> i64 {
    let year = 1970 + months_since_1970 / 12;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        [usize::try_from(months_since_1970 % 12).unwrap()]
}

/// The board, and what it should do.
struct Trial {
    dice: Dice,
    quotas: Quotas,
    model: Model,
    card: Card,
    /// What of the model is on the card.
    saved: Model,
    mono: i64,
    looked: i64,
    wall: i64,
    sure: bool,
    allowances: [Allowances; 2],
}

impl Trial {
    fn new(seed: u64) -> Trial {
        let mut trial = Trial {
            dice: Dice(seed * 2 + 1),
            quotas: Quotas::new(0),
            model: Model { time: MORNING, ..Model::default() },
            card: Card::new(),
            saved: Model { time: MORNING, ..Model::default() },
            mono: 0,
            looked: 0,
            wall: MORNING,
            sure: true,
            allowances: [plan(&[]), plan(&[])],
        };
        trial.reload();
        trial
    }

    /// Other limits, for the same things.
    fn reload(&mut self) {
        let mut some = |most: u64| {
            let mut quotas = Vec::new();
            for period in Period::ALL {
                if self.dice.roll(2) == 0 {
                    quotas.push(requests(self.dice.roll(most), period));
                }
                if self.dice.roll(2) == 0 {
                    quotas.push(bytes(self.dice.roll(most), period));
                }
            }
            quotas
        };
        let (plans, routes) = (some(30), some(60));
        self.allowances = [plan(&plans), Allowances::new(Holder::Route, "records", &routes)];
    }

    fn now(&self) -> Now {
        Now { sure: self.sure, ..at(self.mono, self.wall) }
    }

    fn look(&mut self) {
        self.model.look(self.mono - self.looked, self.wall, self.sure);
        self.looked = self.mono;
    }

    fn step(&mut self) {
        match self.dice.roll(40) {
            0..14 => self.take(),
            14..20 => self.spend(),
            20 => self.give_back(),
            21..28 => {
                let most = [SECOND, 600 * SECOND, HOUR, 9 * HOUR, 3 * DAY][usize::try_from(self.dice.roll(5)).unwrap()];
                let span = self.dice.signed(most);
                self.mono += span;
                self.wall += span;
            }
            28..31 => self.jump(),
            31 => self.sure = !self.sure,
            32 => self.reload(),
            33 => {
                let minutes = [0, 180, 345, -300][usize::try_from(self.dice.roll(4)).unwrap()];
                self.model.zone = minutes.into();
                self.quotas.reconfigure(minutes);
            }
            34..38 => self.save(),
            _ => self.restart(),
        }
        self.compare();
    }

    fn jump(&mut self) {
        let jumps = [40 * DAY, -40 * DAY, 3650 * DAY, -3650 * DAY, DAY, -DAY, -2 * HOUR, -SECOND, MORNING];
        let at = usize::try_from(self.dice.roll(9)).unwrap();
        self.wall = match jumps[at] {
            MORNING => MORNING + self.mono,
            jump => (self.wall + jump).max(DAY),
        };
    }

    fn charges(&mut self) -> (String, Vec<usize>) {
        let caller = ["a", "b", "c"][usize::try_from(self.dice.roll(3)).unwrap()];
        let which = [vec![0], vec![1], vec![0, 1]][usize::try_from(self.dice.roll(3)).unwrap()].clone();
        (caller.to_owned(), which)
    }

    fn take(&mut self) {
        let (caller, which) = self.charges();
        self.look();
        let charges: Vec<_> =
            which.iter().map(|at| QuotaCharge { caller: key(&caller), allowances: &self.allowances[*at] }).collect();
        let taken = self.quotas.take(&charges, self.now());
        let mut fits = true;
        let mut counted = Vec::new();
        let mut may_fetch = true;
        for charge in &charges {
            for quota in charge.allowances.quotas() {
                let measure = Measure::of(quota);
                let label = self.model.label(measure.period);
                let used = self.model.counter(&caller, charge.allowances.holder(), measure).used(label);
                match measure.unit {
                    Unit::Requests => {
                        fits &= used < amount(quota);
                        counted.push((charge.allowances.holder(), measure, label));
                    }
                    Unit::Bytes => may_fetch &= used < amount(quota),
                }
            }
        }
        assert_eq!(taken.is_ok(), fits);
        if let Ok(standing) = taken {
            assert_eq!(standing.may_fetch().is_ok(), may_fetch);
            counted.iter().for_each(|(holder, measure, label)| {
                self.model.counter(&caller, *holder, *measure).add(1, *label);
            });
        }
    }

    fn spend(&mut self) {
        let (caller, which) = self.charges();
        let amount = 1 + self.dice.roll(9);
        self.look();
        let charges: Vec<_> =
            which.iter().map(|at| QuotaCharge { caller: key(&caller), allowances: &self.allowances[*at] }).collect();
        self.quotas.spend_by(&Payer::of(&charges), amount, self.now());
        for charge in &charges {
            for measure in charge.allowances.quotas().iter().map(Measure::of).filter(|own| own.unit == Unit::Bytes) {
                let label = self.model.label(measure.period);
                self.model.counter(&caller, charge.allowances.holder(), measure).add(amount, label);
            }
        }
    }

    /// Right after a request was counted, as the gateway does.
    fn give_back(&mut self) {
        self.look();
        let generous = plan(&Period::ALL.map(|period| requests(u64::MAX, period)));
        let charge = [QuotaCharge { caller: key("a"), allowances: &generous }];
        self.quotas.take(&charge, self.now()).unwrap();
        self.quotas.give_back(&charge, self.now());
        // Only that a period has begun is left of it.
        for measure in generous.quotas().iter().map(Measure::of) {
            let label = self.model.label(measure.period);
            self.model.counter("key/a", Holder::Plan, measure);
            self.model.counter("a", Holder::Plan, measure).add(0, label);
        }
    }

    fn save(&mut self) {
        let records = self.quotas.dirty(self.now());
        if !records.is_empty() {
            self.look();
            self.saved = self.model.clone();
            write(&mut self.card, records);
        }
    }

    /// The power goes, and comes back.
    fn restart(&mut self) {
        let zone = self.model.zone;
        self.model = self.saved.clone();
        self.model.zone = zone;
        self.model.counters.values_mut().for_each(|counter| counter.aside = None);
        (self.mono, self.looked) = (0, 0);
        if self.dice.roll(2) == 0 {
            self.wall += self.dice.signed(3 * DAY);
        }
        self.quotas = Quotas::new(i16::try_from(zone).unwrap());
        let records: Vec<_> = self.card.clone().into_iter().collect();
        if records.is_empty() {
            self.model.time = self.wall;
        }
        self.model.labels = (Period::ALL.map(|period| self.model.label(period)), zone);
        assert_eq!(self.quotas.restore(&records, self.now()), 0);
    }

    fn compare(&mut self) {
        self.look();
        let usage = self.quotas.usage(self.now());
        let seen: Vec<_> =
            usage.into_iter().map(|usage| (usage.caller, usage.holder, usage.unit, usage.period, usage.used)).collect();
        let mut meant = Vec::new();
        for ((caller, holder, unit, period), counter) in &self.model.counters {
            let used = counter.used(self.model.label(*period));
            if used > 0 {
                meant.push((format!("key/{caller}"), *holder, *unit, *period, used));
            }
        }
        let sorted = |mut list: Vec<_>| {
            list.sort_unstable();
            list
        };
        assert_eq!(sorted(seen), sorted(meant));
    }
}

#[test]
fn they_do_what_a_naive_model_does() {
    for seed in 1..60 {
        let mut trial = Trial::new(seed);
        for step in 0..400 {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| trial.step()));
            assert!(done.is_ok(), "seed {seed}, step {step}");
        }
    }
}
