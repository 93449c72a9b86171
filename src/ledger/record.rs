//! One copy of a record, with what says which of two copies counts, and whether it is as it was written.

use xxhash_rust::xxh3::Xxh3;

/// The first byte of a sealed record.
const FORMAT: u8 = 1;
/// Format, flags, number, checksum.
const HEAD: usize = 18;
const LAST: u8 = 1;
const GONE: u8 = 2;

/// Of two copies of a record the one with the greater stamp counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(super) struct Stamp {
    /// Nothing but a removal may follow. First in the order.
    pub(super) last: bool,
    /// Grows with each change to the table, so that no two changes share one.
    pub(super) number: u64,
}

/// What is known under a name. Without bytes: it was removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) stamp: Stamp,
    pub(super) bytes: Option<Vec<u8>>,
}

impl Record {
    /// Not stamped yet.
    pub(super) fn of(bytes: Option<&[u8]>) -> Record {
        Record { stamp: Stamp::default(), bytes: bytes.map(<[u8]>::to_vec) }
    }

    /// As the database keeps it.
    pub(super) fn sealed(&self, name: &str) -> Vec<u8> {
        let bytes = self.bytes.as_deref().unwrap_or_default();
        let flags = if self.stamp.last { LAST } else { 0 } | if self.bytes.is_none() { GONE } else { 0 };
        let mut sealed = Vec::with_capacity(HEAD + bytes.len());
        sealed.extend([FORMAT, flags]);
        sealed.extend(self.stamp.number.to_le_bytes());
        sealed.extend(checksum(name, flags, self.stamp.number, bytes).to_le_bytes());
        sealed.extend_from_slice(bytes);
        sealed
    }

    /// `None`: not as it was written under this name, or by a later version of this program.
    pub(super) fn unseal(name: &str, sealed: &[u8]) -> Option<Record> {
        let (format, rest) = sealed.split_first()?;
        let (flags, rest) = rest.split_first()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (sum, bytes) = rest.split_first_chunk()?;
        let number = u64::from_le_bytes(*number);
        let known = *format == FORMAT && *flags & !(LAST | GONE) == 0;
        let whole = known && u64::from_le_bytes(*sum) == checksum(name, *flags, number, bytes);
        let stamp = Stamp { last: flags & LAST != 0, number };
        whole.then(|| Record { stamp, bytes: (flags & GONE == 0).then(|| bytes.to_vec()) })
    }
}

fn checksum(name: &str, flags: u8, number: u64, bytes: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(&(name.len() as u64).to_le_bytes());
    hasher.update(name.as_bytes());
    hasher.update(&[flags]);
    hasher.update(&number.to_le_bytes());
    hasher.update(bytes);
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_bit_and_any_cut_is_noticed() {
        let record = Record { stamp: Stamp { last: true, number: 7 }, bytes: Some(b"clinic".to_vec()) };
        let sealed = record.sealed("k");
        assert_eq!(Record::unseal("k", &sealed), Some(record));
        assert_eq!(Record::unseal("j", &sealed), None);
        for at in 0..sealed.len() {
            assert_eq!(Record::unseal("k", &sealed[..at]), None, "cut at {at}");
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(Record::unseal("k", &changed), None, "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn the_last_state_wins_over_any_number() {
        let stamp = |last, number| Stamp { last, number };
        assert!(stamp(true, 1) > stamp(false, u64::MAX));
        assert!(stamp(false, 2) > stamp(false, 1));
        assert!(stamp(true, 2) > stamp(true, 1));
    }
}
