//! Which hour, day and month it is, for counters.
//!
//! A board without a clock battery wakes up at a wrong time, and some clocks jump. So counters go by a time of their
//! own, which is written down with them:
//!
//! - While the clock is believed, it is the clock's.
//! - While it is not, it goes on from where it was by the time the board has been switched on. No unsure clock
//!   ever opens a period; a board that never learns the time still opens a day for each 24 hours that it runs, so a
//!   restart gives nobody a quota anew, and nobody is shut out for ever.
//! - Where a believed clock steps back, the periods that were opened in the future are folded into the right one, see
//!   [`super::counter`].

use crate::base::{Mono, Now, Period, Wall};

use super::calendar::{Label, Span, Zone};

/// A believed clock that is behind by no more than this is waited for: clocks are set right by small steps, and no
/// period is to be opened twice for that.
const TREMBLE: i64 = 2_000;
/// A believed clock that is ahead by more than this was set. Clocks that are slow by less than a second in an hour are not.
const JUMP: i64 = 60_000;

#[derive(Clone, Debug)]
pub(super) struct Almanac {
    zone: Zone,
    reached: Option<Reached>,
}

/// How far the time has come.
#[derive(Clone, Copy, Debug)]
struct Reached {
    /// Milliseconds of UTC.
    time: i64,
    mono: Mono,
    sure: bool,
    today: Today,
}

/// The periods that go on: hour, day and month.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Today {
    spans: [Span; 3],
    zone: Zone,
    /// Milliseconds of UTC.
    time: i64,
}

/// What a look at the clock changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Motion {
    /// All periods go on.
    Still,
    /// A period began in its own time.
    Forward,
    /// A believed clock says that more time has passed than has.
    Jump,
    /// Periods have been opened that lie in the future.
    Back,
}

impl Almanac {
    pub(super) fn new(zone: Zone) -> Almanac {
        Almanac { zone, reached: None }
    }

    /// Periods may begin earlier or later by that, from the next look on.
    pub(super) fn set_zone(&mut self, zone: Zone) {
        self.zone = zone;
    }

    pub(super) fn zone(&self) -> Zone {
        self.zone
    }

    /// Goes on from a time that was written down; a time that was reached in this process already stays.
    pub(super) fn resume(&mut self, time: Wall, now: Now) {
        if self.reached.is_none() {
            let today = Today::at(time.as_millis(), self.zone);
            self.reached = Some(Reached { time: time.as_millis(), mono: now.mono, sure: false, today });
        }
    }

    /// What is to be written down.
    pub(super) fn time(&self) -> Option<Wall> {
        self.reached.map(|reached| Wall::from_millis(reached.time))
    }

    /// Whether the clock was believed when last looked at.
    pub(super) fn is_sure(&self) -> bool {
        self.reached.is_some_and(|reached| reached.sure)
    }

    /// Looks at the clock.
    pub(super) fn advance(&mut self, now: Now) -> (Today, Motion) {
        let (time, before) = match self.reached {
            // A thread that read the clock before another one came here first.
            Some(reached) if now.mono < reached.mono => (reached.time, Some(reached.today)),
            Some(reached) => (reached.next(now), Some(reached.today)),
            None => (now.wall.as_millis(), None),
        };
        let today = match before {
            Some(before) if before.holds(time, self.zone) => Today { time, ..before },
            Some(_) | None => Today::at(time, self.zone),
        };
        let motion = self.reached.map_or(Motion::Still, |reached| reached.motion_to(&today, now.mono));
        let mono = self.reached.map_or(now.mono, |reached| reached.mono.max(now.mono));
        self.reached = Some(Reached { time, mono, sure: now.sure, today });
        (today, motion)
    }
}

impl Reached {
    fn next(&self, now: Now) -> i64 {
        let wall = now.wall.as_millis();
        match now.sure {
            true if (1..=TREMBLE).contains(&self.time.saturating_sub(wall)) => self.time,
            true => wall,
            false => self.time.saturating_add(self.elapsed(now.mono)),
        }
    }

    fn motion_to(&self, today: &Today, now: Mono) -> Motion {
        let is_back = Period::ALL.into_iter().any(|period| today.label(period) < self.today.label(period));
        let ahead = today.time.saturating_sub(self.time.saturating_add(self.elapsed(now)));
        let is_still = today.label(Period::Hour) == self.today.label(Period::Hour) && today.zone == self.today.zone;
        match ahead > JUMP {
            _ if is_back => Motion::Back,
            _ if is_still => Motion::Still,
            true => Motion::Jump,
            false => Motion::Forward,
        }
    }

    fn elapsed(&self, now: Mono) -> i64 {
        i64::try_from(now.since(self.mono).as_millis()).unwrap_or(i64::MAX)
    }
}

impl Today {
    fn at(time: i64, zone: Zone) -> Today {
        Today { spans: Period::ALL.map(|period| zone.span_at(period, Wall::from_millis(time))), zone, time }
    }

    pub(super) fn label(&self, period: Period) -> Label {
        self.span(period).label
    }

    /// Whole seconds until the period ends, rounded up, so that who comes back then does not come too early.
    pub(super) fn seconds_left(&self, period: Period) -> u32 {
        let millis = u64::try_from(self.span(period).end.saturating_sub(self.time)).unwrap_or(0);
        u32::try_from(millis.div_ceil(1000)).unwrap_or(u32::MAX).max(1)
    }

    /// Seconds of the whole period.
    pub(super) fn seconds(&self, period: Period) -> u32 {
        let span = self.span(period);
        u32::try_from(span.end.saturating_sub(span.begin) / 1000).unwrap_or(0)
    }

    fn span(&self, period: Period) -> &Span {
        let [hour, day, month] = &self.spans;
        match period {
            Period::Hour => hour,
            Period::Day => day,
            Period::Month => month,
        }
    }

    /// Whether the same hour, day and month still go on: an hour lies in one day, a day in one month.
    fn holds(&self, time: i64, zone: Zone) -> bool {
        let hour = self.span(Period::Hour);
        (hour.begin..hour.end).contains(&time) && self.zone == zone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;
    /// 2026-11-03T10:00:00Z
    const MORNING: i64 = 1_793_700_000_000;

    struct Clock {
        almanac: Almanac,
        mono: i64,
    }

    impl Clock {
        fn start() -> Clock {
            let mut clock = Clock { almanac: Almanac::new(Zone::ahead_by(0)), mono: 0 };
            clock.look(MORNING, true);
            clock
        }

        fn look(&mut self, wall: i64, sure: bool) -> (i64, Motion) {
            let mono = Mono::from_millis(u64::try_from(self.mono).unwrap());
            let (today, motion) = self.almanac.advance(Now { mono, wall: Wall::from_millis(wall), sure });
            (today.time, motion)
        }

        fn after(&mut self, millis: i64) -> &mut Clock {
            self.mono += millis;
            self
        }
    }

    #[test]
    fn an_unsure_clock_only_goes_on() {
        let mut clock = Clock::start();
        for wall in [0, MORNING + 3650 * DAY, MORNING - 40 * DAY] {
            assert_eq!(clock.look(wall, false), (MORNING, Motion::Still));
        }
        assert_eq!(clock.after(14 * HOUR).look(0, false), (MORNING + 14 * HOUR, Motion::Forward));
        let earlier = Now { mono: Mono::from_millis(0), wall: Wall::from_millis(0), sure: true };
        assert_eq!(clock.almanac.advance(earlier).0.time, MORNING + 14 * HOUR, "read before, come later");
    }

    #[test]
    fn days_of_a_board_without_a_clock_are_24_hours_that_it_runs() {
        let mut saved = Wall::from_millis(MORNING);
        let mut days = std::collections::HashSet::new();
        for _ in 0..9 {
            let mut almanac = Almanac::new(Zone::ahead_by(0));
            almanac.resume(saved, Now::default());
            let evening = Now { mono: Mono::from_millis(8 * 3_600_000), ..Now::default() };
            days.insert(almanac.advance(evening).0.label(Period::Day));
            saved = almanac.time().unwrap();
        }
        assert_eq!(saved, Wall::from_millis(MORNING + 72 * HOUR));
        assert_eq!(days.len(), 4);
    }

    #[test]
    fn small_steps_back_are_waited_for_and_large_ones_told() {
        let mut clock = Clock::start();
        let midnight = MORNING + 14 * HOUR;
        assert_eq!(clock.after(14 * HOUR).look(midnight, true).1, Motion::Forward);
        assert_eq!(clock.after(10).look(midnight - 900, true), (midnight, Motion::Still));
        assert_eq!(clock.after(1000).look(midnight + 100, true), (midnight + 100, Motion::Still));
        assert_eq!(clock.look(MORNING, true), (MORNING, Motion::Back));
        assert_eq!(clock.look(MORNING + 3650 * DAY, true).1, Motion::Jump);
        assert_eq!(clock.look(MORNING, true).1, Motion::Back);
        assert_eq!(clock.look(0, true), (0, Motion::Back));
    }

    #[test]
    fn a_new_zone_moves_midnight() {
        let mut clock = Clock::start();
        let today = clock.almanac.advance(Now { wall: Wall::from_millis(MORNING), sure: true, ..Now::default() }).0;
        assert_eq!(today.seconds_left(Period::Day), 14 * 3600);
        assert_eq!((today.seconds(Period::Day), today.seconds(Period::Month)), (86_400, 30 * 86_400));
        clock.almanac.set_zone(Zone::ahead_by(180));
        let today = clock.almanac.advance(Now { wall: Wall::from_millis(MORNING), sure: true, ..Now::default() }).0;
        assert_eq!(today.seconds_left(Period::Day), 11 * 3600);
    }

    #[test]
    fn the_last_millisecond_is_a_second() {
        let mut clock = Clock::start();
        clock.look(MORNING + HOUR - 1, true);
        let now = Now { wall: Wall::from_millis(MORNING + HOUR - 1), sure: true, ..Now::default() };
        assert_eq!(clock.almanac.advance(now).0.seconds_left(Period::Hour), 1);
        let now = Now { wall: Wall::from_millis(MORNING + HOUR), sure: true, ..Now::default() };
        assert_eq!(clock.almanac.advance(now).0.seconds_left(Period::Hour), 3600);
    }
}
