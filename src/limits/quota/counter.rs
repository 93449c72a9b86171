//! One counter: what was used in the last three periods in which anything was used.
//!
//! Three, for clocks that were wrong: a believed clock that runs ahead opens periods that lie in the future. When it steps back,
//! they are folded into the right one: what was used then was used by now. As long as the right period goes on, a
//! clock that runs at a wrong time passes at most one end of a period, so the right one and two wrong ones are
//! all there can be. Where the right one is not among them (the clock was wrong for longer than a period, or from the
//! beginning), only the last wrong one is carried: what was used in it, and no lock-out by what lies months back.
//!
//! A clock may as well be wrong after the step back, and jump to where it was: the last of the periods that were folded is laid
//! aside, and what is used meanwhile is added to it, too. If the clock jumps there, it goes on. If another period begins first, or
//! that one comes in its own time, nothing is left of it.

use crate::base::Period;

use super::allowances::{Measure, Unit};
use super::calendar::Label;

const REMEMBERED: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Counter {
    pub(super) measure: Measure,
    /// Falling. The first is the one that is added to.
    labels: [Label; REMEMBERED],
    used: [u64; REMEMBERED],
    /// Later than all others. [`Label::NONE`]: nothing is laid aside.
    aside: (Label, u64),
}

impl Counter {
    pub(super) fn new(measure: Measure) -> Counter {
        let aside = (Label::NONE, 0);
        Counter { measure, labels: [Label::NONE; REMEMBERED], used: [0; REMEMBERED], aside }
    }

    /// From what was written down, the latest first. `None`: not in order.
    pub(super) fn of(measure: Measure, uses: impl Iterator<Item = (Label, u64)>) -> Option<Counter> {
        let mut counter = Counter::new(measure);
        let mut places = counter.labels.iter_mut().zip(&mut counter.used);
        let mut before = None;
        for (label, used) in uses {
            let ordered = label > Label::NONE && before.is_none_or(|before| label < before);
            let place = places.next().filter(|_| ordered)?;
            (*place.0, *place.1) = (label, used);
            before = Some(label);
        }
        Some(counter)
    }

    /// The latest first.
    pub(super) fn uses(&self) -> impl Iterator<Item = (Label, u64)> + '_ {
        let all = self.labels.iter().copied().zip(self.used.iter().copied());
        all.take_while(|(label, _)| *label > Label::NONE)
    }

    fn aside(&self) -> Option<(Label, u64)> {
        Some(self.aside).filter(|(label, _)| *label > Label::NONE)
    }

    pub(super) fn used(&self, now: Label) -> u64 {
        let current = self.uses().next().into_iter().chain(self.aside());
        current.filter(|(label, _)| *label == now).map(|(_, used)| used).sum()
    }

    /// The last period in which anything was used.
    pub(super) fn latest(&self) -> Option<Label> {
        self.uses().next().map(|(label, _)| label)
    }

    pub(super) fn add(&mut self, amount: u64, now: Label) {
        let ([latest, ..], [used, ..]) = (&self.labels, &mut self.used);
        if *latest == now {
            *used = used.saturating_add(amount);
            self.aside.1 = self.aside.1.saturating_add(amount);
        } else {
            self.open(now, amount);
        }
    }

    /// Never of an earlier period: that is over.
    pub(super) fn take_back(&mut self, amount: u64, now: Label) {
        let ([latest, ..], [used, ..]) = (&self.labels, &mut self.used);
        if *latest == now {
            *used = used.saturating_sub(amount);
            self.aside.1 = self.aside.1.saturating_sub(amount);
        }
    }

    /// Folds periods that lie after `now`. Tells whether there were any.
    pub(super) fn fold(&mut self, now: Label) -> bool {
        let old = *self;
        let future = || old.uses().filter(|(label, _)| *label > now);
        let Some(last) = future().next() else { return false };
        let right = old.uses().find(|(label, _)| *label == now);
        let folded = right.map_or(last.1, |(_, used)| future().fold(used, |sum, (_, used)| sum.saturating_add(used)));
        let earlier = old.uses().filter(|(label, _)| *label < now);
        *self = Counter { aside: old.aside().unwrap_or(last), ..Counter::new(self.measure) };
        for (at, (label, used)) in std::iter::once((now, folded)).chain(earlier).enumerate() {
            self.put(at, label, used);
        }
        true
    }

    /// A period that comes in its own time has nothing to do with what was laid aside. Tells whether anything still is.
    pub(super) fn begin(&mut self, now: Label) -> bool {
        if self.aside.0 <= now {
            self.aside = (Label::NONE, 0);
        }
        self.aside().is_some()
    }

    fn open(&mut self, label: Label, amount: u64) {
        let carried = self.aside().filter(|(aside, _)| *aside == label).map_or(0, |(_, used)| used);
        self.aside = (Label::NONE, 0);
        self.labels.rotate_right(1);
        self.used.rotate_right(1);
        self.put(0, label, carried.saturating_add(amount));
    }

    fn put(&mut self, at: usize, label: Label, used: u64) {
        if let (Some(place), Some(count)) = (self.labels.get_mut(at), self.used.get_mut(at)) {
            (*place, *count) = (label, used);
        }
    }
}

/// In records.
impl Measure {
    pub(super) fn code(self) -> u8 {
        let unit = match self.unit {
            Unit::Requests => 0,
            Unit::Bytes => 3,
        };
        let period = match self.period {
            Period::Hour => 0,
            Period::Day => 1,
            Period::Month => 2,
        };
        unit + period
    }

    pub(super) fn from_code(code: u8) -> Option<Measure> {
        [Unit::Requests, Unit::Bytes]
            .into_iter()
            .flat_map(|unit| Period::ALL.map(|period| Measure { unit, period }))
            .find(|measure| measure.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAILY: Measure = Measure { unit: Unit::Requests, period: Period::Day };

    fn day(number: i32) -> Label {
        Label::from_number(number)
    }

    fn counted(uses: &[(i32, u64)]) -> Counter {
        let mut counter = Counter::new(DAILY);
        uses.iter().for_each(|(number, amount)| counter.add(*amount, day(*number)));
        counter
    }

    fn seen(counter: &Counter) -> Vec<(i32, u64)> {
        counter.uses().map(|(label, used)| (label.number(), used)).collect()
    }

    #[test]
    fn use_belongs_to_its_period() {
        let mut counter = counted(&[(7, 5), (7, 6), (8, 1)]);
        assert_eq!((counter.used(day(8)), counter.used(day(9)), counter.used(day(7))), (1, 0, 0));
        counter.take_back(5, day(8));
        assert_eq!(counter.used(day(8)), 0);
        counter.take_back(5, day(9));
        assert_eq!(seen(&counter), [(8, 0), (7, 11)]);
        assert_eq!(seen(&counted(&[(1, 1), (2, 2), (3, 3), (4, 4)])), [(4, 4), (3, 3), (2, 2)]);
        assert_eq!(counted(&[(1, u64::MAX), (1, 1)]).used(day(1)), u64::MAX);
    }

    #[test]
    fn the_future_is_folded_into_the_right_period() {
        for (uses, now, after) in [
            // 40 days ahead, and back, across one end of a wrong day.
            (&[(10, 500), (50, 300), (51, 100)][..], 10, &[(10, 900)][..]),
            // Wrong from the beginning.
            (&[(50, 300), (51, 100)], 10, &[(10, 100)]),
            // Wrong for longer than the period.
            (&[(9, 7), (50, 300), (51, 100)], 10, &[(10, 100), (9, 7)]),
            // A few seconds over midnight.
            (&[(9, 7), (10, 2)], 9, &[(9, 9)]),
            // 1970.
            (&[(9, 7), (10, 2)], 0, &[(0, 2)]),
            // Nothing lies in the future.
            (&[(9, 7), (10, 2)], 10, &[(10, 2), (9, 7)]),
            (&[(9, 7), (10, 2)], 11, &[(10, 2), (9, 7)]),
        ] {
            let mut counter = counted(uses);
            let changed = counter.fold(day(now));
            assert_eq!((seen(&counter), changed), (after.to_vec(), seen(&counted(uses)) != after), "{uses:?}");
        }
    }

    #[test]
    fn who_comes_back_from_a_wrong_step_back_goes_on() {
        let mut counter = counted(&[(10, 500)]);
        counter.fold(day(7));
        counter.add(30, day(7));
        assert_eq!(seen(&counter), [(7, 530)]);
        counter.fold(day(5));
        assert_eq!((seen(&counter), counter.used(day(10))), (vec![(5, 530)], 530));
        counter.add(1, day(10));
        assert_eq!((seen(&counter), counter.used(day(10))), (vec![(10, 531), (5, 530)], 531));
        // 40 days ahead and back: nothing is left of it when those days come.
        let mut counter = counted(&[(10, 500), (50, 300)]);
        counter.fold(day(10));
        counter.add(1, day(11));
        assert_eq!((counter.used(day(11)), counter.used(day(50))), (1, 0));
        let mut counter = counted(&[(10, 500), (11, 300)]);
        counter.fold(day(10));
        counter.begin(day(11));
        assert_eq!((counter.used(day(11)), counter.used(day(10))), (0, 800));
    }

    #[test]
    fn it_comes_back_as_it_was_written() {
        let counter = counted(&[(10, 500), (50, 300)]);
        assert_eq!(Counter::of(DAILY, counter.uses()), Some(counter));
        for bad in [&[9, 8, 7, 6][..], &[7, 8], &[7, 7], &[i32::MIN]] {
            assert_eq!(Counter::of(DAILY, bad.iter().map(|number| (day(*number), 1))), None, "{bad:?}");
        }
        for code in 0..=u8::MAX {
            assert_eq!(Measure::from_code(code).map(Measure::code), (code < 6).then_some(code));
        }
    }
}
