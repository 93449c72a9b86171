//! `hafir usage`, with the real program, and quotas that outlive it.

use rustix::process::Signal;

use crate::harness::{Answer, Gateway, Origin, Setup, hafir};

fn usage(gateway: &Gateway, words: &[&str]) -> String {
    let file = gateway.file.display().to_string();
    let output = hafir(&[&["usage", "--config", &file], words].concat());
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8(text).expect("text")
}

#[test]
fn a_quota_holds_through_a_restart_and_is_shown_beside_the_gateway_and_without_it() {
    let origin = Origin::new(|_| Answer::ok(&["Cache-Control: max-age=600"], "page"));
    let mut setup = Setup::new();
    setup.set("plan guest", "quota", "5/month, 1 MB/month");
    setup.route("all", &format!("path = /\nupstream = {}\nplan = guest", origin.url()));
    let mut gateway = setup.start();
    let first = gateway.keep_first("/a");
    assert_eq!(first.field("RateLimit-Policy").map(|field| field.starts_with("\"quota-month\";q=5;w=")), Some(true));
    assert_eq!(first.field("Hafir-Quota"), None);
    assert!((0..2).all(|_| gateway.get("/a").is_hit()), "what is kept costs nothing");
    assert!(["/b", "/c"].into_iter().all(|path| gateway.get(path).status == 200));
    let warned = gateway.get("/d");
    let warning = warned.field("Hafir-Quota").expect("four of five are used");
    assert!(warning.starts_with("\"quota-month\";used=4;limit=5;reset="), "{warning}");
    let shown = usage(&gateway, &[]);
    assert!(shown.contains("address/127.0.0.1  plan guest"), "{shown}");
    assert!(shown.contains("5/month  80"), "{shown}");
    gateway.signal(Signal::TERM);
    assert!(gateway.wait_for_exit().success());
    let written = usage(&gateway, &["--plan", "guest", "127.0.0.1", "--json"]);
    assert!(written.contains("\"unit\":\"requests\",\"period\":\"month\",\"used\":4,\"limit\":5"), "{written}");
    assert!(written.contains("\"unit\":\"bytes\",\"period\":\"month\",\"used\":"), "{written}");
    gateway.start_again();
    assert_eq!(gateway.get("/e").status, 200);
    let refused = gateway.get("/f");
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.field("Retry-After").and_then(|field| field.parse().ok()).expect("seconds");
    assert!((1..=31 * 86_400).contains(&wait), "{wait}");
    assert!(usage(&gateway, &["nobody"]).starts_with("Nobody has used anything"));
}
