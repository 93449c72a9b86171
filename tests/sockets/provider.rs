//! Identity providers: their keys come in the background, outlast outages and restarts, and change; tokens are asked about.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use ring::signature::{Ed25519KeyPair, KeyPair};
use rustix::process::Signal;

use crate::harness::{Answer, Gateway, Origin, Setup, until};

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).for_each(|at| text.push(char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63])));
    }
    text
}

/// A provider's key, by number.
struct Key(u8);

impl Key {
    fn pair(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[self.0; 32]).expect("a key")
    }

    fn set(&self) -> String {
        let x = base64url(self.pair().public_key().as_ref());
        format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"k{}","x":"{x}"}}]}}"#, self.0)
    }

    fn token(&self, issuer: &str) -> String {
        let head = base64url(format!(r#"{{"alg":"EdDSA","kid":"k{}"}}"#, self.0).as_bytes());
        let claims = format!(r#"{{"iss":"{issuer}","aud":"board","sub":"anna","exp":4000000000}}"#);
        let signed = format!("{head}.{}", base64url(claims.as_bytes()));
        format!("{signed}.{}", base64url(self.pair().sign(signed.as_bytes()).as_ref()))
    }
}

/// A provider that answers for its keys with whatever is set, or with a set of the key 1.
fn provider() -> (Origin, Arc<Mutex<Answer>>) {
    let keys = Arc::new(Mutex::new(Answer::ok(&[], Key(1).set())));
    let said = Arc::clone(&keys);
    let origin = Origin::new(move |seen| match seen.target() {
        "/.well-known/openid-configuration" => {
            let host = seen.field("host").expect("a host");
            Answer::ok(&[], format!(r#"{{"issuer":"http://{host}","jwks_uri":"http://{host}/keys?v=1"}}"#))
        }
        _ => said.lock().expect("an answer").clone(),
    });
    (origin, keys)
}

fn board(provider: &Origin) -> Setup {
    let mut setup = Setup::new();
    setup.set("jwt id", "issuer", &provider.url()).set("jwt id", "audience", "board");
    setup.route("all", "path = /\nrespond = 200\nauth = jwt");
    setup
}

fn status(gateway: &Gateway, token: &str) -> u16 {
    gateway.get_with("/", &format!("Authorization: Bearer {token}\r\n")).status
}

#[test]
fn discovered_keys_outlast_the_provider_and_a_restart_and_new_ones_are_fetched_for_the_first_token() {
    let (mut provider, keys) = provider();
    let mut gateway = board(&provider).start();
    // The first one may wait for the keys; it is not turned away.
    assert_eq!(status(&gateway, &Key(1).token(&provider.url())), 200);
    assert_eq!(status(&gateway, &Key(2).token(&provider.url())), 401);
    provider.stop();
    gateway.signal(Signal::TERM);
    gateway.wait_for_exit();
    gateway.start_again();
    assert_eq!(status(&gateway, &Key(1).token(&provider.url())), 200);
    provider.start();
    *keys.lock().expect("an answer") = Answer::ok(&[], Key(2).set());
    gateway.signal(Signal::TERM);
    gateway.wait_for_exit();
    gateway.start_again();
    assert_eq!(status(&gateway, &Key(2).token(&provider.url())), 200);
    assert_eq!(status(&gateway, &Key(1).token(&provider.url())), 401);
}

#[test]
fn what_a_provider_answers_wrongly_gives_nobody_a_way_in() {
    let elsewhere = Origin::always(Answer::ok(&[], Key(1).set()));
    let moved = format!("Location: {}/keys", elsewhere.url());
    for wrong in [
        Answer::status("500 Internal Server Error", &[], Key(1).set()),
        Answer::status("302 Found", &[&moved], Key(1).set()),
        Answer::ok(&[], format!("{}{}", Key(1).set(), " ".repeat(300_000))),
        Answer::ok(&[], "<html>log in to this network</html>"),
        Answer::ok(&[], ""),
        Answer::raw("garbage\r\n\r\n"),
    ] {
        let (provider, keys) = provider();
        *keys.lock().expect("an answer") = wrong;
        let gateway = board(&provider).start();
        assert_eq!(status(&gateway, &Key(1).token(&provider.url())), 401);
        until("the question for keys", || provider.count_of("/keys?v=1") > 0);
        assert_eq!(status(&gateway, &Key(1).token(&provider.url())), 401);
    }
    assert_eq!(elsewhere.count(), 0);
}

#[test]
fn a_document_of_another_issuer_is_not_taken() {
    let provider =
        Origin::always(Answer::ok(&[], r#"{"issuer":"https://other.example","jwks_uri":"https://other.example/"}"#));
    let gateway = board(&provider).start();
    assert_eq!(status(&gateway, &Key(1).token(&provider.url())), 401);
    assert_eq!(provider.requests()[0].target(), "/.well-known/openid-configuration");
}

#[test]
fn a_file_of_keys_is_read_again_when_it_changes() {
    let mut setup = Setup::new();
    let file = setup.folder.write("keys.json", Key(1).set());
    setup.set("jwt id", "issuer", "https://id.example").set("jwt id", "audience", "board");
    setup.set("jwt id", "keys.file", &file.display().to_string());
    setup.route("all", "path = /\nrespond = 200\nauth = jwt");
    let gateway = setup.start();
    assert_eq!(status(&gateway, &Key(1).token("https://id.example")), 200);
    std::fs::write(&file, format!("{} ", Key(2).set())).expect("a file");
    until("the new keys", || status(&gateway, &Key(2).token("https://id.example")) == 200);
    assert_eq!(status(&gateway, &Key(1).token("https://id.example")), 401);
}

#[test]
fn requests_with_one_token_ask_the_provider_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let mut provider = Origin::new(move |seen| {
        counted.fetch_add(1, Ordering::Relaxed);
        assert_eq!((seen.method(), seen.target()), ("POST", "/ask"));
        // board:secret
        assert_eq!(seen.field("authorization"), Some("Basic Ym9hcmQ6c2VjcmV0"));
        Answer::ok(&[], r#"{"active":true,"sub":"anna","aud":"board","exp":4000000000}"#)
    });
    let mut setup = board(&provider);
    setup.set("jwt id", "introspect", &format!("{}/ask", provider.url()));
    setup.set("jwt id", "client.id", "board").set("jwt id", "client.secret", "secret");
    let gateway = setup.start();
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(status(&gateway, "opaque-text"), 200));
        }
    });
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(provider.last().body, b"token=opaque-text&token_type_hint=access_token");
    provider.stop();
    assert_eq!(status(&gateway, "opaque-text"), 200);
    assert_eq!(status(&gateway, "another-text"), 401);
}
