//! Files of the store: no bytes make them panic, and what is believed can be sent.
#![no_main]

use hafir::doors::stored;

/// The key that the seeds of the corpus are kept under.
const KEY: &[u8] = b"http://origin:80/a";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = stored(bytes, KEY, false);
    if let Some((status, fields, _)) = stored(bytes, KEY, true) {
        assert!((200..=999).contains(&status));
        assert!(!fields.contains(&0) && (fields.is_empty() || fields.ends_with(b"\r\n")));
    }
});
