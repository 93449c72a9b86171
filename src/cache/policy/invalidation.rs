//! What a change at the origin makes doubtful (RFC 9111 §4.4).

use crate::http::host::Authority;
use crate::http::{Fields, Method, Target, reference};

/// Fields whose URIs may have changed too.
const LOCATIONS: [&str; 2] = ["location", "content-location"];

/// The URI that a request was for, path and query in normal form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TargetUri<'a> {
    /// `https`.
    pub(crate) secure: bool,
    pub(crate) authority: Option<Authority<'a>>,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
}

impl TargetUri<'_> {
    /// Path and query of a reference to the same origin.
    pub(super) fn resolve(&self, reference: &[u8]) -> Option<Target<'static>> {
        reference::same_origin(reference, self.secure, self.authority, self.path, self.query)
    }
}

/// Paths and queries whose stored answers must be validated before their next use, the target's own first: after an
/// answer that is no error to a method that is not safe. What `Location` and `Content-Location` name goes too, if its
/// origin is the target's: else anybody could take anybody's answers away.
pub(crate) fn invalidated(
    method: Method<'_>,
    status: u16,
    target: &TargetUri<'_>,
    fields: Fields<'_>,
) -> Vec<(String, Option<String>)> {
    if method.is_safe() || !(200..400).contains(&status) {
        return Vec::new();
    }
    let mut found = vec![(target.path.to_owned(), target.query.map(str::to_owned))];
    for location in LOCATIONS.iter().filter_map(|name| fields.sole(name).ok().flatten()) {
        let other = target.resolve(location).map(|other| (other.path.into_owned(), other.query.map(Into::into)));
        if let Some(other) = other.filter(|other| !found.contains(other)) {
            found.push(other);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::tests::Block;
    use crate::http::host;

    #[test]
    fn a_change_makes_the_target_and_its_relatives_doubtful() {
        fn check(method: &str, status: u16, text: &str, expected: &[&str]) {
            let authority = host::parse(b"school.example").ok();
            let target = TargetUri { secure: false, authority, path: "/a/b", query: Some("c") };
            let found = invalidated(Method::from_name(method), status, &target, Block::new(text).fields());
            let found: Vec<String> = found
                .into_iter()
                .map(|(path, query)| query.map_or(path.clone(), |query| format!("{path}?{query}")))
                .collect();
            assert_eq!(found, expected, "{method} {status} {text}");
        }
        // RFC 9111 §4.4
        for method in ["POST", "PUT", "DELETE", "PATCH", "REPORT", "get"] {
            check(method, 200, "", &["/a/b?c"]);
        }
        for method in ["GET", "HEAD", "OPTIONS"] {
            check(method, 200, "Location: /x", &[]);
        }
        for status in [201, 204, 303, 399] {
            check("POST", status, "", &["/a/b?c"]);
        }
        for status in [100, 199, 400, 404, 500, 599] {
            check("POST", status, "Location: /x", &[]);
        }
        check("POST", 201, "Location: x\nContent-Location: /y?z", &["/a/b?c", "/a/x", "/y?z"]);
        check("POST", 201, "Location: /a/b?c\nContent-Location: http://school.example/y", &["/a/b?c", "/y"]);
        // Never what is of another origin.
        check("POST", 201, "Location: http://other.example/x\nContent-Location: https://school.example/y", &["/a/b?c"]);
        check("POST", 201, "Location: //school.example:81/x\nContent-Location: a b", &["/a/b?c"]);
        check("POST", 201, "Location: /x\nLocation: /y", &["/a/b?c"]);
    }
}
