//! The path that the upstream is asked for.

use std::borrow::Cow;

use super::Found;
use crate::config::{RouteConfig, UpstreamUrl};

/// The path to ask the upstream for: `path` with the matched part kept, stripped or replaced as the route and the
/// upstream's URL say. Never outside of what they name: `path` is in normal form, so nothing in it climbs.
pub(crate) fn forwarded_path<'p>(
    route: &RouteConfig,
    upstream: &UpstreamUrl,
    found: &Found,
    path: &'p str,
) -> Cow<'p, str> {
    todo!()
}
