//! Header fields that a route sets, removes or asks for (RFC 9110 §5).

use super::problem::Fault;
use super::suggest;

/// Which heads a route edits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

/// Fields that frame a message or speak to the next hop only (RFC 9110 §7.6.1, RFC 9112 §6); the gateway writes them.
const FRAMING: [&str; 9] = [
    "connection",
    "content-length",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields by which loops are found (RFC 9110 §7.6.2, §7.6.3, RFC 8586 §2).
const LOOPS: [&str; 3] = ["cdn-loop", "max-forwards", "via"];

/// Fields that the gateway writes by itself: `Expect` is answered here, `Proxy` is heard by CGI programs as a setting.
const OWN: [&str; 4] = ["expect", "host", "proxy", "traceparent"];

/// Fields by which the cache asks for what it lacks (RFC 9110 §13.1, §14.2).
const ASKED_BY_THE_CACHE: [&str; 6] =
    ["if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"];

/// A name that may be set or removed: a token (RFC 9110 §5.6.2) that is the route's to write.
pub(super) fn editable(name: &str, side: Side) -> Result<(), Fault> {
    token(name)?;
    // Programs behind CGI take the two for one.
    let lower = name.to_ascii_lowercase().replace('_', "-");
    let is_in = |names: &[&str]| names.contains(&lower.as_str());
    let sentence = match side {
        _ if is_in(&FRAMING) => {
            "says where a message ends or speaks to the next hop only; the gateway writes it itself"
        }
        _ if is_in(&LOOPS) => "is how loops between gateways are found; it cannot be edited",
        Side::Request if lower == "host" => "is set by 'upstream.host = NAME'",
        _ if is_in(&OWN) => "is the gateway's own; it cannot be edited",
        Side::Request if is_in(&ASKED_BY_THE_CACHE) => {
            "is how the cache asks for what it lacks; an edit would store wrong answers"
        }
        Side::Response if lower == "content-range" => "says which part of an answer this is; it cannot be edited",
        Side::Request | Side::Response => return Ok(()),
    };
    Err(Fault::refused(format!("the field '{name}' {sentence}")))
}

/// A field's name (RFC 9110 §5.1).
pub(super) fn token(name: &str) -> Result<(), Fault> {
    const LONGEST: usize = 256;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.is_empty() && name.len() <= LONGEST && name.bytes().all(legal) {
        return Ok(());
    }
    let fault = Fault::value(name, "a field name of letters, digits and '-'");
    let repaired: String = name.chars().map(|c| if c == ' ' { '-' } else { c }).filter(|c| *c != ':').collect();
    let is_token = !repaired.is_empty() && repaired.len() <= LONGEST && repaired.bytes().all(legal);
    Err(if is_token { fault.meant(repaired) } else { fault })
}

/// A field's value (RFC 9110 §5.5): one line of visible characters, blanks and tabs; nothing can begin another field.
pub(super) fn value(text: &str) -> Result<String, Fault> {
    const LONGEST: usize = 4096;
    let text = text.trim_matches([' ', '\t']);
    let is_value = text.len() <= LONGEST && text.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7F));
    if is_value {
        return Ok(text.to_owned());
    }
    Err(Fault::value(text, "one line of at most 4096 bytes without control characters"))
}

/// A method that a route may ask for, in upper case where it is a usual one (RFC 9110 §9.1: others are case-sensitive).
pub(super) fn method(text: &str) -> Result<String, Fault> {
    const USUAL: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    let upper = text.to_ascii_uppercase();
    if matches!(upper.as_str(), "CONNECT" | "TRACE") {
        return Err(Fault::refused(format!("requests with {upper} are refused by the gateway; no route sees them")));
    }
    if USUAL.contains(&upper.as_str()) {
        return Ok(upper);
    }
    let expected = "a method, as GET or POST";
    if token(text).is_err() {
        return Err(Fault::value(text, expected));
    }
    match suggest::nearest(&upper, USUAL) {
        Some(meant) => Err(Fault::value(text, expected).meant(meant)),
        None => Ok(text.to_owned()),
    }
}

/// A field whose value nobody should read over a shoulder: credentials, by their usual names.
pub(super) fn is_secret(name: &str) -> bool {
    const WORDS: [&str; 9] =
        ["auth", "cookie", "credential", "key", "passw", "secret", "session", "signature", "token"];
    let lower = name.to_ascii_lowercase();
    WORDS.into_iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_is_never_edited() {
        for name in
            ["Content-Length", "content_length", "transfer-encoding", "Connection", "Via", "cdn-loop", "TE", "Proxy"]
        {
            for side in [Side::Request, Side::Response] {
                assert!(matches!(editable(name, side), Err(Fault::Refused(_))), "{name}");
            }
        }
        assert!(editable("Host", Side::Request).is_err() && editable("Range", Side::Request).is_err());
        assert!(editable("Content-Range", Side::Response).is_err());
        assert!(editable("X-School", Side::Request).is_ok() && editable("Set-Cookie", Side::Response).is_ok());
    }

    #[test]
    fn names_are_tokens_and_values_one_line() {
        assert!(token("X_Foo.Bar").is_ok());
        assert!(token("X Foo:").unwrap_err().to_string().ends_with("did you mean 'X-Foo'?"));
        assert!(token("").is_err() && token("é").is_err() && token(&"a".repeat(257)).is_err());
        assert_eq!(value(" Bearer é "), Ok("Bearer é".into()));
        for bad in ["a\r\nX: 1", "a\nb", "a\0", "\u{7F}"] {
            assert!(value(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn methods_are_known_or_tokens() {
        assert_eq!(method("get"), Ok("GET".into()));
        assert_eq!(method("PROPFIND"), Ok("PROPFIND".into()));
        assert!(method("trace").is_err() && method("GET POST").is_err());
        assert!(method("PSOT").unwrap_err().to_string().ends_with("did you mean 'POST'?"));
    }

    #[test]
    fn credentials_are_recognised_by_name() {
        assert!(is_secret("Authorization") && is_secret("X-Api-Key") && is_secret("access_token"));
        assert!(!is_secret("Accept") && !is_secret("X-School"));
    }
}
