//! Any bytes are a schema or not, and any others fit it or not, in bounded work and the same however they arrive. A NUL
//! stands between them; the first byte is the length of the pieces.
#![no_main]

use hafir::doors;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((piece, rest)) = bytes.split_first() else { return };
    let middle = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let (schema, body) = rest.split_at(middle);
    let body = body.get(1..).unwrap_or_default();
    let ended = doors::content(schema, body, usize::from(*piece));
    if schema == b"true" {
        assert_ne!(ended, "body-against-schema");
    }
});
