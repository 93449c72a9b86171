//! What the gateway says by itself where no route is asked: to crawlers, to devices that ask for the Internet, and to people
//! who come to its front door.

use std::net::{IpAddr, SocketAddr};

use crate::portal::robots_txt;

use super::connection::Connection;
use super::plan::Request;
use super::refusal::Spoken;
use super::refuse::Page;
use super::{Gateway, Worker, start};
use crate::transform::Client;

const HTTP: u16 = 80;

pub(super) fn page(
    worker: &Worker,
    gateway: &Gateway,
    connection: &Connection,
    request: &Request<'_>,
    spoken: Spoken,
) -> Page {
    match spoken {
        Spoken::Robots { allowed } => {
            let lines =
                "Content-Type: text/plain; charset=utf-8\r\nCache-Control: public, max-age=86400\r\n".to_owned();
            Page { status: 200, lines, body: robots_txt(allowed).to_owned() }
        }
        Spoken::Online(online) => {
            Page { status: online.status, lines: online.lines.to_owned(), body: online.body.to_owned() }
        }
        Spoken::Start => {
            let (trusted, arrival) = (&gateway.config.gateway.trusted_proxies, connection.arrival);
            let client = Client::of(request.fields, arrival.peer, arrival.secure, trusted);
            start::page(gateway, &worker.process, request, client.address)
        }
        Spoken::ToStart => {
            let arrived = connection.stream.local_address().ok().filter(|_| !connection.arrival.secure);
            let start = start_of(&gateway.config.board.hostname, arrived);
            Page {
                status: 302,
                lines: format!("Location: {start}\r\nCache-Control: no-store\r\n"),
                body: String::new(),
            }
        }
    }
}

/// Where the start page is. The address that the client came to, as it leads back here whatever the client's DNS says;
/// where that is no address for others (TLS, somebody in front, a link of IPv6), the board's name.
fn start_of(hostname: &str, arrived: Option<SocketAddr>) -> String {
    let is_usable = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unspecified() && !ip.is_unicast_link_local(),
    };
    let arrived = arrived.map(|at| SocketAddr::new(at.ip().to_canonical(), at.port()));
    match arrived.filter(|at| is_usable(at.ip())) {
        None => format!("http://{hostname}.lan/"),
        Some(SocketAddr::V6(at)) if at.port() == HTTP => format!("http://[{}]/", at.ip()),
        Some(at) if at.port() == HTTP => format!("http://{}/", at.ip()),
        Some(at) => format!("http://{at}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_sent_to_where_they_came() {
        for (arrived, location) in [
            ("192.168.4.1:80", "http://192.168.4.1/"),
            ("[::ffff:192.168.4.1]:80", "http://192.168.4.1/"),
            ("10.0.0.7:8080", "http://10.0.0.7:8080/"),
            ("[fd00::1]:80", "http://[fd00::1]/"),
            ("[fe80::1]:80", "http://kitgum.lan/"),
            ("127.0.0.1:8080", "http://kitgum.lan/"),
        ] {
            assert_eq!(start_of("kitgum", arrived.parse().ok()), location, "{arrived}");
        }
        assert_eq!(start_of("kitgum", None), "http://kitgum.lan/");
    }
}
