//! `hostapd.conf` and `wpa_supplicant.conf`: the Wi-Fi that the board offers, and the one that it joins.

use std::fmt::Write as _;

use crate::config::{Uplink, WifiConfig};

/// The channels of 2.4 GHz that do not overlap.
const APART: [u16; 3] = [1, 6, 11];
/// 5 GHz begins here.
const FIRST_OF_5_GHZ: u16 = 36;

/// WPA2 with CCMP, which every phone since 2006 can. No WPA3 beside it: adapters of boards do not have it as access points,
/// and some phones stay away from networks that offer both.
pub(super) fn access_point(wifi: &WifiConfig, country: &str, serial: &str) -> String {
    let channel = wifi.channel.unwrap_or_else(|| spread(serial));
    let mode = if channel < FIRST_OF_5_GHZ { 'g' } else { 'a' };
    let mut text = format!(
        "# Made at each start by 'hafir board prepare'. The interface is told on the command line.\n\
         driver=nl80211\nssid2={}\nutf8_ssid=1\nhw_mode={mode}\nchannel={channel}\nieee80211n=1\nwmm_enabled=1\n\
         auth_algs=1\n",
        hexadecimal(&wifi.name)
    );
    if !country.is_empty() {
        let _ = write!(text, "country_code={country}\nieee80211d=1\n");
    }
    if !wifi.passphrase.is_empty() {
        let _ = write!(
            text,
            "wpa=2\nwpa_key_mgmt=WPA-PSK\nrsn_pairwise=CCMP\nwpa_passphrase={}\n",
            one_line(&wifi.passphrase)
        );
    }
    text
}

/// The network that leads to the Internet; none where it is reached by cable.
pub(super) fn uplink(wifi: &WifiConfig, country: &str) -> String {
    let mut text = String::from("# Made at each start by 'hafir board prepare'.\n");
    if !country.is_empty() {
        let _ = writeln!(text, "country={country}");
    }
    if wifi.uplink == Uplink::Wifi && !wifi.uplink_name.is_empty() {
        let _ = write!(text, "network={{\n\tssid={}\n\tscan_ssid=1\n", hexadecimal(&wifi.uplink_name));
        match one_line(&wifi.uplink_passphrase).as_str() {
            "" => text.push_str("\tkey_mgmt=NONE\n"),
            // The last quote of the line is the one that closes: those inside need no escape.
            passphrase => {
                let _ = write!(text, "\tkey_mgmt=WPA-PSK SAE\n\tieee80211w=1\n\tpsk=\"{passphrase}\"\n");
            }
        }
        text.push_str("}\n");
    }
    text
}

/// Looking for the quietest channel is more than the drivers of most boards can, and without an answer there would be no
/// Wi-Fi. So boards are spread: each takes one of the three, always the same one.
fn spread(serial: &str) -> u16 {
    let sum = serial.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    let [first, ..] = APART;
    APART.get(sum % APART.len()).copied().unwrap_or(first)
}

/// A name of any bytes, for both programs.
fn hexadecimal(name: &str) -> String {
    name.bytes().fold(String::with_capacity(2 * name.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Passphrases hold printable ASCII alone, which `config` sees to; no line begins here all the same.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: [&str; 7] = [
        "a\nwpa=0",
        "\"; reboot; \"",
        "$(reboot)`x`",
        "\\n\\",
        "École 🎓",
        "# no comment",
        "12345678901234567890123456789012",
    ];

    fn wifi(name: &str, passphrase: &str) -> WifiConfig {
        WifiConfig {
            name: name.into(),
            passphrase: passphrase.into(),
            channel: Some(6),
            uplink: Uplink::Wifi,
            uplink_name: name.into(),
            uplink_passphrase: passphrase.into(),
            ..WifiConfig::default()
        }
    }

    #[test]
    fn a_protected_network_and_an_open_one() {
        let text = access_point(&wifi("École", "mango tree"), "UG", "");
        for line in ["ssid2=c389636f6c65", "hw_mode=g", "country_code=UG", "wpa=2", "wpa_passphrase=mango tree"] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let text = access_point(&WifiConfig { channel: Some(40), ..wifi("a", "") }, "", "");
        assert!(
            text.contains("hw_mode=a\nchannel=40\n") && !text.contains("wpa") && !text.contains("country"),
            "{text}"
        );
    }

    #[test]
    fn without_a_channel_boards_are_spread() {
        let channel = |serial: &str| spread(serial);
        let found: std::collections::BTreeSet<u16> = (0..64).map(|n| channel(&format!("1000000{n:08x}"))).collect();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), APART);
        assert_eq!(channel("a"), channel("a"));
        let text = access_point(&WifiConfig { channel: None, ..wifi("a", "") }, "", "a");
        assert!(text.contains(&format!("channel={}\n", channel("a"))));
    }

    #[test]
    fn the_uplink_is_joined_only_where_it_is_wifi() {
        let text = uplink(&wifi("Office", "pass \"word\""), "UG");
        assert!(text.contains("\tssid=4f6666696365\n") && text.contains("\tpsk=\"pass \"word\"\"\n"), "{text}");
        assert!(uplink(&wifi("Office", ""), "").contains("\tkey_mgmt=NONE\n"));
        let cable = WifiConfig { uplink: Uplink::Ethernet, ..wifi("Office", "mango-tree") };
        assert!(!uplink(&cable, "UG").contains("network"));
    }

    #[test]
    fn no_value_adds_a_line() {
        let calm = wifi("name", "passphrase");
        let lines =
            |wifi: &WifiConfig| (access_point(wifi, "UG", "").lines().count(), uplink(wifi, "UG").lines().count());
        for value in HOSTILE {
            assert_eq!(lines(&wifi(value, value)), lines(&calm), "{value:?}");
            let text = access_point(&wifi(value, "mango-tree"), "UG", "");
            let hex = text.lines().find_map(|line| line.strip_prefix("ssid2=")).unwrap();
            let bytes: Vec<u8> =
                (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
            assert_eq!(bytes, value.as_bytes());
        }
    }
}
