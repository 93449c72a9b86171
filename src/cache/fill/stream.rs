//! An object under way: what of it is there, what is coming, and what is missing.

use std::sync::Arc;

use super::lane::Lane;
use super::present::{Present, There};
use super::{Desk, Readable};
use crate::cache::head::Head;
use crate::cache::reason::Failure;
use crate::cache::store::format::CHUNK_LOG2;
use crate::cache::store::{Epoch, Run};
use crate::cache::vary::Selection;
use crate::config::Finish;

/// Answers and questions of one object at the same time. Those who would want more wait for one of them to end.
const MOST_LANES: usize = 32;
/// Questions one after the other that bring not a byte, after which those who wait give up.
pub(super) const MOST_BARREN: u32 = 3;
/// Bytes between two holes that are asked for once more with them: the heads of a second question and answer cost as much.
const BRIDGE: u64 = 2 << 10;
/// A rest of an object up to this length is fetched whoever leaves: asking for it again would cost as much.
const REST: u64 = 1 << 20;
/// The same for one lane: about what is on its way already.
const REST_OF_LANE: u64 = 256 << 10;

/// Part of the state of a [`super::Shared`].
pub(super) struct Stream {
    pub(super) head: Arc<Head>,
    /// Where it is or will be kept.
    pub(super) location: u128,
    /// Sets it apart on the card; 0 for one that began in this process.
    pub(super) generation: u64,
    /// When the upstream was asked for it.
    pub(super) epoch: Epoch,
    /// Of the whole body; `None` while nobody knows.
    pub(super) length: Option<u64>,
    /// It was said before the body's end.
    pub(super) announced: bool,
    pub(super) selection: Option<Selection>,
    /// Fresh when it came: others than the one who asked may have it.
    pub(super) for_all: bool,
    /// It is kept and has a strong validator: what is missing can be asked for.
    pub(super) resumable: bool,
    pub(super) present: Present,
    pub(super) file: Option<Readable>,
    pub(super) lanes: Vec<Lane>,
    pub(super) asked: Vec<Asked>,
    next_id: u32,
    /// How often an answer has confirmed the head.
    pub(super) renewals: u32,
    /// How often an answer has said nothing of it, and what the last of them came to; `None`: look again.
    pub(super) refusals: u32,
    pub(super) refusal: Option<Failure>,
    /// How many questions have brought nothing, ever, and what the last of them, or of what stands alone its only one,
    /// came to.
    pub(super) barren: u32,
    pub(super) failure: Failure,
    /// The card failed or the answer outgrew its limit: the windows are all there is for what comes.
    pub(super) broken: bool,
    /// Somebody wanted all of it.
    pub(super) whole_wanted: bool,
    pub(super) desk: Arc<Desk>,
    pub(super) trailers: Box<[u8]>,
    /// It is being made whole at the store.
    pub(super) closing: bool,
    /// It is not kept.
    pub(super) unwanted: bool,
    pub(super) cut: Option<Failure>,
}

/// A question that somebody is asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    pub(super) id: u32,
    /// First and last byte; `None`: only whether the head still holds.
    pub(super) range: Option<(u64, Option<u64>)>,
    /// Those whose requests want the head confirmed wait for it.
    pub(super) renews: bool,
}

/// What there is at a place of an object.
pub(super) enum Here {
    /// Readable on the card, up to this byte.
    File(Readable, u64),
    /// On the card, to be checked first.
    Unchecked(Run),
    /// In the window of this lane.
    Window(u32),
    /// Soon.
    Wait,
    End,
    /// It is missing, and may be asked for.
    Hole,
    Cut(Failure),
}

impl Stream {
    pub(super) fn new(
        head: Arc<Head>,
        location: u128,
        length: Option<u64>,
        selection: Option<Selection>,
        desk: Arc<Desk>,
        for_all: bool,
    ) -> Stream {
        let resumable = desk.lasting && head.strong_validator().is_some();
        Stream {
            head,
            location,
            generation: 0,
            epoch: Epoch::default(),
            length,
            announced: length.is_some(),
            selection,
            for_all,
            resumable,
            present: Present::new(&[], 1 << CHUNK_LOG2),
            file: None,
            lanes: Vec::new(),
            asked: Vec::new(),
            next_id: 0,
            renewals: 0,
            refusals: 0,
            refusal: None,
            barren: 0,
            failure: Failure::CUT,
            broken: false,
            whole_wanted: false,
            desk,
            trailers: Box::default(),
            closing: false,
            unwanted: false,
            cut: None,
        }
    }

    pub(super) fn lane(&self, id: u32) -> Option<&Lane> {
        self.lanes.iter().find(|lane| lane.id == id)
    }

    pub(super) fn lane_mut(&mut self, id: u32) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|lane| lane.id == id)
    }

    /// Begins a lane and gives its number.
    pub(super) fn begin_lane(&mut self, start: u64, end: Option<u64>, through: bool) -> u32 {
        let id = self.new_id();
        self.lanes.push(Lane::new(id, start, end, through));
        id
    }

    /// Notes a question.
    pub(super) fn ask(&mut self, range: Option<(u64, Option<u64>)>, renews: bool) -> u32 {
        let id = self.new_id();
        self.asked.push(Asked { id, range, renews });
        id
    }

    /// A question came to its end. `failure`: it brought nothing.
    pub(super) fn answered(&mut self, id: u32, failure: Option<Failure>) {
        self.asked.retain(|asked| asked.id != id);
        if let Some(failure) = failure {
            self.barren = self.barren.saturating_add(1);
            self.failure = failure;
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.lanes.iter().all(|lane| lane.ended) && self.asked.is_empty()
    }

    /// Whether all of it has come.
    pub(super) fn is_whole(&self) -> bool {
        let there = |length: u64| length == 0 || self.covered(0, length).is_some_and(|end| end >= length);
        self.cut.is_none() && self.length.is_some_and(there)
    }

    /// Whether somebody is asking whether the head still holds.
    pub(super) fn is_being_renewed(&self) -> bool {
        self.asked.iter().any(|asked| asked.renews)
    }

    /// Whether what one is told of the head may be for others too.
    pub(super) fn is_shareable(&self) -> bool {
        self.head.stored().freshness.is_reusable()
    }

    /// Whether a reader that begins here gets what it wants, now, soon or by a question of its own.
    pub(super) fn will_have(&self, at: u64) -> bool {
        self.resumable || self.has(at) || self.lanes.iter().any(|lane| lane.will_soon_have(at, false))
    }

    /// What there is at a place, for one who wants no more than `limit`. `patient`: waits however long it takes.
    pub(super) fn here(&self, at: u64, limit: u64, patient: bool) -> Here {
        if let Some(there) = self.there(at, limit) {
            return there;
        }
        if let Some(why) = self.cut {
            return Here::Cut(why);
        }
        if self.length.is_some_and(|length| at >= length) {
            return Here::End;
        }
        let patient = patient || !self.resumable;
        let coming = self.lanes.iter().any(|lane| lane.will_soon_have(at, patient));
        if coming || self.is_asked(at) {
            return Here::Wait;
        }
        match (self.resumable, self.active() < MOST_LANES) {
            (false, _) => Here::Cut(self.failure),
            (true, false) => Here::Wait,
            (true, true) => Here::Hole,
        }
    }

    fn there(&self, at: u64, limit: u64) -> Option<Here> {
        match (self.present.at(at, limit), &self.file) {
            (Some(There::Sound(end)), Some(readable)) => return Some(Here::File(readable.clone(), end)),
            (Some(There::Unchecked(run)), Some(_)) => return Some(Here::Unchecked(run)),
            (Some(_), None) | (None, _) => {}
        }
        let lane = self.lanes.iter().filter(|lane| lane.has(at)).max_by_key(|lane| lane.arrived())?;
        match &self.file {
            Some(readable) if at < lane.on_file => Some(Here::File(readable.clone(), lane.on_file)),
            Some(_) | None if at >= lane.base => Some(Here::Window(lane.id)),
            Some(_) | None => None,
        }
    }

    /// Answers and questions under way.
    fn active(&self) -> usize {
        self.lanes.iter().filter(|lane| !lane.ended).count() + self.asked.len()
    }

    /// Whether somebody has asked for this byte, and its answer will begin near it.
    pub(super) fn is_asked(&self, at: u64) -> bool {
        self.asked.iter().filter_map(|asked| asked.range).any(|(first, last)| {
            let within = at >= first && last.is_none_or(|last| at <= last);
            within && at - first <= super::lane::REACH
        })
    }

    fn has(&self, at: u64) -> bool {
        self.present.covered(at, at).is_some() || self.lanes.iter().any(|lane| lane.has(at))
    }

    /// Where the bytes that are there without a gap end, as far as `limit`; `None` where there are none.
    pub(super) fn covered(&self, at: u64, limit: u64) -> Option<u64> {
        let mut end = at;
        while end < limit {
            let by_lanes = self.lanes.iter().filter(|lane| lane.has(end)).map(Lane::arrived).max();
            let Some(further) = self.present.covered(end, limit).max(by_lanes) else { break };
            end = further;
        }
        (end > at).then_some(end)
    }

    /// Whether all of a range is there; without an end, to the end of all.
    pub(super) fn has_range(&self, first: u64, end: Option<u64>) -> bool {
        let end = match (end, self.length) {
            (Some(end), Some(length)) => end.min(length),
            (None, Some(length)) => length,
            (end, None) => match end {
                Some(end) => end,
                None => return false,
            },
        };
        first >= end || self.covered(first, end).is_some_and(|covered| covered >= end)
    }

    /// Where the next bytes are that are there, or that somebody is asking for, and are more than another question costs.
    fn next_worth_keeping(&self, at: u64) -> Option<u64> {
        let mut next = self.next_there(at)?;
        loop {
            let end = self.covered(next, next.saturating_add(BRIDGE));
            match end {
                Some(end) if end - next < BRIDGE && self.length.is_none_or(|length| end < length) => {
                    next = self.next_there(end)?;
                }
                Some(_) | None => return Some(next),
            }
        }
    }

    /// Where the next byte is, from here on, that is there or that somebody is asking for.
    fn next_there(&self, at: u64) -> Option<u64> {
        let lanes = self.lanes.iter().map(|lane| lane.start);
        let asked = self.asked.iter().filter_map(|asked| asked.range).map(|(first, _)| first);
        let by_others = lanes.chain(asked).filter(|start| *start > at).min();
        [self.present.next(at), by_others].into_iter().flatten().min()
    }

    /// The question that a missing byte is worth, for one who reads up to `end`: in whole chunks, as far as nothing is
    /// there or on its way.
    pub(super) fn hole(&self, at: u64, end: u64) -> (u64, Option<u64>) {
        let chunk_len = self.present.chunk_len();
        let until = end.checked_next_multiple_of(chunk_len).unwrap_or(u64::MAX);
        let length = self.length.unwrap_or(u64::MAX);
        let end = until.min(self.next_worth_keeping(at).unwrap_or(u64::MAX)).min(length);
        // What goes to the end is asked for so: should the length be another one by now, that says so at once.
        let last = (end < length).then(|| end.saturating_sub(1).max(at));
        if self.broken {
            return (at, last);
        }
        let start = self.present.chunk_start(at);
        let lanes = self.lanes.iter().map(Lane::arrived);
        let asked = self.asked.iter().filter_map(|asked| asked.range?.1).map(|last| last.saturating_add(1));
        let before = lanes.chain(asked).chain(self.present.end_before(at)).filter(|end| *end <= at).max();
        (before.unwrap_or(0).max(start), last)
    }

    /// The next missing byte, from here on and then from the first on.
    pub(super) fn next_hole(&self, from: u64) -> Option<u64> {
        let length = self.length?;
        let behind = |at: u64| {
            let mut at = at;
            loop {
                let after = self.covered(at, length).unwrap_or(at);
                let mut lanes = self.lanes.iter().filter(|lane| !lane.ended);
                let coming = lanes.find(|lane| lane.start <= after && lane.end.is_none_or(|end| after < end));
                let asked = self.asked.iter().filter_map(|asked| asked.range);
                let asked = asked
                    .filter(|(first, _)| *first <= after)
                    .map(|(_, last)| last.unwrap_or(length))
                    .find(|last| after <= *last);
                let next = match (coming, asked) {
                    (Some(lane), _) => lane.end.unwrap_or(length),
                    (None, Some(last)) => last.saturating_add(1),
                    (None, None) => return (after < length).then_some(after),
                };
                if next <= at || next >= length {
                    return None;
                }
                at = next;
            }
        };
        behind(from).or_else(|| behind(0))
    }

    /// Whether a lane that has come to this place has nothing more to bring: a good deal of what follows is there, or all.
    pub(super) fn is_covered(&self, lane: &Lane) -> bool {
        let at = lane.arrived();
        let far = self.length.unwrap_or(u64::MAX);
        let limit = if lane.through { far } else { at.saturating_add(super::lane::REACH).min(far) };
        if at >= far {
            return false;
        }
        let mut end = at;
        while end < limit {
            let others = self.lanes.iter().filter(|other| other.id != lane.id && other.has(end));
            let by_lanes = others.map(Lane::arrived).max();
            let Some(further) = self.present.covered(end, limit).max(by_lanes) else { return false };
            end = further;
        }
        true
    }

    /// The next byte behind a lane's last that is there by somebody else.
    pub(super) fn met_by(&self, lane: &Lane) -> Option<u64> {
        let at = lane.arrived();
        let others = self.lanes.iter().filter(|other| other.id != lane.id && other.arrived() > other.start);
        let starts = others.map(|other| other.start).filter(|start| *start > at).min();
        [self.present.next(at).filter(|next| *next > at), starts].into_iter().flatten().min()
    }

    /// Whether a lane goes on when nobody reads any more.
    pub(super) fn goes_on(&self, lane: &Lane, finish: Finish) -> bool {
        let arrived = lane.arrived();
        let rest_of_lane = lane.end.map(|end| end.saturating_sub(arrived));
        let nearly = |rest: Option<u64>, least: u64| rest.is_some_and(|rest| rest <= least);
        match finish {
            Finish::Always => true,
            Finish::Never => false,
            Finish::From(_) if nearly(rest_of_lane, REST_OF_LANE) => true,
            Finish::From(percent) => self.is_worth_finishing(percent),
        }
    }

    /// Whether so many percent are there, or nearly all. Of a length that nobody knows, as much is taken to come as came.
    pub(super) fn is_worth_finishing(&self, percent: u8) -> bool {
        let open = self.lanes.iter().map(|lane| {
            let sealed = self.present.chunk_start(lane.on_file).max(lane.start);
            lane.arrived().saturating_sub(sealed)
        });
        let there = open.fold(self.present.bytes(), u64::saturating_add);
        match self.length {
            None => there <= REST,
            Some(length) => {
                let rest = length.saturating_sub(there);
                rest <= REST || there.saturating_mul(100) >= length.saturating_mul(u64::from(percent))
            }
        }
    }

    /// Whether it is worth to be kept open while nobody is at it.
    pub(super) fn lingers(&self) -> bool {
        self.desk.lasting
            && self.file.is_some()
            && !self.broken
            && !self.unwanted
            && !self.closing
            && self.cut.is_none()
    }

    /// Lets go of everything at the store. Blocks.
    pub(super) fn put_away(self) {
        if self.unwanted
            && let Some(draft) = self.desk.begun()
        {
            self.desk.store.discard_partial(draft.identity());
        }
    }

    /// The number of the latest lane or question.
    pub(super) fn last_id(&self) -> u32 {
        self.next_id
    }

    fn new_id(&mut self) -> u32 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }
}
