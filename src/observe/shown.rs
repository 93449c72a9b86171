//! What the access log shows of an exchange, by its route's class: decided once, for both formats.

use std::net::IpAddr;

use super::record::Record;
use super::text::is_opaque;
use crate::config::Class;

/// The parts of a record that can tell of a person. All others are shown as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shown<'a> {
    pub(super) client: Option<IpAddr>,
    pub(super) identity: Option<&'a str>,
    pub(super) host: Part<'a>,
    pub(super) path: Part<'a>,
    pub(super) query: Part<'a>,
    /// Whether the queries inside of `referer` and a refused target are shown.
    pub(super) with_query: bool,
    pub(super) referer: Part<'a>,
    pub(super) user_agent: Part<'a>,
    pub(super) shows_request_id: bool,
}

/// Something that was said, or was not, or is kept back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part<'a> {
    Absent,
    Withheld,
    Text(&'a [u8]),
}

impl<'a> Shown<'a> {
    /// `with_query`: the log's own setting, which only public routes follow. On patients' routes nothing is left that a
    /// client can choose but its method: the route, the status, the sizes and the times. Who it was stands in the audit
    /// trail.
    pub(super) fn of(record: &Record<'a>, with_query: bool) -> Shown<'a> {
        let masked = |name: &str| record.mask.iter().any(|masked| masked == name);
        let (personal, patient) = match record.class {
            Class::Public => (false, false),
            Class::Personal => (true, false),
            Class::Patient => (true, true),
        };
        let with_query = with_query && !personal;
        let id = record.request_id.to_string();
        Shown {
            client: Some(record.client).filter(|_| !patient),
            identity: record.identity.filter(|_| !patient),
            host: Part::of(Some(record.host.as_bytes()), patient || masked("host")),
            path: Part::of(Some(record.path.as_bytes()), patient),
            query: Part::of(record.query.map(str::as_bytes), !with_query),
            with_query,
            referer: Part::of(record.referer, personal || masked("referer")),
            user_agent: Part::of(record.user_agent, patient || masked("user-agent")),
            shows_request_id: !masked("x-request-id") && (!patient || is_opaque(&id)),
        }
    }
}

impl<'a> Part<'a> {
    fn of(said: Option<&'a [u8]>, withheld: bool) -> Part<'a> {
        match said {
            None => Part::Absent,
            Some(_) if withheld => Part::Withheld,
            Some(text) => Part::Text(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::access::tests::record;
    use super::super::{access, json};
    use super::*;

    /// One of everything that can be said, each with a word of its own.
    fn talkative(class: Class, mask: &[String]) -> Record<'_> {
        Record {
            class,
            mask,
            identity: Some("w-identity"),
            client: "203.0.113.77".parse().unwrap(),
            host: "w-host.example",
            path: "/patients/w-path",
            query: Some("name=w-query"),
            referer: Some(b"http://w-referer.example/x?w-referer-query"),
            user_agent: Some(b"w-agent"),
            request_id: &"w-id@clinic",
            ..record()
        }
    }

    fn lines(record: &Record<'_>, with_query: bool) -> [String; 2] {
        let (mut combined, mut object) = (Vec::new(), Vec::new());
        access::write(&mut combined, record, "records", with_query);
        json::write(&mut object, record, "records", with_query);
        [combined, object].map(|line| String::from_utf8(line).unwrap())
    }

    #[test]
    fn each_class_shows_what_it_may_in_both_formats() {
        let all = [
            "w-identity",
            "203.0.113.77",
            "w-host",
            "w-path",
            "w-query",
            "w-referer.example",
            "w-referer-query",
            "w-agent",
            "w-id@clinic",
        ];
        // The Combined format has no place for host and request id.
        let not_combined = ["w-host", "w-id@clinic"];
        let mask: Vec<String> = ["user-agent", "x-request-id", "host", "referer", "x-other"].map(str::to_owned).into();
        for (class, with_query, mask, withheld) in [
            (Class::Public, true, &[][..], &[][..]),
            (Class::Public, false, &[], &["w-query", "w-referer-query"]),
            (Class::Personal, true, &[], &["w-query", "w-referer.example", "w-referer-query"]),
            (Class::Public, true, &mask, &["w-agent", "w-id@clinic", "w-host", "w-referer.example", "w-referer-query"]),
            (Class::Patient, true, &[], &all[..]),
        ] {
            let [combined, object] = lines(&talkative(class, mask), with_query);
            for word in all {
                let shown = !withheld.contains(&word);
                assert_eq!(object.contains(word), shown, "{class:?} {word} {object}");
                assert_eq!(combined.contains(word), shown && !not_combined.contains(&word), "{word} {combined}");
            }
            // What remains of every exchange.
            assert!(object.contains("\"route\":\"records\"") && object.contains("\"status\":200"), "{object}");
            assert!(combined.contains(" 200 5120 "), "{combined}");
        }
    }

    #[test]
    fn a_patients_line_still_has_its_form() {
        let [combined, object] = lines(&talkative(Class::Patient, &[]), true);
        assert_eq!(
            combined,
            "- - - [06/Nov/1994:08:49:37 +0000] \"GET route:records?[redacted] HTTP/1.1\" 200 5120 \"[redacted]\" \
             \"[redacted]\" hit - 0\n"
        );
        assert!(object.contains("\"client\":null,") && object.contains("\"path\":\"[redacted]\""), "{object}");
    }

    #[test]
    fn ids_that_say_nothing_are_shown_of_patients_too() {
        for (id, shown) in [("00000000000000ab", true), ("7b0e2c9a-93d5-4f6a-8f6f-0123456789ab", true), ("jane", false)]
        {
            let record = Record { request_id: &id, ..talkative(Class::Patient, &[]) };
            assert_eq!(Shown::of(&record, false).shows_request_id, shown, "{id}");
        }
    }
}
