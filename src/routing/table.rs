//! The route table and the search in it.

use std::cmp::Reverse;
use std::fmt;

use super::condition;
use super::explain::{Miss, Precedence, Verdict};
use super::pattern::Pattern;
use super::spelling;
use crate::config::{DestinationConfig, MAX_PATHS, MAX_ROUTES, MatchConfig, PathMatch, RouteConfig};
use crate::http::Fields;

/// A route's place in the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct RouteId(u16);

impl RouteId {
    /// The place in `Config::routes`.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What routing looks at.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// Without the port; any case.
    pub(crate) host: &'a str,
    /// In normal form.
    pub(crate) path: &'a str,
    /// In normal form, without the question mark.
    pub(crate) query: Option<&'a str>,
    pub(crate) fields: Fields<'a>,
}

/// The route that a request takes, and how much of its path the route's own path covered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    pub(crate) route: RouteId,
    /// Bytes of the request's path that belong to the route (what `strip` removes): a whole number of segments.
    pub(crate) matched: usize,
    /// The route is written `/wiki/`, the request asks for `/wiki`, and the route changes the path (strip, rewrite, a
    /// path in the upstream's URL), so the upstream cannot send the client to the right place: redirect `GET` and
    /// `HEAD` to the path with a slash, or relative links will lead nowhere.
    pub(crate) add_slash: bool,
}

/// Why the routes of a configuration make no table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Problem {
    TooManyRoutes,
    TooManyPaths,
    /// A `path` that no request can have. Holds the line of the route's section.
    Path {
        route: String,
        line: usize,
        path: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::TooManyRoutes => write!(f, "more than {MAX_ROUTES} routes"),
            Problem::TooManyPaths => write!(f, "more than {MAX_PATHS} paths in all routes together"),
            Problem::Path { route, path, .. } => {
                write!(f, "[route {route}] path '{path}': no request can have this path")
            }
        }
    }
}

impl std::error::Error for Problem {}

/// All routes of a configuration. Built once; asked without allocation.
#[derive(Default)]
pub(crate) struct Table {
    /// One per path of a route, nearest first: the first one whose path and conditions hold is the answer. A search
    /// scans it in order, a comparison of eight bytes a path.
    entries: Box<[Entry]>,
    /// In file order.
    rules: Box<[Rule]>,
}

struct Entry {
    route: RouteId,
    /// The place in the route's list of paths.
    written: usize,
    rank: Rank,
    first: FirstBytes,
    path: PathRule,
}

enum PathRule {
    /// Without a slash at its end, so `/` and no path at all are the empty text. `slash`: it was written with one.
    Prefix {
        path: Box<str>,
        slash: bool,
    },
    Exact(Box<str>),
    Pattern(Pattern),
}

struct Rule {
    name: Box<str>,
    matches: MatchConfig,
    /// Whether the upstream is asked for another path than the client did.
    changes_path: bool,
}

/// Sorts the nearest path to the front.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Rank {
    length: Reverse<usize>,
    conditions: Reverse<usize>,
    place: RouteId,
}

impl Table {
    pub(crate) fn build(routes: &[RouteConfig]) -> Result<Table, Problem> {
        if routes.len() > MAX_ROUTES {
            return Err(Problem::TooManyRoutes);
        }
        let mut entries = Vec::new();
        for (place, route) in (0_u16..).map(RouteId).zip(routes) {
            let conditions = condition::count(&route.matches);
            if route.matches.paths.is_empty() {
                entries.push(Entry::new(place, conditions, 0, PathRule::Prefix { path: "".into(), slash: false }));
            }
            for (at, written) in route.matches.paths.iter().enumerate() {
                let path = PathRule::new(written).ok_or_else(|| problem_with(route, written))?;
                entries.push(Entry::new(place, conditions, at, path));
            }
        }
        if entries.len() > MAX_PATHS {
            return Err(Problem::TooManyPaths);
        }
        entries.sort_by_key(|entry| entry.rank);
        let rules = routes.iter().map(Rule::new).collect();
        Ok(Table { entries: entries.into_boxed_slice(), rules })
    }

    pub(crate) fn find(&self, request: &Request<'_>) -> Option<Found> {
        let (entry, matched) = self.nearest(request)?;
        let add_slash = self.rule(entry)?.changes_path && entry.lacks_slash(request.path);
        Some(Found { route: entry.route, matched, add_slash })
    }

    /// For each route in file order, whether the request takes it, and why or why not.
    pub(crate) fn explain(&self, request: &Request<'_>) -> Vec<(RouteId, Verdict)> {
        let winner = self.nearest(request).map(|(entry, _)| entry);
        let verdict = |(place, rule)| {
            let verdict = match (self.judge(place, rule, request), winner) {
                (Err(miss), _) => Verdict::Missed(miss),
                (Ok(entry), Some(winner)) if winner.route != place => self.behind(entry, winner),
                (Ok(entry), _) => Verdict::Taken { by: rule.matches.paths.get(entry.written).cloned() },
            };
            (place, verdict)
        };
        (0_u16..).map(RouteId).zip(&self.rules).map(verdict).collect()
    }

    fn nearest(&self, request: &Request<'_>) -> Option<(&Entry, usize)> {
        let first = FirstBytes::of(request.path);
        self.entries.iter().find_map(|entry| {
            if !entry.first.begins(first) {
                return None;
            }
            let matched = entry.path.matched(request.path)?;
            condition::hold(&self.rule(entry)?.matches, request).then_some((entry, matched))
        })
    }

    fn rule(&self, entry: &Entry) -> Option<&Rule> {
        self.rules.get(entry.route.index())
    }

    /// The nearest path of a route that holds, if its other conditions hold too.
    fn judge(&self, place: RouteId, rule: &Rule, request: &Request<'_>) -> Result<&Entry, Miss> {
        let holds = |entry: &&Entry| entry.route == place && entry.path.matched(request.path).is_some();
        let entry = self.entries.iter().find(holds);
        let entry = entry.ok_or_else(|| Miss::Path { wanted: rule.matches.paths.clone() })?;
        condition::first_missed(&rule.matches, request).map_or(Ok(entry), Err)
    }

    fn behind(&self, entry: &Entry, winner: &Entry) -> Verdict {
        let why = if winner.rank.length < entry.rank.length {
            Precedence::LongerPath
        } else if winner.rank.conditions < entry.rank.conditions {
            Precedence::MoreConditions
        } else {
            Precedence::EarlierInFile
        };
        Verdict::Behind { winner: self.rule(winner).map(|rule| rule.name.to_string()).unwrap_or_default(), why }
    }
}

impl Entry {
    fn new(route: RouteId, conditions: usize, written: usize, path: PathRule) -> Entry {
        let rank = Rank { length: Reverse(path.len()), conditions: Reverse(conditions), place: route };
        let first = match &path {
            PathRule::Prefix { path, .. } | PathRule::Exact(path) => FirstBytes::of(path),
            PathRule::Pattern(pattern) => FirstBytes::of(pattern.beginning()),
        };
        Entry { route, written, rank, first, path }
    }

    fn lacks_slash(&self, path: &str) -> bool {
        match &self.path {
            PathRule::Prefix { path: own, slash } => *slash && !own.is_empty() && own.len() == path.len(),
            PathRule::Exact(_) | PathRule::Pattern(_) => false,
        }
    }
}

impl PathRule {
    fn new(written: &PathMatch) -> Option<PathRule> {
        Some(match written {
            PathMatch::Prefix(path) => {
                let path = spelling::normal(path)?;
                let slash = path.ends_with('/');
                PathRule::Prefix { path: path.strip_suffix('/').unwrap_or(&path).into(), slash }
            }
            PathMatch::Exact(path) => PathRule::Exact(spelling::normal(path)?.into()),
            PathMatch::Pattern(path) => PathRule::Pattern(Pattern::new(&spelling::normal_pattern(path)?)),
        })
    }

    /// What counts when the longest path wins. The end of an exact path counts as one character, so that it goes
    /// before the prefix that reads the same.
    fn len(&self) -> usize {
        match self {
            PathRule::Prefix { path, .. } => path.len(),
            PathRule::Exact(path) => path.len() + 1,
            PathRule::Pattern(pattern) => pattern.literal_len(),
        }
    }

    /// How much of `path` is the route's own, where the rule holds.
    fn matched(&self, path: &str) -> Option<usize> {
        match self {
            PathRule::Prefix { path: own, .. } => {
                let rest = path.strip_prefix(&**own)?;
                (rest.is_empty() || rest.starts_with('/') || path == "*").then_some(own.len())
            }
            PathRule::Exact(own) => (**own == *path).then_some(path.len()),
            PathRule::Pattern(pattern) => pattern.matches(path).then(|| pattern.fixed_len()),
        }
    }
}

impl Rule {
    fn new(route: &RouteConfig) -> Rule {
        let url_has_path = match &route.destination {
            DestinationConfig::Upstream(urls) => urls.iter().any(|url| !url.path.is_empty()),
            DestinationConfig::Files(_) | DestinationConfig::Redirect { .. } | DestinationConfig::Respond { .. } => {
                false
            }
        };
        Rule {
            name: route.name.as_str().into(),
            matches: route.matches.clone(),
            changes_path: route.upstream.strip || route.upstream.rewrite.is_some() || url_has_path,
        }
    }
}

/// The first eight bytes of a path as one number, to pass over most of the table with one comparison each.
#[derive(Clone, Copy)]
struct FirstBytes {
    bytes: u64,
    mask: u64,
}

impl FirstBytes {
    fn of(path: &str) -> FirstBytes {
        let mut bytes = [0; 8];
        let mut mask = [0; 8];
        for ((byte, mask), source) in bytes.iter_mut().zip(&mut mask).zip(path.bytes()) {
            *byte = source;
            *mask = 0xff;
        }
        FirstBytes { bytes: u64::from_ne_bytes(bytes), mask: u64::from_ne_bytes(mask) }
    }

    fn begins(self, path: FirstBytes) -> bool {
        (self.bytes ^ path.bytes) & self.mask == 0
    }
}

fn problem_with(route: &RouteConfig, written: &PathMatch) -> Problem {
    let (PathMatch::Prefix(path) | PathMatch::Exact(path) | PathMatch::Pattern(path)) = written;
    Problem::Path { route: route.name.clone(), line: route.line, path: path.clone() }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::Size;
    use crate::config::{
        AuthConfig, ContentConfig, HostMatch, RouteCacheConfig, RouteLimitsConfig, UpstreamConfig, UpstreamUrl,
    };
    use crate::http::FieldSpans;

    pub(in crate::routing) fn ask() -> Request<'static> {
        Request { method: "GET", host: "board.local", path: "/", query: None, fields: Fields::NONE }
    }

    pub(in crate::routing) fn route(name: &str, paths: Vec<PathMatch>) -> RouteConfig {
        let url = UpstreamUrl { tls: false, host: "origin".into(), port: 80, path: String::new() };
        RouteConfig {
            name: name.into(),
            line: 7,
            matches: MatchConfig { paths, ..MatchConfig::default() },
            destination: DestinationConfig::Upstream(vec![url]),
            upstream: UpstreamConfig::default(),
            allow: Vec::new(),
            deny: Vec::new(),
            body: Size::ZERO,
            upgrade: false,
            edit_request: Vec::new(),
            edit_response: Vec::new(),
            cache: RouteCacheConfig::default(),
            auth: AuthConfig::default(),
            limits: RouteLimitsConfig::default(),
            content: ContentConfig::default(),
            audit: false,
            mask: Vec::new(),
        }
    }

    fn prefix(path: &str) -> PathMatch {
        PathMatch::Prefix(path.into())
    }

    fn exact(path: &str) -> PathMatch {
        PathMatch::Exact(path.into())
    }

    fn pattern(path: &str) -> PathMatch {
        PathMatch::Pattern(path.into())
    }

    /// The name of the route that the first of these takes.
    fn taken<'r>(routes: &'r [RouteConfig], request: &Request<'_>) -> Option<&'r str> {
        let found = Table::build(routes).unwrap().find(request)?;
        routes.get(found.route.index()).map(|route| route.name.as_str())
    }

    #[test]
    fn prefixes_match_by_whole_segments() {
        for (own, path, matches) in [
            ("/wiki", "/wiki", true),
            ("/wiki", "/wiki/", true),
            ("/wiki", "/wiki/x", true),
            ("/wiki", "/wikipedia", false),
            ("/wiki", "/Wiki", false),
            ("/wiki", "/", false),
            ("/wiki/", "/wiki", true),
            ("/wiki/", "/wiki/x", true),
            ("/wiki/", "/wikipedia", false),
            ("/leçons/", "/le%C3%A7ons/1", true),
            ("/", "/", true),
            ("/", "/x", true),
            ("/", "*", true),
            ("/wiki", "*", false),
        ] {
            let routes = [route("r", vec![prefix(own)])];
            assert_eq!(taken(&routes, &Request { path, ..ask() }).is_some(), matches, "{own} {path}");
        }
    }

    #[test]
    fn the_longest_path_wins_whatever_the_order() {
        let mut routes = vec![
            route("all", vec![prefix("/")]),
            route("wiki", vec![prefix("/wiki/")]),
            route("wiki media", vec![prefix("/wiki/med")]),
            route("exactly wiki", vec![exact("/wiki")]),
            route("films", vec![pattern("*.mp4"), pattern("/wiki/*.webm")]),
        ];
        for _ in 0..routes.len() {
            routes.rotate_left(1);
            for (path, expected) in [
                ("/", "all"),
                ("/wiki", "exactly wiki"),
                ("/wiki/", "wiki"),
                ("/wiki/med", "wiki media"),
                ("/wiki/med/a.webm", "films"),
                ("/wiki/a.mp4", "wiki"),
                ("/a.mp4", "films"),
            ] {
                assert_eq!(taken(&routes, &Request { path, ..ask() }), Some(expected), "{path}");
            }
        }
    }

    #[test]
    fn more_conditions_win_among_equal_paths_then_file_order() {
        let mut posts = route("posts", vec![prefix("/a")]);
        posts.matches.methods = vec!["POST".into()];
        let mut hosted = route("hosted", vec![prefix("/a/")]);
        hosted.matches.hosts = vec![HostMatch::Exact("board.local".into())];
        hosted.matches.methods = vec!["POST".into()];
        let first = route("first", vec![prefix("/a")]);
        let second = route("second", vec![prefix("/a")]);
        let routes = [first, second, posts, hosted];
        for (method, host, expected) in
            [("GET", "board.local", "first"), ("POST", "x", "posts"), ("POST", "Board.local", "hosted")]
        {
            assert_eq!(taken(&routes, &Request { method, host, path: "/a/b", ..ask() }), Some(expected));
        }
        assert_eq!(taken(&routes, &Request { path: "/b", ..ask() }), None);
    }

    #[test]
    fn a_route_of_a_host_goes_before_the_root_of_all_hosts() {
        let mut hosted = route("hosted", vec![]);
        hosted.matches.hosts = vec![HostMatch::Exact("wiki.local".into())];
        let routes = [route("root", vec![prefix("/")]), hosted];
        assert_eq!(taken(&routes, &Request { host: "wiki.local", ..ask() }), Some("hosted"));
        assert_eq!(taken(&routes, &ask()), Some("root"));
    }

    #[test]
    fn a_header_needs_one_line_of_that_value() {
        let block = b"Accept-Language: fr\r\nX-Grade: 4\r\nx-grade: 5\r\n";
        let spans = FieldSpans::parse(block).unwrap();
        let fields = Fields::new(block, spans.as_slice());
        for (name, value, matches) in [
            ("x-grade", Some("4"), true),
            ("x-grade", Some("5"), true),
            ("x-grade", None, true),
            ("x-grade", Some("45"), false),
            ("x-class", None, false),
        ] {
            let mut graded = route("graded", vec![]);
            graded.matches.headers = vec![(name.into(), value.map(Into::into))];
            assert_eq!(taken(&[graded], &Request { fields, ..ask() }).is_some(), matches, "{name} {value:?}");
        }
    }

    #[test]
    fn a_slash_is_wanted_only_where_the_upstream_cannot_ask_for_it() {
        let check = |path: &str, strip, url_path: &str, asked| {
            let mut config = route("r", vec![prefix(path)]);
            config.upstream.strip = strip;
            config.destination = DestinationConfig::Upstream(vec![UpstreamUrl {
                tls: false,
                host: "origin".into(),
                port: 80,
                path: url_path.into(),
            }]);
            Table::build(&[config]).unwrap().find(&Request { path: asked, ..ask() }).unwrap().add_slash
        };
        assert!(check("/wiki/", true, "", "/wiki"));
        assert!(check("/wiki/", false, "/viewer", "/wiki"));
        assert!(!check("/wiki/", false, "", "/wiki"));
        assert!(!check("/wiki", true, "", "/wiki"));
        assert!(!check("/wiki/", true, "", "/wiki/"));
        assert!(!check("/", true, "", "/"));
    }

    #[test]
    fn tables_have_a_fixed_capacity_and_possible_paths() {
        let many = vec![route("r", vec![]); MAX_ROUTES + 1];
        assert_eq!(Table::build(&many).err(), Some(Problem::TooManyRoutes));
        let wide = vec![route("r", vec![prefix("/a"); MAX_PATHS / MAX_ROUTES + 1]); MAX_ROUTES];
        assert_eq!(Table::build(&wide).err(), Some(Problem::TooManyPaths));
        let climbing = Table::build(&[route("r", vec![prefix("/a/../b")])]).err().unwrap();
        assert_eq!(climbing.to_string(), "[route r] path '/a/../b': no request can have this path");
    }

    #[test]
    fn explain_says_for_each_route_why_or_why_not() {
        let mut french = route("french", vec![prefix("/wiki/")]);
        french.matches.headers = vec![("x-lang".into(), Some("fr".into())), ("x-any".into(), None)];
        let mut hosted = route("hosted", vec![prefix("/wiki/")]);
        hosted.matches.hosts = vec![HostMatch::Exact("a.org".into()), HostMatch::Below(".b.org".into())];
        let mut posts = route("posts", vec![]);
        posts.matches.methods = vec!["POST".into(), "PUT".into(), "PATCH".into()];
        let mut printed = route("printed", vec![]);
        printed.matches.queries = vec![("print".into(), None)];
        let mut sent = route("sent", vec![]);
        sent.matches.queries = vec![("send".into(), Some("1".into()))];
        let mut get = route("get", vec![prefix("/")]);
        get.matches.methods = vec!["GET".into()];
        let routes = [
            route("root", vec![]),
            route("wiki", vec![exact("/w"), prefix("/wiki/")]),
            route("wiki again", vec![prefix("/wiki")]),
            route("films", vec![pattern("*.mp4"), exact("/film")]),
            french,
            hosted,
            posts,
            printed,
            sent,
            get,
        ];
        let table = Table::build(&routes).unwrap();
        let told = |request: &Request<'_>| {
            let line = |(id, verdict): (RouteId, Verdict)| format!("{}: {verdict}\n", routes[id.index()].name);
            table.explain(request).into_iter().map(line).collect::<String>()
        };
        assert_eq!(
            told(&Request { path: "/wiki/Uganda", query: Some("print&x=1"), ..ask() }),
            "root: matches, but 'wiki' has a longer path\n\
             wiki: taken by path '/wiki/'\n\
             wiki again: matches, but 'wiki' is as near and stands earlier in the file\n\
             films: no: needs path pattern '*.mp4' or exactly the path '/film'\n\
             french: no: needs header 'x-lang: fr'\n\
             hosted: no: needs host 'a.org' or a host below 'b.org'\n\
             posts: no: needs method POST, method PUT or method PATCH\n\
             printed: matches, but 'wiki' has a longer path\n\
             sent: no: needs 'send=1' in the query\n\
             get: matches, but 'wiki' has a longer path\n"
        );
        let told = told(&ask());
        assert!(told.contains("root: matches, but 'get' has an equally long path and more conditions\n"), "{told}");
        assert!(told.contains("printed: no: needs 'print' in the query\n"), "{told}");
        assert!(told.contains("get: taken by path '/'\n"), "{told}");
    }
}
