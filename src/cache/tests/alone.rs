//! Parts that stand alone: without a strong validator, they answer what lies within them and nothing is put to them.

use super::parts::Origin;
use super::*;
use crate::cache::{Failure, NotStored, Purge, What, Writer};

const WEAK: &str = "Cache-Control: max-age=100\nETag: W/\"1\"";
const TWENTY: &str = "Cache-Control: max-age=100\nContent-Range: bytes 10-29/100";

impl Rig {
    /// Begins to keep the answer to a range.
    async fn part(&self, request: &str, answer: &str, length: u64) -> Writer {
        let fill = self.miss("/film", request).await;
        let fields = Block::new(answer);
        fill.stored(Block::new(request).fields(), &self.answer_of(206, &fields, Some(length))).unwrap()
    }

    async fn keep_part(&self, request: &str, answer: &str, body: &[u8]) {
        let mut writer = self.part(request, answer, body.len() as u64).await;
        writer.write(body).await.unwrap();
        assert!(writer.finish(b"").await.is_none());
    }

    async fn looked(&self, request: &str) -> String {
        name(&self.look("/film", request).await)
    }

    /// What a request gets from what is there.
    async fn there(&self, request: &str, range: std::ops::Range<u64>) -> Vec<u8> {
        let mut follower = match self.look("/film", request).await {
            Lookup::Partial { follower, missing: false } => follower,
            other => panic!("{request}: {}", name(&other)),
        };
        stream(follower.head(Block::new(request).fields(), self.now()).await);
        follower.range(range);
        let (bytes, end) = follow(&mut follower).await;
        assert!(end.is_none(), "{request}");
        bytes
    }
}

fn weak(len: usize) -> Origin {
    let mut origin = Origin::new(len);
    origin.etag = "W/\"1\"";
    origin
}

#[test]
fn a_part_that_stands_alone_answers_what_lies_within_it() {
    smol::block_on(async {
        for stop in [false, true] {
            let mut rig = Rig::new();
            let origin = weak(2_000_000);
            origin.range(&rig, 500_000, 1_499_999).await;
            assert_eq!(origin.asked(), "500000-1499999");
            if stop {
                rig.settled().await;
                rig.cut_power();
            }
            for (first, last) in
                [(500_000, 1_499_999), (500_000, 500_000), (700_000, 1_200_000), (1_499_999, 1_499_999)]
            {
                let request = format!("Range: bytes={first}-{last}");
                let got = rig.there(&request, first..last + 1).await;
                assert!(got == origin.body[first as usize..=last as usize], "{request} {stop}");
            }
            // Nothing of it is asked whether it holds, and nothing is asked for to be put to it.
            rig.pass(101);
            assert_eq!(rig.looked("Range: bytes=700000-700001").await, "miss, uri-miss");
            assert_eq!(origin.asked(), "");
            assert_eq!(rig.cache().stat().damaged, 0);
        }
    });
}

#[test]
fn what_comes_takes_the_place_of_a_part_that_stands_alone() {
    smol::block_on(async {
        for (closed, stop) in [(false, false), (true, false), (true, true)] {
            let mut rig = Rig::new();
            let origin = weak(1_000_000);
            origin.range(&rig, 100_000, 199_999).await;
            if closed {
                rig.settled().await;
            }
            if stop {
                rig.cut_power();
            }
            origin.asked();
            // Overlaps it.
            origin.range(&rig, 150_000, 299_999).await;
            assert_eq!(origin.asked(), "150000-299999");
            rig.settled().await;
            assert_eq!(rig.folder.partials().len(), 1);
            origin.range(&rig, 100_000, 149_999).await;
            assert_eq!(origin.asked(), "100000-149999");
            if closed {
                rig.settled().await;
            }
            origin.whole(&rig).await;
            assert_eq!(origin.asked(), "whole");
            rig.settled().await;
            assert_eq!((rig.folder.objects().len(), rig.folder.partials().len()), (1, 0));
            rig.cut_power();
            assert!(rig.fresh("/film", "Range: bytes=1-2").await.unwrap() == origin.body);
            assert_eq!(rig.cache().stat().damaged, 0);
        }
    });
}

#[test]
fn nobody_waits_for_bytes_that_a_part_will_not_have() {
    smol::block_on(async {
        let rig = Rig::new();
        let body = noise(100);
        let fill = rig.miss("/film", "Range: bytes=10-29").await;
        let mut waiting = Vec::new();
        // Before anybody knows what comes, all wait for it.
        for (request, range, served) in [
            ("Range: bytes=10-29", 10..30, true),
            ("Range: bytes=15-19", 15..20, true),
            ("Range: bytes=10-30", 10..31, false),
            ("Range: bytes=29-30", 29..31, false),
            ("Range: bytes=5-12", 5..13, false),
            ("Range: bytes=10-11, 40-41", 10..12, false),
            ("", 0..u64::MAX, false),
        ] {
            match rig.look("/film", request).await {
                Lookup::Follow(follower, _) => waiting.push((request, range, served, follower)),
                other => assert_eq!(name(&other), "pass, range-miss", "{request}"),
            }
        }
        assert!(waiting.len() > 4);
        let fields = Block::new(TWENTY);
        let mut writer = fill.stored(Fields::NONE, &rig.answer_of(206, &fields, Some(20))).unwrap();
        writer.write(&body[10..20]).await.unwrap();
        // Whoever comes now is told at once.
        assert_eq!(rig.looked("Range: bytes=10-15").await, "partial, there");
        assert_eq!(rig.looked("Range: bytes=15-25").await, "follow, uri-miss");
        assert_eq!(rig.looked("Range: bytes=40-45").await, "pass, range-miss");
        assert_eq!(rig.looked("Range: bytes=25-35").await, "pass, range-miss");
        assert_eq!(rig.looked("Range: bytes=-5").await, "pass, range-miss");
        let Lookup::Miss(aside, _) = rig.look("/film", "").await else { panic!("not asked for") };
        writer.write(&body[20..30]).await.unwrap();
        assert!(writer.finish(b"").await.is_none());
        for (request, range, served, mut follower) in waiting {
            let asked = Block::new(request);
            match follower.head(asked.fields(), rig.now()).await {
                Ok(Followed::Stream { .. }) => {
                    assert!(served, "{request}");
                    follower.range(range.clone());
                    let (bytes, end) = follow(&mut follower).await;
                    assert!(end.is_none() && bytes == body[range.start as usize..range.end as usize], "{request}");
                }
                Err(end) => assert_eq!((end_name(&end).as_str(), served), ("look again", false), "{request}"),
                Ok(_) => panic!("{request}"),
            }
        }
        // What was asked for aside is kept, and stands before the part.
        rig.answer(aside, "", "Cache-Control: max-age=100", &body).await;
        assert_eq!(rig.looked("Range: bytes=10-15").await, "fresh");
        rig.settled().await;
        assert!(rig.fresh("/film", "").await.unwrap() == body);
    });
}

#[test]
fn two_parts_at_once_are_not_put_together() {
    smol::block_on(async {
        let mut rig = Rig::new();
        let body = noise(100);
        let mut first = rig.part("Range: bytes=10-29", TWENTY, 20).await;
        first.write(&body[10..20]).await.unwrap();
        // Nobody finds it any more, and it is still written.
        rig.cache().inner.fills.purge(&[What::Key("http://origin:80/film".to_owned())]);
        let fill = rig.miss("/film", "Range: bytes=50-59").await;
        let fields = Block::new("Cache-Control: max-age=100\nContent-Range: bytes 50-59/100");
        let refused = fill.stored(Fields::NONE, &rig.answer_of(206, &fields, Some(10)));
        assert_eq!(refused.err(), Some(NotStored::Taken));
        first.write(&body[20..30]).await.unwrap();
        first.finish(b"").await;
        rig.settled().await;
        // Which says nothing of the next one.
        assert_eq!(rig.looked("Range: bytes=50-59").await, "miss, uri-miss");
        rig.cut_power();
        assert_eq!(rig.looked("Range: bytes=50-59").await, "miss, uri-miss");
    });
}

#[test]
fn a_part_that_was_cut_answers_what_came() {
    smol::block_on(async {
        for stop in [false, true] {
            let mut rig = Rig::new();
            let body = noise(1_000_000);
            let answer = "Cache-Control: max-age=100\nContent-Range: bytes 100000-899999/1000000";
            let mut writer = rig.part("Range: bytes=100000-899999", answer, 800_000).await;
            let mut reader = writer.follower();
            writer.write(&body[100_000..600_000]).await.unwrap();
            writer.cut(Failure { status: 502, word: "upstream-cut" });
            stream(reader.head(Fields::NONE, rig.now()).await);
            reader.range(100_000..900_000);
            let (bytes, end) = follow(&mut reader).await;
            assert!(bytes == body[100_000..600_000]);
            assert_eq!(end_name(&end.unwrap()), "failed: upstream-cut");
            drop(reader);
            rig.settled().await;
            if stop {
                rig.cut_power();
            }
            assert!(rig.there("Range: bytes=100000-599999", 100_000..600_000).await == body[100_000..600_000]);
            assert_eq!(rig.looked("Range: bytes=100000-600000").await, "miss, uri-miss");
        }
    });
}

#[test]
fn damage_of_a_part_that_stands_alone_is_found_before_a_word_is_said() {
    smol::block_on(async {
        for open in [false, true] {
            let mut rig = Rig::new();
            let origin = weak(2_000_000);
            origin.range(&rig, 0, 999_999).await;
            rig.settled().await;
            let path = rig.folder.partials().remove(0);
            let mut image = std::fs::read(&path).unwrap();
            image[400_000] ^= 1;
            std::fs::write(&path, &image).unwrap();
            rig.cut_power();
            origin.asked();
            if open {
                assert!(rig.there("Range: bytes=0-9", 0..10).await == origin.body[..10]);
            }
            origin.range(&rig, 300_000, 500_000).await;
            assert_eq!(origin.asked(), "300000-500000", "{open}");
            assert_eq!(rig.cache().stat().damaged, 1);
            rig.settled().await;
            rig.cut_power();
            origin.range(&rig, 300_000, 500_000).await;
            assert_eq!(origin.asked(), "");
        }
    });
}

#[test]
fn a_part_that_stands_alone_is_purged() {
    smol::block_on(async {
        for (how, closed) in [(Purge::Hard, false), (Purge::Hard, true), (Purge::Soft, false), (Purge::Soft, true)] {
            let rig = Rig::new();
            let body = noise(100);
            rig.keep_part("Range: bytes=10-29", TWENTY, &body[10..30]).await;
            if closed {
                rig.settled().await;
            }
            assert_eq!(rig.looked("Range: bytes=10-15").await, "partial, there");
            rig.cache().purge(&[What::Key("http://origin:80/film".to_owned())], how).unwrap();
            assert_eq!(rig.looked("Range: bytes=10-15").await, "miss, uri-miss", "{how:?} {closed}");
            // What comes is kept.
            rig.keep_part("Range: bytes=10-29", TWENTY, &body[10..30]).await;
            assert_eq!(rig.there("Range: bytes=10-15", 10..16).await, &body[10..16]);
        }
    });
}

#[test]
fn requests_that_would_keep_nothing_leave_a_part_where_it_is() {
    smol::block_on(async {
        for closed in [false, true] {
            let rig = Rig::new();
            let body = noise(100);
            let answer = format!("{WEAK}\nContent-Range: bytes 10-29/100");
            rig.keep_part("Range: bytes=10-29", &answer, &body[10..30]).await;
            for (request, expected) in [
                ("Cache-Control: only-if-cached", "only-if-cached"),
                ("Cache-Control: only-if-cached\nRange: bytes=20-40", "only-if-cached"),
                ("Cache-Control: no-store", "pass, request-no-store"),
                ("Cache-Control: no-store\nRange: bytes=20-40", "pass, request-no-store"),
                ("If-Match: \"1\"", "pass, precondition"),
                ("If-Range: W/\"1\"\nRange: bytes=10-11", "pass, range-miss"),
                ("If-Range: \"1\"\nRange: bytes=10-11", "pass, range-miss"),
                ("Range: bytes=10-11, 40-41", "pass, range-miss"),
            ] {
                if closed {
                    rig.settled().await;
                }
                assert_eq!(rig.looked(request).await, expected, "{request}");
            }
            assert_eq!(rig.there("Range: bytes=10-15", 10..16).await, &body[10..16]);
            assert_eq!(rig.looked("Range: bytes=10-11, 20-21").await, "partial, there");
            assert_eq!(rig.looked("Cache-Control: no-store\nRange: bytes=20-24").await, "partial, there");
        }
    });
}

#[test]
fn a_part_never_stands_before_a_whole_that_is_stale() {
    smol::block_on(async {
        for open in [false, true] {
            let rig = Rig::new();
            let body = noise(100);
            let mut writer = rig.part("Range: bytes=10-29", TWENTY, 20).await;
            let Lookup::Miss(aside, _) = rig.look("/film", "").await else { panic!("not asked for") };
            let whole = "Cache-Control: max-age=10\nETag: W/\"2\"";
            rig.answer(aside, "", whole, &body).await;
            if open {
                rig.pass(11);
                assert_eq!(rig.looked("Range: bytes=10-15").await, "stale, fill, stale");
            }
            writer.write(&body[10..30]).await.unwrap();
            writer.finish(b"").await;
            if !open {
                rig.settled().await;
                assert_eq!(rig.looked("Range: bytes=10-15").await, "fresh");
                rig.pass(11);
            }
            let Lookup::Stale(_, Permit::Fill(fill), _) = rig.look("/film", "Range: bytes=10-15").await else {
                panic!("not asked about")
            };
            let fields = Block::new(whole);
            assert!(fill.freshened(&rig.answer_of(304, &fields, None)).await.is_ok());
            assert_eq!(rig.looked("Range: bytes=10-15").await, "fresh");
        }
    });
}

#[test]
fn the_clock_brings_parts_that_stand_alone_to_the_card() {
    smol::block_on(async {
        let mut rig = Rig::new();
        let body = noise(1_000_000);
        let answer = "Cache-Control: max-age=100\nContent-Range: bytes 100000-899999/1000000";
        let mut writer = rig.part("Range: bytes=100000-899999", answer, 800_000).await;
        writer.write(&body[100_000..400_000]).await.unwrap();
        rig.pass(10);
        rig.cache().maintain(rig.now());
        let path = rig.folder.partials().remove(0);
        let image = std::fs::read(&path).unwrap();
        drop(writer);
        rig.settled().await;
        rig.cut_power();
        std::fs::write(&path, &image).unwrap();
        assert!(rig.there("Range: bytes=100000-399999", 100_000..400_000).await == body[100_000..400_000]);
    });
}

#[test]
fn a_failing_card_costs_the_reader_of_a_part_no_byte() {
    smol::block_on(async {
        for room in [0, 50_000, 300_000] {
            let rig = Rig::new();
            let body = noise(1_000_000);
            rig.store().faults().fail_after(room, rustix::io::Errno::NOSPC);
            let answer = "Cache-Control: max-age=100\nContent-Range: bytes 100000-899999/1000000";
            let mut writer = rig.part("Range: bytes=100000-899999", answer, 800_000).await;
            let mut reader = writer.follower();
            reader.range(100_000..900_000);
            let writing = async {
                for piece in body[100_000..900_000].chunks(20_000) {
                    if writer.write(piece).await.is_err() {
                        break;
                    }
                }
                writer.finish(b"").await;
            };
            let (_, (bytes, end)) = smol::future::zip(writing, follow(&mut reader)).await;
            assert!(end.is_none() && bytes == body[100_000..900_000], "{room}");
        }
    });
}
