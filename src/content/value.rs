//! Values that are written as text: dates, identifiers.

/// `YYYY-MM-DD` (RFC 3339 §5.6), a day that there is.
pub(super) fn is_date(text: &str) -> bool {
    let digits = |range| text.get(range).filter(|part: &&str| part.bytes().all(|byte| byte.is_ascii_digit()));
    let number = |range| digits(range).and_then(|part| part.parse::<u32>().ok());
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(5..7), number(8..10)) else { return false };
    let marks = text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 0,
    };
    marks && (1..=days).contains(&day)
}

/// RFC 9562 §4: 8-4-4-4-12 hexadecimal digits.
pub(super) fn is_uuid(text: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

/// A whole number of 64 bits in decimal digits, without a plus or leading zeros, which some take for octal.
pub(super) fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || (digits.starts_with('0') && digits != "0") {
        return None;
    }
    text.parse().ok()
}

/// A number as JSON writes it (RFC 8259 §6).
pub(super) fn is_number(text: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    is_digits(digits)
        && (digits == "0" || !digits.starts_with('0'))
        && fraction.is_none_or(is_digits)
        && exponent.is_none_or(|exponent| is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_that_there_are() {
        for text in ["2026-11-23", "2024-02-29", "2000-02-29", "0001-01-01"] {
            assert!(is_date(text), "{text}");
        }
        for text in [
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-04-31",
            "2026-4-1",
            "20261123",
            "2026-11-2३",
            "+026-11-23",
        ] {
            assert!(!is_date(text), "{text}");
        }
    }

    #[test]
    fn uuids_have_their_hyphens() {
        assert!(is_uuid("123e4567-E89b-12d3-a456-426614174000"));
        for text in [
            "123e4567e89b12d3a456426614174000",
            "123e4567-e89b-12d3-a456-42661417400g",
            "{23e4567-e89b-12d3-a456-426614174000}",
        ] {
            assert!(!is_uuid(text), "{text}");
        }
    }

    #[test]
    fn numbers_are_written_one_way() {
        for (text, expected) in [("0", Some(0)), ("-7", Some(-7)), ("99999999999999999999", None), ("-0", Some(0))] {
            assert_eq!(integer(text), expected, "{text}");
        }
        for text in ["", "-", "+1", "01", "1.0", "1e3", " 1", "٣", "0x1", "--1", "-01"] {
            assert_eq!(integer(text), None, "{text}");
        }
        for text in ["0", "-0.5", "1e3", "1.25E-7", "10.0e+2"] {
            assert!(is_number(text), "{text}");
        }
        for text in ["", ".5", "5.", "1e", "e1", "1e+", "NaN", "inf", "01.5", "1.5.5", "+1", "1e5e5", "1e--5"] {
            assert!(!is_number(text), "{text}");
        }
    }
}
