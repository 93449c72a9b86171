//! Which stored answer a request selects (RFC 9111 §4.1): the names in `Vary`, and the values that the request which
//! brought the answer had for them.
//!
//! Values are compared in a normal form: lines of one name are joined, white space around list members goes, and of
//! preferences their order and case. An absent field matches only an absent one.
//!
//! Selections lie on the card, where no secret may be found: of a field that may hold one only the SHA-256 is compared and
//! kept, and what is chosen by a password, which could be guessed from that, is not kept at all.

use ring::digest::{Context, SHA256};
use xxhash_rust::xxh3::xxh3_128;

use crate::http::{Fields, accept};

/// Selecting fields of one answer; origins name one to four. More than this is not kept.
pub(super) const MAX_NAMES: usize = 16;
/// Bytes of all names and values together. Longer ones (a cookie of 4 KB and a user agent fit) are not kept.
pub(super) const MAX_SELECTION: usize = 8 << 10;

const ABSENT: &[u8] = &[0];
const PRESENT: &[u8] = &[1];
const END: &[u8] = b"\n";

/// Lists of weighed preferences (RFC 9110 §12.5).
const PREFERENCES: [&str; 4] = ["accept", "accept-charset", "accept-encoding", "accept-language"];
/// Parts of the names of fields that may hold a secret: `authorization`, `x-api-key`, `x-csrf-token`. White space at a
/// comma may be part of it.
const SECRETS: [&str; 8] = ["auth", "cookie", "key", "token", "secret", "password", "session", "signature"];

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
    /// What `Vary` names, but for those of `ignore` (in lower case): fields that do not tell this answer from others,
    /// as `accept-encoding` where the one stored form serves all. `None` where nothing is left. The caller has refused
    /// `*`.
    pub(super) fn of(answer: Fields<'_>, ignore: &[&str]) -> Option<Names> {
        let counts = |name: &Vec<u8>| !ignore.iter().any(|ignored| ignored.as_bytes() == name);
        let mut names: Vec<Vec<u8>> = answer.list("vary").map(<[u8]>::to_ascii_lowercase).filter(counts).collect();
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

    /// `None`: too much to keep, or a password.
    pub(super) fn select(&self, request: Fields<'_>) -> Option<Selection> {
        if self.iter().any(|name| is_secret(name) && request.all(name).any(is_password)) {
            return None;
        }
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

    /// Whether a request has the same values but, perhaps, for the field `free` (in lower case): one of several variants
    /// among which something else may choose.
    pub(super) fn matches_but_for(&self, free: &str, request: Fields<'_>) -> bool {
        let stored = self.values.split(|byte| *byte == b'\n');
        self.names.iter().zip(stored).all(|(name, value)| {
            let mut rest = Some(value);
            emit_value(name, request, &mut |piece| rest = rest.and_then(|rest| rest.strip_prefix(piece)));
            name == free || rest.is_some_and(<[u8]>::is_empty)
        })
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
        emit_value(name, request, sink);
        sink(END);
    }
}

fn emit_value(name: &str, request: Fields<'_>, sink: &mut impl FnMut(&[u8])) {
    if !request.contains(name) {
        return sink(ABSENT);
    }
    sink(PRESENT);
    if PREFERENCES.contains(&name) {
        accept::normalised(request, name, sink);
    } else if is_secret(name) {
        emit_hash(request.all(name), sink);
    } else {
        emit_pieces(request.list(name), sink);
    }
}

fn is_secret(name: &str) -> bool {
    SECRETS.iter().any(|part| name.contains(part))
}

/// Credentials of the scheme `Basic` (RFC 7617).
fn is_password(value: &[u8]) -> bool {
    value.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
}

/// In hex, so that it holds no line feed.
fn emit_hash<'a>(pieces: impl Iterator<Item = &'a [u8]>, sink: &mut impl FnMut(&[u8])) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut context = Context::new(&SHA256);
    emit_pieces(pieces, &mut |piece| context.update(piece));
    for byte in context.finish().as_ref() {
        for half in [byte >> 4, byte & 15] {
            sink(DIGITS.get(usize::from(half)..=usize::from(half)).unwrap_or_default());
        }
    }
}

fn emit_pieces<'a>(pieces: impl Iterator<Item = &'a [u8]>, sink: &mut impl FnMut(&[u8])) {
    for (index, piece) in pieces.enumerate() {
        if index > 0 {
            sink(b", ");
        }
        sink(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::tests::Block;

    #[test]
    fn requests_match_in_the_normal_form_of_their_values() {
        let check = |vary: &str, kept: &str, asked: &str, expected: bool| {
            let names = Names::of(Block::new(&format!("Vary: {vary}")).fields(), &[]).unwrap();
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
        // Lines of one name are one list. Of a field that is not known, white space around members alone means nothing.
        check("X-A", "X-A: 1\nX-A: 2", "X-A: 1, 2", true);
        check("X-A", "X-A: 1,2", "X-A: 1 , 2", true);
        check("X-A", "X-A: 1 2", "X-A: 1  2", false);
        check("X-A", "X-A: \"1,2\"", "X-A: \"1, 2\"", false);
        check("X-A", "X-A: 1, 2", "X-A: 2, 1", false);
        check("X-A", "X-A: A", "X-A: a", false);
        check("Cookie", "Cookie: a=1,2", "Cookie: a=1, 2", false);
        check("Authorization", "Authorization: a 1,2", "Authorization: a 1, 2", false);
        check("Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: GZIP ,br", true);
        check(
            "Accept-Language",
            "Accept-Language: en; q=0.5,sw",
            "Accept-Language: en;q=0.5\nAccept-Language: sw",
            true,
        );
        check("Accept-Language", "Accept-Language: en, sw", "Accept-Language: sw, en", true);
        check("Accept-Language", "Accept-Language: en, sw;q=0.8", "Accept-Language: sw;q=0.80, EN;q=1.0", true);
        check("Accept-Language", "Accept-Language: en, sw;q=0.8", "Accept-Language: sw, en;q=0.8", false);
        check("Accept", "Accept: text/html, */*;q=0.1", "Accept: */*;q=0.1,text/HTML", true);
        check("Accept", "Accept: text/html", "Accept: text/html, */*", false);
        check("Accept-Encoding", "Accept-Encoding:", "", false);
        // The names' order and case mean nothing.
        check("X-B, x-a", "X-A: 1\nX-B: 2", "X-B: 2\nX-A: 1", true);
        // No value can look like another field's.
        check("X-A, X-B", "X-A: 1", "X-B: 1", false);
    }

    #[test]
    fn what_selects_by_too_much_is_not_kept() {
        let names = Names::of(Block::new("Vary: X-A").fields(), &[]).unwrap();
        assert!(names.select(Block::new(&format!("X-A: {}", "x".repeat(MAX_SELECTION))).fields()).is_none());
        let many: Vec<String> = (0..=MAX_NAMES).map(|number| format!("X-{number}")).collect();
        let names = Names::of(Block::new(&format!("Vary: {}", many.join(", "))).fields(), &[]).unwrap();
        assert!(names.select(Fields::NONE).is_none());
        assert_eq!(Names::of(Fields::NONE, &[]), None);
    }

    #[test]
    fn no_selection_holds_a_secret() {
        for name in ["Cookie", "Authorization", "X-API-Key", "X-Csrf-Token", "X-Amz-Signature"] {
            let names = Names::of(Block::new(&format!("Vary: {name}")).fields(), &[]).unwrap();
            let selection = names.select(Block::new(&format!("{name}: Bearer w-secret")).fields()).unwrap();
            assert_eq!(selection.values.len(), PRESENT.len() + 64 + END.len(), "{name}");
            assert!(selection.matches(Block::new(&format!("{name}: Bearer w-secret")).fields()), "{name}");
            assert!(!selection.matches(Block::new(&format!("{name}: Bearer w-other")).fields()), "{name}");
            assert!(names.select(Block::new(&format!("{name}: basic dzpz")).fields()).is_none(), "{name}");
        }
    }

    #[test]
    fn names_from_the_card_are_checked() {
        assert!(Names::from_stored(b"accept\nx-a\n").is_some());
        for bad in [&b""[..], b"accept", b"\n", b"a\n\nb\n", b"\na\n"] {
            assert_eq!(Names::from_stored(bad), None);
        }
    }

    #[test]
    fn fields_may_be_left_out_of_the_choice() {
        let block = Block::new("Vary: Accept-Encoding, X-A\nvary: Accept-Language");
        let names = |ignore: &[&str]| Names::of(block.fields(), ignore).map(|names| names.as_bytes().to_vec());
        assert_eq!(names(&[]).unwrap(), b"accept-encoding\naccept-language\nx-a\n");
        assert_eq!(names(&["accept-encoding"]).unwrap(), b"accept-language\nx-a\n");
        assert_eq!(names(&["accept-encoding", "x-a", "accept-language"]), None);

        let asked = Block::new("X-A: 1\nAccept-Language: sw");
        let selection = Names::of(block.fields(), &["accept-encoding"]).unwrap().select(asked.fields()).unwrap();
        let check = |text: &str, whole: bool, but_for: bool| {
            let request = Block::new(text);
            assert_eq!(selection.matches(request.fields()), whole, "{text}");
            assert_eq!(selection.matches_but_for("accept-language", request.fields()), but_for, "{text}");
        };
        check("X-A: 1\nAccept-Language: sw", true, true);
        check("X-A: 1\nAccept-Language: en", false, true);
        check("X-A: 1", false, true);
        check("X-A: 12\nAccept-Language: sw", false, false);
        check("Accept-Language: sw", false, false);
    }
}
