//! Objects that are partly there: what is stored of them is served, what is missing is asked for and nothing else.

use smol::future;

use super::*;
use crate::cache::{Failure, Forward, NotStored, Stop, Writer};
use crate::config::Finish;
use std::fmt::Write as _;

const FRESH: &str = "Cache-Control: max-age=100\nETag: \"1\"";

/// An origin with one representation, that says what it was asked for.
pub(super) struct Origin {
    pub(super) body: Vec<u8>,
    pub(super) etag: &'static str,
    /// Knows no ranges.
    plain: bool,
    /// Sends only so many bytes of each answer.
    cut: Option<usize>,
    asked: Mutex<Vec<String>>,
}

impl Origin {
    pub(super) fn new(len: usize) -> Origin {
        Origin { body: noise(len), etag: "\"1\"", plain: false, cut: None, asked: Mutex::default() }
    }

    /// What it was asked for since the last time.
    pub(super) fn asked(&self) -> String {
        std::mem::take(&mut *self.asked.lock().unwrap()).join(", ")
    }

    /// Answers a fill, and the fills that follow from it.
    async fn answer(&self, rig: &Rig, fill: Fill) {
        let mut next = Some(fill);
        while let Some(fill) = next {
            next = self.answer_one(rig, fill).await;
        }
    }

    async fn answer_one(&self, rig: &Rig, fill: Fill) -> Option<Fill> {
        let ask = fill.question();
        let mut words = ask.range.map_or("whole".to_owned(), |range| range.to_string());
        let matches = ask.validators.and_then(|validators| validators.etag).map(|etag| etag == self.etag.as_bytes());
        if let Some(matches) = matches {
            write!(words, " if-none-match {matches}").unwrap();
        }
        let holds = ask.if_range.is_none_or(|value| value == self.etag.as_bytes());
        self.asked.lock().unwrap().push(words.replace("bytes=", ""));
        let etag = format!("Cache-Control: max-age=100\nETag: {}", self.etag);
        if matches == Some(true) {
            let fields = Block::new(&etag);
            assert!(fill.freshened(&rig.answer_of(304, &fields, None)).await.is_ok());
            return None;
        }
        let total = self.body.len();
        let range = ask.range.filter(|_| holds && !self.plain).map(|range| match range {
            crate::cache::fill::AskRange::From { first, last } => {
                first as usize..last.map_or(total, |last| last as usize + 1).min(total)
            }
            crate::cache::fill::AskRange::Suffix(len) => total.saturating_sub(len as usize)..total,
        });
        let (status, fields, part) = match &range {
            Some(range) if range.start >= total => (416, format!("Content-Range: bytes */{total}"), 0..0),
            Some(range) => {
                (206, format!("{etag}\nContent-Range: bytes {}-{}/{total}", range.start, range.end - 1), range.clone())
            }
            None => (200, etag, 0..total),
        };
        let fields = Block::new(&fields);
        let answer = rig.answer_of(status, &fields, Some(part.len() as u64));
        let Ok(mut writer) = fill.stored(Fields::NONE, &answer) else { return None };
        let body = &self.body[part];
        for piece in body[..self.cut.unwrap_or(usize::MAX).min(body.len())].chunks(10_000) {
            match writer.write(piece).await {
                Ok(()) => future::yield_now().await,
                Err(Stop::Covered) => return writer.finish(b"").await,
                Err(Stop::Abandoned | Stop::NobodyReads) => return None,
            }
        }
        if self.cut.is_some_and(|cut| cut < body.len()) {
            writer.cut(Failure::CUT);
            return None;
        }
        writer.finish(b"").await
    }

    /// One client's whole errand, with the range it wants.
    async fn get(&self, rig: &Rig, request: &str, range: std::ops::Range<u64>) -> Result<Vec<u8>, String> {
        let executor = smol::LocalExecutor::new();
        executor.run(self.get_on(&executor, rig, request, range)).await
    }

    async fn get_on<'a>(
        &'a self,
        executor: &smol::LocalExecutor<'a>,
        rig: &'a Rig,
        request: &str,
        range: std::ops::Range<u64>,
    ) -> Result<Vec<u8>, String> {
        let fields = Block::new(request);
        'look: for _ in 0..5 {
            let mut follower = match rig.look("/film", request).await {
                Lookup::Fresh(hit) => return read_range(&hit, range).await.map_err(|_| "damaged".to_owned()),
                Lookup::Miss(fill, _) | Lookup::Stale(_, Permit::Fill(fill), _) => {
                    executor.spawn(self.answer(rig, fill)).await;
                    continue;
                }
                Lookup::Partial { follower, .. } | Lookup::Follow(follower, _) => follower,
                Lookup::Stale(_, Permit::Follow(follower), _) => follower,
                other => return Err(name(&other)),
            };
            loop {
                match follower.head(fields.fields(), rig.now()).await {
                    Ok(Followed::Stream { .. }) => break,
                    Ok(Followed::Hit(hit)) => follower = hit.follower().unwrap(),
                    Ok(Followed::Ask(fill)) => executor.spawn(self.answer(rig, fill)).detach(),
                    Err(FillEnd::LookAgain) => continue 'look,
                    Err(end) => return Err(end_name(&end)),
                }
            }
            follower.range(range.clone());
            let mut bytes = Vec::new();
            loop {
                match follower.next(50_000).await {
                    Ok(Next::Piece(piece)) => take(&piece, &mut bytes),
                    Ok(Next::Ask(fill)) => executor.spawn(self.answer(rig, fill)).detach(),
                    Ok(Next::End) => return Ok(bytes),
                    Err(FillEnd::LookAgain) => continue 'look,
                    Err(end) => return Err(end_name(&end)),
                }
            }
        }
        Err("looked five times".to_owned())
    }

    /// The same, for a range that is named as in the field.
    pub(super) async fn range(&self, rig: &Rig, first: u64, last: u64) {
        let got = self.get(rig, &format!("Range: bytes={first}-{last}"), first..last + 1).await;
        assert!(got.unwrap() == self.body[first as usize..=last as usize]);
    }

    pub(super) async fn whole(&self, rig: &Rig) {
        assert!(self.get(rig, "", 0..u64::MAX).await.unwrap() == self.body);
    }
}

impl Rig {
    /// Nothing goes on behind the requests any more.
    pub(super) async fn settled(&self) {
        let inner = &self.cache().inner;
        while !inner.fills.kept().is_empty() {
            inner.fills.kept().iter().for_each(|shared| shared.put_away(inner));
            future::yield_now().await;
        }
    }

    fn finishing(finish: Finish) -> Rig {
        let rig = Rig::new();
        Rig { route: RouteCacheConfig { finish, ..rig.route.clone() }, ..rig }
    }

    /// Begins the film's first fill.
    async fn begun(&self, answer: &str, length: Option<u64>) -> Writer {
        let fill = self.miss("/film", "").await;
        let fields = Block::new(answer);
        fill.stored(Fields::NONE, &self.answer_of(200, &fields, length)).unwrap()
    }
}

#[test]
fn what_was_cut_is_gone_on_with() {
    smol::block_on(async {
        for (stop, expected) in [(false, "500000-"), (true, "500000-")] {
            let mut rig = Rig::finishing(Finish::Never);
            let mut origin = Origin::new(1_000_000);
            origin.cut = Some(500_000);
            let fill = rig.miss("/film", "").await;
            origin.answer(&rig, fill).await;
            assert_eq!(origin.asked(), "whole");
            origin.cut = None;
            rig.settled().await;
            if stop {
                rig.cut_power();
            }
            assert_eq!(name(&rig.look("/film", "").await), "partial, missing");
            assert_eq!(name(&rig.look("/film", "Range: bytes=10-20").await), "partial, there");
            rig.settled().await;
            origin.whole(&rig).await;
            assert_eq!(origin.asked(), expected);
            rig.settled().await;
            assert_eq!(name(&rig.look("/film", "").await), "fresh");
            rig.cut_power();
            assert!(rig.fresh("/film", "").await.unwrap() == origin.body);
            assert_eq!(rig.cache().stat().damaged, 0);
        }
    });
}

#[test]
fn parts_are_put_together() {
    smol::block_on(async {
        let rig = Rig::finishing(Finish::Never);
        let origin = Origin::new(10);
        origin.range(&rig, 2, 5).await;
        assert_eq!(origin.asked(), "2-5");
        rig.settled().await;
        origin.range(&rig, 3, 4).await;
        assert_eq!(origin.asked(), "");
        origin.whole(&rig).await;
        // The four bytes between are cheaper than a second question.
        assert_eq!(origin.asked(), "0-");
        rig.settled().await;
        assert_eq!(name(&rig.look("/film", "").await), "fresh");
        assert_eq!(rig.fresh("/film", "").await.unwrap(), origin.body);
    });
}

#[test]
fn only_holes_are_asked_for() {
    smol::block_on(async {
        let mut rig = Rig::finishing(Finish::Never);
        let origin = Origin::new(3_000_000);
        // The tail first, by its length.
        let got = origin.get(&rig, "Range: bytes=-1000", 2_999_000..u64::MAX).await.unwrap();
        assert_eq!(got, &origin.body[2_999_000..]);
        assert_eq!(origin.asked(), "-1000");
        rig.settled().await;
        rig.cut_power();
        // From now on in whole chunks.
        origin.range(&rig, 1_000_000, 1_000_010).await;
        assert_eq!(origin.asked(), "786432-1048575");
        rig.settled().await;
        origin.range(&rig, 900_000, 1_200_000).await;
        assert_eq!(origin.asked(), "1048576-1310719");
        rig.settled().await;
        rig.cut_power();
        origin.whole(&rig).await;
        assert_eq!(origin.asked(), "0-786431, 1310720-2998999");
        rig.settled().await;
        rig.cut_power();
        assert!(rig.fresh("/film", "").await.unwrap() == origin.body);
        assert_eq!(rig.cache().stat().damaged, 0);
    });
}

#[test]
fn who_seeks_ahead_asks_for_the_rest_and_both_end_in_one_object() {
    smol::block_on(async {
        let rig = Rig::new();
        let origin = Origin::new(3_000_000);
        let mut writer = rig.begun(FRESH, Some(3_000_000)).await;
        writer.write(&origin.body[..100_000]).await.unwrap();
        let executor = smol::LocalExecutor::new();
        let seek = origin.get_on(&executor, &rig, "Range: bytes=2000000-", 2_000_000..u64::MAX);
        assert!(executor.run(seek).await.unwrap() == origin.body[2_000_000..]);
        assert_eq!(origin.asked(), "1835008-");
        let mut sent = 100_000;
        while let Ok(()) = writer.write(&origin.body[sent..(sent + 10_000).min(3_000_000)]).await {
            sent += 10_000;
        }
        assert!((1_830_000..1_850_000).contains(&sent), "{sent}");
        assert!(writer.finish(b"").await.is_none());
        drop(executor);
        rig.settled().await;
        assert!(rig.fresh("/film", "").await.unwrap() == origin.body);
        assert_eq!(rig.folder.objects().len(), 1);
    });
}

#[test]
fn two_who_seek_to_one_place_ask_once() {
    smol::block_on(async {
        let rig = Rig::new();
        let origin = Origin::new(3_000_000);
        let writer = rig.begun(FRESH, Some(3_000_000)).await;
        let executor = smol::LocalExecutor::new();
        let seek = |first: u64| origin.get_on(&executor, &rig, "Range: bytes=2000000-", first..u64::MAX);
        let (one, two) = executor.run(future::zip(seek(2_000_000), seek(2_000_000))).await;
        assert!(one.unwrap() == origin.body[2_000_000..] && two.unwrap() == origin.body[2_000_000..]);
        assert_eq!(origin.asked(), "1835008-");
        drop(writer);
    });
}

#[test]
fn two_look_ups_of_an_idle_part_share_it() {
    smol::block_on(async {
        let mut rig = Rig::finishing(Finish::Never);
        let mut origin = Origin::new(2_000_000);
        origin.cut = Some(500_000);
        let fill = rig.miss("/film", "").await;
        origin.answer(&rig, fill).await;
        origin.cut = None;
        rig.settled().await;
        rig.cut_power();
        origin.asked();
        let executor = smol::LocalExecutor::new();
        let whole = || origin.get_on(&executor, &rig, "", 0..u64::MAX);
        let (one, two) = executor.run(future::zip(whole(), whole())).await;
        assert!(one.unwrap() == origin.body && two.unwrap() == origin.body);
        assert_eq!(origin.asked(), "500000-");
    });
}

#[test]
fn another_representation_discards_the_parts_of_the_old_one() {
    smol::block_on(async {
        for (len, stop) in [(1_000_000, false), (1_000_000, true), (10, true), (1_200_000, true)] {
            let mut rig = Rig::finishing(Finish::Never);
            let mut origin = Origin::new(1_000_000);
            origin.cut = Some(500_000);
            let fill = rig.miss("/film", "").await;
            origin.answer(&rig, fill).await;
            rig.settled().await;
            if stop {
                rig.cut_power();
            }
            let changed =
                Origin { etag: "\"2\"", body: noise(len).iter().map(|byte| !byte).collect(), ..Origin::new(0) };
            let mut follower = match rig.look("/film", "").await {
                Lookup::Partial { follower, missing: true } => follower,
                other => panic!("{}", name(&other)),
            };
            follower.range(500_000..u64::MAX);
            let Ok(Next::Ask(fill)) = follower.next(1000).await else { panic!("no question") };
            changed.answer(&rig, fill).await;
            assert_eq!(changed.asked(), "500000-");
            let Err(end) = follower.next(1000).await else { panic!("bytes of another") };
            assert_eq!(end_name(&end), "look again");
            drop(follower);
            rig.settled().await;
            changed.whole(&rig).await;
            assert_eq!(changed.asked(), "");
            rig.cut_power();
            assert!(rig.fresh("/film", "").await.unwrap() == changed.body);
        }
    });
}

#[test]
fn a_stale_part_is_asked_for_again_together_with_what_is_missing() {
    smol::block_on(async {
        let mut rig = Rig::finishing(Finish::Never);
        let mut origin = Origin::new(1_000_000);
        origin.cut = Some(500_000);
        let fill = rig.miss("/film", "").await;
        origin.answer(&rig, fill).await;
        origin.cut = None;
        rig.settled().await;
        rig.cut_power();
        rig.pass(200);
        origin.asked();
        // What is there is confirmed …
        origin.range(&rig, 10, 20).await;
        assert_eq!(origin.asked(), "whole if-none-match true");
        rig.settled().await;
        rig.cut_power();
        assert_eq!(name(&rig.look("/film", "Range: bytes=10-20").await), "partial, there");
        rig.pass(200);
        // … and what is not there is asked for, which confirms the rest.
        let Lookup::Stale(hit, Permit::Fill(fill), Forward::Stale) = rig.look("/film", "").await else {
            panic!("fresh")
        };
        assert!(hit.is_partial());
        assert_eq!(hit.len(), 1_000_000);
        let Lookup::Stale(_, Permit::Follow(mut waiting), _) = rig.look("/film", "").await else { panic!("alone") };
        origin.answer(&rig, fill).await;
        assert_eq!(origin.asked(), "500000-");
        stream(waiting.head(Fields::NONE, rig.now()).await);
        let (bytes, end) = follow(&mut waiting).await;
        assert!(end.is_none() && bytes == origin.body);
        drop((hit, waiting));
        rig.settled().await;
        assert_eq!(name(&rig.look("/film", "").await), "fresh");
    });
}

#[test]
fn an_upstream_that_knows_no_ranges_is_read_through() {
    smol::block_on(async {
        let mut rig = Rig::finishing(Finish::Never);
        let mut origin = Origin::new(2_000_000);
        origin.cut = Some(500_000);
        let fill = rig.miss("/film", "").await;
        origin.answer(&rig, fill).await;
        (origin.cut, origin.plain) = (None, true);
        rig.settled().await;
        rig.cut_power();
        origin.whole(&rig).await;
        assert_eq!(origin.asked(), "whole, 500000-");
        rig.settled().await;
        assert!(rig.fresh("/film", "").await.unwrap() == origin.body);
        let rig = Rig::new();
        origin.range(&rig, 1_500_000, 1_500_010).await;
        assert_eq!(origin.asked(), "1500000-1500010");
    });
}

#[test]
fn damage_is_a_hole() {
    smol::block_on(async {
        let mut rig = Rig::new();
        let origin = Origin::new(1_500_000);
        origin.whole(&rig).await;
        assert_eq!(origin.asked(), "whole");
        rig.settled().await;
        let path = rig.folder.objects().remove(0);
        let mut image = std::fs::read(&path).unwrap();
        image[700_000] ^= 1;
        std::fs::write(&path, &image).unwrap();
        rig.cut_power();
        assert_eq!(origin.get(&rig, "", 0..u64::MAX).await, Err("damaged".to_owned()));
        rig.settled().await;
        origin.whole(&rig).await;
        assert_eq!(origin.asked(), "524288-786431");
        rig.settled().await;
        rig.cut_power();
        assert!(rig.fresh("/film", "").await.unwrap() == origin.body);
        // The same in one that is partly there.
        let mut rig = Rig::finishing(Finish::Never);
        let mut origin = Origin::new(1_500_000);
        origin.cut = Some(1_000_000);
        let fill = rig.miss("/film", "").await;
        origin.answer(&rig, fill).await;
        origin.cut = None;
        rig.settled().await;
        let path = rig.folder.partials().remove(0);
        let mut image = std::fs::read(&path).unwrap();
        image[300_000] ^= 1;
        std::fs::write(&path, &image).unwrap();
        rig.cut_power();
        origin.whole(&rig).await;
        assert_eq!(origin.asked(), "whole, 262144-524287, 1000000-");
    });
}

#[test]
fn a_download_that_all_have_left_goes_on_as_the_route_says() {
    smol::block_on(async {
        let check = async |finish: Finish, length: Option<u64>, sent: usize, answer: &str, goes_on: bool| {
            let rig = Rig::finishing(finish);
            let mut writer = rig.begun(answer, length).await;
            let follower = writer.follower();
            let body = noise(4_000_000);
            writer.write(&body[..sent]).await.unwrap();
            drop(follower);
            let expected = if goes_on { Ok(()) } else { Err(Stop::Abandoned) };
            assert_eq!(writer.write(&body[sent..sent + 10_000]).await, expected, "{finish:?} {length:?} {sent}");
            drop(writer);
            rig.settled().await;
            let kept = rig.folder.partials().len();
            assert_eq!(kept, usize::from(answer == FRESH));
        };
        let film = Some(4_000_000);
        check(Finish::Always, film, 100_000, FRESH, true).await;
        check(Finish::Never, film, 3_800_000, FRESH, false).await;
        check(Finish::From(50), film, 1_900_000, FRESH, false).await;
        check(Finish::From(50), film, 2_100_000, FRESH, true).await;
        check(Finish::From(90), film, 3_100_000, FRESH, true).await;
        check(Finish::From(50), None, 100_000, FRESH, true).await;
        check(Finish::From(50), None, 1_900_000, FRESH, false).await;
        check(Finish::From(50), film, 1_900_000, "Cache-Control: max-age=100", false).await;
    });
}

#[test]
fn questions_in_vain_end() {
    smol::block_on(async {
        let rig = Rig::finishing(Finish::Never);
        let mut origin = Origin::new(1_000_000);
        origin.cut = Some(500_000);
        let fill = rig.miss("/film", "").await;
        origin.answer(&rig, fill).await;
        rig.settled().await;
        let Lookup::Partial { mut follower, .. } = rig.look("/film", "").await else { panic!("no part") };
        follower.range(600_000..u64::MAX);
        let mut asked = 0;
        let end = loop {
            match follower.next(1000).await {
                Ok(Next::Ask(fill)) => fill.failed(Failure { status: 504, word: "too-late" }),
                Ok(_) => panic!("bytes"),
                Err(end) => break end,
            }
            asked += 1;
        };
        assert_eq!((asked, end_name(&end)), (3, "failed: too-late".to_owned()));
    });
}

#[test]
fn answers_that_are_not_what_was_asked_for_harm_nothing() {
    smol::block_on(async {
        let check = async |status: u16, fields: &str, length: Option<u64>, expected: NotStored, stays: bool| {
            let rig = Rig::finishing(Finish::Never);
            let mut origin = Origin::new(1_000_000);
            origin.cut = Some(500_000);
            let fill = rig.miss("/film", "").await;
            origin.answer(&rig, fill).await;
            rig.settled().await;
            let Lookup::Partial { mut follower, .. } = rig.look("/film", "").await else { panic!("no part") };
            follower.range(500_000..u64::MAX);
            let Ok(Next::Ask(fill)) = follower.next(1000).await else { panic!("no question") };
            let block = Block::new(fields);
            let stored = fill.stored(Fields::NONE, &rig.answer_of(status, &block, length));
            assert_eq!(stored.err(), Some(expected), "{status} {fields}");
            drop(follower);
            rig.settled().await;
            let there = name(&rig.look("/film", "Range: bytes=0-10").await);
            assert_eq!(there == "partial, there", stays, "{status} {fields}: {there}");
        };
        let refused = NotStored::RangeRefused;
        check(206, FRESH, Some(500_000), NotStored::Partial, true).await;
        let all = "ETag: \"1\"\nContent-Range: bytes 500000-999999/1000000";
        check(206, all, Some(500_001), NotStored::Partial, true).await;
        check(206, all, Some(0), NotStored::Partial, true).await;
        check(206, "ETag: \"1\"\nContent-Range: bytes 9-5/1000000", None, NotStored::Partial, true).await;
        check(206, "ETag: \"1\"\nContent-Type: multipart/byteranges; boundary=x", None, NotStored::Partial, true).await;
        check(206, "Content-Range: bytes 500000-999999/1000000", None, NotStored::WeakValidator, true).await;
        check(416, "Content-Range: bytes */1000000", Some(0), refused, true).await;
        check(416, "Content-Range: bytes */4", Some(0), refused, false).await;
        check(302, "Location: /portal", Some(0), refused, true).await;
        check(403, "", Some(0), refused, true).await;
        check(429, "", Some(0), refused, true).await;
        check(503, "", Some(0), refused, true).await;
        check(404, "Cache-Control: no-store", Some(0), NotStored::NoStore, false).await;
    });
}

#[test]
fn a_failing_card_costs_no_reader_of_several_lanes_a_byte() {
    smol::block_on(async {
        for room in [0, 50_000, 300_000, 1_500_000] {
            let rig = Rig::new();
            let origin = Origin::new(3_000_000);
            rig.store().faults().fail_after(room, rustix::io::Errno::NOSPC);
            let executor = smol::LocalExecutor::new();
            let mut writer = rig.begun(FRESH, Some(3_000_000)).await;
            let mut own = writer.follower();
            let writing = async {
                for piece in origin.body.chunks(20_000) {
                    if writer.write(piece).await.is_err() {
                        break;
                    }
                }
                writer.finish(b"").await;
            };
            let reading = async {
                own.range(0..1_500_000);
                let (bytes, end) = follow(&mut own).await;
                assert!(end.is_none() && bytes == origin.body[..1_500_000], "{room}");
                drop(own);
            };
            let seeking = origin.get_on(&executor, &rig, "Range: bytes=2000000-", 2_000_000..u64::MAX);
            let ((_, ()), sought) = executor.run(future::zip(future::zip(writing, reading), seeking)).await;
            match sought {
                Ok(bytes) => assert!(bytes == origin.body[2_000_000..]),
                // It came when the card had failed already.
                Err(why) => assert_eq!(why, "pass, store"),
            }
        }
    });
}

#[test]
fn the_clock_brings_what_came_to_the_card() {
    smol::block_on(async {
        let mut rig = Rig::new();
        let body = noise(1_000_000);
        let mut writer = rig.begun(FRESH, Some(1_000_000)).await;
        writer.write(&body[..300_000]).await.unwrap();
        for _ in 0..300 {
            rig.cache().maintain(rig.now());
        }
        rig.pass(10);
        rig.cache().maintain(rig.now());
        // As if the process had been killed: what the card has is looked at while everything is still open.
        let path = rig.folder.partials().remove(0);
        let image = std::fs::read(&path).unwrap();
        drop(writer);
        rig.settled().await;
        rig.cut_power();
        std::fs::write(&path, &image).unwrap();
        let Lookup::Partial { mut follower, missing: false } = rig.look("/film", "Range: bytes=0-299999").await else {
            panic!("not there")
        };
        follower.range(0..300_000);
        let (bytes, end) = follow(&mut follower).await;
        assert!(end.is_none() && bytes == body[..300_000]);
    });
}

#[test]
fn damage_is_repaired_by_an_upstream_that_knows_no_ranges() {
    smol::block_on(async {
        for (at, kind) in
            [(10_000, 0), (300_000, 0), (700_000, 0), (600_000, 1), (300_000, 1), (600_000, 2), (300_000, 2)]
        {
            let mut rig = Rig::new();
            let mut origin = Origin::new(1_000_000);
            origin.whole(&rig).await;
            rig.settled().await;
            origin.plain = true;
            let path = rig.folder.objects().remove(0);
            let mut image = std::fs::read(&path).unwrap();
            match kind {
                0 => image[at] ^= 1,
                1 => image[at..].fill(0),
                _ => image.truncate(at),
            }
            std::fs::write(&path, &image).unwrap();
            rig.cut_power();
            let first = origin.get(&rig, "", 0..u64::MAX).await;
            assert!(first.is_err() || first.unwrap() == origin.body);
            rig.settled().await;
            origin.whole(&rig).await;
            rig.settled().await;
            rig.cut_power();
            assert!(rig.fresh("/film", "").await.unwrap() == origin.body, "{at} {kind}");
        }
    });
}
