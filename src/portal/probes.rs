//! The questions by which phones and laptops find out whether a network leads to the Internet, and what they want to hear.
//!
//! Each is a GET over plain HTTP for a name that nobody types. Where the makers' source is public (Android and ChromeOS,
//! NetworkManager, Firefox), rows follow it; those of Windows follow Microsoft's documents; those of Apple, Amazon, Nintendo
//! and of the Chinese makers follow what several independent programs that answer or ask them agree on. What only
//! one of them knows is not here.

use crate::config::Probes;

/// What becomes of a probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ProbeAnswer {
    Online(&'static Online),
    /// To the start page.
    Portal,
}

/// The answer of somebody who can be reached over the Internet.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Online {
    pub(crate) status: u16,
    /// `Name: value\r\n` lines.
    pub(crate) lines: &'static str,
    pub(crate) body: &'static str,
}

/// The answer to a `GET` of this host and path, if it is a probe that the gateway answers. Allocates nothing: each request
/// comes by here.
pub(crate) fn probe(mode: Probes, host: &str, path: &str) -> Option<ProbeAnswer> {
    if mode == Probes::Off || LENGTHS >> (host.len() % MOST_LENGTHS) & 1 == 0 {
        return None;
    }
    let row = ROWS.iter().find(|row| row.host.eq_ignore_ascii_case(host) && row.asks(path))?;
    Some(match (mode, row.online) {
        (Probes::PretendOnline, Some(online)) => ProbeAnswer::Online(online),
        _ => ProbeAnswer::Portal,
    })
}

struct Row {
    host: &'static str,
    /// `None`: any. There is nothing else at such a name, and the device makes a path up.
    path: Option<&'static str>,
    /// `None`: not a question but the page that is opened next.
    online: Option<&'static Online>,
}

impl Row {
    fn asks(&self, path: &str) -> bool {
        self.path.is_none_or(|own| own == path)
    }
}

/// Bit by bit, the lengths of the hosts below, modulo [`MOST_LENGTHS`]: nearly every request is for a name that is none of
/// these, and is known by this.
const LENGTHS: u64 = {
    let mut lengths = 0;
    let mut at = 0;
    while at < ROWS.len() {
        lengths |= 1 << (ROWS[at].host.len() % MOST_LENGTHS);
        at += 1;
    }
    lengths
};
const MOST_LENGTHS: usize = u64::BITS as usize;

const fn row(host: &'static str, path: &'static str, online: &'static Online) -> Row {
    Row { host, path: Some(path), online: Some(online) }
}

/// Nothing else is at this host.
const fn whole(host: &'static str, online: &'static Online) -> Row {
    Row { host, path: None, online: Some(online) }
}

/// What a browser is sent to when the answer before was a strange one.
const fn page(host: &'static str, path: &'static str) -> Row {
    Row { host, path: Some(path), online: None }
}

const ROWS: &[Row] = &[
    // Android: NetworkMonitor, its fallbacks, and older versions. It asks over HTTPS as well, which nobody can answer for it.
    row("connectivitycheck.gstatic.com", "/generate_204", &NO_CONTENT),
    row("connectivitycheck.android.com", "/generate_204", &NO_CONTENT),
    row("www.google.com", "/generate_204", &NO_CONTENT),
    row("www.google.com", "/gen_204", &NO_CONTENT),
    row("play.googleapis.com", "/generate_204", &NO_CONTENT),
    row("clients1.google.com", "/generate_204", &NO_CONTENT),
    row("clients3.google.com", "/generate_204", &NO_CONTENT),
    // ChromeOS (shill), and Chrome.
    row("www.gstatic.com", "/generate_204", &NO_CONTENT),
    row("www.googleapis.com", "/generate_204", &NO_CONTENT),
    row("www.play.googleapis.com", "/generate_204", &NO_CONTENT),
    row("safebrowsing.google.com", "/generate_204", &NO_CONTENT),
    // Android of makers with servers of their own.
    row("connectivity.samsung.com.cn", "/generate_204", &NO_CONTENT),
    row("connectivitycheck.platform.hicloud.com", "/generate_204", &NO_CONTENT),
    row("connect.rom.miui.com", "/generate_204", &NO_CONTENT),
    row("wifi.vivo.com.cn", "/generate_204", &NO_CONTENT),
    row("conn1.oppomobile.com", "/generate_204", &NO_CONTENT),
    row("conn2.oppomobile.com", "/generate_204", &NO_CONTENT),
    row("fireoscaptiveportal.com", "/generate_204", &NO_CONTENT),
    // iOS, iPadOS, macOS. The last five are of iOS 7 to 9, which make paths up.
    whole("captive.apple.com", &APPLE),
    row("www.apple.com", "/library/test/success.html", &APPLE),
    whole("www.appleiphonecell.com", &APPLE),
    whole("www.airport.us", &APPLE),
    whole("www.ibook.info", &APPLE),
    whole("www.itools.info", &APPLE),
    whole("www.thinkdifferent.us", &APPLE),
    // Windows: NCSI of 10 and 11, of Vista to 8.1, and Edge. It asks the DNS for dns.msftncsi.com as well.
    row("www.msftconnecttest.com", "/connecttest.txt", &CONNECT_TEST),
    row("ipv6.msftconnecttest.com", "/connecttest.txt", &CONNECT_TEST),
    page("www.msftconnecttest.com", "/redirect"),
    page("ipv6.msftconnecttest.com", "/redirect"),
    row("www.msftncsi.com", "/ncsi.txt", &NCSI),
    row("ipv6.msftncsi.com", "/ncsi.txt", &NCSI),
    row("edge-http.microsoft.com", "/captiveportal/generate_204", &NO_CONTENT),
    // Firefox: the page for whether there is a portal, the text for whether IPv4 and IPv6 work.
    row("detectportal.firefox.com", "/canonical.html", &FIREFOX_PAGE),
    row("detectportal.firefox.com", "/success.txt", &FIREFOX_TEXT),
    // NetworkManager as distributions set it up, and KDE's own.
    row("nmcheck.gnome.org", "/check_network_status.txt", &NETWORK_MANAGER),
    row("network-test.debian.org", "/nm", &NETWORK_MANAGER_LINE),
    row("connectivity-check.ubuntu.com", "/", &NETWORK_MANAGER_EMPTY),
    row("ping.archlinux.org", "/", &ARCH),
    row("ping.archlinux.org", "/nm-check.txt", &NETWORK_MANAGER_LINE),
    row("fedoraproject.org", "/static/hotspot.txt", &OK),
    row("conncheck.opensuse.org", "/", &NETWORK_MANAGER),
    row("networkcheck.kde.org", "/", &OK),
    // Kindle and Echo look for the number alone.
    row("spectrum.s3.amazonaws.com", "/kindle-wifi/wifistub.html", &KINDLE),
    row("spectrum.s3.amazonaws.com", "/kindle-wifi/wifistub-eink.html", &KINDLE),
    // Nintendo Switch.
    row("ctest.cdn.nintendo.net", "/", &NINTENDO),
];

static NO_CONTENT: Online = Online { status: 204, lines: "Cache-Control: no-store\r\n", body: "" };
static APPLE: Online = html("<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>");
static CONNECT_TEST: Online = text("Microsoft Connect Test");
static NCSI: Online = text("Microsoft NCSI");
/// To the letter, without a line's end.
static FIREFOX_PAGE: Online =
    html("<meta http-equiv=\"refresh\" content=\"0;url=https://support.mozilla.org/kb/captive-portal\"/>");
static FIREFOX_TEXT: Online = text("success\n");
/// NetworkManager believes the field without reading on, or else the beginning of the body.
static NETWORK_MANAGER: Online = network_manager(200, "NetworkManager is online");
static NETWORK_MANAGER_LINE: Online = network_manager(200, "NetworkManager is online\n");
static NETWORK_MANAGER_EMPTY: Online = network_manager(204, "");
static ARCH: Online =
    network_manager(200, "This domain is used for connectivity checking (captive portal detection).\n");
static OK: Online = network_manager(200, "OK");
static KINDLE: Online = html("81ce4465-7167-4dcb-835b-dcc9e44c112a\n");
static NINTENDO: Online = Online {
    status: 200,
    lines: "Content-Type: text/plain\r\nCache-Control: no-store\r\nX-Organization: Nintendo\r\n",
    body: "ok",
};

const fn text(body: &'static str) -> Online {
    Online { status: 200, lines: "Content-Type: text/plain\r\nCache-Control: no-store\r\n", body }
}

const fn html(body: &'static str) -> Online {
    Online { status: 200, lines: "Content-Type: text/html\r\nCache-Control: no-store\r\n", body }
}

const fn network_manager(status: u16, body: &'static str) -> Online {
    let lines = match status {
        204 => "X-NetworkManager-Status: online\r\nCache-Control: no-store\r\n",
        _ => "X-NetworkManager-Status: online\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n",
    };
    Online { status, lines, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pretended(host: &str, path: &str) -> Option<(u16, &'static str)> {
        match probe(Probes::PretendOnline, host, path)? {
            ProbeAnswer::Online(online) => Some((online.status, online.body)),
            ProbeAnswer::Portal => Some((302, "")),
        }
    }

    #[test]
    fn devices_hear_what_they_want() {
        for (host, path, expected) in [
            ("connectivitycheck.gstatic.com", "/generate_204", Some((204, ""))),
            ("ConnectivityCheck.GSTATIC.com", "/generate_204", Some((204, ""))),
            ("www.google.com", "/gen_204", Some((204, ""))),
            ("www.google.com", "/", None),
            ("www.google.com", "/search", None),
            ("captive.apple.com", "/hotspot-detect.html", Some((200, APPLE.body))),
            ("www.itools.info", "/x/y.html", Some((200, APPLE.body))),
            ("www.apple.com", "/", None),
            ("www.msftconnecttest.com", "/connecttest.txt", Some((200, "Microsoft Connect Test"))),
            ("www.msftconnecttest.com", "/redirect", Some((302, ""))),
            ("www.msftncsi.com", "/ncsi.txt", Some((200, "Microsoft NCSI"))),
            ("detectportal.firefox.com", "/success.txt", Some((200, "success\n"))),
            ("connectivity-check.ubuntu.com", "/", Some((204, ""))),
            ("hafir.lan", "/generate_204", None),
            ("hafir.lan", "/", None),
            ("", "/", None),
        ] {
            assert_eq!(pretended(host, path), expected, "{host}{path}");
        }
    }

    #[test]
    fn each_row_can_be_found_and_is_written_once() {
        for (at, row) in ROWS.iter().enumerate() {
            let path = row.path.unwrap_or("/x");
            for (mode, portal) in [(Probes::PretendOnline, row.online.is_none()), (Probes::Portal, true)] {
                let found = probe(mode, &row.host.to_ascii_uppercase(), path).unwrap();
                assert_eq!(found == ProbeAnswer::Portal, portal, "{}{path}", row.host);
            }
            assert_eq!(probe(Probes::Off, row.host, path), None);
            assert_eq!(ROWS.iter().position(|other| other.host == row.host && other.path == row.path), Some(at));
            assert!(row.host.bytes().all(|byte| !byte.is_ascii_uppercase()));
        }
    }

    #[test]
    fn answers_can_be_written_and_are_kept_by_nobody() {
        for online in ROWS.iter().filter_map(|row| row.online) {
            assert_eq!(online.status == 204, online.body.is_empty(), "{online:?}");
            assert_eq!(online.status == 200, online.lines.contains("Content-Type: "), "{online:?}");
            assert!(online.lines.contains("Cache-Control: no-store\r\n") && online.lines.ends_with("\r\n"));
        }
    }
}
