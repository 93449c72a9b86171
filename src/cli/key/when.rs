//! Times as people write them at the command line, and as they read them.

use std::time::Duration;

use crate::base::Wall;
use crate::http::date;

const DAY: u64 = 86_400;
const UNITS: &[(&[&str], u64)] = &[
    (&["s", "second", "seconds"], 1),
    (&["min", "minute", "minutes"], 60),
    (&["h", "hour", "hours"], 3600),
    (&["d", "day", "days"], DAY),
    (&["w", "week", "weeks"], 7 * DAY),
    (&["month", "months"], 30 * DAY),
    (&["y", "year", "years"], 365 * DAY),
];
/// A longer time is a mistake.
const LONGEST: u64 = 100 * 365 * DAY;

/// The end of something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Until {
    At(Wall),
    After(Duration),
}

impl Until {
    pub(super) fn at(self, now: Wall) -> Wall {
        match self {
            Until::At(wall) => wall,
            Until::After(span) => {
                let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
                Wall::from_millis(now.as_millis().saturating_add(millis))
            }
        }
    }
}

/// `90days`, or `2027-01-31`: the end of that day.
pub(super) fn until(word: &str) -> Option<Until> {
    match day(word) {
        Some(days) => Some(Until::At(Wall::from_seconds((days + 1) * DAY.cast_signed()))),
        None => span(word).map(Until::After),
    }
}

/// `90days`, `90 days`, `12h`; a month is 30 days.
pub(super) fn span(word: &str) -> Option<Duration> {
    let word = word.trim();
    let digits = word.find(|sign: char| !sign.is_ascii_digit())?;
    let (number, unit) = word.split_at_checked(digits)?;
    let unit = unit.trim().to_ascii_lowercase();
    let (_, seconds) = UNITS.iter().find(|(names, _)| names.contains(&unit.as_str()))?;
    let seconds = number.parse::<u64>().ok()?.checked_mul(*seconds)?;
    (1..=LONGEST).contains(&seconds).then(|| Duration::from_secs(seconds))
}

/// `2027-01-31`
pub(super) fn date(wall: Wall) -> String {
    let (year, month, day) = date::date_of(wall.as_seconds().div_euclid(DAY.cast_signed()));
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2027-01-31T12:00:00Z`
pub(super) fn stamp(wall: Wall) -> String {
    let second = wall.as_seconds().rem_euclid(DAY.cast_signed());
    format!("{}T{:02}:{:02}:{:02}Z", date(wall), second / 3600, second / 60 % 60, second % 60)
}

/// Days since 1970 of a date that there is.
fn day(word: &str) -> Option<i64> {
    let mut parts = word.split('-');
    let mut part = |digits: usize| {
        let text =
            parts.next().filter(|text| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit()))?;
        text.parse::<i64>().ok()
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let days = date::days_before(year, month, day);
    (parts.next().is_none() && date::date_of(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (word, seconds) in [
            ("90days", 90 * DAY),
            ("90 days", 90 * DAY),
            ("1 Week", 7 * DAY),
            ("12h", 12 * 3600),
            ("30min", 1800),
            ("2years", 730 * DAY),
        ] {
            assert_eq!(span(word), Some(Duration::from_secs(seconds)), "{word}");
        }
        for word in ["", "90", "days", "-1day", "0days", "1 moon", "101years", "99999999999999999999days", "\u{e9}"] {
            assert_eq!(span(word), None, "{word}");
        }
    }

    #[test]
    fn dates_are_read_and_written() {
        for (word, seconds) in [("1970-01-01", 86_400), ("2027-01-31", 1_801_440_000), ("2028-02-29", 1_835_481_600)] {
            assert_eq!(until(word), Some(Until::At(Wall::from_seconds(seconds))), "{word}");
            assert_eq!(date(Wall::from_seconds(seconds - 1)), word);
        }
        for word in ["2027-02-29", "2027-13-01", "2027-00-10", "2027-1-31", "2027-01-31-", "2027-01-32"] {
            assert_eq!(until(word), None, "{word}");
        }
        assert_eq!(stamp(Wall::from_seconds(1_801_439_999)), "2027-01-31T23:59:59Z");
    }
}
