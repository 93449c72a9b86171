//! Sets of characters.

/// Code points; surrogates may be among them, no text has any.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Set {
    /// A bit for each of the first 128.
    ascii: u128,
    /// First and last, in order, apart from each other.
    ranges: Box<[(u32, u32)]>,
}

const LAST: u32 = 0x10_FFFF;

impl Set {
    pub(super) fn new(mut ranges: Vec<(u32, u32)>) -> Set {
        ranges.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match joined.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                Some(_) | None => joined.push((first, last)),
            }
        }
        let has = |c: u32| joined.iter().any(|(first, last)| (*first..=*last).contains(&c));
        let ascii = (0..128).filter(|c| has(*c)).fold(0, |bits, c| bits | 1 << c);
        Set { ascii, ranges: joined.into() }
    }

    pub(super) fn one(c: u32) -> Set {
        Set::new(vec![(c, c)])
    }

    pub(super) fn without(self) -> Set {
        let mut ranges = Vec::with_capacity(self.ranges.len() + 1);
        let mut next = 0;
        for (first, last) in &self.ranges {
            if next < *first {
                ranges.push((next, first - 1));
            }
            next = last + 1;
        }
        if next <= LAST {
            ranges.push((next, LAST));
        }
        Set::new(ranges)
    }

    pub(super) fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    pub(super) fn has(&self, c: char) -> bool {
        let c = u32::from(c);
        if c < 128 {
            return self.ascii >> c & 1 == 1;
        }
        let behind = self.ranges.partition_point(|(first, _)| *first <= c);
        behind.checked_sub(1).and_then(|place| self.ranges.get(place)).is_some_and(|(_, last)| c <= *last)
    }
}

/// `\d`
pub(super) const DIGIT: &[(u32, u32)] = &[(0x30, 0x39)];
/// `\w`
pub(super) const WORD: &[(u32, u32)] = &[(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)];
/// `\s`: white space and line ends (ECMA-262 §12.2, §12.3)
pub(super) const SPACE: &[(u32, u32)] = &[
    (0x09, 0x0D),
    (0x20, 0x20),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),
];
/// What `.` does not match (ECMA-262 §12.3).
pub(super) const LINE_END: &[(u32, u32)] = &[(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_join_and_turn() {
        let set = Set::new(vec![(0x61, 0x63), (0x64, 0x65), (0x3B1, 0x3C9), (0x62, 0x62)]);
        assert_eq!(set.ranges(), [(0x61, 0x65), (0x3B1, 0x3C9)]);
        let inverse = set.clone().without();
        for c in ['`', 'a', 'e', 'f', 'α', 'ω', 'ϊ', '\u{10FFFF}', '\0'] {
            assert_ne!(set.has(c), inverse.has(c), "{c}");
        }
        assert_eq!(inverse.without(), set);
        assert_eq!(Set::default().without().ranges(), [(0, LAST)]);
    }
}
