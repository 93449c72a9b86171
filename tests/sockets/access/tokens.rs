//! Tokens by whose signature somebody is known.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use ring::{hmac, signature};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;

use super::{Key, base64url, bearer, guard};
use crate::harness::{Answer, Gateway, Origin, Setup};

pub(super) const ISSUER: &str = "https://id.example";

/// Seconds since 1970.
pub(super) fn in_seconds(offset: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_secs()).expect("fits") + offset
}

/// What a token says. `exp`: seconds from now. `more` begins with a comma.
pub(super) struct Claims {
    pub(super) issuer: &'static str,
    pub(super) audience: &'static str,
    pub(super) exp: i64,
    pub(super) more: &'static str,
}

impl Default for Claims {
    fn default() -> Claims {
        Claims { issuer: ISSUER, audience: "\"board\"", exp: 3600, more: "" }
    }
}

impl Claims {
    fn text(&self) -> String {
        let Claims { issuer, audience, more, .. } = self;
        format!(r#"{{"iss":"{issuer}","aud":{audience},"sub":"anna","exp":{}{more}}}"#, in_seconds(self.exp))
    }
}

/// Signs with Ed25519.
pub(super) struct Provider {
    pair: Ed25519KeyPair,
    number: u8,
}

impl Provider {
    pub(super) fn new(number: u8) -> Provider {
        Provider { pair: Ed25519KeyPair::from_seed_unchecked(&[number; 32]).expect("a key"), number }
    }

    /// A section of this name with the public key in a file.
    pub(super) fn section(&self, setup: &mut Setup, name: &str) -> PathBuf {
        let file = setup.folder.write(&format!("{name}.jwks.json"), self.set());
        let section = format!("jwt {name}");
        setup.set(&section, "issuer", ISSUER).set(&section, "audience", "board");
        setup.set(&section, "keys.file", &file.display().to_string());
        file
    }

    fn set(&self) -> String {
        let x = base64url(self.pair.public_key().as_ref());
        format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"k{}","x":"{x}"}}]}}"#, self.number)
    }

    pub(super) fn token(&self, claims: &Claims) -> String {
        self.signed(&format!(r#"{{"alg":"EdDSA","kid":"k{}"}}"#, self.number), claims)
    }

    fn signed(&self, head: &str, claims: &Claims) -> String {
        let signed = unsigned(head, claims);
        let signature = base64url(self.pair.sign(signed.as_bytes()).as_ref());
        format!("{signed}.{signature}")
    }
}

fn unsigned(head: &str, claims: &Claims) -> String {
    format!("{}.{}", base64url(head.as_bytes()), base64url(claims.text().as_bytes()))
}

/// Signs with RS256.
struct Rsa {
    pair: RsaKeyPair,
}

impl Rsa {
    fn new() -> Rsa {
        let pem = include_bytes!("../../../src/auth/jwt/tests/rsa.pem");
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem).expect("a key");
        Rsa { pair: RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("a key") }
    }

    fn set(&self) -> String {
        let public: signature::RsaPublicKeyComponents<Vec<u8>> = self.pair.public().into();
        let (n, e) = (base64url(&public.n), base64url(&public.e));
        format!(r#"{{"keys":[{{"kty":"RSA","kid":"r1","n":"{n}","e":"{e}"}}]}}"#)
    }

    fn token(&self, head: &str, claims: &Claims) -> String {
        let signed = unsigned(head, claims);
        let mut made = vec![0; self.pair.public().modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut made).expect("a signature");
        format!("{signed}.{}", base64url(&made))
    }
}

fn hs256(secret: &[u8], head: &str, claims: &Claims) -> String {
    let signed = unsigned(head, claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("{signed}.{}", base64url(hmac::sign(&key, signed.as_bytes()).as_ref()))
}

fn check(gateway: &Gateway, target: &str, token: &str, status: u16) {
    let response = gateway.get_with(target, &bearer(token));
    assert_eq!(response.status, status, "{target} {token}: {}", response.head);
    if status == 401 {
        let challenge = response.field("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
}

#[test]
fn only_a_token_that_holds_in_every_respect_is_taken() {
    let (origin, provider, other) = (Origin::plain(), Provider::new(1), Provider::new(2));
    let mut setup = Setup::new();
    provider.section(&mut setup, "id");
    setup.set("jwt id", "leeway", "0 s");
    guard(&mut setup, &origin, "t", "auth = jwt");
    let gateway = setup.start();
    let claims = Claims::default();
    let with = |change: Claims| provider.token(&change);
    let good = provider.token(&claims);
    let public = provider.pair.public_key().as_ref();
    let jwk = provider.set().replace("{\"keys\":[", "").replace("]}", "");
    let embedded = format!(r#"{{"alg":"EdDSA","jwk":{}}}"#, jwk.replace("k1", "k9"));
    let parts: Vec<&str> = good.split('.').collect();
    for token in [
        with(Claims { audience: "\"another\"", ..Claims::default() }),
        with(Claims { audience: "[]", ..Claims::default() }),
        with(Claims { audience: "[\"boar\",\"board2\"]", ..Claims::default() }),
        with(Claims { issuer: "https://id.example/", ..Claims::default() }),
        with(Claims { issuer: "https://other.example", ..Claims::default() }),
        with(Claims { exp: -2, ..Claims::default() }),
        with(Claims { more: r#","nbf":4000000000"#, ..Claims::default() }),
        with(Claims { more: r#","iat":4000000000"#, ..Claims::default() }),
        with(Claims { more: r#","exp":4000000000"#, ..Claims::default() }),
        with(Claims { more: r#","sub":"root""#, ..Claims::default() }),
        with(Claims { more: r#","cnf":{"jkt":"x"}"#, ..Claims::default() }),
        other.token(&claims),
        other.signed(r#"{"alg":"EdDSA","kid":"k1"}"#, &claims),
        other.signed(r#"{"alg":"EdDSA"}"#, &claims),
        other.signed(&embedded.replace(&jwk, &other.set()), &claims),
        provider.signed(&embedded, &claims),
        provider.signed(r#"{"alg":"EdDSA","kid":"../../etc/passwd"}"#, &claims),
        provider.signed(r#"{"alg":"EdDSA","kid":"k1","crit":["x"],"x":1}"#, &claims),
        provider.signed(r#"{"alg":"EdDSA","kid":"k1","jku":"http://127.0.0.1/"}"#, &claims),
        provider.signed(r#"{"alg":"ES256","kid":"k1"}"#, &claims),
        provider.signed(r#"{"alg":"none","kid":"k1"}"#, &claims),
        provider.signed(r#"{"alg":"EdDSA","alg":"EdDSA","kid":"k1"}"#, &claims),
        provider.signed(r#"{"alg":"EdDSA","kid":"k1","typ":"secevent+jwt"}"#, &claims),
        format!("{}.", unsigned(r#"{"alg":"none"}"#, &claims)),
        format!("{}.", unsigned(r#"{"alg":"None","kid":"k1"}"#, &claims)),
        hs256(public, r#"{"alg":"HS256","kid":"k1"}"#, &claims),
        hs256(provider.set().as_bytes(), r#"{"alg":"HS256","kid":"k1"}"#, &claims),
        hs256(b"", r#"{"alg":"HS256"}"#, &claims),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}="),
        format!("{good}A"),
        format!("{good}.x"),
        good.replace('.', ". "),
        good.to_uppercase(),
        format!("{}.{}.{}", parts[0], parts[1], parts[2].chars().rev().collect::<String>()),
        "a".repeat(9000),
        "..".to_owned(),
    ] {
        check(&gateway, "/t", &token, 401);
    }
    assert_eq!(origin.count(), 0);
    for token in [
        good.clone(),
        with(Claims { audience: "[\"another\",\"board\"]", ..Claims::default() }),
        with(Claims { more: r#","nbf":1000000000,"iat":1000000000.5"#, ..Claims::default() }),
        provider.signed(r#"{"alg":"EdDSA"}"#, &claims),
        provider.signed(r#"{"typ":"at+JWT","alg":"EdDSA","kid":"k1"}"#, &claims),
        good,
    ] {
        check(&gateway, "/t", &token, 200);
    }
}

#[test]
fn an_rsa_key_verifies_its_own_algorithm_and_no_other() {
    let (origin, rsa) = (Origin::plain(), Rsa::new());
    let mut setup = Setup::new();
    Provider::new(1).section(&mut setup, "id");
    setup.folder.write("id.jwks.json", rsa.set());
    setup.set("jwt id", "algorithms", "RS256");
    guard(&mut setup, &origin, "t", "auth = jwt");
    let gateway = setup.start();
    let claims = Claims::default();
    check(&gateway, "/t", &rsa.token(r#"{"alg":"RS256","kid":"r1"}"#, &claims), 200);
    let public: signature::RsaPublicKeyComponents<Vec<u8>> = rsa.pair.public().into();
    let modulus = public.n;
    for token in [
        rsa.token(r#"{"alg":"RS384","kid":"r1"}"#, &claims),
        rsa.token(r#"{"alg":"PS256","kid":"r1"}"#, &claims),
        rsa.token(r#"{"alg":"HS256","kid":"r1"}"#, &claims),
        rsa.token(r#"{"alg":"RS256","kid":"r1"}"#, &Claims { exp: -3600, ..Claims::default() }),
        hs256(rsa.set().as_bytes(), r#"{"alg":"HS256","kid":"r1"}"#, &claims),
        hs256(&modulus, r#"{"alg":"HS256","kid":"r1"}"#, &claims),
        hs256(&modulus, r#"{"alg":"RS256","kid":"r1"}"#, &claims),
        Provider::new(1).signed(r#"{"alg":"RS256","kid":"r1"}"#, &claims),
    ] {
        check(&gateway, "/t", &token, 401);
    }
    assert_eq!(origin.count(), 1);
}

#[test]
fn claims_open_routes_pick_plans_and_are_told_upstream() {
    let (origin, provider) = (Origin::plain(), Provider::new(1));
    let mut setup = Setup::new();
    provider.section(&mut setup, "id");
    setup.set("jwt id", "plan.claim", "role").set("jwt id", "plan.nurse", "clinic").set("jwt id", "plan.guest", "none");
    setup.set("plan clinic", "scope", "records.read").set("plan door", "scope", "look");
    let tells =
        "tell.X-Who = id\ntell.X-Name = name\ntell.X-Role = claim.role\ntell.X-Plan = plan\ntell.X-Scope = scope";
    guard(&mut setup, &origin, "place", &format!("auth = jwt\nclaim.district = kitgum, gulu\nplan = door\n{tells}"));
    guard(&mut setup, &origin, "read", &format!("auth = jwt\nscope = records.read\n{tells}"));
    let text = setup.text().replace("plan.guest = none\n", "");
    let gateway = setup.start_with(&text);
    let token = |more: &'static str| provider.token(&Claims { more, ..Claims::default() });
    let told = |names: [&str; 5]| names.map(|name| origin.last().all(name).join("|"));
    let names = ["x-who", "x-name", "x-role", "x-plan", "x-scope"];
    for (target, more, expected) in [
        ("/place", "", None),
        ("/place", r#","district":"lira""#, None),
        ("/place", r#","district":"Kitgum""#, None),
        ("/place", r#","district":{"kitgum":"kitgum"}"#, None),
        ("/place", r#","district":"gulu","role":"guest""#, Some(["token/id/anna", "id/anna", "guest", "door", "look"])),
        (
            "/place",
            r#","district":["lira","kitgum"],"name":"Anna A.","role":["nurse","tutor"],"scope":"a b a""#,
            Some(["token/id/anna", "Anna A.", "nurse, tutor", "clinic", "a b records.read"]),
        ),
        ("/read", r#","scope":"records.read2""#, None),
        ("/read", r#","role":"nurse""#, Some(["token/id/anna", "id/anna", "nurse", "clinic", "records.read"])),
        ("/read", r#","scp":["records.read"]"#, Some(["token/id/anna", "id/anna", "", "", "records.read"])),
    ] {
        let before = origin.count();
        check(&gateway, target, &token(more), if expected.is_some() { 200 } else { 403 });
        assert_eq!(
            (origin.count() > before).then(|| told(names)),
            expected.map(|row| row.map(str::to_owned)),
            "{more}"
        );
    }
}

#[test]
fn a_route_says_whose_tokens_count() {
    let (origin, one, two) = (Origin::plain(), Provider::new(1), Provider::new(2));
    let mut setup = Setup::new();
    one.section(&mut setup, "one");
    two.section(&mut setup, "two");
    setup.set("jwt two", "issuer", "https://two.example");
    guard(&mut setup, &origin, "one", "auth = jwt\nauth.jwt = one");
    guard(&mut setup, &origin, "both", "auth = jwt");
    let gateway = setup.start();
    let of_one = one.token(&Claims::default());
    let of_two = two.token(&Claims { issuer: "https://two.example", ..Claims::default() });
    let posing = two.token(&Claims::default());
    // A token that is remembered on one route is judged on the other all the same.
    for _ in 0..2 {
        for (target, token, status) in [
            ("/both", &of_two, 200),
            ("/one", &of_two, 401),
            ("/one", &of_one, 200),
            ("/both", &of_one, 200),
            ("/one", &posing, 401),
            ("/both", &posing, 401),
        ] {
            check(&gateway, target, token, status);
        }
    }
}

#[test]
fn what_a_provider_says_of_a_token_is_judged_too() {
    let answer = Arc::new(Mutex::new(String::new()));
    let said = Arc::clone(&answer);
    let asked = Origin::new(move |_| Answer::ok(&[], said.lock().expect("an answer").as_bytes()));
    let origin = Origin::plain();
    let mut setup = Setup::new();
    setup.set("jwt id", "issuer", ISSUER).set("jwt id", "audience", "board");
    setup.set("jwt id", "introspect", &format!("{}/ask", asked.url()));
    guard(&mut setup, &origin, "t", "auth = jwt, key\nscope = records.read\nclaim.district = kitgum");
    let gateway = setup.start();
    let key = Key::new(&gateway, &["--scope", "records.read"]);
    let all = r#""scope":"records.read","district":"kitgum""#;
    let row = |more: &str| format!(r#"{{"active":true,"sub":"anna",{more},{all}}}"#);
    let ends = in_seconds(-3600);
    for (number, (says, status)) in [
        (row(r#""aud":"board""#), 200),
        (row(r#""exp":4000000000"#), 200),
        (row(&format!(r#""iss":"{ISSUER}""#)), 200),
        (r#"{"active":true,"sub":"anna","district":"kitgum"}"#.to_owned(), 403),
        (r#"{"active":true,"sub":"anna","scope":"records.read"}"#.to_owned(), 403),
        (format!(r#"{{"active":false,"sub":"anna",{all}}}"#), 401),
        (r#"{"active":"true","sub":"anna"}"#.to_owned(), 401),
        (format!(r#"{{"active":true,{all}}}"#), 401),
        (row(r#""aud":"another""#), 401),
        (row(r#""iss":"https://other.example""#), 401),
        (row(&format!(r#""exp":{ends}"#)), 401),
        (row(r#""nbf":4000000000"#), 401),
    ]
    .into_iter()
    .enumerate()
    {
        *answer.lock().expect("an answer") = says.clone();
        for _ in 0..2 {
            let response = gateway.get_with("/t", &bearer(&format!("opaque-{number}")));
            assert_eq!(response.status, status, "{says}: {}", response.head);
        }
    }
    // A key, right or wrong, is no provider's business.
    let before = asked.count();
    gateway.get_with("/t", &key.bearer());
    gateway.get_with("/t", &bearer(&format!("{}x", key.text)));
    assert_eq!(asked.count(), before);
}
