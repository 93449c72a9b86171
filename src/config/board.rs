//! What a board is besides a gateway: its Wi-Fi, its name, its clock; and the pages of the gateway itself.
//!
//! Plain data, and how single values are read. Only a board made from the card image does something about `[wifi]` and
//! `[board]`; elsewhere they are read and checked all the same, so that one file fits every machine.

use std::fmt;
use std::net::Ipv4Addr;

use super::problem::{Fault, Report};
use super::section::Given;
use super::table::Kind;

/// IEEE 802.11: the name of a network is at most 32 bytes.
const LONGEST_NETWORK_NAME: usize = 32;
/// A passphrase is 8 to 63 printable ASCII characters (IEEE 802.11, annex J.4).
const PASSPHRASE: std::ops::RangeInclusive<usize> = 8..=63;
/// 2.4 GHz everywhere, and of 5 GHz what may be used indoors nearly everywhere without looking out for radar.
const CHANNELS: [u16; 17] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 36, 40, 44, 48];
/// Smaller networks have no room for a class; larger ones than these 65,534 addresses are no Wi-Fi.
const PREFIXES: std::ops::RangeInclusive<u8> = 16..=28;
const HOST_NAME: &str = "a name of letters, digits and hyphens, as hafir";

/// `[wifi]`: the network that the board offers, and how it reaches the Internet.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct WifiConfig {
    /// Empty: the board offers no Wi-Fi.
    pub(crate) name: String,
    /// Empty: everybody may come.
    pub(crate) passphrase: String,
    /// `None`: each board takes one of those that do not overlap.
    pub(crate) channel: Option<u16>,
    /// ISO 3166 code, upper case; empty where that of `[gateway]` counts.
    pub(crate) country: String,
    pub(crate) address: BoardAddress,
    pub(crate) uplink: Uplink,
    pub(crate) uplink_name: String,
    /// Empty: an open network.
    pub(crate) uplink_passphrase: String,
}

/// The board's own address in the network that it offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BoardAddress {
    pub(crate) address: Ipv4Addr,
    pub(crate) prefix: u8,
}

/// How the board reaches the Internet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Uplink {
    #[default]
    Ethernet,
    /// By a second Wi-Fi adapter.
    Wifi,
}

/// `[board]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BoardConfig {
    /// `hafir` answers as `hafir.lan` and `hafir.local`.
    pub(crate) hostname: String,
    pub(crate) ssh: bool,
    /// Lines as of `authorized_keys`.
    pub(crate) ssh_keys: Vec<String>,
    /// Names or addresses of time servers. Empty: nobody is asked.
    pub(crate) time: Vec<String>,
}

/// `[portal]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PortalConfig {
    pub(crate) probes: Probes,
    /// Whether there is a page at `/` that tells what is here, where no route takes `/`.
    pub(crate) start: bool,
}

/// What phones and laptops are told that ask whether this Wi-Fi leads to the Internet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Probes {
    /// That is for the routes.
    #[default]
    Off,
    /// Yes, so that they stay.
    PretendOnline,
    /// That there is a page to see first.
    Portal,
}

impl Default for BoardAddress {
    fn default() -> BoardAddress {
        BoardAddress { address: Ipv4Addr::new(192, 168, 4, 1), prefix: 24 }
    }
}

/// What is printed of a configuration holds no passphrase.
impl fmt::Debug for WifiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WifiConfig { name, channel, country, address, uplink, uplink_name, .. } = self;
        f.debug_struct("WifiConfig")
            .field("name", name)
            .field("channel", channel)
            .field("country", country)
            .field("address", address)
            .field("uplink", uplink)
            .field("uplink_name", uplink_name)
            .finish_non_exhaustive()
    }
}

pub(super) fn network_name(text: &str) -> Result<String, Fault> {
    if text.len() > LONGEST_NETWORK_NAME || text.chars().any(char::is_control) {
        return Err(Fault::value(text, "a name of at most 32 bytes, as Kitgum Primary School"));
    }
    Ok(text.to_owned())
}

pub(super) fn passphrase(text: &str) -> Result<String, Fault> {
    if PASSPHRASE.contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Ok(text.to_owned());
    }
    Err(Fault::value(text, "8 to 63 letters, digits and signs without accents"))
}

pub(super) fn channel(text: &str) -> Result<Option<u16>, Fault> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    match text.parse() {
        Ok(channel) if CHANNELS.contains(&channel) => Ok(Some(channel)),
        _ => Err(Fault::value(text, "auto, a number from 1 to 13, or 36, 40, 44 or 48")),
    }
}

pub(super) fn board_address(text: &str) -> Result<BoardAddress, Fault> {
    let fault = || Fault::value(text, "a private address and the length of its network, as 192.168.4.1/24");
    let (address, prefix) = text.split_once('/').unwrap_or((text, "24"));
    let address: Ipv4Addr = address.trim().parse().map_err(|_| fault())?;
    let prefix: u8 = prefix.trim().parse().map_err(|_| fault())?;
    if !PREFIXES.contains(&prefix) || !address.is_private() {
        return Err(fault());
    }
    let hosts = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    match u32::from(address) & hosts {
        0 => Err(fault().meant(format!("{}/{prefix}", Ipv4Addr::from(u32::from(address) | 1)))),
        host if host == hosts => Err(fault()),
        _ => Ok(BoardAddress { address, prefix }),
    }
}

/// One label of a domain name (RFC 1035 §2.3.1).
pub(super) fn host_name(text: &str) -> Result<String, Fault> {
    const LONGEST_LABEL: usize = 63;
    let lower = text.to_ascii_lowercase();
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if lower.len() <= LONGEST_LABEL && lower.bytes().all(legal) && !lower.starts_with('-') && !lower.ends_with('-') {
        return Ok(lower);
    }
    let fault = Fault::value(text, HOST_NAME);
    let word = lower.split('.').next().unwrap_or_default();
    Err(if word != lower && !word.is_empty() && word.bytes().all(legal) { fault.meant(word) } else { fault })
}

/// A line as of `authorized_keys`: a type, the key in base64, perhaps a comment. No options before it.
pub(super) fn ssh_key(text: &str) -> Result<String, Fault> {
    const TYPES: [&str; 5] =
        ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];
    let mut words = text.split_ascii_whitespace();
    let is_type = words.next().is_some_and(|word| TYPES.contains(&word));
    let is_base64 = |word: &str| {
        word.len() >= 64 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
    };
    if is_type && words.next().is_some_and(is_base64) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    if text.contains("PRIVATE KEY") {
        return Err(
            Fault::value("", "the public key, from the file that ends in .pub; this is the private one").hushed()
        );
    }
    Err(Fault::value(text, "a public key, as ssh-ed25519 AAAA… anna@laptop"))
}

/// `off`, or a name or an address of a time server.
pub(super) fn time_server(list: &mut Vec<String>, text: &str) -> Result<(), Fault> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(());
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':');
    if text.len() > 253 || !text.bytes().all(legal) {
        return Err(Fault::value(text, "off, or the name or address of a time server, as pool.ntp.org"));
    }
    list.push(text.to_owned());
    Ok(())
}

/// What only several keys together show.
pub(super) fn judge(given: &[Given], wifi: &WifiConfig, board: &BoardConfig, country: &str, report: &mut Report) {
    let section = |kind: Kind| given.iter().find(|given| given.kind == kind);
    let mut missing = |given: &Given, at: &str, key: &str, expected: &str| {
        if !given.is_tried(key) {
            report.add(given.line_or_head(at), &given.title, key, Fault::Missing { expected: expected.to_owned() });
        }
    };
    if let Some(given) = section(Kind::Wifi) {
        if wifi.uplink == Uplink::Wifi && wifi.uplink_name.is_empty() {
            missing(given, "uplink", "uplink.name", "the name of the Wi-Fi that leads to the Internet");
        }
        if !wifi.passphrase.is_empty() && wifi.name.is_empty() {
            missing(given, "passphrase", "name", "the name of the Wi-Fi that the board offers");
        }
        if !wifi.name.is_empty() && wifi.country.is_empty() && country.is_empty() {
            let sentence =
                "is not told: without the two letters of the country the Wi-Fi is as weak as is allowed everywhere";
            report.add(given.line, &given.title, "country", Fault::Note(sentence.into()));
        }
    }
    if let Some(given) = section(Kind::Board).filter(|_| board.ssh && board.ssh_keys.is_empty()) {
        let expected = "the public key of whoever may come, as ssh-ed25519 AAAA…; there are no passwords";
        if !given.is_tried("ssh.key") {
            let fault = Fault::Missing { expected: expected.to_owned() };
            report.add(given.line_or_head("ssh"), &given.title, "ssh.key", fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_a_host_in_a_private_network() {
        assert_eq!(board_address("192.168.4.1/24"), Ok(BoardAddress::default()));
        assert_eq!(board_address("10.1.0.1").map(|board| board.prefix), Ok(24));
        for wrong in ["192.168.4.0/24", "192.168.4.255/24", "8.8.8.8/24", "192.168.4.1/30", "::1/64", "x", ""] {
            assert!(board_address(wrong).is_err(), "{wrong}");
        }
        let Err(Fault::Value { suggestion, .. }) = board_address("10.0.0.0/16") else { panic!() };
        assert_eq!(suggestion.as_deref(), Some("10.0.0.1/16"));
    }

    #[test]
    fn networks_channels_and_names() {
        assert!(network_name(&"é".repeat(16)).is_ok() && network_name(&"é".repeat(17)).is_err());
        assert!(passphrase("12345678").is_ok() && passphrase("1234567").is_err() && passphrase("pässwörter").is_err());
        assert_eq!((channel("auto"), channel("6")), (Ok(None), Ok(Some(6))));
        assert!(channel("14").is_err() && channel("0").is_err());
        assert_eq!(host_name("Kitgum"), Ok("kitgum".into()));
        assert!(host_name("-a").is_err() && host_name("a b").is_err());
        let Err(Fault::Value { suggestion, .. }) = host_name("hafir.lan") else { panic!() };
        assert_eq!(suggestion.as_deref(), Some("hafir"));
    }

    #[test]
    fn keys_of_ssh_are_public_ones() {
        let key = format!("ssh-ed25519 {} anna@laptop", "A".repeat(68));
        assert_eq!(ssh_key(&key), Ok(key.clone()));
        for wrong in ["ssh-ed25519 AAAA", "anna", "-----BEGIN OPENSSH PRIVATE KEY-----", "command=\"x\" ssh-rsa AAAA"] {
            assert!(ssh_key(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn passphrases_are_not_printed() {
        let wifi = WifiConfig {
            passphrase: "mango-tree".into(),
            uplink_passphrase: "baobab-tree".into(),
            ..WifiConfig::default()
        };
        assert!(!format!("{wifi:?}").contains("tree"));
    }
}
