//! What is read of a certificate (RFC 5280 §4.1): names and dates. A walk along its elements and no more: that it is
//! good was judged before, by webpki, which tells neither dates nor all kinds of names. Libraries that read everything
//! were measured at 144 KB (x509-parser) and 243 KB (x509-cert) of program; this is 22 KB at the most.
//!
//! Strict DER as X.690 §10 has it: short tags, definite lengths in their shortest form, nothing left behind an element.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::base::Wall;

/// Names that are kept of one certificate; the others are as good as not there. Ordinary ones have one to three.
const MOST_NAMES: usize = 32;
/// The longest name that is kept, in bytes: identities live as long as their connection.
const LONGEST_NAME: usize = 256;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OBJECT: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const OCTETS: u8 = 0x04;
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// 2.5.29.17
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 29, 17];

/// A certificate, as far as it says who and when.
pub(super) struct Read {
    /// Alternative names in their order, then the common name.
    pub(super) names: Vec<Name>,
    /// The common name of the authority.
    pub(super) issuer: Option<String>,
    pub(super) not_before: Wall,
    pub(super) not_after: Wall,
}

/// A name of which everybody can say what kind it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Name {
    Dns(String),
    Email(String),
    Uri(String),
    Ip(String),
    Common(String),
}

impl Name {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Name::Dns(_) => "dns",
            Name::Email(_) => "email",
            Name::Uri(_) => "uri",
            Name::Ip(_) => "ip",
            Name::Common(_) => "cn",
        }
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Name::Dns(text) | Name::Email(text) | Name::Uri(text) | Name::Ip(text) | Name::Common(text) => text,
        }
    }
}

impl Read {
    pub(super) fn common_name(&self) -> Option<&str> {
        self.names.iter().find(|name| matches!(name, Name::Common(_))).map(Name::text)
    }
}

/// `None` where it is not a certificate.
pub(super) fn certificate(der: &[u8]) -> Option<Read> {
    let mut whole = Elements(Elements(der).only(SEQUENCE)?);
    let mut body = Elements(whole.take(SEQUENCE)?);
    body.skip_if(0xa0)?;
    body.take(INTEGER)?;
    body.take(SEQUENCE)?;
    let issuer = common_name(body.take(SEQUENCE)?)?;
    let mut validity = Elements(body.take(SEQUENCE)?);
    let (not_before, not_after) = (validity.time()?, validity.time()?);
    let subject = common_name(body.take(SEQUENCE)?)?;
    body.take(SEQUENCE)?;
    body.skip_if(0x81)?;
    body.skip_if(0x82)?;
    let mut names = match body.next_if(0xa3)? {
        Some(extensions) => alternative_names(extensions)?,
        None => Vec::new(),
    };
    names.extend(subject.map(Name::Common));
    Some(Read { names, issuer, not_before, not_after })
}

/// The last one of a distinguished name, which is the most specific (RFC 5280 §4.1.2.4); the inner value is `None`
/// where it has none that can be shown.
fn common_name(name: &[u8]) -> Option<Option<String>> {
    let mut found = None;
    let mut sets = Elements(name);
    while !sets.is_empty() {
        let mut attributes = Elements(sets.take(SET)?);
        while !attributes.is_empty() {
            let mut attribute = Elements(attributes.take(SEQUENCE)?);
            let is_common = attribute.take(OBJECT)? == COMMON_NAME;
            let (tag, value) = attribute.next()?;
            if is_common {
                found = text(tag, value);
            }
        }
    }
    Some(found)
}

/// `DirectoryString` and `IA5String`.
fn text(tag: u8, value: &[u8]) -> Option<String> {
    match tag {
        // UTF8String, PrintableString, TeletexString as far as it is ASCII, IA5String.
        0x0c | 0x13 | 0x14 | 0x16 => legible(std::str::from_utf8(value).ok()?.to_owned()),
        // BMPString: UTF-16, the big end first.
        0x1e => {
            let (pairs, rest) = value.as_chunks::<2>();
            let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
            let decoded: Result<String, _> = char::decode_utf16(units).collect();
            if rest.is_empty() { legible(decoded.ok()?) } else { None }
        }
        _ => None,
    }
}

/// A name with control characters (a zero byte hides what is behind it from some readers) is no name.
fn legible(text: String) -> Option<String> {
    let fits = !text.is_empty() && text.len() <= LONGEST_NAME && !text.chars().any(char::is_control);
    fits.then_some(text)
}

fn alternative_names(extensions: &[u8]) -> Option<Vec<Name>> {
    let mut list = Elements(Elements(extensions).only(SEQUENCE)?);
    while !list.is_empty() {
        let mut extension = Elements(list.take(SEQUENCE)?);
        let id = extension.take(OBJECT)?;
        extension.skip_if(BOOLEAN)?;
        let value = extension.take(OCTETS)?;
        if id == ALTERNATIVE_NAMES {
            return general_names(Elements(value).only(SEQUENCE)?);
        }
    }
    Some(Vec::new())
}

/// RFC 5280 §4.2.1.6. Kinds that nobody here asks about are passed over.
fn general_names(names: &[u8]) -> Option<Vec<Name>> {
    let mut list = Elements(names);
    let mut found = Vec::new();
    while !list.is_empty() {
        let (tag, value) = list.next()?;
        let ascii = || text(0x16, value).filter(|text| text.is_ascii());
        let name = match tag {
            0x81 => ascii().map(Name::Email),
            0x82 => ascii().map(|name| Name::Dns(name.to_ascii_lowercase())),
            0x86 => ascii().map(Name::Uri),
            0x87 => address(value).map(|address| Name::Ip(address.to_string())),
            _ => None,
        };
        found.extend(name.filter(|_| found.len() < MOST_NAMES));
    }
    Some(found)
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)))).ok()
}

/// What is left of a run of elements. Each step takes one off the front.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag and the contents of the next element.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => long_length(usize::from(first & 0x7f), rest)?,
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, contents))
    }

    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, contents)| contents)
    }

    /// The contents of an element with nothing behind it.
    fn only(mut self, tag: u8) -> Option<&'a [u8]> {
        let contents = self.take(tag)?;
        self.is_empty().then_some(contents)
    }

    /// The contents of the next element where it has this tag; the outer value is `None` where it cannot be read.
    fn next_if(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.0.first() == Some(&tag) { self.take(tag).map(Some) } else { Some(None) }
    }

    fn skip_if(&mut self, tag: u8) -> Option<()> {
        self.next_if(tag).map(|_| ())
    }

    /// `UTCTime` and `GeneralizedTime` as certificates have them: to the second, in UTC (RFC 5280 §4.1.2.5).
    fn time(&mut self) -> Option<Wall> {
        let (tag, text) = self.next()?;
        let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
        let (year, rest) = match tag {
            0x17 => text.split_at_checked(2).and_then(|(year, rest)| Some((short_year(digits(year)?), rest)))?,
            0x18 => text.split_at_checked(4).and_then(|(year, rest)| Some((digits(year)?, rest)))?,
            _ => return None,
        };
        if rest.len() != 10 {
            return None;
        }
        let part = |at: usize| digits(rest.get(at..at + 2)?);
        let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
        let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        in_range.then_some(Wall::from_seconds(seconds))
    }
}

/// Up to three bytes of length; a form that is longer than needed is not DER.
fn long_length(bytes: usize, rest: &[u8]) -> Option<(usize, &[u8])> {
    let (len, rest) = rest.split_at_checked(bytes)?;
    let len = len.iter().fold(0_usize, |len, byte| len << 8 | usize::from(*byte));
    let shortest = if bytes == 1 { len > 0x7f } else { len >> (8 * (bytes - 1)) > 0 };
    shortest.then_some((len, rest))
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// RFC 5280 §4.1.2.5.1
fn short_year(year: i64) -> i64 {
    if year >= 50 { 1900 + year } else { 2000 + year }
}

/// Days since 1970-01-01 in the Gregorian calendar: years begin in March, so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 153 + 2) / 5 + day
        - 1
        - 719_468
}
