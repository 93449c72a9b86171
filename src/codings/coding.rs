//! Which coding an answer came in.

use std::fmt;

use crate::http::Fields;

/// A content coding that can be decoded here (RFC 9110 §8.4.1; RFC 7932; RFC 8878).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Coding {
    Gzip,
    /// zlib's format; what some origins send instead, DEFLATE without it, is understood as well.
    Deflate,
    Br,
    Zstd,
}

/// Several codings on top of each other, or one that is none of ours: the answer is passed on as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Unknown;

impl Coding {
    pub(crate) const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Br, Coding::Zstd];

    /// What `Content-Encoding` says. `identity` has no place there (RFC 9110 §8.4) and means nothing.
    pub(crate) fn of(answer: Fields<'_>) -> Result<Option<Coding>, Unknown> {
        let mut codings = answer.list("content-encoding").filter(|name| !name.eq_ignore_ascii_case(b"identity"));
        match (codings.next(), codings.next()) {
            (None, _) => Ok(None),
            (Some(name), None) => Coding::named(name).map(Some).ok_or(Unknown),
            (Some(_), Some(_)) => Err(Unknown),
        }
    }

    fn named(name: &[u8]) -> Option<Coding> {
        let is = |coding: &Coding| coding.names().iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name));
        Coding::ALL.into_iter().find(is)
    }

    /// The registered name, and another that means the same (RFC 9110 §8.4.1.3).
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Coding::Gzip => &["gzip", "x-gzip"],
            Coding::Deflate => &["deflate"],
            Coding::Br => &["br"],
            Coding::Zstd => &["zstd"],
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Br => "br",
            Coding::Zstd => "zstd",
        }
    }

    /// The most memory that a [`Decoder`](super::Decoder) of this coding takes, whatever it is fed: the window, and the
    /// tables and blocks beside it. Only what a stream makes use of is touched: a small answer costs a small part.
    #[allow(dead_code)] // what a bound on decoders at work is to count
    pub(crate) fn most_memory(self) -> usize {
        match self {
            Coding::Gzip | Coding::Deflate => 64 << 10,
            Coding::Br => 18 << 20,
            Coding::Zstd => 13 << 20,
        }
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    #[test]
    fn one_known_coding_is_ours() {
        fn check(lines: &str, expected: Result<Option<Coding>, Unknown>) {
            let spans = FieldSpans::parse(lines.as_bytes()).unwrap();
            assert_eq!(Coding::of(Fields::new(lines.as_bytes(), spans.as_slice())), expected, "{lines:?}");
        }
        check("", Ok(None));
        check("Content-Encoding:\r\n", Ok(None));
        check("Content-Encoding: identity\r\n", Ok(None));
        check("Content-Encoding: gzip\r\n", Ok(Some(Coding::Gzip)));
        check("content-encoding: X-GZip\r\n", Ok(Some(Coding::Gzip)));
        check("Content-Encoding: identity, BR ,\r\n", Ok(Some(Coding::Br)));
        check("Content-Encoding: deflate\r\n", Ok(Some(Coding::Deflate)));
        check("Content-Encoding: zstd\r\n", Ok(Some(Coding::Zstd)));
        for not_ours in ["gzip, gzip", "br, gzip", "compress", "dcz", "aes128gcm", "gzip;q=1", "utf-8"] {
            check(&format!("Content-Encoding: {not_ours}\r\n"), Err(Unknown));
        }
        check("Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n", Err(Unknown));
    }
}
