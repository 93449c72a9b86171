//! A coded body is the same however its bytes arrive and however they are taken, in every coding.
#![no_main]

use hafir::doors;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let whole = doors::coded(coding, bytes, usize::MAX, 1 << 16);
        for (piece, max_out) in [(1, 1 << 16), (7, 1 << 10)] {
            let pieces = doors::coded(coding, bytes, piece, max_out);
            assert_eq!(whole, pieces, "{coding} in pieces of {piece}, portions of {max_out}");
        }
    }
});
