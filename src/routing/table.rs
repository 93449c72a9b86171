//! The route table and the search in it.

use std::fmt;

use crate::config::RouteConfig;
use crate::http::Fields;

/// More routes than a school or a clinic has services; the table is one small slice that is scanned in order.
pub(crate) const MAX_ROUTES: usize = 256;

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
    TooMany,
    /// A `path` that no request in normal form can have; holds the line of the route's section.
    Path { route: String, line: usize, path: String },
}

pub(crate) struct Table {}

impl Table {
    pub(crate) fn build(routes: &[RouteConfig]) -> Result<Table, Problem> {
        todo!()
    }

    pub(crate) fn find(&self, request: &Request<'_>) -> Option<Found> {
        todo!()
    }

    /// For each route in file order, whether the request takes it, and why or why not.
    pub(crate) fn explain(&self, request: &Request<'_>) -> Vec<(RouteId, super::Verdict)> {
        todo!()
    }
}
