//! The right, and the duty, to ask the upstream.

use std::fmt;
use std::sync::Arc;

use super::{Asker, Ended, Phase, Shared, Stream, Writer};
use crate::base::Now;
use crate::cache::head::{About, Head};
use crate::cache::hit::Hit;
use crate::cache::object::Object;
use crate::cache::policy::{self, Freshness, Since, Times};
use crate::cache::reason::{Failure, NotStored, PassReason};
use crate::cache::root::Inner;
use crate::cache::store::format::Marks;
use crate::cache::store::{Epoch, HeadRecord, Plan, Renewal, Store};
use crate::cache::vary::Names;
use crate::http::conditional::Validators;
use crate::http::{FieldSpans, Fields};

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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ask<'a> {
    /// For a conditional request (RFC 9111 §4.3.1). `None`: nothing is stored, or it has nothing to be compared by.
    pub(crate) validators: Option<Validators<'a>>,
    /// `Range`; `None`: the whole.
    pub(crate) range: Option<AskRange>,
    /// `If-Range`: the strong validator of what is stored, as it was received (RFC 9110 §13.1.5).
    pub(crate) if_range: Option<&'a [u8]>,
}

/// One range to be asked for. Its `Display` is the value of `Range`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AskRange {
    /// Both inclusive; without a last, to the end.
    From { first: u64, last: Option<u64> },
    /// So many bytes at the end.
    Suffix(u64),
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
    inner: Arc<Inner>,
    shared: Arc<Shared>,
    asker: Box<Asker>,
    /// What is stored but may not be served without asking.
    previous: Option<Hit>,
    /// The names by which the key's answers varied until now.
    names: Option<Names>,
    /// When it began.
    epoch: Epoch,
    said: bool,
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
        Fill { inner, shared, asker: Box::new(asker), previous, names, epoch, said: false }
    }

    /// What is to be asked.
    pub(crate) fn question(&self) -> Ask<'_> {
        Ask { validators: self.validators(), range: None, if_range: None }
    }

    fn validators(&self) -> Option<Validators<'_>> {
        let validators = self.previous.as_ref()?.head().validators();
        (validators.etag.is_some() || validators.last_modified.is_some()).then_some(validators)
    }

    /// Keeps an answer, if the rules allow (RFC 9111 §3). `request` are the client's fields as they were looked up. Every
    /// client, the one that caused the fill included, then reads through a [`super::Follower`]. On `Err` followers go
    /// alone, and for some seconds nobody will wait for this key.
    pub(crate) fn stored(mut self, request: Fields<'_>, answer: &Answer<'_>) -> Result<Writer, NotStored> {
        match self.plan(request, answer) {
            Ok((store, plan, head)) => Ok(self.stream(store, plan, head, answer)),
            Err(why) => {
                self.say_alone(PassReason::NotStored(why));
                Err(why)
            }
        }
    }

    /// Freshens what is stored by a 304 (RFC 9111 §4.3.4). `Err`: it is about another representation; the permit comes
    /// back without validators, to ask again without conditions.
    pub(crate) async fn freshened(mut self, answer: &Answer<'_>) -> Result<Hit, Fill> {
        let Some((object, keep)) = self.renewed(answer) else {
            self.previous = None;
            return Err(self);
        };
        let hit = Hit::new(Arc::new(object), answer.received);
        let object = Arc::clone(hit.object());
        match keep {
            Keep::AsItWas => {}
            Keep::No => self.inner.hot.remove_location(object.primary, object.identity.location),
            Keep::InRam | Keep::OnCard => self.inner.make_hot(Arc::clone(&object)),
        }
        self.said = true;
        self.leave_table(&object.head, answer.received);
        self.inner.fills.remove(&self.shared);
        self.shared.end(Ended::Fresh(hit.clone()));
        self.write_renewal(object, keep).await;
        Ok(hit)
    }

    /// There is no answer. Followers are told the same.
    pub(crate) fn failed(mut self, why: Failure) {
        self.said = true;
        self.inner.fills.remove(&self.shared);
        self.shared.end(Ended::Failed(why));
    }

    /// What is to be written, and the head for those who follow.
    fn plan(&self, request: Fields<'_>, answer: &Answer<'_>) -> Result<(Arc<Store>, Plan, Arc<Head>), NotStored> {
        let store = self.inner.store().filter(|store| store.takes_writes()).ok_or(NotStored::Store)?;
        let (rules, received) = (&self.asker.rules, answer.received);
        if rules.head {
            return Err(NotStored::HeadMethod);
        }
        let limit = self.asker.max_object;
        let targets = self.inner.targets();
        let freshness =
            policy::may_store(rules, answer.status, answer.fields, answer.length, limit, &targets, received)?;
        // RFC 9111 §4.1: an answer that forgets its Vary is kept for those who ask in the same way.
        let names = Names::of(answer.fields, rules.not_selecting()).or_else(|| self.names.clone());
        let selection = match &names {
            Some(names) => Some(names.select(request).ok_or(NotStored::Head)?),
            None => None,
        };
        let primary = self.shared.primary;
        let location = selection.as_ref().map_or(primary, |selection| selection.location(primary));
        let fields: Box<[u8]> =
            policy::kept(answer.fields, &targets, policy::keeps_cookies(&freshness), received)?.into();
        let times = times_of(answer);
        let about = About {
            times,
            invalidated: false,
            personal: rules.cookie,
            assigned: rules.assigned,
            targets,
            selection: selection.clone(),
        };
        let head = Arc::new(Head::new(answer.status, &fields, about).ok_or(NotStored::Head)?);
        let (key, status) = (self.shared.key.clone(), answer.status);
        let record = HeadRecord { key, status, selection, fields, trailers: Box::default() };
        let marks =
            Marks { sure: received.sure, personal: rules.cookie, pinned: self.asker.pinned, ..Marks::default() };
        let initial_age = u64::try_from(times.initial_age.as_millis()).unwrap_or(u64::MAX);
        let plan =
            Plan { location, primary, marks, received: received.wall, initial_age, epoch: self.epoch.clone(), record };
        Ok((store, plan, head))
    }

    fn stream(&mut self, store: Arc<Store>, plan: Plan, head: Arc<Head>, answer: &Answer<'_>) -> Writer {
        self.said = true;
        self.leave_table(&head, answer.received);
        let selection = plan.record.selection.clone();
        let varies = selection.is_some();
        let stream = Stream {
            for_all: head.is_for_all(answer.received),
            head,
            length: answer.length,
            selection,
            window: Vec::new(),
            base: 0,
            file: None,
            broken: false,
            end: None,
        };
        self.shared.state().phase = Phase::Streaming(stream);
        self.shared.wake_followers();
        if varies {
            self.inner.fills.file_as_variant(&self.shared);
        }
        let (inner, shared) = (Arc::clone(&self.inner), Arc::clone(&self.shared));
        let since = Since::Received(answer.received.mono);
        Writer::new(inner, shared, store, plan, answer.length, *self.asker, since)
    }

    /// Those who come later ask for themselves where this answer is not for them.
    fn leave_table(&self, head: &Head, now: Now) {
        if !head.is_for_all(now) {
            self.inner.fills.remove(&self.shared);
            self.inner.fills.remember_alone(self.shared.fill_key, now.mono);
        }
    }

    fn say_alone(&mut self, reason: PassReason) {
        self.said = true;
        self.inner.fills.remove(&self.shared);
        // A client that wants nothing kept says nothing about the answer.
        let own = [NotStored::RequestNoStore, NotStored::NotModified].map(PassReason::NotStored);
        if !own.contains(&reason) {
            self.inner.fills.remember_alone(self.shared.fill_key, self.inner.last_seen());
        }
        // A 304 to the client's own conditions says nothing to the others: one of them asks now.
        let for_others = reason != PassReason::NotStored(NotStored::NotModified);
        self.shared.end(if for_others { Ended::Alone(reason) } else { Ended::LookAgain });
    }

    /// The stored object with a 304 merged in, and what is to be kept of it.
    fn renewed(&self, answer: &Answer<'_>) -> Option<(Object, Keep)> {
        let old = self.previous.as_ref()?.object();
        if !policy::same_representation(&old.head.validators(), answer.fields) {
            return None;
        }
        let (block, kept) = self.merged(&old.head, answer)?;
        let about = About {
            times: times_of(answer),
            invalidated: false,
            assigned: self.asker.rules.assigned,
            ..old.head.about()
        };
        let head = Head::new(old.head.status(), &block, about)?;
        let keep = match kept {
            // What only this request forbids is no reason to take away what others may have.
            Err(NotStored::RequestNoStore | NotStored::Authorization) => Keep::AsItWas,
            Err(_) => Keep::No,
            // Where each use asks anyway, noting the time of each would cost a write for each.
            Ok(freshness) if freshness.lifetime.is_zero() && says_the_same(&old.head, &head) => Keep::InRam,
            Ok(_) => Keep::OnCard,
        };
        Some((old.with_head(head), keep))
    }

    /// The merged fields, and whether they may be kept.
    fn merged(&self, old: &Head, answer: &Answer<'_>) -> Option<(Vec<u8>, Result<Freshness, NotStored>)> {
        let spans = FieldSpans::parse(old.lines()).ok()?;
        let stored = Fields::new(old.lines(), spans.as_slice());
        let targets = self.inner.targets();
        let merge = |cookies: bool| {
            let block = policy::updated(stored, answer.fields, &targets, cookies, answer.received).ok()?;
            let spans = FieldSpans::parse(&block).ok()?;
            let fields = Fields::new(&block, spans.as_slice());
            let (rules, limit) = (&self.asker.rules, self.asker.max_object);
            let kept = policy::may_store(rules, old.status(), fields, None, limit, &targets, answer.received);
            Some((block, kept))
        };
        match merge(false)? {
            (_, Ok(freshness)) if policy::keeps_cookies(&freshness) => merge(true),
            merged => Some(merged),
        }
    }

    async fn write_renewal(&self, object: Arc<Object>, keep: Keep) {
        let Some(store) = self.inner.store() else { return };
        let epoch = self.epoch.clone();
        let write = match keep {
            Keep::AsItWas | Keep::InRam => return,
            Keep::No => {
                smol::unblock(move || store.remove_stored(object.identity)).await;
                return;
            }
            Keep::OnCard => move || {
                let times = object.head.stored().times;
                let renewal = Renewal {
                    record: HeadRecord {
                        key: object.key.clone(),
                        status: object.head.status(),
                        selection: object.head.selection().cloned(),
                        fields: object.head.lines().into(),
                        trailers: object.trailers.clone(),
                    },
                    marks: object.marks(),
                    received: times.received,
                    initial_age: u64::try_from(times.initial_age.as_millis()).unwrap_or(u64::MAX),
                    epoch,
                };
                if let Err(error) = store.renew(object.identity, &renewal) {
                    store.note(&error);
                }
            },
        };
        smol::unblock(write).await;
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        if self.said {
            return;
        }
        let mut state = self.shared.state();
        let followed = state.live_followers() > 0;
        state.phase = if followed { Phase::Orphaned } else { Phase::Ended(Ended::LookAgain) };
        drop(state);
        if !followed {
            self.inner.fills.remove(&self.shared);
        }
        self.shared.wake_followers();
    }
}

/// What is kept of a freshened object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// It serves this request, and what is kept stays as it was.
    AsItWas,
    /// It serves this request and those who wait, and goes.
    No,
    InRam,
    OnCard,
}

fn times_of(answer: &Answer<'_>) -> Times {
    Times {
        initial_age: policy::initial_age(answer.fields, answer.asked, answer.received),
        received: answer.received.wall,
        sure: answer.received.sure,
        since: Since::Received(answer.received.mono),
    }
}

/// The same fields but for the date.
fn says_the_same(old: &Head, new: &Head) -> bool {
    let undated = |(name, _): &(&[u8], &[u8])| !name.eq_ignore_ascii_case(b"date");
    old.fields().filter(undated).eq(new.fields().filter(undated))
}
