//! curl in its many ways, and `nc` with raw bytes.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{have, run, text};
use crate::harness::{Answer, Folder, Gateway, Origin, Setup, pattern, spawn};

fn curl(arguments: &[&str]) -> String {
    text(&run(Command::new("curl").args(["-sS", "--max-time", "20", "-q", "--noproxy", "*"]).args(arguments)))
}

#[test]
fn curl_gets_sends_and_resumes() {
    if !have(&["curl"]) {
        return;
    }
    let film = pattern(3_000_000, 14);
    let whole = film.clone();
    let origin = Origin::new(move |seen| match seen.target() {
        "/film" => Answer::ok(&["Cache-Control: max-age=600", "ETag: \"1\""], &whole),
        _ => Answer::ok(&["Cache-Control: no-store"], seen.method()),
    });
    let mut setup = Setup::before(&origin);
    let gateway = setup.start();
    let base = format!("http://{}", gateway.address);
    let url = |path: &str| format!("{base}{path}");
    let folder = Folder::new();
    let file = folder.write("upload", pattern(200_000, 15)).display().to_string();
    let saved = folder.join("saved").display().to_string();

    assert_eq!(curl(&[&url("/x")]), "GET");
    assert_eq!(curl(&["--http1.0", &url("/x")]), "GET");
    // curl waits for 100 Continue before it sends a body of this size.
    assert_eq!(
        curl(&[
            "-H",
            "Expect: 100-continue",
            "--expect100-timeout",
            "15",
            "--data-binary",
            &format!("@{file}"),
            &url("/up")
        ]),
        "POST"
    );
    assert!(origin.last().complete && origin.last().body == pattern(200_000, 15));
    assert_eq!(curl(&["-T", &file, &url("/up")]), "PUT");
    assert_eq!(curl(&["-H", "Transfer-Encoding: chunked", "-T", &file, &url("/up")]), "PUT");
    assert!(origin.last().complete && origin.last().body == pattern(200_000, 15));
    assert!(curl(&["-I", &url("/film")]).contains("3000000"));

    curl(&["-o", &saved, &url("/film")]);
    assert!(std::fs::read(&saved).is_ok_and(|bytes| bytes == film));
    // Cut off in the middle and taken up again where it was.
    std::fs::write(&saved, &film[..1_234_567]).expect("a part of the film");
    curl(&["-C", "-", "-o", &saved, &url("/film")]);
    assert!(std::fs::read(&saved).is_ok_and(|bytes| bytes == film));

    let connects = curl(&["-w", "%{num_connects}", "-o", "/dev/null", "-o", "/dev/null", &url("/x"), &url("/film")]);
    assert_eq!(connects, "10", "the second transfer uses the first one's connection");
    let status = curl(&["-o", "/dev/null", "-w", "%{http_code}", "--path-as-is", &url("/a/../../etc/passwd%00")]);
    assert_eq!(status, "400");
}

#[test]
fn nc_says_raw_bytes_and_hears_the_answers() {
    if !have(&["nc"]) {
        return;
    }
    let origin = Origin::plain();
    let gateway = Gateway::before(&origin);
    let say = |bytes: &[u8]| {
        let port = gateway.address.port().to_string();
        let mut nc = Command::new("nc");
        nc.args(["-N", "-w", "20", "127.0.0.1", &port]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut nc = spawn(&mut nc).expect("nc starts");
        nc.stdin.take().expect("piped").write_all(bytes).expect("nc listens");
        text(&nc.wait_with_output().expect("nc ends"))
    };
    let two = say(b"GET /1 HTTP/1.1\r\nHost: board\r\n\r\nGET /2 HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n");
    assert!(two.starts_with("HTTP/1.1 200") && two.contains("/1HTTP/1.1 200") && two.ends_with("/2"), "{two}");
    assert!(say(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").starts_with("HTTP/1.1 400"));
    assert!(say(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").starts_with("HTTP/1.1 400"), "TLS to a plain port");
    assert!(say(b"GET /old HTTP/1.0\r\n\r\n").ends_with("/old"));
}
