"""Prints a key set and tokens of PyJWT, each with what is expected of it: a name, or the word of a refusal."""
import base64, hashlib, hmac, json, sys
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

today = int(sys.argv[1])
keys = {
    "r": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "p": ec.generate_private_key(ec.SECP256R1()),
    "q": ec.generate_private_key(ec.SECP384R1()),
    "e": ed25519.Ed25519PrivateKey.generate(),
}
makers = {
    "r": jwt.algorithms.RSAAlgorithm,
    "p": jwt.algorithms.ECAlgorithm,
    "q": jwt.algorithms.ECAlgorithm,
    "e": jwt.algorithms.OKPAlgorithm,
}
jwks = []
for kid, key in keys.items():
    jwk = makers[kid].to_jwk(key.public_key())
    jwk = json.loads(jwk) if isinstance(jwk, str) else jwk
    jwks.append({**jwk, "kid": kid})

good = {"iss": "https://id.example", "aud": "dhis2", "sub": "amina", "name": "Amina", "exp": today + 600, "iat": today}
cases = []


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def case(about, token, expected):
    cases.append({"about": about, "token": token, "expected": expected})


def made(key, algorithm, claims=None, **headers):
    return jwt.encode({**good, **(claims or {})}, keys[key], algorithm=algorithm, headers={"kid": key, **headers})


for kid, names in {"r": ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"], "p": ["ES256"], "q": ["ES384"], "e": ["EdDSA"]}.items():
    for name in names:
        case(name, made(kid, name), "Amina")
        head, body, signature = made(kid, name).split(".")
        case(name + ", other claims", ".".join([head, url64(json.dumps({**good, "sub": "b"}).encode()), signature]), "token-signature")
case("a list of audiences", made("e", "EdDSA", {"aud": ["x", "dhis2"]}), "Amina")
case("at+jwt", made("e", "EdDSA", typ="at+jwt"), "Amina")
case("expired", made("e", "EdDSA", {"exp": today - 61}), "token-expired")
case("expired within leeway", made("e", "EdDSA", {"exp": today - 59}), "Amina")
case("not yet", made("e", "EdDSA", {"nbf": today + 61}), "token-not-yet")
case("issued later", made("e", "EdDSA", {"iat": today + 61}), "token-not-yet")
case("another audience", made("e", "EdDSA", {"aud": "x"}), "token-audience")
case("another issuer", made("e", "EdDSA", {"iss": "https://x.example"}), "token-issuer")
case("another type", made("e", "EdDSA", typ="logout+jwt"), "token-type")
case("an unknown key", made("e", "EdDSA", kid="../../x"), "token-key-unknown")
case("a header with a key", made("e", "EdDSA", jwk=jwks[0]), "token-header")
case("none", jwt.encode(good, None, algorithm="none", headers={"kid": "e"}), "token-algorithm")
case("the key of another", made("r", "RS256", kid="p"), "token-algorithm")
pem = keys["r"].public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
signed = ".".join([url64(b'{"alg":"HS256","kid":"r"}'), url64(json.dumps(good).encode())])
case("the public key as a secret", signed + "." + url64(hmac.new(pem, signed.encode(), hashlib.sha256).digest()), "token-algorithm")
print(json.dumps({"jwks": json.dumps({"keys": jwks}), "cases": cases}))
