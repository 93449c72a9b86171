//! Ranges of client addresses, as `192.168.4.0/24`, `fd00::/8` or a single address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network in CIDR notation. IPv4 addresses written as IPv4-mapped IPv6 (`::ffff:1.2.3.4`) match IPv4 ranges.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct AddrRange {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is not an address range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AddrRangeError {
    Address,
    Prefix,
    /// Bits are set behind the prefix: `192.168.4.7/24`. Holds the network that was probably meant.
    HostBits(AddrRange),
}

impl AddrRange {
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => masked_v4(address, self.prefix) == network,
            (IpAddr::V6(network), IpAddr::V6(address)) => masked_v6(address, self.prefix) == network,
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for AddrRange {
    type Err = AddrRangeError;

    fn from_str(text: &str) -> Result<AddrRange, AddrRangeError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| AddrRangeError::Address)?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) => digits.parse().map_err(|_| AddrRangeError::Prefix)?,
            None => widest,
        };
        if prefix > widest {
            return Err(AddrRangeError::Prefix);
        }
        let network = match address {
            IpAddr::V4(address) => IpAddr::V4(masked_v4(address, prefix)),
            IpAddr::V6(address) => IpAddr::V6(masked_v6(address, prefix)),
        };
        let range = AddrRange { network, prefix };
        if network == address { Ok(range) } else { Err(AddrRangeError::HostBits(range)) }
    }
}

impl fmt::Display for AddrRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

fn masked_v4(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits() & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0))
}

fn masked_v6(address: Ipv6Addr, prefix: u8) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(range: &str, address: &str) -> bool {
        range.parse::<AddrRange>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn addresses_are_matched_by_prefix() {
        assert!(holds("192.168.4.0/24", "192.168.4.77"));
        assert!(!holds("192.168.4.0/24", "192.168.5.77"));
        assert!(holds("0.0.0.0/0", "8.8.8.8"));
        assert!(!holds("0.0.0.0/0", "::1"));
        assert!(holds("fd00::/8", "fd12::1"));
        assert!(holds("10.0.0.1", "::ffff:10.0.0.1"));
    }

    #[test]
    fn host_bits_name_the_network_meant() {
        let Err(AddrRangeError::HostBits(meant)) = "192.168.4.7/24".parse::<AddrRange>() else {
            panic!("host bits were accepted");
        };
        assert_eq!(meant.to_string(), "192.168.4.0/24");
        assert_eq!("10.0.0.0/33".parse::<AddrRange>(), Err(AddrRangeError::Prefix));
        assert_eq!("school".parse::<AddrRange>(), Err(AddrRangeError::Address));
    }
}
