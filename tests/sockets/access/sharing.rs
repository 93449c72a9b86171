//! Answers that are kept, and those who may have them.

use super::{Key, guard};
use crate::harness::{Answer, Gate, Origin, Setup};

#[test]
fn an_answer_that_is_for_everybody_who_may_is_shared_by_them_alone() {
    let origin = super::keepable();
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "plain", "auth = key\nscope.DELETE = never\nscope = look");
    let gateway = setup.start();
    let scope = ["--scope", "look"];
    let (a, b, blind) = (Key::new(&gateway, &scope), Key::new(&gateway, &scope), Key::new(&gateway, &[]));
    assert_eq!(gateway.get_with("/plain", &a.bearer()).status, 200);
    gateway.wait_until_kept(1);
    for _ in 0..3 {
        for fields in [a.bearer(), b.bearer(), b.field()] {
            let response = gateway.get_with("/plain", &fields);
            assert!(response.status == 200 && response.is_hit(), "{}", response.head);
        }
        for more in ["", "If-None-Match: *\r\n", "Range: bytes=0-0\r\n", "Cache-Control: only-if-cached\r\n"] {
            for (fields, status) in [("", 401), (blind.bearer().as_str(), 403)] {
                let response = gateway.get_with("/plain", &format!("{fields}{more}"));
                assert_eq!((response.status, response.is_hit()), (status, false), "{}", response.head);
                assert!(!response.text().contains("/plain"), "{}", response.text());
            }
        }
    }
    assert_eq!(origin.count(), 1);
    assert!(!origin.last().head.contains("hafir_"));
}

#[test]
fn an_answer_to_somebody_is_for_nobody_else() {
    // Whoever asks is in the answer, and the origin says that everybody may keep it.
    let origin = Origin::new(|seen| {
        let who = [seen.field("x-who"), seen.field("authorization"), seen.field("x-api-key")];
        Answer::ok(&["Cache-Control: public, max-age=600"], who.map(Option::unwrap_or_default).concat())
    });
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "told", "auth = key\ntell.X-Who = id");
    guard(&mut setup, &origin, "forward", "auth = key\nauth.forward = on");
    guard(&mut setup, &origin, "personal", "auth = key\nclass = personal");
    guard(&mut setup, &origin, "forced", "auth = key\ntell.X-Who = id\ncache.for = 1 h");
    let gateway = setup.start();
    let (a, b) = (Key::new(&gateway, &[]), Key::new(&gateway, &[]));
    let mut asked = 0;
    for target in ["/told", "/forward", "/personal", "/forced"] {
        for key in [&a, &b, &a, &b] {
            let response = gateway.get_with(target, &key.field());
            let expected = match target {
                "/forward" => key.text.clone(),
                "/personal" => String::new(),
                _ => format!("key/{}", key.id),
            };
            assert_eq!((response.status, response.text()), (200, expected), "{target}: {}", response.head);
            assert!(!response.is_hit(), "{target}: {}", response.head);
            asked += 1;
        }
    }
    assert_eq!(origin.count(), asked);
}

#[test]
fn two_who_ask_at_the_same_moment_are_not_answered_as_one() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::new(move |seen| {
        let who = seen.field("x-who").unwrap_or_default().to_owned();
        let head = Answer::head("200 OK", &["Cache-Control: max-age=600", "Content-Length: 12"]);
        Answer { steps: Vec::new(), early: false }.wait(&held).send(head).send(&who[who.len() - 12..])
    });
    let mut setup = Setup::new();
    guard(&mut setup, &origin, "told", "auth = key\ntell.X-Who = id");
    let gateway = setup.start();
    let keys = [Key::new(&gateway, &[]), Key::new(&gateway, &[])];
    let mut clients = [gateway.client(), gateway.client()];
    for (client, key) in clients.iter_mut().zip(&keys) {
        client.send(format!("GET /told HTTP/1.1\r\nHost: board\r\n{}\r\n", key.bearer()));
    }
    origin.wait_for_count(2);
    gate.open();
    for (client, key) in clients.iter_mut().zip(&keys) {
        assert_eq!(client.response().text(), format!("key/{}", key.id));
    }
}
