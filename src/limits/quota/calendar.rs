//! Hours, days and months of local time, numbered.

use crate::base::{Period, Wall};
use crate::http::date::{date_of, days_before};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// 9999-12-31T00:00:00Z; later clocks mean this. Zones and periods beyond it cannot overflow anything.
const LATEST: i64 = 253_402_214_400_000;

/// Which hour, day or month: as numbers that rise by one. Months count from the year 0, the others from 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Label(i32);

impl Label {
    /// Before every label that a clock can give.
    pub(super) const NONE: Label = Label(i32::MIN);

    pub(super) fn from_number(number: i32) -> Label {
        Label(number)
    }

    pub(super) fn number(self) -> i32 {
        self.0
    }
}

/// Local time is this many milliseconds ahead of UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Zone(i64);

/// One period: the times in it are `begin..end`, in milliseconds of UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) label: Label,
    pub(super) begin: i64,
    pub(super) end: i64,
}

impl Zone {
    pub(super) fn ahead_by(minutes: i16) -> Zone {
        Zone(i64::from(minutes) * 60_000)
    }

    /// The period that a time lies in.
    pub(super) fn span_at(self, period: Period, time: Wall) -> Span {
        let local = time.as_millis().clamp(0, LATEST) + self.0;
        let label = match period {
            Period::Hour => local.div_euclid(HOUR),
            Period::Day => local.div_euclid(DAY),
            Period::Month => month_of(local.div_euclid(DAY)),
        };
        self.span(period, label)
    }

    /// When a period began.
    pub(super) fn begin(self, period: Period, label: Label) -> Wall {
        Wall::from_millis(self.span(period, i64::from(label.0)).begin)
    }

    fn span(self, period: Period, number: i64) -> Span {
        let begin_of = |number: i64| match period {
            Period::Hour => number * HOUR,
            Period::Day => number * DAY,
            Period::Month => days_before(number.div_euclid(12), number.rem_euclid(12) + 1, 1) * DAY,
        };
        let label = Label(i32::try_from(number).unwrap_or(i32::MAX));
        Span { label, begin: begin_of(number) - self.0, end: begin_of(number + 1) - self.0 }
    }
}

fn month_of(day: i64) -> i64 {
    let (year, month, _) = date_of(day);
    year * 12 + month - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::date;

    /// By the parser of dates, which knows the months by their names.
    fn at([year, month, day, hour, minute, second]: [u16; 6]) -> Wall {
        let name =
            "JanFebMarAprMayJunJulAugSepOctNovDec".get(usize::from(month) * 3 - 3..usize::from(month) * 3).unwrap();
        date::parse(format!("Mon, {day:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT").as_bytes()).unwrap()
    }

    fn check(minutes: i16, period: Period, time: [u16; 6], begin: [u16; 6], end: [u16; 6]) {
        let span = Zone::ahead_by(minutes).span_at(period, at(time));
        assert_eq!((span.begin, span.end), (at(begin).as_millis(), at(end).as_millis()), "{period:?} {time:?}");
        assert_eq!(Zone::ahead_by(minutes).begin(period, span.label), at(begin));
    }

    #[test]
    fn periods_end_where_local_time_says() {
        let (utc, kampala, mumbai, bogota) = (0, 180, 330, -300);
        let (hour, day, month) = (Period::Hour, Period::Day, Period::Month);
        for (zone, period, time, begin, end) in [
            (utc, hour, [2026, 11, 3, 10, 59, 59], [2026, 11, 3, 10, 0, 0], [2026, 11, 3, 11, 0, 0]),
            (mumbai, hour, [2026, 11, 3, 10, 31, 0], [2026, 11, 3, 10, 30, 0], [2026, 11, 3, 11, 30, 0]),
            (utc, day, [2026, 11, 3, 0, 0, 0], [2026, 11, 3, 0, 0, 0], [2026, 11, 4, 0, 0, 0]),
            (kampala, day, [2026, 11, 3, 21, 0, 0], [2026, 11, 3, 21, 0, 0], [2026, 11, 4, 21, 0, 0]),
            (kampala, day, [2026, 11, 3, 20, 59, 59], [2026, 11, 2, 21, 0, 0], [2026, 11, 3, 21, 0, 0]),
            (bogota, day, [2026, 11, 3, 4, 59, 59], [2026, 11, 2, 5, 0, 0], [2026, 11, 3, 5, 0, 0]),
            (utc, month, [2026, 12, 31, 23, 59, 59], [2026, 12, 1, 0, 0, 0], [2027, 1, 1, 0, 0, 0]),
            (kampala, month, [2026, 12, 31, 21, 0, 0], [2026, 12, 31, 21, 0, 0], [2027, 1, 31, 21, 0, 0]),
            (utc, month, [2028, 2, 29, 12, 0, 0], [2028, 2, 1, 0, 0, 0], [2028, 3, 1, 0, 0, 0]),
            (utc, month, [2100, 2, 28, 12, 0, 0], [2100, 2, 1, 0, 0, 0], [2100, 3, 1, 0, 0, 0]),
            (utc, month, [1970, 1, 1, 0, 0, 0], [1970, 1, 1, 0, 0, 0], [1970, 2, 1, 0, 0, 0]),
        ] {
            check(zone, period, time, begin, end);
        }
    }

    #[test]
    fn periods_follow_each_other_without_gaps() {
        for zone in [-720, -300, 0, 180, 345, 840].map(Zone::ahead_by) {
            for period in Period::ALL {
                let mut time = at([2020, 2, 25, 10, 0, 0]);
                for _ in 0..700 {
                    let span = zone.span_at(period, time);
                    assert!((span.begin..span.end).contains(&time.as_millis()));
                    let next = zone.span_at(period, Wall::from_millis(span.end));
                    assert_eq!((next.begin, next.label.number()), (span.end, span.label.number() + 1));
                    time = Wall::from_millis(span.end);
                }
            }
        }
    }

    #[test]
    fn clocks_from_nowhere_break_nothing() {
        for millis in [i64::MIN, -1, i64::MAX] {
            for period in Period::ALL {
                let span = Zone::ahead_by(-720).span_at(period, Wall::from_millis(millis));
                assert!(span.begin < span.end && span.label > Label::NONE);
            }
        }
    }
}
