//! `class = patient`: what is kept of an exchange, where, and what its client is told.

use std::fs;
use std::path::Path;

use crate::harness::{Answer, Gateway, Origin, Response, Setup, free_port, hafir, loopback};

/// `nurse:a-long-password`
const NURSE: &str = "Authorization: Basic bnVyc2U6YS1sb25nLXBhc3N3b3Jk\r\n";

/// The proxy in front of the gateway is believed, so that the client came over HTTPS.
const SECURE: &str = "X-Forwarded-Proto: https\r\n";

fn board(origin: &Origin) -> Gateway {
    let mut setup = Setup::new();
    let file = setup.folder.write("files/a.txt", "a file");
    let folder = file.parent().expect("a folder");
    setup
        .set("gateway", "trusted_proxies", "127.0.0.1")
        .set("log", "format", "json")
        .set("log", "query", "on")
        .set("tls", "listen", &loopback(free_port()).to_string())
        .set("tls", "certificate", "none.pem")
        .set("tls", "key", "none.pem")
        .set("user nurse", "password", "a-long-password");
    let terms = "class = patient\nauth = basic";
    setup.route("records", &format!("path = /records\nupstream = {}\n{terms}", origin.url()));
    setup.route("files", &format!("path = /files\nfiles = {}\n{terms}", folder.display()));
    setup.route("fixed", &format!("path = /fixed\nrespond = 200\n{terms}"));
    setup.start()
}

fn check_no_store(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{}", response.head);
    assert_eq!(response.all("cache-control"), ["private, no-store"], "{}", response.head);
    assert_eq!(response.field("cdn-cache-control"), None, "{}", response.head);
}

#[test]
fn no_store_on_the_way_may_keep_an_answer() {
    let origin = Origin::new(|seen| match seen.target() {
        target if target.ends_with("part") => {
            Answer::status("206 Partial Content", &["Cache-Control: max-age=60", "Content-Range: bytes 0-3/9"], "part")
        }
        target if target.ends_with("same") => Answer::not_modified(&["Cache-Control: public", "ETag: \"a\""]),
        _ => Answer::ok(&["Cache-Control: public, max-age=60", "CDN-Cache-Control: max-age=600"], "whole"),
    });
    let gateway = board(&origin);
    let get = |target: &str, fields: &str| gateway.get_with(target, &format!("{SECURE}{NURSE}{fields}"));
    check_no_store(&get("/records/jane", ""), 200);
    check_no_store(&get("/records/part", "Range: bytes=0-3\r\n"), 206);
    check_no_store(&get("/records/same", "If-None-Match: \"a\"\r\n"), 304);
    check_no_store(&get("/files/a.txt", ""), 200);
    check_no_store(&get("/files/a.txt", "Range: bytes=0-1\r\n"), 206);
    check_no_store(&get("/files/none.txt", ""), 404);
    check_no_store(&get("/fixed", ""), 200);
    check_no_store(&gateway.get_with("/fixed", SECURE), 401);
}

#[test]
fn nothing_that_tells_of_a_patient_is_kept_and_everybody_who_asked_is() {
    let origin = Origin::new(|_| Answer::ok(&["Cache-Control: max-age=60", "X-Word: w-answer"], "w-body"));
    let mut gateway = board(&origin);
    let said = "Referer: http://w-referer/\r\nUser-Agent: w-agent\r\nX-Request-Id: w-id\r\nX-Ward: w-field\r\n";
    for target in ["/records/w-path?name=w-query", "/files/w-file?w-query", "/elsewhere/w-path?w-query"] {
        gateway.get_with(target, &format!("{SECURE}{NURSE}{said}"));
    }
    // Without HTTPS, and by nobody.
    gateway.get_with("/records/w-path?w-query", &format!("{NURSE}{said}"));
    gateway.get_with("/records/w-path?w-query", &format!("{SECURE}{said}"));
    gateway.signal(rustix::process::Signal::TERM);
    gateway.wait_for_exit();
    let said = gateway.said();
    assert!(!said.contains("w-"), "{said}");
    let texts = texts(gateway.folder.path());
    assert!(texts.iter().any(|(file, text)| file.ends_with("access.log") && text.contains("\"route\":\"records\"")));
    for (file, text) in texts {
        let words = ["w-", "a-long-password", "bnVyc2U"].into_iter().filter(|word| text.contains(word));
        let own = file.ends_with("hafir.ini") || file.contains("/last-good") || file.contains("last_good");
        assert!(own || words.clone().next().is_none(), "{file}: {:?}\n{text}", words.collect::<Vec<_>>());
    }
    let file = gateway.file.display().to_string();
    let shown = hafir(&["audit", "--config", &file, "show", "--route", "records"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    // In the order in which they ended, which two workers may change.
    let told =
        |status: &str, who: &str| shown.lines().filter(|line| line.contains(status) && line.ends_with(who)).count();
    assert_eq!(shown.lines().count(), 3, "{shown}");
    assert_eq!(told("records GET 200 done", "user nurse"), 1, "{shown}");
    assert_eq!(told("records GET 403 not-secure", "nobody known, from 127.0.0.1"), 1, "{shown}");
    assert_eq!(told("records GET 401 no-credential", "nobody known, from 127.0.0.1"), 1, "{shown}");
    let verified = hafir(&["audit", "--config", &file, "verify"]);
    let verdict = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success() && verdict.contains("holds     4 exchanges"), "{verdict}");
}

/// All files below a folder, as far as they can be read as text.
fn texts(folder: &Path) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => texts.append(&mut self::texts(&path)),
            false => {
                let bytes = fs::read(&path).unwrap_or_default();
                texts.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
    }
    texts
}
