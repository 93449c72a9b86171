//! Tokens made here with ring, good ones and bad ones.

mod asking;
mod attacks;
mod claims;
mod cost;
mod fetching;
mod peers;
mod vectors;

use std::time::Duration;

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaKeyPair,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;

use super::algorithm::Algorithm;
use super::tokens::Checked;
use super::{TokenProblem, Tokens};
use crate::base::{Mono, Now, Wall};
use crate::config::{JwtConfig, KeySource};

/// A day in 2026, in seconds.
const TODAY: i64 = 1_790_000_000;
const ISSUER: &str = "https://id.example";

/// Ten seconds after the start of the process.
fn now() -> Now {
    at(10, TODAY, true)
}

fn at(mono: u64, wall: i64, sure: bool) -> Now {
    Now { mono: Mono::from_millis(mono * 1000), wall: Wall::from_seconds(wall), sure }
}

/// Keys that sign.
struct Signers {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
    random: SystemRandom,
}

impl Signers {
    fn new() -> Signers {
        let random = SystemRandom::new();
        let rsa = PrivatePkcs8KeyDer::from_pem_slice(include_bytes!("rsa.pem")).unwrap();
        let ecdsa = |rule: &'static EcdsaSigningAlgorithm| {
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(rule, &random).unwrap();
            EcdsaKeyPair::from_pkcs8(rule, pkcs8.as_ref(), &random).unwrap()
        };
        let ed25519 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Signers {
            rsa: RsaKeyPair::from_pkcs8(rsa.secret_pkcs8_der()).unwrap(),
            p256: ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
            p384: ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
            ed25519: Ed25519KeyPair::from_pkcs8(ed25519.as_ref()).unwrap(),
            random,
        }
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let rsa = |padding: &'static dyn ring::signature::RsaEncoding| {
            let mut signature = vec![0; self.rsa.public().modulus_len()];
            self.rsa.sign(padding, &self.random, message, &mut signature).unwrap();
            signature
        };
        match algorithm {
            Algorithm::Rs256 => rsa(&RSA_PKCS1_SHA256),
            Algorithm::Rs384 => rsa(&RSA_PKCS1_SHA384),
            Algorithm::Rs512 => rsa(&RSA_PKCS1_SHA512),
            Algorithm::Ps256 => rsa(&RSA_PSS_SHA256),
            Algorithm::Ps384 => rsa(&RSA_PSS_SHA384),
            Algorithm::Ps512 => rsa(&RSA_PSS_SHA512),
            Algorithm::Es256 => self.p256.sign(&self.random, message).unwrap().as_ref().to_vec(),
            Algorithm::Es384 => self.p384.sign(&self.random, message).unwrap().as_ref().to_vec(),
            Algorithm::EdDsa => self.ed25519.sign(message).as_ref().to_vec(),
        }
    }

    /// A token with this header beside `alg`, as `"kid":"p"`.
    fn token(&self, algorithm: Algorithm, header: &str, payload: &str) -> String {
        let comma = if header.is_empty() { "" } else { "," };
        self.raw(algorithm, &format!("{{\"alg\":\"{}\"{comma}{header}}}", algorithm.name()), payload)
    }

    /// A token with just this header, whatever it says, signed with the key of this algorithm.
    fn raw(&self, algorithm: Algorithm, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", url64(header.as_bytes()), url64(payload.as_bytes()));
        let signature = url64(&self.sign(algorithm, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// All four public keys, with `kid`s `r`, `p`, `q` and `e`.
    fn jwks(&self) -> String {
        format!("{{\"keys\":[{},{},{},{}]}}", self.rsa_jwk(), self.p256_jwk("p"), self.p384_jwk(), self.ed25519_jwk())
    }

    fn rsa_jwk(&self) -> String {
        let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        let n = url64(&public.n);
        format!(r#"{{"kty":"RSA","kid":"r","n":"{n}","e":"AQAB"}}"#)
    }

    fn p256_jwk(&self, kid: &str) -> String {
        let (x, y) = self.p256.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (url64(x), url64(y));
        format!(r#"{{"kty":"EC","crv":"P-256","kid":"{kid}","use":"sig","alg":"ES256","x":"{x}","y":"{y}"}}"#)
    }

    fn p384_jwk(&self) -> String {
        let (x, y) = self.p384.public_key().as_ref()[1..].split_at(48);
        format!(r#"{{"kty":"EC","crv":"P-384","kid":"q","x":"{}","y":"{}"}}"#, url64(x), url64(y))
    }

    fn ed25519_jwk(&self) -> String {
        format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"e","x":"{}"}}"#, url64(self.ed25519.public_key().as_ref()))
    }
}

fn url64(bytes: &[u8]) -> String {
    super::base64::encode_padded(bytes).replace('+', "-").replace('/', "_").replace('=', "")
}

/// A section whose keys are in a file.
fn rules() -> JwtConfig {
    JwtConfig {
        name: "ministry".into(),
        issuer: ISSUER.into(),
        audience: vec!["dhis2".into()],
        keys: KeySource::File("keys.json".into()),
        leeway: Duration::from_secs(60),
        refresh: Duration::from_secs(3600),
        keep: Duration::from_secs(30 * 86_400),
        identity: "sub".into(),
        scope: "scope".into(),
        plan_claim: "plan".into(),
        ..JwtConfig::default()
    }
}

/// One section with keys.
fn tokens(rules: JwtConfig, keys: &str) -> Tokens {
    let tokens = Tokens::default();
    let name = rules.name.clone();
    tokens.reconfigure(&[rules]);
    tokens.key_file(&name, keys.as_bytes()).unwrap();
    tokens
}

fn check(tokens: &Tokens, text: &str) -> Result<Checked, TokenProblem> {
    tokens.check(text, &[], Duration::ZERO, now())
}

/// Claims of a good token, and others.
fn payload(more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(r#"{{"iss":"{ISSUER}","aud":"dhis2","sub":"amina","exp":{}{comma}{more}}}"#, TODAY + 600)
}
