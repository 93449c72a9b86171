//! JSON texts (RFC 8259) as flat lists of places in their bytes: no values are copied, nothing is a number or a string
//! before somebody asks. Beside the tree of `base::json` because a body is read while it comes in, numbers are compared
//! as they are written, and violations have pointers.
//!
//! A list costs 12 bytes for each value and each name: at most six times the text.

mod canonical;
mod number;
mod reader;

use std::borrow::Cow;

pub(super) use canonical::canonical;
pub(super) use number::{Divisor, Number};
pub(super) use reader::{Flaw, Reader};

/// One value, or one name of a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Node {
    start: u32,
    /// Behind the last byte.
    end: u32,
    /// Behind the last node of what is in it: its next sibling, where there is one.
    next: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

/// A text that has been read whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document<'a> {
    bytes: &'a [u8],
    nodes: &'a [Node],
}

/// The place of the outermost value.
pub(super) const ROOT: u32 = 0;

impl<'a> Document<'a> {
    /// `nodes` must come from a [`Reader`] that has read `bytes`.
    pub(super) fn new(bytes: &'a [u8], nodes: &'a [Node]) -> Document<'a> {
        Document { bytes, nodes }
    }

    pub(super) fn kind(self, at: u32) -> Kind {
        match self.raw(at).first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Boolean,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(_) | None => Kind::Null,
        }
    }

    /// The bytes of a value.
    pub(super) fn raw(self, at: u32) -> &'a [u8] {
        let found = self.node(at).and_then(|node| self.bytes.get(node.start as usize..node.end as usize));
        found.unwrap_or_default()
    }

    pub(super) fn is_true(self, at: u32) -> bool {
        self.raw(at) == b"true"
    }

    /// A string's characters; empty for what is none.
    pub(super) fn text(self, at: u32) -> Cow<'a, str> {
        match self.raw(at) {
            [b'"', inner @ .., b'"'] => unescaped(inner).unwrap_or_default(),
            _ => Cow::Borrowed(""),
        }
    }

    /// `None` for what is no number.
    pub(super) fn number(self, at: u32) -> Option<Number<'a>> {
        (self.kind(at) == Kind::Number).then(|| Number::read(self.raw(at)))
    }

    /// The values of an array; none for what is no array.
    pub(super) fn items(self, at: u32) -> impl Iterator<Item = u32> + use<'a> {
        self.children(at, Kind::Array)
    }

    /// Names and values of an object; none for what is no object.
    pub(super) fn members(self, at: u32) -> impl Iterator<Item = (u32, u32)> + use<'a> {
        let mut children = self.children(at, Kind::Object);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    pub(super) fn member(self, at: u32, name: &str) -> Option<u32> {
        self.members(at).find(|(key, _)| self.text(*key) == name).map(|(_, value)| value)
    }

    /// Items of an array or members of an object.
    pub(super) fn count(self, at: u32) -> usize {
        match self.kind(at) {
            Kind::Array => self.items(at).count(),
            Kind::Object => self.members(at).count(),
            Kind::Null | Kind::Boolean | Kind::Number | Kind::String => 0,
        }
    }

    /// How many nodes the value and all in it are.
    pub(super) fn weight(self, at: u32) -> u64 {
        self.node(at).map_or(0, |node| u64::from(node.next.saturating_sub(at)))
    }

    /// The JSON Pointer (RFC 6901) of a value; that of the member for its name.
    pub(super) fn pointer(self, at: u32) -> String {
        let mut pointer = String::new();
        for step in self.path(at) {
            pointer.push('/');
            match step {
                Step::Name(name) => push_token(&mut pointer, &self.text(name)),
                Step::Place(place) => pointer.push_str(&place.to_string()),
            }
        }
        pointer
    }

    /// The values from the outermost one to this one, both among them.
    pub(super) fn ancestors(self, at: u32) -> Vec<u32> {
        let mut all = vec![ROOT];
        let mut here = ROOT;
        while here != at {
            let Some((_, below)) = self.towards(here, at) else { break };
            all.push(below);
            here = below;
        }
        all
    }

    /// The value that a JSON Pointer leads to.
    pub(super) fn find(self, from: u32, pointer: &str) -> Option<u32> {
        pointer.split('/').skip(1).try_fold(from, |at, token| {
            let token = token.replace("~1", "/").replace("~0", "~");
            match self.kind(at) {
                Kind::Object => self.member(at, &token),
                Kind::Array if token == "0" || !token.starts_with(['0', '+']) => {
                    self.items(at).nth(token.parse().ok()?)
                }
                Kind::Array | Kind::Null | Kind::Boolean | Kind::Number | Kind::String => None,
            }
        })
    }

    fn path(self, at: u32) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut here = ROOT;
        while here != at {
            let Some((step, below)) = self.towards(here, at) else { break };
            steps.push(step);
            here = below;
            if matches!(step, Step::Name(name) if name == at) {
                break;
            }
        }
        steps
    }

    /// The child in which `at` lies, or whose name it is.
    fn towards(self, here: u32, at: u32) -> Option<(Step, u32)> {
        let holds = |child: u32| self.node(child).is_some_and(|node| at < node.next);
        match self.kind(here) {
            Kind::Array => {
                let (place, item) = self.items(here).enumerate().find(|(_, item)| holds(*item))?;
                Some((Step::Place(place), item))
            }
            Kind::Object => {
                let (name, value) = self.members(here).find(|(_, value)| holds(*value))?;
                Some((Step::Name(name), value))
            }
            Kind::Null | Kind::Boolean | Kind::Number | Kind::String => None,
        }
    }

    fn children(self, at: u32, kind: Kind) -> impl Iterator<Item = u32> + use<'a> {
        let end = if self.kind(at) == kind { self.node(at).map_or(0, |node| node.next) } else { 0 };
        let mut child = at.saturating_add(1);
        std::iter::from_fn(move || {
            let node = self.node(child).filter(|_| child < end)?;
            Some(std::mem::replace(&mut child, node.next))
        })
    }

    fn node(self, at: u32) -> Option<&'a Node> {
        self.nodes.get(at as usize)
    }
}

#[derive(Clone, Copy)]
enum Step {
    Name(u32),
    Place(usize),
}

/// Adds a reference token of a JSON Pointer (RFC 6901 §3).
pub(super) fn push_token(pointer: &mut String, token: &str) {
    for c in token.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// What stands between a string's quotes as characters; `None` where it is not UTF-8, or has an escape that stands for
/// no character (RFC 8259 §7; halves of surrogate pairs are none).
fn unescaped(inner: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(inner).ok()?;
    let Some((plain, _)) = text.split_once('\\') else { return Some(Cow::Borrowed(text)) };
    let mut out = String::with_capacity(text.len());
    out.push_str(plain);
    let mut rest = text.get(plain.len()..)?;
    while let Some(escape) = rest.strip_prefix('\\') {
        let (c, behind) = escaped(escape)?;
        out.push(c);
        let end = behind.find('\\').unwrap_or(behind.len());
        out.push_str(behind.get(..end)?);
        rest = behind.get(end..)?;
    }
    Some(Cow::Owned(out))
}

/// The character of the escape behind a backslash, and what comes behind it.
fn escaped(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    let c = match chars.next()? {
        c @ ('"' | '\\' | '/') => c,
        'b' => '\u{8}',
        'f' => '\u{C}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode(chars.as_str()),
        _ => return None,
    };
    Some((c, chars.as_str()))
}

fn unicode(text: &str) -> Option<(char, &str)> {
    let (first, rest) = unit(text)?;
    if let Some(c) = char::from_u32(first) {
        return Some((c, rest));
    }
    let (second, rest) = unit(rest.strip_prefix("\\u")?)?;
    let is_pair = (0xD800..0xDC00).contains(&first) && (0xDC00..0xE000).contains(&second);
    let c = char::from_u32(0x1_0000 + ((first & 0x3FF) << 10) + (second & 0x3FF)).filter(|_| is_pair)?;
    Some((c, rest))
}

fn unit(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((u32::from_str_radix(digits, 16).ok().filter(|_| all)?, rest))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::content) fn nodes(text: &str) -> Vec<Node> {
        let mut reader = Reader::new(64);
        reader.read(text.as_bytes()).unwrap();
        reader.finish(text.as_bytes()).unwrap()
    }

    #[test]
    fn places_are_found_and_named() {
        let text = r#"{"a":[1,{"b/c":[true,"x\u00e9\ud83d\ude00"]}],"":null}"#;
        let nodes = nodes(text);
        let document = Document::new(text.as_bytes(), &nodes);
        let deep = document.find(ROOT, "/a/1/b~1c/1").unwrap();
        assert_eq!(document.text(deep), "xé😀");
        assert_eq!(document.pointer(deep), "/a/1/b~1c/1");
        assert_eq!(document.kind(document.find(ROOT, "/").unwrap()), Kind::Null);
        assert_eq!(document.find(ROOT, "/a/01"), None);
        assert_eq!(document.find(ROOT, "/a/2"), None);
        let (name, _) = document.members(ROOT).next().unwrap();
        assert_eq!(document.pointer(name), "/a");
        assert_eq!(document.count(ROOT), 2);
        assert_eq!(document.ancestors(deep).len(), 5);
    }
}
