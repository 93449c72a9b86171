//! The right, and the duty, to ask the upstream: for a whole answer, for a part, or whether what is stored still holds.

use std::fmt;
use std::sync::Arc;

use super::stream::Stream;
use super::{Asker, Ended, Phase, Shared};
use crate::base::Now;
use crate::cache::head::Head;
use crate::cache::hit::Hit;
use crate::cache::reason::{Failure, NotStored, PassReason};
use crate::cache::root::Inner;
use crate::cache::store::Epoch;
use crate::cache::vary::Names;
use crate::http::Fields;
use crate::http::conditional::Validators;
use crate::http::range::ByteRange;

/// An answer as it came from upstream.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// The upstream's own, before any edits; what is for one hop only is taken out here.
    pub(crate) fields: Fields<'a>,
    /// What the framing says of the body's length; `None` where it will be known only at the end.
    pub(crate) length: Option<u64>,
    /// When the request was sent, and when this head had come (RFC 9111 §4.2.3).
    pub(crate) asked: Now,
    pub(crate) received: Now,
}

/// What a fill asks the upstream for.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// For a conditional request (RFC 9111 §4.3.1). `None`: nothing is stored, or it has nothing to be compared by.
    pub(crate) validators: Option<Validators<'a>>,
    /// `Range`; `None`: the whole.
    pub(crate) range: Option<AskRange>,
    /// `If-Range`: the strong validator of what is stored, as it was received (RFC 9110 §13.1.5).
    pub(crate) if_range: Option<&'a [u8]>,
    /// The head of what is stored, whole or in part.
    pub(crate) stored: Option<&'a Head>,
}

/// One range to be asked for. Its `Display` is the value of `Range`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AskRange {
    /// Both inclusive; without a last, to the end.
    From { first: u64, last: Option<u64> },
    /// So many bytes at the end.
    Suffix(u64),
}

impl AskRange {
    /// Whether all that it asks of so many bytes is here.
    pub(super) fn is_within(self, here: ByteRange, total: u64) -> bool {
        let end = total.saturating_sub(1);
        let (first, last) = match self {
            AskRange::From { first, last } => (first, last.map_or(end, |last| last.min(end))),
            AskRange::Suffix(len) => (total.saturating_sub(len), end),
        };
        here.first <= first && first <= last && last <= here.last
    }
}

impl fmt::Display for AskRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskRange::From { first, last: Some(last) } => write!(f, "bytes={first}-{last}"),
            AskRange::From { first, last: None } => write!(f, "bytes={first}-"),
            AskRange::Suffix(len) => write!(f, "bytes=-{len}"),
        }
    }
}

/// The right and the duty to ask the upstream for a key. `Send` and `'static`. Dropped without a word, it goes over to
/// a follower, if there is one.
pub(crate) struct Fill {
    pub(super) inner: Arc<Inner>,
    pub(super) shared: Arc<Shared>,
    pub(super) asker: Box<Asker>,
    /// What is stored but may not be served without asking.
    pub(super) previous: Option<Hit>,
    /// The names by which the key's answers varied until now.
    pub(super) names: Option<Names>,
    pub(super) part: Box<Part>,
    /// When it began.
    pub(super) epoch: Epoch,
    pub(super) said: bool,
}

/// What is asked for.
#[derive(Clone)]
pub(super) enum Part {
    Whole,
    /// The answer to a POST is there already.
    Offered,
    /// Nothing is stored.
    Range(AskRange),
    /// Something of an object that is partly there.
    Hole {
        /// Which of the questions of its stream this is.
        id: u32,
        head: Arc<Head>,
        /// `None`: only whether the head still holds.
        range: Option<(u64, Option<u64>)>,
        /// Others wait for what is said of the head.
        renews: bool,
    },
}

impl Part {
    /// A question that is noted in its stream.
    pub(super) fn hole(stream: &mut Stream, range: Option<(u64, Option<u64>)>, renews: bool) -> Part {
        let id = stream.ask(range, renews);
        Part::Hole { id, head: Arc::clone(&stream.head), range, renews }
    }
}

impl Fill {
    pub(in crate::cache) fn new(
        inner: Arc<Inner>,
        shared: Arc<Shared>,
        asker: Asker,
        previous: Option<Hit>,
        names: Option<Names>,
    ) -> Fill {
        let epoch = inner.store().map(|store| store.epoch()).unwrap_or_default();
        Fill { inner, shared, asker: Box::new(asker), previous, names, part: Box::new(Part::Whole), epoch, said: false }
    }

    pub(super) fn of_part(inner: Arc<Inner>, shared: Arc<Shared>, asker: Asker, part: Part) -> Fill {
        let mut fill = Fill::new(inner, shared, asker, None, None);
        *fill.part = part;
        fill
    }

    /// Asks for a range of what is not stored.
    pub(in crate::cache) fn for_range(mut self, range: AskRange) -> Fill {
        *self.part = Part::Range(range);
        self
    }

    /// Keeps what a POST has brought already.
    pub(in crate::cache) fn for_post(mut self) -> Fill {
        *self.part = Part::Offered;
        self
    }

    /// What is to be asked.
    pub(crate) fn question(&self) -> Ask<'_> {
        let nothing = Ask { validators: None, range: None, if_range: None, stored: None };
        match &*self.part {
            Part::Whole => {
                let stored = self.previous.as_ref().map(Hit::head);
                Ask { validators: stored.and_then(validators), stored, ..nothing }
            }
            Part::Offered => nothing,
            Part::Range(range) => Ask { range: Some(*range), ..nothing },
            Part::Hole { head, range: None, .. } => Ask { validators: validators(head), stored: Some(head), ..nothing },
            Part::Hole { head, range: Some((first, last)), .. } => {
                let range = Some(AskRange::From { first: *first, last: *last });
                Ask { range, if_range: head.strong_validator(), stored: Some(head), ..nothing }
            }
        }
    }

    /// There is no answer. Followers are told the same.
    pub(crate) fn failed(mut self, why: Failure) {
        self.said = true;
        match *self.part {
            Part::Whole | Part::Offered | Part::Range(_) => {
                self.inner.fills.release(&self.shared);
                self.shared.end(Ended::Failed(why));
            }
            Part::Hole { id, renews, .. } => self.refused(id, renews, why, Some(why)),
        }
    }

    /// The question of a stream brought nothing. `told`: what those hear who wait for the head; `None`: look again.
    pub(super) fn refused(&mut self, id: u32, renews: bool, why: Failure, told: Option<Failure>) {
        self.said = true;
        if let Some(stream) = self.shared.state().stream() {
            stream.answered(id, Some(why));
            if renews {
                stream.refusals = stream.refusals.wrapping_add(1);
                stream.refusal = told;
            }
        }
        self.shared.wake_followers();
        self.shared.put_away_if_idle(&self.inner);
    }

    /// Those who come later ask for themselves where this answer is not for them.
    pub(super) fn leave_table(&self, head: &Head, now: Now) {
        if !head.is_for_all(now) {
            self.inner.fills.remove(&self.shared);
            self.inner.fills.remember_alone(self.shared.fill_key, now.mono);
        }
    }

    pub(super) fn say_alone(&mut self, reason: PassReason) {
        self.said = true;
        self.inner.fills.release(&self.shared);
        // A client that wants nothing kept says nothing about the answer.
        let own = [NotStored::RequestNoStore, NotStored::NotModified, NotStored::HeadMethod].map(PassReason::NotStored);
        if !own.contains(&reason) {
            self.inner.fills.remember_alone(self.shared.fill_key, self.inner.last_seen());
        }
        // A 304 to the client's own conditions says nothing to the others: one of them asks now.
        let for_others = reason != PassReason::NotStored(NotStored::NotModified);
        self.shared.end(if for_others { Ended::Alone(reason) } else { Ended::LookAgain });
    }

    /// The same where that is known of ranges only.
    pub(super) fn say_no_ranges(&mut self) {
        self.inner.fills.remember_no_ranges(self.shared.fill_key, self.inner.last_seen());
        self.say_own();
    }

    /// The answer is for the one who asked, which says nothing of the next one.
    pub(super) fn say_own(&mut self) {
        self.said = true;
        self.inner.fills.release(&self.shared);
        self.shared.end(Ended::LookAgain);
    }
}

fn validators(head: &Head) -> Option<Validators<'_>> {
    let validators = head.validators();
    (validators.etag.is_some() || validators.last_modified.is_some()).then_some(validators)
}

impl Drop for Fill {
    fn drop(&mut self) {
        if self.said {
            return;
        }
        let mut state = self.shared.state();
        if let Part::Hole { id, .. } = *self.part {
            if let Some(stream) = state.stream() {
                stream.answered(id, Some(Failure::CUT));
            }
            drop(state);
            self.shared.wake_followers();
            self.shared.put_away_if_idle(&self.inner);
            return;
        }
        let followed = state.live_followers() > 0;
        state.phase = if followed { Phase::Orphaned } else { Phase::Ended(Ended::LookAgain) };
        drop(state);
        if !followed {
            self.inner.fills.release(&self.shared);
        }
        self.shared.wake_followers();
    }
}
