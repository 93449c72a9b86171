//! Providers that are asked about each token.

use super::*;
use crate::config::UpstreamUrl;

const SECRET: &str = "s3cret/+";

fn asking() -> JwtConfig {
    let url = UpstreamUrl { tls: true, host: "id.example".into(), port: 443, path: "/introspect".into() };
    JwtConfig { introspect: Some(url), client_id: "hafir".into(), client_secret: SECRET.into(), ..rules() }
}

fn provider() -> Tokens {
    let tokens = Tokens::default();
    tokens.reconfigure(&[asking()]);
    tokens
}

fn look(tokens: &Tokens, offline: u64, mono: u64) -> Result<String, TokenProblem> {
    let now = at(mono, TODAY, true);
    tokens.check("opaque~1", &[], Duration::from_secs(offline), now).map(|checked| checked.identity.id.clone())
}

fn answer(tokens: &Tokens, mono: u64, result: Result<(u16, &str), &str>) {
    let now = at(mono, TODAY, true);
    let enquiry = tokens.introspection("opaque~1", &[], now).unwrap();
    let result = result.map(|(status, body)| (status, body.as_bytes())).map_err(str::to_owned);
    tokens.introspected(&enquiry, result, now);
}

#[test]
fn the_question_is_that_of_rfc_7662() {
    let tokens = provider();
    assert_eq!(look(&tokens, 0, 10), Err(TokenProblem::Introspect(0)));
    let enquiry = tokens.introspection("opaque~1", &[], now()).unwrap();
    assert_eq!(enquiry.url, "https://id.example/introspect");
    assert_eq!(enquiry.body, "token=opaque~1&token_type_hint=access_token");
    assert_eq!(enquiry.authorization.as_deref(), Some("Basic aGFmaXI6czNjcmV0JTJGJTJC"));
    assert!(!format!("{enquiry:?}").contains("opaque") && !format!("{enquiry:?}").contains("aGFma"));
    assert!(tokens.introspection("two words", &[], now()).is_none());
    let held: Vec<_> = (0..40).filter_map(|n| tokens.introspection(&format!("t{n}"), &[], now())).collect();
    assert_eq!(held.len(), 31, "with the first one, 32");
    drop(held);
    assert!(tokens.introspection("t", &[], now()).is_some());
}

#[test]
fn an_answer_is_remembered_as_long_as_it_holds() {
    let check = |body: &str, held_for: Option<u64>| {
        let tokens = provider();
        answer(&tokens, 10, Ok((200, body)));
        match held_for {
            Some(seconds) => {
                assert_eq!(look(&tokens, 0, 10), Ok("ministry/amina".into()), "{body}");
                assert_eq!(look(&tokens, 0, 10 + seconds - 1), Ok("ministry/amina".into()), "{body}");
                assert_eq!(look(&tokens, 0, 10 + seconds), Err(TokenProblem::Introspect(0)), "{body}");
            }
            None => {
                assert!(!matches!(look(&tokens, 0, 39), Ok(_) | Err(TokenProblem::Introspect(_))), "{body}");
                assert_eq!(look(&tokens, 0, 40), Err(TokenProblem::Introspect(0)), "{body}");
            }
        }
    };
    let active = |more: &str| format!(r#"{{"active":true,"sub":"amina"{more}}}"#);
    check(&active(""), Some(300));
    check(&active(&format!(",\"exp\":{}", TODAY + 940)), Some(1000));
    check(&active(",\"aud\":[\"dhis2\"],\"iss\":\"https://id.example\",\"scope\":\"a b\""), Some(300));
    check(r#"{"active":false}"#, None);
    check(r#"{"active":false,"sub":"amina"}"#, None);
    check(r#"{"active":true}"#, None);
    check(&active(",\"aud\":\"other\""), None);
    check(&active(",\"iss\":\"https://x.example\""), None);
    check(&active(&format!(",\"exp\":{}", TODAY - 61)), None);
    check(&active(&format!(",\"nbf\":{}", TODAY + 61)), None);
    check(&active(",\"cnf\":{\"jkt\":\"x\"}"), None);
}

#[test]
fn what_is_no_answer_is_asked_again_after_a_pause() {
    for bad in [
        Err("cannot connect"),
        Ok((500, "")),
        Ok((401, "")),
        Ok((302, "")),
        Ok((200, "<html>")),
        Ok((200, "{}")),
        Ok((200, r#"{"active":"true"}"#)),
        Ok((200, r#"{"active":false,"active":true,"sub":"amina"}"#)),
    ] {
        let tokens = provider();
        answer(&tokens, 10, bad);
        assert_eq!(look(&tokens, 3600, 14), Err(TokenProblem::Unreachable(0)), "{bad:?}");
        assert_eq!(look(&tokens, 3600, 15), Err(TokenProblem::Introspect(0)), "{bad:?}");
        let status = &tokens.status()[0];
        assert!(status.problem.is_some() && status.failures == 1 && !format!("{status:?}").contains(SECRET));
    }
}

#[test]
fn an_earlier_word_holds_through_an_outage_for_as_long_as_the_route_says() {
    let tokens = provider();
    answer(&tokens, 10, Ok((200, r#"{"active":true,"sub":"amina"}"#)));
    assert_eq!(look(&tokens, 3600, 400), Err(TokenProblem::Introspect(0)));
    answer(&tokens, 400, Err("cannot connect"));
    assert_eq!(look(&tokens, 3600, 401), Ok("ministry/amina".into()));
    assert_eq!(look(&tokens, 0, 401), Err(TokenProblem::Unreachable(0)));
    assert_eq!(look(&tokens, 391, 401), Err(TokenProblem::Unreachable(0)));
    assert_eq!(look(&tokens, 3600, 405), Err(TokenProblem::Introspect(0)));
    answer(&tokens, 3700, Err("cannot connect"));
    assert_eq!(
        look(&tokens, 3600, 3701),
        Err(TokenProblem::Unreachable(0)),
        "the grant counts from the provider's word"
    );
    // What the provider has taken back stays taken back.
    answer(&tokens, 3800, Ok((200, r#"{"active":false}"#)));
    assert_eq!(look(&tokens, 36_000, 3801), Err(TokenProblem::Inactive));
    assert_eq!(look(&tokens, 36_000, 3831), Err(TokenProblem::Introspect(0)));
    answer(&tokens, 3831, Err("cannot connect"));
    assert!(look(&tokens, 36_000, 3832).is_err());
}

#[test]
fn a_flood_of_bad_tokens_pushes_no_good_one_out() {
    let tokens = provider();
    answer(&tokens, 10, Ok((200, r#"{"active":true,"sub":"amina"}"#)));
    for number in 0..5000 {
        let enquiry = tokens.introspection(&format!("made-up-{number}"), &[], now()).unwrap();
        tokens.introspected(&enquiry, Ok((200, br#"{"active":false}"#)), now());
    }
    assert_eq!(look(&tokens, 0, 11), Ok("ministry/amina".into()));
}

#[test]
fn a_jwt_of_a_section_with_keys_is_not_asked_about() {
    let signers = Signers::new();
    let tokens = Tokens::default();
    let asked = JwtConfig { name: "asked".into(), issuer: "https://other.example".into(), ..asking() };
    tokens.reconfigure(&[rules(), asked]);
    tokens.key_file("ministry", signers.jwks().as_bytes()).unwrap();
    let own = |payload: &str| check(&tokens, &signers.token(Algorithm::EdDsa, "\"kid\":\"e\"", payload)).map(|_| ());
    assert_eq!(own(&payload("")), Ok(()));
    assert_eq!(own(&payload("").replace("dhis2", "x")), Err(TokenProblem::Audience));
    assert_eq!(own(&payload("").replace(ISSUER, "https://other.example")), Err(TokenProblem::Introspect(1)));
    assert_eq!(check(&tokens, "opaque"), Err(TokenProblem::Introspect(1)));
    assert_eq!(check(&tokens, "with space"), Err(TokenProblem::NotAToken));
}
