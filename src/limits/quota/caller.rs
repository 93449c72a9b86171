//! Who is counted, by a name that outlives the process.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::limits::Subject;

/// Of an id: longer ones are counted by their beginning, so that nobody's name fills the table.
pub(super) const LONGEST: usize = 256;

/// Somebody, by the name under which counters are kept: `key/ID`, `user/anna`, `address/192.168.4.7`,
/// `address/2001:db8:0:1::/64`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Caller<'a> {
    /// `kind` is the word of what somebody was known by, `id` is unique in it.
    Known { kind: &'a str, id: &'a str },
    /// An IPv4 address, or the /64 of an IPv6 address.
    Address(IpAddr),
    /// Those who found no place in the table, a part of them together: `others/address-7`.
    Others(Sort, u8),
}

/// Those who are known and those who are not share no counters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Sort {
    Known,
    Address,
}

/// The same, owned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Who {
    Known { text: Box<str>, kind: u8 },
    Address(IpAddr),
    Others(Sort, u8),
}

impl<'a> Caller<'a> {
    /// The form in which callers are compared.
    pub(super) fn normal(self) -> Caller<'a> {
        match self {
            Caller::Known { kind, id } => Caller::Known { kind: beginning(kind, 16), id: beginning(id, LONGEST) },
            Caller::Address(address) => Caller::Address(match address.to_canonical() {
                IpAddr::V4(address) => IpAddr::V4(address),
                IpAddr::V6(address) => IpAddr::V6(network(address)),
            }),
            Caller::Others(..) => self,
        }
    }

    /// Reads a name.
    pub(super) fn parse(text: &'a str) -> Option<Caller<'a>> {
        let (kind, id) = text.split_once('/')?;
        match kind {
            "address" => id.strip_suffix("/64").unwrap_or(id).parse().ok().map(Caller::Address),
            "others" => {
                let (sort, number) = id.split_once('-')?;
                let sort = [Sort::Known, Sort::Address].into_iter().find(|known| known.word() == sort)?;
                number.parse().ok().map(|number| Caller::Others(sort, number))
            }
            _ => Some(Caller::Known { kind, id }),
        }
    }

    /// Of a caller in normal form.
    pub(super) fn subject(self) -> Subject {
        match self {
            Caller::Known { kind, id } => Subject::identity(kind, id),
            Caller::Address(address) => Subject::client(address),
            Caller::Others(Sort::Known, part) => Subject::policy("known others", part_name(part)),
            Caller::Others(Sort::Address, part) => Subject::policy("other addresses", part_name(part)),
        }
    }

    pub(super) fn sort(self) -> Sort {
        match self {
            Caller::Known { .. } => Sort::Known,
            Caller::Address(_) => Sort::Address,
            Caller::Others(sort, _) => sort,
        }
    }

    pub(super) fn to_owned(self) -> Who {
        match self {
            Caller::Known { kind, id } => {
                Who::Known { text: format!("{kind}/{id}").into(), kind: u8::try_from(kind.len()).unwrap_or(0) }
            }
            Caller::Address(address) => Who::Address(address),
            Caller::Others(sort, number) => Who::Others(sort, number),
        }
    }
}

impl Who {
    pub(super) fn caller(&self) -> Caller<'_> {
        match self {
            Who::Known { text, kind } => {
                let (kind, id) = text.split_at_checked(usize::from(*kind)).unwrap_or(("", text));
                Caller::Known { kind, id: id.strip_prefix('/').unwrap_or(id) }
            }
            Who::Address(address) => Caller::Address(*address),
            Who::Others(sort, number) => Caller::Others(*sort, *number),
        }
    }
}

impl Sort {
    fn word(self) -> &'static str {
        match self {
            Sort::Known => "known",
            Sort::Address => "address",
        }
    }
}

impl fmt::Display for Caller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.normal() {
            Caller::Known { kind, id } => write!(f, "{kind}/{id}"),
            Caller::Address(IpAddr::V4(address)) => write!(f, "address/{address}"),
            Caller::Address(IpAddr::V6(address)) => write!(f, "address/{address}/64"),
            Caller::Others(sort, number) => write!(f, "others/{}-{number}", sort.word()),
        }
    }
}

/// A text for each part.
fn part_name(part: u8) -> &'static str {
    const NAMES: [&str; 16] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"];
    NAMES.get(usize::from(part)).unwrap_or(&"")
}

/// A host may take any address in its /64 (RFC 8981).
fn network(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))
}

fn beginning(text: &str, longest: usize) -> &str {
    if text.len() <= longest {
        return text;
    }
    let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Caller<'static> {
        Caller::Address(text.parse().unwrap())
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for (caller, name) in [
            (Caller::Known { kind: "key", id: "k7f3" }, "key/k7f3"),
            (Caller::Known { kind: "token", id: "school/anna/x" }, "token/school/anna/x"),
            (Caller::Known { kind: "user", id: "" }, "user/"),
            (address("192.168.4.7"), "address/192.168.4.7"),
            (address("::ffff:192.168.4.7"), "address/192.168.4.7"),
            (address("2001:db8:0:1:2::3"), "address/2001:db8:0:1::/64"),
            (Caller::Others(Sort::Address, 7), "others/address-7"),
        ] {
            assert_eq!(caller.to_string(), name);
            assert_eq!(Caller::parse(name).unwrap().normal(), caller.normal());
            assert_eq!(caller.normal().to_owned().caller(), caller.normal());
        }
        for nonsense in ["", "key", "address/", "address/x", "others/x-1", "others/known-256"] {
            assert_eq!(Caller::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let id = "é".repeat(400);
        let Caller::Known { id, .. } = (Caller::Known { kind: "token", id: &id }).normal() else { panic!() };
        assert_eq!(id.len(), LONGEST);
        let id = format!("x{id}");
        let Caller::Known { id, .. } = (Caller::Known { kind: "token", id: &id }).normal() else { panic!() };
        assert_eq!(id.len(), LONGEST - 1);
    }
}
