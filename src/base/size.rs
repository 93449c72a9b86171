//! Amounts of data and speeds of links.

use std::fmt;

/// An amount of bytes. Units are binary: 1 KB is 1024 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub(crate) struct Size(u64);

impl Size {
    pub(crate) const ZERO: Size = Size(0);

    pub(crate) const fn bytes(count: u64) -> Size {
        Size(count)
    }

    pub(crate) const fn kib(count: u64) -> Size {
        Size(count.saturating_mul(1 << 10))
    }

    pub(crate) const fn mib(count: u64) -> Size {
        Size(count.saturating_mul(1 << 20))
    }

    pub(crate) const fn as_u64(self) -> u64 {
        self.0
    }

    /// The amount as a length in memory; saturates on 32-bit boards.
    pub(crate) fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Prints the largest unit that keeps the value readable: `8 GB`, `1.5 MB`, `312 bytes`.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 4] = [("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)];
        let Some((unit, scale)) = UNITS.into_iter().find(|(_, scale)| self.0 >= *scale) else {
            return write!(f, "{} bytes", self.0);
        };
        let tenths = (u128::from(self.0) * 10 + u128::from(scale) / 2) / u128::from(scale);
        match tenths % 10 {
            0 => write!(f, "{} {unit}", tenths / 10),
            tenth => write!(f, "{}.{tenth} {unit}", tenths / 10),
        }
    }
}

/// The speed of a link in bits per second. Units are decimal: 1 Mbit/s is 1,000,000 bit/s.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct LinkRate(u64);

impl LinkRate {
    pub(crate) const fn bits_per_second(bits: u64) -> LinkRate {
        LinkRate(bits)
    }

    pub(crate) const fn bytes_per_second(self) -> u64 {
        self.0 / 8
    }
}

impl fmt::Display for LinkRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bits if bits >= 1_000_000 && bits % 1_000_000 == 0 => write!(f, "{} Mbit/s", bits / 1_000_000),
            bits if bits >= 1_000 && bits % 1_000 == 0 => write!(f, "{} kbit/s", bits / 1_000),
            bits => write!(f, "{bits} bit/s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_print_as_people_say_them() {
        for (size, text) in [
            (Size::bytes(0), "0 bytes"),
            (Size::bytes(1023), "1023 bytes"),
            (Size::kib(256), "256 KB"),
            (Size::bytes(1_572_864), "1.5 MB"),
            (Size::mib(8192), "8 GB"),
        ] {
            assert_eq!(size.to_string(), text);
        }
    }

    #[test]
    fn link_rates_are_decimal() {
        assert_eq!(LinkRate::bits_per_second(256_000).to_string(), "256 kbit/s");
        assert_eq!(LinkRate::bits_per_second(2_000_000).bytes_per_second(), 250_000);
    }
}
