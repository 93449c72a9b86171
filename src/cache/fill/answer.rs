//! What an answer means for what is kept: a new object, a lane of one that is partly there, the end of it, or nothing.

use std::sync::Arc;

use super::permit::{Answer, Fill, Part as Sought};
use super::stream::Stream;
use super::{Desk, Phase, Shared, Writer};
use crate::cache::head::{About, Head};
use crate::cache::policy::{self, Freshness, Part, Since, Times};
use crate::cache::reason::{Failure, NotStored, PassReason};
use crate::cache::store::format::Marks;
use crate::cache::store::{HeadRecord, Plan, Store};
use crate::cache::vary::Names;
use crate::http::range::{ByteRange, ContentRange};
use crate::http::{Fields, conditional};

/// What is about to be written.
struct Planned {
    store: Arc<Store>,
    plan: Plan,
    head: Arc<Head>,
}

/// A part that is about to be written.
struct Begun {
    stream: Stream,
    desk: Arc<Desk>,
    lane: u32,
    /// See [`Writer::brought`].
    brought: Option<ByteRange>,
}

impl Fill {
    /// Keeps an answer, if the rules allow (RFC 9111 §3). `request` are the client's fields as they were looked up. Every
    /// client, the one that caused the fill included, then reads through a [`super::Follower`]. On `Err` followers go
    /// alone or look again; for some seconds nobody will wait for this key, where that would be in vain.
    pub(crate) fn stored(mut self, request: Fields<'_>, answer: &Answer<'_>) -> Result<Writer, NotStored> {
        if self.asker.rules.head {
            self.compare_head(answer);
            self.say_alone_or_refused(NotStored::HeadMethod);
            return Err(NotStored::HeadMethod);
        }
        match (*self.part).clone() {
            Sought::Whole | Sought::Offered => self.stored_whole(request, answer, false),
            Sought::Range(_) => self.stored_range(request, answer),
            Sought::Hole { id, head, range, renews } => self.stored_hole(request, answer, id, &head, range, renews),
        }
    }

    /// `through`: a part was asked for, so that the upstream knows none.
    fn stored_whole(mut self, request: Fields<'_>, answer: &Answer<'_>, through: bool) -> Result<Writer, NotStored> {
        let judged = self.whole(answer).and_then(|freshness| self.plan(request, answer, answer.status, freshness));
        match judged {
            Ok(planned) => {
                // The rest of an answer to POST must not be asked for: that would be another POST.
                let resumable = !matches!(*self.part, Sought::Offered)
                    && policy::may_store_incomplete(answer.status, answer.fields)
                    && gives_ranges(answer.fields);
                let resumable = resumable && planned.head.strong_validator().is_some();
                let (mut stream, mut desk) = self.stream(planned, answer, answer.length, resumable);
                stream.whole_wanted = true;
                let lane = stream.begin_lane(0, answer.length, through);
                Ok(self.begin(stream, &mut desk, lane))
            }
            Err(why) => {
                self.note_superseded(answer.status, why);
                self.say_alone(PassReason::NotStored(why));
                Err(why)
            }
        }
    }

    /// The answer to a question for a range of what is not stored.
    fn stored_range(mut self, request: Fields<'_>, answer: &Answer<'_>) -> Result<Writer, NotStored> {
        let refused = match answer.status {
            206 => match self.stored_piece(request, answer) {
                Ok(begun) => {
                    let Begun { stream, mut desk, lane, brought } = *begun;
                    return Ok(self.begin(stream, &mut desk, lane).bringing(brought));
                }
                Err(why) => why,
            },
            416 => NotStored::RangeRefused,
            _ => return self.stored_whole(request, answer, true),
        };
        if refused == NotStored::Taken {
            self.say_own();
        } else {
            self.say_no_ranges();
        }
        Err(refused)
    }

    /// RFC 9111 §3.3: a part is kept where others can be put to it, or where it is of use alone.
    fn stored_piece(&mut self, request: Fields<'_>, answer: &Answer<'_>) -> Result<Box<Begun>, NotStored> {
        let (piece, freshness) = self.piece(answer)?;
        // Nobody could be told which part of how much it is (RFC 9110 §14.4).
        let total = piece.total.filter(|_| !self.shared.private).ok_or(NotStored::Partial)?;
        // The head is that of the whole (RFC 9111 §3.4): what is kept answers as 200, or by the range that is asked for.
        let planned = self.plan(request, answer, 200, freshness)?;
        let strong = planned.head.strong_validator().is_some();
        // Alone it is of use while it is fresh, and to those who take it as it is: the rest could not be unpacked.
        if !strong && (planned.head.is_coded() || !planned.head.is_for_all(answer.received)) {
            return Err(NotStored::WeakValidator);
        }
        let (mut stream, desk) = self.stream(planned, answer, piece.total, true);
        if !desk.lasting {
            return Err(NotStored::Taken);
        }
        let brought = match *self.part {
            Sought::Range(asked) if !strong || piece.short => {
                Some(piece.range).filter(|range| !asked.is_within(*range, total))
            }
            Sought::Range(_) | Sought::Whole | Sought::Offered | Sought::Hole { .. } => None,
        };
        let lane = stream.begin_lane(piece.range.first, Some(piece.range.last.saturating_add(1)), false);
        Ok(Box::new(Begun { stream, desk, lane, brought }))
    }

    /// The answer to a question for what is missing of an object.
    fn stored_hole(
        mut self,
        request: Fields<'_>,
        answer: &Answer<'_>,
        id: u32,
        head: &Arc<Head>,
        asked: Option<(u64, Option<u64>)>,
        renews: bool,
    ) -> Result<Writer, NotStored> {
        let length = self.shared.state().stream().and_then(|stream| stream.length);
        let same_length = |total: Option<u64>| total.is_none() || length.is_none() || total == length;
        let same = |total: Option<u64>| head.has_strong_validator_of(answer.fields) && same_length(total);
        // Another part than the one that is missing would be asked for again and again.
        let brings =
            |piece: &Part| asked.is_none_or(|(first, _)| (piece.range.first..=piece.range.last).contains(&first));
        let why = match answer.status {
            // Said so here: what is there is not given up for a part that could not be gone on with.
            206 if conditional::strong(answer.fields).is_none() => NotStored::WeakValidator,
            206 => match self.piece(answer) {
                Ok((piece, _)) if same(piece.total) && brings(&piece) => return self.lane(answer, id, piece, false),
                Ok((piece, _)) if same(piece.total) => NotStored::RangeRefused,
                Ok(_) => {
                    self.changed();
                    return self.stored_range(request, answer);
                }
                Err(why) => why,
            },
            200 if head.strong_validator().is_some() && same(answer.length) => {
                let total = answer.length.or(length);
                let range = ByteRange { first: 0, last: total.unwrap_or(u64::MAX).saturating_sub(1) };
                return self.lane(answer, id, Part { range, total, short: false }, true);
            }
            // Another representation, or none any more.
            200..=299 | 404 | 410 => {
                self.changed();
                *self.part = Sought::Whole;
                return self.stored_whole(request, answer, false);
            }
            416 if !same_length(content_range(answer).and_then(|range| range.total)) => {
                self.changed();
                self.say_no_ranges();
                return Err(NotStored::RangeRefused);
            }
            // Not about the object: a captive portal, a limit, a fault of the hour.
            _ => NotStored::RangeRefused,
        };
        self.refused(id, renews, Failure { status: 502, word: why.word() }, None);
        Err(why)
    }

    /// Another representation takes the place of what is partly there. Who has got some of that is cut.
    pub(super) fn changed(&mut self) {
        let old = Arc::clone(&self.shared);
        self.shared = Arc::new(Shared::new(old.primary, old.key.clone(), old.fill_key, false));
        self.inner.fills.replace(&old, &self.shared);
        self.previous = None;
        old.end_as_changed();
    }

    /// A part of the same representation (RFC 9111 §3.4): it renews the head and begins a lane.
    fn lane(mut self, answer: &Answer<'_>, id: u32, piece: Part, through: bool) -> Result<Writer, NotStored> {
        self.renew_stream(answer);
        let mut state = self.shared.state();
        let Some(stream) = state.stream() else {
            drop(state);
            self.said = true;
            return Err(NotStored::Store);
        };
        // In one step with the lane: nobody must find neither, and ask again.
        stream.answered(id, None);
        let learned = stream.length.is_none().then_some(piece.total).flatten();
        stream.length = stream.length.or(piece.total);
        stream.announced |= learned.is_some();
        let end = match piece.total {
            None if through => stream.length,
            Some(_) | None => Some(piece.range.last.saturating_add(1)),
        };
        let lane = stream.begin_lane(piece.range.first, end, through);
        let desk = Arc::clone(&stream.desk);
        drop(state);
        self.said = true;
        if let Some(total) = learned {
            let desk = Arc::clone(&desk);
            smol::unblock(move || desk.set_length(total)).detach();
        }
        self.shared.wake_followers();
        let (inner, shared) = (Arc::clone(&self.inner), Arc::clone(&self.shared));
        Ok(Writer::new(inner, shared, desk, lane, *self.asker))
    }

    /// Whether a whole answer may be kept.
    fn whole(&self, answer: &Answer<'_>) -> Result<Freshness, NotStored> {
        let (rules, limit, received) = (&self.asker.rules, self.asker.max_object, answer.received);
        let targets = self.inner.targets();
        let freshness =
            policy::may_store(rules, answer.status, answer.fields, answer.length, limit, &targets, received)?;
        let heuristic = !freshness.source.is_explicit() || answer.status != 200;
        if matches!(*self.part, Sought::Offered) && heuristic {
            return Err(NotStored::PostFreshness);
        }
        Ok(freshness)
    }

    /// Which part of a representation an answer brings, where that may be kept.
    fn piece(&self, answer: &Answer<'_>) -> Result<(Part, Freshness), NotStored> {
        let (rules, limit, received) = (&self.asker.rules, self.asker.max_object, answer.received);
        policy::may_store_part(rules, answer.fields, answer.length, limit, &self.inner.targets(), received)
    }

    /// What is to be written, and the head for those who follow.
    fn plan(
        &self,
        request: Fields<'_>,
        answer: &Answer<'_>,
        status: u16,
        freshness: Freshness,
    ) -> Result<Planned, NotStored> {
        let store = self.inner.store().filter(|store| store.takes_writes()).ok_or(NotStored::Store)?;
        let (rules, received, targets) = (&self.asker.rules, answer.received, self.inner.targets());
        // RFC 9111 §4.1: an answer that forgets its Vary is kept for those who ask in the same way.
        let names = Names::of(answer.fields, rules.not_selecting()).or_else(|| self.names.clone());
        let selection = match &names {
            Some(names) => Some(names.select(request).ok_or(NotStored::Head)?),
            None => None,
        };
        let primary = self.shared.primary;
        let location = selection.as_ref().map_or(primary, |selection| selection.location(primary));
        let kept = policy::kept(answer.fields, &targets, policy::keeps_cookies(&freshness), received)?;
        // In anything else it says nothing, and passes as any field does (RFC 9110 §14.4).
        let kept = if answer.status == 206 { without_content_range(kept) } else { kept };
        let fields: Box<[u8]> = kept.into();
        let times = times_of(answer);
        let (assigned, personal) = (rules.assigned, rules.cookie);
        let about = About { times, invalidated: false, personal, assigned, targets, selection: selection.clone() };
        let head = Arc::new(Head::new(status, &fields, about).ok_or(NotStored::Head)?);
        let key = self.shared.key.clone();
        let record = HeadRecord { key, status, selection, fields, trailers: Box::default() };
        let marks = Marks { sure: received.sure, personal, pinned: self.asker.pinned, ..Marks::default() };
        let initial_age = u64::try_from(times.initial_age.as_millis()).unwrap_or(u64::MAX);
        let epoch = self.epoch.clone();
        let plan = Plan { location, primary, marks, received: received.wall, initial_age, epoch, record };
        Ok(Planned { store, plan, head })
    }

    /// A new object under way. `lasting`: if nobody else writes there, what comes of it is kept whatever interrupts it.
    fn stream(
        &mut self,
        planned: Planned,
        answer: &Answer<'_>,
        length: Option<u64>,
        lasting: bool,
    ) -> (Stream, Arc<Desk>) {
        let Planned { store, plan, head } = planned;
        let (location, selection) = (plan.location, plan.record.selection.clone());
        let lasting = lasting && !self.shared.private && self.inner.fills.claim(location, &self.shared);
        // What can be gone on with is found by others, who ask whether it holds; anything else is not for them.
        if !lasting {
            self.leave_table(&head, answer.received);
        }
        let desk = Arc::new(Desk::new(store, plan, length, lasting));
        let for_all = head.is_for_all(answer.received);
        let mut stream = Stream::new(head, location, length, selection, Arc::clone(&desk), for_all);
        stream.epoch = self.epoch.clone();
        (stream, desk)
    }

    fn begin(mut self, stream: Stream, desk: &mut Arc<Desk>, lane: u32) -> Writer {
        self.said = true;
        let varies = stream.selection.is_some();
        self.shared.state().phase = Phase::Streaming(Box::new(stream));
        self.shared.wake_followers();
        if varies {
            self.inner.fills.file_as_variant(&self.shared);
        }
        let (inner, shared) = (Arc::clone(&self.inner), Arc::clone(&self.shared));
        Writer::new(inner, shared, Arc::clone(desk), lane, *self.asker)
    }

    fn say_alone_or_refused(&mut self, why: NotStored) {
        match *self.part {
            Sought::Hole { id, renews, .. } => {
                self.refused(id, renews, Failure { status: 502, word: why.word() }, None)
            }
            Sought::Whole | Sought::Offered | Sought::Range(_) => self.say_alone(PassReason::NotStored(why)),
        }
    }
}

pub(super) fn times_of(answer: &Answer<'_>) -> Times {
    Times {
        initial_age: policy::initial_age(answer.fields, answer.asked, answer.received),
        received: answer.received.wall,
        sure: answer.received.sure,
        since: Since::Received(answer.received.mono),
    }
}

fn content_range(answer: &Answer<'_>) -> Option<ContentRange> {
    answer.fields.sole("content-range").ok().flatten().and_then(ContentRange::parse)
}

/// RFC 9110 §14.3
fn gives_ranges(fields: Fields<'_>) -> bool {
    !fields.list("accept-ranges").any(|unit| unit.eq_ignore_ascii_case(b"none"))
}

/// In a 206 it says which part one message brought, and is said anew for each.
fn without_content_range(block: Vec<u8>) -> Vec<u8> {
    let name = b"content-range:";
    let is = |line: &[u8]| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    if !block.split_inclusive(|byte| *byte == b'\n').any(is) {
        return block;
    }
    block.split_inclusive(|byte| *byte == b'\n').filter(|line| !is(line)).flatten().copied().collect()
}
