//! What the upstream is asked for, and what a client is given (RFC 9110 §12.5.3).

use super::{Coding, Unknown};
use crate::http::accept::{self, Quality};
use crate::http::{CacheControl, Fields};

/// What the upstream may choose from, the smallest first, as origins code on the fly: of documents br is a tenth smaller
/// than gzip, and zstd no smaller. zstd is last also because a client that needs it decoded sees its beginning late
/// (`zstd.rs`). `deflate` is not asked for, as origins do not agree on what it is.
const ASKED: &str = "br, gzip;q=0.9, zstd;q=0.8";

/// The `Accept-Encoding` that stands for every client's where `Vary` names it: one stored form serves them all.
pub(crate) const SELECTING: &str = ASKED;

/// What a client is given of an answer that lies here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Serving {
    AsStored,
    /// Decoded, under [`decoded_head`](super::decoded_head), whole: a `Range` is ignored, since byte positions are those
    /// of the coded form (RFC 9110 §14.2).
    Decoded(Coding),
    /// Not at all: the upstream is asked with the client's own fields.
    Past(Past),
}

/// Why an answer that lies here is not for this client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Past {
    /// It came coded because we asked, and the origin or the client forbids to change it (RFC 9111 §5.2.2.6, §5.2.1.6).
    NoTransform,
}

/// What to ask the upstream for in place of what the client does, on routes that compress. A range is asked plain: a
/// part of a coded form is of no use to a client that does not know the coding, and it cannot be decoded.
pub(crate) fn asked(request: Fields<'_>) -> &'static str {
    if request.contains("range") { "identity" } else { ASKED }
}

/// What to ask for where part of an answer is stored and the rest of the same form is wanted.
pub(crate) fn asked_for_more(stored: Option<Coding>) -> &'static str {
    stored.map_or("identity", Coding::name)
}

/// How an answer with these fields is served to this client. A coding that is not ours is none that we asked for: the
/// client would have been sent the same.
pub(crate) fn serving(request: Fields<'_>, answer: Fields<'_>) -> Serving {
    match Coding::of(answer) {
        Ok(None) | Err(Unknown) => Serving::AsStored,
        Ok(Some(coding)) if accepts(request, coding) => Serving::AsStored,
        Ok(Some(_)) if forbids_change(answer) || forbids_change(request) => Serving::Past(Past::NoTransform),
        // A client that refuses the plain form as well gets it all the same: the field may be disregarded
        // (RFC 9110 §12.4.1), and a 406 helps nobody.
        Ok(Some(coding)) => Serving::Decoded(coding),
    }
}

fn forbids_change(message: Fields<'_>) -> bool {
    CacheControl::parse(message).no_transform
}

/// Whether the client said that it takes this coding. Without an `Accept-Encoding` any would do (§12.5.3, rule 1), but
/// programs that never heard of codings are the ones that leave it out: they get the plain form, as from every origin.
fn accepts(request: Fields<'_>, coding: Coding) -> bool {
    accept::coding(request, coding.names()).is_some_and(|weight| weight > Quality::NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    fn with<T>(lines: &str, ask: impl FnOnce(Fields<'_>) -> T) -> T {
        let spans = FieldSpans::parse(lines.as_bytes()).unwrap();
        ask(Fields::new(lines.as_bytes(), spans.as_slice()))
    }

    #[test]
    fn what_a_client_accepts() {
        fn check(value: Option<&str>, gzip: bool, br: bool) {
            let lines = value.map(|value| format!("Accept-Encoding: {value}\r\n")).unwrap_or_default();
            let found = with(&lines, |fields| (accepts(fields, Coding::Gzip), accepts(fields, Coding::Br)));
            assert_eq!(found, (gzip, br), "{value:?}");
        }
        check(None, false, false);
        check(Some(""), false, false);
        check(Some(","), false, false);
        check(Some("*"), true, true);
        check(Some("*;q=0"), false, false);
        check(Some("*;q=0, identity"), false, false);
        check(Some("identity"), false, false);
        check(Some("identity;q=0"), false, false);
        check(Some("gzip"), true, false);
        check(Some("x-gzip"), true, false);
        check(Some("GZIP;Q=0.5"), true, false);
        check(Some("gzip;q=0"), false, false);
        check(Some("gzip;q=0.000"), false, false);
        check(Some("gzip;q=0.001"), true, false);
        check(Some("gzip;q=0, *"), false, true);
        check(Some("x-gzip;q=0, *;q=0.1"), false, true);
        check(Some("gzip, x-gzip;q=0"), false, false);
        check(Some("gzip;q=1.0, identity; q=0.5, *;q=0"), true, false);
        check(Some("br, gzip;q=0.8"), true, true);
        check(Some("gzip, deflate, br\r\nAccept-Encoding: gzip;q=0"), false, true);
        check(Some("brotli, gzipped"), false, false);
        check(Some("gzip;q=two"), true, false);
    }

    #[test]
    fn what_a_client_is_given() {
        fn check(request: &str, answer: &str, expected: Serving) {
            let found = with(request, |request| with(answer, |answer| serving(request, answer)));
            assert_eq!(found, expected, "{request:?} {answer:?}");
        }
        let gzip = "Accept-Encoding: gzip\r\n";
        check(gzip, "", Serving::AsStored);
        check("", "", Serving::AsStored);
        check("Accept-Encoding: identity;q=0\r\n", "", Serving::AsStored);
        check(gzip, "Content-Encoding: gzip\r\n", Serving::AsStored);
        check(gzip, "Content-Encoding: br\r\n", Serving::Decoded(Coding::Br));
        check("", "Content-Encoding: zstd\r\n", Serving::Decoded(Coding::Zstd));
        check("", "Content-Encoding: gzip, gzip\r\n", Serving::AsStored);
        check("Accept-Encoding: *;q=0\r\n", "Content-Encoding: gzip\r\n", Serving::Decoded(Coding::Gzip));
        let fixed = "Content-Encoding: gzip\r\nCache-Control: max-age=5, no-transform\r\n";
        check("", fixed, Serving::Past(Past::NoTransform));
        check(gzip, fixed, Serving::AsStored);
        check("Cache-Control: no-transform\r\n", "Content-Encoding: gzip\r\n", Serving::Past(Past::NoTransform));
    }

    #[test]
    fn what_is_asked_for() {
        assert_eq!(with("Accept-Encoding: gzip\r\n", asked), ASKED);
        assert_eq!(with("", asked), ASKED);
        assert_eq!(with("Range: bytes=0-5\r\n", asked), "identity");
        assert_eq!(asked_for_more(Some(Coding::Br)), "br");
        assert_eq!(asked_for_more(None), "identity");
        let ours = format!("Accept-Encoding: {ASKED}\r\n");
        for coding in [Coding::Br, Coding::Zstd, Coding::Gzip] {
            assert!(with(&ours, |fields| accepts(fields, coding)), "{coding}");
        }
    }
}
