//! What is wrong with a message, as `application/problem+json` (RFC 9457).

use super::unfit::Violation;

/// Writes a problem document: `type` (a URI reference, `about:blank` where there is none of our own), `title`,
/// `status`, `detail`, and the violations as `errors` (the member that RFC 9457 §3 shows as its example).
pub(crate) fn write_problem(
    out: &mut Vec<u8>,
    kind: &str,
    title: &str,
    status: u16,
    detail: &str,
    violations: &[Violation],
) {
    out.extend_from_slice(b"{\"type\":");
    string(out, kind);
    out.extend_from_slice(b",\"title\":");
    string(out, title);
    out.extend_from_slice(format!(",\"status\":{status},\"detail\":").as_bytes());
    string(out, detail);
    if !violations.is_empty() {
        out.extend_from_slice(b",\"errors\":[");
        for (number, violation) in violations.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"pointer\":");
            string(out, &violation.pointer);
            out.extend_from_slice(b",\"detail\":");
            string(out, &violation.message);
            out.push(b'}');
        }
        out.push(b']');
    }
    out.push(b'}');
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            // Also what ends a line in a script or turns the direction of a terminal's text.
            c if c.is_control() || matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}') => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_each_place() {
        let violation = |pointer: &str, message: &str| Violation {
            pointer: pointer.into(),
            keyword: "type",
            schema: String::new(),
            message: message.into(),
        };
        let mut out = Vec::new();
        let list = [violation("/a~1\"b", "must be a string"), violation("query.n", "is needed")];
        write_problem(&mut out, "about:blank", "Unprocessable Content", 422, "2\nplaces", &list);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,\"detail\":\"2\\u000aplaces\",\
             \"errors\":[{\"pointer\":\"/a~1\\\"b\",\"detail\":\"must be a string\"},\
             {\"pointer\":\"query.n\",\"detail\":\"is needed\"}]}"
        );
        assert!(miniserde::json::from_str::<miniserde::json::Value>(&text).is_ok());
    }
}
