//! Why a request takes a route, in words.

use std::fmt;

use super::RouteId;

/// What became of one route for one request. `Display` is half a sentence to stand behind the route's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The request takes this route.
    Taken { by: String },
    /// It matches, but another one is nearer.
    Behind { winner: RouteId, why: Precedence },
    Path { wanted: Vec<String> },
    Host { wanted: Vec<String> },
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
