//! Which route a request takes: a static table, built once from the configuration and asked once per request.
//!
//! The longest path wins; among equals the route with more conditions; then the order of the file. Only paths in
//! normal form (as `http::target` gives them) are matched. Never allocates per request, never does I/O, never knows
//! what a route leads to. Entry types: [`Table`], [`Request`], [`Found`], [`Verdict`], [`forwarded_path`],
//! [`normal_path`].

mod condition;
mod explain;
mod forward;
mod pattern;
mod spelling;
mod table;

pub(crate) use explain::Verdict;
pub(crate) use forward::forwarded_path;
pub(crate) use spelling::normal as normal_path;
pub(crate) use table::{Found, Request, Table};
