//! What is kept is found again.

use super::*;
use crate::cache::StaleFor;
use crate::cache::reason::StaleForbidden;

const FRESH: &str = "Cache-Control: max-age=100";

#[test]
fn bodies_of_every_size_come_back() {
    smol::block_on(async {
        let mut rig = Rig::new();
        let lengths = [0, 1, 100, 32 << 10, (32 << 10) + 1, 65_535, 65_536, 65_537, 262_144, 262_145, 1_000_003];
        for length in lengths {
            rig.keep(&format!("/{length}"), "", FRESH, &noise(length)).await;
        }
        for length in lengths {
            assert_eq!(rig.fresh(&format!("/{length}"), "").await.as_deref(), Some(&*noise(length)), "{length}");
        }
        rig.cut_power();
        for length in lengths {
            let Lookup::Fresh(hit) = rig.look(&format!("/{length}"), "").await else { panic!("{length}") };
            assert_eq!(hit.len(), length as u64);
            assert_eq!(read(&hit).await, noise(length), "{length}");
            assert_eq!(matches!(hit.at_hand(), Some(Piece::Memory(_))), length <= 32 << 10);
        }
        assert_eq!(rig.folder.unfinished(), 0);
        assert_eq!(rig.cache().stat().damaged, 0);
    });
}

#[test]
fn bodies_of_unknown_length_come_back_with_their_trailers() {
    smol::block_on(async {
        let mut rig = Rig::new();
        for length in [0, 5, 65_536, 400_000] {
            let path = format!("/{length}");
            let fill = rig.miss(&path, "").await;
            let fields = Block::new(FRESH);
            let mut writer = fill.stored(Fields::NONE, &rig.answer_of(200, &fields, None)).unwrap();
            for piece in noise(length).chunks(1000) {
                writer.write(piece).await.unwrap();
            }
            writer.finish(b"X-Sum: 1\r\n").await;
            rig.cut_power();
            let Lookup::Fresh(hit) = rig.look(&path, "").await else { panic!("{length}") };
            assert_eq!(read(&hit).await, noise(length));
            assert_eq!(hit.trailers(), b"X-Sum: 1\r\n");
        }
    });
}

#[test]
fn groups_of_chunks_are_found_by_arithmetic() {
    smol::block_on(async {
        let rig = Rig::new();
        // More than one group: 64 MB and a little.
        let length = (256 << 18) + 300_000;
        let mut rig = Rig { config: CacheConfig { max_object: Size::mib(100), ..rig.config.clone() }, ..rig };
        rig.cache().reconfigure(&rig.config);
        let body = noise(length);
        rig.keep("/film", "", FRESH, &body).await;
        rig.cut_power();
        let Lookup::Fresh(hit) = rig.look("/film", "").await else { panic!("not fresh") };
        for start in [0, 262_143, (256 << 18) - 5, 256 << 18, length - 7] {
            let end = length.min(start + 100);
            let part = read_range(&hit, start as u64..end as u64).await.unwrap();
            assert_eq!(part, &body[start..end], "{start}");
        }
        assert!(read(&hit).await == body);
    });
}

#[test]
fn parts_of_a_body_are_read_alone() {
    smol::block_on(async {
        let rig = Rig::new();
        let body = noise(700_000);
        rig.keep("/a", "", FRESH, &body).await;
        let Lookup::Fresh(hit) = rig.look("/a", "").await else { panic!("not fresh") };
        for range in [0..1, 262_100..262_200, 524_288..700_000, 699_999..700_000, 5..5] {
            let (start, end) = (range.start as usize, range.end as usize);
            assert_eq!(read_range(&hit, range).await.unwrap(), &body[start..end]);
        }
        assert_eq!(read_range(&hit, 699_000..u64::MAX).await.unwrap(), &body[699_000..]);
    });
}

#[test]
fn heads_are_kept_as_they_came_but_for_what_is_of_one_hop() {
    smol::block_on(async {
        let mut rig = Rig::new();
        let answer = "X-Odd:  a  b \nCache-Control: max-age=100\nConnection: X-Hop, close\nX-Hop: 1\nAge: 7\n\
                      Transfer-Encoding: chunked\nETag: \"e\"\nProxy-Authenticate: Basic\nX-Odd: c";
        rig.keep("/a", "", answer, b"body").await;
        rig.cut_power();
        let Lookup::Fresh(hit) = rig.look("/a", "").await else { panic!("not fresh") };
        let expected = "Cache-Control: max-age=100\r\nETag: \"e\"\r\nDate: Mon, 01 Jun 2026 00:00:00 GMT\r\n\
                        X-Odd: a  b\r\nX-Odd: c\r\n";
        assert_eq!(std::str::from_utf8(hit.head().lines()).unwrap(), expected);
        let in_304 = expected.split_at(expected.find("X-Odd").unwrap()).0;
        assert_eq!(std::str::from_utf8(hit.head().lines_not_modified()).unwrap(), in_304);
        assert_eq!(hit.head().validators().etag, Some(&b"\"e\""[..]));
        assert_eq!(hit.head().age(rig.now()), 7);
        assert_eq!(hit.head().ttl(rig.now()), 93);
    });
}

#[test]
fn a_hit_is_answered_from_ram_the_second_time() {
    smol::block_on(async {
        let mut rig = Rig::new();
        rig.keep("/a", "", FRESH, b"body").await;
        assert!(matches!(rig.hot("/a", "").unwrap().at_hand(), Some(Piece::Memory(b"body"))));
        rig.cut_power();
        assert!(rig.hot("/a", "").is_none());
        assert!(rig.fresh("/a", "").await.is_some());
        assert!(rig.hot("/a", "").is_some());
        assert!(rig.hot("/a", "Cache-Control: no-cache").is_none());
        assert!(rig.hot("/b", "").is_none());
        rig.pass(101);
        assert!(rig.hot("/a", "").is_none());
    });
}

#[test]
fn a_thousand_objects_are_served_at_once_after_a_stop() {
    smol::block_on(async {
        let mut rig = Rig::new();
        for number in 0..1000 {
            rig.keep(&format!("/{number}"), "", FRESH, format!("body {number}").as_bytes()).await;
        }
        rig.cut_power();
        assert!(!rig.cache().stat().counted);
        for number in (0..1000).rev() {
            let body = rig.fresh(&format!("/{number}"), "").await.unwrap();
            assert_eq!(body, format!("body {number}").as_bytes());
        }
        for _ in 0..256 {
            rig.cache().maintain(rig.now());
        }
        let stat = rig.cache().stat();
        assert_eq!((stat.counted, stat.objects, stat.damaged), (true, 1000, 0));
        assert!(stat.bytes >= 1000 * 4096 && stat.bytes < 1000 * 20_000, "{}", stat.bytes);
    });
}

#[test]
fn a_304_freshens_what_is_kept_for_good() {
    smol::block_on(async {
        let mut rig = Rig::new();
        for length in [10, 100_000] {
            let path = format!("/{length}");
            rig.keep(&path, "", "Cache-Control: max-age=10\nETag: \"1\"\nX-Old: 1", &noise(length)).await;
            for round in 0..20 {
                rig.pass(50);
                let Lookup::Stale(_, Permit::Fill(fill), _) = rig.look(&path, "").await else { panic!("not stale") };
                assert_eq!(fill.question().validators.unwrap().etag, Some(&b"\"1\""[..]));
                let answer = format!("ETag: \"1\"\nX-New: {round}\nX-Old: {}", "x".repeat(round * 100));
                let fields = Block::new(&answer);
                let hit = fill.freshened(&rig.answer_of(304, &fields, None)).await.ok().unwrap();
                assert_eq!(hit.head().status(), 200);
                assert_eq!(rig.fresh(&path, "").await, Some(noise(length)));
                if round % 5 == 4 {
                    rig.cut_power();
                    let Lookup::Fresh(hit) = rig.look(&path, "").await else { panic!("not kept") };
                    assert_eq!(hit.head().field("x-new"), Some(round.to_string().as_bytes()));
                    assert_eq!(hit.head().field("x-old").unwrap().len(), round * 100);
                    assert_eq!(hit.head().age(rig.now()), 0);
                    assert_eq!(read(&hit).await, noise(length));
                }
            }
        }
        assert!(rig.folder.objects().iter().all(|path| path.metadata().unwrap().len() < 120_000));
    });
}

#[test]
fn a_304_about_something_else_changes_nothing() {
    smol::block_on(async {
        let rig = Rig::new();
        rig.keep("/a", "", "Cache-Control: max-age=10\nETag: \"1\"", b"old").await;
        rig.pass(50);
        let Lookup::Stale(hit, Permit::Fill(fill), _) = rig.look("/a", "").await else { panic!("not stale") };
        let other = Block::new("ETag: \"2\"");
        let Err(fill) = fill.freshened(&rig.answer_of(304, &other, None)).await else { panic!("freshened") };
        assert!(fill.question().validators.is_none());
        rig.answer(fill, "", "Cache-Control: max-age=10\nETag: \"2\"", b"new").await;
        assert_eq!(read(&hit).await, b"old");
        assert_eq!(rig.fresh("/a", "").await.unwrap(), b"new");
    });
}

#[test]
fn a_304_that_forbids_keeping_serves_once() {
    smol::block_on(async {
        let rig = Rig::new();
        rig.keep("/a", "", "Cache-Control: max-age=10\nETag: \"1\"", b"body").await;
        rig.pass(50);
        let Lookup::Stale(_, Permit::Fill(fill), _) = rig.look("/a", "").await else { panic!("not stale") };
        let fields = Block::new("ETag: \"1\"\nCache-Control: no-store");
        let hit = fill.freshened(&rig.answer_of(304, &fields, None)).await.ok().unwrap();
        assert_eq!(read(&hit).await, b"body");
        assert!(rig.folder.objects().is_empty());
        assert_eq!(name(&rig.look("/a", "").await), "miss, uri-miss");
    });
}

#[test]
fn a_304_to_a_request_that_wants_nothing_kept_changes_nothing_for_others() {
    smol::block_on(async {
        for request in ["Cache-Control: no-store", "Authorization: x"] {
            let mut rig = Rig::new();
            rig.keep("/a", "", "Cache-Control: max-age=10\nETag: \"1\"", b"body").await;
            rig.pass(50);
            let Lookup::Stale(_, Permit::Fill(fill), _) = rig.look("/a", request).await else { panic!("not stale") };
            let fields = Block::new("ETag: \"1\"\nX-New: 1");
            let hit = fill.freshened(&rig.answer_of(304, &fields, None)).await.ok().unwrap();
            assert_eq!(hit.head().field("x-new"), Some(&b"1"[..]));
            for _ in 0..2 {
                let Lookup::Stale(hit, _, _) = rig.look("/a", "").await else { panic!("{request}") };
                assert_eq!(hit.head().field("x-new"), None);
                rig.cut_power();
            }
        }
    });
}

#[test]
fn a_validation_that_only_moves_the_date_costs_no_write_where_each_use_asks() {
    smol::block_on(async {
        let rig = Rig::new();
        rig.keep("/a", "", "Cache-Control: no-cache\nETag: \"1\"", b"body").await;
        let written = rig.cache().stat().written;
        for _ in 0..5 {
            rig.pass(50);
            let Lookup::Stale(_, Permit::Fill(fill), _) = rig.look("/a", "").await else { panic!("not stale") };
            let fields = Block::new("ETag: \"1\"\nDate: Mon, 01 Jun 2026 00:00:00 GMT");
            assert!(fill.freshened(&rig.answer_of(304, &fields, None)).await.is_ok());
        }
        assert_eq!(rig.cache().stat().written, written);
    });
}

#[test]
fn unsafe_requests_make_what_is_kept_ask_first() {
    smol::block_on(async {
        let mut rig = Rig::new();
        rig.keep("/a", "", "Cache-Control: max-age=100\nETag: \"1\"", b"body").await;
        let key = Key::new(ORIGIN, "/a", None);
        rig.cache().invalidate(&key).await;
        assert!(rig.hot("/a", "").is_none());
        for _ in 0..2 {
            let Lookup::Stale(hit, _, _) = rig.look("/a", "").await else { panic!("still fresh") };
            let allowed = hit.stale_allowed(&RequestRules::PLAIN, &rig.route, StaleFor::Unreachable, rig.now());
            assert_eq!(allowed, Err(StaleForbidden::Invalidated));
            drop(hit);
            rig.cut_power();
        }
        let Lookup::Stale(_, Permit::Fill(fill), _) = rig.look("/a", "").await else { panic!("still fresh") };
        let fields = Block::new("ETag: \"1\"");
        assert!(fill.freshened(&rig.answer_of(304, &fields, None)).await.is_ok());
        assert!(rig.fresh("/a", "").await.is_some());
        rig.cut_power();
        assert!(rig.fresh("/a", "").await.is_some());
    });
}

#[test]
fn an_answer_that_was_on_its_way_is_stale_after_an_unsafe_request() {
    smol::block_on(async {
        let rig = Rig::new();
        let fill = rig.miss("/a", "").await;
        let fields = Block::new(FRESH);
        let mut writer = fill.stored(Fields::NONE, &rig.answer_of(200, &fields, Some(4))).unwrap();
        rig.cache().invalidate(&Key::new(ORIGIN, "/a", None)).await;
        assert_eq!(name(&rig.look("/a", "").await), "miss, uri-miss");
        writer.write(b"body").await.unwrap();
        writer.finish(b"").await;
        assert_eq!(name(&rig.look("/a", "").await), "stale, fill, stale");
    });
}

#[test]
fn ages_survive_a_stop_where_the_clock_is_believed() {
    smol::block_on(async {
        let mut rig = Rig::new();
        rig.keep("/a", "", "Cache-Control: max-age=100\nETag: \"1\"\nAge: 5", b"body").await;
        rig.pass(20);
        rig.cut_power();
        let Lookup::Fresh(hit) = rig.look("/a", "").await else { panic!("not fresh") };
        assert_eq!(hit.head().age(rig.now()), 25);
        drop(hit);
        rig.pass(80);
        assert_eq!(name(&rig.look("/a", "").await), "stale, fill, stale");
    });
}

#[test]
fn without_a_believed_clock_what_is_older_than_this_run_is_asked_for_first() {
    smol::block_on(async {
        let mut rig = Rig::new();
        rig.keep("/a", "", "Cache-Control: max-age=100\nETag: \"1\"", b"body").await;
        rig.cut_power();
        rig.now.lock().unwrap().sure = false;
        let Lookup::Stale(hit, _, _) = rig.look("/a", "").await else { panic!("fresh") };
        let allowed = hit.stale_allowed(&RequestRules::PLAIN, &rig.route, StaleFor::Unreachable, rig.now());
        assert_eq!(allowed, Ok(()));
        drop(hit);
        // What comes in this run is aged by the monotonic clock, whatever the wall clock does.
        rig.keep("/b", "", FRESH, b"body").await;
        rig.pass(99);
        rig.now.lock().unwrap().wall = Wall::from_seconds(0);
        assert!(rig.fresh("/b", "").await.is_some());
        rig.pass(1);
        assert!(rig.fresh("/b", "").await.is_none());
    });
}

#[test]
fn a_clock_that_went_backwards_makes_nothing_fresh() {
    smol::block_on(async {
        let mut rig = Rig::new();
        rig.keep("/a", "", "Cache-Control: max-age=100\nETag: \"1\"", b"body").await;
        rig.cut_power();
        rig.now.lock().unwrap().wall = Wall::from_seconds(START - 10);
        assert_eq!(name(&rig.look("/a", "").await), "stale, fill, stale");
    });
}

#[test]
fn two_routes_give_one_answer_their_own_freshness() {
    smol::block_on(async {
        let mut rig = Rig::new();
        rig.route.fresh_for = Some(Duration::from_secs(1000));
        rig.keep("/a", "", "ETag: \"1\"", b"body").await;
        rig.pass(500);
        assert!(rig.hot("/a", "").is_some());
        rig.route.fresh_for = None;
        assert!(rig.hot("/a", "").is_none());
        assert_eq!(name(&rig.look("/a", "").await), "stale, fill, stale");
        rig.route.fresh_for = Some(Duration::from_secs(1000));
        assert!(rig.fresh("/a", "").await.is_some());
        assert!(rig.hot("/a", "").is_some());
    });
}

#[test]
fn a_second_process_does_not_touch_the_folder() {
    smol::block_on(async {
        let mut rig = Rig::new();
        rig.keep("/a", "", FRESH, b"body").await;
        let second = Cache::open(&rig.config, Size::mib(64));
        let StoreState::Off(why) = second.state() else { panic!("{:?}", second.state()) };
        assert!(why.contains("another process"), "{why}");
        let key = Key::new(ORIGIN, "/a", None);
        let route = RouteCacheConfig::default();
        let found = second.lookup(&key, Fields::NONE, &RequestRules::PLAIN, &route, rig.now()).await;
        assert_eq!(name(&found), "pass, store");
        drop(found);
        // When the first one ends, the second takes over by itself.
        drop(rig.cache.take());
        second.maintain(at(10));
        assert_eq!(second.state(), StoreState::Ready);
        let found = second.lookup(&key, Fields::NONE, &RequestRules::PLAIN, &route, rig.now()).await;
        assert_eq!(name(&found), "fresh");
    });
}

#[test]
fn a_store_of_another_format_is_left_alone() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("format"), "hafir cache 2\n").unwrap();
    std::fs::create_dir_all(folder.path().join("objects/00")).unwrap();
    std::fs::write(folder.path().join("objects/00/0"), "theirs").unwrap();
    let config = CacheConfig { dir: folder.path().to_owned(), size: Size::mib(1), ..CacheConfig::default() };
    let cache = Cache::open(&config, Size::mib(64));
    assert!(matches!(cache.state(), StoreState::Off(why) if why.contains("another version")));
    cache.maintain(at(10));
    assert_eq!(std::fs::read(folder.path().join("objects/00/0")).unwrap(), b"theirs");
}

#[test]
fn a_damaged_format_file_costs_nothing() {
    for damaged in [&b""[..], b"\0\0\0", b"hafir cac", b"hafjr cache 1\n", b"hafir cache \n", b"hafir cache 1"] {
        let folder = Folder::new();
        std::fs::write(folder.path().join("format"), damaged).unwrap();
        let config = CacheConfig { dir: folder.path().to_owned(), size: Size::mib(1), ..CacheConfig::default() };
        let cache = Cache::open(&config, Size::mib(64));
        assert_eq!(cache.state(), StoreState::Ready, "{damaged:?}");
        assert_eq!(std::fs::read(folder.path().join("format")).unwrap(), b"hafir cache 1\n");
    }
}

#[test]
fn another_folder_or_no_room_at_all_is_taken_from_a_reloaded_configuration() {
    smol::block_on(async {
        let rig = Rig::new();
        rig.keep("/a", "", FRESH, b"body").await;
        let other = CacheConfig { dir: rig.folder.path().join("other"), ..rig.config.clone() };
        rig.cache().reconfigure(&other);
        assert_eq!(name(&rig.look("/a", "").await), "miss, uri-miss");
        rig.cache().reconfigure(&CacheConfig { size: Size::ZERO, ..other });
        assert!(matches!(rig.cache().state(), StoreState::Off(_)));
        assert_eq!(name(&rig.look("/a", "").await), "pass, store");
        rig.cache().reconfigure(&rig.config);
        assert!(rig.fresh("/a", "").await.is_some());
    });
}

#[test]
fn a_collision_of_hashes_is_a_miss() {
    smol::block_on(async {
        let mut rig = Rig::new();
        rig.keep("/a", "", FRESH, b"body").await;
        let from = rig.folder.objects().remove(0);
        let stored = Key::new(ORIGIN, "/a", None).hash();
        // The same location asked for with another text.
        let store = rig.store();
        assert!(matches!(store.find(stored, b"http://origin:80/b"), crate::cache::store::Found::Nothing));
        drop(store);
        assert!(from.exists());
        rig.cut_power();
        assert!(rig.fresh("/a", "").await.is_some());
    });
}
