//! What a client would rather have (RFC 9110 §12.5).

use super::fields::Fields;

/// A weight in thousandths: 0–1000 (RFC 9110 §12.4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(crate) struct Quality(pub(crate) u16);

/// The best of the offered languages (lower-case tags, in our order of preference) for `Accept-Language`; `None` where
/// the client says nothing or likes none of them.
pub(crate) fn language<'o>(_fields: Fields<'_>, _offered: &[&'o str]) -> Option<&'o str> {
    todo!()
}

/// The weight that `Accept` gives a media type: `media(fields, "text", "html")`.
pub(crate) fn media(_fields: Fields<'_>, _kind: &str, _sub: &str) -> Quality {
    todo!()
}

/// Whether a person's browser asks rather than a program: `text/html` is named and weighs at least as much as JSON.
pub(crate) fn prefers_html(_fields: Fields<'_>) -> bool {
    todo!()
}
