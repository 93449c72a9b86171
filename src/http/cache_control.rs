//! `Cache-Control` of requests and responses (RFC 9111 §5.2, RFC 5861, RFC 8246).

use std::time::Duration;

use super::fields::Fields;

/// All directives that mean something to a shared cache. Unknown ones are ignored (RFC 9111 §5.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct CacheControl<'a> {
    pub(crate) max_age: Option<Duration>,
    pub(crate) s_maxage: Option<Duration>,
    pub(crate) max_stale: Option<MaxStale>,
    pub(crate) min_fresh: Option<Duration>,
    pub(crate) stale_while_revalidate: Option<Duration>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) no_cache: Reach<'a>,
    pub(crate) private: Reach<'a>,
    pub(crate) no_store: bool,
    pub(crate) no_transform: bool,
    pub(crate) only_if_cached: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) proxy_revalidate: bool,
    pub(crate) must_understand: bool,
    pub(crate) public: bool,
    pub(crate) immutable: bool,
}

/// How much staleness a client takes (RFC 9111 §5.2.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MaxStale {
    Any,
    For(Duration),
}

/// What `no-cache` or `private` reaches.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Reach<'a> {
    #[default]
    Nothing,
    /// The fields in this list, to be read with [`Reach::names`].
    Fields(&'a [u8]),
    Whole,
}

impl<'a> CacheControl<'a> {
    /// Reads all lines of `name`: `cache-control`, or a targeted field of the same grammar.
    pub(crate) fn parse(_fields: Fields<'a>, _name: &str) -> CacheControl<'a> {
        todo!()
    }
}

impl<'a> Reach<'a> {
    /// The field names of the qualified form.
    pub(crate) fn names(self) -> impl Iterator<Item = &'a [u8]> {
        let list: &[u8] = match self {
            Reach::Fields(list) => list,
            Reach::Nothing | Reach::Whole => b"",
        };
        list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty())
    }
}
