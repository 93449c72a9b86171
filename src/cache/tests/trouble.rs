//! Full cards, failing cards, vanished folders: the answers go on.

use rustix::io::Errno;

use super::*;
use crate::cache::Stop;

const FRESH: &str = "Cache-Control: max-age=100";

impl Rig {
    fn small(size: Size) -> Rig {
        let rig = Rig::new();
        let config = CacheConfig { size, ..rig.config.clone() };
        rig.cache().reconfigure(&config);
        Rig { config, ..rig }
    }

    /// Background work for some time.
    fn maintain(&self, seconds: u64) {
        for _ in 0..300 {
            self.cache().maintain(self.now());
        }
        self.pass(seconds);
        self.cache().maintain(self.now());
    }

    /// Waits for what is taken off the card in the background.
    fn until_gone(&self) {
        let is_gone = || self.folder.unfinished() == 0 && self.cache().stat().bytes == 0;
        for _ in 0..2_000 {
            if is_gone() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("left: {} files, {} bytes", self.folder.unfinished(), self.cache().stat().bytes);
    }

    /// Reads a new answer through a failing card, with a follower at either end of its speed.
    async fn read_through(&self, path: &str, body: &[u8]) {
        let fill = self.miss(path, "").await;
        let fields = Block::new(FRESH);
        let mut writer = fill.stored(Fields::NONE, &self.answer_of(200, &fields, None)).unwrap();
        let (mut quick, mut slow) = (writer.follower(), writer.follower());
        let writing = async {
            for piece in body.chunks(20_000) {
                writer.write(piece).await.unwrap();
            }
            writer.finish(b"").await;
        };
        let quickly = async { follow(&mut quick).await };
        let slowly = async {
            let mut bytes = Vec::new();
            while let Ok(Next::Piece(piece)) = slow.next(7000).await {
                take(&piece, &mut bytes);
                smol::future::yield_now().await;
            }
            bytes
        };
        let ((_, (quick_bytes, end)), slow_bytes) =
            smol::future::zip(smol::future::zip(writing, quickly), slowly).await;
        assert!(end.is_none());
        assert!(quick_bytes == body && slow_bytes == body);
    }
}

#[test]
fn a_full_card_costs_no_follower_a_byte() {
    smol::block_on(async {
        let rig = Rig::new();
        let body = noise(3_000_000);
        for room in [0, 1, 1000, 100_000, 1_000_000, 2_900_000] {
            rig.store().faults().fail_after(room, Errno::NOSPC);
            rig.read_through("/a", &body).await;
            assert_eq!(rig.cache().state(), StoreState::Full, "{room}");
            assert_eq!(name(&rig.look("/a", "").await), "pass, store");
            rig.store().faults().heal();
            rig.pass(20);
            rig.maintain(10);
            assert_eq!(rig.cache().state(), StoreState::Ready, "{room}");
            rig.until_gone();
        }
        rig.read_through("/a", &body).await;
        assert!(rig.fresh("/a", "").await.unwrap() == body);
    });
}

#[test]
fn small_answers_pass_a_failing_card_too() {
    smol::block_on(async {
        let rig = Rig::new();
        rig.keep("/kept", "", FRESH, b"kept").await;
        for (error, state) in [
            (Errno::NOSPC, StoreState::Full),
            (Errno::DQUOT, StoreState::Full),
            (Errno::IO, StoreState::ReadOnly("the card reports errors".to_owned())),
            (Errno::ROFS, StoreState::ReadOnly("the card is read-only".to_owned())),
        ] {
            rig.store().faults().fail_after(0, error);
            rig.read_through("/a", b"body").await;
            assert_eq!(rig.cache().state(), state);
            assert!(rig.fresh("/kept", "").await.is_some());
            rig.store().faults().heal();
            rig.maintain(10);
            assert_eq!(rig.cache().state(), StoreState::Ready);
        }
        assert_eq!(rig.folder.objects().len(), 1);
    });
}

#[test]
fn with_nobody_reading_a_failed_fill_stops() {
    smol::block_on(async {
        let rig = Rig::new();
        let fill = rig.miss("/a", "").await;
        let fields = Block::new(FRESH);
        let mut writer = fill.stored(Fields::NONE, &rig.answer_of(200, &fields, None)).unwrap();
        rig.store().faults().fail_after(0, Errno::NOSPC);
        let mut stopped = false;
        for piece in noise(2_000_000).chunks(50_000) {
            stopped |= writer.write(piece).await == Err(Stop::NobodyReads);
        }
        assert!(stopped);
    });
}

#[test]
fn an_answer_that_outgrows_its_limit_is_read_but_not_kept() {
    smol::block_on(async {
        let rig = Rig::new();
        let mut rig = Rig { route: RouteCacheConfig { max_object: Some(Size::kib(500)), ..rig.route.clone() }, ..rig };
        rig.read_through("/a", &noise(2_000_000)).await;
        assert!(rig.folder.objects().is_empty());
        rig.route.max_object = None;
        rig.pass(11);
        rig.read_through("/a", &noise(2_000_000)).await;
        assert_eq!(rig.folder.objects().len(), 1);
        assert_eq!(rig.cache().state(), StoreState::Ready);
    });
}

#[test]
fn one_object_does_not_push_out_all_others() {
    smol::block_on(async {
        let rig = Rig::small(Size::mib(4));
        for number in 0..20 {
            rig.keep(&format!("/{number}"), "", FRESH, &noise(20_000)).await;
        }
        rig.read_through("/film", &noise(10_000_000)).await;
        assert_eq!(rig.cache().state(), StoreState::Ready);
        assert_eq!(rig.cache().stat().objects, 20);
        let fill = rig.miss("/film", "").await;
        let fields = Block::new(FRESH);
        let kept = fill.stored(Fields::NONE, &rig.answer_of(200, &fields, Some(3 << 20)));
        assert_eq!(kept.err().map(|why| why.word()), Some("too-large"));
    });
}

#[test]
fn the_store_stays_within_its_size() {
    smol::block_on(async {
        let rig = Rig::small(Size::mib(4));
        for number in 0..300_usize {
            let length = if number % 10 == 0 { 300_000 } else { 20_000 };
            rig.keep(&format!("/{number}"), "", FRESH, &noise(length)).await;
            assert!(rig.cache().stat().bytes <= 4 << 20, "{number}");
        }
        let stat = rig.cache().stat();
        assert!(stat.evicted > 100 && stat.bytes > 2 << 20, "{stat:?}");
        let on_card: u64 = rig.folder.objects().iter().map(|path| path.metadata().unwrap().len()).sum();
        assert!(on_card <= 4 << 20);
        assert_eq!(stat.objects, rig.folder.objects().len() as u64);
    });
}

#[test]
fn what_is_used_stays_when_others_must_go() {
    smol::block_on(async {
        let rig = Rig::small(Size::mib(2));
        for number in 0..10 {
            rig.keep(&format!("/used/{number}"), "", "Cache-Control: max-age=1000000", &noise(20_000)).await;
        }
        for number in 0..400 {
            rig.pass(300);
            for used in 0..10 {
                assert!(rig.fresh(&format!("/used/{used}"), "").await.is_some(), "{number} {used}");
            }
            rig.cache().maintain(rig.now());
            rig.keep(&format!("/{number}"), "", FRESH, &noise(20_000)).await;
        }
        assert!(rig.cache().stat().evicted > 200);
        for used in 0..10 {
            rig.cache().inner.hot.clear();
            assert!(rig.fresh(&format!("/used/{used}"), "").await.is_some(), "{used}");
        }
    });
}

#[test]
fn space_is_left_to_others() {
    smol::block_on(async {
        let rig = Rig::new();
        let config = CacheConfig { keep_free: Size::mib(10), ..rig.config.clone() };
        rig.cache().reconfigure(&config);
        for number in 0..20 {
            rig.keep(&format!("/{number}"), "", FRESH, &noise(20_000)).await;
        }
        rig.maintain(1);
        // Somebody else fills the card.
        rig.store().faults().set_free((10 << 20) - 100_000);
        rig.cache().maintain(rig.now());
        let left = rig.cache().stat().objects;
        assert!((10..=16).contains(&left), "{left}");
        rig.store().faults().set_free(0);
        rig.maintain(1);
        assert_eq!(rig.cache().stat().objects, 0);
        rig.read_through("/new", &noise(200_000)).await;
        assert_eq!(rig.cache().state(), StoreState::Full);
        rig.store().faults().heal();
        rig.maintain(10);
        assert_eq!(rig.cache().state(), StoreState::Ready);
    });
}

#[test]
fn pinned_answers_stay_and_others_pass_by() {
    smol::block_on(async {
        let mut rig = Rig::small(Size::mib(2));
        rig.route.pin = true;
        for number in 0..3 {
            rig.keep(&format!("/pinned{number}"), "", "Cache-Control: max-age=9000", &noise(300_000)).await;
        }
        rig.route.pin = false;
        // After a restart nobody knows what is pinned until it would have to go.
        for _ in 0..2 {
            for number in 0..20 {
                rig.read_through(&format!("/other{number}"), &noise(300_000)).await;
            }
            for number in 0..3 {
                assert!(rig.fresh(&format!("/pinned{number}"), "").await.is_some(), "{number}");
            }
            rig.cut_power();
            rig.maintain(1);
        }
        rig.route.pin = true;
        for number in 3..7 {
            rig.read_through(&format!("/pinned{number}"), &noise(300_000)).await;
        }
        // All of it is pinned now: what is new passes by, and what is others' stays theirs.
        rig.route.pin = false;
        assert_eq!(rig.cache().state(), StoreState::Full);
        assert_eq!(name(&rig.look("/new", "").await), "pass, store");
        assert!(rig.fresh("/pinned0", "").await.is_some() && rig.fresh("/pinned2", "").await.is_some());
        assert!(rig.cache().stat().bytes <= 2 << 20);
    });
}

#[test]
fn a_folder_that_vanishes_is_made_anew() {
    smol::block_on(async {
        let rig = Rig::new();
        rig.keep("/a", "", FRESH, &noise(100_000)).await;
        std::fs::remove_dir_all(rig.folder.path()).unwrap();
        rig.read_through("/b", b"body").await;
        assert!(matches!(rig.cache().state(), StoreState::Off(_)), "{:?}", rig.cache().state());
        assert_eq!(name(&rig.look("/c", "").await), "pass, store");
        rig.maintain(10);
        assert_eq!(rig.cache().state(), StoreState::Ready);
        rig.read_through("/b", b"body").await;
        assert!(rig.fresh("/b", "").await.is_some());
    });
}

#[test]
fn unfinished_work_of_an_earlier_run_is_cleared() {
    smol::block_on(async {
        let mut rig = Rig::new();
        std::fs::write(rig.folder.path().join("unfinished/7"), noise(10_000)).unwrap();
        rig.cut_power();
        assert_eq!(rig.folder.unfinished(), 0);
    });
}

#[test]
fn an_invalidation_that_the_card_does_not_take_holds_all_the_same() {
    smol::block_on(async {
        let rig = Rig::new();
        rig.keep("/a", "", "Cache-Control: max-age=100\nETag: \"1\"", b"body").await;
        rig.store().faults().fail_after(0, Errno::ROFS);
        rig.cache().invalidate(&Key::new(ORIGIN, "/a", None)).await;
        assert_eq!(name(&rig.look("/a", "").await), "pass, store");
        rig.store().faults().heal();
        rig.maintain(10);
        assert_eq!(name(&rig.look("/a", "").await), "miss, uri-miss");
        assert!(rig.folder.objects().is_empty());
    });
}
