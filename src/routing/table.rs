//! The route table and the search in it.

use std::cmp::Reverse;
use std::fmt;

use super::condition;
use super::explain::{Miss, Precedence, Verdict};
use super::pattern::Pattern;
use super::spelling;
use crate::config::{DestinationConfig, MatchConfig, PathMatch, RouteConfig};
use crate::http::Fields;

/// More routes than any school or clinic has services.
pub(crate) const MAX_ROUTES: usize = 256;

/// Paths of all routes together: the table is one slice that is scanned in order, a comparison of eight bytes a path.
const MAX_PATHS: usize = 1024;

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
pub(crate) struct Table {
    /// One per path of a route, nearest first: the first one whose path and conditions hold is the answer.
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
    Prefix { path: Box<str>, slash: bool },
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
            DestinationConfig::Files(_) | DestinationConfig::Redirect { .. } | DestinationConfig::Respond { .. } => false,
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
