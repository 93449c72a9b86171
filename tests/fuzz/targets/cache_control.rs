//! Cache-Control and every other typed field: no bytes make them panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hafir::doors::fields(bytes);
    let names = [
        "Cache-Control",
        "CDN-Cache-Control",
        "No-Vary-Search",
        "ETag",
        "Range",
        "Date",
        "Accept",
        "Accept-Language",
        "Forwarded",
        "If-None-Match",
        "Location",
    ];
    for name in names {
        if !bytes.contains(&b'\r') {
            hafir::doors::fields(&[name.as_bytes(), b": ", bytes, b"\r\n"].concat());
        }
    }
});
