//! Plain values as people say them: `8 GB`, `30 days`, `on`, `200`.

use std::fmt::Write as _;
use std::time::Duration;

use super::problem::Fault;
use super::suggest;
use super::text::is_blank;
use crate::base::Size;

pub(crate) const SIZE_UNITS: &str = "bytes, KB, MB, GB or TB";
pub(crate) const TIME_UNITS: &str = "ms, s, min, h, days or weeks";

/// `on`, `yes`, `true` and `off`, `no`, `false` are one thing each.
pub(super) fn switch(text: &str) -> Result<bool, Fault> {
    const WORDS: [(&str, bool); 6] =
        [("on", true), ("off", false), ("yes", true), ("no", false), ("true", true), ("false", false)];
    let word = text.to_lowercase();
    let known = WORDS.into_iter().find(|(known, _)| *known == word);
    known.map(|(_, value)| value).ok_or_else(|| {
        let fault = Fault::value(text, "on or off");
        let digit = match text {
            "1" => Some("on"),
            "0" => Some("off"),
            _ => None,
        };
        match digit.or_else(|| suggest::nearest(text, WORDS.map(|(word, _)| word))) {
            Some(meant) => fault.meant(meant),
            None => fault,
        }
    })
}

/// A whole number within bounds.
pub(super) fn count(text: &str, least: usize, most: usize) -> Result<usize, Fault> {
    let expected = || count_expected(least, most);
    let digits: String = text.chars().filter(|c| !is_blank(*c) && !matches!(c, ',' | '_' | '\'' | '’')).collect();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::value(text, expected()));
    }
    match digits.parse::<usize>() {
        Ok(_) if digits != text => Err(Fault::value(text, expected()).meant(digits)),
        Ok(number) if number < least => Err(Fault::value(text, expected()).meant(least.to_string())),
        Ok(number) if number <= most => Ok(number),
        Ok(_) | Err(_) => Err(Fault::value(text, expected()).meant(most.to_string())),
    }
}

pub(super) fn count_expected(least: usize, most: usize) -> String {
    format!("a whole number from {least} to {most}")
}

/// An amount with its unit, within bounds. Units are binary.
pub(super) fn size(text: &str, least: Size, most: Size) -> Result<Size, Fault> {
    let expected = || format!("a size with its unit ({SIZE_UNITS})");
    let bytes = match amount(text, size_unit) {
        Ok(bytes) => bytes,
        Err(None) => return Err(Fault::value(text, expected())),
        Err(Some(meant)) => return Err(Fault::value(text, expected()).meant(meant)),
    };
    let size = Size::bytes(u64::try_from(bytes).unwrap_or(u64::MAX));
    let nearest = size.clamp(least, most);
    if nearest == size {
        return Ok(size);
    }
    Err(Fault::value(text, size_expected(least, most)).meant(nearest.to_string()))
}

pub(super) fn size_expected(least: Size, most: Size) -> String {
    format!("a size from {least} to {most}")
}

/// A length of time with its unit, or several: `1 h 30 min`. Within bounds.
pub(super) fn span(text: &str, least: Duration, most: Duration) -> Result<Duration, Fault> {
    let expected = || format!("a time with its unit ({TIME_UNITS})");
    let millis = match amount(text, time_unit) {
        Ok(millis) => millis,
        Err(None) => return Err(Fault::value(text, expected())),
        Err(Some(meant)) => return Err(Fault::value(text, expected()).meant(meant)),
    };
    let span = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
    let nearest = span.clamp(least, most);
    if nearest == span {
        return Ok(span);
    }
    Err(Fault::value(text, span_expected(least, most)).meant(span_text(nearest)))
}

pub(super) fn span_expected(least: Duration, most: Duration) -> String {
    format!("a time from {} to {}", span_text(least), span_text(most))
}

/// `1 h 30 min`, as it would be written in a file.
pub(super) fn span_text(span: Duration) -> String {
    const UNITS: [(&str, &str, u128); 5] =
        [("day", "days", 86_400_000), ("h", "h", 3_600_000), ("min", "min", 60_000), ("s", "s", 1000), ("ms", "ms", 1)];
    let mut rest = span.as_millis();
    let mut text = String::new();
    for (one, many, scale) in UNITS {
        let number = rest / scale;
        rest %= scale;
        if number > 0 {
            let gap = if text.is_empty() { "" } else { " " };
            let _ = write!(text, "{gap}{number} {}", if number == 1 { one } else { many });
        }
    }
    if text.is_empty() { "0 s".into() } else { text }
}

/// What a unit's name stands for.
enum Unit {
    Known(u128),
    /// Not sure enough to be taken.
    Perhaps(&'static str),
    Unknown,
}

fn size_unit(name: &str) -> Unit {
    match name.to_lowercase().as_str() {
        "b" | "byte" | "bytes" => Unit::Known(1),
        "kb" | "kib" => Unit::Known(1 << 10),
        "mb" | "mib" => Unit::Known(1 << 20),
        "gb" | "gib" => Unit::Known(1 << 30),
        "tb" | "tib" => Unit::Known(1 << 40),
        "k" | "ko" | "kbyte" | "kilobyte" | "kilobytes" => Unit::Perhaps("KB"),
        "m" | "mo" | "mbyte" | "meg" | "megabyte" | "megabytes" => Unit::Perhaps("MB"),
        "g" | "go" | "gbyte" | "gig" | "gigs" | "gigabyte" | "gigabytes" => Unit::Perhaps("GB"),
        "t" | "to" | "tbyte" | "terabyte" | "terabytes" => Unit::Perhaps("TB"),
        other => match suggest::nearest(other, ["bytes"]) {
            Some(meant) => Unit::Perhaps(meant),
            None => Unit::Unknown,
        },
    }
}

fn time_unit(name: &str) -> Unit {
    const DAY: u128 = 86_400_000;
    match name.to_lowercase().as_str() {
        "ms" | "msec" | "millisecond" | "milliseconds" => Unit::Known(1),
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Known(1000),
        "min" | "mins" | "minute" | "minutes" => Unit::Known(60_000),
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Known(3_600_000),
        "d" | "day" | "days" => Unit::Known(DAY),
        "w" | "week" | "weeks" => Unit::Known(7 * DAY),
        "month" | "months" => Unit::Known(30 * DAY),
        "year" | "years" => Unit::Known(365 * DAY),
        "m" => Unit::Perhaps("min"),
        "y" => Unit::Perhaps("years"),
        other => match suggest::nearest(other, ["seconds", "minutes", "hours", "days", "weeks", "months", "years"]) {
            Some(meant) => Unit::Perhaps(meant),
            None => Unit::Unknown,
        },
    }
}

/// The sum of all `number unit` pairs, saturated far above every bound. Zero needs no unit. The error holds what was
/// probably meant.
fn amount(text: &str, unit: fn(&str) -> Unit) -> Result<u128, Option<String>> {
    let mut rest = text.trim_matches(is_blank);
    if rest == "0" {
        return Ok(0);
    }
    let mut sum: u128 = 0;
    let mut sure = String::new();
    let mut is_sure = true;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',')).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let tail = tail.trim_start_matches(is_blank);
        let letters = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        let (name, tail) = tail.split_at(letters);
        rest = tail.trim_start_matches(is_blank);
        let (number, number_is_sure) = plain_number(number).ok_or(None)?;
        let (name, scale) = match unit(name) {
            Unit::Known(scale) => (name, scale),
            Unit::Perhaps(meant) => (meant, 0),
            Unit::Unknown => return Err(None),
        };
        is_sure &= number_is_sure && scale > 0;
        let gap = if sure.is_empty() { "" } else { " " };
        let _ = write!(sure, "{gap}{number} {name}");
        sum = sum.saturating_add(scaled(&number, scale).ok_or(None)?);
    }
    if sure.is_empty() {
        return Err(None);
    }
    if is_sure { Ok(sum) } else { Err(Some(sure)) }
}

/// Digits with at most one point, and whether that is what was written: a comma may part thousands or decimals.
fn plain_number(text: &str) -> Option<(String, bool)> {
    let number = match text.split_once(',') {
        None => text.to_owned(),
        Some((whole, thousands)) if thousands.len() == 3 => format!("{whole}{thousands}"),
        Some((whole, decimals)) => format!("{whole}.{decimals}"),
    };
    let (whole, decimals) = number.split_once('.').unwrap_or((&number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = digits(whole) && digits(decimals);
    is_number.then(|| (number.clone(), number == text))
}

/// `number × scale`, rounded down; what does not fit saturates.
fn scaled(number: &str, scale: u128) -> Option<u128> {
    /// More digits behind the point change nothing: the largest scale is 2^40.
    const DECIMALS: usize = 12;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let decimals = decimals.get(..decimals.len().min(DECIMALS))?;
    let whole = whole.parse::<u64>().unwrap_or(u64::MAX);
    let part = match decimals {
        "" => 0,
        digits => {
            let tens = 10u128.checked_pow(u32::try_from(digits.len()).ok()?)?;
            digits.parse::<u128>().ok()?.checked_mul(scale)?.checked_div(tens)?
        }
    };
    Some(u128::from(whole).saturating_mul(scale).saturating_add(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Size = Size::mib(1 << 30);
    const LONG: Duration = Duration::from_secs(20 * 365 * 86_400);

    fn said(result: Result<impl std::fmt::Debug, Fault>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn sizes_are_binary_and_generous() {
        for (text, bytes) in [
            ("8 GB", 8 << 30),
            ("8GB", 8 << 30),
            ("8 gb", 8 << 30),
            ("8\u{A0}GiB", 8 << 30),
            ("1.5 MB", 1_572_864),
            ("512 bytes", 512),
            ("512 B", 512),
            ("0", 0),
            ("0 bytes", 0),
            ("1 GB 512 MB", (1 << 30) + (512 << 20)),
        ] {
            assert_eq!(size(text, Size::ZERO, MOST), Ok(Size::bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn doubtful_sizes_name_the_units_and_what_was_meant() {
        let units = "a size with its unit (bytes, KB, MB, GB or TB)";
        for (text, meant) in [
            ("8 G", "; did you mean '8 GB'?"),
            ("8 Go", "; did you mean '8 GB'?"),
            ("1,5 GB", "; did you mean '1.5 GB'?"),
            ("1,500 MB", "; did you mean '1500 MB'?"),
            ("8", ""),
            ("8 apples", ""),
            ("GB", ""),
            ("-8 GB", ""),
            ("8 GB!", ""),
            ("8..1 GB", ""),
            (".5 GB", ""),
        ] {
            assert_eq!(said(size(text, Size::ZERO, MOST)), format!("found '{text}'; expected {units}{meant}"));
        }
        assert_eq!(
            said(size("90 KB", Size::kib(1), Size::kib(60))),
            "found '90 KB'; expected a size from 1 KB to 60 KB; did you mean '60 KB'?"
        );
        let endless = "9".repeat(40);
        for text in [format!("{endless} TB"), format!("1.{endless} GB"), format!("{endless}.{endless} TB")] {
            let _ = size(&text, Size::ZERO, MOST);
        }
        assert!(size("99999999999999999999999999 TB", Size::ZERO, MOST).is_err());
    }

    #[test]
    fn times_are_said_in_many_ways() {
        for (text, millis) in [
            ("250 ms", 250),
            ("10 s", 10_000),
            ("10s", 10_000),
            ("1.5 s", 1500),
            ("2 minutes", 120_000),
            ("1 h 30 min", 5_400_000),
            ("1 day", 86_400_000),
            ("30 Days", 30 * 86_400_000),
            ("2 weeks", 14 * 86_400_000),
            ("1 year", 365 * 86_400_000),
            ("0", 0),
        ] {
            assert_eq!(span(text, Duration::ZERO, LONG), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert!(said(span("5 m", Duration::ZERO, LONG)).ends_with("; did you mean '5 min'?"));
        assert!(said(span("5 dyas", Duration::ZERO, LONG)).ends_with("; did you mean '5 days'?"));
        assert!(said(span("75", Duration::ZERO, LONG)).ends_with("(ms, s, min, h, days or weeks)"));
        let short = span("5 ms", Duration::from_secs(1), Duration::from_secs(5400));
        assert_eq!(said(short), "found '5 ms'; expected a time from 1 s to 1 h 30 min; did you mean '1 s'?");
    }

    #[test]
    fn spans_print_as_they_are_written() {
        for text in ["0 s", "250 ms", "1 day", "365 days", "1 h 30 min", "75 s"] {
            let value = span(text, Duration::ZERO, LONG).unwrap();
            assert_eq!(span(&span_text(value), Duration::ZERO, LONG), Ok(value), "{text}");
        }
    }

    #[test]
    fn counts_and_switches() {
        assert_eq!(count("100", 10, 128), Ok(100));
        assert!(said(count("2,000", 1, 9999)).ends_with("; did you mean '2000'?"));
        assert!(said(count("129", 10, 128)).ends_with("from 10 to 128; did you mean '128'?"));
        assert!(said(count(&"9".repeat(50), 10, 128)).ends_with("; did you mean '128'?"));
        assert_eq!(said(count("many", 10, 128)), "found 'many'; expected a whole number from 10 to 128");
        assert_eq!((switch("Yes"), switch("off")), (Ok(true), Ok(false)));
        assert!(said(switch("onn")).ends_with("; did you mean 'on'?"));
        assert!(said(switch("1")).ends_with("; did you mean 'on'?"));
        assert_eq!(said(switch("maybe")), "found 'maybe'; expected on or off");
    }
}
