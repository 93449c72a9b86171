//! An object that lies on the card partly there becomes one under way again, and what it is for a request then.

use std::sync::Arc;

use super::permit::{Fill, Part};
use super::present::Present;
use super::stream::Stream;
use super::{Asker, Desk, Follower, Hold, Phase, Readable, Shared};
use crate::base::Now;
use crate::cache::head::{About, Head};
use crate::cache::hit::Hit;
use crate::cache::object::Object;
use crate::cache::policy::{self, RequestRules, Reuse, Since, Times};
use crate::cache::reason::Forward;
use crate::cache::root::Inner;
use crate::cache::store::format::Identity;
use crate::cache::store::{Bytes, Partial, Store};
use crate::http::conditional::{self, Outcome};
use crate::http::range::{self, ByteRange, Wanted as Ranges};
use crate::http::{Fields, Method};
use std::time::Duration;

/// Which bytes a request wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cache) enum Wanted {
    /// None: it is for the head.
    Head,
    Whole,
    /// The last one inclusive; `None`: to the end.
    From(u64, Option<u64>),
    Suffix(u64),
    /// Several ranges.
    Several,
}

/// What an object under way is for a request.
pub(in crate::cache) enum Standing {
    /// Nothing is known of it yet.
    Asking,
    /// It may be served; `missing`: not all of what is wanted is there.
    /// `idle`: nobody writes or asks.
    Serve {
        missing: bool,
        idle: bool,
    },
    /// It may not be served without asking, for this reason.
    Validate(Forward),
    Over,
}

impl Wanted {
    /// From the first byte to behind the last, of so many.
    fn of(self, length: Option<u64>) -> (u64, Option<u64>) {
        match self {
            Wanted::Head => (0, Some(0)),
            Wanted::Whole | Wanted::Several => (0, None),
            Wanted::From(first, last) => (first, last.map(|last| last.saturating_add(1))),
            Wanted::Suffix(len) => (length.map_or(0, |length| length.saturating_sub(len)), None),
        }
    }
}

impl Shared {
    /// Makes what was found on the card an object under way. `false`: its head is none.
    pub(in crate::cache) fn restore(
        self: &Arc<Shared>,
        store: Arc<Store>,
        found: Partial,
        asker: &Asker,
        inner: &Inner,
        now: Now,
    ) -> bool {
        let Some(head) = head_of(&found, asker, inner, now) else { return false };
        let Partial { identity, record, body_len, present, draft, .. } = found;
        let readable = Readable::of(&draft);
        let desk = Arc::new(Desk::open(store, draft));
        let for_all = head.is_for_all(now);
        let selection = record.selection;
        let varies = selection.is_some();
        let mut stream = Stream::new(Arc::new(head), identity.location, body_len, selection, desk, for_all);
        stream.present = Present::new(&present, readable.layout.chunk_len());
        stream.file = Some(readable);
        stream.generation = identity.generation;
        stream.trailers = record.trailers;
        self.state().phase = Phase::Streaming(Box::new(stream));
        if varies {
            inner.fills.file_as_variant(self);
        }
        self.wake_followers();
        true
    }

    /// Whether what is there can be gone on with.
    pub(in crate::cache) fn is_resumable(&self) -> bool {
        self.state().stream().is_some_and(|stream| stream.resumable && !stream.broken)
    }

    /// What it is for a request.
    pub(in crate::cache) fn standing(
        &self,
        request: Fields<'_>,
        rules: &RequestRules,
        wanted: Wanted,
        now: Now,
    ) -> Standing {
        match &self.state().phase {
            Phase::Asking | Phase::Orphaned => Standing::Asking,
            Phase::Ended(_) => Standing::Over,
            Phase::Streaming(stream) => match policy::may_serve(stream.head.stored(), rules, now) {
                Reuse::Serve => {
                    Standing::Serve { missing: !stream.has_wanted(request, wanted), idle: stream.is_idle() }
                }
                Reuse::Validate(why) => Standing::Validate(why),
            },
        }
    }

    /// The question whether it still holds, and with it for what is missing of what is wanted (RFC 9111 §4.3.1, RFC 9110
    /// §13.1.5). `None`: somebody was faster.
    pub(in crate::cache) fn ask_again(
        self: &Arc<Shared>,
        inner: &Arc<Inner>,
        asker: &Asker,
        wanted: Wanted,
    ) -> Option<Fill> {
        let mut state = self.state();
        // Where no confirmation is for others, waiting for somebody else's is time lost.
        let stream = state.stream().filter(|stream| !stream.is_shareable() || !stream.is_being_renewed())?;
        let (first, end) = wanted.of(stream.length);
        let end = end.or(stream.length);
        let missing = match stream.covered(first, end.unwrap_or(u64::MAX)) {
            Some(covered) if end.is_some_and(|end| covered >= end) => None,
            Some(covered) => Some(covered),
            None if end.is_some_and(|end| first >= end) => None,
            None => Some(first),
        };
        let range = missing
            .filter(|at| !asker.rules.head && !stream.is_asked(*at))
            .filter(|at| !stream.lanes.iter().any(|lane| lane.will_soon_have(*at, false)))
            .map(|at| stream.hole(at, end.unwrap_or(u64::MAX)));
        let part = Part::hole(stream, range, true);
        drop(state);
        Some(Fill::of_part(Arc::clone(inner), Arc::clone(self), *asker, part))
    }

    /// A reader who takes nothing before somebody has asked whether it still holds.
    pub(in crate::cache) fn waiting_follower(self: &Arc<Shared>, inner: &Arc<Inner>, asker: &Asker) -> Follower {
        let noted = self.state().stream().map(|stream| (stream.renewals, stream.refusals));
        let follower = Follower::new(Arc::clone(inner), Arc::clone(self), *asker, None, None);
        follower.after_renewal(noted)
    }
}

impl Stream {
    /// Whether all that a request wants is there.
    fn has_wanted(&self, request: Fields<'_>, wanted: Wanted) -> bool {
        let has_all = |parts: &[ByteRange]| {
            parts.iter().all(|part| self.has_range(part.first, Some(part.last.saturating_add(1))))
        };
        if conditional::evaluate(request, Method::Get, &self.head.at_hand()) == Outcome::NotModified {
            return true;
        }
        match (wanted, self.length, request.first("range")) {
            (Wanted::Several, Some(length), Some(value)) => match range::parse(value, length) {
                Ranges::Parts(parts) => has_all(&parts),
                Ranges::Unsatisfiable => true,
                Ranges::Whole => self.has_range(0, None),
            },
            (Wanted::Suffix(_), None, _) => false,
            (wanted, length, _) => {
                let (first, end) = wanted.of(length);
                self.has_range(first, end)
            }
        }
    }
}

/// An object that is being looked for on the card. Dropped before it was restored, it was never there; after that, it is
/// put away if nobody wants it.
pub(in crate::cache) struct Reopening {
    inner: Arc<Inner>,
    shared: Arc<Shared>,
}

impl Reopening {
    pub(in crate::cache) fn new(inner: Arc<Inner>, shared: Arc<Shared>) -> Reopening {
        Reopening { inner, shared }
    }
}

impl Drop for Reopening {
    fn drop(&mut self) {
        let restored = matches!(self.shared.state().phase, Phase::Streaming(_));
        if restored {
            self.shared.put_away_if_idle(&self.inner);
        } else {
            self.inner.fills.withdraw(&self.shared);
        }
    }
}

impl Hit {
    /// What is there of an object under way, for one who may serve it stale or has just heard that it still holds.
    /// `None`: of a length that nobody knows.
    pub(in crate::cache) fn of_part(inner: &Arc<Inner>, shared: &Arc<Shared>, asker: &Asker, now: Now) -> Option<Hit> {
        let mut state = shared.state();
        let stream = state.stream()?;
        let (head, length) = (Arc::clone(&stream.head), stream.length?);
        let identity = Identity { location: stream.location, generation: stream.generation };
        drop(state);
        let bytes = Bytes::Memory(Box::default());
        let (primary, key, cache) = (shared.primary, &shared.key, Arc::downgrade(inner));
        let object = Object::of_head(&head, primary, key, identity, Box::default(), bytes, cache)?;
        let hold = Hold::new(Arc::clone(inner), Arc::clone(shared), *asker);
        Some(Hit::partial(Arc::new(object), now, length, hold))
    }
}

/// The head of what was found on the card; `None`: it is none.
pub(in crate::cache) fn head_of(found: &Partial, asker: &Asker, inner: &Inner, now: Now) -> Option<Head> {
    let times = Times {
        initial_age: Duration::from_millis(found.initial_age),
        received: found.received,
        sure: found.marks.sure,
        since: Since::Opened(now.mono),
    };
    let about = About {
        times,
        invalidated: found.marks.invalidated,
        personal: found.marks.personal,
        assigned: asker.rules.assigned,
        targets: inner.targets(),
        selection: found.record.selection.clone(),
    };
    Head::new(found.record.status, &found.record.fields, about)
}
