//! A head is understood the same way however its bytes arrive, and what is understood can be sent.
#![no_main]

use hafir::doors;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let whole = doors::request(bytes, usize::MAX);
    for piece in [1, 7] {
        let pieces = doors::request(bytes, piece);
        match (&whole, &pieces) {
            // What is refused may be refused earlier, and then for what was seen first.
            (Some(Err(_)), Some(Err(_))) => {}
            // A limit may end a head in pieces that would have been refused for something else as a whole.
            (None, Some(Err(_))) => panic!("refused in pieces of {piece}, waited for as a whole"),
            _ => assert_eq!(whole, pieces, "in pieces of {piece}"),
        }
    }
    let Some(Ok(request)) = whole else { return };
    assert!(request.len <= bytes.len());
    for (name, value) in &request.fields {
        assert!(!name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b':'));
        assert!(!value.iter().any(|byte| b"\r\n\0".contains(byte)), "{value:?}");
    }
    if let Ok((path, query)) = &request.target {
        assert!(path == "*" || path.starts_with('/'), "{path}");
        assert!(path.bytes().chain(query.iter().flat_map(|query| query.bytes())).all(|byte| byte.is_ascii_graphic()));
        assert!(request.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"host")).count() <= 1);
    }
});
