//! `hafir cache`, with the real program: beside the running gateway, and on a folder that nobody runs on.

use crate::harness::{Answer, Gateway, Origin, Setup, hafir, pattern, until};

/// Runs `hafir cache` on a gateway's configuration; gives what it printed and whether it succeeded.
fn cache(gateway: &Gateway, words: &[&str]) -> (String, bool) {
    let file = gateway.file.display().to_string();
    let arguments = [&["cache", "--config", &file], words].concat();
    let output = hafir(&arguments);
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).expect("text"), output.status.success())
}

fn done(gateway: &Gateway, words: &[&str]) -> String {
    let (text, well) = cache(gateway, words);
    assert!(well, "{words:?}: {text}");
    text
}

fn refused(gateway: &Gateway, words: &[&str]) -> String {
    let (text, well) = cache(gateway, words);
    assert!(!well, "{words:?}: {text}");
    text
}

/// A site with pages, and a film that carries a tag.
fn site() -> Origin {
    Origin::new(|seen| {
        let fields = ["Cache-Control: max-age=600", "ETag: \"1\"", "Surrogate-Key: film"];
        match seen.target() {
            "/film" if seen.field("If-None-Match").is_some() => {
                Answer::raw("HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nCache-Control: max-age=600\r\n\r\n")
            }
            "/film" => Answer::ok(&fields, pattern(700_000, 7)),
            _ => Answer::ok(&fields[..2], format!("page {}", seen.target())),
        }
    })
}

#[test]
fn what_is_kept_can_be_looked_at() {
    let origin = site();
    let mut gateway = Gateway::before(&origin);
    gateway.get("/film");
    gateway.get("/wiki/a?x=1");
    gateway.wait_until_kept(2);
    for _ in 0..2 {
        let stat = done(&gateway, &["stat"]);
        assert!(stat.contains("answers   2 whole, 0 in part\n"), "{stat}");
        let list = done(&gateway, &["list"]);
        assert!(list.contains(&format!("{}/film", origin.url())), "{list}");
        let list = done(&gateway, &["list", "/wiki/"]);
        assert!(list.contains("/wiki/a?x=1") && !list.contains("/film"), "{list}");
        let list = done(&gateway, &["--json", "list", "tag:film"]);
        assert_eq!(list.lines().count(), 1, "{list}");
        assert!(list.contains("\"whole\":true,\"present_bytes\":700000,\"body_bytes\":700000"), "{list}");
        for url in ["/film", "http://board/film", &format!("{}/film", origin.url())] {
            let sheet = done(&gateway, &["show", url]);
            for words in ["all of 683.6 KB (700000 bytes)", "ETag: \"1\"", "every byte is as it was", "route     all"] {
                assert!(sheet.contains(words), "{words}: {sheet}");
            }
        }
        let verified = done(&gateway, &["verify"]);
        assert!(verified.starts_with("2 answers, "), "{verified}");
        // The same where no gateway runs.
        gateway.kill();
    }
}

#[test]
fn damage_is_told() {
    let origin = site();
    let gateway = Gateway::before(&origin);
    gateway.get("/film");
    gateway.wait_until_kept(1);
    let files = gateway.folder.files("cache/objects");
    let film = files.iter().max_by_key(|file| std::fs::metadata(file).map_or(0, |found| found.len())).expect("a file");
    let mut bytes = std::fs::read(film).expect("the film");
    bytes[300_000] ^= 1;
    std::fs::write(film, bytes).expect("the film");
    let verified = refused(&gateway, &["verify"]);
    assert!(verified.contains("1 is damaged") && verified.contains("/film"), "{verified}");
}

#[test]
fn a_purge_beside_the_gateway_holds_at_once() {
    let origin = site();
    let gateway = Gateway::before(&origin);
    for target in ["/film", "/wiki/a", "/wiki/b", "/other"] {
        gateway.get(target);
    }
    gateway.wait_until_kept(4);
    assert!(gateway.get("/film").is_hit());
    let said = done(&gateway, &["purge", "tag:film"]);
    assert_eq!(said, "tag:film is asked for anew before it is used again\n");
    assert!(gateway.get("/film").is_whole());
    assert_eq!(origin.last().field("If-None-Match"), Some("\"1\""), "the bytes stayed");
    assert!(gateway.get("/film").is_hit(), "and serve again");
    done(&gateway, &["purge", "/wiki/*"]);
    assert!(!gateway.get("/wiki/a").is_hit() && !gateway.get("/wiki/b").is_hit() && gateway.get("/other").is_hit());
    done(&gateway, &["purge", "http://board/other", "--hard"]);
    let nothing = refused(&gateway, &["show", "/other"]);
    assert!(nothing.contains("nothing is kept for /other"), "{nothing}");
    assert!(!gateway.get("/other").is_hit());
    until("the purges on the card", || !done(&gateway, &["stat"]).contains("are being carried out"));
}

#[test]
fn a_purge_without_a_gateway_holds_when_it_starts() {
    let origin = site();
    let mut gateway = Gateway::before(&origin);
    gateway.get("/film");
    gateway.get("/wiki/a");
    gateway.wait_until_kept(2);
    gateway.kill();
    done(&gateway, &["purge", "tag:film", "--hard"]);
    done(&gateway, &["purge", "/wiki/a"]);
    assert!(done(&gateway, &["list", "/wiki/"]).contains("stale"));
    gateway.start_again();
    assert!(!gateway.get("/film").is_hit());
    assert!(!gateway.get("/wiki/a").is_hit());
}

#[test]
fn mistakes_are_named_with_what_mends_them() {
    let mut setup = Setup::new();
    setup.route("fixed", "path = /\nrespond = 200 here");
    let gateway = setup.start();
    for (words, problem) in [
        (&["show", "/x"][..], "no route with an upstream takes /x; see 'hafir explain'"),
        (&["show", "x"], "write http://HOST/PATH"),
        (&["purge"], "'hafir cache purge' needs a URL"),
    ] {
        let told = refused(&gateway, words);
        assert!(told.contains(problem), "{told}");
    }
    let output = hafir(&["cache", "--config", "/nowhere/hafir.ini", "stat"]);
    assert_eq!(output.status.code(), Some(78));
}
