//! Regular expressions for `pattern` and `patternProperties`: the syntax of ECMA-262 with the flag `u` (JSON Schema Core
//! §6.4), matched in steps that are counted.
//!
//! A match takes at most characters × size of the pattern steps, whatever the pattern: all ways to match are followed at
//! once (Thompson 1968), none is tried after another. Lookahead is looked up at each place where it is asked, and costs
//! steps likewise. What cannot be had so is refused when the pattern is read: back references, lookbehind; and `\p` knows
//! general categories, not scripts.

mod category;
mod matcher;
mod parse;
mod program;
mod set;

use std::fmt;

pub(super) use matcher::Scratch;

use super::unfit::{Steps, Unfit};
use program::Program;

#[derive(Clone, Debug)]
pub(super) struct Regex {
    program: Program,
}

/// Why a pattern cannot be used, and at which of its characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BadPattern {
    /// No regular expression of ECMA-262.
    Syntax(usize),
    BackReference(usize),
    Lookbehind(usize),
    /// A property that is no general category and none of the few others.
    Property(usize),
    /// Groups in groups beyond [`parse::MAX_NESTING`].
    TooDeep(usize),
    /// Larger than [`program::MAX_OPS`] when repetitions are written out.
    TooLarge,
}

impl Regex {
    pub(super) fn new(pattern: &str) -> Result<Regex, BadPattern> {
        Ok(Regex { program: Program::new(&parse::parse(pattern)?)? })
    }

    /// Whether the pattern matches anywhere in the text. An error where the steps do not suffice to tell.
    pub(super) fn is_match(&self, text: &str, scratch: &mut Scratch, steps: &mut Steps) -> Result<bool, Unfit> {
        matcher::is_match(&self.program, text, scratch, steps)
    }
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, at) = match self {
            BadPattern::Syntax(at) => ("is no regular expression of ECMA-262", at),
            BadPattern::BackReference(at) => ("refers back to a group, which takes time without bound", at),
            BadPattern::Lookbehind(at) => ("looks behind, which is not supported", at),
            BadPattern::Property(at) => ("names a property other than a general category, as \\p{L}", at),
            BadPattern::TooDeep(at) => ("has groups in groups too deep", at),
            BadPattern::TooLarge => return f.write_str("is too large when its repetitions are written out"),
        };
        write!(f, "{what} (character {})", at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::unfit::Unfit;
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        let regex = Regex::new(pattern).unwrap_or_else(|bad| panic!("{pattern} {bad}"));
        regex.is_match(text, &mut Scratch::default(), &mut Steps::new(1_000_000)).unwrap()
    }

    #[test]
    fn patterns_match() {
        let yes = [
            ("", ""),
            ("", "x"),
            ("a", "xay"),
            ("^a*$", ""),
            ("^a*$", "aaa"),
            ("a|b", "b"),
            ("^(a|bc)+$", "abca"),
            ("^[a-c]{2,3}$", "abc"),
            ("^.{3}$", "a😀b"),
            ("^\\d{4}-\\d\\d$", "2026-11"),
            ("^[^0-9]$", "x"),
            ("\\bfoo\\b", "a foo b"),
            ("\\Boo", "foo"),
            ("^\\u{1F600}\\u0041\\x42\\cJ\\0$", "😀AB\n\0"),
            ("^\\ud83d\\ude00$", "😀"),
            ("^[\\ud83d\\ude00]$", "😀"),
            ("^\\p{L}+$", "Ünïé"),
            ("^\\P{Lu}$", "x"),
            ("^\\p{Letter}\\p{gc=Nd}$", "é٣"),
            ("^[\\p{Nd}_]+$", "1_٣"),
            ("^[^]$", "\n"),
            ("^(?=.*\\d)(?=.*[a-z]).{4,}$", "abc1"),
            ("^(?!foo)", "bar"),
            ("a(?!b)c", "ac"),
            ("^(?:a|b)?c$", "c"),
            ("^(?<year>\\d+)$", "12"),
            ("^[\\w.+-]+@[\\w-]+\\.[\\w.-]+$", "a.b+c@d-e.org"),
            ("^a{2}b{0}$", "aa"),
            ("^(a*)*$", "aaaa"),
            ("^(|a)+$", "aaa"),
            ("^[a\\-z]+$", "a-z"),
            ("^\\/\\-\\.$", "/-."),
            ("x*?y+?z??", "y"),
            ("^\\s$", "\u{feff}"),
            ("^\\S$", "x"),
            ("^\\p{Alphabetic}$", "é"),
            ("^\\p{ASCII}$", "~"),
            ("^[\\b]$", "\u{8}"),
            ("^[--a]$", "."),
            ("a$|^b", "xa"),
            ("^{$", "{"),
            ("^(?!.*(?=a)b)c", "cab"),
        ];
        for (pattern, text) in yes {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        let no = [
            ("^a$", "a\n"),
            ("[]", "a"),
            ("^\\d$", "٣"),
            ("^\\w$", "é"),
            ("^.$", "\n"),
            ("^.$", "\u{2028}"),
            ("a{3}", "aa"),
            ("^(?=.*\\d)(?=.*[a-z]).{4,}$", "abcd"),
            ("^(?!foo)", "foobar"),
            ("^[a-c]{2,3}$", "abca"),
            ("^\\P{L}$", "a"),
            ("^(a|bc)+$", "acb"),
            ("\\bfoo", "xfoo"),
            ("^$", "x"),
            ("^[^a-z]$", "b"),
            ("x{2,}", "x"),
            ("a(?=b)c", "abc"),
        ];
        for (pattern, text) in no {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn bad_patterns_have_names() {
        for (pattern, expected) in [
            ("(a", BadPattern::Syntax(2)),
            ("a)", BadPattern::Syntax(1)),
            ("*a", BadPattern::Syntax(0)),
            ("a**", BadPattern::Syntax(2)),
            ("[b-a]", BadPattern::Syntax(1)),
            ("[a", BadPattern::Syntax(2)),
            ("a{2,1}", BadPattern::Syntax(1)),
            ("\\a", BadPattern::Syntax(0)),
            ("\\Z", BadPattern::Syntax(0)),
            ("(?i)a", BadPattern::Syntax(0)),
            ("(?P<n>a)", BadPattern::Syntax(0)),
            ("\\", BadPattern::Syntax(0)),
            ("\\u{110000}", BadPattern::Syntax(0)),
            ("[\\d-z]", BadPattern::Syntax(1)),
            ("(a)\\1", BadPattern::BackReference(3)),
            ("(?<a>a)\\k<a>", BadPattern::BackReference(7)),
            ("(?<=a)b", BadPattern::Lookbehind(0)),
            ("(?<!a)b", BadPattern::Lookbehind(0)),
            ("\\p{Script=Greek}", BadPattern::Property(0)),
            ("\\p{Foo}", BadPattern::Property(0)),
            ("(a{1000}){1000}", BadPattern::TooLarge),
            ("((((a{99}){99}){99}){99}){99}", BadPattern::TooLarge),
        ] {
            assert_eq!(Regex::new(pattern).map(|_| ()), Err(expected), "{pattern}");
        }
        let deep = "(".repeat(1000) + &")".repeat(1000);
        assert!(matches!(Regex::new(&deep), Err(BadPattern::TooDeep(_))));
    }

    #[test]
    fn no_pattern_takes_long() {
        let text = "a".repeat(20_000) + "!";
        for pattern in ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*(.*)*(.*)*x"]
        {
            let mut steps = Steps::new(3_000_000);
            let regex = Regex::new(pattern).unwrap();
            assert_eq!(regex.is_match(&text, &mut Scratch::default(), &mut steps), Ok(false), "{pattern}");
        }
        let mut steps = Steps::new(100_000);
        let nested = Regex::new("(?=(?=a*b)a*c)d").unwrap();
        assert_eq!(nested.is_match(&text, &mut Scratch::default(), &mut steps), Err(Unfit::TooCostly));
    }
}
