//! HTTP dates (RFC 9110 §5.6.7).

use crate::base::Wall;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LONG_DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const DAY_SECONDS: i64 = 86_400;
/// 9999-12-31T23:59:59Z and 0000-01-01T00:00:00Z: what four digits of a year can say.
const LATEST: i64 = 253_402_300_799;
const EARLIEST: i64 = -62_167_219_200;

/// Reads any of the three forms, whatever the case of their letters, as caches should (RFC 9111 §4.2); the zone is GMT.
/// Names of days are not compared with the date. Years of two digits are 1970–2069: the RFC's rule of fifty years would
/// need a clock.
pub(crate) fn parse(text: &[u8]) -> Option<Wall> {
    let text = std::str::from_utf8(text).ok()?;
    match text.split_once(',') {
        Some((day, rest)) if place(&DAYS, day).is_some() => imf_fixdate(rest),
        Some((day, rest)) if place(&LONG_DAYS, day).is_some() => rfc850(rest),
        Some(_) => None,
        None => asctime(text),
    }
}

/// ` 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(rest: &str) -> Option<Wall> {
    let [day, month, year, time] = exactly(without_zone(rest)?.split(' '))?;
    wall(digits(year, 4)?, month, digits(day, 2)?, time)
}

/// ` 06-Nov-94 08:49:37 GMT`
fn rfc850(rest: &str) -> Option<Wall> {
    let [date, time] = exactly(without_zone(rest)?.split(' '))?;
    let [day, month, year] = exactly(date.split('-'))?;
    let year = digits(year, 2)?;
    wall(if year < 70 { 2000 + year } else { 1900 + year }, month, digits(day, 2)?, time)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(text: &str) -> Option<Wall> {
    let (day_name, rest) = text.split_at_checked(4)?;
    let (month, rest) = rest.split_at_checked(4)?;
    let (day, rest) = rest.split_at_checked(2)?;
    let [time, year] = exactly(rest.strip_prefix(' ')?.split(' '))?;
    place(&DAYS, day_name.strip_suffix(' ')?)?;
    let day = day.strip_prefix(' ').map_or_else(|| digits(day, 2), |day| digits(day, 1))?;
    wall(digits(year, 4)?, month.strip_suffix(' ')?, day, time)
}

fn wall(year: i64, month: &str, day: i64, time: &str) -> Option<Wall> {
    let month = i64::try_from(place(&MONTHS, month)?).ok()? + 1;
    let [hours, minutes, seconds] = exactly(time.split(':'))?;
    let (hours, minutes, seconds) = (digits(hours, 2)?, digits(minutes, 2)?, digits(seconds, 2)?);
    // A leap second is the first second of the next minute.
    let valid = (1..=days_in(year, month)).contains(&day) && hours < 24 && minutes < 60 && seconds <= 60;
    let second_of_day = (hours * 60 + minutes) * 60 + seconds;
    valid.then(|| Wall::from_seconds(days_before(year, month, day) * DAY_SECONDS + second_of_day))
}

/// What stands between the first blank and ` GMT`.
fn without_zone(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix(' ')?;
    let (time, zone) = rest.split_at_checked(rest.len().checked_sub(4)?)?;
    zone.eq_ignore_ascii_case(" GMT").then_some(time)
}

fn place(names: &[&str], name: &str) -> Option<usize> {
    names.iter().position(|known| known.eq_ignore_ascii_case(name))
}

/// All the pieces, where they are as many as wanted.
fn exactly<'a, const N: usize>(mut pieces: impl Iterator<Item = &'a str>) -> Option<[&'a str; N]> {
    let mut found = [""; N];
    for slot in &mut found {
        *slot = pieces.next()?;
    }
    pieces.next().is_none().then_some(found)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01. Years are counted from March, so that the leap day is the last of its year.
pub(crate) fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// Year, month and day of a day counted from 1970-01-01: the inverse of [`days_before`].
pub(crate) fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (year_of_era * 365 + year_of_era / 4 - year_of_era / 100);
    let month = (day_of_year * 5 + 2) / 153;
    let day = day_of_year - (month * 153 + 2) / 5 + 1;
    let year = era * 400 + year_of_era;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

/// Writes `Sun, 06 Nov 1994 08:49:37 GMT`. Years outside of 0–9999 are written as the nearest of them.
pub(crate) fn format(time: Wall, out: &mut [u8; 29]) {
    let seconds = time.as_seconds().clamp(EARLIEST, LATEST);
    let (days, second) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
    let (year, month, day) = date_of(days);
    let name = |names: &[&'static str], index: i64| {
        usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
    };
    // The first of January 1970 was a Thursday.
    let mut rest = put_text(out, name(&DAYS, (days + 3).rem_euclid(7)));
    rest = put_text(rest, ", ");
    rest = put_number::<2>(rest, day, " ");
    rest = put_text(rest, name(&MONTHS, month - 1));
    rest = put_text(rest, " ");
    rest = put_number::<4>(rest, year, " ");
    rest = put_number::<2>(rest, second / 3600, ":");
    rest = put_number::<2>(rest, second / 60 % 60, ":");
    rest = put_number::<2>(rest, second % 60, " ");
    put_text(rest, "GMT");
}

/// Puts text at the beginning of `out`; gives what is behind it.
fn put_text<'o>(out: &'o mut [u8], text: &str) -> &'o mut [u8] {
    match out.split_at_mut_checked(text.len()) {
        Some((place, rest)) => {
            place.copy_from_slice(text.as_bytes());
            rest
        }
        None => &mut [],
    }
}

fn put_number<'o, const DIGITS: usize>(out: &'o mut [u8], mut number: i64, then: &str) -> &'o mut [u8] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
    let rest = put_text(out, std::str::from_utf8(&digits).unwrap_or_default());
    put_text(rest, then)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(seconds: i64) -> String {
        let mut out = [0; 29];
        format(Wall::from_seconds(seconds), &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn all_three_forms_are_read() {
        fn check(text: &str, seconds: i64) {
            assert_eq!(parse(text.as_bytes()), Some(Wall::from_seconds(seconds)), "{text}");
        }
        check("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777);
        check("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777);
        check("Sun Nov  6 08:49:37 1994", 784_111_777);
        check("Wed Nov 16 08:49:37 1994", 784_975_777);
        check("Thu, 01 Jan 1970 00:00:00 GMT", 0);
        check("Thursday, 01-Jan-70 00:00:00 GMT", 0);
        check("Tuesday, 01-Jan-69 00:00:00 GMT", 3_124_224_000);
        check("Tue, 29 Feb 2000 23:59:60 GMT", 951_868_800);
        check("Fri, 31 Dec 9999 23:59:59 GMT", LATEST);
        check("Sat, 01 Jan 0000 00:00:00 GMT", EARLIEST);
        check("Mon, 06 Nov 1994 08:49:37 GMT", 784_111_777);
        // RFC 9111 §4.2
        check("sun, 06 nov 1994 08:49:37 gmt", 784_111_777);
        check("SUNDAY, 06-NOV-94 08:49:37 Gmt", 784_111_777);
        check("SUN nov  6 08:49:37 1994", 784_111_777);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "0",
            "-1",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun,  06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 EST",
            "Sun, 06 Nov 1994 08:49:37 Z",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37.5 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "06 Nov 1994 08:49:37 GMT",
            "784111777",
            " GMT",
            "Sun, GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Wed, 29 Feb 2023 08:49:37 GMT",
            "Thu, 29 Feb 1900 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:+7 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov 06 08:49:37 1994 GMT",
            "Sun Nov  6 08:49:37 94",
            "Sün Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_day_is_written_and_read_again() {
        assert_eq!(formatted(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(formatted(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(formatted(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
        assert_eq!(formatted(i64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(formatted(i64::MIN), "Sat, 01 Jan 0000 00:00:00 GMT");
        for day in (EARLIEST / DAY_SECONDS..=LATEST / DAY_SECONDS).step_by(13) {
            let seconds = day * DAY_SECONDS + (day * 7_919).rem_euclid(DAY_SECONDS);
            assert_eq!(parse(formatted(seconds).as_bytes()), Some(Wall::from_seconds(seconds)));
        }
    }
}
