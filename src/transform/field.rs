//! What a field is to a gateway: whose it is, and whether it may go on.

use crate::http::Fields;

/// A field of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RequestField {
    /// Goes on, unless `Connection` names it.
    EndToEnd,
    /// Goes on even where `Connection` names it: taking it away would hide a loop (RFC 8586 §2).
    Trail,
    /// Never goes on as it came: it is for this connection only, or the gateway writes its own. `Client-Cert` and its
    /// chain are never believed, not even from a proxy that is listed (RFC 9440 §4).
    Own,
    /// What a proxy says of its client: goes on only from a proxy that is listed.
    FromProxy,
    /// `If-*` and `Range`.
    Condition,
    /// `Trailer`: goes on with a chunked body.
    Trailer,
    /// `tracestate`: goes on with the `traceparent` it belongs to.
    TraceState,
    /// What other systems for tracing know a request by: goes on where requests may be traced.
    Trace,
    MaxForwards,
}

/// A field of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ResponseField {
    EndToEnd,
    Own,
    Trailer,
    Age,
    Date,
    RequestId,
}

/// The longest name below fits.
const LONGEST: usize = 24;

/// A name in lower case with `_` as `-`. Gateways behind us (CGI, WSGI and their kin) take the two for one, so that
/// `X_Forwarded_For` or `Content_Length` would be heard as the field that we guard.
struct Folded {
    bytes: [u8; LONGEST],
    /// Of the name itself; only [`LONGEST`] bytes of it are kept.
    len: usize,
    underscores: bool,
}

impl Folded {
    fn of(name: &[u8]) -> Folded {
        let mut bytes = [0; LONGEST];
        for (to, from) in bytes.iter_mut().zip(name) {
            *to = if *from == b'_' { b'-' } else { from.to_ascii_lowercase() };
        }
        Folded { bytes, len: name.len(), underscores: name.contains(&b'_') }
    }

    /// The name as far as it was kept: longer names have no meaning here but for how they begin.
    fn beginning(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }

    fn whole(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

pub(super) fn of_request(name: &[u8]) -> RequestField {
    let folded = Folded::of(name);
    match request_field(&folded) {
        RequestField::EndToEnd => RequestField::EndToEnd,
        _ if folded.underscores => RequestField::Own,
        field => field,
    }
}

fn request_field(name: &Folded) -> RequestField {
    let told_by_proxies: [&[u8]; 6] =
        [b"x-forwarded-", b"client-cert", b"x-client-cert", b"x-ssl-client-", b"x-original-", b"x-hafir-"];
    match name.whole() {
        b"host"
        | b"content-length"
        | b"transfer-encoding"
        | b"connection"
        | b"keep-alive"
        | b"proxy-connection"
        | b"te"
        | b"upgrade"
        | b"http2-settings"
        | b"proxy"
        | b"proxy-authorization"
        | b"proxy-authenticate"
        | b"expect"
        | b"x-request-id"
        | b"traceparent"
        | b"client-cert"
        | b"client-cert-chain" => RequestField::Own,
        b"via" | b"cdn-loop" => RequestField::Trail,
        b"forwarded"
        | b"x-forwarded"
        | b"x-real-ip"
        | b"x-client-ip"
        | b"x-cluster-client-ip"
        | b"true-client-ip"
        | b"cf-connecting-ip"
        | b"x-rewrite-url" => RequestField::FromProxy,
        b"if-match" | b"if-none-match" | b"if-modified-since" | b"if-unmodified-since" | b"if-range" | b"range" => {
            RequestField::Condition
        }
        b"trailer" => RequestField::Trailer,
        b"tracestate" => RequestField::TraceState,
        b"baggage"
        | b"b3"
        | b"uber-trace-id"
        | b"sentry-trace"
        | b"x-cloud-trace-context"
        | b"x-amzn-trace-id"
        | b"elastic-apm-traceparent" => RequestField::Trace,
        b"max-forwards" => RequestField::MaxForwards,
        _ if name.beginning().starts_with(b"x-b3-") || name.beginning().starts_with(b"x-datadog-") => {
            RequestField::Trace
        }
        _ if told_by_proxies.iter().any(|start| name.beginning().starts_with(start)) => RequestField::FromProxy,
        _ => RequestField::EndToEnd,
    }
}

pub(super) fn of_response(name: &[u8]) -> ResponseField {
    match Folded::of(name).whole() {
        _ if name.contains(&b'_') => ResponseField::EndToEnd,
        b"content-length"
        | b"transfer-encoding"
        | b"connection"
        | b"keep-alive"
        | b"proxy-connection"
        | b"te"
        | b"upgrade"
        | b"proxy-authenticate"
        | b"proxy-authentication-info" => ResponseField::Own,
        b"trailer" => ResponseField::Trailer,
        b"age" => ResponseField::Age,
        b"date" => ResponseField::Date,
        b"x-request-id" => ResponseField::RequestId,
        _ => ResponseField::EndToEnd,
    }
}

/// Fields that no route may set or remove: they say how the message is framed, sent on and kept from looping.
pub(super) fn is_protected(name: &str) -> bool {
    let field = Folded::of(name.as_bytes());
    match request_field(&field) {
        RequestField::Own => !matches!(
            field.whole(),
            b"proxy-authorization" | b"proxy-authenticate" | b"x-request-id" | b"client-cert" | b"client-cert-chain"
        ),
        RequestField::Trail | RequestField::Trailer | RequestField::MaxForwards => true,
        RequestField::EndToEnd
        | RequestField::FromProxy
        | RequestField::Condition
        | RequestField::TraceState
        | RequestField::Trace => false,
    }
}

/// What the `Connection` of one head takes away.
#[derive(Clone, Copy)]
pub(super) struct Hop<'a> {
    head: Fields<'a>,
    /// `Connection` says more than the usual words; as a rule it does not, and nothing has to be compared.
    names_fields: bool,
}

impl<'a> Hop<'a> {
    pub(super) fn of(head: Fields<'a>) -> Hop<'a> {
        let usual: [&[u8]; 4] = [b"close", b"keep-alive", b"upgrade", b"te"];
        let is_usual = |option: &[u8]| usual.iter().any(|word| word.eq_ignore_ascii_case(option));
        Hop { head, names_fields: head.list("connection").any(|option| !is_usual(option)) }
    }

    /// Whether this end-to-end field ends here because `Connection` names it (RFC 9110 §7.6.1).
    pub(super) fn ends(self, name: &[u8]) -> bool {
        self.names_fields && self.head.list("connection").any(|option| option.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_fields_are_known_in_any_spelling() {
        for (name, field) in [
            ("Host", RequestField::Own),
            ("content_length", RequestField::Own),
            ("Transfer_Encoding", RequestField::Own),
            ("PROXY", RequestField::Own),
            ("X-Forwarded-For", RequestField::FromProxy),
            ("x-forwarded-anything-that-is-longer-than-known", RequestField::FromProxy),
            ("X_Forwarded_For", RequestField::Own),
            ("Client-Cert", RequestField::Own),
            ("CLIENT_CERT_CHAIN", RequestField::Own),
            ("Client-Cert-Serial", RequestField::FromProxy),
            ("CDN-Loop", RequestField::Trail),
            ("If-Range", RequestField::Condition),
            ("Trailers", RequestField::EndToEnd),
            ("Accept-Encoding", RequestField::EndToEnd),
            ("User_Agent", RequestField::EndToEnd),
            ("hosts", RequestField::EndToEnd),
            ("a-name-that-is-longer-than-any-we-know", RequestField::EndToEnd),
        ] {
            assert_eq!(of_request(name.as_bytes()), field, "{name}");
        }
    }

    #[test]
    fn routes_may_edit_what_does_not_carry_the_message() {
        for name in ["Host", "via", "CDN-Loop", "Content-Length", "TE", "Trailer", "traceparent", "Expect"] {
            assert!(is_protected(name), "{name}");
        }
        for name in ["Authorization", "X-Forwarded-For", "Cookie", "X-Request-Id", "Range", "Server"] {
            assert!(!is_protected(name), "{name}");
        }
    }
}
