//! Any bytes are a configuration or a list of problems; what is taken reads the same when it is written out.
#![no_main]

use hafir::doors;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match doors::ini(bytes) {
        Ok(text) => {
            let again = doors::ini(text.as_bytes());
            assert_eq!(again.as_deref(), Ok(text.as_str()), "what is in force, written out");
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(problem.starts_with("hafir.ini"), "{problem}");
                assert!(!problem.chars().any(char::is_control), "{problem:?}");
            }
        }
    }
});
