//! How many connections there may be, in all and of one client.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts connections. Shared by all threads and kept over reloads.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Guards the counts; held for a look-up, never across an await.
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    max: usize,
    per_client: usize,
    open: usize,
    /// Holds no more clients than there are open connections.
    clients: HashMap<IpAddr, usize>,
}

/// The right to keep one connection open. Dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Permit {
    admission: Arc<Admission>,
    client: IpAddr,
}

/// Why a connection is not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// The ceiling of all connections is reached.
    Full,
    /// The ceiling of this client is reached.
    Client,
}

impl Admission {
    pub(crate) fn new(max: usize, per_client: usize) -> Arc<Admission> {
        let counts = Counts { max, per_client, open: 0, clients: HashMap::new() };
        Arc::new(Admission { counts: Mutex::new(counts) })
    }

    /// Other ceilings from now on; connections beyond them stay.
    pub(crate) fn set_ceilings(&self, max: usize, per_client: usize) {
        let mut counts = self.lock();
        counts.max = max;
        counts.per_client = per_client;
    }

    pub(crate) fn admit(self: &Arc<Self>, client: IpAddr) -> Result<Permit, Refused> {
        let client = one_client(client);
        let mut counts = self.lock();
        if counts.open >= counts.max {
            return Err(Refused::Full);
        }
        let of_client = counts.clients.get(&client).copied().unwrap_or(0);
        if of_client >= counts.per_client {
            return Err(Refused::Client);
        }
        counts.clients.insert(client, of_client.saturating_add(1));
        counts.open = counts.open.saturating_add(1);
        Ok(Permit { admission: Arc::clone(self), client })
    }

    fn release(&self, client: IpAddr) {
        let mut counts = self.lock();
        counts.open = counts.open.saturating_sub(1);
        if let Entry::Occupied(mut entry) = counts.clients.entry(client) {
            *entry.get_mut() = entry.get().saturating_sub(1);
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.release(self.client);
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::Full => "the ceiling of all connections is reached",
            Refused::Client => "the ceiling of connections of this client is reached",
        })
    }
}

/// A host with IPv6 has a whole /64 of addresses to choose from, so that is what counts as one client.
fn one_client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ceilings_hold_and_dropping_a_permit_makes_room() {
        let admission = Admission::new(3, 2);
        let first = admission.admit(address("10.0.0.1")).unwrap();
        let _second = admission.admit(address("::ffff:10.0.0.1")).unwrap();
        assert_eq!(admission.admit(address("10.0.0.1")).unwrap_err(), Refused::Client);
        let _third = admission.admit(address("10.0.0.2")).unwrap();
        assert_eq!(admission.admit(address("10.0.0.3")).unwrap_err(), Refused::Full);
        drop(first);
        assert_eq!(admission.lock().open, 2);
        let _again = admission.admit(address("10.0.0.1")).unwrap();
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_client() {
        let admission = Admission::new(10, 1);
        let _held = admission.admit(address("2001:db8:0:1::1")).unwrap();
        assert_eq!(admission.admit(address("2001:db8:0:1:ffff::2")).unwrap_err(), Refused::Client);
        assert!(admission.admit(address("2001:db8:0:2::1")).is_ok());
    }

    #[test]
    fn clients_that_left_or_were_refused_are_forgotten() {
        let admission = Admission::new(10, 1);
        let permit = admission.admit(address("10.0.0.1")).unwrap();
        assert!(admission.admit(address("10.0.0.1")).is_err());
        drop(permit);
        assert_eq!(admission.lock().clients.len(), 0);
        admission.set_ceilings(10, 0);
        assert!(admission.admit(address("10.0.0.1")).is_err());
        assert_eq!(admission.lock().clients.len(), 0);
    }
}
