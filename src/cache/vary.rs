//! Which stored answer a request selects (RFC 9111 §4.1): the names in `Vary`, and the values that the request which
//! brought the answer had for them.
//!
//! Values are compared in a normal form: lines of one name are joined, white space around list members goes, and where
//! a field's definition makes case meaningless, so does case. An absent field matches only an absent one.

use xxhash_rust::xxh3::xxh3_128;

use crate::http::Fields;

/// Selecting fields of one answer; origins name one to four. More than this is not kept.
pub(super) const MAX_NAMES: usize = 16;
/// Bytes of all names and values together. Longer ones (a cookie of 4 KB and a user agent fit) are not kept.
pub(super) const MAX_SELECTION: usize = 8 << 10;

const ABSENT: &[u8] = &[0];
const PRESENT: &[u8] = &[1];
const END: &[u8] = b"\n";

/// Fields whose members are separated by commas and whose case means nothing (RFC 9110 §12.5).
const LISTS: [&str; 4] = ["accept", "accept-charset", "accept-encoding", "accept-language"];

/// The selecting names, in lower case, sorted, each ended by a line feed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Names(Box<[u8]>);

/// Names together with the values that one request had for them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Selection {
    pub(super) names: Names,
    /// The normal form, as [`emit`] gives it.
    pub(super) values: Box<[u8]>,
}

impl Names {
    /// What `Vary` names; `None` where there is no such field. The caller has refused `*`.
    pub(super) fn of(answer: Fields<'_>) -> Option<Names> {
        let mut names: Vec<Vec<u8>> = answer.list("vary").map(<[u8]>::to_ascii_lowercase).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return None;
        }
        Some(Names(names.into_iter().flat_map(|name| [name, END.to_vec()].concat()).collect()))
    }

    /// Names read from the card.
    pub(super) fn from_stored(bytes: &[u8]) -> Option<Names> {
        let names = Names(bytes.into());
        let sound = bytes.ends_with(END) && names.iter().all(|name| !name.is_empty());
        (sound && names.iter().count() <= MAX_NAMES).then_some(names)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.strip_suffix(END).unwrap_or_default().split(|byte| *byte == b'\n').map(|name| {
            // A name that is no text is one that no request has.
            std::str::from_utf8(name).unwrap_or("\u{0}")
        })
    }

    /// `None`: too much to keep.
    pub(super) fn select(&self, request: Fields<'_>) -> Option<Selection> {
        let mut values = Vec::new();
        emit(self, request, &mut |piece| values.extend_from_slice(piece));
        let fits = self.iter().count() <= MAX_NAMES && self.0.len().saturating_add(values.len()) <= MAX_SELECTION;
        fits.then(|| Selection { names: self.clone(), values: values.into() })
    }
}

impl Selection {
    /// Whether a request has the same values. Allocates nothing.
    pub(super) fn matches(&self, request: Fields<'_>) -> bool {
        let mut rest = Some(&*self.values);
        emit(&self.names, request, &mut |piece| rest = rest.and_then(|rest| rest.strip_prefix(piece)));
        rest.is_some_and(<[u8]>::is_empty)
    }

    /// For people: `accept-language: sw`.
    pub(super) fn describe(&self) -> String {
        let values = self.values.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
        let visible = |text: &str| text.chars().filter(|sign| !sign.is_control()).collect::<String>();
        let pairs = self.names.iter().zip(values).map(|(name, value)| format!("{name}: {}", visible(&value)));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// Where the object of this variant is kept.
    pub(super) fn location(&self, primary: u128) -> u128 {
        let mut text = primary.to_le_bytes().to_vec();
        text.extend_from_slice(&self.names.0);
        text.extend_from_slice(ABSENT);
        text.extend_from_slice(&self.values);
        xxh3_128(&text)
    }
}

/// Gives the normal form of a request's values for these names, piece by piece.
fn emit(names: &Names, request: Fields<'_>, sink: &mut impl FnMut(&[u8])) {
    for name in names.iter() {
        let mut lines = request.all(name).peekable();
        if lines.peek().is_none() {
            sink(ABSENT);
        } else if LISTS.contains(&name) {
            sink(PRESENT);
            emit_list(request, name, sink);
        } else {
            sink(PRESENT);
            emit_lines(lines, sink);
        }
        sink(END);
    }
}

fn emit_list(request: Fields<'_>, name: &str, sink: &mut impl FnMut(&[u8])) {
    for (index, member) in request.list(name).enumerate() {
        if index > 0 {
            sink(b",");
        }
        let significant = member.iter().filter(|byte| !matches!(byte, b' ' | b'\t'));
        significant.for_each(|byte| sink(&[byte.to_ascii_lowercase()]));
    }
}

fn emit_lines<'a>(lines: impl Iterator<Item = &'a [u8]>, sink: &mut impl FnMut(&[u8])) {
    for (index, line) in lines.enumerate() {
        if index > 0 {
            sink(b", ");
        }
        sink(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::tests::Block;

    #[test]
    fn requests_match_in_the_normal_form_of_their_values() {
        let check = |vary: &str, kept: &str, asked: &str, expected: bool| {
            let names = Names::of(Block::new(&format!("Vary: {vary}")).fields()).unwrap();
            let selection = names.select(Block::new(kept).fields()).unwrap();
            let asked = Block::new(asked);
            assert_eq!(
                selection.matches(asked.fields()),
                expected,
                "{vary}: {kept} / {asked:?}",
                asked = asked.fields()
            );
            let location = names.select(asked.fields()).unwrap().location(7);
            assert_eq!(selection.location(7) == location, expected);
        };
        check("X-A", "X-A: 1", "x-a: 1", true);
        check("X-A", "X-A: 1", "X-A: 2", false);
        // RFC 9111 §4.1: absent matches only absent.
        check("X-A", "", "", true);
        check("X-A", "", "X-A:", false);
        check("X-A", "X-A:", "", false);
        // Lines of one name are one list; where the field is not known, its bytes count.
        check("X-A", "X-A: 1\nX-A: 2", "X-A: 1, 2", true);
        check("X-A", "X-A: 1,2", "X-A: 1, 2", false);
        check("X-A", "X-A: A", "X-A: a", false);
        check("Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: GZIP ,br", true);
        check(
            "Accept-Language",
            "Accept-Language: en; q=0.5,sw",
            "Accept-Language: en;q=0.5\nAccept-Language: sw",
            true,
        );
        check("Accept-Language", "Accept-Language: en, sw", "Accept-Language: sw, en", false);
        // The names' order and case mean nothing.
        check("X-B, x-a", "X-A: 1\nX-B: 2", "X-B: 2\nX-A: 1", true);
        // No value can look like another field's.
        check("X-A, X-B", "X-A: 1", "X-B: 1", false);
    }

    #[test]
    fn what_selects_by_too_much_is_not_kept() {
        let names = Names::of(Block::new("Vary: Cookie").fields()).unwrap();
        assert!(names.select(Block::new(&format!("Cookie: {}", "x".repeat(MAX_SELECTION))).fields()).is_none());
        let many: Vec<String> = (0..=MAX_NAMES).map(|number| format!("X-{number}")).collect();
        let names = Names::of(Block::new(&format!("Vary: {}", many.join(", "))).fields()).unwrap();
        assert!(names.select(Fields::NONE).is_none());
        assert_eq!(Names::of(Fields::NONE), None);
    }

    #[test]
    fn names_from_the_card_are_checked() {
        assert!(Names::from_stored(b"accept\nx-a\n").is_some());
        for bad in [&b""[..], b"accept", b"\n", b"a\n\nb\n", b"\na\n"] {
            assert_eq!(Names::from_stored(bad), None);
        }
    }
}
