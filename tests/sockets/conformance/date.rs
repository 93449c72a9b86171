//! HTTP dates in all their forms (RFC 9110 §5.6.7), and in none of them.

use std::time::{SystemTime, UNIX_EPOCH};

const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    i64::try_from(seconds).expect("fits")
}

/// A date as `form` wants it: empty for the usual one, `rfc850`, `asctime`, or the name of a zone in place of GMT.
pub(super) fn written(seconds: i64, form: &str) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let weekday = DAYS[usize::try_from(days.rem_euclid(7)).expect("below 7")];
    let short = &weekday[..3];
    let month = MONTHS[usize::try_from(month - 1).expect("a month")];
    let time = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    match form {
        "" => format!("{short}, {day:02} {month} {year} {time} GMT"),
        "rfc850" => format!("{weekday}, {day:02}-{month}-{:02} {time} GMT", year % 100),
        "asctime" => format!("{short} {month} {day:>2} {time} {year}"),
        "lower" => written(seconds, "").to_lowercase(),
        "dashes" => format!("{short}, {day:02}-{month}-{year} {time} GMT"),
        "dots" => written(seconds, "").replace(':', "."),
        "comma-less" => written(seconds, "").replace(',', ""),
        "spaces" => written(seconds, "").replace(' ', "  "),
        "day-less" => format!("{day:02} {month} {year} {time} GMT"),
        "time-less" => format!("{short}, {day:02} {month} {year}"),
        "one-digit-hour" => format!("{short}, {day:02} {month} {year} 9:00:00 GMT"),
        "two-digit-year" => format!("{short}, {day:02} {month} {:02} {time} GMT", year % 100),
        zone => format!("{short}, {day:02} {month} {year} {time} {zone}"),
    }
}

/// Year, month and day of a day since 1970, counted from March as calendars are easiest.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[test]
fn the_example_of_the_specification_is_written() {
    let example = 784_111_777;
    assert_eq!(written(example, ""), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(written(example, "rfc850"), "Sunday, 06-Nov-94 08:49:37 GMT");
    assert_eq!(written(example, "asctime"), "Sun Nov  6 08:49:37 1994");
    assert_eq!(written(1_709_164_800, "EST"), "Thu, 29 Feb 2024 00:00:00 EST");
}
