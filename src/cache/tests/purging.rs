//! What is purged is not served again without asking: at once, hot or cold, on its way or not, after a power cut too.

use super::*;
use crate::cache::{Purge, What};

const FILM: &str = "Cache-Control: max-age=600\nETag: \"1\"\nSurrogate-Key: film lesson";
const PAGE: &str = "Cache-Control: max-age=600\nETag: \"1\"";

fn tag(name: &str) -> What {
    What::Tag(name.to_owned())
}

fn beginning(path: &str) -> What {
    What::Beginning(format!("{ORIGIN}{path}"))
}

/// Lets the background work come to its end.
fn settle(rig: &Rig) {
    for _ in 0..2000 {
        rig.cache().maintain(rig.now());
        if rig.cache().purges_waiting() == 0 && rig.cache().stat().counted {
            return;
        }
    }
    panic!("the sweep does not end");
}

async fn looked(rig: &Rig, path: &str) -> String {
    name(&rig.look(path, "").await)
}

#[test]
fn a_soft_purge_holds_at_once_and_keeps_the_bytes() {
    smol::block_on(async {
        let rig = Rig::new();
        rig.keep("/film", "", FILM, &noise(70_000)).await;
        rig.keep("/wiki/a", "", PAGE, b"a").await;
        rig.keep("/wiki/b", "", PAGE, b"b").await;
        assert!(rig.cache().purge(&[beginning("/wiki/a")], Purge::Soft).unwrap().lasting);
        assert_eq!(looked(&rig, "/wiki/a").await, "stale, fill, stale");
        assert_eq!(looked(&rig, "/wiki/b").await, "fresh");
        rig.cache().purge(&[tag("lesson")], Purge::Soft).unwrap();
        assert_eq!(looked(&rig, "/film").await, "stale, fill, stale");
        rig.cache().purge(&[What::Key(format!("{ORIGIN}/wiki/b"))], Purge::Soft).unwrap();
        assert_eq!(looked(&rig, "/wiki/b").await, "stale, fill, stale");
    });
}

#[test]
fn a_purge_holds_through_a_power_cut_and_after_its_sweep() {
    smol::block_on(async {
        let mut rig = Rig::new();
        rig.keep("/film", "", FILM, &noise(70_000)).await;
        rig.keep("/page", "", PAGE, b"page").await;
        rig.cache().purge(&[tag("film")], Purge::Soft).unwrap();
        rig.cut_power();
        assert_eq!(looked(&rig, "/film").await, "stale, fill, stale");
        assert_eq!(looked(&rig, "/page").await, "fresh");
        settle(&rig);
        assert_eq!(looked(&rig, "/film").await, "stale, fill, stale");
        rig.cut_power();
        assert_eq!(rig.cache().purges_waiting(), 0);
        assert_eq!(looked(&rig, "/film").await, "stale, fill, stale");
    });
}

#[test]
fn a_hard_purge_takes_away() {
    smol::block_on(async {
        let mut rig = Rig::new();
        rig.keep("/film", "", FILM, &noise(70_000)).await;
        rig.keep("/other", "", FILM, &noise(70_000)).await;
        rig.cache().purge(&[tag("film")], Purge::Hard).unwrap();
        assert_eq!(looked(&rig, "/film").await, "miss, uri-miss");
        rig.cut_power();
        assert_eq!(looked(&rig, "/other").await, "miss, uri-miss");
        settle(&rig);
        assert_eq!(rig.folder.objects().len(), 0);
    });
}

#[test]
fn what_comes_after_a_purge_is_not_purged() {
    smol::block_on(async {
        let mut rig = Rig::new();
        rig.cache().purge(&[beginning("/")], Purge::Hard).unwrap();
        rig.keep("/page", "", PAGE, b"page").await;
        assert_eq!(looked(&rig, "/page").await, "fresh");
        rig.cut_power();
        assert_eq!(looked(&rig, "/page").await, "fresh");
        settle(&rig);
        assert_eq!(looked(&rig, "/page").await, "fresh");
    });
}

#[test]
fn what_was_asked_for_before_a_purge_is_purged_when_it_comes() {
    smol::block_on(async {
        let mut rig = Rig::new();
        let fill = rig.miss("/film", "").await;
        let small = rig.miss("/small", "").await;
        rig.cache().purge(&[tag("film")], Purge::Soft).unwrap();
        assert_eq!(looked(&rig, "/film").await, "miss, uri-miss", "nobody joins it any more");
        rig.answer(fill, "", FILM, &noise(70_000)).await;
        rig.answer(small, "", FILM, b"small").await;
        for _ in 0..2 {
            assert_eq!(looked(&rig, "/film").await, "stale, fill, stale");
            assert_eq!(looked(&rig, "/small").await, "stale, fill, stale");
            rig.cut_power();
        }
    });
}

#[test]
fn variants_are_purged_by_their_key() {
    smol::block_on(async {
        let rig = Rig::new();
        for language in ["sw", "en"] {
            let asks = format!("Accept-Language: {language}");
            rig.keep("/page", &asks, &format!("{PAGE}\nVary: Accept-Language"), language.as_bytes()).await;
        }
        rig.cache().purge(&[What::Key(format!("{ORIGIN}/page"))], Purge::Hard).unwrap();
        assert!(rig.fresh("/page", "Accept-Language: sw").await.is_none());
        assert!(rig.fresh("/page", "Accept-Language: en").await.is_none());
    });
}

#[test]
fn a_purge_that_the_card_does_not_take_holds_all_the_same() {
    smol::block_on(async {
        let rig = Rig::new();
        rig.keep("/page", "", PAGE, b"page").await;
        rig.store().faults().fail_after(0, rustix::io::Errno::ROFS);
        assert!(!rig.cache().purge(&[beginning("/page")], Purge::Soft).unwrap().lasting);
        assert_eq!(looked(&rig, "/page").await, "stale, fill, stale");
    });
}

#[test]
fn groups_that_an_answer_names_as_changed_are_validated() {
    smol::block_on(async {
        let mut rig = Rig::new();
        for (path, group) in [("/a", "scores"), ("/b", "scores, then"), ("/c", "other")] {
            rig.keep(path, "", &format!("{PAGE}\nCache-Groups: \"x\", \"{group}\""), b"page").await;
        }
        rig.cache().invalidate_groups("http://elsewhere:80", vec!["scores".to_owned()]).await;
        assert_eq!(looked(&rig, "/a").await, "fresh");
        rig.cache().invalidate_groups(ORIGIN, vec!["scores".to_owned()]).await;
        for _ in 0..2 {
            assert_eq!(looked(&rig, "/a").await, "stale, fill, stale");
            assert_eq!(looked(&rig, "/b").await, "fresh");
            assert_eq!(looked(&rig, "/c").await, "fresh");
            settle(&rig);
            rig.cut_power();
        }
    });
}
