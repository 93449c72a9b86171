"""Prints a key set and tokens that PyJWT and jwcrypto make, honest ones and attacks, each with the status that it is due."""
import base64, hashlib, hmac, json, sys, time
import jwt
from jwcrypto import jwe, jwk, jws
from jwcrypto.common import json_encode

now = int(time.time())
keys = {
    "r": jwk.JWK.generate(kty="RSA", size=2048, kid="r"),
    "p": jwk.JWK.generate(kty="EC", crv="P-256", kid="p"),
    "q": jwk.JWK.generate(kty="EC", crv="P-384", kid="q"),
    "e": jwk.JWK.generate(kty="OKP", crv="Ed25519", kid="e"),
}
stranger = {name: jwk.JWK.generate(**json.loads(json.dumps(kind)), kid=name) for name, kind in {
    "r": {"kty": "RSA", "size": 2048}, "p": {"kty": "EC", "crv": "P-256"}, "e": {"kty": "OKP", "crv": "Ed25519"}}.items()}
good = {"iss": "https://id.example", "aud": "board", "sub": "amina", "exp": now + 600, "iat": now, "role": "nurse"}
cases = []


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw(header, claims, key=None, algorithm=None):
    """Whatever bytes are wanted, signed all the same."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    claims = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signed = url64(header) + "." + url64(claims)
    if key is None:
        return signed + "."
    maker = jwt.get_algorithm_by_name(algorithm)
    pem = key.export_to_pem(private_key=True, password=None)
    return signed + "." + url64(maker.sign(signed.encode(), maker.prepare_key(pem)))


def made(kid, algorithm, claims=good, keyring=keys, **header):
    token = jws.JWS(json_encode(claims))
    token.add_signature(keyring[kid], None, json_encode({"alg": algorithm, "kid": kid, "typ": "JWT", **header}), None)
    return token.serialize(compact=True)


def case(about, token, status=401):
    cases.append({"about": about, "token": token, "status": status})


for kid, algorithms in {"r": ["RS256", "RS384", "RS512", "PS256"], "p": ["ES256"], "q": ["ES384"], "e": ["EdDSA"]}.items():
    for algorithm in algorithms:
        token = made(kid, algorithm)
        case(algorithm, token, 200)
        head, body, signature = token.split(".")
        case(algorithm + ": other claims", ".".join([head, url64(json.dumps({**good, "sub": "root"}).encode()), signature]))
        case(algorithm + ": no signature", head + "." + body + ".")
        case(algorithm + ": half a signature", token[: len(token) - len(signature) // 2])
        case(algorithm + ": two signatures", token + "." + signature)
        case(algorithm + ": padded", token + "=")
        case(algorithm + ": a line end within", head + ".%0A" + body + "." + signature)
for name in ["none", "None", "NONE", "nOnE", "", "HS256", "HS512", "RS1", "ES512", "ES256K", "dir"]:
    case(f"alg {name!r}", raw({"alg": name, "kid": "r"}, good))
    case(f"alg {name!r} with the signature of another", raw({"alg": name, "kid": "r"}, good, keys["r"], "RS256"))
for kid, key in keys.items():
    for secret in [key.export_to_pem(), key.export_to_pem().strip(), key.export_public().encode(), b"", kid.encode()]:
        signed = url64(json.dumps({"alg": "HS256", "kid": kid}).encode()) + "." + url64(json.dumps(good).encode())
        case(f"the public key {kid} as a secret", signed + "." + url64(hmac.new(secret, signed.encode(), hashlib.sha256).digest()))
for kid, algorithm in [("r", "RS256"), ("p", "ES256"), ("e", "EdDSA")]:
    case(f"{algorithm} by a stranger", made(kid, algorithm, keyring=stranger))
    case(f"{algorithm} by a stranger who brings the key along",
         made(kid, algorithm, keyring=stranger, jwk=json.loads(stranger[kid].export_public())))
    case(f"{algorithm} by a stranger whose keys are elsewhere",
         made(kid, algorithm, keyring=stranger, jku="http://127.0.0.1:1/keys", x5u="http://127.0.0.1:1/chain"))
case("the wrong curve", raw({"alg": "ES256", "kid": "q"}, good, keys["q"], "ES384"))
case("ES384 by a key for ES256", raw({"alg": "ES384", "kid": "p"}, good, keys["p"], "ES256"))
case("RS256 said to be PS256", raw({"alg": "PS256", "kid": "r"}, good, keys["r"], "RS256"))
for kid in ["../../../../dev/null", "r' OR '1'='1", "r\x00", "R", "", ["r"], {"k": "r"}, 7, "k" * 5000]:
    case(f"kid {str(kid)[:20]!r}", raw({"alg": "RS256", "kid": kid}, good, stranger["r"], "RS256"))
for about, claims in {
    "expired": {"exp": now - 120}, "ends never": {"exp": None}, "ends as a text": {"exp": str(now + 600)},
    "ends beyond reason": {"exp": 1e400}, "not yet": {"nbf": now + 120}, "made tomorrow": {"iat": now + 86400},
    "another audience": {"aud": "other"}, "no audience": {"aud": None}, "audiences without ours": {"aud": ["a", "b"]},
    "another issuer": {"iss": "https://id.example/"}, "an issuer in a list": {"iss": ["https://id.example"]},
    "nobody": {"sub": None}, "another role": {"role": "guest"}, "no role": {"role": None},
}.items():
    changed = {name: value for name, value in {**good, **claims}.items() if value is not None}
    text = json.dumps(changed).replace("Infinity", "1e400").encode()
    status = 403 if "role" in about else 401
    case(about, raw({"alg": "RS256", "kid": "r"}, text, keys["r"], "RS256"), status)
case("audiences with ours", made("r", "RS256", {**good, "aud": ["x", "board"]}), 200)
twice = json.dumps(good)[:-1] + ', "exp": 9999999999, "sub": "root"}'
case("claims twice", raw({"alg": "RS256", "kid": "r"}, twice.encode(), keys["r"], "RS256"))
case("alg twice", raw(b'{"alg":"RS256","alg":"none","kid":"r"}', good, keys["r"], "RS256"))
case("crit", raw({"alg": "RS256", "kid": "r", "crit": ["b64"], "b64": False}, good, keys["r"], "RS256"))
case("no object", raw({"alg": "RS256", "kid": "r"}, b'"amina"', keys["r"], "RS256"))
case("not JSON", raw({"alg": "RS256", "kid": "r"}, b"{", keys["r"], "RS256"))
case("deep", raw({"alg": "RS256", "kid": "r"}, b'{"a":' * 700 + b"1" + b"}" * 700, keys["r"], "RS256"))
case("giant", made("r", "RS256", {**good, "pad": "x" * 9000}))
case("another type", made("r", "RS256", typ="secevent+jwt"))
case("a token in a token", raw({"alg": "RS256", "kid": "r", "cty": "JWT"}, made("r", "RS256").encode(), keys["r"], "RS256"))
sealed = jwe.JWE(json_encode(good), json_encode({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "r"}))
sealed.add_recipient(jwk.JWK.from_json(keys["r"].export_public()))
case("encrypted", sealed.serialize(compact=True))
for text in ["", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0..", "null", "Bearer", "x" * 7000]:
    case(f"nonsense {text[:12]!r}", text)
jwks = {"keys": [json.loads(key.export_public()) for key in keys.values()]}
print(json.dumps({"jwks": jwks, "cases": cases}))
