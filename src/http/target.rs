//! The request-target (RFC 9112 §3.2) and its one normal form (RFC 3986 §6.2.2).
//!
//! Rules, routes and cache keys see the normal form, and exactly that form is sent on. So no spelling of a path can
//! match one route and reach what is behind another. In the path
//! - `%` is followed by two digits, upper-case; what needs no encoding is decoded, what needs it is encoded;
//! - dot segments are removed, also encoded ones, and doubled slashes are one: origins read them so, and a path that
//!   begins with two slashes would read as an authority;
//! - refused is what origins read in different ways: encoded slashes, backslashes (encoded or not), encoded controls,
//!   and dot segments with a parameter (`/..;x/`), which some drop before they look at the dots.
//!
//! A query separates nothing for us, so there encodings pass (`%2F`, `%0D%0A` of a form's text), normalised in case and
//! unreserved characters alone. Only `%00`, where some stop reading, is refused in both.

use std::borrow::Cow;

use super::fields::Fields;
use super::host::{self, Authority};
use super::method::{Method, Version};
use super::refused::BadRequest;

/// What a request asks for. Path and query are in normal form; nothing else may reach routing, keys or upstreams.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target<'a> {
    /// Begins with `/`; `*` for `OPTIONS *` alone.
    pub(crate) path: Cow<'a, str>,
    /// What follows `?`; may be empty.
    pub(crate) query: Option<Cow<'a, str>>,
    /// From `Host`, with which an absolute-form target agrees; `None` only in HTTP/1.0.
    pub(crate) authority: Option<Authority<'a>>,
}

/// Why a request-target is refused (400).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadTarget {
    Form,
    Asterisk,
    Authority,
    Fragment,
    PercentEncoding,
    Character,
    EncodedSlash,
    Backslash,
    EncodedControl,
    DotParameter,
}

/// The target of a request with its `Host` checked: what everybody should call. Allocates nothing for a target that is
/// in normal form.
pub(crate) fn of<'a>(
    method: Method<'_>,
    target: &'a [u8],
    version: Version,
    fields: Fields<'a>,
) -> Result<Target<'a>, BadRequest> {
    parse(method, target, host::of(version, fields)?)
}

/// The same, with the `Host` that [`host::of`] gave.
pub(crate) fn parse<'a>(
    method: Method<'_>,
    target: &'a [u8],
    host: Option<Authority<'a>>,
) -> Result<Target<'a>, BadRequest> {
    let (authority, rest) = match target {
        b"*" if method == Method::Options => {
            return Ok(Target { path: Cow::Borrowed("*"), query: None, authority: host });
        }
        b"*" => return Err(BadRequest::Target(BadTarget::Asterisk)),
        [b'/', ..] => (host, target),
        _ => absolute(target, host)?,
    };
    let (path, query) = match rest.iter().position(|byte| *byte == b'?') {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..)),
        None => (rest, None),
    };
    let path = normal_path(path).map_err(BadRequest::Target)?;
    let query = query.map(|query| normal_text(query, Part::Query)).transpose().map_err(BadRequest::Target)?;
    Ok(Target { path, query, authority })
}

/// Takes the authority off an absolute-form target. Where it is not the `Host`, somebody in front may have gone by the
/// one and somebody behind would go by the other (RFC 9112 §3.2.2), so they must agree.
fn absolute<'a>(
    target: &'a [u8],
    host: Option<Authority<'a>>,
) -> Result<(Option<Authority<'a>>, &'a [u8]), BadRequest> {
    let begins = |scheme: &str| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
    };
    let http = begins("http://").map(|rest| (rest, 80));
    let (rest, default_port) =
        http.or_else(|| begins("https://").map(|rest| (rest, 443))).ok_or(BadRequest::Target(BadTarget::Form))?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (named, rest) = rest.split_at_checked(end).unwrap_or((rest, b""));
    let named = host::parse(named).map_err(|_| BadRequest::Target(BadTarget::Authority))?;
    match host {
        Some(host) if !host.agrees(&named, default_port) => Err(BadRequest::HostDisagrees),
        Some(_) | None => Ok((host.or(Some(named)), rest)),
    }
}

/// Where in a target a piece stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Path,
    Query,
}

fn normal_path(path: &[u8]) -> Result<Cow<'_, str>, BadTarget> {
    if path.is_empty() {
        return Ok(Cow::Borrowed("/"));
    }
    let path = normal_text(path, Part::Path)?;
    // A segment needs care only where a slash is followed by a slash or a dot. Most paths have no such place.
    if !path.as_bytes().windows(2).any(|pair| matches!(pair, [b'/', b'/' | b'.'])) {
        return Ok(path);
    }
    if path.split('/').any(is_dot_parameter) {
        return Err(BadTarget::DotParameter);
    }
    let is_tidy = !path.contains("//") && !path.split('/').any(|segment| matches!(segment, "." | ".."));
    if is_tidy { Ok(path) } else { Ok(Cow::Owned(tidied(&path))) }
}

/// Characters and encodings in normal form; segments are not looked at.
fn normal_text(text: &[u8], part: Part) -> Result<Cow<'_, str>, BadTarget> {
    let mut normal = true;
    let mut rest = text;
    // Most texts are made of these alone, and a loop that asks nothing else is quicker.
    while let [b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'=' | b'&', behind @ ..] = rest {
        rest = behind;
    }
    while let [first, behind @ ..] = rest {
        rest = behind;
        normal &= match *first {
            b'%' => {
                let (digits, behind) = behind.split_at_checked(2).ok_or(BadTarget::PercentEncoding)?;
                rest = behind;
                is_normal_encoding(digits, part)?
            }
            byte => is_normal_byte(byte, part)?,
        };
    }
    match std::str::from_utf8(text) {
        Ok(text) if normal => Ok(Cow::Borrowed(text)),
        _ => Ok(Cow::Owned(rewritten(text, part))),
    }
}

/// Whether a byte stays as it is; refuses those that no URL holds (RFC 3986 §3.3, §3.4).
///
/// Some bytes are sent raw by browsers though no URL may hold them: in a path they are encoded, as that means the
/// same; in a query, where pages sign and compare what they wrote, they pass.
fn is_normal_byte(byte: u8, part: Part) -> Result<bool, BadTarget> {
    match byte {
        b'/' | b':' | b'@' => Ok(true),
        byte if is_unreserved(byte) || is_sub_delimiter(byte) => Ok(true),
        b'?' if part == Part::Query => Ok(true),
        b'[' | b']' | b'{' | b'}' | b'|' | b'^' | b'`' => Ok(part == Part::Query),
        b'\\' if part == Part::Query => Ok(true),
        b'\\' => Err(BadTarget::Backslash),
        b'#' => Err(BadTarget::Fragment),
        _ => Err(BadTarget::Character),
    }
}

/// Whether `%` and these digits stay as they are.
fn is_normal_encoding(digits: &[u8], part: Part) -> Result<bool, BadTarget> {
    let byte = decoded(digits).ok_or(BadTarget::PercentEncoding)?;
    match (part, byte) {
        (Part::Path, b'/') => Err(BadTarget::EncodedSlash),
        (Part::Path, b'\\') => Err(BadTarget::Backslash),
        (Part::Path, 0..b' ' | 0x7f) | (Part::Query, 0) => Err(BadTarget::EncodedControl),
        _ => Ok(!is_unreserved(byte) && !digits.iter().any(u8::is_ascii_lowercase)),
    }
}

/// Text that was found good, written in normal form.
fn rewritten(text: &[u8], part: Part) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        rest = behind;
        match (first, behind.split_at_checked(2)) {
            (b'%', Some((digits, behind))) => {
                rest = behind;
                push(&mut out, decoded(digits).unwrap_or_default(), is_unreserved);
            }
            (byte, _) => push(&mut out, *byte, |byte| is_normal_byte(byte, part) == Ok(true)),
        }
    }
    out
}

pub(super) fn push(out: &mut String, byte: u8, stays: impl Fn(u8) -> bool) {
    if stays(byte) {
        out.push(char::from(byte));
        return;
    }
    out.push('%');
    for nibble in [byte >> 4, byte & 0xf] {
        out.extend(char::from_digit(u32::from(nibble), 16).map(|digit| digit.to_ascii_uppercase()));
    }
}

fn decoded(digits: &[u8]) -> Option<u8> {
    let digit = |place: usize| digits.get(place).and_then(|digit| char::from(*digit).to_digit(16));
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// Whether a segment is `.` or `..` to somebody who drops parameters first.
fn is_dot_parameter(segment: &str) -> bool {
    let after_dots = segment.strip_prefix('.').map(|rest| rest.strip_prefix('.').unwrap_or(rest));
    after_dots.is_some_and(|rest| rest.starts_with(';') || rest.starts_with("%3B"))
}

/// Without dot segments (RFC 3986 §5.2.4) and empty segments.
fn tidied(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let ends = segments.peek().is_none();
        match segment {
            "" | "." => {}
            ".." => out.truncate(out.rfind('/').unwrap_or(0)),
            segment => {
                out.push('/');
                out.push_str(segment);
                continue;
            }
        }
        if ends {
            out.push('/');
        }
    }
    out
}

/// The bytes that a path or query in normal form stands for: what an upstream or a file system takes it for, and so
/// what rules must compare (`/a%21` and `/a!` are one to most origins). Borrowed where nothing is encoded.
pub(crate) fn decode(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        match (first, behind.split_at_checked(2).and_then(|(digits, behind)| Some((decoded(digits)?, behind)))) {
            (b'%', Some((byte, behind))) => {
                rest = behind;
                out.push(byte);
            }
            (byte, _) => out.push(*byte),
        }
    }
    Cow::Owned(out)
}

/// RFC 3986 §2.3
pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 §2.2
fn is_sub_delimiter(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_get(target: &str) -> Result<Target<'_>, BadRequest> {
        parse(Method::Get, target.as_bytes(), host::parse(b"school.example").ok())
    }

    #[test]
    fn targets_have_one_normal_form() {
        fn check(target: &str, path: &str, query: Option<&str>) {
            let found = parse_get(target).unwrap_or_else(|bad| panic!("{target}: {bad}"));
            assert_eq!((&*found.path, found.query.as_deref()), (path, query), "{target}");
            let is_normal = target.split('?').next() == Some(path);
            assert_eq!(matches!(found.path, Cow::Borrowed(_)), is_normal, "{target} was copied");
            let again = query.map_or(path.to_string(), |query| format!("{path}?{query}"));
            let again = parse_get(&again).unwrap();
            assert_eq!((&*again.path, again.query.as_deref()), (path, query), "{target} twice");
        }
        check("/", "/", None);
        check("/a/b.c/d~e_f-g/!$&'()*+,;=:@", "/a/b.c/d~e_f-g/!$&'()*+,;=:@", None);
        check("/a/", "/a/", None);
        check("/a?", "/a", Some(""));
        check("/a?b=/?c", "/a", Some("b=/?c"));
        check("/%61%2D%7e%5f", "/a-~_", None);
        check("/%e9%C3%a9", "/%E9%C3%A9", None);
        check("/a%20b%25%3f%23", "/a%20b%25%3F%23", None);
        check("/%252e%252e/%252f", "/%252e%252e/%252f", None);
        check("/a[1]{b}|^`", "/a%5B1%5D%7Bb%7D%7C%5E%60", None);

        check("/.", "/", None);
        check("/..", "/", None);
        check("/../../a", "/a", None);
        check("/a/../b", "/b", None);
        check("/a/./b/.", "/a/b/", None);
        check("/a/b/..", "/a/", None);
        check("/a/b/../", "/a/", None);
        check("/a/%2e%2E/b", "/b", None);
        check("/a/.%2e/b", "/b", None);
        check("/a/%2e/b", "/a/b", None);
        check("/a/.b/..c/d../...", "/a/.b/..c/d../...", None);
        check("//a", "/a", None);
        check("//evil.example/..//a///b//", "/a/b/", None);
        check("/a//../b", "/b", None);
        check("/a/%2e%2e//%2e/", "/", None);
        check("/.well-known/a;b/...;c", "/.well-known/a;b/...;c", None);
    }

    #[test]
    fn queries_pass() {
        fn check(query: &str, expected: &str) {
            let target = format!("/?{query}");
            let found = parse_get(&target).unwrap_or_else(|bad| panic!("{query}: {bad}"));
            assert_eq!(found.query.as_deref(), Some(expected));
            assert_eq!(matches!(found.query, Some(Cow::Borrowed(_))), query == expected, "{query}");
        }
        check("a=%2Fb%2F..%5C%0D%0A", "a=%2Fb%2F..%5C%0D%0A");
        check("a=../..//b", "a=../..//b");
        check("a[]=1|2&b={c}^`\\", "a[]=1|2&b={c}^`\\");
        check("%61=%2f+%20", "a=%2F+%20");
        check("a=b?c=d/e:f@g!$'()*,;", "a=b?c=d/e:f@g!$'()*,;");
    }

    #[test]
    fn ambiguous_targets_are_refused() {
        fn check(target: &str, expected: BadTarget) {
            assert_eq!(parse_get(target).unwrap_err(), BadRequest::Target(expected), "{target}");
        }
        check("/a#b", BadTarget::Fragment);
        check("/a?b#c", BadTarget::Fragment);
        check("/%", BadTarget::PercentEncoding);
        check("/%4", BadTarget::PercentEncoding);
        check("/%4g", BadTarget::PercentEncoding);
        check("/%+1", BadTarget::PercentEncoding);
        check("/?%u0041", BadTarget::PercentEncoding);
        check("/a%2fb", BadTarget::EncodedSlash);
        check("/a%2Fb", BadTarget::EncodedSlash);
        check("/a%5cb", BadTarget::Backslash);
        check("/a\\b", BadTarget::Backslash);
        check("/a%00", BadTarget::EncodedControl);
        check("/?a%00", BadTarget::EncodedControl);
        check("/a%0d%0ab", BadTarget::EncodedControl);
        check("/a%7F", BadTarget::EncodedControl);
        check("/a b", BadTarget::Character);
        check("/a\"b", BadTarget::Character);
        check("/<a>", BadTarget::Character);
        check("/\u{e9}", BadTarget::Character);
        check("/?\u{e9}", BadTarget::Character);
        check("/?a=\"b\"", BadTarget::Character);
        check("/a/..;/b", BadTarget::DotParameter);
        check("/a/..;x=y", BadTarget::DotParameter);
        check("/a/%2e%2e%3bx/b", BadTarget::DotParameter);
        check("/.;a", BadTarget::DotParameter);
        check("*", BadTarget::Asterisk);
        check("", BadTarget::Form);
        check("a", BadTarget::Form);
        check("?a", BadTarget::Form);
        check("school.example:443", BadTarget::Form);
        check("ftp://school.example/", BadTarget::Form);
        check("http:/school.example/", BadTarget::Form);
        check("http://", BadTarget::Authority);
        check("http:///a", BadTarget::Authority);
        check("http://user@school.example/", BadTarget::Authority);
        check("http://school.example#a", BadTarget::Fragment);
        check("http://school.example\\@evil.example/", BadTarget::Authority);
    }

    #[test]
    fn absolute_targets_agree_with_host() {
        let check = |target: &str, host: Option<&str>, expected: Result<(&str, &str), BadRequest>| {
            let host = host.map(|host| host::parse(host.as_bytes()).unwrap());
            let found = parse(Method::Get, target.as_bytes(), host);
            let found = found.map(|found| (found.authority.unwrap().to_string(), found.path.into_owned()));
            assert_eq!(found, expected.map(|(host, path)| (host.into(), path.into())), "{target}");
        };
        check("http://a.example/b", Some("a.example"), Ok(("a.example", "/b")));
        check("HTTP://A.EXAMPLE:80/b", Some("a.example"), Ok(("a.example", "/b")));
        check("https://a.example", Some("a.example:443"), Ok(("a.example:443", "/")));
        check("http://a.example:8080?b", Some("a.example:8080"), Ok(("a.example:8080", "/")));
        check("http://a.example/b", None, Ok(("a.example", "/b")));
        check("http://b.example/", Some("a.example"), Err(BadRequest::HostDisagrees));
        check("http://a.example:8080/", Some("a.example"), Err(BadRequest::HostDisagrees));
        check("https://a.example/", Some("a.example:80"), Err(BadRequest::HostDisagrees));
        check("http://a.example//../b", Some("a.example"), Ok(("a.example", "/b")));
    }

    #[test]
    fn the_asterisk_is_for_options() {
        let found = parse(Method::Options, b"*", None).unwrap();
        assert_eq!((&*found.path, found.query), ("*", None));
        assert!(parse(Method::Options, b"*a", None).is_err());
    }

    #[test]
    fn normal_text_is_decoded() {
        for (text, bytes) in
            [("/a", &b"/a"[..]), ("/%C3%A9%25", b"/\xc3\xa9%"), ("%", b"%"), ("%4", b"%4"), ("%zz%41", b"%zzA")]
        {
            assert_eq!(&*decode(text), bytes);
        }
    }

    /// Whatever a path is made of, its normal form is its own normal form and holds nothing that origins quarrel about.
    #[test]
    fn normal_forms_hold_nothing_to_quarrel_about() {
        const PIECES: [&str; 12] = ["/", "//", ".", "..", "%2e", "a", "%41", ";", "%3b", "%25", "|", "%2f"];
        let mut number = 0_usize;
        while number < PIECES.len().pow(5) {
            let mut path = String::from("/");
            let mut left = number;
            for _ in 0..5 {
                path.push_str(PIECES[left % PIECES.len()]);
                left /= PIECES.len();
            }
            number += 1;
            let Ok(found) = parse_get(&path) else { continue };
            assert!(found.path.starts_with('/') && !found.path.contains("//"), "{path}");
            assert!(found.path.split('/').all(|segment| segment != "." && segment != ".."), "{path}");
            assert_eq!(parse_get(&found.path).unwrap().path, found.path, "{path}");
        }
    }
}
