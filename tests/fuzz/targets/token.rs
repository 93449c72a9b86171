//! Tokens, keys and what providers say: nothing panics, nothing unsigned counts, what is taken is bounded.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _is_json = hafir::doors::json(bytes);
    assert!(!hafir::doors::token(bytes), "a token counts that nobody signed");
    let Some(line) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let (header, claims) = (&bytes[..line], &bytes[line + 1..]);
    let Some((id, texts)) = hafir::doors::signed_token(header, claims) else { return };
    assert!(id.starts_with("keys/") && id.len() > 5);
    assert!(texts.len() <= 64 + 2 + 32 * 17, "{} texts", texts.len());
    for text in texts.iter().chain([&id]) {
        assert!(text.len() <= 300 && !text.chars().any(char::is_control), "{text:?}");
    }
});
