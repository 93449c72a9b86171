//! `CDN-Loop` (RFC 8586).

use super::fields::Fields;

/// How often this identifier is in the request's `CDN-Loop`: more than zero is a loop.
pub(crate) fn count(_fields: Fields<'_>, _id: &str) -> usize {
    todo!()
}
