//! A body's end is known in one way, or the message is refused.
#![no_main]

use hafir::doors;

fn count(fields: &[(Vec<u8>, Vec<u8>)], wanted: &[u8]) -> usize {
    fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).count()
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let message = |first: &[u8]| [first, bytes, b"\r\n\r\n"].concat();
    if let Some(Ok(request)) = doors::request(&message(b"POST / HTTP/1.1\r\nHost: a\r\n"), usize::MAX) {
        let (codings, lengths) =
            (count(&request.fields, b"transfer-encoding"), count(&request.fields, b"content-length"));
        match request.framing.as_deref() {
            Ok("None") => assert_eq!((codings, lengths), (0, 0)),
            Ok("Chunked") => assert_eq!((codings, lengths), (1, 0)),
            Ok(length) => {
                assert_eq!((codings, lengths), (0, 1));
                let digits = length.trim_start_matches("Length(").trim_end_matches(')');
                let field = request.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
                let value = field.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).unwrap_or_default();
                assert!(value.bytes().all(|byte| byte.is_ascii_digit()), "{value}");
                assert_eq!(value.trim_start_matches('0'), digits.trim_start_matches('0'));
            }
            Err(_) => assert!(codings + lengths > 0 || bytes.iter().any(|byte| !byte.is_ascii_alphanumeric())),
        }
    }
    for method in ["GET", "HEAD"] {
        if let Some(Ok(response)) = doors::response(&message(b"HTTP/1.1 200 OK\r\n"), usize::MAX, method) {
            let framing = response.framing.as_deref();
            assert!(method != "HEAD" || matches!(framing, Ok("None") | Err(_)), "{framing:?}");
            let both =
                count(&response.fields, b"transfer-encoding") > 0 && count(&response.fields, b"content-length") > 0;
            assert!(!both || method == "HEAD" || framing.is_err(), "{framing:?}");
        }
    }
});
