//! Answers that confirm what is stored: a 304, a part of the same representation, the head that a HEAD brought.

use std::sync::Arc;

use super::Ended;
use super::answer::times_of;
use super::permit::{Answer, Fill, Part};
use crate::cache::head::{About, Head};
use crate::cache::hit::Hit;
use crate::cache::object::Object;
use crate::cache::policy::{self, Freshness};
use crate::cache::reason::NotStored;
use crate::cache::root::Inner;
use crate::cache::store::format::Marks;
use crate::cache::store::{Epoch, HeadRecord, Renewal};
use crate::http::{FieldSpans, Fields};

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

impl Fill {
    /// Freshens what is stored by a 304 (RFC 9111 §4.3.4). `Err`: it is about another representation; the permit comes
    /// back without validators, to ask again without conditions.
    pub(crate) async fn freshened(mut self, answer: &Answer<'_>) -> Result<Hit, Fill> {
        if let Part::Hole { id, .. } = *self.part {
            return self.freshened_in_part(answer, id);
        }
        let Some((object, keep)) = self.renewed_object(answer) else {
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
        self.inner.fills.release(&self.shared);
        self.shared.end(Ended::Fresh(hit.clone()));
        let (inner, epoch) = (Arc::clone(&self.inner), self.epoch.clone());
        smol::unblock(move || write_renewal(&inner, &object, keep, epoch)).await;
        Ok(hit)
    }

    fn freshened_in_part(mut self, answer: &Answer<'_>, id: u32) -> Result<Hit, Fill> {
        let renewed = self.renew_stream(answer);
        if let Some(stream) = self.shared.state().stream().filter(|_| renewed) {
            stream.answered(id, None);
        }
        let hit = match renewed {
            true => Hit::of_part(&self.inner, &self.shared, &self.asker, answer.received),
            false => None,
        };
        match hit {
            Some(hit) => {
                self.said = true;
                self.shared.wake_followers();
                Ok(hit)
            }
            None => {
                self.changed();
                *self.part = Part::Whole;
                Err(self)
            }
        }
    }

    /// Merges the head of an answer into that of the stream. `false`: it is about another representation.
    pub(super) fn renew_stream(&mut self, answer: &Answer<'_>) -> bool {
        let head = self.shared.state().stream().map(|stream| Arc::clone(&stream.head));
        let Some(head) = head.filter(|head| policy::same_representation(&head.validators(), answer.fields)) else {
            return false;
        };
        let Some((renewed, keep)) = self.renewed(&head, answer) else { return false };
        let renewed = Arc::new(renewed);
        let mut state = self.shared.state();
        let Some(stream) = state.stream() else { return false };
        stream.renewals = stream.renewals.wrapping_add(1);
        stream.head = Arc::clone(&renewed);
        stream.for_all = renewed.is_for_all(answer.received);
        stream.unwanted |= keep == Keep::No;
        let desk = Arc::clone(&stream.desk);
        drop(state);
        match keep {
            Keep::AsItWas | Keep::InRam => {}
            Keep::No => self.inner.fills.remove(&self.shared),
            Keep::OnCard => {
                let marks = Marks { pinned: self.asker.pinned, ..Marks::default() };
                let renewal = renewal(&renewed, &self.shared.key, marks, Box::default(), self.epoch.clone());
                smol::unblock(move || {
                    if let Err(error) = desk.renew(&renewal) {
                        desk.store.note(&error);
                    }
                })
                .detach();
            }
        }
        true
    }

    /// RFC 9111 §4.3.5: what a HEAD says of a stored answer to GET freshens it, or shows that it is not what the origin
    /// has now.
    pub(super) fn compare_head(&mut self, answer: &Answer<'_>) {
        let Some(previous) = self.previous.clone().filter(|_| matches!(answer.status, 200 | 404 | 410)) else { return };
        let same = answer.status == 200
            && policy::same_by_head(&previous.head().validators(), Some(previous.len()), answer.fields);
        let renewed = if same { self.renewed_object(answer) } else { None };
        let (inner, epoch) = (Arc::clone(&self.inner), self.epoch.clone());
        match renewed {
            Some((object, keep)) => {
                let object = Arc::new(object);
                if matches!(keep, Keep::InRam | Keep::OnCard) {
                    inner.make_hot(Arc::clone(&object));
                }
                smol::unblock(move || write_renewal(&inner, &object, keep, epoch)).detach();
            }
            None => self.doubt(&previous),
        }
    }

    /// A newer answer to the question for what is stored is not kept: the stored one is not the origin's latest word any
    /// more, and must be validated before its next use (RFC 9111 §4, §4.3.3). What is only this request's own affair says
    /// nothing about it.
    pub(super) fn note_superseded(&self, status: u16, why: NotStored) {
        let own = match why {
            NotStored::RequestNoStore
            | NotStored::Authorization
            | NotStored::NotModified
            | NotStored::HeadMethod
            | NotStored::OneRequest
            | NotStored::Interim
            | NotStored::Partial
            | NotStored::RangeRefused
            | NotStored::Taken
            | NotStored::Store => true,
            NotStored::NoStore
            | NotStored::Private
            | NotStored::SetCookie
            | NotStored::VaryAny
            | NotStored::Status
            | NotStored::MustUnderstand
            | NotStored::WeakValidator
            | NotStored::PostFreshness
            | NotStored::NothingToReuse
            | NotStored::TransferCoding
            | NotStored::TooLarge
            | NotStored::Head => false,
        };
        if let Some(previous) = self.previous.as_ref().filter(|_| !own && status < 500) {
            self.doubt(previous);
        }
    }

    /// It must be validated before its next use: at once for those who find it hot, then on the card.
    fn doubt(&self, previous: &Hit) {
        let (object, inner) = (Arc::clone(previous.object()), Arc::clone(&self.inner));
        let (primary, location) = (object.primary, object.identity.location);
        let about = About { invalidated: true, ..object.head.about() };
        match Head::new(object.head.status(), object.head.lines(), about) {
            Some(head) if !previous.is_partial() => inner.make_hot(Arc::new(object.with_head(head))),
            Some(_) | None => inner.hot.remove_location(primary, location),
        }
        smol::unblock(move || {
            if let Some(store) = inner.store() {
                store.invalidate(location);
            }
        })
        .detach();
    }

    /// The stored object with the answer's head merged in, and what is to be kept of it.
    fn renewed_object(&self, answer: &Answer<'_>) -> Option<(Object, Keep)> {
        let old = self.previous.as_ref()?.object();
        if !policy::same_representation(&old.head.validators(), answer.fields) {
            return None;
        }
        let (head, keep) = self.renewed(&old.head, answer)?;
        Some((old.with_head(head), keep))
    }

    fn renewed(&self, old: &Head, answer: &Answer<'_>) -> Option<(Head, Keep)> {
        let (block, kept) = self.merged(old, answer)?;
        let assigned = self.asker.rules.assigned;
        let about = About { times: times_of(answer), invalidated: false, assigned, ..old.about() };
        let head = Head::new(old.status(), &block, about)?;
        let keep = match kept {
            // What only this request forbids is no reason to take away what others may have.
            Err(NotStored::RequestNoStore | NotStored::Authorization) => Keep::AsItWas,
            Err(_) => Keep::No,
            // Where each use asks anyway, noting the time of each would cost a write for each.
            Ok(freshness) if freshness.lifetime.is_zero() && says_the_same(old, &head) => Keep::InRam,
            Ok(_) => Keep::OnCard,
        };
        Some((head, keep))
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
}

/// Blocks.
fn write_renewal(inner: &Inner, object: &Object, keep: Keep, epoch: Epoch) {
    let Some(store) = inner.store() else { return };
    match keep {
        Keep::AsItWas | Keep::InRam => {}
        Keep::No => store.remove_stored(object.identity),
        Keep::OnCard => {
            let renewal = renewal(&object.head, &object.key, object.marks(), object.trailers.clone(), epoch);
            if let Err(error) = store.renew(object.identity, &renewal) {
                store.note(&error);
            }
        }
    }
}

fn renewal(head: &Head, key: &[u8], marks: Marks, trailers: Box<[u8]>, epoch: Epoch) -> Renewal {
    let stored = head.stored();
    let (status, selection, fields) = (head.status(), head.selection().cloned(), head.lines().into());
    let (invalidated, personal) = (stored.invalidated, stored.personal);
    Renewal {
        record: HeadRecord { key: key.into(), status, selection, fields, trailers },
        marks: Marks { invalidated, sure: stored.times.sure, personal, ..marks },
        received: stored.times.received,
        initial_age: u64::try_from(stored.times.initial_age.as_millis()).unwrap_or(u64::MAX),
        epoch,
    }
}

/// The same fields but for the date.
fn says_the_same(old: &Head, new: &Head) -> bool {
    let undated = |(name, _): &(&[u8], &[u8])| !name.eq_ignore_ascii_case(b"date");
    old.fields().filter(undated).eq(new.fields().filter(undated))
}
