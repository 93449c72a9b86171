//! URI references against a base (RFC 3986 §5).

/// The absolute URI without its fragment, and the fragment, percent-decoded; empty where there is none.
pub(super) fn resolve(base: &str, reference: &str) -> (String, String) {
    let (reference, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    (target(base, reference), decoded(fragment))
}

fn target(base: &str, reference: &str) -> String {
    let base = base.split('#').next().unwrap_or_default();
    if reference.is_empty() {
        return base.to_owned();
    }
    if has_scheme(reference) {
        return reference.to_owned();
    }
    let (scheme, rest) = if has_scheme(base) { base.split_once(':').unwrap_or(("", base)) } else { ("", base) };
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}:") };
    if reference.starts_with("//") {
        return format!("{scheme}{reference}");
    }
    let (authority, path) = split_authority(rest);
    let path = path.split('?').next().unwrap_or_default();
    let merged = if reference.starts_with('/') {
        reference.to_owned()
    } else if reference.starts_with('?') {
        format!("{path}{reference}")
    } else {
        let folder = path.rfind('/').and_then(|slash| path.get(..=slash));
        format!("{}{reference}", folder.unwrap_or(if authority.is_empty() { "" } else { "/" }))
    };
    let end = merged.find('?').unwrap_or(merged.len());
    let (path, query) = merged.split_at_checked(end).unwrap_or((&merged, ""));
    format!("{scheme}{authority}{}{query}", without_dots(path))
}

/// RFC 3986 §3.1
pub(super) fn has_scheme(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    })
}

fn split_authority(rest: &str) -> (&str, &str) {
    match rest.strip_prefix("//") {
        Some(inner) => {
            let end = inner.find(['/', '?']).map_or(rest.len(), |at| at + 2);
            rest.split_at_checked(end).unwrap_or((rest, ""))
        }
        None => ("", rest),
    }
}

/// RFC 3986 §5.2.4
fn without_dots(path: &str) -> String {
    if !path.contains("./") && !path.ends_with('.') {
        return path.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." if kept.len() > 1 => drop(kept.pop()),
            ".." => {}
            segment => {
                kept.push(segment);
                continue;
            }
        }
        if last {
            kept.push("");
        }
    }
    kept.join("/")
}

fn decoded(fragment: &str) -> String {
    String::from_utf8_lossy(&crate::http::target::decode(fragment)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved() {
        fn check(base: &str, reference: &str, expected: &str, fragment: &str) {
            assert_eq!(resolve(base, reference), (expected.to_owned(), fragment.to_owned()), "{base} {reference}");
        }
        let base = "http://a/b/c/d;p?q";
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../../../g", "http://a/g"),
            ("g:h", "g:h"),
        ] {
            check(base, reference, expected, "");
        }
        check("file:///etc/x/a.json", "../b.json#/c%25~1d", "file:///etc/b.json", "/c%~1d");
        check("urn:uuid:1", "#a", "urn:uuid:1", "a");
        check("http://a", "b", "http://a/b", "");
    }
}
