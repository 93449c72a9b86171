//! The formats of JSON Schema Validation §7.3 that are checked; others stay what they are for the standard: notes.

use super::super::regex::{BadPattern, Regex};
use super::super::value::{is_date, is_uuid};
use super::uri;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Date,
    Time,
    DateTime,
    Duration,
    Email,
    Hostname,
    Ipv4,
    Ipv6,
    Uuid,
    Uri,
    UriReference,
    JsonPointer,
    RelativeJsonPointer,
    Regex,
}

const NAMES: [(&str, Format); 14] = [
    ("date", Format::Date),
    ("time", Format::Time),
    ("date-time", Format::DateTime),
    ("duration", Format::Duration),
    ("email", Format::Email),
    ("hostname", Format::Hostname),
    ("ipv4", Format::Ipv4),
    ("ipv6", Format::Ipv6),
    ("uuid", Format::Uuid),
    ("uri", Format::Uri),
    ("uri-reference", Format::UriReference),
    ("json-pointer", Format::JsonPointer),
    ("relative-json-pointer", Format::RelativeJsonPointer),
    ("regex", Format::Regex),
];

impl Format {
    pub(super) fn named(name: &str) -> Option<Format> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    pub(super) fn name(self) -> &'static str {
        NAMES.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }

    pub(super) fn holds(self, text: &str) -> bool {
        match self {
            Format::Date => is_date(text),
            Format::Time => is_time(text),
            Format::DateTime => {
                let separator = text.get(10..11).is_some_and(|mark| matches!(mark, "T" | "t"));
                separator && text.get(..10).is_some_and(is_date) && text.get(11..).is_some_and(is_time)
            }
            Format::Duration => is_duration(text),
            Format::Email => is_email(text),
            Format::Hostname => is_hostname(text),
            Format::Ipv4 => text.parse::<std::net::Ipv4Addr>().is_ok(),
            Format::Ipv6 => text.parse::<std::net::Ipv6Addr>().is_ok(),
            Format::Uuid => is_uuid(text),
            Format::Uri => uri::has_scheme(text) && is_uri_reference(text),
            Format::UriReference => is_uri_reference(text),
            Format::JsonPointer => is_pointer(text),
            Format::RelativeJsonPointer => is_relative_pointer(text),
            // What is only not supported here is one all the same.
            Format::Regex => !matches!(Regex::new(text), Err(BadPattern::Syntax(_))),
        }
    }
}

/// RFC 3339 §5.6 `full-time`; a leap second is at the end of a day in UTC.
fn is_time(text: &str) -> bool {
    let number =
        |range| text.get(range).filter(|part: &&str| part.bytes().all(|b| b.is_ascii_digit()))?.parse::<i32>().ok();
    let marks = text.get(2..3) == Some(":") && text.get(5..6) == Some(":");
    let (Some(hour), Some(minute), Some(second)) = (number(0..2), number(3..5), number(6..8)) else { return false };
    let rest = text.get(8..).unwrap_or_default();
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let end = fraction.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(fraction.len());
            if end == 0 {
                return false;
            }
            fraction.get(end..).unwrap_or_default()
        }
        None => rest,
    };
    let Some(offset) = offset(zone) else { return false };
    let leap = second == 60 && (hour * 60 + minute - offset).rem_euclid(24 * 60) == 24 * 60 - 1;
    marks && hour < 24 && minute < 60 && (second < 60 || leap)
}

/// Minutes east of UTC.
fn offset(zone: &str) -> Option<i32> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) =
        zone.strip_prefix('+').map(|rest| (1, rest)).or(zone.strip_prefix('-').map(|rest| (-1, rest)))?;
    let (hour, minute) = rest.split_once(':')?;
    let number = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i32>().ok().filter(|_| digits)
    };
    let (hour, minute) = (number(hour).filter(|hour| *hour < 24)?, number(minute).filter(|minute| *minute < 60)?);
    Some(sign * (hour * 60 + minute))
}

/// RFC 3339 appendix A.
fn is_duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('P') else { return false };
    let (date, time) = rest.split_once('T').map_or((rest, None), |(date, time)| (date, Some(time)));
    let date = parts(date, "YMWD");
    let time = time.map(|time| parts(time, "HMS"));
    let (Some(date), Some(time)) = (date, time.unwrap_or(Some(String::new()))) else { return false };
    let timed = rest.contains('T');
    let weeks = !date.contains('W') || (date == "W" && !timed);
    weeks
        && (!timed || !time.is_empty())
        && (timed || !date.is_empty())
        && !matches!(date.as_str(), "YD")
        && time != "HS"
}

/// The letters behind digits, when they are some of these in their order.
fn parts(text: &str, letters: &str) -> Option<String> {
    let (mut found, mut digits, mut left) = (String::new(), 0, letters);
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits += 1;
            continue;
        }
        let (_, behind) = left.split_once(c).filter(|_| digits > 0)?;
        (left, digits) = (behind, 0);
        found.push(c);
    }
    (digits == 0).then_some(found)
}

/// `addr-spec` (RFC 5321 §4.1.2): a dot-string or quoted string, a domain or an address literal.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_atom = |atom: &str| {
        let mark = |byte| b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        !atom.is_empty() && atom.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
    };
    let quoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let is_quoted = quoted.is_some_and(|inner| {
        let plain = inner.replace("\\\\", "").replace("\\\"", "");
        plain.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\')
    });
    let literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let domain = match literal.map(|literal| literal.strip_prefix("IPv6:").ok_or(literal)) {
        Some(Ok(address)) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        Some(Err(address)) => address.parse::<std::net::Ipv4Addr>().is_ok(),
        None => is_hostname(domain),
    };
    (is_quoted || local.split('.').all(is_atom)) && domain
}

/// RFC 1123 §2.1: labels of letters, digits and inner hyphens.
fn is_hostname(text: &str) -> bool {
    let is_label = |label: &str| {
        let inner = !label.starts_with('-') && !label.ends_with('-') && label.get(2..4) != Some("--");
        let punycode = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")) && label.len() > 4;
        (1..=63).contains(&label.len())
            && (inner || punycode && !label.ends_with('-'))
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// RFC 3986 §4.1, its characters and the places of the brackets.
fn is_uri_reference(text: &str) -> bool {
    let mut bytes = text.bytes();
    let mut fragments = 0;
    while let Some(byte) = bytes.next() {
        let fine = match byte {
            b'%' => {
                bytes.next().is_some_and(|b| b.is_ascii_hexdigit())
                    && bytes.next().is_some_and(|b| b.is_ascii_hexdigit())
            }
            b'#' => {
                fragments += 1;
                fragments == 1
            }
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0..=b' ' | 0x7F.. => false,
            _ => true,
        };
        if !fine {
            return false;
        }
    }
    let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
    let rest = if uri::has_scheme(before) { before.split_once(':').map_or("", |(_, rest)| rest) } else { before };
    let relative = uri::has_scheme(before) || !before.split('/').next().unwrap_or_default().contains(':');
    let (authority, path) = match rest.strip_prefix("//") {
        Some(inner) => inner.split_at_checked(inner.find(['/', '?']).unwrap_or(inner.len())).unwrap_or((inner, "")),
        None => ("", rest),
    };
    relative && is_authority(authority) && !path.contains(['[', ']']) && !fragment.contains(['[', ']'])
}

fn is_authority(text: &str) -> bool {
    let (user, host) = text.rsplit_once('@').unwrap_or(("", text));
    let (host, port) = match host.strip_prefix('[') {
        Some(inner) => {
            let Some((address, port)) = inner.split_once(']') else { return false };
            if address.parse::<std::net::Ipv6Addr>().is_err() && !address.starts_with(['v', 'V']) {
                return false;
            }
            ("", port)
        }
        None => host.split_at_checked(host.find(':').unwrap_or(host.len())).unwrap_or((host, "")),
    };
    let digits = port.strip_prefix(':').map_or(port.is_empty(), |port| port.bytes().all(|byte| byte.is_ascii_digit()));
    digits && !host.contains(['[', ']', '@']) && !user.contains(['[', ']', '@'])
}

/// RFC 6901 §3
fn is_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1).all(|behind| behind.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escapes
}

fn is_relative_pointer(text: &str) -> bool {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let number = !digits.is_empty() && (digits == "0" || !digits.starts_with('0'));
    number && (rest == "#" || is_pointer(rest))
}
