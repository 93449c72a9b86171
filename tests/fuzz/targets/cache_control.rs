//! Cache-Control and every other typed field: no bytes make them panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hafir::doors::fields(bytes);
    for name in ["Cache-Control", "ETag", "Range", "Date", "Accept-Language", "Forwarded", "If-None-Match"] {
        if !bytes.contains(&b'\r') {
            hafir::doors::fields(&[name.as_bytes(), b": ", bytes, b"\r\n"].concat());
        }
    }
});
