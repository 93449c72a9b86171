//! One round of questions to time servers. It waits for names and answers, so it has a thread of its own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

use crate::base::BUILT;
use crate::board::{NTP_PORT, Refused, Sample, question, read_answer};
use crate::net::Clock;

/// Four servers outvote one that is false, also if one of them is silent.
const MOST_ASKED: usize = 4;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Packets that are no answer to the question; more are a flood, and the server counts as silent.
const MOST_FOREIGN: usize = 16;
/// What a time server sends is 48 bytes, or 68 with a code of authenticity; the rest is cut off.
const PACKET_ROOM: usize = 128;
/// The system's resolver wants some room.
const STACK: usize = 256 * 1024;

/// What came of a round.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// How many servers the names led to.
    pub(super) servers: usize,
    pub(super) answers: Vec<Answer>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) name: String,
    pub(super) server: SocketAddr,
    /// `None`: it was silent.
    pub(super) told: Result<Sample, Option<Refused>>,
}

impl Round {
    /// Asks a few servers, in a thread. `shunned` ones are passed over, `silent` ones asked only where others are too few.
    pub(super) fn begin(
        clock: Arc<Clock>,
        names: Vec<String>,
        shunned: Vec<SocketAddr>,
        silent: Vec<SocketAddr>,
    ) -> io::Result<JoinHandle<Round>> {
        let thread = std::thread::Builder::new().name("time".to_owned()).stack_size(STACK);
        thread.spawn(move || Round::ask(&clock, &names, &shunned, &silent))
    }

    fn ask(clock: &Clock, names: &[String], shunned: &[SocketAddr], silent: &[SocketAddr]) -> Round {
        let mut servers = servers_of(names);
        servers.sort_by_key(|(_, server)| silent.contains(server));
        let mut answers = Vec::new();
        for (name, server) in servers.iter().filter(|(_, server)| !shunned.contains(server)) {
            if answers.len() == MOST_ASKED {
                break;
            }
            // An address of a family that the board has no way to.
            let Ok(socket) = connect(*server) else { continue };
            let told = ask(&socket, clock);
            answers.push(Answer { name: name.clone(), server: *server, told });
        }
        Round { servers: servers.len(), answers }
    }
}

/// The first address of each name, then the second of each, and so on: names mostly stand for different people.
fn servers_of(names: &[String]) -> Vec<(String, SocketAddr)> {
    let resolved: Vec<(&String, Vec<SocketAddr>)> = names.iter().map(|name| (name, resolve(name))).collect();
    let longest = resolved.iter().map(|(_, servers)| servers.len()).max().unwrap_or(0);
    let mut found: Vec<(String, SocketAddr)> = Vec::new();
    for rank in 0..longest {
        for (name, servers) in &resolved {
            if let Some(server) = servers.get(rank).filter(|server| found.iter().all(|(_, other)| other != *server)) {
                found.push(((*name).clone(), *server));
            }
        }
    }
    found
}

/// A name that leads nowhere has no addresses. With a port or without.
fn resolve(name: &str) -> Vec<SocketAddr> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return vec![SocketAddr::new(address, NTP_PORT)];
    }
    let (host, port) = match name.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        Some((host, Ok(port))) => (host, port),
        Some((_, Err(_))) | None => (name, NTP_PORT),
    };
    (host, port).to_socket_addrs().map(Iterator::collect).unwrap_or_default()
}

/// From a port of its own, which a forger would have to guess besides the number. Only what `server` sends arrives.
fn connect(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    Ok(socket)
}

fn ask(socket: &UdpSocket, clock: &Clock) -> Result<Sample, Option<Refused>> {
    let number = random().ok_or(None)?;
    let sent = clock.mono();
    socket.send(&question(number)).map_err(|_| None)?;
    let mut packet = [0; PACKET_ROOM];
    for _ in 0..MOST_FOREIGN {
        let left = PATIENCE.checked_sub(clock.mono().since(sent)).filter(|left| !left.is_zero()).ok_or(None)?;
        socket.set_read_timeout(Some(left)).map_err(|_| None)?;
        let length = socket.recv(&mut packet).map_err(|_| None)?;
        match read_answer(packet.get(..length).unwrap_or_default(), number, sent, clock.mono(), BUILT) {
            Err(Refused::Foreign) => {}
            told => return told.map_err(Some),
        }
    }
    Err(None)
}

fn random() -> Option<u64> {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(u64::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_with_a_port_or_without() {
        let first = |name: &str| resolve(name).first().map(ToString::to_string);
        assert_eq!(first("192.0.2.1").as_deref(), Some("192.0.2.1:123"));
        assert_eq!(first("192.0.2.1:1123").as_deref(), Some("192.0.2.1:1123"));
        assert_eq!(first("2001:db8::1").as_deref(), Some("[2001:db8::1]:123"));
        assert_eq!(first("no such name:123"), None);
        assert_eq!(first(""), None);
    }

    #[test]
    fn the_same_server_under_two_names_is_one() {
        let names = ["192.0.2.1", "192.0.2.2:123", "192.0.2.1:123"].map(str::to_owned);
        assert_eq!(servers_of(&names).len(), 2);
    }
}
