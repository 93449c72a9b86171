//! The access log in the Combined format, with three fields at its end: cache result, milliseconds until the upstream
//! answered, bytes from the uplink.
//!
//! While the wall clock is not believed, the second field (which nobody else uses) says `unsure`.

use std::io::Write;

use super::record::Record;
use super::shown::{Part, Shown};
use super::text::{Location, REDACTED, escape_into};
use crate::base::Wall;
use crate::http::date;

/// Appends one line.
pub(super) fn write(line: &mut Vec<u8>, record: &Record<'_>, route: &str, with_query: bool) {
    let shown = Shown::of(record, with_query);
    match shown.client {
        Some(client) => print(line, format_args!("{client}")),
        None => line.push(b'-'),
    }
    line.extend_from_slice(if record.now.sure { b" - " } else { b" unsure " });
    write_word(line, shown.identity.unwrap_or("-"));
    line.extend_from_slice(b" [");
    write_time(line, record.now.wall);
    line.extend_from_slice(b"] \"");
    if record.method.is_empty() {
        line.push(b'-');
    } else {
        write_request(line, record, &shown, route);
    }
    print(line, format_args!("\" {} {} \"", record.status, record.sent));
    match shown.referer {
        Part::Absent => line.push(b'-'),
        Part::Withheld => line.extend_from_slice(REDACTED.as_bytes()),
        Part::Text(value) => write_location(line, value, shown.with_query),
    }
    line.extend_from_slice(b"\" \"");
    match shown.user_agent {
        Part::Absent => line.push(b'-'),
        Part::Withheld => line.extend_from_slice(REDACTED.as_bytes()),
        Part::Text(value) => escape_into(line, value),
    }
    print(line, format_args!("\" {} ", record.cache.word()));
    match record.uplink_time {
        Some(time) => print(line, format_args!("{}", time.as_millis())),
        None => line.push(b'-'),
    }
    print(line, format_args!(" {}\n", record.uplink));
}

/// Where the path is withheld, the name of the route stands in its place.
fn write_request(line: &mut Vec<u8>, record: &Record<'_>, shown: &Shown<'_>, route: &str) {
    escape_into(line, record.method.as_bytes());
    line.push(b' ');
    match shown.path {
        Part::Text(path) => write_location(line, path, shown.with_query),
        Part::Absent | Part::Withheld => {
            line.extend_from_slice(b"route:");
            write_word(line, if route.is_empty() { "-" } else { route });
        }
    }
    match shown.query {
        Part::Absent => {}
        Part::Withheld => write_query(line, b"", false),
        Part::Text(query) => write_query(line, query, true),
    }
    line.push(b' ');
    line.extend_from_slice(record.version.as_bytes());
}

/// Text without blanks, which part the fields of a line.
fn write_word(line: &mut Vec<u8>, word: &str) {
    for (at, part) in word.split(' ').enumerate() {
        line.extend_from_slice(if at == 0 { b"" } else { b"\\x20" });
        escape_into(line, part.as_bytes());
    }
}

fn write_location(line: &mut Vec<u8>, value: &[u8], with_query: bool) {
    let location = Location::of(value);
    escape_into(line, location.scheme);
    escape_into(line, location.place);
    if let Some(query) = location.query {
        write_query(line, query, with_query);
    }
}

fn write_query(line: &mut Vec<u8>, query: &[u8], with_query: bool) {
    line.push(b'?');
    escape_into(line, if with_query { query } else { REDACTED.as_bytes() });
}

/// `06/Nov/1994:08:49:37 +0000`
fn write_time(line: &mut Vec<u8>, wall: Wall) {
    let mut text = [0; 29];
    date::format(wall, &mut text);
    let [_, _, _, _, _, d1, d2, _, m1, m2, m3, _, y1, y2, y3, y4, _, time @ .., _, _, _, _] = text;
    line.extend([d1, d2, b'/', m1, m2, m3, b'/', y1, y2, y3, y4, b':']);
    line.extend(time);
    line.extend_from_slice(b" +0000");
}

/// Writing to memory does not fail.
fn print(line: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    let _ = line.write_fmt(arguments);
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::{Mono, Now};
    use crate::config::Class;
    use crate::observe::CacheResult;

    pub(in crate::observe) fn record() -> Record<'static> {
        Record {
            now: Now { mono: Mono::default(), wall: Wall::from_millis(784_111_777_042), sure: true },
            route: Some(0),
            class: Class::Public,
            mask: &[],
            identity: None,
            client: "192.168.4.7".parse().unwrap(),
            method: "GET",
            host: "board.local",
            path: "/wiki/Uganda",
            query: None,
            version: "HTTP/1.1",
            referer: None,
            user_agent: None,
            status: 200,
            cache: CacheResult::Hit,
            sent: 5120,
            uplink: 0,
            uplink_time: None,
            elapsed: Duration::from_micros(1500),
            refusal: None,
            request_id: &"00000000000000ab",
            complete: true,
        }
    }

    fn check(record: &Record<'_>, with_query: bool, expected: &str) {
        let mut line = Vec::new();
        write(&mut line, record, "wiki", with_query);
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }

    #[test]
    fn lines_are_in_the_combined_format() {
        check(
            &record(),
            false,
            "192.168.4.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /wiki/Uganda HTTP/1.1\" 200 5120 \"-\" \"-\" hit - 0\n",
        );
        let fetched = Record {
            now: Now { sure: false, ..record().now },
            user_agent: Some(b"Mozilla/5.0 (\"x\"\n)"),
            cache: CacheResult::Miss,
            uplink: 7000,
            uplink_time: Some(Duration::from_millis(612)),
            ..record()
        };
        check(
            &fetched,
            false,
            "192.168.4.7 unsure - [06/Nov/1994:08:49:37 +0000] \"GET /wiki/Uganda HTTP/1.1\" 200 5120 \"-\" \
             \"Mozilla/5.0 (\\\"x\\\"\\x0a)\" miss 612 7000\n",
        );
    }

    #[test]
    fn queries_are_written_only_when_asked_for() {
        let record = Record { query: Some("q=secret"), referer: Some(b"https://u:p@a.org/b?token=secret"), ..record() };
        let line = |query: &str, referer: &str| {
            format!(
                "192.168.4.7 - - [06/Nov/1994:08:49:37 +0000] \"GET /wiki/Uganda?{query} HTTP/1.1\" 200 5120 \
                 \"https://a.org/b?{referer}\" \"-\" hit - 0\n"
            )
        };
        check(&record, false, &line("[redacted]", "[redacted]"));
        check(&record, true, &line("q=secret", "token=secret"));
    }

    #[test]
    fn who_it_was_is_one_word() {
        let record = Record { identity: Some("idp/Jane \"X\" Doe"), ..record() };
        check(
            &record,
            false,
            "192.168.4.7 - idp/Jane\\x20\\\"X\\\"\\x20Doe [06/Nov/1994:08:49:37 +0000] \"GET /wiki/Uganda HTTP/1.1\" 200 \
             5120 \"-\" \"-\" hit - 0\n",
        );
    }

    #[test]
    fn a_password_in_a_refused_target_is_not_written() {
        let mut line = Vec::new();
        write(&mut line, &Record { path: "http://user:secret@a.org/b", ..record() }, "wiki", true);
        assert!(String::from_utf8(line).unwrap().contains("\"GET http://a.org/b HTTP/1.1\""));
    }

    #[test]
    fn a_head_that_could_not_be_read_has_no_request_line() {
        check(
            &Record { method: "", path: "", status: 400, sent: 0, cache: CacheResult::None, ..record() },
            false,
            "192.168.4.7 - - [06/Nov/1994:08:49:37 +0000] \"-\" 400 0 \"-\" \"-\" none - 0\n",
        );
    }
}
