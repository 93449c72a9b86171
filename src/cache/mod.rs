//! What may be answered from the card: keys, the rules of RFC 9111, fills that many clients share, and the store.
//!
//! The room never knows an upstream, never opens a socket and never reads a clock: `now` comes in as a value. It alone
//! touches the files below `[cache] dir`. Nothing that is read from there is believed before it is checked.
//!
//! Entry types, in the order in which a request meets them: [`Key`], [`RequestRules`], [`Cache`], [`Lookup`], [`Hit`],
//! [`Fill`], [`Writer`], [`Follower`]. Every "no" has a name: [`PassReason`], [`NotStored`], [`StaleForbidden`].
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]
#![allow(unused_variables, clippy::todo)]

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{Mono, Now, Size, Wall};
use crate::config::{CacheConfig, RouteCacheConfig};
use crate::http::Fields;

// ---------------------------------------------------------------------------------------------- key

/// What names an answer: the upstream's origin, the path and the query. Borrowed and `Copy`: making one allocates
/// nothing. GET and HEAD share a key; the request fields that select a variant are not part of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    hash: u128,
    origin: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Key<'a> {
    /// `origin` as `https://host:port`, `path` and `query` in the one normal form.
    pub(crate) fn new(origin: &'a str, path: &'a str, query: Option<&'a str>) -> Key<'a> {
        todo!()
    }
}

// ------------------------------------------------------------------------------------------- policy

/// What a request asks of the cache, read once from its fields. `Copy`, no allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RequestRules {
    /// The method is HEAD.
    pub(crate) head: bool,
    // … cache-control of the request, authorization, cookie, first byte of a Range, the route's mode
}

pub(crate) mod policy {
    use super::*;

    /// Whether a request may meet the cache at all. `method` in capitals, as sent.
    pub(crate) fn request(fields: Fields<'_>, method: &str, route: &RouteCacheConfig) -> Result<RequestRules, PassReason> {
        todo!()
    }
}

/// Why a request goes past the cache. `forward()` is the word of RFC 9211 §2.2, `word()` the detail for logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PassReason {
    /// `cache = off`.
    RouteOff,
    Method,
    /// Class personal with `Cookie` or `Authorization`.
    Personal,
    RequestBody,
    /// `If-Match` or `If-Unmodified-Since`: only the origin may judge them.
    Precondition,
    /// `no-store` in the request, and nothing fresh is stored.
    RequestNoStore,
    /// HEAD for what is not stored.
    HeadMiss,
    /// A range that is not stored and that no fill will reach soon.
    RangeMiss,
    /// An answer to this key could not be stored a few seconds ago.
    HitForPass,
    /// The answer that others were waiting for was not storable.
    NotStored(NotStored),
    /// The store is off, full or read-only.
    Store,
    /// Too many fills at the same time.
    Busy,
}

impl PassReason {
    pub(crate) fn forward(self) -> Forward {
        todo!()
    }

    pub(crate) fn word(self) -> &'static str {
        todo!()
    }
}

/// The `fwd` values of RFC 9211 §2.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Forward {
    Bypass,
    Method,
    UriMiss,
    VaryMiss,
    Stale,
    Request,
    Partial,
}

impl Forward {
    /// `bypass`, `method`, `uri-miss`, …
    pub(crate) fn word(self) -> &'static str {
        todo!()
    }
}

/// Why an answer is not kept. `word()` for logs and `Cache-Status: detail`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotStored {
    NoStore,
    Private,
    Authorization,
    RequestNoStore,
    SetCookie,
    VaryAny,
    Status,
    MustUnderstand,
    Partial,
    NotModified,
    NothingToReuse,
    TooLarge,
    HeadTooLarge,
    Store,
}

impl NotStored {
    pub(crate) fn word(self) -> &'static str {
        todo!()
    }
}

/// For what a stale answer would stand in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StaleFor {
    /// No connection, a time-out, a cut answer: the upstream cannot be reached.
    Unreachable,
    /// The upstream answered 500, 502, 503 or 504.
    ServerError,
}

/// Why a stale answer may not be served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StaleForbidden {
    MustRevalidate,
    NoCache,
    Invalidated,
    TooOld,
    NoFreshness,
    Request,
}

// -------------------------------------------------------------------------------------------- cache

/// The cache of the process. `Send + Sync`; share it in an `Arc`.
pub(crate) struct Cache {}

impl Cache {
    /// Never fails: a store that cannot be used is `Off` or `ReadOnly`, and tries again by itself.
    pub(crate) fn open(config: &CacheConfig, memory: Size) -> Cache {
        todo!()
    }

    pub(crate) fn reconfigure(&self, config: &CacheConfig) {
        todo!()
    }

    /// A fresh answer from the table of recently served objects: no I/O, no allocation, no await. `None` says nothing:
    /// go on with [`Cache::lookup`].
    pub(crate) fn hot(&self, key: &Key<'_>, request: Fields<'_>, rules: &RequestRules, now: Now) -> Option<Hit> {
        todo!()
    }

    /// `request` must be the client's own fields, before the route's edits (they select the variant).
    pub(crate) async fn lookup(
        &self,
        key: &Key<'_>,
        request: Fields<'_>,
        rules: &RequestRules,
        route: &RouteCacheConfig,
        now: Now,
    ) -> Lookup {
        todo!()
    }

    /// RFC 9111 §4.4: after a 2xx or 3xx to an unsafe method. What is stored must be validated before its next use.
    pub(crate) async fn invalidate(&self, key: &Key<'_>) {
        todo!()
    }

    /// One step of background work (index scan, eviction, syncing, recovery). Blocking: for a background thread.
    /// Gives the time until the next call is wanted.
    pub(crate) fn maintain(&self, now: Now) -> Duration {
        todo!()
    }

    pub(crate) fn state(&self) -> StoreState {
        todo!()
    }

    pub(crate) fn stat(&self) -> CacheStat {
        todo!()
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum StoreState {
    Ready,
    /// Served, nothing new is kept. The text says why.
    ReadOnly(String),
    /// No space within `size` and `keep_free`.
    Full,
    /// Everything passes by. The text says why.
    Off(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct CacheStat {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    /// Whether every object in the folder has been counted.
    pub(crate) counted: bool,
    pub(crate) hot_objects: u64,
    pub(crate) hot_bytes: u64,
    pub(crate) fills: u64,
    pub(crate) evicted: u64,
    pub(crate) damaged: u64,
    /// Bytes written to the card since the start.
    pub(crate) written: u64,
}

pub(crate) enum Lookup {
    Fresh(Hit),
    /// Ask the upstream (with `fill.validators()`); where that fails, `hit.stale_allowed(..)` says whether the hit may
    /// be served. `Forward` is why it may not be served now: `stale` or `request`.
    Stale(Hit, Permit, Forward),
    /// `Forward`: `uri-miss` or `vary-miss`.
    Miss(Fill, Forward),
    Follow(Follower, Forward),
    Pass(PassReason),
    /// The request said `only-if-cached`: answer 504, do not forward (RFC 9111 §5.2.1.7).
    OnlyIfCached,
}

pub(crate) enum Permit {
    Fill(Fill),
    Follow(Follower),
}

// ---------------------------------------------------------------------------------------------- hit

/// The head of a stored answer. Lines are `Name: value\r\n`, valid, without `Age`, `Content-Length`, `Connection` and
/// other hop-by-hop fields; `Date` is always there when the clock was sure.
pub(crate) struct Head {}

impl Head {
    pub(crate) fn status(&self) -> u16 {
        todo!()
    }

    /// All lines, ready for the wire; no status line, no empty line.
    pub(crate) fn lines(&self) -> &[u8] {
        todo!()
    }

    /// Those lines that a 304 carries (RFC 9110 §15.4.5).
    pub(crate) fn lines_not_modified(&self) -> &[u8] {
        todo!()
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        std::iter::empty()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        todo!()
    }

    pub(crate) fn validators(&self) -> crate::http::conditional::Validators<'_> {
        todo!()
    }

    /// `Date`, or when the answer was received: for `If-Modified-Since` without `Last-Modified` (RFC 9111 §4.3.2).
    pub(crate) fn date(&self) -> Wall {
        todo!()
    }

    /// For `Age`, in seconds (RFC 9111 §4.2.3).
    pub(crate) fn age(&self, now: Now) -> u64 {
        todo!()
    }

    /// For `Cache-Status: ttl`, in seconds; negative when stale.
    pub(crate) fn ttl(&self, now: Now) -> i64 {
        todo!()
    }
}

/// A complete stored answer, selected for one request. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Hit {}

impl Hit {
    pub(crate) fn head(&self) -> &Head {
        todo!()
    }

    #[allow(clippy::len_without_is_empty)]
    pub(crate) fn len(&self) -> u64 {
        todo!()
    }

    /// The whole body, where it is in RAM: head and body then leave in one `writev`.
    pub(crate) fn memory(&self) -> Option<&[u8]> {
        todo!()
    }

    pub(crate) fn body(&self, range: Range<u64>) -> HitBody {
        todo!()
    }

    /// Trailer lines, `Name: value\r\n`; mostly empty.
    pub(crate) fn trailers(&self) -> &[u8] {
        todo!()
    }

    pub(crate) fn stale_allowed(&self, rules: &RequestRules, route: &RouteCacheConfig, instead: StaleFor, now: Now) -> Result<(), StaleForbidden> {
        todo!()
    }
}

/// A walk over the bytes of a hit. Owns what it needs.
pub(crate) struct HitBody {}

impl HitBody {
    /// At most `max` bytes (a File piece may be as long as `max`, a Memory piece too); `None` at the end.
    pub(crate) async fn next(&mut self, max: usize) -> Result<Option<Piece<'_>>, Damaged> {
        todo!()
    }
}

/// Bytes to send. A `File` piece is verified and was just seen in the page cache.
pub(crate) enum Piece<'a> {
    Memory(&'a [u8]),
    File { file: &'a File, offset: u64, len: usize },
}

/// What was on the card is not what was written. The object is gone; the answer must be cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Damaged;

// --------------------------------------------------------------------------------------------- fill

/// An answer as it came from upstream. `fields` are the upstream's, before edits, hop-by-hop included (they are
/// removed here). `length` is what the framing says, `None` when unknown (chunked, until close).
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) fields: Fields<'a>,
    pub(crate) length: Option<u64>,
    /// When the request was sent, and when the head was received.
    pub(crate) asked: Now,
    pub(crate) received: Now,
}

/// The right and duty to ask the upstream for a key. `Send + 'static`. Dropped without a word, a follower takes over.
pub(crate) struct Fill {}

impl Fill {
    /// For a conditional request. `None`: nothing stored, or nothing to compare by.
    pub(crate) fn validators(&self) -> Option<crate::http::conditional::Validators<'_>> {
        todo!()
    }

    /// RFC 9111 §3: keep this answer. `request`: the client's fields as given to `lookup`. Every client, the one that
    /// caused the fill included, then reads through [`Writer::follower`]. On `Err` others are told to go alone.
    pub(crate) fn stored(self, request: Fields<'_>, answer: &Answer<'_>) -> Result<Writer, NotStored> {
        todo!()
    }

    /// RFC 9111 §4.3.4: a 304. `Err` gives the permit back without validators: ask again unconditionally.
    pub(crate) async fn freshened(self, answer: &Answer<'_>) -> Result<Hit, Fill> {
        todo!()
    }

    /// The answer will not be kept (the caller knows why). Followers go alone; remembered for some seconds.
    pub(crate) fn passed(self, reason: PassReason) {
        todo!()
    }

    /// No usable answer. Followers get `FillEnd::Failed`.
    pub(crate) fn failed(self, why: Failure) {
        todo!()
    }
}

/// Why there is no answer, as the gateway wants to tell it to every follower.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    /// 502, 503, 504, …
    pub(crate) status: u16,
    pub(crate) word: &'static str,
}

/// Takes the body of a fill. `Send + 'static`: belongs in its own task, so that it outlives the client that caused it.
/// Dropped before [`Writer::finish`], nothing is kept and followers are cut.
pub(crate) struct Writer {}

impl Writer {
    /// The reader for the client that caused this fill.
    pub(crate) fn follower(&self) -> Follower {
        todo!()
    }

    /// `Err`: nothing can be kept any more and nobody reads; stop asking the upstream.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), NobodyReads> {
        todo!()
    }

    /// The body came to its true end. `trailers` are `Name: value\r\n` lines. A length that differs from the
    /// announced one counts as a cut.
    pub(crate) async fn finish(self, trailers: &[u8]) {
        todo!()
    }

    /// As `drop`, with a reason for the log of those who follow.
    pub(crate) fn cut(self, why: Failure) {
        todo!()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NobodyReads;

/// A client that reads from somebody's fill.
pub(crate) struct Follower {}

/// What a follower got.
pub(crate) enum Followed {
    /// Bytes as they come: `follower.range(..)`, then `follower.next(..)`.
    Stream { head: Arc<Head>, length: Option<u64> },
    /// The stored answer was found to be still good (304).
    Hit(Hit),
}

/// Why following ended without an answer, or within it (then the client's connection must be cut).
pub(crate) enum FillEnd {
    /// Forward this request past the cache.
    GoAlone(PassReason),
    /// The answer is a variant for others, or fresh for nobody but its own request: look up again.
    LookAgain,
    Failed(Failure),
    /// The one who asked is gone without a word: it is now this client's turn.
    TakeOver(Fill),
}

impl Follower {
    /// Waits for the head. `request`: the client's fields as given to `lookup`.
    pub(crate) async fn head(&mut self, request: Fields<'_>, now: Now) -> Result<Followed, FillEnd> {
        todo!()
    }

    /// Read these bytes only (before the first `next`). An end past the end of the body is the end of the body.
    pub(crate) fn range(&mut self, range: Range<u64>) {
        todo!()
    }

    /// The next bytes as soon as there are any; `None` at the true end.
    pub(crate) async fn next(&mut self, max: usize) -> Result<Option<Piece<'_>>, FillEnd> {
        todo!()
    }

    /// After the end.
    pub(crate) fn trailers(&self) -> Vec<u8> {
        todo!()
    }
}
