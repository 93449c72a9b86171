//! From bytes to places, in whatever pieces the bytes come.

use super::{Node, unescaped};

/// Why bytes are not taken, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::content) enum Flaw {
    /// Not JSON (RFC 8259), or not in UTF-8.
    NotJson(usize),
    /// Deeper than the bound.
    TooDeep,
    /// An object has a name twice (RFC 8259 §4: what receivers make of that cannot be foretold).
    Duplicate(usize),
}

/// Reads one JSON text. White space around it is allowed, a byte-order mark is not (RFC 8259 §8.1).
#[derive(Debug)]
pub(in crate::content) struct Reader {
    nodes: Vec<Node>,
    /// The arrays and objects around the place that is read.
    open: Vec<u32>,
    depth: usize,
    state: State,
    /// Bytes that have been read.
    at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// A value must come.
    Value,
    /// A value or the end of the array.
    FirstItem,
    /// A name or the end of the object.
    FirstName,
    Name,
    Colon,
    /// A comma or the end of what is open.
    Behind,
    /// Inside a string that is a name or not; whether the last byte was a backslash.
    String {
        name: bool,
        escape: bool,
    },
    Number(Digits),
    /// Inside `true`, `false` or `null`, of which so many bytes came.
    Word(&'static [u8], usize),
    End,
}

/// Where in a number (RFC 8259 §6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Digits {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

impl Reader {
    pub(in crate::content) fn new(depth: usize) -> Reader {
        Reader { nodes: Vec::new(), open: Vec::new(), depth, state: State::Value, at: 0 }
    }

    /// Reads on. `bytes` is the text from its beginning, as far as it came: less than 4 GB.
    pub(in crate::content) fn read(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        while let Some(byte) = bytes.get(self.at) {
            match self.state {
                State::String { name, escape: false } => self.skip_text(bytes, name)?,
                State::String { name, escape: true } => {
                    self.state = State::String { name, escape: false };
                    self.at += 1;
                }
                State::Number(digits) => match digits.with(*byte) {
                    Some(next) => {
                        self.state = State::Number(next);
                        self.at += 1;
                    }
                    None => self.end_number(digits)?,
                },
                State::Word(word, came) => self.word(word, came, *byte)?,
                _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                State::Value => self.value(*byte)?,
                State::FirstItem if *byte == b']' => self.close(bytes)?,
                State::FirstItem => self.value(*byte)?,
                State::FirstName if *byte == b'}' => self.close(bytes)?,
                State::FirstName | State::Name => self.name(*byte)?,
                State::Colon => self.mark(*byte, b':', State::Value)?,
                State::Behind => self.behind(*byte, bytes)?,
                State::End => return Err(self.flaw()),
            }
        }
        Ok(())
    }

    /// The places, when the text has come whole.
    pub(in crate::content) fn finish(mut self, bytes: &[u8]) -> Result<Vec<Node>, Flaw> {
        self.read(bytes)?;
        if let State::Number(digits) = self.state {
            self.end_number(digits)?;
        }
        if self.state == State::End { Ok(self.nodes) } else { Err(self.flaw()) }
    }

    fn flaw(&self) -> Flaw {
        Flaw::NotJson(self.at)
    }

    fn value(&mut self, byte: u8) -> Result<(), Flaw> {
        self.state = match byte {
            b'{' => return self.open(State::FirstName),
            b'[' => return self.open(State::FirstItem),
            b'"' => State::String { name: false, escape: false },
            b'-' => State::Number(Digits::Minus),
            b'0' => State::Number(Digits::Zero),
            b'1'..=b'9' => State::Number(Digits::Whole),
            b't' => State::Word(b"true", 1),
            b'f' => State::Word(b"false", 1),
            b'n' => State::Word(b"null", 1),
            _ => return Err(self.flaw()),
        };
        self.begin()
    }

    fn open(&mut self, state: State) -> Result<(), Flaw> {
        if self.open.len() >= self.depth {
            return Err(Flaw::TooDeep);
        }
        self.open.push(self.place()?);
        self.state = state;
        self.begin()
    }

    fn name(&mut self, byte: u8) -> Result<(), Flaw> {
        if byte != b'"' {
            return Err(self.flaw());
        }
        self.state = State::String { name: true, escape: false };
        self.begin()
    }

    fn mark(&mut self, byte: u8, wanted: u8, state: State) -> Result<(), Flaw> {
        if byte != wanted {
            return Err(self.flaw());
        }
        self.state = state;
        self.at += 1;
        Ok(())
    }

    fn behind(&mut self, byte: u8, bytes: &[u8]) -> Result<(), Flaw> {
        let opening = self.open.last().and_then(|node| self.nodes.get(*node as usize));
        let is_object = opening.and_then(|node| bytes.get(node.start as usize)) == Some(&b'{');
        match (byte, is_object) {
            (b',', true) => self.mark(byte, b',', State::Name),
            (b',', false) => self.mark(byte, b',', State::Value),
            (b'}', true) | (b']', false) => self.close(bytes),
            _ => Err(self.flaw()),
        }
    }

    fn close(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        self.at += 1;
        let Some(place) = self.open.pop() else { return Err(self.flaw()) };
        self.end_node(place)?;
        if bytes.get(self.at - 1) == Some(&b'}') {
            self.twice(place, bytes)?;
        }
        Ok(())
    }

    /// Whether a name of the object stands there twice. Few names are compared each with each, many are sorted: there
    /// is nothing to be hashed, so nothing that could be made to collide.
    fn twice(&self, object: u32, bytes: &[u8]) -> Result<(), Flaw> {
        const FEW: usize = 8;
        let document = super::Document::new(bytes, &self.nodes);
        let mut names: Vec<_> = document.members(object).map(|(name, _)| (document.text(name), name)).collect();
        let same = if names.len() <= FEW {
            let mut rest = names.as_slice();
            std::iter::from_fn(|| {
                rest.split_first().map(|(first, others)| (first, std::mem::replace(&mut rest, others)))
            })
            .find_map(|((name, _), all)| all.iter().skip(1).find(|(other, _)| other == name).map(|(_, at)| *at))
        } else {
            names.sort_unstable();
            names.array_windows().find(|[(one, _), (other, _)]| one == other).map(|[_, (_, at)]| *at)
        };
        match same.and_then(|at| self.nodes.get(at as usize)) {
            Some(node) => Err(Flaw::Duplicate(node.start as usize)),
            None => Ok(()),
        }
    }

    /// To the next byte that means something inside of a string.
    fn skip_text(&mut self, bytes: &[u8], name: bool) -> Result<(), Flaw> {
        let rest = bytes.get(self.at..).unwrap_or_default();
        let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F));
        self.at += plain.unwrap_or(rest.len());
        match plain.and_then(|plain| rest.get(plain)) {
            None => Ok(()),
            Some(b'"') => self.end_text(bytes, name),
            Some(b'\\') => {
                self.state = State::String { name, escape: true };
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.flaw()),
        }
    }

    fn end_text(&mut self, bytes: &[u8], name: bool) -> Result<(), Flaw> {
        let start = self.nodes.last().map_or(0, |node| node.start as usize);
        if bytes.get(start + 1..self.at).and_then(unescaped).is_none() {
            return Err(Flaw::NotJson(start));
        }
        self.at += 1;
        self.end_scalar()?;
        if name {
            self.state = State::Colon;
        }
        Ok(())
    }

    fn end_number(&mut self, digits: Digits) -> Result<(), Flaw> {
        match digits {
            Digits::Zero | Digits::Whole | Digits::Fraction | Digits::Exponent => self.end_scalar(),
            Digits::Minus | Digits::Point | Digits::E | Digits::Sign => Err(self.flaw()),
        }
    }

    fn word(&mut self, word: &'static [u8], came: usize, byte: u8) -> Result<(), Flaw> {
        if word.get(came) != Some(&byte) {
            return Err(self.flaw());
        }
        self.at += 1;
        self.state = State::Word(word, came + 1);
        if came + 1 == word.len() { self.end_scalar() } else { Ok(()) }
    }

    /// A node begins at this byte.
    fn begin(&mut self) -> Result<(), Flaw> {
        let start = u32::try_from(self.at).map_err(|_| self.flaw())?;
        self.nodes.push(Node { start, end: start, next: 0 });
        self.at += 1;
        Ok(())
    }

    /// The place of the node that comes next.
    fn place(&self) -> Result<u32, Flaw> {
        u32::try_from(self.nodes.len()).map_err(|_| self.flaw())
    }

    fn end_scalar(&mut self) -> Result<(), Flaw> {
        let last = self.place()?.saturating_sub(1);
        self.end_node(last)
    }

    fn end_node(&mut self, place: u32) -> Result<(), Flaw> {
        let end = u32::try_from(self.at).map_err(|_| self.flaw())?;
        let next = self.place()?;
        if let Some(node) = self.nodes.get_mut(place as usize) {
            (node.end, node.next) = (end, next);
        }
        self.state = if self.open.is_empty() { State::End } else { State::Behind };
        Ok(())
    }
}

impl Digits {
    /// `None` where the byte belongs to the number no more.
    fn with(self, byte: u8) -> Option<Digits> {
        match (self, byte) {
            (Digits::Minus, b'0') => Some(Digits::Zero),
            (Digits::Minus, b'1'..=b'9') | (Digits::Whole, b'0'..=b'9') => Some(Digits::Whole),
            (Digits::Zero | Digits::Whole, b'.') => Some(Digits::Point),
            (Digits::Point | Digits::Fraction, b'0'..=b'9') => Some(Digits::Fraction),
            (Digits::Zero | Digits::Whole | Digits::Fraction, b'e' | b'E') => Some(Digits::E),
            (Digits::E, b'+' | b'-') => Some(Digits::Sign),
            (Digits::E | Digits::Sign | Digits::Exponent, b'0'..=b'9') => Some(Digits::Exponent),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole, and byte by byte: the same.
    fn read(bytes: &[u8], depth: usize) -> Result<Vec<Node>, Flaw> {
        let whole = Reader::new(depth).finish(bytes);
        let mut reader = Reader::new(depth);
        let pieces = (0..bytes.len()).try_for_each(|end| reader.read(&bytes[..end]));
        assert_eq!(pieces.and_then(|()| reader.finish(bytes)), whole, "{}", String::from_utf8_lossy(bytes));
        whole
    }

    #[test]
    fn json_is_read() {
        let good = [
            "{}",
            " [ ] ",
            "0",
            "-0.0e-10",
            "1E+2",
            "12345678901234567890.5",
            "\"\"",
            "true",
            "null\n",
            "[[],{}]",
            r#"{"a":{"a":1},"b":[1,"2",false,null]}"#,
            r#""\"\\\/\b\f\n\r\t\u00E9\uD83D\uDE00""#,
            "\"\u{7f}é\"",
        ];
        for text in good {
            assert!(read(text.as_bytes(), 8).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_not() {
        let bad = [
            "",
            " ",
            "{",
            "[1",
            "[1,]",
            "{\"a\":1,}",
            "{,}",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "0x1",
            "NaN",
            "tru",
            "truex",
            "True",
            "'a'",
            "\"a",
            "\"\t\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\ud83d\"",
            "\"\\ud83dx\"",
            "\"\\ude00\\ud83d\"",
            "{\"a\" 1}",
            "{a:1}",
            "{\"a\":}",
            "[1 2]",
            "1 2",
            "[]]",
            "{]",
            "[}",
            "//",
            "[1,/**/2]",
            "\u{feff}1",
            "\"\\u+123\"",
        ];
        for text in bad {
            assert!(matches!(read(text.as_bytes(), 8), Err(Flaw::NotJson(_))), "{text}");
        }
        for bytes in [b"\"\xff\"".as_slice(), b"\"\xc0\x80\"", b"\"\xed\xa0\x80\"", b"1\0", b"\x0c1"] {
            assert!(matches!(read(bytes, 8), Err(Flaw::NotJson(_))), "{bytes:?}");
        }
    }

    #[test]
    fn a_flaw_is_seen_before_the_end() {
        let mut reader = Reader::new(2);
        assert_eq!(reader.read(b"[[ ["), Err(Flaw::TooDeep));
        let mut reader = Reader::new(2);
        assert_eq!(reader.read(b"<html>"), Err(Flaw::NotJson(0)));
        let mut reader = Reader::new(2);
        assert_eq!(reader.read(b"[{\"a\":1, \"\\u0061\":2}"), Err(Flaw::Duplicate(9)));
    }

    #[test]
    fn a_name_stands_once_in_an_object() {
        let many: String = (0..1000).map(|n| format!("\"k{n}\":{n},")).collect();
        assert!(read(format!("{{{many}\"k\":1}}").as_bytes(), 8).is_ok());
        assert!(matches!(read(format!("{{{many}\"k7\":1}}").as_bytes(), 8), Err(Flaw::Duplicate(_))));
        assert!(read(br#"{"a":{"b":1},"b":{"a":1}}"#, 8).is_ok());
    }
}
