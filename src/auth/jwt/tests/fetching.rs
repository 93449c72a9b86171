//! Keys that come from a provider: when they are asked for, and how long they count.

use super::super::{Errand, ErrandKind};
use super::*;

fn discovered() -> JwtConfig {
    JwtConfig { keys: KeySource::Discovery, ..rules() }
}

const DOCUMENT: &str = r#"{"issuer":"https://id.example","jwks_uri":"https://id.example/jwks"}"#;

fn due(tokens: &Tokens, mono: u64) -> Option<Errand> {
    let mut errands = tokens.due(Mono::from_millis(mono * 1000));
    assert!(errands.len() <= 1);
    errands.pop()
}

fn fetched(tokens: &Tokens, errand: &Errand, body: &str, mono: u64) {
    tokens.fetched(errand, Ok(body.as_bytes()), at(mono, TODAY, true));
}

/// A provider that is asked twice, at second 0.
fn with_keys(signers: &Signers) -> Tokens {
    let tokens = Tokens::default();
    tokens.reconfigure(&[discovered()]);
    let first = due(&tokens, 0).unwrap();
    assert_eq!(first.kind, ErrandKind::Discovery);
    assert_eq!(first.url, "https://id.example/.well-known/openid-configuration");
    assert_eq!(due(&tokens, 1), None, "it is under way");
    fetched(&tokens, &first, DOCUMENT, 1);
    let second = due(&tokens, 1).unwrap();
    assert_eq!((second.kind, second.url.as_str()), (ErrandKind::Keys, "https://id.example/jwks"));
    fetched(&tokens, &second, &signers.jwks(), 2);
    tokens
}

#[test]
fn keys_are_discovered_and_refreshed() {
    let signers = Signers::new();
    let text = signers.token(Algorithm::EdDsa, "\"kid\":\"e\"", &payload(""));
    let tokens = Tokens::default();
    tokens.reconfigure(&[discovered()]);
    assert_eq!(check(&tokens, &text), Err(TokenProblem::NoKeys(0)));
    let tokens = with_keys(&signers);
    assert!(check(&tokens, &text).is_ok());
    assert_eq!(tokens.status()[0].keys, 4);
    assert_eq!(tokens.next_due(), Some(Mono::from_millis(3_602_000)));
    assert_eq!(due(&tokens, 3601), None);
    assert_eq!(due(&tokens, 3602).unwrap().kind, ErrandKind::Keys);
}

#[test]
fn unknown_keys_are_asked_for_at_a_bounded_rate() {
    let signers = Signers::new();
    let tokens = with_keys(&signers);
    let unknown = |kid: usize| signers.token(Algorithm::EdDsa, &format!("\"kid\":\"new{kid}\""), &payload(""));
    let mut asked = 0;
    for mono in 2..1000 {
        let text = unknown(usize::try_from(mono).unwrap());
        assert_eq!(check(&tokens, &text), Err(TokenProblem::UnknownKey(0)));
        if let Some(errand) = due(&tokens, mono) {
            asked += 1;
            fetched(&tokens, &errand, &signers.jwks(), mono);
        }
    }
    assert!((32..=34).contains(&asked), "{asked}");
    // Neither a foreign token nor one that would not hold anyhow makes anybody ask.
    let calm = with_keys(&signers);
    for payload in [payload("").replace("dhis2", "x"), payload("").replace(ISSUER, "https://x"), payload("\"nbf\":9e9")]
    {
        assert!(check(&calm, &signers.token(Algorithm::EdDsa, "\"kid\":\"x\"", &payload)).is_err());
    }
    assert_eq!(due(&calm, 1000), None);
}

#[test]
fn a_new_key_is_found_by_its_first_token() {
    let (signers, newer) = (Signers::new(), Signers::new());
    let tokens = with_keys(&signers);
    let text = newer.token(Algorithm::Es256, "\"kid\":\"n\"", &payload(""));
    assert_eq!(check(&tokens, &text), Err(TokenProblem::UnknownKey(0)));
    let errand = due(&tokens, 31).unwrap();
    let both = format!("{{\"keys\":[{},{}]}}", signers.p256_jwk("p"), newer.p256_jwk("n"));
    fetched(&tokens, &errand, &both, 32);
    assert!(check(&tokens, &text).is_ok());
}

#[test]
fn failures_are_paused_after_and_keys_stay_until_they_are_too_old() {
    let signers = Signers::new();
    let tokens = with_keys(&signers);
    let text = signers.token(Algorithm::EdDsa, "\"kid\":\"e\"", &payload("\"exp2\":1"));
    let mut mono = 3602;
    let mut attempts = 0;
    while mono < 3602 + 86_400 {
        mono = tokens.next_due().unwrap().as_millis().div_ceil(1000);
        let errand = due(&tokens, mono).unwrap();
        match attempts % 4 {
            0 => tokens.fetched(&errand, Err("cannot connect".into()), at(mono, TODAY, true)),
            1 => fetched(&tokens, &errand, "<html>captive portal</html>", mono),
            2 => fetched(&tokens, &errand, r#"{"keys":[]}"#, mono),
            _ => fetched(
                &tokens,
                &errand,
                r#"{"issuer":"https://evil.example","jwks_uri":"https://evil.example/"}"#,
                mono,
            ),
        }
        attempts += 1;
        assert!(check(&tokens, &text).is_ok());
    }
    assert!((140..160).contains(&attempts), "{attempts}");
    let status = &tokens.status()[0];
    assert_eq!(status.failures, attempts);
    assert!(status.problem.is_some());
    let then = |days: u64| tokens.check(&text, &[], Duration::ZERO, at(days * 86_400, TODAY, true)).map(|_| ());
    assert_eq!(then(29), Ok(()));
    assert_eq!(then(31), Err(TokenProblem::NoKeys(0)));
}

#[test]
fn an_errand_that_is_lost_or_overtaken_harms_nothing() {
    let signers = Signers::new();
    let tokens = Tokens::default();
    tokens.reconfigure(&[discovered()]);
    let lost = due(&tokens, 0).unwrap();
    assert_eq!(due(&tokens, 119), None);
    assert_eq!(due(&tokens, 120), None, "it counts as failed");
    assert_eq!(due(&tokens, 125).unwrap().kind, ErrandKind::Discovery);
    tokens.reconfigure(&[JwtConfig { issuer: "https://other.example".into(), ..discovered() }]);
    fetched(&tokens, &lost, DOCUMENT, 130);
    let next = due(&tokens, 130).unwrap();
    assert_eq!(next.url, "https://other.example/.well-known/openid-configuration");
    // An answer that nobody waits for.
    fetched(&tokens, &Errand { kind: ErrandKind::Keys, ..lost }, &signers.jwks(), 131);
    assert_eq!(tokens.status()[0].keys, 0);
}

#[test]
fn keys_survive_a_restart_without_the_provider() {
    let signers = Signers::new();
    let text = signers.token(Algorithm::EdDsa, "\"kid\":\"e\"", &payload(""));
    let before = with_keys(&signers);
    let kept = before.to_keep();
    assert_eq!(kept.len(), 1);
    assert!(before.to_keep().is_empty(), "only what is new");
    let (name, bytes) = &kept[0];
    assert_eq!(name, "jwt/ministry");
    let restart = |rules: JwtConfig, wall: i64, sure: bool| {
        let tokens = Tokens::default();
        tokens.reconfigure(&[rules]);
        let restored = tokens.restore(name, bytes, at(0, wall, sure));
        (tokens, restored)
    };
    let (tokens, restored) = restart(discovered(), TODAY + 600, true);
    assert!(restored && tokens.check(&text, &[], Duration::ZERO, at(1, TODAY, true)).is_ok());
    assert_eq!(tokens.next_due(), Some(Mono::from_millis(3_000_000)), "they are not old yet");
    assert!(!tokens.restore(name, bytes, now()), "only once");
    let (tokens, restored) = restart(discovered(), TODAY - 40 * 86_400, false);
    assert!(restored, "a clock that is behind makes no key old");
    assert_eq!(tokens.next_due(), Some(Mono::default()), "but they are asked for at once");
    assert!(!restart(discovered(), TODAY + 31 * 86_400, true).1);
    assert!(!restart(JwtConfig { issuer: "https://x.example".into(), ..discovered() }, TODAY, true).1);
    assert!(!restart(rules(), TODAY, true).1, "a file goes before the card");
    for cut in 0..bytes.len() {
        let tokens = Tokens::default();
        tokens.reconfigure(&[discovered()]);
        assert!(!tokens.restore(name, &bytes[..cut], now()), "{cut}");
    }
}
