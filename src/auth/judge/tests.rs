//! Rules against what is shown, row by row.

use std::time::Duration;

use ring::signature::{Ed25519KeyPair, KeyPair};

use super::*;
use crate::auth::Kind;
use crate::auth::key::{Change, NewKey};
use crate::base::{Mono, Wall};
use crate::config::{JwtConfig, KeySource, ScopeRule, UserConfig};
use crate::http::base64;
use AuthMethod::{Basic, Jwt, Key, Mtls};

/// A day in 2026, in seconds.
const TODAY: i64 = 1_790_000_000;
const DAY: i64 = 86_400;

fn now() -> Now {
    Now { mono: Mono::from_millis(10_000), wall: Wall::from_seconds(TODAY), sure: true }
}

fn unsure() -> Now {
    Now { sure: false, ..now() }
}

/// Those who know who is who, and the credentials of somebody whom they know.
struct Stage {
    keys: KeyRing,
    tokens: Tokens,
    users: Users,
    key: String,
    other_key: String,
    revoked: String,
    ending: String,
    over: String,
    token: String,
    token_over: String,
    token_bound: String,
    token_unheld: String,
    certificate: Arc<Identity>,
}

impl Stage {
    fn new() -> Stage {
        let (keys, _) = KeyRing::new(Vec::new());
        let made = |days: Option<i64>| {
            let key = NewKey::generate().unwrap();
            let expires = days.map(|days| Wall::from_seconds(TODAY + days * DAY));
            let (id, hash, name) = (key.id().to_owned(), key.hash(), "tablet".to_owned());
            let change = Change::New { id, hash, name, plan: None, scopes: vec!["read".to_owned()], expires };
            keys.change(&change, Now { wall: Wall::from_seconds(TODAY - 90 * DAY), ..now() }, |_| Ok(())).unwrap();
            key.text().to_owned()
        };
        let (key, other_key, revoked) = (made(None), made(None), made(None));
        let (ending, over) = (made(Some(1)), made(Some(-1)));
        keys.change(&Change::Revoke { id: revoked[..14].to_owned() }, now(), |_| Ok(())).unwrap();
        let bound = format!(r#","cnf":{{"x5t#S256":"{}"}}"#, url(&[7; 32]));
        Stage {
            tokens: tokens(),
            users: Users::build(&[mary()]),
            token: token("id", TODAY + DAY, ""),
            token_over: token("id", TODAY - DAY, ""),
            token_bound: token("id", TODAY + DAY, &bound),
            token_unheld: token("empty", TODAY + DAY, ""),
            certificate: Arc::new(somebody(Kind::Certificate, "dns:tablet")),
            keys,
            key,
            other_key,
            revoked,
            ending,
            over,
        }
    }

    fn judge(&self, rules: &AuthConfig, shown: &Shown<'_>, now: Now) -> String {
        let doorkeepers = Doorkeepers { keys: &self.keys, tokens: &self.tokens, users: &self.users };
        word(&judge(rules, shown, &doorkeepers, now))
    }

    fn check(&self, rules: &AuthConfig, shown: &Shown<'_>, expected: &str) {
        assert_eq!(self.judge(rules, shown, now()), expected);
    }
}

fn word(judged: &Judged) -> String {
    match judged {
        Judged::Open => "open".to_owned(),
        Judged::Known(identity) => identity.kind.word().to_owned(),
        Judged::NotKnown(why) => why.word().to_owned(),
        Judged::Later(Later::Introspect(_)) => "ask about it".to_owned(),
        Judged::Later(Later::Keys(_)) => "ask for keys".to_owned(),
        Judged::Later(Later::Password(_)) => "hash it".to_owned(),
        Judged::Later(Later::PasswordTurn) => "wait".to_owned(),
    }
}

fn somebody(kind: Kind, id: &str) -> Identity {
    Identity {
        kind,
        id: id.to_owned(),
        name: id.to_owned(),
        plan: None,
        scopes: Vec::new(),
        claims: Vec::new(),
        not_before: None,
        expires: None,
        bound_to: None,
    }
}

fn mary() -> UserConfig {
    let password = basic::hash("secret", 1000).unwrap();
    UserConfig { name: "mary".to_owned(), password, ..UserConfig::default() }
}

/// `id` has keys, `empty` none, `asks` asks its provider.
fn tokens() -> Tokens {
    let section = |name: &str| JwtConfig {
        name: name.to_owned(),
        issuer: format!("https://{name}.example"),
        audience: vec!["board".to_owned()],
        keys: KeySource::File("keys.json".into()),
        identity: "sub".to_owned(),
        scope: "scope".to_owned(),
        ..JwtConfig::default()
    };
    let introspect =
        crate::config::UpstreamUrl { tls: false, host: "asks.example".into(), port: 80, path: "/ask".into() };
    let tokens = Tokens::default();
    tokens.reconfigure(&[
        section("id"),
        section("empty"),
        JwtConfig { introspect: Some(introspect), ..section("asks") },
    ]);
    let x = url(pair().public_key().as_ref());
    tokens.key_file("id", format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}]}}"#).as_bytes()).unwrap();
    tokens
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap()
}

fn token(section: &str, exp: i64, more: &str) -> String {
    let claims = format!(r#"{{"iss":"https://{section}.example","aud":"board","sub":"anna","exp":{exp}{more}}}"#);
    let signed = format!("{}.{}", url(br#"{"alg":"EdDSA"}"#), url(claims.as_bytes()));
    format!("{signed}.{}", url(pair().sign(signed.as_bytes()).as_ref()))
}

fn url(bytes: &[u8]) -> String {
    base64::encode_unpadded(bytes).replace('+', "-").replace('/', "_")
}

fn login(text: &str) -> String {
    format!("{}{}", base64::encode_unpadded(text.as_bytes()), "=".repeat((3 - text.len() % 3) % 3))
}

fn rules(any: &[AuthMethod], all: &[AuthMethod]) -> AuthConfig {
    let key_headers = vec!["authorization".to_owned(), "x-api-key".to_owned()];
    let issuers = vec!["id".to_owned(), "empty".to_owned()];
    AuthConfig { any: any.to_vec(), all: all.to_vec(), key_headers, issuers, ..AuthConfig::default() }
}

/// Over TLS, without a certificate.
fn shown<'a>(key: Option<&'a str>, bearer: Option<&'a str>, basic: Option<&'a str>) -> Shown<'a> {
    let credentials = Ok(Credentials { key, bearer, basic });
    Shown { credentials, secure: true, certificate: Err(CertificateProblem::Missing), fingerprint: None }
}

#[test]
fn any_will_do_and_all_are_needed() {
    let stage = Stage::new();
    let (key, gone, token, old) =
        (Some(&*stage.key), Some(&*stage.revoked), Some(&*stage.token), Some(&*stage.token_over));
    let none: &[AuthMethod] = &[];
    for (any, all, key, bearer, expected) in [
        (none, none, None, None, "open"),
        (none, none, gone, old, "open"),
        (&[Key][..], none, None, None, "no-credential"),
        (&[Key], none, key, None, "key"),
        (&[Key], none, None, key, "key"),
        (&[Key], none, None, token, "not-a-key"),
        (&[Key], none, gone, None, "key-revoked"),
        (&[Key], none, Some("hafir_"), None, "key-typo"),
        (&[Key], none, Some(""), None, "not-a-key"),
        (&[Jwt], none, None, token, "token"),
        (&[Jwt], none, None, old, "token-expired"),
        (&[Jwt], none, key, None, "no-credential"),
        (&[Jwt], none, None, key, "not-a-token"),
        (&[Key, Jwt], none, None, None, "no-credential"),
        (&[Key, Jwt], none, None, token, "token"),
        (&[Key, Jwt], none, None, key, "key"),
        (&[Jwt, Key], none, None, key, "key"),
        (&[Jwt, Key], none, key, token, "token"),
        (&[Key, Jwt], none, key, token, "key"),
        (&[Key, Jwt], none, key, old, "token-expired"),
        (&[Key, Jwt], none, gone, token, "key-revoked"),
        (none, &[Key, Jwt][..], key, token, "key"),
        (none, &[Key, Jwt], key, None, "no-credential"),
        (none, &[Key, Jwt], None, token, "no-credential"),
        (none, &[Key, Jwt], None, key, "no-credential"),
        (&[Key], &[Jwt], key, token, "key"),
        (&[Key], &[Jwt], None, token, "no-credential"),
        (&[Jwt], &[Key], gone, token, "key-revoked"),
        (&[Key, Basic], &[Jwt], key, token, "key"),
    ] {
        let found = stage.judge(&rules(any, all), &shown(key, bearer, None), now());
        assert_eq!(found, expected, "{any:?} {all:?} {key:?} {bearer:?}");
    }
}

#[test]
fn two_credentials_of_a_kind_are_nobody() {
    let stage = Stage::new();
    let (one, other) = (Some(&*stage.key), Some(&*stage.other_key));
    let keys = rules(&[Key], &[]);
    let ambiguous = Shown { credentials: Err(Ambiguous), ..shown(None, None, None) };
    stage.check(&keys, &ambiguous, "two-credentials");
    stage.check(&rules(&[], &[]), &ambiguous, "open");
    stage.check(&keys, &shown(one, other, None), "two-credentials");
    stage.check(&rules(&[Jwt, Key], &[]), &shown(one, other, None), "two-credentials");
    stage.check(&keys, &shown(one, one, None), "key");
    // Where keys do not stand behind Bearer, what stands there is none of this route's.
    let apart = AuthConfig { key_headers: vec!["x-api-key".to_owned()], ..keys };
    stage.check(&apart, &shown(one, other, None), "key");
    stage.check(&apart, &shown(None, one, None), "no-credential");
}

#[test]
fn what_must_be_asked_or_computed_comes_later() {
    let stage = Stage::new();
    let tokens = rules(&[Jwt], &[]);
    stage.check(&tokens, &shown(None, Some(&stage.token_unheld), None), "ask for keys");
    stage.check(&tokens, &shown(None, Some("opaque"), None), "not-a-token");
    let asks = AuthConfig { issuers: vec!["asks".to_owned()], ..tokens.clone() };
    stage.check(&asks, &shown(None, Some("opaque"), None), "ask about it");
    stage.check(&asks, &shown(None, Some("two words"), None), "not-a-token");
    // A key is no provider's business, though it could be a token of any provider's.
    stage.check(&asks, &shown(None, Some(&stage.key), None), "not-a-token");
    stage.check(
        &AuthConfig { any: vec![Key, Jwt], ..asks.clone() },
        &shown(None, Some("opaque"), None),
        "ask about it",
    );
    // A key that holds does not spare the question about a token that stands beside it.
    stage.check(
        &AuthConfig { any: vec![Key, Jwt], ..asks },
        &shown(Some(&stage.key), Some("opaque"), None),
        "ask about it",
    );
}

#[test]
fn passwords_are_hashed_once_and_never_come_in_clear() {
    let stage = Stage::new();
    let (good, bad) = (login("mary:secret"), login("mary:wrong"));
    let safe = rules(&[Basic], &[]);
    stage.check(&safe, &shown(None, None, None), "no-credential");
    let in_clear = Shown { secure: false, ..shown(None, None, Some(&good)) };
    stage.check(&safe, &in_clear, "password-in-clear");
    stage.check(&AuthConfig { plain_http: true, ..safe.clone() }, &in_clear, "hash it");
    for (coded, at_last) in [(&good, "user"), (&bad, "password")] {
        let shown = shown(None, None, Some(coded));
        let doorkeepers = Doorkeepers { keys: &stage.keys, tokens: &stage.tokens, users: &stage.users };
        let Judged::Later(Later::Password(job)) = judge(&safe, &shown, &doorkeepers, now()) else { panic!("{coded}") };
        stage.users.remember(job.run());
        stage.check(&safe, &shown, at_last);
    }
    let jobs: Vec<Judged> = (0..2)
        .map(|number| {
            let coded = login(&format!("mary:{number}"));
            let doorkeepers = Doorkeepers { keys: &stage.keys, tokens: &stage.tokens, users: &stage.users };
            judge(&safe, &shown(None, None, Some(&coded)), &doorkeepers, now())
        })
        .collect();
    assert!(jobs.iter().all(|judged| word(judged) == "hash it"));
    stage.check(&safe, &shown(None, None, Some(&login("mary:third"))), "wait");
    stage.check(&safe, &shown(None, None, Some(&good)), "user");
    for coded in ["", "!", &login("no colon")] {
        stage.check(&safe, &shown(None, None, Some(coded)), "password");
    }
}

#[test]
fn a_certificate_stands_alone_or_beside_others_and_binds_tokens() {
    let stage = Stage::new();
    let with = |certificate, fingerprint| Shown { certificate, fingerprint, ..shown(None, None, None) };
    let mtls = rules(&[Mtls], &[]);
    stage.check(&mtls, &with(Ok(&stage.certificate), None), "certificate");
    stage.check(&mtls, &with(Err(CertificateProblem::Missing), None), "no-credential");
    stage.check(&mtls, &with(Err(CertificateProblem::NoLonger), None), "certificate-no-longer");
    stage.check(&mtls, &with(Err(CertificateProblem::Name), None), "certificate-name");
    let both = rules(&[Key], &[Mtls]);
    let key = |certificate| Shown { certificate, ..shown(Some(&stage.key), None, None) };
    stage.check(&both, &key(Ok(&stage.certificate)), "key");
    stage.check(&both, &key(Err(CertificateProblem::Missing)), "no-credential");
    stage.check(&both, &key(Err(CertificateProblem::Authority)), "certificate-authority");
    // RFC 8705 §3
    let (own, foreign) = ([7; 32], [8; 32]);
    for (fingerprint, expected) in
        [(Some(&own), "token"), (Some(&foreign), "certificate-binding"), (None, "certificate-binding")]
    {
        let shown = Shown { fingerprint, ..shown(None, Some(&stage.token_bound), None) };
        stage.check(&rules(&[Jwt], &[]), &shown, expected);
    }
}

#[test]
fn while_the_clock_is_unsure_the_route_says_what_counts() {
    let stage = Stage::new();
    let on = |unsure| AuthConfig { unsure, ..rules(&[Key, Jwt], &[]) };
    let ending = Arc::new(Identity { expires: Some(Wall::from_seconds(TODAY + DAY)), ..(*stage.certificate).clone() });
    let policies = [UnsureClock::AcceptKnown, UnsureClock::Refuse, UnsureClock::Accept];
    let check = |shown: &Shown<'_>, any: AuthMethod, expected: [&str; 3]| {
        for (policy, expected) in policies.into_iter().zip(expected) {
            let rules = AuthConfig { any: vec![any], ..on(policy) };
            assert_eq!(stage.judge(&rules, shown, unsure()), expected, "{policy:?} {any:?}");
        }
    };
    let key = |text| shown(Some(text), None, None);
    check(&key(&stage.key), Key, ["key"; 3]);
    check(&key(&stage.ending), Key, ["key", "clock-unsure", "key"]);
    // The clock is never late: what is over by it is over.
    check(&key(&stage.over), Key, ["key-expired"; 3]);
    let token = |text| shown(None, Some(text), None);
    check(&token(&stage.token_over), Jwt, ["token-expired"; 3]);
    check(&token(&stage.token), Jwt, ["clock-unsure", "clock-unsure", "token"]);
    // Judged once while the clock was believed, it is known.
    stage.check(&on(UnsureClock::Refuse), &token(&stage.token), "token");
    check(&token(&stage.token), Jwt, ["token", "clock-unsure", "token"]);
    let certificate = |identity| Shown { certificate: Ok(identity), ..shown(None, None, None) };
    check(&certificate(&stage.certificate), Mtls, ["certificate"; 3]);
    check(&certificate(&ending), Mtls, ["certificate", "clock-unsure", "certificate"]);
}

#[test]
fn a_provider_that_is_away_is_believed_for_as_long_as_the_route_says() {
    let stage = Stage::new();
    let asks = AuthConfig { issuers: vec!["asks".to_owned()], ..rules(&[Jwt], &[]) };
    let patient = AuthConfig { offline: Duration::from_secs(3600), ..asks.clone() };
    let enquire = |seconds: u64, answer: Result<(u16, &[u8]), String>| {
        let now = Now { mono: Mono::from_millis(seconds * 1000), ..now() };
        let enquiry = stage.tokens.introspection("opaque", &asks.issuers, now).expect("a question");
        stage.tokens.introspected(&enquiry, answer, now);
    };
    let shown = shown(None, Some("opaque"), None);
    let at = |seconds: u64| Now { mono: Mono::from_millis(seconds * 1000), ..now() };
    enquire(10, Ok((200, br#"{"active":true,"sub":"anna"}"#)));
    assert_eq!(stage.judge(&asks, &shown, at(11)), "token");
    // What has no end is asked about again after a while.
    assert_eq!(stage.judge(&asks, &shown, at(1810)), "ask about it");
    enquire(1810, Err("no route to host".to_owned()));
    assert_eq!(stage.judge(&asks, &shown, at(1811)), "provider-unreachable");
    assert_eq!(stage.judge(&patient, &shown, at(1811)), "token");
}

#[test]
fn rights_come_from_the_credential_and_the_plan() {
    let scope = |method: Option<&str>, scopes: &[&str]| ScopeRule {
        method: method.map(str::to_owned),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let rules = AuthConfig {
        scopes: vec![scope(None, &["read"]), scope(Some("POST"), &["write", "sign"]), scope(Some("GET"), &["look"])],
        claims: vec![("place".into(), "kitgum".into()), ("place".into(), "gulu".into()), ("on".into(), "true".into())],
        ..AuthConfig::default()
    };
    let with = |scopes: &[&str], place: &[&str]| Identity {
        scopes: words(scopes),
        claims: vec![("place".into(), words(place)), ("on".into(), words(&["true"]))],
        ..somebody(Kind::Token, "anna")
    };
    let plan = |scopes: &[&str], routes: &[&str]| PlanConfig {
        name: "clinic".into(),
        scopes: words(scopes),
        routes: words(routes),
        ..PlanConfig::default()
    };
    let needs = |scopes: &str| Err(NotAllowed::Scope(scopes.to_owned()));
    let gulu = &["lira", "gulu"];
    let all = &["read", "write", "sign", "look"];
    for (identity, plan, method, expected) in [
        (with(all, gulu), None, "GET", Ok(())),
        (with(all, gulu), None, "POST", Ok(())),
        (with(&["read"], gulu), None, "PUT", Ok(())),
        (with(&["read"], gulu), None, "GET", needs("read look")),
        (with(&["read"], gulu), None, "HEAD", needs("read look")),
        (with(&["read"], gulu), None, "get", needs("read look")),
        (with(&["read"], gulu), None, "hEAD", needs("read look")),
        (with(&["read", "write"], gulu), None, "POST", needs("read write sign")),
        (with(&["read", "write"], gulu), None, "post", needs("read write sign")),
        (with(&[], gulu), None, "PUT", needs("read")),
        (with(&["Read", "rea", "read "], gulu), None, "PUT", needs("read")),
        (with(&[], gulu), Some(plan(&["read"], &[])), "PUT", Ok(())),
        (with(&["sign"], gulu), Some(plan(&["read", "write"], &["records"])), "POST", Ok(())),
        (with(all, gulu), Some(plan(all, &["maps"])), "GET", Err(NotAllowed::Plan("clinic".into()))),
        (with(all, &["lira"]), None, "GET", Err(NotAllowed::Claim("place".into()))),
        (with(all, &[]), None, "GET", Err(NotAllowed::Claim("place".into()))),
        (Identity { claims: Vec::new(), ..with(all, &[]) }, None, "GET", Err(NotAllowed::Claim("place".into()))),
        (
            Identity { claims: vec![("place".into(), words(gulu))], ..with(all, &[]) },
            None,
            "GET",
            Err(NotAllowed::Claim("on".into())),
        ),
    ] {
        assert_eq!(
            may(&rules, &identity, plan.as_ref(), "records", method),
            expected,
            "{identity:?} {plan:?} {method}"
        );
    }
}

#[test]
fn challenges_name_each_way_that_http_knows() {
    let bearer = "Bearer realm=\"r\"";
    let invalid = "Bearer realm=\"r\", error=\"invalid_token\"";
    let basic = "Basic realm=\"r\", charset=\"UTF-8\"";
    let key = NotKnown::Key(KeyProblem::Unknown);
    let token = NotKnown::Token(TokenProblem::Expired);
    for (any, all, why, expected) in [
        (&[Key][..], &[][..], None, vec![bearer]),
        (&[Key], &[], Some(&NotKnown::Nothing), vec![bearer]),
        (&[Key], &[], Some(&key), vec![invalid]),
        (&[Jwt], &[], Some(&token), vec![invalid]),
        (&[Jwt], &[], Some(&NotKnown::ClockUnsure), vec![invalid]),
        (&[Basic], &[], Some(&NotKnown::Password), vec![basic]),
        (&[Basic, Jwt], &[], Some(&token), vec![invalid, basic]),
        (&[Basic], &[Key], Some(&NotKnown::Password), vec![bearer, basic]),
        (&[Mtls], &[], Some(&NotKnown::Nothing), vec![]),
        (&[], &[Mtls], None, vec![]),
        (&[Mtls, Key], &[], None, vec![bearer]),
    ] {
        assert_eq!(challenges(&rules(any, all), "r", why, true), expected, "{any:?} {all:?} {why:?}");
    }
    let own = AuthConfig { key_headers: vec!["x-pass".to_owned()], ..rules(&[Key], &[]) };
    assert_eq!(challenges(&own, "r", None, true), ["ApiKey realm=\"r\", header=\"x-pass\""]);
    // A name cannot end the quotes or the line.
    assert_eq!(challenges(&rules(&[Key], &[]), "a\" x=\"\\\r\nb", None, true), ["Bearer realm=\"a x=b\""]);
    assert_eq!(
        scope_challenge("a\"\nb", "read write"),
        "Bearer realm=\"ab\", error=\"insufficient_scope\", scope=\"read write\""
    );
}
