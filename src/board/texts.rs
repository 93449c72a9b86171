//! All that the programs beside the gateway are told, each in a file of its own.

use super::{addresses, environment, wireless};
use crate::config::Config;

/// What is known besides the configuration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    /// The file that the gateway is to be started with.
    pub(crate) file: &'a str,
    /// The folder for what lasts until the power goes.
    pub(crate) run: &'a str,
    /// What tells this board from others.
    pub(crate) serial: &'a str,
}

/// One file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Text {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    /// Whether it holds a passphrase.
    pub(crate) is_secret: bool,
}

/// All files, in the order in which they are to be written: `board.env` is last, as whoever reads it starts the others.
pub(crate) fn texts(config: &Config, setting: &Setting<'_>) -> Vec<Text> {
    let wifi = &config.wifi;
    let country = country(config);
    let open = |name, text| Text { name, text, is_secret: false };
    vec![
        Text { name: "hostapd.conf", text: wireless::access_point(wifi, country, setting.serial), is_secret: true },
        Text { name: "wpa_supplicant.conf", text: wireless::uplink(wifi, country), is_secret: true },
        open("dnsmasq.conf", addresses::leases_and_names(wifi.address, &config.board.hostname, setting.run)),
        open("avahi-daemon.conf", announcement(&config.board.hostname)),
        open("authorized_keys", authorized_keys(config)),
        open("board.env", environment::assignments(config, country, setting.file)),
    ]
}

/// The country of the Wi-Fi, or that of the gateway.
pub(super) fn country(config: &Config) -> &str {
    if config.wifi.country.is_empty() { &config.gateway.country } else { &config.wifi.country }
}

/// So that the board is found as HOSTNAME.local on whichever network it is.
fn announcement(hostname: &str) -> String {
    format!(
        "[server]\nhost-name={hostname}\ndomain-name=local\nenable-dbus=no\n\n\
         [wide-area]\nenable-wide-area=no\n\n\
         [publish]\npublish-hinfo=no\npublish-workstation=no\n"
    )
}

fn authorized_keys(config: &Config) -> String {
    let keys = config.board.ssh_keys.iter().filter(|_| config.board.ssh);
    keys.map(|key| format!("{key}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_ssh_count_only_while_it_is_on() {
        let mut config = Config::default();
        config.board.ssh_keys = vec!["ssh-ed25519 AAAA a".into(), "ssh-rsa BBBB b".into()];
        assert_eq!(authorized_keys(&config), "");
        config.board.ssh = true;
        assert_eq!(authorized_keys(&config), "ssh-ed25519 AAAA a\nssh-rsa BBBB b\n");
    }

    #[test]
    fn the_country_of_the_wifi_goes_before_that_of_the_gateway() {
        let mut config = Config::default();
        config.gateway.country = "UG".into();
        assert_eq!(country(&config), "UG");
        config.wifi.country = "KE".into();
        assert_eq!(country(&config), "KE");
    }

    #[test]
    fn only_files_with_passphrases_are_secret() {
        let mut config = Config::default();
        config.wifi.name = "School".into();
        config.wifi.passphrase = "mango-tree".into();
        config.wifi.uplink_name = "Office".into();
        config.wifi.uplink_passphrase = "baobab-tree".into();
        config.wifi.uplink = crate::config::Uplink::Wifi;
        let setting = Setting { file: "/boot/hafir.ini", run: "/run/board", serial: "" };
        for text in texts(&config, &setting) {
            assert_eq!(text.text.contains("-tree"), text.is_secret, "{}", text.name);
        }
    }
}
