//! Fields that are for one connection only and never passed on (RFC 9110 §7.6.1).

use super::fields::Fields;

/// Those that are for one hop whether `Connection` names them or not.
const ALWAYS: [&str; 8] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings"];

/// Whether a field of this head is for this hop only: known to be, or named by `Connection`.
pub(crate) fn is(name: &[u8], head: Fields<'_>) -> bool {
    let named = |option: &[u8]| option.eq_ignore_ascii_case(name);
    ALWAYS.iter().any(|known| named(known.as_bytes())) || head.list("connection").any(named)
}

/// Whether `Connection` takes a field away that this head has and that would go on otherwise.
pub(crate) fn takes_away(head: Fields<'_>) -> bool {
    let is_usual =
        |option: &[u8]| ALWAYS.iter().chain(&["close"]).any(|word| option.eq_ignore_ascii_case(word.as_bytes()));
    let is_there = |option: &[u8]| std::str::from_utf8(option).is_ok_and(|name| head.contains(name));
    head.list("connection").any(|option| !is_usual(option) && is_there(option))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    #[test]
    fn fields_of_this_hop_are_known_or_named() {
        let block = b"Connection: close, X-Secret\r\nconnection: Cookie\r\n";
        let spans = FieldSpans::parse(block).unwrap();
        let head = Fields::new(block, spans.as_slice());
        for (name, expected) in [
            ("Transfer-Encoding", true),
            ("TE", true),
            ("x-secret", true),
            ("cookie", true),
            ("Close", true),
            ("Host", false),
            ("X-Secrets", false),
        ] {
            assert_eq!(is(name.as_bytes(), head), expected, "{name}");
        }
    }
}
