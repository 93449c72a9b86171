//! The access log as JSON, one object a line.

use std::borrow::Cow;

use miniserde::{Serialize, json};

use super::record::Record;
use super::shown::{Part, Shown};
use super::text::{Location, REDACTED, printable};
use crate::base::Wall;
use crate::http::date;

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    clock_sure: bool,
    route: &'a str,
    client: Option<String>,
    user: Option<Cow<'a, str>>,
    method: Cow<'a, str>,
    host: Cow<'a, str>,
    path: Cow<'a, str>,
    query: Option<Cow<'a, str>>,
    version: &'a str,
    referer: Option<Cow<'a, str>>,
    user_agent: Option<Cow<'a, str>>,
    status: u16,
    cache: &'a str,
    sent_bytes: u64,
    uplink_bytes: u64,
    uplink_ms: Option<u64>,
    elapsed_ms: u64,
    refusal: Option<&'a str>,
    request_id: Cow<'a, str>,
    complete: bool,
}

/// Appends one line.
pub(super) fn write(line: &mut Vec<u8>, record: &Record<'_>, route: &str, with_query: bool) {
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let shown = Shown::of(record, with_query);
    let within = |value| Cow::Owned(location(value, shown.with_query));
    let told = Line {
        time: time(record.now.wall),
        clock_sure: record.now.sure,
        route,
        client: shown.client.map(|client| client.to_string()),
        user: shown.identity.map(|identity| printable(identity.as_bytes())),
        method: printable(record.method.as_bytes()),
        host: part(shown.host, printable).unwrap_or_default(),
        path: part(shown.path, within).unwrap_or_default(),
        query: part(shown.query, printable),
        version: record.version,
        referer: part(shown.referer, within),
        user_agent: part(shown.user_agent, printable),
        status: record.status,
        cache: record.cache.word(),
        sent_bytes: record.sent,
        uplink_bytes: record.uplink,
        uplink_ms: record.uplink_time.map(millis),
        elapsed_ms: millis(record.elapsed),
        refusal: record.refusal,
        request_id: match shown.shows_request_id {
            true => record.request_id.to_string().into(),
            false => REDACTED.into(),
        },
        complete: record.complete,
    };
    line.extend_from_slice(json::to_string(&told).as_bytes());
    line.push(b'\n');
}

fn part<'a>(part: Part<'a>, print: impl Fn(&'a [u8]) -> Cow<'a, str>) -> Option<Cow<'a, str>> {
    match part {
        Part::Absent => None,
        Part::Withheld => Some(REDACTED.into()),
        Part::Text(text) => Some(print(text)),
    }
}

fn visible(query: &[u8], with_query: bool) -> Cow<'_, str> {
    if with_query { printable(query) } else { Cow::Borrowed(REDACTED) }
}

fn location(value: &[u8], with_query: bool) -> String {
    let location = Location::of(value);
    let mut text = format!("{}{}", printable(location.scheme), printable(location.place));
    if let Some(query) = location.query {
        text.push('?');
        text.push_str(&visible(query, with_query));
    }
    text
}

/// RFC 3339 with milliseconds: `1994-11-06T08:49:37.042Z`.
pub(super) fn time(wall: Wall) -> String {
    const MONTHS: &str = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
    let mut text = [0; 29];
    date::format(wall, &mut text);
    let text = std::str::from_utf8(&text).unwrap_or_default();
    let part = |range| text.get(range).unwrap_or_default();
    let month = MONTHS.find(part(8..11)).map_or(0, |at| at / 4 + 1);
    let (year, day, clock) = (part(12..16), part(5..7), part(17..25));
    format!("{year}-{month:02}-{day}T{clock}.{:03}Z", wall.as_millis().rem_euclid(1000))
}

#[cfg(test)]
mod tests {
    use miniserde::json::{Number, Value};

    use super::super::access::tests::record;
    use super::*;

    fn object(record: &Record<'_>, with_query: bool) -> json::Object {
        let mut line = Vec::new();
        write(&mut line, record, "wiki \"x\"", with_query);
        let text = std::str::from_utf8(&line).unwrap();
        assert_eq!(text.find('\n'), Some(text.len() - 1), "{text}");
        match json::from_str(text).unwrap() {
            Value::Object(object) => object,
            other => panic!("{other:?}"),
        }
    }

    fn text(object: &json::Object, name: &str) -> String {
        match &object[name] {
            Value::String(text) => text.clone(),
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn a_line_is_one_object() {
        let told = object(&record(), false);
        assert_eq!(text(&told, "time"), "1994-11-06T08:49:37.042Z");
        assert_eq!(text(&told, "route"), "wiki \"x\"");
        assert_eq!(text(&told, "cache"), "hit");
        assert!(matches!(told["status"], Value::Number(Number::U64(200))));
        assert!(matches!(told["query"], Value::Null) && matches!(told["uplink_ms"], Value::Null));
    }

    #[test]
    fn nothing_from_outside_breaks_a_line() {
        let record = Record {
            query: Some("q=secret"),
            referer: Some(b"http://u:p@a.org/?t=1"),
            user_agent: Some(b"a\r\n{\"status\":200}\x1b[2J\xff"),
            ..record()
        };
        let told = object(&record, false);
        assert_eq!(text(&told, "query"), "[redacted]");
        assert_eq!(text(&told, "referer"), "http://a.org/?[redacted]");
        assert!(!text(&told, "user_agent").contains(char::is_control));
        assert_eq!(text(&object(&record, true), "query"), "q=secret");
    }
}
