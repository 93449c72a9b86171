//! Preconditions of a request against what is at hand (RFC 9110 §13).

use crate::base::Wall;

use super::fields::Fields;
use super::method::Method;

/// What is known of the representation at hand.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Validators<'a> {
    /// The whole `ETag` value.
    pub(crate) etag: Option<&'a [u8]>,
    pub(crate) last_modified: Option<Wall>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Proceed,
    /// 304
    NotModified,
    /// 412
    PreconditionFailed,
}

/// In the order of RFC 9110 §13.2.2, for a representation that exists and would be answered with 200. `If-Range` is
/// asked apart.
pub(crate) fn evaluate(_fields: Fields<'_>, _method: Method<'_>, _at_hand: &Validators<'_>) -> Outcome {
    todo!()
}

/// Whether `Range` is to be honoured: there is no `If-Range` or it holds (RFC 9110 §13.1.5). `date` is that of the
/// representation at hand: a `Last-Modified` is strong only when a minute older (§8.8.2.2).
pub(crate) fn range_applies(_fields: Fields<'_>, _at_hand: &Validators<'_>, _date: Option<Wall>) -> bool {
    todo!()
}
