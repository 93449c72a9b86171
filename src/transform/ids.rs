//! Ids that follow a request: `X-Request-Id` and W3C `traceparent`.

use std::fmt;

use crate::base::{RequestId, TraceParent};
use crate::http::Fields;

/// The longest request id that is taken from a client: a UUID has 36 characters.
const LONGEST_ID: usize = 64;

/// The ids of one exchange: the client's where they are valid, else made from numbers that the caller drew by lot.
/// `Display` is the request id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids<'a> {
    request: RequestName<'a>,
    /// The client's is passed on as it is: this gateway records no span that could stand in between. `None`: nobody may
    /// follow the request through other systems.
    pub(super) trace: Option<TraceParent>,
    /// Whether `trace` is the client's; else its `tracestate` is not passed on (Trace Context §3.3.1).
    pub(super) trace_given: bool,
}

#[derive(Clone, Copy, Debug)]
enum RequestName<'a> {
    Given(&'a str),
    Made(RequestId),
}

impl<'a> Ids<'a> {
    pub(crate) fn of(fields: Fields<'a>, random: [u64; 4]) -> Ids<'a> {
        let [request, high, low, parent] = random;
        let given = fields.sole("x-request-id").ok().flatten().and_then(acceptable);
        let trace = fields.sole("traceparent").ok().flatten().and_then(TraceParent::parse);
        Ids {
            request: given.map_or(RequestName::Made(RequestId(request)), RequestName::Given),
            trace: Some(trace.unwrap_or(TraceParent {
                trace: u128::from(high) << 64 | u128::from(low | 1),
                parent: parent | 1,
                flags: 0,
            })),
            trace_given: trace.is_some(),
        }
    }

    /// Where the client brought none.
    pub(crate) fn made(random: [u64; 4]) -> Ids<'a> {
        Ids::of(Fields::NONE, random)
    }

    /// Without what systems for tracing know a request by.
    pub(crate) fn untraced(self) -> Ids<'a> {
        Ids { trace: None, trace_given: false, ..self }
    }
}

/// Ids end up in logs, pages and other people's systems: only what is harmless in all of them.
fn acceptable(value: &[u8]) -> Option<&str> {
    let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:+/=~@".contains(byte);
    let fits = (1..=LONGEST_ID).contains(&value.len()) && value.iter().all(harmless);
    fits.then(|| std::str::from_utf8(value).ok()).flatten()
}

impl fmt::Display for Ids<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.request {
            RequestName::Given(text) => f.write_str(text),
            RequestName::Made(id) => id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    fn check(block: &str, id: &str, trace: &str, trace_given: bool) {
        let spans = FieldSpans::parse(block.as_bytes()).unwrap();
        let ids = Ids::of(Fields::new(block.as_bytes(), spans.as_slice()), [0xab, 1, 2, 4]);
        assert_eq!(ids.to_string(), id, "{block}");
        let told = ids.trace.map(|trace| trace.to_string());
        assert_eq!((told.as_deref(), ids.trace_given), (Some(trace), trace_given), "{block}");
    }

    #[test]
    fn valid_ids_are_kept_and_others_replaced() {
        let (made, made_trace) = ("00000000000000ab", "00-00000000000000010000000000000003-0000000000000005-00");
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        check("", made, made_trace, false);
        check("X-Request-ID: a1-B2_c3.d4\r\n", "a1-B2_c3.d4", made_trace, false);
        check("X-Request-ID: <script>\r\n", made, made_trace, false);
        check("X-Request-ID: a b\r\n", made, made_trace, false);
        check("X-Request-ID: a\r\nX-Request-ID: b\r\n", made, made_trace, false);
        check(&format!("X-Request-ID: {}\r\n", "x".repeat(65)), made, made_trace, false);
        check(&format!("traceparent: {trace}\r\n"), made, trace, true);
        check(&format!("traceparent: {trace}-x\r\n"), made, made_trace, false);
        check(&format!("traceparent: {trace}\r\ntraceparent: {trace}\r\n"), made, made_trace, false);
    }
}
