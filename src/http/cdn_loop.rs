//! `CDN-Loop` (RFC 8586).

use super::bytes::parameters;
use super::fields::Fields;

/// How often this identifier is in the request's `CDN-Loop`: more than zero is a loop. Parameters do not count
/// (RFC 8586 §2).
pub(crate) fn count(fields: Fields<'_>, id: &str) -> usize {
    let is_ours =
        |member: &[u8]| parameters(member).next().is_some_and(|found| found.eq_ignore_ascii_case(id.as_bytes()));
    fields.list("cdn-loop").filter(|member| is_ours(member)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::FieldSpans;

    #[test]
    fn our_own_passages_are_found() {
        let block =
            b"CDN-Loop: foo123.foocdn.example, barcdn.example; trace=\"abc,def\"\r\nCDN-Loop: Hafir-1; abc=123\r\n";
        let spans = FieldSpans::parse(block).unwrap();
        let fields = Fields::new(block, spans.as_slice());
        for (id, expected) in [("hafir-1", 1), ("barcdn.example", 1), ("hafir", 0), ("def", 0)] {
            assert_eq!(count(fields, id), expected, "{id}");
        }
    }
}
