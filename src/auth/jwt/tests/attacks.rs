//! What attackers send (RFC 8725 §2), each with the name of its refusal.

use super::*;

/// What is signed as it should be holds, in every way.
#[test]
fn every_algorithm_is_verified() {
    let signers = Signers::new();
    let tokens = tokens(rules(), &signers.jwks());
    for algorithm in Algorithm::ALL {
        let kid = match algorithm {
            Algorithm::Es256 => "p",
            Algorithm::Es384 => "q",
            Algorithm::EdDsa => "e",
            _ => "r",
        };
        for header in
            [format!("\"kid\":\"{kid}\",\"typ\":\"JWT\""), "\"typ\":\"application/at+jwt\"".into(), String::new()]
        {
            let text = signers.token(algorithm, &header, &payload(""));
            let checked = check(&tokens, &text).unwrap_or_else(|problem| panic!("{algorithm:?} {header}: {problem}"));
            assert_eq!(checked.identity.id, "ministry/amina");
            assert_eq!(check(&tokens, &text).unwrap(), checked);
            let broken = broken_signature(&text);
            assert_eq!(check(&tokens, &broken), Err(TokenProblem::BadSignature), "{algorithm:?}");
        }
    }
}

fn broken_signature(text: &str) -> String {
    let dot = text.rfind('.').unwrap();
    let other = if &text[dot + 5..dot + 6] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &text[..dot + 5], &text[dot + 6..])
}

#[test]
fn headers_that_attack_are_refused() {
    let signers = Signers::new();
    let tokens = tokens(rules(), &signers.jwks());
    let es256 = |more: &str| format!(r#"{{"alg":"ES256","kid":"p"{more}}}"#);
    let huge = "k".repeat(300);
    let giant = "k".repeat(1100);
    let table: Vec<(String, TokenProblem)> = vec![
        (r#"{"alg":"none","kid":"p"}"#.into(), TokenProblem::Algorithm),
        (r#"{"alg":"None","kid":"p"}"#.into(), TokenProblem::Algorithm),
        (r#"{"alg":"NONE","kid":"p"}"#.into(), TokenProblem::Algorithm),
        (r#"{"alg":"nOnE","kid":"p"}"#.into(), TokenProblem::Algorithm),
        (r#"{"alg":"","kid":"p"}"#.into(), TokenProblem::Algorithm),
        (r#"{"alg":"HS256","kid":"p"}"#.into(), TokenProblem::Algorithm),
        (r#"{"alg":"HS512","kid":"r"}"#.into(), TokenProblem::Algorithm),
        (r#"{"alg":"es256","kid":"p"}"#.into(), TokenProblem::Algorithm),
        (r#"{"alg":"ES256 ","kid":"p"}"#.into(), TokenProblem::Algorithm),
        (r#"{"alg":"ES256K","kid":"p"}"#.into(), TokenProblem::Algorithm),
        (r#"{"alg":"RSA1_5","kid":"r"}"#.into(), TokenProblem::Algorithm),
        // An algorithm of another kind of key, or of another curve.
        (r#"{"alg":"ES384","kid":"p"}"#.into(), TokenProblem::Algorithm),
        (r#"{"alg":"EdDSA","kid":"p"}"#.into(), TokenProblem::Algorithm),
        (r#"{"alg":"RS256","kid":"p"}"#.into(), TokenProblem::Algorithm),
        (r#"{"alg":"ES256","kid":"r"}"#.into(), TokenProblem::Algorithm),
        (r#"{"alg":["ES256"],"kid":"p"}"#.into(), TokenProblem::Malformed),
        (r#"{"alg":null,"kid":"p"}"#.into(), TokenProblem::Malformed),
        (r#"{"kid":"p"}"#.into(), TokenProblem::Malformed),
        (r#"{"alg":"ES256","alg":"none","kid":"p"}"#.into(), TokenProblem::Malformed),
        (r#"{"alg":"ES256","kid":"x","kid":"p"}"#.into(), TokenProblem::Malformed),
        (r#"{"alg":"ES256","\u006bid":"p","kid":"p"}"#.into(), TokenProblem::Malformed),
        (r#"{"alg":"ES256","kid":["p"]}"#.into(), TokenProblem::Malformed),
        (r#"{"alg":"ES256","kid":{"p":1}}"#.into(), TokenProblem::Malformed),
        (r#"{"alg":"ES256","kid":0}"#.into(), TokenProblem::Malformed),
        (r#"["ES256"]"#.into(), TokenProblem::Malformed),
        (r#""ES256""#.into(), TokenProblem::Malformed),
        ("".into(), TokenProblem::Malformed),
        (r#"{"alg":"ES256"} "#.to_owned() + "x", TokenProblem::Malformed),
        (r#"{"alg":"ES256","kid":"../../../../etc/passwd"}"#.into(), TokenProblem::UnknownKey(0)),
        (r#"{"alg":"ES256","kid":"' OR 1=1 --"}"#.into(), TokenProblem::UnknownKey(0)),
        (r#"{"alg":"ES256","kid":"p\u0000"}"#.into(), TokenProblem::UnknownKey(0)),
        (r#"{"alg":"ES256","kid":"P"}"#.into(), TokenProblem::UnknownKey(0)),
        (r#"{"alg":"ES256","kid":""}"#.into(), TokenProblem::UnknownKey(0)),
        (format!(r#"{{"alg":"ES256","kid":"{huge}"}}"#), TokenProblem::TooLarge),
        (format!(r#"{{"alg":"ES256","kid":"{giant}"}}"#), TokenProblem::TooLarge),
        (es256(r#","jku":"https://evil.example/jwks""#), TokenProblem::Header),
        (es256(r#","x5u":"https://evil.example/cert""#), TokenProblem::Header),
        (es256(r#","x5c":["MIIB"]"#), TokenProblem::Header),
        (es256(&format!(r#","jwk":{}"#, signers.p256_jwk("p"))), TokenProblem::Header),
        (es256(r#","crit":["exp"],"exp":1"#), TokenProblem::Header),
        (es256(r#","crit":["b64"],"b64":false"#), TokenProblem::Header),
        (es256(r#","b64":false"#), TokenProblem::Header),
        (es256(r#","zip":"DEF""#), TokenProblem::Header),
        (es256(r#","enc":"A128GCM""#), TokenProblem::Header),
        (es256(r#","cty":"JWT""#), TokenProblem::Header),
        (es256(r#","typ":"secevent+jwt""#), TokenProblem::Type),
        (es256(r#","typ":"logout+jwt""#), TokenProblem::Type),
        (es256(r#","typ":"dpop+jwt""#), TokenProblem::Type),
        (es256(r#","typ":"""#), TokenProblem::Type),
        (es256(r#","typ":7"#), TokenProblem::Malformed),
    ];
    for (header, expected) in table {
        let text = signers.raw(Algorithm::Es256, &header, &payload(""));
        assert_eq!(check(&tokens, &text), Err(expected), "{header}");
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let signers = Signers::new();
    let pem = rsa_pem(&signers);
    let tokens = tokens(rules(), &pem);
    assert!(check(&tokens, &signers.token(Algorithm::Rs256, "", &payload(""))).is_ok());
    for name in ["HS256", "HS384", "HS512"] {
        let signed =
            format!("{}.{}", url64(format!("{{\"alg\":\"{name}\"}}").as_bytes()), url64(payload("").as_bytes()));
        let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, pem.as_bytes());
        let text = format!("{signed}.{}", url64(ring::hmac::sign(&secret, signed.as_bytes()).as_ref()));
        assert_eq!(check(&tokens, &text), Err(TokenProblem::Algorithm));
    }
}

pub(super) fn rsa_pem(signers: &Signers) -> String {
    let der = signers.rsa.public().as_ref();
    let with = |tag: u8, content: &[u8]| {
        let len = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82, len[0], len[1]], content].concat()
    };
    let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let spki = with(0x30, &[&algorithm[..], &with(0x03, &[&[0][..], der].concat())].concat());
    let text = super::super::base64::encode_padded(&spki);
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

#[test]
fn texts_that_are_no_token_are_refused() {
    let signers = Signers::new();
    let tokens = tokens(rules(), &signers.jwks());
    let good = signers.token(Algorithm::Es256, "\"kid\":\"p\"", &payload(""));
    let parts: Vec<&str> = good.split('.').collect();
    let [header, claims, signature] = [parts[0], parts[1], parts[2]];
    let nested = signers.token(Algorithm::Es256, "\"kid\":\"p\",\"cty\":\"JWT\"", &good);
    let inner = signers.token(Algorithm::Es256, "\"kid\":\"p\"", &good);
    let unsigned = url64(br#"{"alg":"none"}"#);
    let spare = {
        // The last character of 43 has two bits that mean nothing: they must be zero.
        let last = signature.chars().last().unwrap();
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
        format!("{}{next}", &signature[..signature.len() - 1])
    };
    let der = [&[0x30, 0x44, 0x02, 0x20][..], &[1; 32], &[0x02, 0x20], &[1; 32]].concat();
    for (text, expected) in [
        (String::new(), TokenProblem::NotAToken),
        ("hafir_abc_def".into(), TokenProblem::NotAToken),
        (format!("{header}.{claims}"), TokenProblem::NotAToken),
        (format!("{header}.{claims}.{signature}."), TokenProblem::NotAToken),
        (format!("{header}..{claims}.{signature}.x"), TokenProblem::NotAToken),
        (format!("{header}.{claims}.{signature}.{signature}.{signature}"), TokenProblem::NotAToken),
        ("..".into(), TokenProblem::Malformed),
        (format!("{header}..{signature}"), TokenProblem::Malformed),
        (format!("{header}.{claims}."), TokenProblem::BadSignature),
        (format!("{unsigned}.{claims}."), TokenProblem::Algorithm),
        (format!("{header}.{claims}.{signature}=="), TokenProblem::Malformed),
        (format!("{header}=.{claims}.{signature}"), TokenProblem::Malformed),
        (format!("{header}.{claims}.{spare}"), TokenProblem::Malformed),
        (format!("{header}.{claims}.{signature}\n"), TokenProblem::Malformed),
        (format!("{header}.{claims}. {signature}"), TokenProblem::Malformed),
        (format!(" {header}.{claims}.{signature}"), TokenProblem::Malformed),
        (format!("{header}.{claims}.+/+/{}", &signature[4..]), TokenProblem::Malformed),
        (format!("{header}.{claims}.%2B{}", &signature[3..]), TokenProblem::Malformed),
        (format!("{header}.{claims}.{}", url64(&der)), TokenProblem::BadSignature),
        (format!("{header}.{claims}.{}", url64(&[0; 64])), TokenProblem::BadSignature),
        (format!("{header}.{claims}.{}", url64(&[0; 63])), TokenProblem::BadSignature),
        (format!("{header}.{claims}.{}", url64(&[0xff; 64])), TokenProblem::BadSignature),
        (nested, TokenProblem::Header),
        (inner, TokenProblem::Malformed),
        (format!("{header}.{}.{signature}", url64(payload("\"a\":1").as_bytes())), TokenProblem::BadSignature),
        (format!("{good}{}", "A".repeat(8192)), TokenProblem::TooLarge),
        ("A".repeat(1 << 20), TokenProblem::TooLarge),
        ("é".repeat(100), TokenProblem::NotAToken),
    ] {
        let shown: String = text.chars().take(300).collect();
        assert_eq!(check(&tokens, &text), Err(expected), "{shown}");
    }
}

#[test]
fn a_key_is_for_what_it_says() {
    let signers = Signers::new();
    let text = signers.token(Algorithm::Rs256, "\"kid\":\"r\"", &payload(""));
    let with = |member: &str| format!("{{\"keys\":[{{{member},{}]}}", &signers.rsa_jwk()[1..]);
    for (member, is_taken) in [
        ("\"alg\":\"RS256\"", true),
        ("\"use\":\"sig\"", true),
        ("\"key_ops\":[\"verify\"]", true),
        ("\"x5c\":[\"MIIB\"],\"x5t\":\"AA\"", true),
        ("\"use\":\"enc\"", false),
        ("\"use\":7", false),
        ("\"key_ops\":[\"encrypt\"]", false),
        ("\"key_ops\":[]", false),
        ("\"alg\":\"ES256\"", false),
        ("\"alg\":\"RS1024\"", false),
        ("\"d\":\"AQAB\"", false),
    ] {
        let tokens = Tokens::default();
        tokens.reconfigure(&[rules()]);
        assert_eq!(tokens.key_file("ministry", with(member).as_bytes()).is_ok(), is_taken, "{member}");
        assert_eq!(check(&tokens, &text).is_ok(), is_taken, "{member}");
    }
    let pinned = tokens(rules(), &with("\"alg\":\"PS256\""));
    assert_eq!(check(&pinned, &text), Err(TokenProblem::Algorithm));
    let only_es = JwtConfig { algorithms: vec!["ES256".into()], ..rules() };
    assert_eq!(check(&tokens(only_es, &signers.jwks()), &text), Err(TokenProblem::Algorithm));
}

#[test]
fn weak_and_broken_keys_are_passed_over() {
    use super::super::keys::{Keys, KeysProblem};
    let n = |bytes: usize| url64(&vec![0xff; bytes]);
    let rsa = |n: &str, e: &str| format!(r#"{{"keys":[{{"kty":"RSA","n":"{n}","e":"{e}"}}]}}"#);
    let ec = |crv: &str, x: usize, y: usize| {
        format!(r#"{{"keys":[{{"kty":"EC","crv":"{crv}","x":"{}","y":"{}"}}]}}"#, n(x), n(y))
    };
    for text in [
        rsa(&n(128), "AQAB"),
        rsa(&n(255), "AQAB"),
        rsa(&n(1025), "AQAB"),
        rsa(&n(256), "AQ"),
        rsa(&n(256), "Ag"),
        rsa(&n(256), ""),
        rsa(&n(256), "AQAB="),
        ec("P-256", 31, 32),
        ec("P-256", 48, 48),
        ec("P-521", 66, 66),
        ec("secp256k1", 32, 32),
        format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{}"}}]}}"#, n(31)),
        format!(r#"{{"keys":[{{"kty":"OKP","crv":"X25519","x":"{}"}}]}}"#, n(32)),
        r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#.into(),
        r#"{"keys":[]}"#.into(),
        r#"{"keys":{}}"#.into(),
        r#"{"keys":[7,null,"x",[]]}"#.into(),
        "{}".into(),
    ] {
        assert_eq!(Keys::read(text.as_bytes()), Err(KeysProblem::NoKeys), "{text}");
    }
    assert_eq!(Keys::read(b"<html>"), Err(KeysProblem::NotKeys));
    assert_eq!(Keys::read(b"[]"), Err(KeysProblem::NotKeys));
    assert_eq!(Keys::read(&[b' '; 65 * 1024]), Err(KeysProblem::TooLarge));
    assert_eq!(Keys::read(include_bytes!("rsa.pem")), Err(KeysProblem::Private));
    let signers = Signers::new();
    let many = vec![signers.ed25519_jwk(); 100].join(",");
    assert_eq!(Keys::read(format!("{{\"keys\":[{many}]}}").as_bytes()).unwrap().len(), 32);
    assert_eq!(Keys::read(signers.rsa_jwk().as_bytes()).unwrap().len(), 1);
}
