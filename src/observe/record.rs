//! What is remembered of an exchange.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::base::Now;
use crate::config::Class;

/// One exchange, told at its end.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    /// When the request came in.
    pub(crate) now: Now,
    /// The route's place in the file.
    pub(crate) route: Option<usize>,
    /// The route's; where there is none, the strictest one that it might have been.
    pub(crate) class: Class,
    /// Names of fields, in lower case, that are not to be shown.
    pub(crate) mask: &'a [String],
    /// The id of who it was, where the route asks.
    pub(crate) identity: Option<&'a str>,
    pub(crate) client: IpAddr,
    /// Empty where the head could not be read.
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    /// In normal form; the target as it came where it was refused.
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    /// `HTTP/1.1`
    pub(crate) version: &'static str,
    pub(crate) referer: Option<&'a [u8]>,
    pub(crate) user_agent: Option<&'a [u8]>,
    pub(crate) status: u16,
    pub(crate) cache: CacheResult,
    /// Bytes of the answer's body sent to the client.
    pub(crate) sent: u64,
    /// Bytes that came over the uplink because of this exchange, heads included.
    pub(crate) uplink: u64,
    /// From sending the request upstream to the head of its answer.
    pub(crate) uplink_time: Option<Duration>,
    /// From the request's first byte to the answer's last.
    pub(crate) elapsed: Duration,
    /// The refusal's word, where the gateway answered by itself.
    pub(crate) refusal: Option<&'static str>,
    pub(crate) request_id: &'a dyn fmt::Display,
    /// Whether the whole answer was sent.
    pub(crate) complete: bool,
}

/// Where an answer came from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum CacheResult {
    Hit,
    Stale,
    /// Kept before, and confirmed by the upstream.
    Revalidated,
    Miss,
    /// Went by the cache.
    Pass,
    /// The cache was not asked: files, redirects, refusals.
    None,
}

impl CacheResult {
    pub(super) const ALL: [CacheResult; 6] = [
        CacheResult::Hit,
        CacheResult::Stale,
        CacheResult::Revalidated,
        CacheResult::Miss,
        CacheResult::Pass,
        CacheResult::None,
    ];

    /// In logs and metrics.
    pub(super) fn word(self) -> &'static str {
        match self {
            CacheResult::Hit => "hit",
            CacheResult::Stale => "stale",
            CacheResult::Revalidated => "revalidated",
            CacheResult::Miss => "miss",
            CacheResult::Pass => "pass",
            CacheResult::None => "none",
        }
    }
}
