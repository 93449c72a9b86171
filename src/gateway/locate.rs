//! Under which keys the answers of an address are kept: the way from what people call it to the cache, as a request
//! takes it.

use super::build::{key_prefix, url_origin};
use super::plan::{Request, routing_request};
use crate::cache::KeyRules;
use crate::config::{Config, DestinationConfig, HostPolicy, PathMatch, RouteCacheConfig, RouteConfig, UpstreamUrl};
use crate::http::{HeadLimits, Method, Parse, RequestHead, Scan, target};
use crate::routing::{self, Table};

/// A key under which an address's answers may be kept, or what all keys below an address begin with.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    pub(crate) key: String,
    /// The name of the route that leads there.
    pub(crate) route: Option<String>,
    /// How that route keeps its answers.
    pub(crate) cache: RouteCacheConfig,
}

impl Located {
    fn bare(key: String) -> Located {
        Located { key, route: None, cache: RouteCacheConfig::default() }
    }

    /// What the keys begin with that name fields or cookies of a request beside the address.
    pub(crate) fn with_more(&self) -> Option<String> {
        let more = !self.cache.key.headers.is_empty() || !self.cache.key.cookies.is_empty();
        more.then(|| format!("{}\n", self.key))
    }
}

/// What a part of an address is to be taken for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extent {
    /// One address.
    Whole,
    /// All that begins with it.
    Beginning,
}

/// The keys of an address: one of the gateway's own (`http://board/wiki/Uganda`, `/wiki/Uganda`), or the upstream's. In
/// the order in which they are likely meant.
pub(crate) fn locate(config: &Config, address: &str, extent: Extent) -> Result<Vec<Located>, String> {
    let mut found: Vec<Located> = Vec::new();
    let mut add = |located: Located| {
        if !found.iter().any(|other| other.key == located.key) {
            found.push(located);
        }
    };
    // What `list` prints of answers that are kept under a route's own terms.
    if address.starts_with(['+', '!', '[']) {
        add(Located::bare(address.to_owned()));
        return Ok(found);
    }
    let url = Url::parse(address)?;
    let table = Table::build(&config.routes).map_err(|problem| problem.to_string())?;
    let site = Site { config, table };
    site.as_client(&url).into_iter().for_each(&mut add);
    if extent == Extent::Beginning {
        site.below(&url).into_iter().for_each(&mut add);
    }
    site.as_upstream(&url)?.into_iter().for_each(&mut add);
    if found.is_empty() {
        return Err(format!("no route with an upstream takes {address}; see 'hafir explain'"));
    }
    Ok(found)
}

/// An address in pieces.
struct Url<'a> {
    /// Scheme and authority, where it has them.
    place: Option<(&'a str, String)>,
    target: String,
}

impl Url<'_> {
    fn parse(address: &str) -> Result<Url<'_>, String> {
        let (place, rest) = match address.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => {
                let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
                (Some((scheme, authority.to_ascii_lowercase())), target)
            }
            Some(_) => return Err(format!("{address}: only http:// and https:// are kept")),
            None => (None, address),
        };
        let target = match rest.as_bytes().first() {
            None => "/".to_owned(),
            Some(b'?') => format!("/{rest}"),
            Some(b'/') => rest.to_owned(),
            Some(_) => return Err(format!("{address}: write http://HOST/PATH, or a path that begins with /")),
        };
        if target.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(format!("{address}: an address has no blanks; write %20"));
        }
        Ok(Url { place, target })
    }

    fn host(&self) -> &str {
        self.place.as_ref().map_or("localhost", |(_, authority)| authority.as_str())
    }

    /// Scheme, host and port of an upstream's address.
    fn origin(&self) -> Option<String> {
        let (scheme, authority) = self.place.as_ref()?;
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let port = if *scheme == "https" { ":443" } else { ":80" };
        Some(format!("{scheme}://{authority}{}", if has_port { "" } else { port }))
    }
}

struct Site<'a> {
    config: &'a Config,
    table: Table,
}

impl Site<'_> {
    /// As a client of the gateway would ask for it.
    fn as_client(&self, url: &Url<'_>) -> Vec<Located> {
        let located = self.with_target(url.host(), &url.target, |path, query, asked| {
            let found = self.table.find(asked)?;
            let route = self.config.routes.get(found.route.index())?;
            let first = first_upstream(route)?;
            let path = routing::forwarded_path(route, first, &found, path);
            Some(keys(route, &prefix_of(route, first, url.host()), &path, query))
        });
        located.ok().flatten().unwrap_or_default()
    }

    /// The routes that lie below the address: what they lead to is below it as well.
    fn below(&self, url: &Url<'_>) -> Vec<Located> {
        let path = url.target.as_str();
        let mut found = Vec::new();
        for route in &self.config.routes {
            let Some(first) = first_upstream(route) else { continue };
            for place in &route.matches.paths {
                match place {
                    PathMatch::Prefix(own) | PathMatch::Exact(own) if own.starts_with(path) => {
                        found.extend(self.as_client(&Url { place: url.place.clone(), target: own.clone() }));
                    }
                    PathMatch::Pattern(_) => {
                        found.extend(keys(route, &prefix_of(route, first, url.host()), path, None));
                    }
                    PathMatch::Prefix(_) | PathMatch::Exact(_) => {}
                }
            }
        }
        found
    }

    /// As the address of an upstream.
    fn as_upstream(&self, url: &Url<'_>) -> Result<Vec<Located>, String> {
        let Some(origin) = url.origin() else { return Ok(Vec::new()) };
        self.with_target(url.host(), &url.target, |path, query, _| {
            let mut found = Vec::new();
            for route in &self.config.routes {
                if let Some(first) = first_upstream(route).filter(|first| url_origin(first) == origin) {
                    found.extend(keys(route, &key_prefix(route, first), path, query));
                }
            }
            if found.is_empty() {
                found.push(Located::bare(join(&origin, path, query)));
            }
            found
        })
    }

    /// Path and query in the one normal form.
    fn with_target<T>(
        &self,
        host: &str,
        target: &str,
        then: impl FnOnce(&str, Option<&str>, &routing::Request<'_>) -> T,
    ) -> Result<T, String> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes();
        let limits = HeadLimits {
            head: self.config.limits.head.as_usize(),
            fields: self.config.limits.fields,
            target: self.config.limits.target.as_usize(),
        };
        let parsed = RequestHead::parse(&head, &limits, &mut Scan::default());
        let Parse::Complete(parsed) = parsed.map_err(|bad| format!("{target}: {bad}"))? else {
            return Err(format!("{target}: not an address"));
        };
        let request = Request::within(&parsed, &head);
        let target = target::of(Method::Get, request.target, request.version, request.fields)
            .map_err(|bad| format!("{target}: {bad}"))?;
        Ok(then(&target.path, target.query.as_deref(), &routing_request(&request, &target)))
    }
}

fn first_upstream(route: &RouteConfig) -> Option<&UpstreamUrl> {
    match &route.destination {
        DestinationConfig::Upstream(urls) => urls.first(),
        DestinationConfig::Files(_) | DestinationConfig::Redirect { .. } | DestinationConfig::Respond { .. } => None,
    }
}

fn prefix_of(route: &RouteConfig, first: &UpstreamUrl, host: &str) -> String {
    let prefix = key_prefix(route, first);
    match &route.upstream.host {
        HostPolicy::Keep => format!("{prefix} {host}"),
        HostPolicy::Replace | HostPolicy::Name(_) => prefix,
    }
}

/// The answers for clients that came over TLS are others.
fn keys(route: &RouteConfig, prefix: &str, path: &str, query: Option<&str>) -> Vec<Located> {
    let plain = join(prefix, path, KeyRules::of(&route.cache.key).query(query).as_deref());
    let located = |key| Located { key, route: Some(route.name.clone()), cache: route.cache.clone() };
    vec![located(plain.clone()), located(format!("+{plain}"))]
}

fn join(origin: &str, path: &str, query: Option<&str>) -> String {
    match query {
        Some(query) => format!("{origin}{path}?{query}"),
        None => format!("{origin}{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHOOL: &str = "[route wiki]\npath = /wiki/\nupstream = http://Kiwix.lan:8080/content\nstrip = on\n\
        [route films]\npath = *.mp4\nupstream = https://films.example\n\
        [route all]\npath = /\nupstream = http://site.example\ncache = forced\ncache.for = 1 h\n";

    fn located(address: &str, extent: Extent) -> Vec<String> {
        let loaded = crate::config::load_bytes("f.ini", SCHOOL.as_bytes(), std::path::Path::new("/")).unwrap();
        locate(&loaded.config, address, extent).unwrap().into_iter().map(|located| located.key).collect()
    }

    #[test]
    fn addresses_are_those_of_clients_and_of_upstreams() {
        let check = |address, expected: &[&str]| {
            let found = located(address, Extent::Whole);
            assert!(expected.iter().all(|key| found.iter().any(|other| other == key)), "{address}: {found:?}");
        };
        check("/wiki/A%20b?x", &["http://kiwix.lan:8080/content/A%20b?x"]);
        check("http://board:8080/wiki/U", &["http://kiwix.lan:8080/content/U", "+http://kiwix.lan:8080/content/U"]);
        check("http://kiwix.lan:8080/content/U", &["http://kiwix.lan:8080/content/U"]);
        check("https://films.example/a.mp4", &["https://films.example:443/a.mp4"]);
        check("/x", &["!http://site.example:80/x"]);
        check("+!http://site.example:80/x", &["+!http://site.example:80/x"]);
    }

    #[test]
    fn a_beginning_takes_in_the_routes_below() {
        let found = located("/", Extent::Beginning);
        for key in ["http://kiwix.lan:8080/content/", "https://films.example:443/", "!http://site.example:80/"] {
            assert!(found.iter().any(|other| other == key), "{key}: {found:?}");
        }
    }

    #[test]
    fn what_is_no_address_says_how_to_write_one() {
        let config = Config::default();
        for (address, problem) in [
            ("wiki", "write http://HOST/PATH, or a path that begins with /"),
            ("ftp://a/b", "only http:// and https:// are kept"),
            ("/a b", "an address has no blanks; write %20"),
            ("/a", "no route with an upstream takes /a; see 'hafir explain'"),
        ] {
            let told = locate(&config, address, Extent::Whole).unwrap_err();
            assert!(told.contains(problem), "{told}");
        }
    }
}
