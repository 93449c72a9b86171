//! The syntax of ECMA-262 §22.2.1 with the flag `u`; lone braces and needless backslashes before punctuation are taken
//! as meant.

use super::BadPattern;
use super::category;
use super::set::{DIGIT, LINE_END, SPACE, Set, WORD};

/// Groups in groups. The stack knows why.
pub(super) const MAX_NESTING: usize = 64;

/// What a pattern says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Node {
    /// One character of these.
    Set(Set),
    /// One after the other.
    All(Vec<Node>),
    /// One or the other.
    Any(Vec<Node>),
    /// So often; without end where there is no most.
    Repeat(Box<Node>, u32, Option<u32>),
    Start,
    End,
    /// Between a word's character and another one; `false`: not there.
    Boundary(bool),
    /// What comes next would match, or (`false`) would not.
    Ahead(Box<Node>, bool),
}

pub(super) fn parse(pattern: &str) -> Result<Node, BadPattern> {
    let mut parser = Parser { chars: pattern.chars().collect(), at: 0, nesting: 0 };
    let node = parser.any()?;
    if parser.at < parser.chars.len() { Err(parser.bad()) } else { Ok(node) }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    nesting: usize,
}

type Parsed<T> = Result<T, BadPattern>;

impl Parser {
    fn any(&mut self) -> Parsed<Node> {
        let mut ways = vec![self.all()?];
        while self.take("|") {
            ways.push(self.all()?);
        }
        Ok(if ways.len() == 1 { ways.swap_remove(0) } else { Node::Any(ways) })
    }

    fn all(&mut self) -> Parsed<Node> {
        let mut parts = Vec::new();
        while let Some(c) = self.peek().filter(|c| !matches!(c, '|' | ')')) {
            let start = self.at;
            let (node, repeats) = self.term(c)?;
            parts.push(self.repeated(node, repeats, start)?);
        }
        Ok(Node::All(parts))
    }

    /// A term, and whether it may be repeated.
    fn term(&mut self, c: char) -> Parsed<(Node, bool)> {
        if matches!(c, '*' | '+' | '?') {
            return Err(self.bad());
        }
        if c == '(' {
            return self.group();
        }
        self.at += 1;
        Ok(match c {
            '^' => (Node::Start, false),
            '$' => (Node::End, false),
            '.' => (Node::Set(Set::new(LINE_END.to_vec()).without()), true),
            '[' => (Node::Set(self.class()?), true),
            '\\' if self.take("b") => (Node::Boundary(true), false),
            '\\' if self.take("B") => (Node::Boundary(false), false),
            '\\' => (Node::Set(self.escape(false)?.into_set()), true),
            c => (Node::Set(Set::one(u32::from(c))), true),
        })
    }

    fn group(&mut self) -> Parsed<(Node, bool)> {
        let start = self.at;
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(BadPattern::TooDeep(start));
        }
        let ahead = match () {
            () if self.take("(?:") => None,
            () if self.take("(?=") => Some(true),
            () if self.take("(?!") => Some(false),
            () if self.take("(?<=") || self.take("(?<!") => return Err(BadPattern::Lookbehind(start)),
            () if self.take("(?<") => self.group_name(start)?,
            () if self.take("(?") => return Err(BadPattern::Syntax(start)),
            () => {
                self.at += 1;
                None
            }
        };
        let inner = self.any()?;
        if !self.take(")") {
            return Err(self.bad());
        }
        self.nesting -= 1;
        Ok(match ahead {
            Some(wanted) => (Node::Ahead(Box::new(inner), wanted), false),
            None => (inner, true),
        })
    }

    fn group_name(&mut self, start: usize) -> Parsed<Option<bool>> {
        let from = self.at;
        while self.peek().is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$')) {
            self.at += 1;
        }
        let named = self.at > from && !self.chars.get(from).is_some_and(|c| c.is_numeric());
        if named && self.take(">") { Ok(None) } else { Err(BadPattern::Syntax(start)) }
    }

    fn repeated(&mut self, node: Node, repeats: bool, start: usize) -> Parsed<Node> {
        let from = self.at;
        let (least, most) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => match self.counts() {
                Some(counts) => counts,
                None => return Ok(node),
            },
            Some(_) | None => return Ok(node),
        };
        if self.at == from {
            self.at += 1;
        }
        if most.is_some_and(|most| most < least) {
            return Err(BadPattern::Syntax(from));
        }
        if !repeats {
            return Err(BadPattern::Syntax(start));
        }
        self.take("?");
        Ok(Node::Repeat(Box::new(node), least, most))
    }

    /// `{2}`, `{2,}`, `{2,3}`; stays where it is when that is not what stands here.
    fn counts(&mut self) -> Option<(u32, Option<u32>)> {
        let from = self.at;
        self.at += 1;
        let found = self.number().map(|least| {
            if !self.take(",") {
                return (least, Some(least));
            }
            let most = self.peek().filter(char::is_ascii_digit).and_then(|_| self.number());
            (least, most)
        });
        if found.is_none() || !self.take("}") {
            self.at = from;
            return None;
        }
        found
    }

    fn number(&mut self) -> Option<u32> {
        let from = self.at;
        let mut sum = 0_u32;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            sum = sum.saturating_mul(10).saturating_add(digit);
            self.at += 1;
        }
        (self.at > from).then_some(sum)
    }

    /// Behind `[`.
    fn class(&mut self) -> Parsed<Set> {
        let inverted = self.take("^");
        let mut ranges = Vec::new();
        loop {
            let start = self.at;
            if self.take("]") {
                break;
            }
            let first = self.class_atom()?;
            let is_range = self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|c| *c != ']');
            if !is_range {
                ranges.extend_from_slice(first.into_set().ranges());
                continue;
            }
            self.at += 1;
            match (first, self.class_atom()?) {
                (Atom::One(first), Atom::One(last)) if first <= last => ranges.push((first, last)),
                _ => return Err(BadPattern::Syntax(start)),
            }
        }
        let set = Set::new(ranges);
        Ok(if inverted { set.without() } else { set })
    }

    fn class_atom(&mut self) -> Parsed<Atom> {
        let c = self.peek().ok_or(self.bad())?;
        self.at += 1;
        match c {
            '\\' if self.take("b") => Ok(Atom::One(8)),
            '\\' if self.take("-") => Ok(Atom::One(u32::from('-'))),
            '\\' => self.escape(true),
            c => Ok(Atom::One(u32::from(c))),
        }
    }

    /// Behind a backslash.
    fn escape(&mut self, in_class: bool) -> Parsed<Atom> {
        let start = self.at - 1;
        let syntax = BadPattern::Syntax(start);
        let c = self.peek().ok_or(syntax)?;
        self.at += 1;
        let several = |ranges: &[(u32, u32)]| Ok(Atom::Several(Set::new(ranges.to_vec())));
        let none_of = |ranges: &[(u32, u32)]| Ok(Atom::Several(Set::new(ranges.to_vec()).without()));
        match c {
            'd' => several(DIGIT),
            'D' => none_of(DIGIT),
            'w' => several(WORD),
            'W' => none_of(WORD),
            's' => several(SPACE),
            'S' => none_of(SPACE),
            'p' | 'P' => self.property(c == 'P', start),
            't' => Ok(Atom::One(9)),
            'n' => Ok(Atom::One(10)),
            'v' => Ok(Atom::One(11)),
            'f' => Ok(Atom::One(12)),
            'r' => Ok(Atom::One(13)),
            'c' => {
                let letter = self.peek().filter(char::is_ascii_alphabetic).ok_or(syntax)?;
                self.at += 1;
                Ok(Atom::One(u32::from(letter) % 32))
            }
            '0' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => Ok(Atom::One(0)),
            'x' => self.hex(2).map(Atom::One).ok_or(syntax),
            'u' => self.unicode().map(Atom::One).ok_or(syntax),
            '1'..='9' | 'k' if !in_class => Err(BadPattern::BackReference(start)),
            c if c.is_ascii_punctuation() || c == ' ' => Ok(Atom::One(u32::from(c))),
            _ => Err(syntax),
        }
    }

    fn property(&mut self, inverted: bool, start: usize) -> Parsed<Atom> {
        let rest = self.chars.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|c| *c == '}').ok_or(BadPattern::Syntax(start))?;
        let Some(['{', name @ ..]) = rest.get(..end) else { return Err(BadPattern::Syntax(start)) };
        let name: String = name.iter().collect();
        self.at += end + 1;
        let set = Set::new(category::ranges(&name).ok_or(BadPattern::Property(start))?);
        Ok(Atom::Several(if inverted { set.without() } else { set }))
    }

    /// Behind `\u`: four digits, two halves of a pair, or any number in braces.
    fn unicode(&mut self) -> Option<u32> {
        if self.take("{") {
            let from = self.at;
            let end = self.chars.get(from..)?.iter().position(|c| *c == '}')?;
            let value = self.hex(end).filter(|value| *value <= 0x10_FFFF)?;
            self.at += 1;
            return Some(value);
        }
        let first = self.hex(4)?;
        let from = self.at;
        if (0xD800..0xDC00).contains(&first) && self.take("\\u") {
            match self.hex(4) {
                Some(second @ 0xDC00..=0xDFFF) => return Some(0x1_0000 + ((first & 0x3FF) << 10) + (second & 0x3FF)),
                Some(_) | None => self.at = from,
            }
        }
        Some(first)
    }

    fn hex(&mut self, count: usize) -> Option<u32> {
        let digits = self.chars.get(self.at..self.at + count).filter(|digits| !digits.is_empty())?;
        let add = |sum: u32, c: &char| sum.checked_mul(16)?.checked_add(c.to_digit(16)?);
        let value = digits.iter().try_fold(0, add)?;
        self.at += count;
        Some(value)
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, text: &str) -> bool {
        let rest = self.chars.get(self.at..).unwrap_or_default();
        let found = text.chars().count() <= rest.len() && text.chars().zip(rest).all(|(wanted, c)| wanted == *c);
        if found {
            self.at += text.chars().count();
        }
        found
    }

    fn bad(&self) -> BadPattern {
        BadPattern::Syntax(self.at)
    }
}

/// What one place of a class, or an escape, stands for.
enum Atom {
    One(u32),
    Several(Set),
}

impl Atom {
    fn into_set(self) -> Set {
        match self {
            Atom::One(c) => Set::one(c),
            Atom::Several(set) => set,
        }
    }
}
