//! Files of the store: no bytes make them panic, and what is believed is what would be written.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hafir::doors::stored(bytes));
