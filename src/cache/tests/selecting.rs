//! Answers with `Vary` (RFC 9111 §4.1).

use super::*;

const VARIES: &str = "Cache-Control: max-age=100\nVary: Accept-Language, X-Kind";

#[test]
fn each_variant_goes_to_those_who_ask_alike() {
    smol::block_on(async {
        let mut rig = Rig::new();
        let requests = ["Accept-Language: en", "Accept-Language: sw", "X-Kind: 1\nAccept-Language: en", ""];
        for request in requests {
            let fill = rig.miss("/a", request).await;
            rig.answer(fill, request, VARIES, request.as_bytes()).await;
        }
        for round in 0..2 {
            for request in requests {
                assert_eq!(rig.fresh("/a", request).await.unwrap(), request.as_bytes(), "round {round}");
                assert!(rig.hot("/a", request).is_some());
            }
            rig.cut_power();
        }
        for same in ["accept-language:  EN ", "Accept-Language: en\nX-Other: 1"] {
            assert_eq!(rig.fresh("/a", same).await.unwrap(), b"Accept-Language: en", "{same}");
        }
        for other in ["Accept-Language: en, sw", "Accept-Language: fr", "X-Kind: 2", "X-Kind:"] {
            assert_eq!(name(&rig.look("/a", other).await), "miss, vary-miss", "{other}");
        }
    });
}

#[test]
fn variants_are_filled_side_by_side_and_followed_by_their_own() {
    smol::block_on(async {
        let rig = Rig::new();
        let (english, swahili) = ("Accept-Language: en", "Accept-Language: sw");
        let fill = rig.miss("/a", english).await;
        // Nobody knows yet that the answer varies.
        let Lookup::Follow(mut other, _) = rig.look("/a", swahili).await else { panic!("no follower") };
        let Lookup::Follow(mut same, _) = rig.look("/a", english).await else { panic!("no follower") };
        let (request, fields) = (Block::new(english), Block::new(VARIES));
        let mut writer = fill.stored(request.fields(), &rig.answer_of(200, &fields, Some(2))).unwrap();
        let asked = Block::new(swahili);
        let Err(end) = other.head(asked.fields(), rig.now()).await else { panic!("took another's variant") };
        assert_eq!(end_name(&end), "look again");
        stream(same.head(request.fields(), rig.now()).await);
        // Now it is known: those who ask alike join, the others ask for themselves.
        assert_eq!(name(&rig.look("/a", english).await), "follow, uri-miss");
        let second = rig.miss("/a", swahili).await;
        writer.write(b"en").await.unwrap();
        writer.finish(b"").await;
        assert_eq!(follow(&mut same).await.0, b"en");
        rig.answer(second, swahili, VARIES, b"sw").await;
        assert_eq!(rig.fresh("/a", english).await.unwrap(), b"en");
        assert_eq!(rig.fresh("/a", swahili).await.unwrap(), b"sw");
        assert_eq!(rig.cache().stat().fills, 0);
        // With the list at hand, each variant has its own fill from the start.
        let fill = rig.miss("/a", "Accept-Language: fr").await;
        drop(rig.miss("/a", "Accept-Language: ar").await);
        drop(fill);
    });
}

#[test]
fn the_oldest_variants_go() {
    smol::block_on(async {
        let mut rig = Rig::new();
        for number in 0..40 {
            let request = format!("X-Kind: {number}");
            let fill = rig.miss("/a", &request).await;
            rig.answer(fill, &request, VARIES, b"body").await;
        }
        assert_eq!(rig.folder.objects().len(), 33);
        rig.cut_power();
        assert_eq!(name(&rig.look("/a", "X-Kind: 7").await), "miss, vary-miss");
        assert!(rig.fresh("/a", "X-Kind: 8").await.is_some());
    });
}

#[test]
fn an_answer_that_forgets_its_vary_is_for_those_who_ask_alike() {
    smol::block_on(async {
        let mut rig = Rig::new();
        rig.keep("/a", "X-Kind: 1", VARIES, b"one").await;
        let fill = rig.miss("/a", "").await;
        rig.answer(fill, "", "Cache-Control: max-age=100", b"none").await;
        for _ in 0..2 {
            assert_eq!(rig.fresh("/a", "X-Kind: 1").await.unwrap(), b"one");
            assert_eq!(rig.fresh("/a", "").await.unwrap(), b"none");
            assert_eq!(name(&rig.look("/a", "X-Kind: 2").await), "miss, vary-miss");
            rig.cut_power();
        }
    });
}

#[test]
fn an_answer_that_begins_to_vary_replaces_the_one_that_did_not() {
    smol::block_on(async {
        let mut rig = Rig::new();
        rig.keep("/a", "", "Cache-Control: max-age=10\nETag: \"1\"", b"for all").await;
        rig.pass(20);
        let Lookup::Stale(_, Permit::Fill(fill), _) = rig.look("/a", "X-Kind: 1").await else { panic!("not stale") };
        rig.answer(fill, "X-Kind: 1", VARIES, b"one").await;
        for _ in 0..2 {
            assert_eq!(rig.fresh("/a", "X-Kind: 1").await.unwrap(), b"one");
            assert_eq!(name(&rig.look("/a", "X-Kind: 2").await), "miss, vary-miss");
            rig.cut_power();
        }
    });
}

#[test]
fn all_variants_are_invalidated_together() {
    smol::block_on(async {
        let mut rig = Rig::new();
        for request in ["X-Kind: 1", "X-Kind: 2"] {
            let fill = rig.miss("/a", request).await;
            rig.answer(fill, request, VARIES, b"body").await;
        }
        rig.cache().invalidate(&Key::new(ORIGIN, "/a", None)).await;
        for _ in 0..2 {
            for request in ["X-Kind: 1", "X-Kind: 2"] {
                assert_eq!(name(&rig.look("/a", request).await), "stale, fill, stale");
            }
            rig.cut_power();
        }
    });
}

#[test]
fn a_304_freshens_the_variant_that_was_asked_for() {
    smol::block_on(async {
        let mut rig = Rig::new();
        let answer = "Cache-Control: max-age=10\nVary: X-Kind\nETag: \"1\"";
        for request in ["X-Kind: 1", "X-Kind: 2"] {
            let fill = rig.miss("/a", request).await;
            rig.answer(fill, request, answer, request.as_bytes()).await;
        }
        rig.pass(20);
        let Lookup::Stale(_, Permit::Fill(fill), _) = rig.look("/a", "X-Kind: 1").await else { panic!("not stale") };
        let fields = Block::new("ETag: \"1\"");
        assert!(fill.freshened(&rig.answer_of(304, &fields, None)).await.is_ok());
        for _ in 0..2 {
            assert_eq!(rig.fresh("/a", "X-Kind: 1").await.unwrap(), b"X-Kind: 1");
            assert_eq!(name(&rig.look("/a", "X-Kind: 2").await), "stale, fill, stale");
            rig.cut_power();
        }
    });
}

#[test]
fn out_of_reach_of_the_origin_a_reader_gets_the_language_they_know() {
    smol::block_on(async {
        let mut rig = Rig::new();
        for language in ["en-GB", "sw", "fr"] {
            let request = format!("Accept-Language: {language}");
            let answer = format!("{VARIES}\nContent-Language: {language}");
            rig.keep("/a", &request, &answer, language.as_bytes()).await;
        }
        rig.keep("/b", "", "Cache-Control: max-age=100\nContent-Language: sw", b"sw").await;
        rig.cut_power();
        for (path, request, expected) in [
            // RFC 4647 §3.4
            ("/a", "Accept-Language: de, sw;q=0.5, fr;q=0.1", Some("sw")),
            ("/a", "Accept-Language: fr-CH", Some("fr")),
            // §3.3.1
            ("/a", "Accept-Language: en", Some("en-GB")),
            // Who likes none, or says nothing, gets the newest.
            ("/a", "Accept-Language: de", Some("fr")),
            ("/a", "", Some("fr")),
            // Whatever else selects must match.
            ("/a", "Accept-Language: sw\nX-Kind: 1", None),
            ("/b", "Accept-Language: sw", None),
            ("/c", "Accept-Language: sw", None),
        ] {
            let block = Block::new(request);
            let (key, rules) = (Key::new(ORIGIN, path, None), rig.rules(&block));
            let hit = rig.cache().in_another_language(&key, block.fields(), &rules, rig.now()).await;
            let body = match &hit {
                Some(hit) => Some(read(hit).await),
                None => None,
            };
            assert_eq!(body.as_deref(), expected.map(str::as_bytes), "{path} {request}");
        }
    });
}
