//! What a route asks of a request besides its path.

use super::Request;
use super::explain::Miss;
use crate::config::{HostMatch, MatchConfig};

/// How many conditions a route has: a list of hosts or of methods is one, each header and each query parameter is one.
pub(super) fn count(matches: &MatchConfig) -> usize {
    usize::from(!matches.hosts.is_empty())
        + usize::from(!matches.methods.is_empty())
        + matches.headers.len()
        + matches.queries.len()
}

pub(super) fn hold(matches: &MatchConfig, request: &Request<'_>) -> bool {
    hosts_hold(&matches.hosts, request.host)
        && methods_hold(&matches.methods, request.method)
        && matches.headers.iter().all(|header| header_holds(header, request))
        && matches.queries.iter().all(|query| query_holds(query, request.query))
}

/// The first condition that does not hold, for people.
pub(super) fn first_missed(matches: &MatchConfig, request: &Request<'_>) -> Option<Miss> {
    if !hosts_hold(&matches.hosts, request.host) {
        return Some(Miss::Host { wanted: matches.hosts.clone() });
    }
    if !methods_hold(&matches.methods, request.method) {
        return Some(Miss::Method { wanted: matches.methods.clone() });
    }
    if let Some((name, wanted)) = matches.headers.iter().find(|header| !header_holds(header, request)) {
        return Some(Miss::Header { name: name.clone(), wanted: wanted.clone() });
    }
    let (name, wanted) = matches.queries.iter().find(|query| !query_holds(query, request.query))?;
    Some(Miss::Query { name: name.clone(), wanted: wanted.clone() })
}

fn hosts_hold(hosts: &[HostMatch], host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    hosts.is_empty()
        || hosts.iter().any(|wanted| match wanted {
            HostMatch::Exact(name) => name.eq_ignore_ascii_case(host),
            HostMatch::Below(suffix) => ends_with_ignore_case(host, suffix),
        })
}

/// At least one character stands before the suffix, which begins with a dot.
fn ends_with_ignore_case(host: &str, suffix: &str) -> bool {
    let Some(start) = host.len().checked_sub(suffix.len()) else { return false };
    start > 0 && host.as_bytes().get(start..).is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
}

/// `HEAD` is allowed wherever `GET` is: it is the same question with a shorter answer (RFC 9110 §9.3.2).
fn methods_hold(methods: &[String], method: &str) -> bool {
    let asked = if method == "HEAD" { "GET" } else { method };
    methods.is_empty() || methods.iter().any(|wanted| wanted == method || wanted == asked)
}

/// One of the field's lines must be the value, to the letter.
fn header_holds((name, wanted): &(String, Option<String>), request: &Request<'_>) -> bool {
    match wanted {
        None => request.fields.contains(name),
        Some(value) => request.fields.all(name).any(|line| line == value.as_bytes()),
    }
}

/// Names and values are compared decoded, `+` being a blank, as forms send them.
fn query_holds((name, wanted): &(String, Option<String>), query: Option<&str>) -> bool {
    let Some(query) = query else { return false };
    query.split('&').any(|parameter| {
        let (found, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value_holds = wanted.as_ref().is_none_or(|wanted| decoded(value).eq(wanted.bytes()));
        value_holds && decoded(found).eq(name.bytes())
    })
}

fn decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (byte, behind) = match rest {
            [b'%', high, low, behind @ ..] => match hex(*high).zip(hex(*low)) {
                Some((high, low)) => (high << 4 | low, behind),
                None => rest.split_first().map(|(byte, behind)| (*byte, behind))?,
            },
            [b'+', behind @ ..] => (b' ', behind),
            [byte, behind @ ..] => (*byte, behind),
            [] => return None,
        };
        rest = behind;
        Some(byte)
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_matched_without_case_and_final_dot() {
        let exact = || HostMatch::Exact("board.local".into());
        let below = || HostMatch::Below(".example.org".into());
        for (wanted, host, holds) in [
            (exact(), "board.local", true),
            (exact(), "BOARD.Local", true),
            (exact(), "board.local.", true),
            (exact(), "xboard.local", false),
            (below(), "www.example.org", true),
            (below(), "a.B.Example.ORG", true),
            (below(), "example.org", false),
            (below(), ".example.org", false),
            (below(), "wwwexample.org", false),
            (below(), "org", false),
        ] {
            assert_eq!(hosts_hold(std::slice::from_ref(&wanted), host), holds, "{wanted:?} {host}");
        }
    }

    #[test]
    fn queries_are_compared_decoded() {
        let has = |name: &str, value: Option<&str>, query| query_holds(&(name.into(), value.map(Into::into)), query);
        for (name, value, query, holds) in [
            ("lang", Some("sw"), Some("lang=sw"), true),
            ("lang", Some("sw"), Some("a=1&lang=sw&b"), true),
            ("lang", Some("sw"), Some("lang=swa"), false),
            ("lang", Some("sw"), Some("slang=sw"), false),
            ("lang", Some("sw"), None, false),
            ("q", Some("a b"), Some("q=a+b"), true),
            ("q", Some("a b"), Some("q=a%20b"), true),
            ("q", Some("a+b"), Some("q=a%2Bb"), true),
            ("q", Some("é"), Some("q=%C3%A9"), true),
            ("a b", None, Some("a%20b"), true),
            ("print", None, Some("print"), true),
            ("print", Some(""), Some("print"), true),
            ("print", None, Some(""), false),
            ("q", Some("%zz"), Some("q=%zz"), true),
        ] {
            assert_eq!(has(name, value, query), holds, "{name}={value:?} {query:?}");
        }
    }

    #[test]
    fn head_goes_where_get_goes() {
        let get = ["GET".to_owned()];
        let head = ["HEAD".to_owned()];
        assert!(methods_hold(&get, "GET") && methods_hold(&get, "HEAD") && methods_hold(&[], "BREW"));
        assert!(!methods_hold(&get, "POST") && !methods_hold(&head, "GET") && !methods_hold(&get, "get"));
        assert!(methods_hold(&head, "HEAD"));
    }
}
