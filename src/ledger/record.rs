//! One copy of a record, with what says which of two copies counts.

/// Of two copies of a record the one with the greater stamp counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub(super) struct Stamp {
    /// Nothing but a removal may follow. First in the order.
    pub(super) last: bool,
    /// Grows with each change to the journal, so that no two changes share one.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_state_wins_over_any_number() {
        let stamp = |last, number| Stamp { last, number };
        assert!(stamp(true, 1) > stamp(false, u64::MAX));
        assert!(stamp(false, 2) > stamp(false, 1));
        assert!(stamp(true, 2) > stamp(true, 1));
    }
}
