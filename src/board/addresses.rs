//! `dnsmasq.conf`: which addresses the devices of the Wi-Fi get, and what names mean there.

use std::net::Ipv4Addr;

use crate::config::BoardAddress;

/// Devices at the same time. More than one radio can serve; a bound on what strangers can make dnsmasq remember.
const MOST_LEASES: u32 = 1000;
/// From so many addresses on, some at both ends are left to whoever wants a fixed one.
const LARGE: u32 = 64;
const LEFT_BELOW: u32 = 10;
const LEFT_ABOVE: u32 = 5;

/// The board is a gateway and no router: nothing that a device sends to another address arrives anywhere. So every name means
/// the board, with a link and without one; a page that nobody serves is then refused at once instead of being waited for,
/// and phones find who answers their question for the Internet.
pub(super) fn leases_and_names(board: BoardAddress, hostname: &str, run: &str) -> String {
    let BoardAddress { address, prefix } = board;
    let (first, last) = range(board);
    let (first, last, mask) = (Ipv4Addr::from(first), Ipv4Addr::from(last), Ipv4Addr::from(mask(prefix)));
    let most = (u32::from(last) - u32::from(first)).saturating_add(1).min(MOST_LEASES);
    format!(
        "# Made at each start by 'hafir board prepare'. The interface is told on the command line.\n\
         user=nobody\ngroup=nogroup\npid-file={run}/dnsmasq.pid\n\n\
         dhcp-authoritative\ndhcp-range={first},{last},{mask},12h\ndhcp-lease-max={most}\n\
         dhcp-leasefile={run}/dnsmasq.leases\ndomain=lan\n# No device can give itself a name that others ask for.\n\
         dhcp-ignore-names\nquiet-dhcp\n\n\
         # Nobody else is asked: each name is the board's, and for 0 s, so that nothing is remembered elsewhere.\n\
         no-resolv\nno-hosts\nno-negcache\ncache-size=0\nlocal-ttl=0\nlocal=/#/\n\
         host-record={hostname}.lan,{hostname}.local,{hostname},{address}\naddress=/#/{address}\n\
         # Windows looks this one up, and takes the network for a dead one if it hears anything else.\n\
         address=/dns.msftncsi.com/131.107.255.255\n"
    )
}

/// The first and the last address for others: on the longer side of the board's own.
fn range(board: BoardAddress) -> (u32, u32) {
    let own = u32::from(board.address);
    let hosts = !mask(board.prefix);
    let network = own & !hosts;
    let (below, above) = if hosts >= LARGE - 1 { (LEFT_BELOW, LEFT_ABOVE) } else { (1, 1) };
    let (first, last) = (network.saturating_add(below), network.saturating_add(hosts).saturating_sub(above));
    match own {
        own if own < first || own > last => (first, last),
        own if own - first > last - own => (first, own - 1),
        own => (own + 1, last),
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(prefix))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(address: &str, prefix: u8) -> BoardAddress {
        BoardAddress { address: address.parse().unwrap(), prefix }
    }

    #[test]
    fn devices_get_addresses_beside_that_of_the_board() {
        for (address, prefix, first, last) in [
            ("192.168.4.1", 24, "192.168.4.10", "192.168.4.250"),
            ("192.168.4.254", 24, "192.168.4.10", "192.168.4.250"),
            ("192.168.4.100", 24, "192.168.4.101", "192.168.4.250"),
            ("192.168.4.200", 24, "192.168.4.10", "192.168.4.199"),
            ("192.168.4.250", 24, "192.168.4.10", "192.168.4.249"),
            ("10.0.0.1", 28, "10.0.0.2", "10.0.0.14"),
            ("10.0.0.14", 28, "10.0.0.1", "10.0.0.13"),
            ("10.0.0.1", 26, "10.0.0.10", "10.0.0.58"),
            ("172.16.0.1", 16, "172.16.0.10", "172.16.255.250"),
        ] {
            let (from, to) = range(board(address, prefix));
            let found = (Ipv4Addr::from(from).to_string(), Ipv4Addr::from(to).to_string());
            assert_eq!(found, (first.to_owned(), last.to_owned()), "{address}/{prefix}");
        }
    }

    #[test]
    fn every_network_that_may_be_written_has_room() {
        for prefix in 16..=28 {
            let hosts = !mask(prefix);
            let network = u32::from(Ipv4Addr::new(10, 20, 0, 0)) & mask(prefix);
            for host in (1..hosts).filter(|host| *host < 300 || hosts - host < 300) {
                let own = network + host;
                let (first, last) = range(BoardAddress { address: own.into(), prefix });
                assert!(first <= last && !(first..=last).contains(&own), "{}/{prefix}", Ipv4Addr::from(own));
                assert!(first > network && last < network + hosts, "{}/{prefix}", Ipv4Addr::from(own));
            }
        }
    }

    #[test]
    fn names_of_the_board_and_all_others_lead_to_it() {
        let text = leases_and_names(board("10.0.0.1", 24), "kitgum", "/run/board");
        for line in [
            "host-record=kitgum.lan,kitgum.local,kitgum,10.0.0.1",
            "address=/#/10.0.0.1",
            "local=/#/",
            "dhcp-range=10.0.0.10,10.0.0.250,255.255.255.0,12h",
            "dhcp-leasefile=/run/board/dnsmasq.leases",
            "dhcp-lease-max=241",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(leases_and_names(board("172.16.0.1", 16), "a", "/run").contains("dhcp-lease-max=1000\n"));
    }
}
