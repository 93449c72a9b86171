//! Why a request takes a route, in words.

use std::fmt;

use crate::config::{HostMatch, PathMatch};

/// What became of one route for one request. `Display` is a phrase to stand behind the route's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The request takes this route, by the path given here where the route asks for one.
    Taken { by: Option<PathMatch> },
    /// It matches, but another one goes before it.
    Behind { winner: String, why: Precedence },
    /// The first condition that does not hold.
    Missed(Miss),
}

/// A condition that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Miss {
    Path { wanted: Vec<PathMatch> },
    Host { wanted: Vec<HostMatch> },
    Method { wanted: Vec<String> },
    Header { name: String, wanted: Option<String> },
    Query { name: String, wanted: Option<String> },
}

/// Why one matching route goes before another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Precedence {
    LongerPath,
    MoreConditions,
    EarlierInFile,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Taken { by: Some(path) } => write!(f, "taken by {}", Path(path)),
            Verdict::Taken { by: None } => f.write_str("taken; it asks for no path"),
            Verdict::Behind { winner, why } => write!(f, "matches, but '{winner}' {why}"),
            Verdict::Missed(miss) => write!(f, "no: {miss}"),
        }
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Miss::Path { wanted } => write!(f, "needs {}", OneOf(wanted, |path| Path(path).to_string())),
            Miss::Host { wanted } => write!(f, "needs {}", OneOf(wanted, host_words)),
            Miss::Method { wanted } => write!(f, "needs {}", OneOf(wanted, |method| format!("method {method}"))),
            Miss::Header { name, wanted: Some(value) } => write!(f, "needs header '{name}: {value}'"),
            Miss::Header { name, wanted: None } => write!(f, "needs a header '{name}'"),
            Miss::Query { name, wanted: Some(value) } => write!(f, "needs '{name}={value}' in the query"),
            Miss::Query { name, wanted: None } => write!(f, "needs '{name}' in the query"),
        }
    }
}

impl fmt::Display for Precedence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Precedence::LongerPath => "has a longer path",
            Precedence::MoreConditions => "has an equally long path and more conditions",
            Precedence::EarlierInFile => "is as near and stands earlier in the file",
        })
    }
}

struct Path<'a>(&'a PathMatch);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            PathMatch::Prefix(path) => write!(f, "path '{path}'"),
            PathMatch::Exact(path) => write!(f, "exactly the path '{path}'"),
            PathMatch::Pattern(path) => write!(f, "path pattern '{path}'"),
        }
    }
}

fn host_words(host: &HostMatch) -> String {
    match host {
        HostMatch::Exact(name) => format!("host '{name}'"),
        HostMatch::Below(name) => format!("a host below '{}'", name.trim_start_matches('.')),
    }
}

/// `a`, `a or b`, `a, b or c`.
struct OneOf<'a, T>(&'a [T], fn(&T) -> String);

impl<T> fmt::Display for OneOf<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, item) in self.0.iter().enumerate() {
            let joint = match at {
                0 => "",
                _ if at + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{joint}{}", (self.1)(item))?;
        }
        Ok(())
    }
}
