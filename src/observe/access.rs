//! The access log in the Combined format, with three fields at its end: cache result, milliseconds until the upstream
//! answered, bytes from the uplink.
//!
//! While the wall clock is not believed, the second field (which nobody else uses) says `unsure`.

use std::io::Write;

use super::record::Record;
use super::text::{Location, REDACTED, escape_into};
use crate::base::Wall;
use crate::http::date;

/// Appends one line.
pub(super) fn write(line: &mut Vec<u8>, record: &Record<'_>, with_query: bool) {
    print(line, format_args!("{} {} - [", record.client, if record.now.sure { "-" } else { "unsure" }));
    write_time(line, record.now.wall);
    line.extend_from_slice(b"] \"");
    if record.method.is_empty() {
        line.push(b'-');
    } else {
        write_request(line, record, with_query);
    }
    print(line, format_args!("\" {} {} \"", record.status, record.sent));
    match record.referer {
        Some(value) => write_location(line, value, with_query),
        None => line.push(b'-'),
    }
    line.extend_from_slice(b"\" \"");
    escape_into(line, record.user_agent.unwrap_or(b"-"));
    print(line, format_args!("\" {} ", record.cache.word()));
    match record.uplink_time {
        Some(time) => print(line, format_args!("{}", time.as_millis())),
        None => line.push(b'-'),
    }
    print(line, format_args!(" {}\n", record.uplink));
}

fn write_request(line: &mut Vec<u8>, record: &Record<'_>, with_query: bool) {
    escape_into(line, record.method.as_bytes());
    line.push(b' ');
    write_location(line, record.path.as_bytes(), with_query);
    if let Some(query) = record.query {
        write_query(line, query.as_bytes(), with_query);
    }
    line.push(b' ');
    line.extend_from_slice(record.version.as_bytes());
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
    use crate::observe::CacheResult;

    pub(in crate::observe) fn record() -> Record<'static> {
        Record {
            now: Now { mono: Mono::default(), wall: Wall::from_millis(784_111_777_042), sure: true },
            route: Some(0),
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
        write(&mut line, record, with_query);
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
    fn a_password_in_a_refused_target_is_not_written() {
        let mut line = Vec::new();
        write(&mut line, &Record { path: "http://user:secret@a.org/b", ..record() }, true);
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
