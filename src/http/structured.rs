//! Structured field values (RFC 9651): dictionaries, as far as a gateway reads them.
//!
//! A field that cannot be read to its last character is as good as absent (§4.2), whatever it begins with.

use super::bytes::is_token_byte;
use super::fields::Fields;

/// The members of a dictionary in the order they came. A key may come again; the last one counts.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Dictionary<'a>(Vec<(&'a str, Member<'a>)>);

/// The value of a member. Its parameters are read over: no field here gives them a meaning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Member<'a> {
    Item(Item<'a>),
    List(Vec<Item<'a>>),
}

/// A bare item (§3.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Item<'a> {
    Integer(i64),
    Boolean(bool),
    /// What is between the quotes, with its backslashes.
    String(&'a str),
    Token(&'a str),
    /// A decimal, a date, bytes or a display string.
    Other,
}

/// The dictionary that all lines of a field make; `None` where there is no such field, or it is not one. An empty one
/// is a dictionary without members.
pub(super) fn dictionary<'a>(fields: Fields<'a>, name: &str) -> Option<Dictionary<'a>> {
    let mut lines = fields.all(name).peekable();
    lines.peek()?;
    let several = lines.clone().nth(1).is_some();
    let mut members = Vec::new();
    for line in lines {
        let text = std::str::from_utf8(line).ok().filter(|text| text.is_ascii())?;
        // Joined with a comma, an empty line among others would leave a comma with nothing behind it.
        if text.is_empty() && several {
            return None;
        }
        Parser { rest: text }.dictionary(&mut members)?;
    }
    Some(Dictionary(members))
}

impl<'a> Dictionary<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&Member<'a>> {
        self.0.iter().rev().find(|(found, _)| *found == key).map(|(_, member)| member)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The text of a string, without the backslashes that escape (§3.3.3).
pub(super) fn unescaped(string: &str) -> String {
    let mut escaped = false;
    let kept = string.chars().filter(|char| {
        escaped = *char == '\\' && !escaped;
        !escaped
    });
    kept.collect()
}

/// What is left to read. Each step takes what it reads off the front, and gives `None` where it cannot be read (§4.2).
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    /// §4.2.2
    fn dictionary(&mut self, members: &mut Vec<(&'a str, Member<'a>)>) -> Option<()> {
        self.skip(" ");
        while !self.rest.is_empty() {
            let key = self.key()?;
            let member = if self.takes('=') { self.member()? } else { self.flag()? };
            members.push((key, member));
            self.skip(" \t");
            if self.rest.is_empty() {
                return Some(());
            }
            if !self.takes(',') {
                return None;
            }
            self.skip(" \t");
            if self.rest.is_empty() {
                return None;
            }
        }
        Some(())
    }

    /// A key that stands alone is true.
    fn flag(&mut self) -> Option<Member<'a>> {
        self.parameters()?;
        Some(Member::Item(Item::Boolean(true)))
    }

    /// §4.2.1.1
    fn member(&mut self) -> Option<Member<'a>> {
        if self.takes('(') { self.inner_list().map(Member::List) } else { self.item().map(Member::Item) }
    }

    /// §4.2.1.2, behind its opening bracket.
    fn inner_list(&mut self) -> Option<Vec<Item<'a>>> {
        let mut items = Vec::new();
        loop {
            self.skip(" ");
            if self.takes(')') {
                self.parameters()?;
                return Some(items);
            }
            items.push(self.item()?);
            if !self.rest.starts_with([' ', ')']) {
                return None;
            }
        }
    }

    /// §4.2.3
    fn item(&mut self) -> Option<Item<'a>> {
        let item = self.bare_item()?;
        self.parameters()?;
        Some(item)
    }

    /// §4.2.3.2
    fn parameters(&mut self) -> Option<()> {
        while self.takes(';') {
            self.skip(" ");
            self.key()?;
            if self.takes('=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    /// §4.2.3.3
    fn key(&mut self) -> Option<&'a str> {
        let first = self.rest.bytes().next()?;
        if !(first.is_ascii_lowercase() || first == b'*') {
            return None;
        }
        Some(self.take_while(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*')))
    }

    /// §4.2.3.1
    fn bare_item(&mut self) -> Option<Item<'a>> {
        match self.rest.bytes().next()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string(),
            b'*' | b'a'..=b'z' | b'A'..=b'Z' => {
                Some(Item::Token(self.take_while(|byte| is_token_byte(byte) || matches!(byte, b':' | b'/'))))
            }
            b'?' => self.boolean(),
            b':' => self.bytes(),
            b'@' => self.date(),
            b'%' => self.display_string(),
            _ => None,
        }
    }

    /// §4.2.4
    fn number(&mut self) -> Option<Item<'a>> {
        let sign = if self.takes('-') { -1 } else { 1 };
        let whole = self.take_while(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 {
            return None;
        }
        if !self.takes('.') {
            return whole.parse::<i64>().ok().map(|number| Item::Integer(sign * number));
        }
        let decimals = self.take_while(|byte| byte.is_ascii_digit());
        (whole.len() <= 12 && (1..=3).contains(&decimals.len())).then_some(Item::Other)
    }

    /// §4.2.5
    fn string(&mut self) -> Option<Item<'a>> {
        let inner = self.rest.get(1..)?;
        let mut bytes = inner.bytes().enumerate();
        loop {
            match bytes.next()? {
                (_, b'\\') if !matches!(bytes.next()?, (_, b'"' | b'\\')) => return None,
                (_, b'\\') => {}
                (end, b'"') => {
                    self.rest = inner.get(end + 1..)?;
                    return inner.get(..end).map(Item::String);
                }
                (_, b' '..=b'~') => {}
                _ => return None,
            }
        }
    }

    /// §4.2.8
    fn boolean(&mut self) -> Option<Item<'a>> {
        let value = match self.rest.as_bytes() {
            [b'?', b'1', ..] => true,
            [b'?', b'0', ..] => false,
            _ => return None,
        };
        self.rest = self.rest.get(2..)?;
        Some(Item::Boolean(value))
    }

    /// §4.2.7. That the padding is right is not asked: nobody here reads what it says.
    fn bytes(&mut self) -> Option<Item<'a>> {
        self.takes(':');
        self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        self.takes(':').then_some(Item::Other)
    }

    /// §4.2.9
    fn date(&mut self) -> Option<Item<'a>> {
        self.takes('@');
        matches!(self.number()?, Item::Integer(_)).then_some(Item::Other)
    }

    /// §4.2.10
    fn display_string(&mut self) -> Option<Item<'a>> {
        let inner = self.rest.strip_prefix("%\"")?;
        let end = inner.find('"')?;
        let (text, rest) = (inner.get(..end)?, inner.get(end + 1..)?);
        let lower_hex = |digits: &str| digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let mut octets = text.split('%').next()?.as_bytes().to_vec();
        for piece in text.split('%').skip(1) {
            let digits = piece.get(..2).filter(|digits| lower_hex(digits))?;
            octets.push(u8::from_str_radix(digits, 16).ok()?);
            octets.extend_from_slice(piece.get(2..)?.as_bytes());
        }
        let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        self.rest = rest;
        (printable && std::str::from_utf8(&octets).is_ok()).then_some(Item::Other)
    }

    fn takes(&mut self, char: char) -> bool {
        let rest = self.rest.strip_prefix(char);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip(&mut self, blanks: &str) {
        self.rest = self.rest.trim_start_matches(|char| blanks.contains(char));
    }

    fn take_while(&mut self, is: impl Fn(u8) -> bool) -> &'a str {
        let end = self.rest.bytes().position(|byte| !is(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or_default();
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    fn with<T>(lines: &[&str], ask: impl FnOnce(Option<Dictionary<'_>>) -> T) -> T {
        let block: String = lines.iter().map(|line| format!("Name: {line}\r\n")).collect();
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        ask(dictionary(Fields::new(block.as_bytes(), spans.as_slice()), "name"))
    }

    #[test]
    fn dictionaries_are_read() {
        let check = |lines: &[&str], key: &str, expected: Option<Member<'_>>| {
            with(lines, |found| {
                let found = found.unwrap_or_else(|| panic!("{lines:?} is not read"));
                assert_eq!(found.get(key), expected.as_ref(), "{lines:?}");
            });
        };
        let item = |item| Some(Member::Item(item));
        // RFC 9651 §3.2, §4.2.2
        check(&["a"], "a", item(Item::Boolean(true)));
        check(&["a"], "b", None);
        check(&["a=?0, b"], "a", item(Item::Boolean(false)));
        check(&["a=1 \t,\tb=2"], "b", item(Item::Integer(2)));
        check(&["a=1", "b=2"], "b", item(Item::Integer(2)));
        check(&["a=1, a=-2"], "a", item(Item::Integer(-2)));
        check(&["a=1", "a"], "a", item(Item::Boolean(true)));
        check(&["a=999999999999999"], "a", item(Item::Integer(999_999_999_999_999)));
        check(&["a=0001"], "a", item(Item::Integer(1)));
        check(&["a=1.125;x=\"y\";z"], "a", item(Item::Other));
        check(&["a=\"b, c\", d"], "a", item(Item::String("b, c")));
        check(&["a=\"\""], "a", item(Item::String("")));
        check(&[r#"a="b\"\\c""#], "a", item(Item::String(r#"b\"\\c"#)));
        check(&["a=b:c/d*!"], "a", item(Item::Token("b:c/d*!")));
        check(&["*a_-.9=B"], "*a_-.9", item(Item::Token("B")));
        check(&["a=:aGk=:, b"], "a", item(Item::Other));
        check(&["a=@-5, b"], "a", item(Item::Other));
        check(&["a=%\"b%c3%bc\", b"], "a", item(Item::Other));
        let list = Member::List(vec![Item::String("b"), Item::Token("c"), Item::Integer(1)]);
        check(&["a=(\"b\" c;x=1  1 );y"], "a", Some(list));
        check(&["a=()"], "a", Some(Member::List(Vec::new())));
        with(&[""], |found| assert!(found.unwrap().is_empty()));
        with(&[], |found| assert_eq!(found, None));
        assert_eq!(unescaped(r#"a\"\\b"#), r#"a"\b"#);
    }

    #[test]
    fn what_cannot_be_read_to_its_end_is_none() {
        for line in [
            "a,",
            ",a",
            "a,,b",
            "a b",
            "A",
            "a=",
            "a =1",
            "a= 1",
            "1",
            "a=1000000000000000",
            "a=1.",
            "a=1.1234",
            "a=1234567890123.1",
            "a=-",
            "a=--1",
            "a=1a",
            "a=\"b",
            "a=\"b\\c\"",
            "a=\"\u{e9}\"",
            "a=(b",
            "a=(b,c)",
            "a=(b\"c\")",
            "a=?2",
            "a=?",
            "a=:a*:",
            "a=:aa",
            "a=@1.5",
            "a=%\"%C3\"",
            "a=%\"%ff\"",
            "a=%\"%\"",
            "a;",
            "a;B",
            "a;b=",
            "a=&",
            "a, &&&&&",
        ] {
            with(&[line], |found| assert_eq!(found, None, "{line}"));
        }
        with(&["a", ""], |found| assert_eq!(found, None));
        with(&["a", "b,"], |found| assert_eq!(found, None));
    }

    #[test]
    fn hostile_lengths_are_read_in_one_look() {
        let lines = ["a,".repeat(30_000), "(".repeat(60_000), "a=(".to_owned() + &"a ".repeat(30_000)];
        for line in &lines {
            with(&[line], |found| assert_eq!(found, None));
        }
    }
}
