//! For the fuzzers: bytes through every reader of this room, and through the whole check with a signature that holds.

use std::time::Duration;

use ring::signature::{Ed25519KeyPair, KeyPair};

use super::errand::ErrandKind;
use super::{Tokens, judge_key_file};
use crate::auth::Identity;
use crate::base::{Mono, Now, Wall};
use crate::config::{JwtConfig, KeySource, UpstreamUrl};

const NOW: Now = Now { mono: Mono::from_millis(1000), wall: Wall::from_seconds(1_790_000_000), sure: true };

/// The bytes as a token, a key set, a discovery document, a provider's answer and a file from the card. Whether the token
/// counted, which none can that is not signed.
pub(crate) fn read(bytes: &[u8]) -> bool {
    let _count = judge_key_file(bytes);
    let tokens = Tokens::default();
    tokens.reconfigure(&[rules("keys", KeySource::Discovery), asking()]);
    let _restored = tokens.restore("jwt/keys", bytes, NOW);
    for mut errand in tokens.due(NOW.mono) {
        tokens.fetched(&errand, Ok(bytes), NOW);
        errand.kind = ErrandKind::Keys;
        tokens.fetched(&errand, Ok(bytes), NOW);
    }
    if let Some(enquiry) = tokens.introspection("opaque", &[], NOW) {
        tokens.introspected(&enquiry, Ok((200, bytes)), NOW);
    }
    let text = String::from_utf8_lossy(bytes);
    tokens.check(&text, &[], Duration::ZERO, NOW).is_ok()
}

/// A token with this header and these claims, signed by the key that the section has, twice: read, and remembered.
pub(crate) fn signed(header: &[u8], claims: &[u8]) -> Option<Identity> {
    let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).ok()?;
    let public = encoded(key.public_key().as_ref());
    let keys = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"k","x":"{public}"}}]}}"#);
    let tokens = Tokens::default();
    tokens.reconfigure(&[rules("keys", KeySource::File("keys.json".into()))]);
    tokens.key_file("keys", keys.as_bytes()).ok()?;
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let text = format!("{message}.{}", encoded(key.sign(message.as_bytes()).as_ref()));
    let check = || tokens.check(&text, &[], Duration::ZERO, NOW);
    let (first, again) = (check(), check());
    assert_eq!(first, again, "what is remembered is what was found");
    first.ok().map(|checked| checked.identity.as_ref().clone())
}

fn rules(name: &str, keys: KeySource) -> JwtConfig {
    JwtConfig {
        name: name.into(),
        issuer: "https://i".into(),
        audience: vec!["a".into()],
        keys,
        keep: Duration::from_secs(3600),
        identity: "sub".into(),
        scope: "scope".into(),
        plan_claim: "p.q".into(),
        plans: vec![("x".into(), "y".into())],
        ..JwtConfig::default()
    }
}

fn asking() -> JwtConfig {
    let url = UpstreamUrl { tls: true, host: "i".into(), port: 443, path: String::new() };
    JwtConfig { introspect: Some(url), ..rules("asked", KeySource::Discovery) }
}

fn encoded(bytes: &[u8]) -> String {
    super::base64::encode_padded(bytes).replace('+', "-").replace('/', "_").replace('=', "")
}
