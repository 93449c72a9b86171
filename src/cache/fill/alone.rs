//! Parts that stand alone. Without a strong validator nobody can tell whether other bytes are of the same representation:
//! nothing is ever put to such a part (RFC 9111 §3.4). It answers the ranges that lie wholly within it while it is fresh
//! (§3.3); for anything else it is as if it were not there, and what comes then takes its place.

use super::stream::Stream;
use super::{Ended, Phase, Shared, put_away};
use crate::base::Now;
use crate::cache::head::Head;
use crate::cache::policy::{self, RequestRules, Reuse};
use crate::cache::root::Inner;
use crate::cache::store::{Partial, Run};
use crate::http::range::{self, ByteRange, RangeSet, Wanted};
use crate::http::{Fields, conditional};

/// What an object under way is for a request, should it stand alone.
pub(in crate::cache) enum Alone {
    /// It does not, or it has all that is wanted.
    Serves,
    /// It was of no use and nobody was at it: it is gone.
    MadeWay,
    /// It is of no use, and stays.
    Stays,
}

impl Shared {
    /// What this is for a request. `asks`: what the request asks for may take its place.
    pub(in crate::cache) fn alone(
        &self,
        request: Fields<'_>,
        rules: &RequestRules,
        asks: bool,
        inner: &Inner,
        now: Now,
    ) -> Alone {
        let serves = match &self.state().phase {
            Phase::Streaming(stream) if stream.stands_alone() => {
                policy::may_serve(stream.head.stored(), rules, now) == Reuse::Serve && stream.answers(request, rules)
            }
            Phase::Streaming(_) | Phase::Asking | Phase::Orphaned | Phase::Ended(_) => true,
        };
        match (serves, asks) {
            (true, _) => Alone::Serves,
            (false, true) if self.make_way(inner) => Alone::MadeWay,
            (false, _) => Alone::Stays,
        }
    }

    pub(in crate::cache) fn stands_alone(&self) -> bool {
        self.state().stream().is_some_and(|stream| stream.stands_alone())
    }

    /// Ends a part that stands alone, and takes it off the card, if nobody is at it.
    pub(in crate::cache) fn make_way(&self, inner: &Inner) -> bool {
        let mut state = self.state();
        let idle = state.is_idle();
        if let Some(stream) = state.stream().filter(|stream| idle && stream.stands_alone()) {
            stream.unwanted = true;
        } else {
            return false;
        }
        let before = std::mem::replace(&mut state.phase, Phase::Ended(Ended::LookAgain));
        drop(state);
        inner.fills.release(self);
        self.wake_followers();
        if let Phase::Streaming(stream) = before {
            put_away(stream);
        }
        true
    }
}

impl Stream {
    /// What came is kept, and nothing can be put to it.
    pub(super) fn stands_alone(&self) -> bool {
        self.desk.lasting && !self.resumable
    }

    /// Whether all that a request wants is there or on its way.
    pub(super) fn answers(&self, request: Fields<'_>, rules: &RequestRules) -> bool {
        let wanted = self.length.and_then(|length| wanted(&self.head, length, request, rules));
        wanted.is_some_and(|wanted| wanted.iter().all(|range| self.brings(*range)))
    }

    fn brings(&self, range: ByteRange) -> bool {
        let end = range.last.saturating_add(1);
        let next = self.covered(range.first, end).unwrap_or(range.first);
        let comes =
            |lane: &super::lane::Lane| lane.will_soon_have(next, false) && lane.end.is_some_and(|last| last >= end);
        next >= end || self.lanes.iter().any(comes)
    }
}

/// The ranges of so many bytes that a request wants, the whole among them; `None`: none of them can be.
fn wanted(head: &Head, length: u64, request: Fields<'_>, rules: &RequestRules) -> Option<RangeSet> {
    let all = || RangeSet::from_slice(&[ByteRange { first: 0, last: length.checked_sub(1)? }]).ok();
    let applies = conditional::range_applies(request, &head.validators(), Some(head.date()));
    match request.first("range").filter(|_| applies && rules.first_byte.is_some()) {
        Some(value) => match range::parse(value, length) {
            Wanted::Parts(parts) => Some(parts),
            Wanted::Whole => all(),
            Wanted::Unsatisfiable => None,
        },
        None => all(),
    }
}

/// Where the ranges begin that a request wants of a part on the card; `None`: not all of their bytes are there, or it is
/// stale.
pub(in crate::cache) fn beginnings(
    head: &Head,
    found: &Partial,
    request: Fields<'_>,
    rules: &RequestRules,
    now: Now,
) -> Option<Vec<Run>> {
    if policy::may_serve(head.stored(), rules, now) != Reuse::Serve {
        return None;
    }
    let chunk_len = found.draft.layout().chunk_len();
    let wanted = wanted(head, found.body_len?, request, rules)?;
    wanted.iter().map(|range| beginning(&found.present, chunk_len, *range)).collect()
}

/// The run that holds the first byte of a range, if all of the range is there. Of a chunk there is one run at most.
fn beginning(present: &[Run], chunk_len: u64, range: ByteRange) -> Option<Run> {
    let runs = present.get(present.partition_point(|run| run.chunk < range.first / chunk_len)..)?;
    let mut next = range.first;
    for run in runs {
        let start = (run.chunk * chunk_len).saturating_add(u64::from(run.start));
        let end = start.saturating_add(u64::from(run.len));
        if !(start..end).contains(&next) {
            return None;
        }
        if end > range.last {
            return runs.first().copied();
        }
        next = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_there_without_a_gap_or_not_at_all() {
        let run = |chunk, start, len| Run { chunk, start, len, checksum: chunk };
        let present = [run(1, 4, 12), run(2, 0, 16), run(3, 0, 5), run(5, 0, 16)];
        let check = |first, last, expected: Option<u64>| {
            let found = beginning(&present, 16, ByteRange { first, last });
            assert_eq!(found.map(|run| run.chunk), expected, "{first}-{last}");
        };
        check(20, 52, Some(1));
        check(20, 20, Some(1));
        check(31, 32, Some(1));
        check(32, 40, Some(2));
        check(52, 52, Some(3));
        for (first, last) in [(19, 30), (0, 10), (20, 53), (53, 53), (48, 64), (64, 70), (81, 96), (200, 210)] {
            check(first, last, None);
        }
        assert_eq!(beginning(&[], 16, ByteRange { first: 0, last: 0 }), None);
    }
}
