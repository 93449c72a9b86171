//! SHA-256, as lines carry it.

use std::fmt;

use ring::digest;

/// Digits of a hash.
pub(super) const DIGITS: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    pub(super) fn of(bytes: &[u8]) -> Hash {
        Hash::from_ring(&digest::digest(&digest::SHA256, bytes))
    }

    pub(super) fn from_ring(digest: &digest::Digest) -> Hash {
        let mut hash = Hash::default();
        for (to, from) in hash.0.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        hash
    }

    /// Lower-case digits, as [`fmt::Display`] prints them, and nothing else.
    pub(crate) fn parse(digits: &[u8]) -> Option<Hash> {
        if digits.len() != DIGITS {
            return None;
        }
        let mut hash = Hash::default();
        for (byte, pair) in hash.0.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().try_fold(0, |sum: u8, digit| match digit {
                b'0'..=b'9' => Some(sum << 4 | (digit - b'0')),
                b'a'..=b'f' => Some(sum << 4 | (digit - b'a' + 10)),
                _ => None,
            })?;
        }
        Some(hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_sha_256_in_lower_case_digits() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let hash = Hash::of(b"abc");
        assert_eq!(hash.to_string(), text);
        assert_eq!(Hash::parse(text.as_bytes()), Some(hash));
        for bad in [&text[1..], &text.to_uppercase(), &text.replace('b', "g"), ""] {
            assert_eq!(Hash::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
