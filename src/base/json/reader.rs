//! The reader: one pass from the first byte to the last, down into arrays and objects as deep as the bounds allow.

use std::borrow::Cow;

use super::JsonBounds;
use super::problem::{JsonProblem, JsonWrong};
use super::value::{Json, Number};

/// Below this many members a name is compared with all before it; above, the names are sorted.
const FEW: usize = 16;

pub(super) fn read<'a>(bytes: &'a [u8], bounds: JsonBounds) -> Result<Json<'a>, JsonProblem> {
    let text =
        std::str::from_utf8(bytes).map_err(|bad| JsonProblem { wrong: JsonWrong::Utf8, at: bad.valid_up_to() })?;
    let mut reader = Reader { text, at: 0, depth: bounds.depth, values: bounds.values };
    let value = reader.value()?;
    reader.skip_space();
    if reader.at < text.len() { Err(reader.wrong(JsonWrong::Behind)) } else { Ok(value) }
}

struct Reader<'a> {
    text: &'a str,
    /// Always on a character's first byte.
    at: usize,
    /// How much deeper it may go.
    depth: usize,
    /// How many values may still come.
    values: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Result<Json<'a>, JsonProblem> {
        self.skip_space();
        self.values = self.values.checked_sub(1).ok_or_else(|| self.wrong(JsonWrong::TooMany))?;
        match self.peek() {
            Some(b'"') => self.string().map(Json::String),
            Some(b'{') => self.deeper(Reader::object),
            Some(b'[') => self.deeper(Reader::array),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.wrong(JsonWrong::Syntax)),
            None => Err(self.wrong(JsonWrong::Short)),
        }
    }

    fn deeper(
        &mut self,
        inside: fn(&mut Reader<'a>) -> Result<Json<'a>, JsonProblem>,
    ) -> Result<Json<'a>, JsonProblem> {
        self.depth = self.depth.checked_sub(1).ok_or_else(|| self.wrong(JsonWrong::TooDeep))?;
        self.at += 1;
        let value = inside(self)?;
        self.depth += 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Json<'a>, JsonProblem> {
        let mut items = Vec::new();
        if self.takes(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            if !self.goes_on(b']')? {
                return Ok(Json::Array(items));
            }
        }
    }

    fn object(&mut self) -> Result<Json<'a>, JsonProblem> {
        let mut members: Vec<(Cow<'a, str>, Json<'a>)> = Vec::new();
        let begin = self.at;
        if self.takes(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space();
            let at = self.at;
            let name = self.name()?;
            if members.len() < FEW && members.iter().any(|(other, _)| *other == name) {
                return Err(JsonProblem { wrong: JsonWrong::Twice, at });
            }
            let value = self.value()?;
            members.push((name, value));
            if !self.goes_on(b'}')? {
                break;
            }
        }
        if members.len() > FEW && has_twins(&members) {
            return Err(JsonProblem { wrong: JsonWrong::Twice, at: begin });
        }
        Ok(Json::Object(members))
    }

    /// A name and its colon.
    fn name(&mut self) -> Result<Cow<'a, str>, JsonProblem> {
        match self.peek() {
            Some(b'"') => {}
            Some(_) => return Err(self.wrong(JsonWrong::Syntax)),
            None => return Err(self.wrong(JsonWrong::Short)),
        }
        let name = self.string()?;
        if self.takes(b':') { Ok(name) } else { Err(self.unexpected()) }
    }

    /// Whether a comma follows, rather than the end.
    fn goes_on(&mut self, end: u8) -> Result<bool, JsonProblem> {
        if self.takes(b',') {
            return Ok(true);
        }
        if self.takes(end) { Ok(false) } else { Err(self.unexpected()) }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, JsonProblem> {
        if !self.rest().starts_with(word) {
            return Err(self.wrong(JsonWrong::Syntax));
        }
        self.at += word.len();
        Ok(value)
    }

    /// RFC 8259 §6: no plus, no zero in front, a digit on both sides of the point.
    fn number(&mut self) -> Result<Json<'a>, JsonProblem> {
        let begin = self.at;
        self.takes_here(b'-');
        let whole = self.at;
        let digits = self.digits()?;
        if digits > 1 && self.text.as_bytes().get(whole) == Some(&b'0') {
            return Err(JsonProblem { wrong: JsonWrong::Number, at: whole });
        }
        if self.takes_here(b'.') {
            self.digits()?;
        }
        if self.takes_here(b'e') || self.takes_here(b'E') {
            let _sign = self.takes_here(b'+') || self.takes_here(b'-');
            self.digits()?;
        }
        Ok(Json::Number(Number(self.text.get(begin..self.at).unwrap_or_default())))
    }

    fn digits(&mut self) -> Result<usize, JsonProblem> {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        if count == 0 { Err(self.wrong(JsonWrong::Number)) } else { Ok(count) }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonProblem> {
        self.at += 1;
        let plain = self.plain();
        if self.takes_here(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            match self.peek() {
                Some(b'\\') => text.push(self.escape()?),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(_) => return Err(self.wrong(JsonWrong::Control)),
                None => return Err(self.wrong(JsonWrong::Short)),
            }
            text.push_str(self.plain());
        }
    }

    /// What comes before the next quote, backslash or control character.
    fn plain(&mut self) -> &'a str {
        let rest = self.rest();
        let len = rest.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < 0x20).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    /// RFC 8259 §7
    fn escape(&mut self) -> Result<char, JsonProblem> {
        let wrong = self.wrong(JsonWrong::Escape);
        let letter = self
            .text
            .as_bytes()
            .get(self.at + 1)
            .copied()
            .ok_or(JsonProblem { wrong: JsonWrong::Short, at: self.text.len() })?;
        let char = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode().ok_or(wrong),
            _ => return Err(wrong),
        };
        self.at += 2;
        Ok(char)
    }

    /// `\uXXXX`, or two of them that are a surrogate pair. Half a pair is no character.
    fn unicode(&mut self) -> Option<char> {
        let first = self.unit()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first);
        }
        let second = self.unit()?;
        let pair = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
        char::decode_utf16(pair).next()?.ok()
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.rest().strip_prefix("\\u")?.get(..4)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 6;
        u32::from_str_radix(digits, 16).ok()
    }

    fn skip_space(&mut self) {
        let spaces = self.rest().bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += spaces.count();
    }

    /// Takes the mark, with space before it.
    fn takes(&mut self, mark: u8) -> bool {
        self.skip_space();
        self.takes_here(mark)
    }

    fn takes_here(&mut self, mark: u8) -> bool {
        let is_there = self.peek() == Some(mark);
        self.at += usize::from(is_there);
        is_there
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn unexpected(&self) -> JsonProblem {
        self.wrong(if self.peek().is_none() { JsonWrong::Short } else { JsonWrong::Syntax })
    }

    fn wrong(&self, wrong: JsonWrong) -> JsonProblem {
        JsonProblem { wrong, at: self.at }
    }
}

fn has_twins(members: &[(Cow<'_, str>, Json<'_>)]) -> bool {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: JsonBounds = JsonBounds { depth: 8, values: 100 };

    fn wrong(text: &str) -> (JsonWrong, usize) {
        let problem = read(text.as_bytes(), BOUNDS).expect_err(text);
        (problem.wrong, problem.at)
    }

    #[test]
    fn what_is_json_becomes_a_tree() {
        let text = r#" {"a" : [1, -0.5e+3, true, false, null, "x"], "b":{"":"\u00e9\ud83d\ude00\n\/"} } "#;
        let value = read(text.as_bytes(), BOUNDS).unwrap();
        let items = value.get("a").unwrap().items();
        assert_eq!(items.len(), 6);
        assert_eq!(items[0].as_number().unwrap().as_i64(), Some(1));
        assert_eq!(items[1].as_number().unwrap().text(), "-0.5e+3");
        assert_eq!(items[1].as_number().unwrap().as_f64(), -500.0);
        assert_eq!(items[2].as_bool(), Some(true));
        assert_eq!(value.get("b").unwrap().get("").unwrap().as_str(), Some("é😀\n/"));
        assert!(matches!(items[5], Json::String(Cow::Borrowed("x"))));
        for text in ["0", "-0", "\"\"", "[]", "{}", "null", "1E9", "\t\r\n1 "] {
            assert!(read(text.as_bytes(), BOUNDS).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for (text, expected, at) in [
            ("", JsonWrong::Short, 0),
            ("  ", JsonWrong::Short, 2),
            ("\u{feff}{}", JsonWrong::Syntax, 0),
            ("{} x", JsonWrong::Behind, 3),
            ("{}{}", JsonWrong::Behind, 2),
            ("[1,]", JsonWrong::Syntax, 3),
            ("[1 2]", JsonWrong::Syntax, 3),
            ("[1", JsonWrong::Short, 2),
            ("{\"a\":1,}", JsonWrong::Syntax, 7),
            ("{\"a\" 1}", JsonWrong::Syntax, 5),
            ("{a:1}", JsonWrong::Syntax, 1),
            ("{\"a\":1", JsonWrong::Short, 6),
            ("{", JsonWrong::Short, 1),
            ("'a'", JsonWrong::Syntax, 0),
            ("tru", JsonWrong::Syntax, 0),
            ("nulls", JsonWrong::Behind, 4),
            ("NaN", JsonWrong::Syntax, 0),
            ("01", JsonWrong::Number, 0),
            ("-01", JsonWrong::Number, 1),
            ("-", JsonWrong::Number, 1),
            ("+1", JsonWrong::Syntax, 0),
            ("1.", JsonWrong::Number, 2),
            (".5", JsonWrong::Syntax, 0),
            ("1e", JsonWrong::Number, 2),
            ("0x10", JsonWrong::Behind, 1),
            ("\"a", JsonWrong::Short, 2),
            ("\"a\\", JsonWrong::Short, 3),
            ("\"a\nb\"", JsonWrong::Control, 2),
            ("\"\\x41\"", JsonWrong::Escape, 1),
            ("\"\\u12\"", JsonWrong::Escape, 1),
            ("\"\\u+123\"", JsonWrong::Escape, 1),
            ("\"\\ud800\"", JsonWrong::Escape, 1),
            ("\"\\udc00\"", JsonWrong::Escape, 1),
            ("\"\\ud800\\u0041\"", JsonWrong::Escape, 1),
            ("// a\n1", JsonWrong::Syntax, 0),
            ("[[[[[[[[[]]]]]]]]]", JsonWrong::TooDeep, 8),
        ] {
            assert_eq!(wrong(text), (expected, at), "{text:?}");
        }
        assert_eq!(read(b"\"\xff\"", BOUNDS).unwrap_err().wrong, JsonWrong::Utf8);
    }

    #[test]
    fn no_name_is_there_twice() {
        assert_eq!(wrong(r#"{"a":1,"b":2,"a":3}"#), (JsonWrong::Twice, 13));
        assert_eq!(wrong(r#"{"a":1,"\u0061":3}"#), (JsonWrong::Twice, 7));
        assert_eq!(wrong(r#"[{"b":{"a":1,"a":3}}]"#).0, JsonWrong::Twice);
        let many = |last: &str| {
            let members: Vec<String> = (0..40).map(|n| format!("\"n{n}\":0")).collect();
            format!("{{{},\"{last}\":0}}", members.join(","))
        };
        assert!(read(many("n40").as_bytes(), BOUNDS).is_ok());
        for twin in ["n0", "n15", "n16", "n39"] {
            assert_eq!(wrong(&many(twin)).0, JsonWrong::Twice, "{twin}");
        }
    }

    #[test]
    fn no_more_than_the_bounds_allow() {
        let of = |count: usize| format!("[{}0]", "0,".repeat(count - 2));
        assert!(read(of(100).as_bytes(), BOUNDS).is_ok());
        assert_eq!(wrong(&of(101)).0, JsonWrong::TooMany);
        let deep = "[".repeat(1_000_000);
        assert_eq!(wrong(&deep), (JsonWrong::TooDeep, 8));
        assert!(std::mem::size_of::<Json<'_>>() <= 32);
    }
}
