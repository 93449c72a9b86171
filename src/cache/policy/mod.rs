//! The rules of RFC 9111 as pure functions: values in, a decision with its reason out. No clock, no I/O, no state.
//!
//! In the order of a request: [`request`] reads what a client asks of the cache, [`may_store`] judges an answer from
//! upstream, [`Freshness`] and [`Times`] say how long it holds and how old it is, [`may_serve`] and [`may_serve_stale`]
//! whether it may be used for a request, [`kept`] and
//! [`updated`] what is kept of its head. A shared cache throughout.

mod fields;
mod freshness;
mod invalidation;
mod request;
mod reuse;
mod statuses;
mod storing;
mod targets;
mod times;

pub(super) use fields::{NOT_MODIFIED, kept, same_by_head, same_representation, updated};
pub(super) use freshness::Freshness;
#[cfg(test)]
use freshness::Source;
pub(crate) use invalidation::{TargetUri, invalidated};
pub(crate) use request::{Assigned, RequestRules, request, request_of_post};
pub(super) use reuse::{Reuse, Stored, may_serve, may_serve_stale, may_serve_while_revalidating};
pub(crate) use storing::Part;
pub(crate) use storing::names_its_target;
pub(super) use storing::{keeps_cookies, may_store, may_store_incomplete, may_store_part};
pub(crate) use targets::Targets;
pub(super) use times::{Since, Times, initial_age};

#[cfg(test)]
mod tests;
