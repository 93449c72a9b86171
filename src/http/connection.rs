//! What `Connection`, `Upgrade` and `Expect` ask of one hop (RFC 9110 §7.6.1, §7.8, §10.1.1, RFC 9112 §9.3).

use super::fields::Fields;
use super::method::Version;

/// What a request's `Expect` asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expectation {
    None,
    /// 100-continue; in HTTP/1.0 it counts as none.
    Continue,
    /// 417
    Unknown,
}

/// Whether the sender lets this connection carry another message after this one (RFC 9112 §9.3).
pub(crate) fn persists(version: Version, fields: Fields<'_>) -> bool {
    let says = |option: &str| fields.has_token("connection", option);
    match version {
        _ if says("close") => false,
        Version::Http11 => true,
        Version::Http10 => says("keep-alive"),
    }
}

/// The protocol a request wants to change to, or a 101 changes to: only with `Connection: upgrade`, in HTTP/1.1, and
/// where it is one protocol. With several the client would not know which one a tunnel carries before its answer.
pub(crate) fn upgrade<'a>(version: Version, fields: Fields<'a>) -> Option<&'a [u8]> {
    let mut protocols = fields.list("upgrade");
    let first = protocols.next()?;
    let asked = version == Version::Http11 && fields.has_token("connection", "upgrade");
    (asked && protocols.next().is_none()).then_some(first)
}

/// Whether a request asks for HTTP/2 in clear text (h2c), which is refused: what it carried past a gateway would be
/// seen by no rule.
pub(crate) fn asks_h2c(fields: Fields<'_>) -> bool {
    let begins = |protocol: &[u8], with: &str| {
        protocol.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
    };
    fields.contains("http2-settings")
        || fields.has_token("connection", "http2-settings")
        || fields.list("upgrade").any(|protocol| begins(protocol, "h2") || begins(protocol, "http/"))
}

/// What `Expect` asks (RFC 9110 §10.1.1).
pub(crate) fn expectation(version: Version, fields: Fields<'_>) -> Expectation {
    let mut members = fields.list("expect").peekable();
    if version == Version::Http10 || members.peek().is_none() {
        return Expectation::None;
    }
    let known = members.all(|member| member.eq_ignore_ascii_case(b"100-continue"));
    if known { Expectation::Continue } else { Expectation::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;
    use Version::{Http10, Http11};

    fn with<T>(lines: &str, ask: impl FnOnce(Fields<'_>) -> T) -> T {
        let block: String = lines.split_terminator('|').map(|line| format!("{line}\r\n")).collect();
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        ask(Fields::new(block.as_bytes(), spans.as_slice()))
    }

    #[test]
    fn connections_persist_unless_somebody_says_close() {
        fn check(version: Version, lines: &str, expected: bool) {
            assert_eq!(with(lines, |fields| persists(version, fields)), expected, "{version} {lines}");
        }
        check(Http11, "", true);
        check(Http11, "Connection: Close", false);
        check(Http11, "Connection: upgrade|Connection: close", false);
        check(Http11, "Connection: closed", true);
        check(Http10, "", false);
        check(Http10, "Connection: Keep-Alive", true);
        check(Http10, "Connection: keep-alive, close", false);
    }

    #[test]
    fn one_protocol_may_be_changed_to() {
        fn check(version: Version, lines: &str, expected: Option<&str>) {
            let expected = expected.map(str::as_bytes);
            with(lines, |fields| assert_eq!(upgrade(version, fields), expected, "{lines}"));
        }
        check(Http11, "Connection: keep-alive, Upgrade|Upgrade: websocket", Some("websocket"));
        check(Http11, "Upgrade: websocket", None);
        check(Http11, "Connection: upgrade", None);
        check(Http11, "Connection: upgrade|Upgrade: websocket, other", None);
        check(Http10, "Connection: upgrade|Upgrade: websocket", None);
    }

    #[test]
    fn h2c_is_recognised() {
        for (lines, expected) in [
            ("Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: AAMAAABk", true),
            ("Upgrade: H2C", true),
            ("Connection: upgrade|Upgrade: websocket, h2c", true),
            ("Upgrade: h2", true),
            ("Upgrade: HTTP/2.0", true),
            ("HTTP2-Settings: x", true),
            ("Connection: http2-settings", true),
            ("Connection: upgrade|Upgrade: websocket", false),
        ] {
            assert_eq!(with(lines, asks_h2c), expected, "{lines}");
        }
    }

    #[test]
    fn expectations_are_read() {
        for (version, lines, expected) in [
            (Http11, "", Expectation::None),
            (Http11, "Expect:", Expectation::None),
            (Http11, "Expect: 100-Continue", Expectation::Continue),
            (Http11, "Expect: 100-continue, wonders", Expectation::Unknown),
            (Http10, "Expect: 100-continue", Expectation::None),
        ] {
            assert_eq!(with(lines, |fields| expectation(version, fields)), expected, "{version} {lines}");
        }
    }
}
