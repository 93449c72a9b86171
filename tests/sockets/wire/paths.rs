//! Routing, access rules and forwarding see one normal form of a target (RFC 3986 §6): nothing slips between them.

use crate::harness::{Answer, Origin, Setup};

/// Two routes before two origins: one open, one that nobody here may use.
#[test]
fn no_spelling_reaches_a_route_it_does_not_match() {
    let open = Origin::new(|seen| Answer::ok(&["Cache-Control: no-store"], format!("open {}", seen.target())));
    let closed = Origin::new(|seen| Answer::ok(&["Cache-Control: no-store"], format!("closed {}", seen.target())));
    let mut setup = Setup::new();
    setup.route("open", &format!("path = /open/\nupstream = {}", open.url()));
    setup.route("closed", &format!("path = /closed/\nupstream = {}\nallow = 192.0.2.0/24", closed.url()));
    let gateway = setup.start();

    assert_eq!(gateway.get("/open/x").text(), "open /open/x");
    assert_eq!(gateway.get("/closed/x").status, 403);
    for spelling in [
        "/open/../closed/x",
        "/open/./../closed/x",
        "/open/%2e%2e/closed/x",
        "/open/%2E%2e/closed/x",
        "/open/.%2e/closed/x",
        "/open/..%2fclosed/x",
        "/open/..%2Fclosed/x",
        "/open/%2e%2e%2fclosed/x",
        "/open%2f..%2fclosed/x",
        "/open/..\\closed\\x",
        "/open/..%5cclosed%5cx",
        "/open/%252e%252e/closed/x",
        "/open//../closed/x",
        "/open///../../closed/x",
        "//closed/x",
        "///closed/x",
        "/closed//x",
        "/open/..;/closed/x",
        "/open/..%00/closed/x",
        "/open/%00/../closed/x",
        "/open/x%00/../../closed/x",
        "/open/..%0d%0a/closed/x",
        "/open/../../closed/x",
        "/../closed/x",
        "/./closed/x",
        "/%63losed/x",
        "/clos%65d/x",
        "/%2f/closed/x",
        "/open/..?/closed/x",
        "http://board/open/../closed/x",
        "http://board//closed/x",
        "/open/\u{ff0e}\u{ff0e}/closed/x",
        "/CLOSED/x",
        "/open/%c0%ae%c0%ae/closed/x",
        "/open/%u002e%u002e/closed/x",
    ] {
        let response = gateway.get(spelling);
        assert_eq!(closed.count(), 0, "{spelling} reached what is closed");
        assert!(!response.text().starts_with("closed"), "{spelling}");
        for seen in open.requests() {
            let target = seen.target().to_owned();
            assert!(target.starts_with("/open/"), "{spelling} reached the open origin as {target}");
            let path = target.split('?').next().unwrap_or_default().to_ascii_lowercase();
            for forbidden in ["/../", "/./", "%2e%2e/", "%2f", "%5c", "\\", "%00", "//"] {
                assert!(!path.contains(forbidden), "{spelling} reached the open origin as {target}");
            }
        }
    }
}

#[test]
fn spellings_of_one_path_are_one_object() {
    let origin = Origin::new(|seen| Answer::ok(&["Cache-Control: max-age=60"], seen.target()));
    let gateway = Setup::before(&origin).start();
    for (spelling, normal) in [
        ("/a/b", "/a/b"),
        ("/a/./b", "/a/b"),
        ("/a/c/../b", "/a/b"),
        ("/%61/%62", "/a/b"),
        ("/a/%62", "/a/b"),
        ("/%7euser", "/~user"),
        ("/~user", "/~user"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/caf%C3%A9", "/caf%C3%A9"),
        ("/a%20b", "/a%20b"),
        ("/a?%7e=%c3", "/a?~=%C3"),
        ("/a?b=../c", "/a?b=../c"),
        ("/a?", "/a?"),
        ("/..", "/"),
        ("/.", "/"),
        ("/a/..", "/"),
        ("/a/b/.", "/a/b/"),
        ("/a/b/..", "/a/"),
        ("/%2B+", "/%2B+"),
        ("/;p=1,2", "/;p=1,2"),
        ("/:@!$&'()*+,;=", "/:@!$&'()*+,;="),
    ] {
        let response = gateway.get(spelling);
        assert_eq!((response.status, response.text().as_str()), (200, normal), "{spelling}");
    }
    let mut asked: Vec<String> = origin.requests().iter().map(|seen| seen.target().to_owned()).collect();
    let all = asked.len();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), all, "two spellings of one path were two objects: {asked:?}");
}

#[test]
fn prefixes_match_whole_segments_and_the_longest_wins() {
    let one = Origin::new(|seen| Answer::ok(&["Cache-Control: no-store"], format!("one {}", seen.target())));
    let two = Origin::new(|seen| Answer::ok(&["Cache-Control: no-store"], format!("two {}", seen.target())));
    let mut setup = Setup::new();
    setup.route("one", &format!("path = /wiki\nupstream = {}\nstrip = yes", one.url()));
    setup.route("two", &format!("path = /wiki/deep/\nupstream = {}/base/", two.url()));
    let gateway = setup.start();
    for (target, expected) in [
        ("/wiki", "one /"),
        ("/wiki/", "one /"),
        ("/wiki/page?x", "one /page?x"),
        ("/wiki/deep/page", "two /base/page"),
        ("/wiki/deepest", "one /deepest"),
    ] {
        assert_eq!(gateway.get(target).text(), expected, "{target}");
    }
    assert_eq!(gateway.get("/wikipedia").status, 404);
    assert_eq!(gateway.get("/wik").status, 404);
}

#[test]
fn redirects_and_fixed_answers_need_no_upstream() {
    let mut setup = Setup::new();
    setup.route("moved", "path = /old/\nredirect = https://example.org/new/");
    setup.route("fixed", "path = exact /health\nrespond = 200 well");
    let gateway = setup.start();
    let response = gateway.get("/old/x");
    assert!(matches!(response.status, 301 | 302 | 307 | 308), "{}", response.head);
    assert!(
        response.field("location").is_some_and(|to| to.starts_with("https://example.org/new/")),
        "{}",
        response.head
    );
    assert_eq!(gateway.get("/health").text().trim_end(), "well");
    assert_eq!(gateway.get("/health/x").status, 404);
}

#[test]
fn files_are_served_and_nothing_outside_of_their_folder() {
    let mut setup = Setup::new();
    let folder = setup.folder.clone();
    folder.write("site/index.html", "<h1>start</h1>");
    folder.write("site/film.mp4", crate::harness::pattern(100_000, 4));
    folder.write("site/deep/page.html", "deep");
    folder.write("secret.txt", "secret");
    std::os::unix::fs::symlink(folder.join("secret.txt"), folder.join("site/link.txt")).expect("a link");
    std::os::unix::fs::symlink(folder.path(), folder.join("site/up")).expect("a link");
    setup.route("site", &format!("path = /site/\nfiles = {}", folder.join("site").display()));
    let gateway = setup.start();
    let index = gateway.get("/site/");
    assert_eq!(index.text(), "<h1>start</h1>");
    assert!(index.field("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{}", index.head);
    let etag = index.field("etag").expect("a validator").to_owned();
    assert!(index.field("last-modified").is_some(), "{}", index.head);
    assert_eq!(gateway.get_with("/site/", &format!("If-None-Match: {etag}\r\n")).status, 304);
    let part = gateway.get_with("/site/film.mp4", "Range: bytes=10-19\r\n");
    assert_eq!((part.status, part.field("content-range")), (206, Some("bytes 10-19/100000")));
    assert_eq!(part.body, crate::harness::pattern(100_000, 4)[10..20]);
    assert_eq!(gateway.get_with("/site/film.mp4", "Range: bytes=100000-\r\n").status, 416);
    assert_eq!(gateway.get("/site/deep/page.html").text(), "deep");
    assert_eq!(gateway.get("/site/nothing").status, 404);
    for escape in [
        "/site/../secret.txt",
        "/site/link.txt",
        "/site/up/secret.txt",
        "/site/%2e%2e/secret.txt",
        "/site/deep/../../secret.txt",
    ] {
        let response = gateway.get(escape);
        assert!(matches!(response.status, 400 | 403 | 404), "{escape}: {}", response.head);
        assert!(!response.text().contains("secret\n") && response.text() != "secret", "{escape}");
    }
    let response = gateway.client().send("POST /site/ HTTP/1.1\r\nHost: board\r\nContent-Length: 0\r\n\r\n").response();
    assert_eq!(response.status, 405);
}
