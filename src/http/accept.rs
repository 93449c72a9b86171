//! What a client would rather have (RFC 9110 §12.5).

use std::cmp::Ordering;

use super::bytes::{pair, parameters, trim};
use super::fields::Fields;

/// The most languages of one request that are looked at; people list a handful.
const MAX_LANGUAGES: usize = 16;
/// The most preferences of one field that are brought into order; browsers list up to ten.
const MAX_ORDERED: usize = 32;

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
    offered.get(Wishes::of(fields).lookup(offered)?).copied()
}

/// Which of several stored answers is best for `Accept-Language`, while the origin cannot be asked: `stored` are their
/// `Content-Language` values, each a tag or a list of tags, the answer to be preferred first. By lookup as [`language`];
/// where that finds none, `en` is content with `en-GB` too (RFC 4647 §3.3.1). `None` where the client says nothing or
/// likes none.
pub(crate) fn negotiate(fields: Fields<'_>, stored: &[&str]) -> Option<usize> {
    let wishes = Wishes::of(fields);
    wishes.lookup(stored).or_else(|| wishes.filter(stored))
}

/// Language ranges and their weights, the heaviest first.
struct Wishes<'a>(heapless::Vec<(Quality, &'a [u8]), MAX_LANGUAGES>);

impl<'a> Wishes<'a> {
    fn of(fields: Fields<'a>) -> Wishes<'a> {
        let mut wanted = heapless::Vec::new();
        for member in fields.list("accept-language").take(MAX_LANGUAGES) {
            let (range, quality) = weighed(member);
            let place = wanted.iter().position(|(other, _)| *other < quality).unwrap_or(wanted.len());
            let _ = wanted.insert(place, (quality, range));
        }
        Wishes(wanted)
    }

    fn lookup(&self, offered: &[&str]) -> Option<usize> {
        self.liked().find_map(|range| match range {
            b"*" => self.first(offered, |_| true),
            range => prefixes(range).find_map(|prefix| self.first(offered, |tag| is(tag, prefix))),
        })
    }

    fn filter(&self, offered: &[&str]) -> Option<usize> {
        let begins = |tag: &str, range: &[u8]| {
            let rest = tag.get(range.len()..).unwrap_or_default();
            tag.get(..range.len()).is_some_and(|start| is(start, range)) && rest.starts_with('-')
        };
        self.liked().find_map(|range| self.first(offered, |tag| begins(tag, range)))
    }

    fn liked(&self) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(|(quality, _)| *quality > Quality::NONE).map(|(_, range)| *range)
    }

    /// The first offer that has such a tag, if it was not refused by name.
    fn first(&self, offered: &[&str], suits: impl Fn(&str) -> bool) -> Option<usize> {
        let refused = |tag: &str| self.0.iter().any(|(quality, range)| *quality == Quality::NONE && is(tag, range));
        offered.iter().position(|tags| tags.split(',').map(str::trim).any(|tag| suits(tag) && !refused(tag)))
    }
}

/// The one normal form of a list of weighed preferences, piece by piece: `Accept`, `Accept-Charset`, `Accept-Encoding`
/// or `Accept-Language`. In these neither the order of members means anything (RFC 9110 §12.4, §12.5) nor white space,
/// nor the case of names, nor a weight of 1. Members are put in order of weight and name; none comes twice. Allocates
/// nothing. Lists longer than [`MAX_ORDERED`] keep their own order.
pub(crate) fn normalised(fields: Fields<'_>, name: &str, sink: &mut impl FnMut(&[u8])) {
    let mut ordered = heapless::Vec::<Preference<'_>, MAX_ORDERED>::new();
    for preference in fields.list(name).map(Preference::of) {
        if let Err(place) = ordered.binary_search_by(|other| other.order(&preference))
            && ordered.insert(place, preference).is_err()
        {
            return fields.list(name).for_each(|member| Preference::of(member).emit(sink));
        }
    }
    ordered.iter().for_each(|preference| preference.emit(sink));
}

/// One member of such a list.
struct Preference<'a> {
    member: &'a [u8],
    quality: Quality,
}

impl<'a> Preference<'a> {
    fn of(member: &'a [u8]) -> Preference<'a> {
        Preference { member, quality: weighed(member).1 }
    }

    /// What it is about, in normal form: names in lower case, parameters' values as they are, the weight left out.
    fn subject(&self) -> impl Iterator<Item = u8> {
        let pieces = parameters(self.member).enumerate();
        let pieces = pieces.filter(|(number, piece)| *number == 0 || weight(piece).is_none());
        pieces.flat_map(|(number, piece)| {
            let (name, value) = pair(piece);
            let (separator, equals): (&[u8], &[u8]) =
                (if number > 0 { b";" } else { b"" }, if value.is_some() { b"=" } else { b"" });
            let name = trim(name).iter().map(u8::to_ascii_lowercase);
            let value = trim(value.unwrap_or_default()).iter().copied();
            separator.iter().copied().chain(name).chain(equals.iter().copied()).chain(value)
        })
    }

    fn order(&self, other: &Preference<'_>) -> Ordering {
        other.quality.cmp(&self.quality).then_with(|| self.subject().cmp(other.subject()))
    }

    fn emit(&self, sink: &mut impl FnMut(&[u8])) {
        self.subject().for_each(|byte| sink(&[byte]));
        if self.quality != Quality::FULL {
            sink(b";q=");
            sink(&[100, 10, 1].map(|unit| b'0' + u8::try_from(self.quality.0 / unit % 10).unwrap_or_default()));
        }
        sink(b",");
    }
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

/// Whether a person's browser asks rather than a program: `text/html` is named, and weighs at least as much as JSON
/// and as problems in JSON (RFC 9457).
pub(crate) fn prefers_html(fields: Fields<'_>) -> bool {
    let named = fields.list("accept").any(|member| exactness(weighed(member).0, "text", "html") == 3);
    let html = media(fields, "text", "html");
    let programs = media(fields, "application", "json").max(media(fields, "application", "problem+json"));
    named && html > Quality::NONE && html >= programs
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
    (range, pieces.find_map(weight).unwrap_or(Quality::FULL))
}

/// What a parameter says, if it is a weight that can be read.
fn weight(parameter: &[u8]) -> Option<Quality> {
    let (name, value) = pair(parameter);
    if trim(name).eq_ignore_ascii_case(b"q") { thousandths(trim(value?)) } else { None }
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

/// The range, then ever shorter: `zh-Hant-TW`, `zh-Hant`, `zh`. What would end in a single character goes with it
/// (RFC 4647 §3.4).
fn prefixes(range: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(range), |range| {
        let shorter = range.get(..range.iter().rposition(|byte| *byte == b'-')?)?;
        match shorter {
            [rest @ .., b'-', _] => Some(rest),
            _ => Some(shorter),
        }
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
    fn stored_answers_are_chosen_by_language() {
        fn check(value: Option<&str>, stored: &[&str], expected: Option<usize>) {
            let found = with("Accept-Language", value, |fields| negotiate(fields, stored));
            assert_eq!(found, expected, "{value:?} {stored:?}");
        }
        // RFC 4647 §3.4
        check(Some("sw, en;q=0.5"), &["en", "sw"], Some(1));
        check(Some("fr-CH, fr;q=0.9, en;q=0.8"), &["en", "fr"], Some(1));
        check(Some("zh-Hant-CN-x-private1"), &["zh", "zh-Hant"], Some(1));
        check(Some("zh-x-y"), &["zh-x", "zh"], Some(1));
        check(Some("SW"), &["en, sw"], Some(0));
        check(Some("de"), &["en", "sw"], None);
        check(Some("de, *;q=0.1"), &["en", "sw"], Some(0));
        check(Some("*, en;q=0"), &["en", "sw"], Some(1));
        check(None, &["en"], None);
        check(Some("en"), &[], None);
        check(Some("en"), &["", "en"], Some(1));
        // §3.3.1, where nothing else is there.
        check(Some("en"), &["fr", "en-GB"], Some(1));
        check(Some("en, fr;q=0.5"), &["en-GB", "fr"], Some(1));
        check(Some("en"), &["eng"], None);
        check(Some("en, en-GB;q=0"), &["en-GB"], None);
    }

    #[test]
    fn preferences_have_one_normal_form() {
        fn check(value: &str, expected: &str) {
            let found = with("Accept", Some(value), |fields| {
                let mut text = Vec::new();
                normalised(fields, "accept", &mut |piece| text.extend_from_slice(piece));
                String::from_utf8(text).unwrap()
            });
            assert_eq!(found, expected, "{value}");
        }
        // RFC 9110 §12.4.2, §12.5: order, white space, case and a weight of 1 mean nothing.
        check("", "");
        check("GZIP ,br", "br,gzip,");
        check("gzip;q=1.0, br ; Q=1, zstd;q=1.000", "br,gzip,zstd,");
        check("b;q=0.5, a;q=0.50, c", "c,a;q=500,b;q=500,");
        check("a, b, A, b;q=1", "a,b,");
        check("a;q=0.1, a", "a,a;q=100,");
        check("*;q=0, identity;q=0.001", "identity;q=001,*;q=000,");
        check("Text/HTML; Level=1; q=0.3", "text/html;level=1;q=300,");
        check("text/html;q=0.3;level=1", "text/html;level=1;q=300,");
        check("text/html;charset=UTF-8", "text/html;charset=UTF-8,");
        // What cannot be read stays.
        check("a;q=x", "a;q=x,");
        check("q=0.5", "q=0.5,");
        let many = (0..=MAX_ORDERED).rev().map(|number| format!("l{number:02},")).collect::<String>();
        check(&many, &many);
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
        check(Some("application/problem+json, text/html;q=0.5"), false);
        check(Some("text/html, application/problem+json"), true);
        check(Some("*/*"), false);
        check(Some("application/json, text/html;q=0.5"), false);
        check(Some("text/html;q=0"), false);
        check(None, false);
    }
}
