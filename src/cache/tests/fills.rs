//! One download serves all who want it.

use std::pin::pin;
use std::task::Poll;

use smol::future;

use super::*;
use crate::cache::{Failure, Forward, Writer};

const FRESH: &str = "Cache-Control: max-age=100";

impl Rig {
    async fn following(&self, path: &str, request: &str) -> Follower {
        match self.look(path, request).await {
            Lookup::Follow(follower, _) => follower,
            other => panic!("{path}: {}", name(&other)),
        }
    }

    fn begin(&self, fill: Fill, answer: &str, length: Option<u64>) -> Writer {
        let fields = Block::new(answer);
        fill.stored(Fields::NONE, &self.answer_of(200, &fields, length)).unwrap()
    }
}

/// What a follower has to say without waiting.
async fn ready<T>(waiting: impl Future<Output = T>) -> Option<T> {
    let mut waiting = pin!(waiting);
    future::poll_fn(|context| match waiting.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn next_bytes(follower: &mut Follower) -> Option<Vec<u8>> {
    match ready(follower.next(1 << 20)).await {
        Some(Ok(Next::Piece(piece))) => {
            let mut bytes = Vec::new();
            take(&piece, &mut bytes);
            Some(bytes)
        }
        _ => None,
    }
}

#[test]
fn followers_get_bytes_as_they_come() {
    smol::block_on(async {
        let rig = Rig::new();
        let fill = rig.miss("/a", "").await;
        let mut early = rig.following("/a", "").await;
        assert!(ready(early.head(Fields::NONE, rig.now())).await.is_none());
        let mut writer = rig.begin(fill, FRESH, Some(9));
        let mut own = writer.follower();
        stream(early.head(Fields::NONE, rig.now()).await);
        stream(own.head(Fields::NONE, rig.now()).await);
        assert_eq!(next_bytes(&mut early).await, None);
        writer.write(b"abc").await.unwrap();
        assert_eq!(next_bytes(&mut early).await.unwrap(), b"abc");
        let mut late = rig.following("/a", "").await;
        stream(late.head(Fields::NONE, rig.now()).await);
        writer.write(b"defghi").await.unwrap();
        assert_eq!(next_bytes(&mut early).await.unwrap(), b"defghi");
        assert_eq!(next_bytes(&mut early).await, None);
        writer.finish(b"").await;
        for follower in [&mut late, &mut own] {
            let (bytes, end) = follow(follower).await;
            assert!(end.is_none());
            assert_eq!(bytes, b"abcdefghi");
        }
        assert!(matches!(early.next(10).await, Ok(Next::End)));
        assert_eq!(rig.fresh("/a", "").await.unwrap(), b"abcdefghi");
        assert_eq!(rig.cache().stat().fills, 0);
    });
}

#[test]
fn followers_of_every_speed_get_all_bytes() {
    smol::block_on(async {
        let rig = Rig::new();
        for length in [70_000, 262_144, 1_500_000] {
            let body = noise(length);
            let path = format!("/{length}");
            let fill = rig.miss(&path, "").await;
            let mut writer = rig.begin(fill, FRESH, None);
            let executor = smol::LocalExecutor::new();
            let mut tasks = Vec::new();
            for number in 0..12_usize {
                let mut follower = if number == 0 { writer.follower() } else { rig.following(&path, "").await };
                tasks.push(executor.spawn(async move {
                    let mut bytes = Vec::new();
                    while let Ok(Next::Piece(piece)) = follower.next(1000 + number * 20_000).await {
                        take(&piece, &mut bytes);
                        for _ in 0..number {
                            future::yield_now().await;
                        }
                    }
                    bytes
                }));
            }
            let writing = async {
                for piece in body.chunks(9_999) {
                    writer.write(piece).await.unwrap();
                }
                writer.finish(b"").await;
            };
            let reading = async {
                for task in tasks {
                    assert!(task.await == body);
                }
            };
            executor.run(future::zip(writing, reading)).await;
            assert!(rig.fresh(&path, "").await.unwrap() == body);
        }
    });
}

#[test]
fn a_follower_may_begin_anywhere() {
    smol::block_on(async {
        let rig = Rig::new();
        let body = noise(500_000);
        let fill = rig.miss("/a", "").await;
        let mut writer = rig.begin(fill, FRESH, Some(500_000));
        writer.write(&body[..300_000]).await.unwrap();
        let mut follower = rig.following("/a", "Range: bytes=299000-").await;
        stream(follower.head(Fields::NONE, rig.now()).await);
        follower.range(299_000..400_000);
        assert_eq!(next_bytes(&mut follower).await.unwrap(), &body[299_000..300_000]);
        writer.write(&body[300_000..]).await.unwrap();
        let (rest, end) = follow(&mut follower).await;
        assert!(end.is_none());
        assert_eq!(rest, &body[300_000..400_000]);
        writer.finish(b"").await;
    });
}

#[test]
fn ranges_wait_only_for_what_will_soon_come() {
    smol::block_on(async {
        let rig = Rig::new();
        assert_eq!(name(&rig.look("/a", "Range: bytes=10-").await), "miss, uri-miss");
        assert_eq!(name(&rig.look("/a", "Range: bytes=-10").await), "miss, uri-miss");
        let Lookup::Miss(fill, _) = rig.look("/a", "Range: bytes=0-").await else { panic!("no fill") };
        let writer = rig.begin(fill, FRESH, Some(50_000_000));
        assert_eq!(name(&rig.look("/a", "Range: bytes=10-").await), "follow, uri-miss");
        assert_eq!(name(&rig.look("/a", "Range: bytes=40000000-").await), "pass, range-miss");
        drop(writer);
    });
}

#[test]
fn a_writer_that_goes_leaves_nothing_and_cuts_its_followers() {
    smol::block_on(async {
        let rig = Rig::new();
        for (length, sent) in [(Some(10), 5), (None, 5), (Some(300_000), 200_000), (None, 200_000)] {
            let fill = rig.miss("/a", "").await;
            let mut writer = rig.begin(fill, FRESH, length);
            let mut follower = writer.follower();
            writer.write(&noise(sent)).await.unwrap();
            drop(writer);
            let (bytes, end) = follow(&mut follower).await;
            assert_eq!(end.as_ref().map(end_name).unwrap(), "failed: cut");
            assert_eq!(bytes, noise(sent));
            drop(follower);
            assert_eq!(rig.cache().stat().fills, 0);
            assert!(rig.folder.objects().is_empty());
        }
    });
}

#[test]
fn a_body_of_another_length_than_announced_is_a_cut() {
    smol::block_on(async {
        let rig = Rig::new();
        for announced in [3, 5] {
            let fill = rig.miss("/a", "").await;
            let mut writer = rig.begin(fill, FRESH, Some(announced));
            let mut follower = writer.follower();
            writer.write(b"four").await.unwrap();
            writer.finish(b"").await;
            assert!(follow(&mut follower).await.1.is_some());
        }
        assert_eq!(name(&rig.look("/a", "").await), "miss, uri-miss");
    });
}

#[test]
fn a_fill_goes_on_when_all_have_left() {
    smol::block_on(async {
        let rig = Rig::new();
        let fill = rig.miss("/a", "").await;
        let mut writer = rig.begin(fill, FRESH, Some(200_000));
        drop(writer.follower());
        drop(rig.following("/a", "").await);
        for piece in noise(200_000).chunks(5000) {
            writer.write(piece).await.unwrap();
        }
        writer.finish(b"").await;
        assert_eq!(rig.fresh("/a", "").await.unwrap(), noise(200_000));
    });
}

#[test]
fn a_permit_dropped_without_a_word_goes_to_one_follower() {
    smol::block_on(async {
        let rig = Rig::new();
        let fill = rig.miss("/a", "").await;
        let mut first = rig.following("/a", "").await;
        let mut second = rig.following("/a", "").await;
        drop(fill);
        let Err(FillEnd::TakeOver(fill)) = first.head(Fields::NONE, rig.now()).await else { panic!("not first") };
        assert!(ready(second.head(Fields::NONE, rig.now())).await.is_none());
        // The second in line takes over from the first.
        drop(fill);
        drop(first);
        let Err(FillEnd::TakeOver(fill)) = second.head(Fields::NONE, rig.now()).await else { panic!("not second") };
        rig.answer(fill, "", FRESH, b"body").await;
        stream(second.head(Fields::NONE, rig.now()).await);
        assert_eq!(follow(&mut second).await.0, b"body");
        // With nobody waiting it is as if it had never been.
        let fill = rig.miss("/b", "").await;
        let follower = rig.following("/b", "").await;
        drop(fill);
        drop(follower);
        drop(rig.miss("/b", "").await);
        assert_eq!(rig.cache().stat().fills, 0);
    });
}

#[test]
fn failures_are_told_to_all_who_wait() {
    smol::block_on(async {
        let rig = Rig::new();
        let fill = rig.miss("/a", "").await;
        let mut follower = rig.following("/a", "").await;
        fill.failed(Failure { status: 504, word: "too-late" });
        let Err(end) = follower.head(Fields::NONE, rig.now()).await else { panic!("an answer") };
        assert_eq!(end_name(&end), "failed: too-late");
        assert_eq!(name(&rig.look("/a", "").await), "miss, uri-miss");
    });
}

#[test]
fn what_is_not_kept_serialises_nobody() {
    smol::block_on(async {
        let rig = Rig::new();
        let fill = rig.miss("/a", "").await;
        let mut follower = rig.following("/a", "").await;
        let fields = Block::new("Cache-Control: no-store");
        assert!(fill.stored(Fields::NONE, &rig.answer_of(200, &fields, Some(1))).is_err());
        let Err(end) = follower.head(Fields::NONE, rig.now()).await else { panic!("an answer") };
        assert_eq!(end_name(&end), "go alone: no-store");
        // For a minute each asks for itself; what can be kept then is kept.
        let (one, two) = (rig.miss("/a", "").await, rig.miss("/a", "").await);
        assert_eq!(name(&rig.look("/a", "Range: bytes=0-").await), "pass, hit-for-pass");
        drop((one, two));
        rig.pass(61);
        let _fill = rig.miss("/a", "").await;
        assert_eq!(name(&rig.look("/a", "").await), "follow, uri-miss");
    });
}

#[test]
fn what_is_stale_when_it_comes_is_for_the_one_who_asked() {
    smol::block_on(async {
        let rig = Rig::new();
        let fill = rig.miss("/a", "").await;
        let mut follower = rig.following("/a", "").await;
        let mut writer = rig.begin(fill, "Cache-Control: no-cache\nETag: \"1\"", Some(4));
        let mut own = writer.follower();
        stream(own.head(Fields::NONE, rig.now()).await);
        let Err(end) = follower.head(Fields::NONE, rig.now()).await else { panic!("an answer") };
        assert_eq!(end_name(&end), "look again");
        // The others do not queue behind each other either.
        for _ in 0..2 {
            assert_eq!(name(&rig.look("/a", "").await), "stale, fill, stale");
        }
        writer.write(b"body").await.unwrap();
        writer.finish(b"").await;
        for _ in 0..2 {
            let Lookup::Stale(_, Permit::Fill(_), Forward::Stale) = rig.look("/a", "").await else { panic!() };
        }
    });
}

#[test]
fn a_validation_is_shared_where_its_result_is_fresh() {
    smol::block_on(async {
        let rig = Rig::new();
        rig.keep("/a", "", "Cache-Control: max-age=10\nETag: \"1\"", b"body").await;
        rig.pass(20);
        let Lookup::Stale(_, Permit::Fill(fill), _) = rig.look("/a", "").await else { panic!("not stale") };
        let Lookup::Stale(_, Permit::Follow(mut follower), _) = rig.look("/a", "").await else { panic!("no follower") };
        let fields = Block::new("ETag: \"1\"");
        assert!(fill.freshened(&rig.answer_of(304, &fields, None)).await.is_ok());
        let Ok(Followed::Hit(hit)) = follower.head(Fields::NONE, rig.now()).await else { panic!("no hit") };
        assert_eq!(read(&hit).await, b"body");
        assert_eq!(rig.cache().stat().fills, 0);
    });
}

#[test]
fn requests_with_authorization_wait_only_for_each_other() {
    smol::block_on(async {
        let rig = Rig::new();
        let plain = rig.miss("/a", "").await;
        let authorized = rig.miss("/a", "Authorization: Basic eA==").await;
        assert_eq!(name(&rig.look("/a", "Authorization: Basic eA==").await), "follow, uri-miss");
        let fields = Block::new(FRESH);
        let kept = authorized.stored(Fields::NONE, &rig.answer_of(200, &fields, Some(1)));
        assert_eq!(kept.err().map(|why| why.word()), Some("authorization"));
        rig.answer(plain, "", FRESH, b"public").await;
        assert_eq!(rig.fresh("/a", "Authorization: Basic eA==").await.unwrap(), b"public");
    });
}

#[test]
fn requests_that_only_want_what_is_there_start_nothing() {
    smol::block_on(async {
        let rig = Rig::new();
        assert_eq!(name(&rig.look("/a", "Cache-Control: only-if-cached").await), "only-if-cached");
        assert_eq!(name(&rig.look("/a", "Cache-Control: no-store").await), "pass, request-no-store");
        rig.keep("/a", "", FRESH, b"body").await;
        assert!(rig.fresh("/a", "Cache-Control: only-if-cached").await.is_some());
        assert!(rig.fresh("/a", "Cache-Control: no-store").await.is_some());
        assert_eq!(name(&rig.look("/a", "Cache-Control: no-cache").await), "stale, fill, request");
        rig.pass(101);
        assert_eq!(name(&rig.look("/a", "Cache-Control: only-if-cached").await), "only-if-cached");
        assert!(rig.fresh("/a", "Cache-Control: only-if-cached, max-stale").await.is_some());
    });
}

/// One client's whole errand: whatever it is told, it does, until it has the body.
async fn fetch(rig: &Rig, path: &str, clumsy: bool) -> Vec<u8> {
    let fields = Block::new(FRESH);
    let body = noise(path.len() * 9_001);
    loop {
        let mut source = match rig.look(path, "").await {
            Lookup::Fresh(hit) => return read(&hit).await,
            Lookup::Miss(fill, _) => Err(fill),
            Lookup::Follow(follower, _) | Lookup::Partial { follower, .. } => Ok(follower),
            other => panic!("{}", name(&other)),
        };
        loop {
            source = match source {
                Err(fill) if clumsy => break drop(fill),
                Err(fill) => {
                    let answer = rig.answer_of(200, &fields, Some(body.len() as u64));
                    let mut writer = fill.stored(Fields::NONE, &answer).unwrap();
                    for piece in body.chunks(5_000) {
                        writer.write(piece).await.unwrap();
                    }
                    writer.finish(b"").await;
                    return body;
                }
                Ok(mut follower) => match follower.head(Fields::NONE, rig.now()).await {
                    Ok(Followed::Stream { .. }) => {
                        let (bytes, end) = follow(&mut follower).await;
                        assert!(end.is_none());
                        return bytes;
                    }
                    Ok(Followed::Hit(hit)) => return read(&hit).await,
                    Ok(Followed::Ask(_)) => panic!("a question"),
                    Err(FillEnd::TakeOver(fill)) => Err(fill),
                    Err(FillEnd::LookAgain) => break,
                    Err(end) => panic!("{}", end_name(&end)),
                },
            };
        }
        if clumsy {
            return body;
        }
    }
}

#[test]
fn many_threads_share_their_fills() {
    let rig = Rig::new();
    std::thread::scope(|scope| {
        for thread in 0..8_usize {
            let rig = &rig;
            scope.spawn(move || {
                for round in 0..60 {
                    let path = format!("/{}", "x".repeat(1 + round / 4));
                    let clumsy = (thread + round) % 5 == 0;
                    let body = smol::block_on(fetch(rig, &path, clumsy));
                    assert!(body == noise(path.len() * 9_001));
                }
            });
        }
    });
    assert_eq!(rig.cache().stat().fills, 0);
    assert_eq!(rig.folder.unfinished(), 0);
    assert_eq!(rig.cache().stat().damaged, 0);
}
