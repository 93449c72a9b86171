//! The head that goes upstream.

use super::field::{self, Hop, RequestField};
use super::forwarding::Forwarding;
use super::{Client, Edits, Ids, Told};
use crate::http::{BodyFraming, Fields, HeadWriter, Unwritable, Version, cdn_loop, via};

/// The name in `Via`: a pseudonym, so that nothing is told of what is inside (RFC 9110 §7.6.3).
pub(super) const PSEUDONYM: &str = "hafir";

/// A board, its parent, a parent of that: a longer chain of hafirs is a loop through somebody who strips `CDN-Loop`.
const LONGEST_CHAIN: usize = 8;

/// How this gateway names itself to others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Via {
    loop_id: String,
}

impl Via {
    /// `instance` tells this gateway from a parent or child hafir in the same chain (RFC 8586 §2): any number that
    /// stays the same while the process lives, and that no other gateway has.
    pub(crate) fn new(instance: u64) -> Via {
        Via { loop_id: format!("{PSEUDONYM}-{instance:016x}") }
    }
}

/// All that a request head for the upstream is made of.
#[derive(Clone, Copy)]
pub(crate) struct RequestParts<'a> {
    pub(crate) via: &'a Via,
    pub(crate) client: &'a Client,
    pub(crate) ids: &'a Ids<'a>,
    pub(crate) edits: &'a Edits,
    pub(crate) told: Told<'a>,
    pub(crate) method: &'a str,
    /// As `routing::forwarded_path` gives it; `*` for `OPTIONS *`.
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    /// The value of `Host` for the upstream.
    pub(crate) host: &'a str,
    /// The client's own `Host`, for `Forwarded` and `X-Forwarded-Host`. Empty where the answer is for others too, who
    /// may have come by another name.
    pub(crate) client_host: &'a str,
    /// That of the client's request.
    pub(crate) version: Version,
    /// The client's fields.
    pub(crate) fields: Fields<'a>,
    pub(crate) framing: BodyFraming,
    pub(crate) conditions: Conditions<'a>,
    /// What `Accept-Encoding` says in place of what the client's does, which is not passed on then.
    pub(crate) accept_encoding: Option<&'a str>,
    /// The protocol to upgrade to (`Upgrade::Wanted`), where the route allows it.
    pub(crate) upgrade: Option<&'a [u8]>,
    /// Pass `Expect: 100-continue` on: the client sent it and the gateway has not answered it itself.
    pub(crate) expect: bool,
    /// The connection ends after this exchange.
    pub(crate) close: bool,
}

/// Which conditions go upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Conditions<'a> {
    /// The client's own `If-*` and `Range`, as they are: the answer is for the client alone.
    Client,
    /// None, and no `Range`: the whole answer is wanted.
    Whole,
    /// Those of a stored answer, to ask whether it still holds (RFC 9111 §4.3.1); no `Range`.
    Validate { etag: Option<&'a [u8]>, last_modified: Option<&'a [u8]> },
    /// A part of it: the value of `Range`, and of `If-Range` where a part of the same is stored (RFC 9110 §13.1.5).
    Part { range: &'a str, if_range: Option<&'a [u8]> },
}

/// Why a request does not go upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotForwarded {
    /// It has passed through this gateway before (`CDN-Loop`): 508.
    Loop,
    /// `OPTIONS` with `Max-Forwards: 0` (RFC 9110 §7.6.2): the gateway answers as the last recipient, 204.
    LastHop,
    /// A value that cannot stand in a head came from ourselves: 500, and a defect.
    Unwritable(Unwritable),
}

/// Appends the request head for the upstream to `out`, its empty line included.
pub(crate) fn request_head(out: &mut Vec<u8>, parts: &RequestParts<'_>) -> Result<(), NotForwarded> {
    if goes_in_a_circle(parts) {
        return Err(NotForwarded::Loop);
    }
    let forwards = forwards_left(parts)?;
    let mut head = match parts.query {
        None => HeadWriter::request(out, parts.method, parts.path.as_bytes()),
        Some(query) => HeadWriter::request(out, parts.method, format!("{}?{query}", parts.path).as_bytes()),
    };
    head.field("Host", parts.host);
    write_client_fields(&mut head, parts);
    write_conditions(&mut head, parts);
    write_hop(&mut head, parts);
    if let Some(forwards) = forwards {
        head.field_number("Max-Forwards", forwards);
    }
    write_own(&mut head, parts);
    parts.edits.write(&mut head);
    head.end().map(drop).map_err(NotForwarded::Unwritable)
}

fn goes_in_a_circle(parts: &RequestParts<'_>) -> bool {
    cdn_loop::count(parts.fields, &parts.via.loop_id) > 0 || via::count(parts.fields, PSEUDONYM) >= LONGEST_CHAIN
}

/// What `Max-Forwards` is to say: only `OPTIONS` is counted (`TRACE` is refused long before), and only where the field
/// says something.
fn forwards_left(parts: &RequestParts<'_>) -> Result<Option<u64>, NotForwarded> {
    let given = parts.fields.sole("max-forwards").ok().flatten().and_then(digits);
    match (parts.method, given) {
        ("OPTIONS", Some(0)) => Err(NotForwarded::LastHop),
        ("OPTIONS", Some(left)) => Ok(left.checked_sub(1)),
        (_, given) => Ok(given),
    }
}

fn digits(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The client's own fields, as far as they are for the upstream.
fn write_client_fields(head: &mut HeadWriter<'_>, parts: &RequestParts<'_>) {
    let hop = Hop::of(parts.fields);
    for (name, value) in parts.fields.iter() {
        let passes = match field::of_request(name) {
            RequestField::EndToEnd => !hop.ends(name),
            RequestField::Trail => true,
            RequestField::Own | RequestField::MaxForwards => false,
            RequestField::FromProxy => parts.client.trusted && !is_written_by_us(name),
            RequestField::Condition => parts.conditions == Conditions::Client && !hop.ends(name),
            RequestField::Trailer => parts.framing == BodyFraming::Chunked,
            RequestField::TraceState => parts.ids.trace_given && !hop.ends(name),
            RequestField::Trace => parts.ids.trace.is_some() && !hop.ends(name),
        };
        let is_replaced = parts.accept_encoding.is_some() && name.eq_ignore_ascii_case(b"accept-encoding");
        if passes && !is_replaced && !parts.told.hides(name) && !parts.edits.touch(name) {
            head.field(name, value);
        }
    }
    if let Some(codings) = parts.accept_encoding.filter(|_| !parts.edits.touch(b"accept-encoding")) {
        head.field("Accept-Encoding", codings);
    }
}

/// Those of the proxies' fields that [`Forwarding`] appends to.
fn is_written_by_us(name: &[u8]) -> bool {
    let ours: [&[u8]; 4] = [b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"];
    ours.iter().any(|own| own.eq_ignore_ascii_case(name))
}

fn write_conditions(head: &mut HeadWriter<'_>, parts: &RequestParts<'_>) {
    let fields = match parts.conditions {
        Conditions::Client | Conditions::Whole => return,
        Conditions::Validate { etag, last_modified } => [("If-None-Match", etag), ("If-Modified-Since", last_modified)],
        Conditions::Part { range, if_range } => [("Range", Some(range.as_bytes())), ("If-Range", if_range)],
    };
    for (name, value) in fields {
        if let Some(value) = value {
            head.field(name, value);
        }
    }
}

/// What is for the upstream's connection only: framing, `Connection` and the fields that it names.
fn write_hop(head: &mut HeadWriter<'_>, parts: &RequestParts<'_>) {
    match parts.framing {
        BodyFraming::Length(len) => head.field_number("Content-Length", len),
        BodyFraming::Chunked => head.field("Transfer-Encoding", "chunked"),
        // Methods that as a rule have content say so when they have none (RFC 9110 §8.6).
        BodyFraming::None if matches!(parts.method, "POST" | "PUT" | "PATCH") => head.field_number("Content-Length", 0),
        BodyFraming::None | BodyFraming::UntilClose => head,
    };
    if parts.expect {
        head.field("Expect", "100-continue");
    }
    if let Some(protocol) = parts.upgrade {
        head.field("Connection", "Upgrade").field("Upgrade", protocol);
        return;
    }
    // The one member of TE that a gateway can keep its word about; it counts where `Connection` names it, else it was
    // meant for somebody else (RFC 9110 §7.6.1, §10.1.4).
    let is_meant = parts.version == Version::Http11 && parts.fields.has_token("connection", "te");
    let trailers = is_meant && parts.fields.has_token("te", "trailers");
    if trailers {
        head.field("TE", "trailers");
    }
    match (trailers, parts.close) {
        (true, true) => head.field("Connection", "TE, close"),
        (true, false) => head.field("Connection", "TE"),
        (false, true) => head.field("Connection", "close"),
        (false, false) => head,
    };
}

/// What this hop adds to the request's story.
fn write_own(head: &mut HeadWriter<'_>, parts: &RequestParts<'_>) {
    head.field_display("Via", format_args!("{} {PSEUDONYM}", via::protocol(parts.version)));
    head.field("CDN-Loop", &parts.via.loop_id);
    let forwarding = Forwarding { client: parts.client, host: parts.client_host, fields: parts.fields };
    forwarding.write(head, parts.edits);
    if !parts.edits.touch(b"x-request-id") {
        head.field_display("X-Request-Id", parts.ids);
    }
    if let Some(trace) = parts.ids.trace {
        head.field_display("traceparent", trace);
    }
    parts.told.write(head, parts.edits);
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use super::*;
    use crate::base::PeerCertificate;
    use crate::config::{FieldEdit, Tell};
    use crate::http::FieldSpans;

    const DIRECT: Client = Client { peer: BOARD_USER, address: BOARD_USER, secure: false, trusted: false };
    const PROXIED: Client = Client { peer: PROXY, address: FAR_USER, secure: false, trusted: true };
    const BOARD_USER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 4, 7));
    const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    const FAR_USER: IpAddr = IpAddr::V4(Ipv4Addr::new(1, 2, 3, 4));

    /// What every head ends with, for a direct client.
    const OWN: &str = "Via: 1.1 hafir\r\nCDN-Loop: hafir-0000000000000abc\r\n\
        Forwarded: for=192.168.4.7;host=\"board:8080\";proto=http\r\nX-Forwarded-For: 192.168.4.7\r\n\
        X-Forwarded-Proto: http\r\nX-Forwarded-Host: board:8080\r\nX-Request-Id: 0000000000000001\r\n\
        traceparent: 00-00000000000000020000000000000003-0000000000000005-00\r\n";

    fn written(block: &str, change: impl FnOnce(&mut RequestParts<'_>)) -> Result<String, NotForwarded> {
        written_telling(block, Told::default(), change)
    }

    fn written_telling(
        block: &str,
        told: Told<'_>,
        change: impl FnOnce(&mut RequestParts<'_>),
    ) -> Result<String, NotForwarded> {
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        let fields = Fields::new(block.as_bytes(), spans.as_slice());
        let mut parts = RequestParts {
            via: &Via::new(0xabc),
            client: &DIRECT,
            ids: &Ids::of(fields, [1, 2, 3, 4]),
            edits: &Edits::default(),
            told,
            method: "GET",
            path: "/a",
            query: None,
            host: "origin",
            client_host: "board:8080",
            version: Version::Http11,
            fields,
            framing: BodyFraming::None,
            conditions: Conditions::Client,
            accept_encoding: None,
            upgrade: None,
            expect: false,
            close: false,
        };
        change(&mut parts);
        let mut out = Vec::new();
        request_head(&mut out, &parts).map(|()| String::from_utf8(out).unwrap())
    }

    /// What the head says before the lines of [`OWN`].
    fn check(block: &str, change: impl FnOnce(&mut RequestParts<'_>), expected: &str) {
        let head = written(block, change).unwrap();
        let theirs = head.strip_suffix("\r\n").and_then(|head| head.strip_suffix(OWN));
        assert_eq!(theirs.unwrap_or(&head), expected, "{block}");
    }

    #[test]
    fn a_head_is_written_anew() {
        check(
            "Host: board:8080\r\nAccept-Encoding: gzip\r\n",
            |_| {},
            "GET /a HTTP/1.1\r\nHost: origin\r\nAccept-Encoding: gzip\r\n",
        );
        check("", |parts| parts.query = Some("x=1"), "GET /a?x=1 HTTP/1.1\r\nHost: origin\r\n");
        check("", |parts| parts.query = Some(""), "GET /a? HTTP/1.1\r\nHost: origin\r\n");
    }

    #[test]
    fn codings_are_asked_for_in_place_of_the_clients() {
        let ours = |parts: &mut RequestParts<'_>| parts.accept_encoding = Some("br, gzip");
        let expected = "GET /a HTTP/1.1\r\nHost: origin\r\nAccept: a\r\nAccept-Encoding: br, gzip\r\n";
        check("Accept: a\r\n", ours, expected);
        check("accept-encoding: gzip\r\nAccept: a\r\nAccept-Encoding:\r\n", ours, expected);
        let edits = Edits::build(&[FieldEdit::Set { name: "accept-encoding".into(), value: "identity".into() }]);
        let edits = edits.unwrap();
        let head = written("Accept-Encoding: gzip\r\n", |parts| {
            ours(parts);
            parts.edits = Box::leak(Box::new(edits));
        });
        let head = head.unwrap().to_lowercase();
        assert!(head.ends_with("accept-encoding: identity\r\n\r\n"), "{head}");
        assert_eq!(head.matches("accept-encoding").count(), 1, "{head}");
    }

    #[test]
    fn hop_by_hop_fields_end_here() {
        for block in [
            "Connection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: 5\r\n",
            "Proxy-Connection: keep-alive\r\nProxy: http://evil\r\nProxy-Authorization: Basic eA==\r\n",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
            "Connection: Upgrade\r\nUpgrade: websocket\r\n",
            "TE: gzip\r\nConnection: TE\r\n",
            "Trailer: X-Sum\r\n",
            "Expect: 100-continue\r\n",
            "Content_Length: 5\r\nTransfer_Encoding: chunked\r\n",
        ] {
            check(block, |_| {}, "GET /a HTTP/1.1\r\nHost: origin\r\n");
        }
        check(
            "Connection: Via, CDN-Loop\r\nVia: 1.0 fred\r\nCDN-Loop: other\r\n",
            |_| {},
            "GET /a HTTP/1.1\r\nHost: origin\r\nVia: 1.0 fred\r\nCDN-Loop: other\r\n",
        );
    }

    #[test]
    fn what_clients_say_under_the_gateways_names_is_left_out() {
        let names = [("X-User".to_owned(), Tell::Name), ("X-Scope".to_owned(), Tell::Scope)];
        let values = [("X-User".to_owned(), "Mary\r\nX-Scope: all".to_owned())];
        let block = "x-user: root\r\nX_USER: root\r\nX-Scope: all\r\nX-Users: 2\r\nProxy: x\r\n";
        let told = Told { names: &names, values: &values, ..Told::default() };
        let head = written_telling(block, told, |_| {}).unwrap();
        assert!(head.starts_with("GET /a HTTP/1.1\r\nHost: origin\r\nX-Users: 2\r\nVia"), "{head}");
        assert!(head.ends_with("\r\nX-User: Mary  X-Scope: all\r\n\r\n"), "{head}");
        assert_eq!(head.to_lowercase().matches("\r\nx-scope").count(), 0, "{head}");
        let told = Told { names: &names, ..Told::default() };
        let head = written_telling(block, told, |_| {}).unwrap().to_lowercase();
        assert!(!head.contains("root") && head.contains("x-users: 2"), "{head}");
    }

    #[test]
    fn a_routes_edit_of_a_name_goes_before_what_the_gateway_tells() {
        let values = [("X-User".to_owned(), "Mary".to_owned())];
        let edits = Edits::build(&[FieldEdit::Remove { name: "x-user".into() }]).unwrap();
        let told = Told { values: &values, ..Told::default() };
        let head = written_telling("X-User: root\r\n", told, |parts| parts.edits = Box::leak(Box::new(edits)));
        assert!(!head.unwrap().to_lowercase().contains("x-user"));
    }

    #[test]
    fn certificates_go_upstream_as_rfc_9440_has_them_and_never_come_from_clients() {
        let shown = PeerCertificate { der: Arc::from(&b"own"[..]), chain: vec![] };
        let linked = PeerCertificate { chain: vec![Arc::from(&b"a"[..]), Arc::from(&b"bc"[..])], ..shown.clone() };
        let block = "Client-Cert: :AAAA:\r\nclient_cert: :AAAA:\r\nCLIENT-CERT-CHAIN: :AAAA:\r\n";
        for client in [&DIRECT, &PROXIED] {
            let head = written(block, |parts| parts.client = client).unwrap().to_lowercase();
            assert!(!head.contains("cert"), "{head}");
            for (certificate, expected) in [
                (&shown, "\r\nClient-Cert: :b3du:\r\n\r\n"),
                (&linked, "\r\nClient-Cert: :b3du:\r\nClient-Cert-Chain: :YQ==:, :YmM=:\r\n\r\n"),
            ] {
                let told = Told { certificate: Some(certificate), ..Told::default() };
                let head = written_telling(block, told, |parts| parts.client = client).unwrap();
                assert!(head.ends_with(expected) && !head.contains("AAAA"), "{head}");
            }
        }
    }

    #[test]
    fn framing_and_connection_are_as_told() {
        let start = "GET /a HTTP/1.1\r\nHost: origin\r\n";
        let post = "POST /a HTTP/1.1\r\nHost: origin\r\n";
        let check = |block: &str, change: fn(&mut RequestParts<'_>), start: &str, lines: &str| {
            check(block, change, &format!("{start}{lines}"));
        };
        check("Content-Length: 9\r\n", |p| p.framing = BodyFraming::Length(7), start, "Content-Length: 7\r\n");
        check("", |p| p.framing = BodyFraming::Chunked, start, "Transfer-Encoding: chunked\r\n");
        check(
            "Trailer: X-Sum\r\n",
            |p| p.framing = BodyFraming::Chunked,
            start,
            "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n",
        );
        check("", |p| p.method = "POST", post, "Content-Length: 0\r\n");
        let te = "Connection: te\r\nTE: gzip, trailers\r\n";
        check(te, |_| {}, start, "TE: trailers\r\nConnection: TE\r\n");
        check(te, |p| p.close = true, start, "TE: trailers\r\nConnection: TE, close\r\n");
        check("TE: trailers\r\n", |_| {}, start, "");
        check("", |p| p.close = true, start, "Connection: close\r\n");
        check("", |p| p.upgrade = Some(b"websocket"), start, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
        check("", |p| p.expect = true, start, "Expect: 100-continue\r\n");
    }

    #[test]
    fn conditions_are_as_told() {
        let block = "If-None-Match: \"c\"\r\nIf-Range: \"c\"\r\nRange: bytes=1-\r\n";
        let start = "GET /a HTTP/1.1\r\nHost: origin\r\n";
        check(block, |_| {}, &format!("{start}{block}"));
        check(block, |p| p.conditions = Conditions::Whole, start);
        let validate = Conditions::Validate { etag: Some(b"\"s\""), last_modified: Some(b"then") };
        let asked = format!("{start}If-None-Match: \"s\"\r\nIf-Modified-Since: then\r\n");
        check(block, |p| p.conditions = validate, &asked);
    }

    #[test]
    fn what_clients_say_of_themselves_goes_on_only_from_listed_proxies() {
        let block = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Port: 1\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n\
            Client-Cert: :AA:\r\nX_Forwarded_For: 6.6.6.6\r\nX-Hafir-Key: 1\r\nX-Original-URL: /admin\r\n";
        check(block, |_| {}, "GET /a HTTP/1.1\r\nHost: origin\r\n");

        let head = written("X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Host: a.org\r\n", |parts| {
            parts.client = &PROXIED;
        });
        let head = head.unwrap();
        for line in [
            "X-Forwarded-For: 1.2.3.4, 10.0.0.1\r\n",
            "X-Forwarded-Port: 1\r\n",
            "X-Forwarded-Host: a.org\r\n",
            "Forwarded: for=1.2.3.4, for=10.0.0.1;host=\"board:8080\";proto=http\r\n",
        ] {
            assert!(head.contains(line), "{line} {head}");
        }
        assert_eq!(head.matches("X-Forwarded-Host").count(), 1, "{head}");
    }

    #[test]
    fn own_loops_are_seen_but_not_other_hafirs() {
        assert_eq!(written("CDN-Loop: other, hafir-0000000000000abc\r\n", |_| {}), Err(NotForwarded::Loop));
        assert_eq!(written("CDN-Loop: hafir-0000000000000abc; x=\"1\"\r\n", |_| {}), Err(NotForwarded::Loop));
        assert!(written("CDN-Loop: hafir-0000000000000def\r\nVia: 1.1 hafir\r\n", |_| {}).is_ok());
        assert_eq!(written(&"Via: 1.1 hafir\r\n".repeat(8), |_| {}), Err(NotForwarded::Loop));
    }

    #[test]
    fn only_options_counts_its_forwards() {
        let options = |p: &mut RequestParts<'_>| p.method = "OPTIONS";
        assert_eq!(written("Max-Forwards: 0\r\n", options), Err(NotForwarded::LastHop));
        assert!(written("Max-Forwards: 3\r\n", options).unwrap().contains("Max-Forwards: 2\r\n"));
        assert!(written("Max-Forwards: 0\r\n", |_| {}).unwrap().contains("Max-Forwards: 0\r\n"));
        assert!(!written("Max-Forwards: +3\r\n", options).unwrap().contains("Max-Forwards"));
    }

    #[test]
    fn a_trace_state_goes_with_its_parent() {
        let parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
        let state = "tracestate: a=1\r\n";
        let both = written(&format!("{parent}{state}"), |_| {}).unwrap();
        assert!(both.contains(parent) && both.contains(state), "{both}");
        assert!(!written(&format!("traceparent: 00\r\n{state}"), |_| {}).unwrap().contains("tracestate"));
    }

    #[test]
    fn nobody_can_follow_a_request_that_must_not_be_traced() {
        let block = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=1\r\n\
            baggage: a=1\r\nb3: 0\r\nX-B3-TraceId: 1\r\nX-Amzn-Trace-Id: 1\r\n";
        let traced = written(block, |_| {}).unwrap().to_lowercase();
        let ids = Box::leak(Box::new(Ids::of(Fields::NONE, [1, 2, 3, 4]).untraced()));
        let untraced = written(block, |parts| parts.ids = ids).unwrap().to_lowercase();
        for name in ["traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "x-amzn-trace-id"] {
            let line = format!("\r\n{name}: ");
            assert!(traced.contains(&line) && !untraced.contains(&line), "{name}: {untraced}");
        }
        assert!(untraced.contains("x-request-id: 0000000000000001"), "{untraced}");
    }

    #[test]
    fn a_route_has_the_last_word() {
        let edits = Edits::build(&[
            FieldEdit::Set { name: "Authorization".into(), value: "Bearer x".into() },
            FieldEdit::Set { name: "X-Forwarded-For".into(), value: "hidden".into() },
            FieldEdit::Remove { name: "Forwarded".into() },
            FieldEdit::Remove { name: "Cookie".into() },
        ]);
        let edits = edits.unwrap();
        let head = written("Cookie: a=1\r\nauthorization: Basic eA==\r\n", |parts| {
            parts.edits = Box::leak(Box::new(edits));
        });
        let head = head.unwrap();
        assert!(head.ends_with("Authorization: Bearer x\r\nX-Forwarded-For: hidden\r\n\r\n"), "{head}");
        for gone in ["Cookie", "Basic", "Forwarded:", "192.168"] {
            assert!(!head.contains(gone), "{gone} {head}");
        }
    }

    #[test]
    fn nothing_breaks_out_of_its_line() {
        assert!(matches!(written("", |p| p.host = "a\r\nb: c"), Err(NotForwarded::Unwritable(_))));
        assert!(matches!(written("", |p| p.path = "/a b"), Err(NotForwarded::Unwritable(_))));
    }
}
