//! What a client would rather have (RFC 9110 §12.5).

use super::bytes::{pair, parameters, trim};
use super::fields::Fields;

/// The most languages of one request that are looked at; people list a handful.
const MAX_LANGUAGES: usize = 16;

/// A weight in thousandths: 0–1000 (RFC 9110 §12.4.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(crate) struct Quality(pub(crate) u16);

impl Quality {
    pub(crate) const NONE: Quality = Quality(0);
    pub(crate) const FULL: Quality = Quality(1000);
}

/// The best of the offered languages (tags, in our order of preference) for `Accept-Language`, by RFC 4647 §3.4
/// (Lookup): `pt-BR` is content with `pt`. `None` where the client says nothing or likes none of them.
pub(crate) fn language<'o>(fields: Fields<'_>, offered: &[&'o str]) -> Option<&'o str> {
    let mut wanted = heapless::Vec::<(Quality, &[u8]), MAX_LANGUAGES>::new();
    for member in fields.list("accept-language").take(MAX_LANGUAGES) {
        let (range, quality) = weighed(member);
        let place = wanted.iter().position(|(other, _)| *other < quality).unwrap_or(wanted.len());
        let _ = wanted.insert(place, (quality, range));
    }
    let refused = |tag: &str| wanted.iter().any(|(quality, range)| *quality == Quality::NONE && is(tag, range));
    let liked = |tag: &&&'o str| !refused(tag);
    wanted.iter().filter(|(quality, _)| *quality > Quality::NONE).find_map(|(_, range)| {
        if *range == b"*" {
            return offered.iter().find(liked).copied();
        }
        prefixes(range).find_map(|prefix| offered.iter().filter(liked).find(|tag| is(tag, prefix)).copied())
    })
}

/// The weight that `Accept` gives a media type, by the most exact range: `media(fields, "text", "html")`.
pub(crate) fn media(fields: Fields<'_>, kind: &str, sub: &str) -> Quality {
    let mut best = (0, if fields.contains("accept") { Quality::NONE } else { Quality::FULL });
    for member in fields.list("accept") {
        let (range, quality) = weighed(member);
        let exactness = exactness(range, kind, sub);
        if exactness > best.0 {
            best = (exactness, quality);
        }
    }
    best.1
}

/// The weight that `Accept-Encoding` gives a content coding by any of its names: what is listed, else what `*` says;
/// `None` where neither is there (RFC 9110 §12.5.3). Of several weights the least: a refusal holds.
pub(crate) fn coding(fields: Fields<'_>, names: &[&str]) -> Option<Quality> {
    let least = |named: &dyn Fn(&[u8]) -> bool| {
        let members = fields.list("accept-encoding").map(weighed);
        members.filter(|(range, _)| named(range)).map(|(_, quality)| quality).min()
    };
    least(&|range| names.iter().any(|name| is(name, range))).or_else(|| least(&|range| range == b"*"))
}

/// Whether a person's browser asks rather than a program: `text/html` is named, and weighs at least as much as JSON.
pub(crate) fn prefers_html(fields: Fields<'_>) -> bool {
    let named = fields.list("accept").any(|member| exactness(weighed(member).0, "text", "html") == 3);
    let html = media(fields, "text", "html");
    named && html > Quality::NONE && html >= media(fields, "application", "json")
}

/// How exactly a media range means a type: 3 by name, 2 `text/*`, 1 `*/*`, 0 not at all.
fn exactness(range: &[u8], kind: &str, sub: &str) -> u8 {
    let slash = range.iter().position(|byte| *byte == b'/').unwrap_or(range.len());
    let (found, found_sub) = (range.get(..slash).unwrap_or_default(), range.get(slash + 1..).unwrap_or_default());
    match (found.eq_ignore_ascii_case(kind.as_bytes()), found_sub) {
        (true, found_sub) if found_sub.eq_ignore_ascii_case(sub.as_bytes()) => 3,
        (true, b"*") => 2,
        (false, b"*") if found == b"*" => 1,
        _ => 0,
    }
}

/// The range of a list member, and its weight. A weight that cannot be read counts as none given.
fn weighed(member: &[u8]) -> (&[u8], Quality) {
    let mut pieces = parameters(member);
    let range = pieces.next().unwrap_or_default();
    let weight = pieces.find_map(|piece| {
        let (name, value) = pair(piece);
        trim(name).eq_ignore_ascii_case(b"q").then_some(value)
    });
    (range, weight.flatten().and_then(|value| thousandths(trim(value))).unwrap_or(Quality::FULL))
}

/// `0`, `0.5`, `1.000` (RFC 9110 §12.4.2).
fn thousandths(value: &[u8]) -> Option<Quality> {
    let (whole, decimals) = match value {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut sum = u16::from(whole - b'0');
    for place in 0..3 {
        let digit = decimals.get(place).copied().unwrap_or(b'0');
        sum = sum * 10 + char::from(digit).to_digit(10).and_then(|digit| u16::try_from(digit).ok())?;
    }
    (sum <= 1000).then_some(Quality(sum))
}

/// The range, then ever shorter: `zh-Hant-TW`, `zh-Hant`, `zh`.
fn prefixes(range: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(range), |range| {
        let dash = range.iter().rposition(|byte| *byte == b'-')?;
        range.get(..dash)
    })
}

fn is(tag: &str, range: &[u8]) -> bool {
    tag.as_bytes().eq_ignore_ascii_case(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    fn with<T>(name: &str, value: Option<&str>, ask: impl FnOnce(Fields<'_>) -> T) -> T {
        let block = value.map(|value| format!("{name}: {value}\r\n")).unwrap_or_default();
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        ask(Fields::new(block.as_bytes(), spans.as_slice()))
    }

    #[test]
    fn the_best_language_is_found() {
        fn check(value: Option<&str>, expected: Option<&str>) {
            let offered = ["en", "fr", "es", "pt", "sw", "ar"];
            let found = with("Accept-Language", value, |fields| language(fields, &offered));
            assert_eq!(found, expected, "{value:?}");
        }
        check(None, None);
        check(Some(""), None);
        check(Some("sw"), Some("sw"));
        check(Some("de, sw;q=0.5, fr;q=0.8"), Some("fr"));
        check(Some("pt-BR, en;q=0.9"), Some("pt"));
        check(Some("PT-br-x-Y"), Some("pt"));
        check(Some("de-DE,de;q=0.9"), None);
        check(Some("de, *;q=0.1"), Some("en"));
        check(Some("en;q=0, *"), Some("fr"));
        check(Some("en;q=0"), None);
        check(Some("fr;q=0.3, ar;q=0.333, es;q=0.33"), Some("ar"));
        check(Some("fr, ar"), Some("fr"));
        check(Some("fr;q=abc"), Some("fr"));
        check(Some("\u{e9}"), None);
        check(Some(&"de,".repeat(10_000)), None);
    }

    #[test]
    fn media_types_are_weighed() {
        fn check(value: Option<&str>, expected: u16) {
            let found = with("Accept", value, |fields| media(fields, "text", "html"));
            assert_eq!(found, Quality(expected), "{value:?}");
        }
        check(None, 1000);
        check(Some(""), 0);
        check(Some("text/html"), 1000);
        check(Some("*/*;q=0.1, text/*;q=0.2, Text/HTML;level=1;q=0.3"), 300);
        check(Some("text/html;q=0, */*"), 0);
        check(Some("text/*;q=0.25"), 250);
        check(Some("*/*"), 1000);
        check(Some("application/json"), 0);
        check(Some("text/html;q=1.001"), 1000);
        check(Some("text/html;q=0.0005"), 1000);
        check(Some("text, html, /, */html, text/htm"), 0);
    }

    #[test]
    fn browsers_are_told_from_programs() {
        fn check(value: Option<&str>, expected: bool) {
            assert_eq!(with("Accept", value, prefers_html), expected, "{value:?}");
        }
        check(Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), true);
        check(Some("*/*"), false);
        check(Some("application/json, text/html;q=0.5"), false);
        check(Some("text/html;q=0"), false);
        check(None, false);
    }
}
