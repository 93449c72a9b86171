//! Numbers exactly as they are written, however large or fine.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// A decimal number: `0.DIGITS × 10^scale`. Comparing and dividing need no other arithmetic than that on exponents.
///
/// Exponents beyond 10^12 count as 10^12: no digits that a body could hold reach across.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::content) struct Number<'a> {
    negative: bool,
    /// ASCII, neither beginning nor ending with `0`; empty for zero.
    digits: Cow<'a, [u8]>,
    /// 0 for zero.
    scale: i64,
}

const MAX_EXPONENT: i64 = 1_000_000_000_000;

/// What `multipleOf` asks for: `units × 10^exponent`, greater than zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::content) struct Divisor {
    units: u64,
    exponent: i64,
}

impl<'a> Number<'a> {
    /// From the text of a JSON number.
    pub(in crate::content) fn read(text: &'a [u8]) -> Number<'a> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let end = text.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(text.len());
        let (mantissa, exponent) = text.split_at_checked(end).unwrap_or((text, &[]));
        let (digits, whole) = match mantissa.iter().position(|byte| *byte == b'.') {
            None => (Cow::Borrowed(mantissa), mantissa.len()),
            Some(point) => {
                let (whole, fraction) = mantissa.split_at_checked(point).unwrap_or((mantissa, &[]));
                (Cow::Owned([whole, fraction.get(1..).unwrap_or_default()].concat()), point)
            }
        };
        let scale = i64::try_from(whole).unwrap_or(MAX_EXPONENT).saturating_add(read_exponent(exponent));
        Number { negative, digits, scale }.tidied()
    }

    pub(in crate::content) fn owned(self) -> Number<'static> {
        Number { negative: self.negative, digits: Cow::Owned(self.digits.into_owned()), scale: self.scale }
    }

    /// Whether nothing but zeros stands behind the point: `1.0` is an integer (JSON Schema Core §4.2.3).
    pub(in crate::content) fn is_integer(&self) -> bool {
        self.scale >= self.len()
    }

    pub(in crate::content) fn is_positive(&self) -> bool {
        !self.negative && !self.digits.is_empty()
    }

    /// A count, as of `maxLength`: `None` for what is below zero or no integer; the most there is for what is larger.
    pub(in crate::content) fn count(&self) -> Option<usize> {
        if self.negative || !self.is_integer() {
            return None;
        }
        let zeros = u32::try_from(self.scale - self.len()).unwrap_or(u32::MAX);
        let whole = self.units().zip(10_u64.checked_pow(zeros)).and_then(|(units, ten)| units.checked_mul(ten));
        let whole = if self.digits.is_empty() { Some(0) } else { whole };
        Some(whole.and_then(|whole| usize::try_from(whole).ok()).unwrap_or(usize::MAX))
    }

    /// `None` for what is not above zero, or has more than 19 digits.
    pub(in crate::content) fn divisor(&self) -> Option<Divisor> {
        let units = self.units().filter(|_| self.is_positive())?;
        Some(Divisor { units, exponent: self.scale - self.len() })
    }

    pub(in crate::content) fn is_multiple_of(&self, divisor: Divisor) -> bool {
        let shift = self.scale - self.len() - divisor.exponent;
        if self.digits.is_empty() {
            return true;
        }
        // The digits do not end with 0, so ten is no factor of them and no multiple of ten divides them.
        let Ok(shift) = u64::try_from(shift) else { return false };
        let modulus = u128::from(divisor.units);
        let digit = |byte: &u8| u128::from(byte.wrapping_sub(b'0'));
        let rest = self.digits.iter().fold(0, |rest, byte| (rest * 10 + digit(byte)) % modulus);
        (rest * power_of_ten(shift, modulus)).is_multiple_of(modulus)
    }

    /// Bytes that are the same for the same number only.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.negative));
        out.extend_from_slice(&self.scale.to_be_bytes());
        out.extend_from_slice(&self.len().to_be_bytes());
        out.extend_from_slice(&self.digits);
    }

    fn tidied(mut self) -> Number<'a> {
        let is_digit = |byte: &u8| *byte != b'0';
        let first = self.digits.iter().position(is_digit).unwrap_or(self.digits.len());
        let end = self.digits.iter().rposition(is_digit).map_or(first, |last| last + 1);
        self.scale -= i64::try_from(first).unwrap_or(0);
        self.digits = match self.digits {
            Cow::Borrowed(digits) => Cow::Borrowed(digits.get(first..end).unwrap_or_default()),
            Cow::Owned(digits) => Cow::Owned(digits.get(first..end).unwrap_or_default().to_vec()),
        };
        if self.digits.is_empty() {
            (self.negative, self.scale) = (false, 0);
        }
        self
    }

    fn len(&self) -> i64 {
        i64::try_from(self.digits.len()).unwrap_or(MAX_EXPONENT)
    }

    fn units(&self) -> Option<u64> {
        let add = |sum: u64, byte: &u8| sum.checked_mul(10)?.checked_add(u64::from(byte.wrapping_sub(b'0')));
        self.digits.iter().try_fold(0, add)
    }

    fn magnitude(&self, other: &Number<'_>) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.scale.cmp(&other.scale).then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

/// Not as it was written, but exactly.
impl fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = std::str::from_utf8(&self.digits).unwrap_or_default();
        let sign = if self.negative { "-" } else { "" };
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        match self.scale {
            _ if digits.is_empty() => f.write_str("0"),
            scale @ -20..=0 => write!(f, "{sign}0.{}{digits}", zeros(-scale)),
            scale @ 1..=40 => {
                let (whole, fraction) =
                    usize::try_from(scale).ok().and_then(|at| digits.split_at_checked(at)).unwrap_or((digits, ""));
                let point = if fraction.is_empty() { "" } else { "." };
                write!(f, "{sign}{whole}{}{point}{fraction}", zeros(scale - self.len()))
            }
            scale => write!(f, "{sign}0.{digits}e{scale}"),
        }
    }
}

impl fmt::Display for Divisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}e{}", self.units, self.exponent);
        fmt::Display::fmt(&Number::read(text.as_bytes()), f)
    }
}

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn read_exponent(text: &[u8]) -> i64 {
    let (negative, digits) = match text {
        [_, b'-', digits @ ..] => (true, digits),
        [_, b'+', digits @ ..] | [_, digits @ ..] => (false, digits),
        [] => return 0,
    };
    let add = |sum: i64, byte: &u8| (sum * 10 + i64::from(byte.wrapping_sub(b'0'))).min(MAX_EXPONENT);
    let exponent = digits.iter().fold(0, add);
    if negative { -exponent } else { exponent }
}

/// `10^exponent mod modulus`; the modulus fits 64 bits, so no product overflows 128.
fn power_of_ten(mut exponent: u64, modulus: u128) -> u128 {
    let (mut result, mut square) = (1 % modulus, 10 % modulus);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * square % modulus;
        }
        square = square * square % modulus;
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number<'_> {
        Number::read(text.as_bytes())
    }

    #[test]
    fn numbers_are_compared_exactly() {
        let rising = [
            "-1e400",
            "-12345678901234567890.1",
            "-12345678901234567890",
            "-2",
            "-0.10",
            "-1e-400",
            "-0",
            "1e-401",
            "0.1",
            "1",
            "1.5",
            "9.727837981879871e26",
            "972783798187987200000000000",
            "1e400",
        ];
        for (place, low) in rising.iter().enumerate() {
            for (other, high) in rising.iter().enumerate() {
                assert_eq!(number(low).cmp(&number(high)), place.cmp(&other).then(Ordering::Equal), "{low} {high}");
            }
        }
        for (one, other) in
            [("1", "1.00"), ("100", "1e2"), ("0", "-0.0e5"), ("0.01", "1E-2"), ("1e99999999999999", "1e9999999999999")]
        {
            assert_eq!(number(one), number(other));
        }
    }

    #[test]
    fn numbers_are_shown_exactly() {
        for (text, expected) in [
            ("-0.050", "-0.05"),
            ("0.5", "0.5"),
            ("1500e-1", "150"),
            ("12.50", "12.5"),
            ("1e3", "1000"),
            ("0e9", "0"),
            ("1e60", "0.1e61"),
        ] {
            assert_eq!(number(text).to_string(), expected, "{text}");
        }
        assert_eq!(number("0.0001").divisor().unwrap().to_string(), "0.0001");
    }

    #[test]
    fn integers_and_counts() {
        for (text, expected) in
            [("0", Some(0)), ("-0", Some(0)), ("2.0", Some(2)), ("1e3", Some(1000)), ("1.5", None), ("-1", None)]
        {
            assert_eq!(number(text).count(), expected, "{text}");
        }
        assert_eq!(number("1e40").count(), Some(usize::MAX));
        assert!(number("1e308").is_integer() && !number("1e-1").is_integer());
    }

    #[test]
    fn multiples_are_exact() {
        fn check(value: &str, of: &str, expected: bool) {
            assert_eq!(number(value).is_multiple_of(number(of).divisor().unwrap()), expected, "{value} of {of}");
        }
        check("0.3", "0.1", true);
        check("19.99", "0.01", true);
        check("19.995", "0.01", false);
        check("0.0075", "0.0001", true);
        check("0.00751", "0.0001", false);
        check("4.5", "1.5", true);
        check("35", "1.5", false);
        check("1e308", "0.5", true);
        check("1e308", "0.123456789", false);
        check("12391239123", "1e-8", true);
        check("-30", "10", true);
        check("5", "10", false);
        check("0", "3", true);
        check("123456789012345678901234567890", "3", true);
        check("123456789012345678901234567891", "3", false);
        check("7e1000000", "7", true);
        assert_eq!(number("0").divisor(), None);
        assert_eq!(number("-1").divisor(), None);
        assert_eq!(number("1.2345678901234567890123").divisor(), None);
    }
}
