//! What names an answer.

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// Keys up to this length are hashed from the stack in one go; nearly all are.
const ON_STACK: usize = 512;
/// Stands between path and query. Neither a path nor a query in normal form can hold it in front of the query.
const QUERY: &str = "?";

/// The name of an answer: the upstream's origin, the path and the query. Borrowed and `Copy`: making one allocates
/// nothing. GET and HEAD share a key; the request fields that select a variant are not part of it.
///
/// The hash says where to look. The text is kept in the object and compared at each look-up, so that two keys with one
/// hash are a miss and never each other's answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    hash: u128,
    origin: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Key<'a> {
    /// `origin` as `https://host:port`; `path` and `query` in the one normal form (RFC 3986 §6.2).
    pub(crate) fn new(origin: &'a str, path: &'a str, query: Option<&'a str>) -> Key<'a> {
        let mut key = Key { hash: 0, origin, path, query };
        key.hash = key.digest();
        key
    }

    pub(super) fn hash(&self) -> u128 {
        self.hash
    }

    /// Whether a stored text is this key's.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        let mut rest = text;
        for part in self.parts() {
            match rest.strip_prefix(part.as_bytes()) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        rest.is_empty()
    }

    /// The text as it is stored.
    pub(super) fn text(&self) -> Box<[u8]> {
        self.parts().concat().into_bytes().into()
    }

    fn parts(&self) -> [&'a str; 4] {
        match self.query {
            Some(query) => [self.origin, self.path, QUERY, query],
            None => [self.origin, self.path, "", ""],
        }
    }

    fn digest(&self) -> u128 {
        let mut text = heapless::Vec::<u8, ON_STACK>::new();
        if self.parts().iter().all(|part| text.extend_from_slice(part.as_bytes()).is_ok()) {
            return xxh3_128(&text);
        }
        let mut hasher = Xxh3::new();
        self.parts().iter().for_each(|part| hasher.update(part.as_bytes()));
        hasher.digest128()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_the_key_and_nothing_else() {
        let key = Key::new("http://origin:80", "/a", Some("b=c"));
        assert_eq!(&*key.text(), b"http://origin:80/a?b=c");
        assert!(key.is(b"http://origin:80/a?b=c"));
        for other in [&b"http://origin:80/a?b="[..], b"http://origin:80/a", b"http://origin:80/a?b=cd", b""] {
            assert!(!key.is(other));
        }
        assert_ne!(key.hash(), Key::new("http://origin:80", "/a", None).hash());
        assert_ne!(Key::new("http://o:80", "/a", Some("")).hash(), Key::new("http://o:80", "/a", None).hash());
    }

    #[test]
    fn short_and_long_keys_hash_as_their_text() {
        for length in [0, 1, ON_STACK - 20, ON_STACK, 5000] {
            let path = format!("/{}", "x".repeat(length));
            let key = Key::new("https://origin:443", &path, Some("q"));
            assert_eq!(key.hash(), xxh3_128(&key.text()), "{length}");
        }
    }
}
