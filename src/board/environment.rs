//! `board.env`: what the card's init needs to know, as assignments of the shell.

use std::fmt::Write as _;

use crate::config::{Config, Uplink};

pub(super) fn assignments(config: &Config, country: &str, file: &str) -> String {
    let on = |value: bool| if value { "on" } else { "off" };
    let (wifi, board) = (&config.wifi, &config.board);
    let uplink = match wifi.uplink {
        Uplink::Ethernet => "ethernet",
        Uplink::Wifi => "wifi",
    };
    let mut text = String::new();
    for (name, value) in [
        ("FILE", file),
        ("HOSTNAME", &board.hostname),
        ("WIFI", on(!wifi.name.is_empty())),
        ("ADDRESS", &wifi.address.address.to_string()),
        ("PREFIX", &wifi.address.prefix.to_string()),
        ("UPLINK", uplink),
        ("COUNTRY", country),
        ("SSH", on(board.ssh && !board.ssh_keys.is_empty())),
    ] {
        let _ = writeln!(text, "HAFIR_{name}={}", quoted(value));
    }
    text
}

/// One word of the shell, whatever it holds: inside of single quotes only the single quote itself means something.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\0', "").replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_one_word_of_the_shell() {
        for (value, expected) in [
            ("/boot/hafir.ini", "'/boot/hafir.ini'"),
            ("/boot/hafir (1).ini", "'/boot/hafir (1).ini'"),
            ("a'; reboot; '", r"'a'\''; reboot; '\'''"),
            ("$(x) `y` \\ \"z\"", "'$(x) `y` \\ \"z\"'"),
            ("two\nlines", "'two\nlines'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(value), expected);
        }
    }

    #[test]
    fn what_is_not_told_has_its_default() {
        let mut config = Config::default();
        config.board.hostname = "hafir".into();
        assert_eq!(
            assignments(&config, "", "/boot/hafir.ini"),
            "HAFIR_FILE='/boot/hafir.ini'\nHAFIR_HOSTNAME='hafir'\nHAFIR_WIFI='off'\nHAFIR_ADDRESS='192.168.4.1'\n\
             HAFIR_PREFIX='24'\nHAFIR_UPLINK='ethernet'\nHAFIR_COUNTRY=''\nHAFIR_SSH='off'\n"
        );
    }
}
