//! Counters.

/// The counters of one configuration's routes.
pub(crate) struct Scope {}

pub(crate) struct Counters {}
