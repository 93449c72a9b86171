//! A chunked body is the same however its bytes arrive, and ends where a slow, plain reading of RFC 9112 §7.1 ends it.
#![no_main]

use hafir::doors;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let whole = doors::chunked(bytes, usize::MAX);
    for piece in [1, 3] {
        let pieces = doors::chunked(bytes, piece);
        assert_eq!(whole.is_ok(), pieces.is_ok(), "in pieces of {piece}");
        if let (Ok(whole), Ok(pieces)) = (&whole, &pieces) {
            assert_eq!(whole, pieces, "in pieces of {piece}");
        }
    }
    let Ok(body) = whole else { return };
    let Some(end) = body.end else { return };
    assert_eq!(
        plainly(&bytes[..end]).as_deref(),
        Some(&body.data[..]),
        "{:?}",
        bytes[..end].escape_ascii().to_string()
    );
    for (name, _) in &body.trailers {
        for framing in [&b"content-length"[..], b"transfer-encoding", b"host", b"authorization", b"set-cookie"] {
            assert!(!name.eq_ignore_ascii_case(framing));
        }
    }
});

/// The data of a whole chunked body.
fn plainly(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let line = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let digits = bytes[..line].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..digits]).ok()?, 16).ok()?;
        bytes = &bytes[line + 2..];
        if size == 0 {
            return Some(data);
        }
        data.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size..)?.strip_prefix(b"\r\n")?;
    }
}
