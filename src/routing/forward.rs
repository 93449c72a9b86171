//! The path that the upstream is asked for.

use std::borrow::Cow;

use super::Found;
use crate::config::{RouteConfig, UpstreamUrl};

/// The path to ask the upstream for: `path` with the matched part kept, stripped or replaced as the route and the
/// upstream's URL say. Where the URL has a path and the route a `rewrite`, the URL's path stands in front.
///
/// Never outside of what they name: `path` is in normal form, so nothing in its rest climbs, and the rest is joined at
/// a slash.
pub(crate) fn forwarded_path<'p>(
    route: &RouteConfig,
    upstream: &UpstreamUrl,
    found: &Found,
    path: &'p str,
) -> Cow<'p, str> {
    let rewrite = route.upstream.rewrite.as_deref();
    let replaced = route.upstream.strip || rewrite.is_some() || !upstream.path.is_empty();
    if !replaced || path == "*" {
        return Cow::Borrowed(path);
    }
    let rest = path.get(found.matched..).unwrap_or_default();
    let rewrite = rewrite.unwrap_or_default();
    if upstream.path.is_empty() && rewrite.is_empty() && rest.starts_with('/') {
        return Cow::Borrowed(rest);
    }
    let mut forwarded = String::with_capacity(upstream.path.len() + rewrite.len() + rest.len() + 1);
    for part in [upstream.path.as_str(), rewrite, rest] {
        join(&mut forwarded, part);
    }
    if forwarded.is_empty() {
        forwarded.push('/');
    }
    Cow::Owned(forwarded)
}

/// Appends a part so that exactly one slash stands between.
fn join(path: &mut String, part: &str) {
    if part.is_empty() {
        return;
    }
    if path.ends_with('/') {
        path.pop();
    }
    if !part.starts_with('/') {
        path.push('/');
    }
    path.push_str(part);
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::{ask, route};
    use super::super::{Request, Table};
    use super::*;
    use crate::config::PathMatch;

    struct Way {
        route: PathMatch,
        strip: bool,
        rewrite: Option<&'static str>,
        url_path: &'static str,
    }

    fn forwarded(way: &Way, path: &str) -> String {
        let mut config = route("r", vec![way.route.clone()]);
        config.upstream.strip = way.strip;
        config.upstream.rewrite = way.rewrite.map(str::to_owned);
        let url = UpstreamUrl { tls: false, host: "origin".into(), port: 80, path: way.url_path.into() };
        let found = Table::build(std::slice::from_ref(&config)).unwrap().find(&Request { path, ..ask() }).unwrap();
        forwarded_path(&config, &url, &found, path).into_owned()
    }

    #[test]
    fn the_matched_part_is_kept_stripped_or_replaced() {
        let prefix = || PathMatch::Prefix("/wiki/".into());
        let plain = |route| Way { route, strip: false, rewrite: None, url_path: "" };
        for (way, path, expected) in [
            (plain(prefix()), "/wiki/a", "/wiki/a"),
            (plain(prefix()), "/wiki", "/wiki"),
            (Way { strip: true, ..plain(prefix()) }, "/wiki/a/b", "/a/b"),
            (Way { strip: true, ..plain(prefix()) }, "/wiki/", "/"),
            (Way { strip: true, ..plain(prefix()) }, "/wiki", "/"),
            (Way { rewrite: Some("/w"), ..plain(prefix()) }, "/wiki/a", "/w/a"),
            (Way { rewrite: Some("/w/"), ..plain(prefix()) }, "/wiki/a", "/w/a"),
            (Way { rewrite: Some("/"), ..plain(prefix()) }, "/wiki/a", "/a"),
            (Way { rewrite: Some("/w"), url_path: "/base/", ..plain(prefix()) }, "/wiki/a", "/base/w/a"),
            (Way { url_path: "/viewer", ..plain(prefix()) }, "/wiki/a", "/viewer/a"),
            (Way { url_path: "/viewer/", ..plain(prefix()) }, "/wiki", "/viewer/"),
            (Way { url_path: "/", ..plain(prefix()) }, "/wiki/a", "/a"),
            (Way { url_path: "/up.php", ..plain(PathMatch::Exact("/health".into())) }, "/health", "/up.php"),
            (Way { strip: true, ..plain(PathMatch::Exact("/health".into())) }, "/health", "/"),
            (Way { strip: true, ..plain(PathMatch::Pattern("/a/*.jpg".into())) }, "/a/b/c.jpg", "/b/c.jpg"),
            (Way { strip: true, ..plain(PathMatch::Pattern("*.jpg".into())) }, "/a/c.jpg", "/a/c.jpg"),
            (Way { url_path: "/x", ..plain(PathMatch::Prefix("/".into())) }, "/a", "/x/a"),
            (Way { strip: true, ..plain(PathMatch::Prefix("/".into())) }, "*", "*"),
        ] {
            assert_eq!(forwarded(&way, path), expected, "{path}");
        }
    }
}
