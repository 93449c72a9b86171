//! References to other resources, as `Location` has them (RFC 3986 §4.2, RFC 9110 §10.2.2).

use super::host::Authority;
use super::method::Method;
use super::target::{self, Target};

/// Resolves a reference that a resource makes (RFC 3986 §5.2), where it leads to the same origin. `None`: it leads
/// elsewhere, or is none.
///
/// The origin is `http` or, where `secure`, `https`, and this authority.
pub(crate) fn same_origin<'r>(
    reference: &'r [u8],
    secure: bool,
    authority: Option<Authority<'r>>,
    base_path: &str,
    base_query: Option<&str>,
) -> Option<Target<'static>> {
    let reference = reference.split(|byte| *byte == b'#').next().unwrap_or_default();
    let whole = match reference {
        [] => {
            let query = base_query.map(|query| format!("?{query}")).unwrap_or_default();
            format!("{base_path}{query}").into_bytes()
        }
        [b'/', b'/', ..] => [if secure { &b"https:"[..] } else { b"http:" }, reference].concat(),
        [b'/', ..] => reference.to_vec(),
        [b'?', ..] => [base_path.as_bytes(), reference].concat(),
        _ if has_scheme(reference) => reference.to_vec(),
        _ => {
            let folder = base_path.rfind('/').and_then(|at| base_path.get(..=at)).unwrap_or("/");
            [folder.as_bytes(), reference].concat()
        }
    };
    if !whole.starts_with(b"/") && secure != begins(&whole, b"https:") {
        return None;
    }
    // An authority that is not the one given is refused here.
    let Target { path, query, authority: _ } = target::parse(Method::Get, &whole, authority).ok()?;
    let known = whole.starts_with(b"/") || authority.is_some();
    let (path, query) = (path.into_owned().into(), query.map(|query| query.into_owned().into()));
    known.then_some(Target { path, query, authority: None })
}

/// RFC 3986 §3.1
fn has_scheme(reference: &[u8]) -> bool {
    let Some(colon) = reference.iter().position(|byte| matches!(byte, b':' | b'/' | b'?')) else { return false };
    let (scheme, rest) = reference.split_at_checked(colon).unwrap_or_default();
    rest.starts_with(b":")
        && scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn begins(text: &[u8], with: &[u8]) -> bool {
    text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::host;

    #[test]
    fn references_of_the_same_origin_are_resolved() {
        fn check(reference: &str, expected: Option<(&str, Option<&str>)>) {
            let authority = host::parse(b"School.example:8080").ok();
            let found = same_origin(reference.as_bytes(), false, authority, "/a/b", Some("c=d"));
            let found = found.as_ref().map(|target| (&*target.path, target.query.as_deref()));
            assert_eq!(found, expected, "{reference}");
        }
        // RFC 3986 §5.4, where the base has this origin.
        check("", Some(("/a/b", Some("c=d"))));
        check("#s", Some(("/a/b", Some("c=d"))));
        check("g", Some(("/a/g", None)));
        check("./g?y#z", Some(("/a/g", Some("y"))));
        check("?y", Some(("/a/b", Some("y"))));
        check("/g", Some(("/g", None)));
        check("../g", Some(("/g", None)));
        check("../../g", Some(("/g", None)));
        check("g/", Some(("/a/g/", None)));
        check("g?y/./x", Some(("/a/g", Some("y/./x"))));
        check("//school.example:8080/x", Some(("/x", None)));
        check("HTTP://SCHOOL.example:8080/%7ex?", Some(("/~x", Some(""))));
        check("http://school.example:8080", Some(("/", None)));
        check("g:h/x", None);
        // Another origin: host, port or scheme.
        for other in [
            "http://school.example/x",
            "https://school.example:8080/x",
            "//other.example/x",
            "//school.example/x",
            "mailto:a@b",
            "http:",
            "http:x",
            "http://user@school.example:8080/x",
            "/a\\b",
            "/%zz",
            "a b",
        ] {
            check(other, None);
        }
    }

    #[test]
    fn without_an_authority_only_paths_are_known() {
        let check = |reference: &str| same_origin(reference.as_bytes(), true, None, "/a", None).is_some();
        assert!(check("/x"));
        assert!(!check("https://school.example/x"));
    }
}
