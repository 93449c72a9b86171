//! What a token must say, and what becomes of it.

use super::*;

const HEADER: &str = "\"kid\":\"e\"";

#[test]
fn claims_are_held_against_the_section() {
    let signers = Signers::new();
    let tokens = tokens(rules(), &signers.jwks());
    let claim = |name: &str| TokenProblem::Claim(name.to_owned());
    let base = |more: &str| format!("{{\"iss\":\"{ISSUER}\",{more}}}");
    let with = |aud: &str, exp: &str| base(&format!("\"aud\":{aud},\"exp\":{exp},\"sub\":\"a\""));
    let later = (TODAY + 600).to_string();
    let deep = format!("\"x\":{}1{}", "[".repeat(20), "]".repeat(20));
    let many = format!("\"x\":[{}1]", "1,".repeat(2100));
    let mut bad = vec![
        (payload("\"sub\":\"b\""), TokenProblem::Malformed),
        (payload("\"exp\":9999999999"), TokenProblem::Malformed),
        (payload("\"a\":{\"b\":1,\"b\":2}"), TokenProblem::Malformed),
        (payload(&deep), TokenProblem::Malformed),
        (payload(&many), TokenProblem::Malformed),
        ("[]".into(), TokenProblem::UnknownIssuer),
        ("{}".into(), TokenProblem::UnknownIssuer),
        (payload("").replace(ISSUER, "https://id.example/"), TokenProblem::UnknownIssuer),
        (payload("").replace(ISSUER, "HTTPS://id.example"), TokenProblem::UnknownIssuer),
        (payload("").replace(&format!("\"{ISSUER}\""), &format!("[\"{ISSUER}\"]")), TokenProblem::UnknownIssuer),
        (with("\"other\"", &later), TokenProblem::Audience),
        (with("\"dhis2 \"", &later), TokenProblem::Audience),
        (with("[]", &later), TokenProblem::Audience),
        (with("[\"a\",[\"dhis2\"]]", &later), TokenProblem::Audience),
        (with("{\"dhis2\":1}", &later), TokenProblem::Audience),
        (base(&format!("\"exp\":{later},\"sub\":\"a\"")), TokenProblem::Audience),
        (base("\"aud\":\"dhis2\",\"sub\":\"a\""), claim("exp")),
        (with("\"dhis2\"", "\"9999999999\""), claim("exp")),
        (with("\"dhis2\"", "null"), claim("exp")),
        (with("\"dhis2\"", "-1"), claim("exp")),
        (with("\"dhis2\"", "1e400"), claim("exp")),
        (with("\"dhis2\"", "99999999999999999999"), claim("exp")),
        (with("\"dhis2\"", &format!("{later}000")), claim("exp")),
        (with("\"dhis2\"", &(TODAY - 60).to_string()), TokenProblem::Expired),
        (with("\"dhis2\"", "0"), TokenProblem::Expired),
        (payload(&format!("\"nbf\":{}", TODAY + 61)), TokenProblem::NotYet),
        (payload(&format!("\"iat\":{}", TODAY + 61)), TokenProblem::NotYet),
        (payload("\"nbf\":\"now\""), claim("nbf")),
        (payload("").replace("\"sub\":\"amina\"", "\"x\":1"), claim("sub")),
        (payload("").replace("amina", ""), claim("sub")),
        (payload("").replace("amina", "a\\nb"), claim("sub")),
        (payload("").replace("\"amina\"", "[\"a\"]"), claim("sub")),
        (payload("").replace("amina", &"a".repeat(257)), claim("sub")),
    ];
    for cnf in ["{}", "7", "{\"jkt\":\"abc\"}", "{\"x5t#S256\":\"AA\"}", "{\"x5t#S256\":7}"] {
        bad.push((payload(&format!("\"cnf\":{cnf}")), claim("cnf")));
    }
    for (payload, expected) in bad {
        let text = signers.token(Algorithm::EdDsa, HEADER, &payload);
        assert_eq!(check(&tokens, &text), Err(expected), "{payload}");
    }
    for good in [
        with("\"dhis2\"", &later),
        with("[\"x\",\"dhis2\"]", &later),
        with("\"dhis2\"", &format!("{later}.75")),
        with("\"dhis2\"", "1.9e9"),
        with("\"dhis2\"", &(TODAY - 59).to_string()),
        payload(&format!("\"nbf\":{0},\"iat\":{0}", TODAY + 60)),
        payload("").replace("\"amina\"", "17"),
    ] {
        let text = signers.token(Algorithm::EdDsa, HEADER, &good);
        assert!(check(&tokens, &text).is_ok(), "{good}: {:?}", check(&tokens, &text));
    }
}

#[test]
fn a_token_becomes_an_identity() {
    let signers = Signers::new();
    let plans = vec![("doctor".into(), "clinic".into()), ("guest".into(), "small".into())];
    let rules = JwtConfig { plan_claim: "realm_access.roles".into(), plans, ..rules() };
    let tokens = tokens(rules, &signers.jwks());
    let thumb = url64(&[7; 32]);
    let more = format!(
        r#""name":"Amina N.","scope":"records.read  records.write","realm_access":{{"roles":["guest","doctor"]}},
        "level":3,"staff":true,"none":null,"bad":"a\nb","long":"{}","cnf":{{"x5t#S256":"{thumb}"}},"nbf":{TODAY}"#,
        "x".repeat(300)
    );
    let checked = check(&tokens, &signers.token(Algorithm::EdDsa, HEADER, &payload(&more))).unwrap();
    let identity = &checked.identity;
    assert!(checked.sure);
    assert_eq!((identity.id.as_str(), identity.name.as_str()), ("ministry/amina", "Amina N."));
    assert_eq!(identity.plan.as_deref(), Some("clinic"));
    assert!(identity.has_scope("records.read") && identity.has_scope("records.write") && identity.scopes.len() == 2);
    assert_eq!(identity.claim("realm_access.roles"), ["guest", "doctor"]);
    assert_eq!(identity.claim("level"), ["3"]);
    assert_eq!(identity.claim("staff"), ["true"]);
    assert!(["none", "bad", "long", "exp"].iter().all(|name| identity.claim(name).is_empty()));
    assert_eq!(identity.bound_to, Some([7; 32]));
    assert_eq!(identity.expires, Some(Wall::from_seconds(TODAY + 660)));
    assert_eq!(identity.not_before, Some(Wall::from_seconds(TODAY - 60)));
    let scp = check(&tokens, &signers.token(Algorithm::EdDsa, HEADER, &payload("\"scp\":[\"a\",\"b\",7]"))).unwrap();
    assert_eq!(scp.identity.scopes, ["a", "b"]);
    assert_eq!(scp.identity.name, "ministry/amina");
}

#[test]
fn an_identity_is_bounded() {
    let signers = Signers::new();
    let tokens = tokens(rules(), &signers.jwks());
    let claims: Vec<String> = (0..60).map(|n| format!("\"c{n}\":[{}0]", "0,".repeat(20))).collect();
    let text = signers.token(Algorithm::EdDsa, HEADER, &payload(&claims.join(",")));
    let identity = check(&tokens, &text).unwrap().identity;
    assert_eq!(identity.claims.len(), 32);
    assert!(identity.claims.iter().all(|(_, values)| values.len() <= 16));
}

#[test]
fn types_are_those_of_the_section() {
    let signers = Signers::new();
    let typed = JwtConfig { types: vec!["at+jwt".into()], ..rules() };
    let tokens = tokens(typed, &signers.jwks());
    for (typ, expected) in [
        ("\"typ\":\"AT+JWT\",", Ok(())),
        ("\"typ\":\"application/at+jwt\",", Ok(())),
        ("\"typ\":\"JWT\",", Err(TokenProblem::Type)),
        ("", Err(TokenProblem::Type)),
    ] {
        let text = signers.token(Algorithm::EdDsa, &format!("{typ}{HEADER}"), &payload(""));
        assert_eq!(check(&tokens, &text).map(|_| ()), expected, "{typ}");
    }
}

#[test]
fn a_clock_that_is_not_believed_can_only_say_too_late() {
    let signers = Signers::new();
    let tokens = tokens(rules(), &signers.jwks());
    let text = signers.token(Algorithm::EdDsa, HEADER, &payload(&format!("\"nbf\":{TODAY}")));
    let check = |wall, sure| {
        let checked = tokens.check(&text, &[], Duration::ZERO, at(10, wall, sure));
        checked.map(|checked| checked.sure)
    };
    assert_eq!(check(TODAY - 40 * 86_400, false), Ok(false));
    assert_eq!(check(TODAY - 40 * 86_400, true), Err(TokenProblem::NotYet));
    assert_eq!(check(TODAY - 40 * 86_400, false), Ok(false));
    assert_eq!(check(TODAY + 3650 * 86_400, false), Err(TokenProblem::Expired));
    assert_eq!(check(TODAY, true), Ok(true));
    // Once judged, it stays so while the clock is in doubt again.
    assert_eq!(check(TODAY - 100, false), Ok(true));
    assert_eq!(check(TODAY + 659, true), Ok(true));
    assert_eq!(check(TODAY + 660, true), Err(TokenProblem::Expired));
}

#[test]
fn a_route_takes_the_tokens_of_its_sections_alone() {
    let signers = Signers::new();
    let tokens = Tokens::default();
    let second = JwtConfig { name: "school".into(), audience: vec!["moodle".into()], ..rules() };
    tokens.reconfigure(&[rules(), second]);
    for name in ["ministry", "school"] {
        tokens.key_file(name, signers.jwks().as_bytes()).unwrap();
    }
    let text = signers.token(Algorithm::EdDsa, HEADER, &payload(""));
    let check = |sections: &[&str]| {
        let sections: Vec<String> = sections.iter().map(|name| (*name).to_owned()).collect();
        tokens.check(&text, &sections, Duration::ZERO, now()).map(|checked| checked.identity.id.clone())
    };
    for _ in 0..2 {
        assert_eq!(check(&[]).unwrap(), "ministry/amina");
        assert_eq!(check(&["school", "ministry"]).unwrap(), "ministry/amina");
        assert_eq!(check(&["school"]), Err(TokenProblem::Audience));
        assert_eq!(check(&["other"]), Err(TokenProblem::UnknownIssuer));
    }
}

#[test]
fn a_removed_key_or_section_ends_what_was_remembered() {
    let signers = Signers::new();
    let tokens = tokens(rules(), &signers.jwks());
    let text = signers.token(Algorithm::EdDsa, HEADER, &payload(""));
    assert!(check(&tokens, &text).is_ok());
    tokens.reconfigure(&[rules()]);
    assert!(check(&tokens, &text).is_ok(), "an unchanged section keeps its keys");
    tokens.reconfigure(&[JwtConfig { audience: vec!["other".into()], ..rules() }]);
    assert_eq!(check(&tokens, &text), Err(TokenProblem::Audience));
    tokens.reconfigure(&[rules()]);
    assert!(check(&tokens, &text).is_ok(), "keys from the same file stay");
    let others = format!("{{\"keys\":[{}]}}", signers.p256_jwk("p"));
    assert_eq!(tokens.key_file("ministry", others.as_bytes()), Ok(1));
    assert_eq!(check(&tokens, &text), Err(TokenProblem::UnknownKey(0)));
    assert!(tokens.key_file("ministry", b"{}").is_err());
    assert_eq!(check(&tokens, &text), Err(TokenProblem::UnknownKey(0)));
    tokens.reconfigure(&[]);
    assert_eq!(check(&tokens, &text), Err(TokenProblem::UnknownIssuer));
}
