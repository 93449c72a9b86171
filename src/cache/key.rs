//! What names an answer.

use std::borrow::Cow;

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::config::{KeyConfig, QueryKey};
use crate::http::{Fields, target};

/// Keys up to this length are hashed from the stack in one go; nearly all are.
const ON_STACK: usize = 512;
/// Stands between path and query. Neither a path nor a query in normal form can hold it in front of the query.
const QUERY: &str = "?";

/// The name of an answer: the upstream's origin, the path, the query, and what else a route lets count ([`KeyRules`]).
/// Borrowed and `Copy`: making one allocates nothing. GET and HEAD share a key; the request fields that select a variant
/// are not part of it.
///
/// The hash says where to look. The text is kept in the object and compared at each look-up, so that two keys with one
/// hash are a miss and never each other's answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    hash: u128,
    origin: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    extra: &'a str,
}

impl<'a> Key<'a> {
    #[cfg(test)]
    pub(crate) fn new(origin: &'a str, path: &'a str, query: Option<&'a str>) -> Key<'a> {
        Key::with(origin, path, query, "")
    }

    /// `origin` as `https://host:port`; `path` and `query` in the one normal form (RFC 3986 §6.2); what [`KeyRules::extra`] found in the request: empty, or lines that each begin with a line feed,
    /// which neither a path nor a query in normal form can hold.
    pub(crate) fn with(origin: &'a str, path: &'a str, query: Option<&'a str>, extra: &'a str) -> Key<'a> {
        let mut key = Key { hash: 0, origin, path, query, extra };
        key.hash = key.digest();
        key
    }

    /// For later.
    pub(crate) fn keep(&self) -> KeptKey {
        KeptKey { hash: self.hash, text: self.parts().concat().into() }
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

    fn parts(&self) -> [&'a str; 5] {
        match self.query {
            Some(query) => [self.origin, self.path, QUERY, query, self.extra],
            None => [self.origin, self.path, "", "", self.extra],
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

/// A key with a text of its own.
pub(crate) struct KeptKey {
    hash: u128,
    text: Box<str>,
}

impl KeptKey {
    /// Names the same as the one that was kept.
    pub(crate) fn key(&self) -> Key<'_> {
        Key { hash: self.hash, origin: &self.text, path: "", query: None, extra: "" }
    }
}

/// What of a request names an answer on one route, beside upstream and path (`cache.key`, `cache.ignore_query`).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct KeyRules {
    query: QueryKey,
    ignored: Box<[Pattern]>,
    /// In lower case, sorted, each once.
    headers: Box<[String]>,
    /// Sorted, each once.
    cookies: Box<[String]>,
}

/// A name of a parameter, or how it begins.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Pattern {
    Is(Box<[u8]>),
    Begins(Box<[u8]>),
}

impl KeyRules {
    pub(crate) fn of(config: &KeyConfig) -> KeyRules {
        let ordered = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort_unstable();
            names.dedup();
            names.into()
        };
        KeyRules {
            query: config.query.clone(),
            ignored: config.ignored.iter().map(|pattern| Pattern::of(pattern)).collect(),
            headers: ordered(&config.headers),
            cookies: ordered(&config.cookies),
        }
    }

    /// What of a query (in normal form) counts. Parameters keep their order and their spelling: to an origin these may
    /// mean something. A query of which nothing is left is none. Allocates where something is left out.
    pub(crate) fn query<'q>(&self, query: Option<&'q str>) -> Option<Cow<'q, str>> {
        let query = query?;
        let counts = |parameter: &str| match &self.query {
            QueryKey::Whole => !self.ignores(parameter),
            QueryKey::Nothing => false,
            QueryKey::Only(names) => self.is_listed(names, parameter) && !self.ignores(parameter),
        };
        let whole = match &self.query {
            QueryKey::Whole => self.ignored.is_empty() || query.split('&').all(counts),
            QueryKey::Nothing | QueryKey::Only(_) => false,
        };
        if whole {
            return Some(Cow::Borrowed(query));
        }
        let kept: Vec<&str> = query.split('&').filter(|parameter| counts(parameter)).collect();
        (!kept.is_empty()).then(|| Cow::Owned(kept.join("&")))
    }

    /// What of a request's fields counts, as [`Key::with`] takes it: for each name a line that says whether the field or
    /// cookie is there, and what it is. Lines cannot be taken for each other: a name holds no `:`, a value no line feed.
    /// Empty and not allocated where the route lists nothing.
    pub(crate) fn extra(&self, request: Fields<'_>) -> Cow<'static, str> {
        if self.headers.is_empty() && self.cookies.is_empty() {
            return Cow::Borrowed("");
        }
        let mut text = String::new();
        for name in &self.headers {
            line(&mut text, name, joined(request, name).as_deref());
        }
        for name in &self.cookies {
            line(&mut text, &format!("cookie {name}"), cookie(request, name));
        }
        Cow::Owned(text)
    }

    fn ignores(&self, parameter: &str) -> bool {
        let name = parameter_name(parameter);
        self.ignored.iter().any(|pattern| pattern.matches(&name))
    }

    fn is_listed(&self, names: &[String], parameter: &str) -> bool {
        let name = parameter_name(parameter);
        names.iter().any(|listed| listed.as_bytes() == &*name)
    }
}

impl Pattern {
    fn of(text: &str) -> Pattern {
        match text.strip_suffix('*') {
            Some(beginning) => Pattern::Begins(beginning.as_bytes().into()),
            None => Pattern::Is(text.as_bytes().into()),
        }
    }

    fn matches(&self, name: &[u8]) -> bool {
        match self {
            Pattern::Is(whole) => name == &**whole,
            Pattern::Begins(beginning) => name.starts_with(beginning),
        }
    }
}

/// The name of a parameter as those read it who take a query apart: `a%5B%5D=1` is `a[]`.
fn parameter_name(parameter: &str) -> Cow<'_, [u8]> {
    target::decode(parameter.split('=').next().unwrap_or_default())
}

/// All lines of a field as one value.
fn joined(request: Fields<'_>, name: &str) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = request.all(name).collect();
    (!lines.is_empty()).then(|| lines.join(&b", "[..]))
}

/// The value of the first cookie of this name (RFC 6265 §5.4: the most exact one comes first).
fn cookie<'r>(request: Fields<'r>, name: &str) -> Option<&'r [u8]> {
    let mut pairs = request.all("cookie").flat_map(|line| line.split(|byte| *byte == b';'));
    pairs.find_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// Bytes that are no text, and the sign that marks them, are written as `%` and two digits.
fn line(text: &mut String, name: &str, value: Option<&[u8]>) {
    text.push('\n');
    text.push_str(name);
    let Some(value) = value else { return };
    text.push(':');
    for byte in value {
        match byte {
            b'%' | 0x80.. => text.push_str(&format!("%{byte:02X}")),
            byte => text.push(char::from(*byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::tests::Block;

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

    #[test]
    fn keys_with_more_in_them_are_others() {
        let key = |extra: &'static str| Key::with("http://origin:80", "/a", Some("q"), extra);
        assert_eq!(&*key("\nx:1").text(), b"http://origin:80/a?q\nx:1");
        assert_eq!(key("").hash(), Key::new("http://origin:80", "/a", Some("q")).hash());
        assert_ne!(key("\nx:1").hash(), key("\nx:2").hash());
        assert!(!key("").is(&key("\nx:1").text()));
    }

    fn rules(query: QueryKey, ignored: &[&str]) -> KeyRules {
        let ignored = ignored.iter().map(|pattern| (*pattern).to_owned()).collect();
        KeyRules::of(&KeyConfig { query, ignored, ..KeyConfig::default() })
    }

    #[test]
    fn of_a_query_counts_what_the_route_says() {
        let check = |rules: &KeyRules, query: Option<&str>, expected: Option<&str>| {
            assert_eq!(rules.query(query).as_deref(), expected, "{query:?}");
        };
        let whole = rules(QueryKey::Whole, &[]);
        for query in [None, Some(""), Some("a=b"), Some("b&&a=%2F&b")] {
            check(&whole, query, query);
            assert!(!matches!(whole.query(query), Some(Cow::Owned(_))));
        }
        let nothing = rules(QueryKey::Nothing, &[]);
        for query in [None, Some(""), Some("a=b")] {
            check(&nothing, query, None);
        }
        let ignoring = rules(QueryKey::Whole, &["utm_*", "fbclid", "x[]"]);
        check(&ignoring, None, None);
        check(&ignoring, Some(""), Some(""));
        check(&ignoring, Some("b=2&a=1"), Some("b=2&a=1"));
        check(&ignoring, Some("b=2&utm_source=x&a=1&fbclid"), Some("b=2&a=1"));
        check(&ignoring, Some("utm_=x&fbclid=1"), None);
        check(&ignoring, Some("fbclid2=1&xfbclid=1&UTM_a"), Some("fbclid2=1&xfbclid=1&UTM_a"));
        check(&ignoring, Some("x%5B%5D=1&x=2"), Some("x=2"));
        check(&ignoring, Some("a=utm_x&&fbclid"), Some("a=utm_x&"));
        check(&rules(QueryKey::Whole, &["*"]), Some("a=b"), None);
        let only = rules(QueryKey::Only(vec!["page".into(), "q".into()]), &[]);
        check(&only, Some("q=a&z=1&page=2&q=b"), Some("q=a&page=2&q=b"));
        check(&only, Some("page=2&q=a"), Some("page=2&q=a"));
        check(&only, Some("q"), Some("q"));
        check(&only, Some("Q=1&pages=2"), None);
        check(&only, Some(""), None);
        check(&only, None, None);
        check(&rules(QueryKey::Only(vec!["a".into(), "ab".into()]), &["ab*"]), Some("a=1&ab=2"), Some("a=1"));
    }

    #[test]
    fn of_the_fields_counts_what_the_route_lists() {
        let rules = KeyRules::of(&KeyConfig {
            headers: vec!["x-b".into(), "x-a".into(), "x-b".into()],
            cookies: vec!["class".into()],
            ..KeyConfig::default()
        });
        let check = |text: &str, expected: &str| {
            assert_eq!(rules.extra(Block::new(text).fields()), expected, "{text}");
        };
        check("", "\nx-a\nx-b\ncookie class");
        check("X-A:", "\nx-a:\nx-b\ncookie class");
        check("X-B: 1\nx-a: 2\nX-B: 3", "\nx-a:2\nx-b:1, 3\ncookie class");
        check("X-A: a: %\u{e9}", "\nx-a:a: %25%C3%A9\nx-b\ncookie class");
        check("Cookie: a=b; class=7a ; class=8", "\nx-a\nx-b\ncookie class:7a");
        check("Cookie: subclass=1; Class=2; class", "\nx-a\nx-b\ncookie class");
        check("Cookie: a=b\nCookie: class=", "\nx-a\nx-b\ncookie class:");
        assert!(matches!(KeyRules::default().extra(Block::new("X-A: 1").fields()), Cow::Borrowed("")));
    }
}
