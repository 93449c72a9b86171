//! Who, or what, has a bucket of its own.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::LazyLock;

/// Drawn anew by each process and told to nobody: without it no two subjects can be found that share a bucket, and none
/// that lie in a chosen set of a table.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A client, an identity, a route: 64 bits by SipHash under a key of this process. Made without allocation, good until
/// the process ends. What outlives the process goes by names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Subject(u64);

/// What a subject is, so that a route and a user of one name are two.
#[derive(Hash)]
enum Sort<'a> {
    Address(u32),
    Network(u64),
    Identity(&'a str, &'a str),
    Route(&'a str),
    Plan(&'a str),
    #[cfg(test)]
    Upstream(&'a str),
    Policy(&'a str, &'a str),
    Everybody,
    Target(&'a [u8]),
}

impl Subject {
    /// An IPv4 address, plain or mapped (RFC 4291 §2.5.5.2), or the /64 of an IPv6 address: a host may take any address
    /// in its network (RFC 8981).
    pub(crate) fn client(address: IpAddr) -> Subject {
        match address.to_canonical() {
            IpAddr::V4(address) => Subject::of(&Sort::Address(address.to_bits())),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                let network = [a, b, c, d].into_iter().fold(0, |network, part| network << 16 | u64::from(part));
                Subject::of(&Sort::Network(network))
            }
        }
    }

    /// Somebody who is known: `kind` is the word of what they were known by, `id` is unique in it.
    pub(crate) fn identity(kind: &str, id: &str) -> Subject {
        Subject::of(&Sort::Identity(kind, id))
    }

    pub(crate) fn route(name: &str) -> Subject {
        Subject::of(&Sort::Route(name))
    }

    pub(crate) fn plan(name: &str) -> Subject {
        Subject::of(&Sort::Plan(name))
    }

    #[cfg(test)]
    pub(crate) fn upstream(name: &str) -> Subject {
        Subject::of(&Sort::Upstream(name))
    }

    /// All together, where a policy counts for nobody in particular.
    pub(crate) fn everybody() -> Subject {
        Subject::of(&Sort::Everybody)
    }

    /// A policy: `of` says where it stands in the configuration.
    pub(super) fn policy(of: &str, name: &str) -> Subject {
        Subject::of(&Sort::Policy(of, name))
    }

    /// What a client asks for.
    pub(super) fn target(bytes: &[u8]) -> Subject {
        Subject::of(&Sort::Target(bytes))
    }

    /// This subject in the realm of another one: a client on a route, an identity under a policy.
    pub(crate) fn within(self, realm: Subject) -> Subject {
        // Both are pseudorandom and secret, so mixing needs no strength; the multiplication keeps it from commuting.
        Subject((self.0 ^ realm.0.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ realm.0)
    }

    pub(super) fn bits(self) -> u64 {
        self.0
    }

    fn of(sort: &Sort<'_>) -> Subject {
        Subject(KEY.hash_one(sort))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn client(text: &str) -> Subject {
        Subject::client(text.parse().unwrap())
    }

    #[test]
    fn addresses_of_one_host_are_one_client() {
        assert_eq!(client("10.0.0.1"), client("::ffff:10.0.0.1"));
        assert_eq!(client("2001:db8:0:1::1"), client("2001:db8:0:1:ffff::2"));
        assert_ne!(client("10.0.0.1"), client("10.0.0.2"));
        assert_ne!(client("2001:db8:0:1::1"), client("2001:db8:0:2::1"));
        assert_ne!(client("0.0.0.1"), client("::1"));
    }

    #[test]
    fn one_name_in_several_sorts_is_several_subjects() {
        let all = [
            Subject::identity("user", "anna"),
            Subject::identity("key", "anna"),
            Subject::identity("useran", "na"),
            Subject::route("anna"),
            Subject::plan("anna"),
            Subject::upstream("anna"),
            Subject::policy("anna", ""),
            Subject::policy("", "anna"),
            Subject::everybody(),
            Subject::target(b"anna"),
            Subject::route("anna").within(Subject::plan("anna")),
            Subject::plan("anna").within(Subject::route("anna")),
            Subject::route("anna").within(Subject::route("anna")),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn many_clients_under_two_policies_are_twice_as_many_subjects() {
        let policies = [Subject::policy("route a", "1"), Subject::policy("route a", "2")];
        let mut seen = HashSet::new();
        for bits in 0..200_000_u32 {
            let client = Subject::client(IpAddr::V4(bits.into()));
            assert!(policies.iter().all(|policy| seen.insert(client.within(*policy))));
        }
    }
}
