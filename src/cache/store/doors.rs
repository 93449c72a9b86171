//! The store's hidden door for the fuzzers: see `crate::doors`.

use super::format::{self, SLOT_LEN, Superblock};
use super::record::HeadRecord;
use super::variants::Variants;

/// What a superblock, a head record or a list of variants is read as must be written as the same bytes.
pub(crate) fn stored(bytes: &[u8]) {
    const LOCATION: u128 = 7;
    if let Some(slot) = bytes.first_chunk::<SLOT_LEN>() {
        let sealed = format::seal(*slot);
        if let Some(block) = Superblock::decode(&sealed, LOCATION) {
            let again = Superblock::decode(&block.encode(LOCATION), LOCATION);
            assert!(again == Some(block), "a superblock reads as it was written");
            if let Some(body_len) = block.body_len {
                let _ = (block.layout.chunks(body_len), block.layout.end(body_len), block.end());
            }
        }
    }
    if let Some(record) = HeadRecord::decode(bytes) {
        let again = record.encode().and_then(|bytes| HeadRecord::decode(&bytes));
        assert!(again == Some(record), "a head record reads as it was written");
    }
    let _ = Variants::decode(bytes);
}
