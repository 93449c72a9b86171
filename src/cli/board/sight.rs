//! What can be seen of a board: its adapters, its card, its gateway.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;
use rustix::fs::statvfs;

use super::hidden::IN_MEMORY;
use super::words::Places;
use crate::base::Size;
use crate::board::{Card, Gateway, Interface};
use crate::cli::status;
use crate::config::Config;

const INTERFACES: &str = "/sys/class/net";
/// Written by init where the data partition had to be repaired.
const MENDED: &str = "data-mended";

pub(super) fn card(places: &Places) -> Card {
    let found = statvfs(&places.data).ok();
    let size = |blocks: fn(&rustix::fs::StatVfs) -> u64| {
        Size::bytes(found.as_ref().map_or(0, |found| found.f_frsize.saturating_mul(blocks(found))))
    };
    Card {
        size: size(|found| found.f_blocks),
        free: size(|found| found.f_bavail),
        in_memory: places.run.join(IN_MEMORY).exists(),
        mended: places.run.join(MENDED).exists(),
    }
}

/// Sorted by name. The loop and what programs made are left out: they belong to no device.
pub(super) fn interfaces() -> Vec<Interface> {
    let addresses = addresses();
    let found = fs::read_dir(INTERFACES).into_iter().flatten().flatten();
    let mut interfaces: Vec<Interface> = found
        .filter(|entry| entry.path().join("device").exists())
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Interface {
                is_wireless: entry.path().join("phy80211").exists(),
                is_up: line(&entry.path().join("carrier")) == "1",
                addresses: addresses.get(&name).cloned().unwrap_or_default(),
                name,
            }
        })
        .collect();
    interfaces.sort();
    interfaces
}

/// Of each interface, those by which others reach it.
fn addresses() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for interface in getifaddrs().into_iter().flatten() {
        if let Some(address) = interface.address.as_ref().and_then(address).filter(|address| !is_local(address)) {
            found.entry(interface.interface_name).or_default().push(address.to_string());
        }
    }
    found
}

fn address(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

/// Those of one link are of no use in a browser.
fn is_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => *address == Ipv6Addr::LOCALHOST || address.is_unicast_link_local(),
    }
}

pub(super) fn gateway(config: &Config) -> Option<Gateway> {
    let status = status::of(&config.metrics.listen)?;
    let services = status.upstreams.into_iter().map(|upstream| (upstream.route, upstream.up)).collect();
    Some(Gateway {
        services,
        problems: status.problems,
        kept: Size::bytes(status.cache.bytes),
        objects: status.cache.objects,
    })
}

/// A file of the kernel's that holds one line; empty where there is none.
pub(super) fn line(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default().trim_end_matches(['\n', '\0']).to_owned()
}
