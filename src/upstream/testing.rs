//! Groups that lead to peers on loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::net;

use crate::base::Wall;
use crate::config::{UpstreamConfig, UpstreamUrl};
use crate::http::{BodyFraming, HeadLimits, Method, OwnedResponse};
use crate::net::testing::{PATIENCE, patient_meter, read_head};
use crate::net::{BodyError, Clock};
use crate::upstream::exchange::ResponseBody;
use crate::upstream::{Answer, ExchangeError, Group, Lease, Upstreams, Want, exchange};

pub(super) fn config() -> UpstreamConfig {
    UpstreamConfig {
        connections: 4,
        connect: PATIENCE,
        first_byte: PATIENCE,
        idle: PATIENCE,
        keep: PATIENCE,
        ..UpstreamConfig::default()
    }
}

pub(super) fn url(address: SocketAddr) -> UpstreamUrl {
    UpstreamUrl { tls: false, host: address.ip().to_string(), port: address.port(), path: String::new() }
}

pub(super) fn clock() -> Arc<Clock> {
    Clock::start(Wall::default())
}

pub(super) fn group(addresses: &[SocketAddr]) -> (Arc<Upstreams>, Arc<Group>) {
    let upstreams = Upstreams::new(clock());
    let urls: Vec<UpstreamUrl> = addresses.iter().copied().map(url).collect();
    let group = upstreams.group(&urls, &config());
    (upstreams, group)
}

/// An address where nobody listens; held, so that nobody else does.
pub(super) struct Nobody {
    pub(super) address: SocketAddr,
    _socket: OwnedFd,
}

impl Nobody {
    pub(super) fn new() -> Nobody {
        let socket = net::socket(net::AddressFamily::INET, net::SocketType::STREAM, None).unwrap();
        net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = net::getsockname(&socket).unwrap().try_into().unwrap();
        Nobody { address, _socket: socket }
    }
}

/// Why [`ask`] brought no whole answer.
#[derive(Debug)]
pub(super) enum Wrong {
    Exchange(ExchangeError),
    Body(BodyError),
}

/// Sends a request without a body on a lease.
pub(super) async fn send(lease: &mut Lease, method: &str) -> Result<(), ExchangeError> {
    let head = format!("{method} / HTTP/1.1\r\nHost: origin\r\n\r\n");
    exchange::send(lease, head.as_bytes(), BodyFraming::None, &mut patient_meter()).await
}

/// The final head, after however many interim ones.
pub(super) async fn final_head(
    lease: &mut Lease,
    method: &str,
) -> Result<(OwnedResponse, BodyFraming, usize), ExchangeError> {
    let mut interim = 0;
    loop {
        let limits = HeadLimits::default();
        match exchange::response_head(lease, Method::from_name(method), &limits, PATIENCE).await? {
            Answer::Interim(_) => interim += 1,
            Answer::Final(head, framing) => return Ok((head, framing, interim)),
        }
    }
}

/// One whole exchange.
pub(super) async fn ask(lease: &mut Lease, method: &str) -> Result<(u16, Vec<u8>), Wrong> {
    send(lease, method).await.map_err(Wrong::Exchange)?;
    let (head, framing, _) = final_head(lease, method).await.map_err(Wrong::Exchange)?;
    let mut body = ResponseBody::new(framing, PATIENCE);
    let mut all = Vec::new();
    while let Some(piece) = body.next(lease).await.map_err(Wrong::Body)? {
        all.extend_from_slice(piece);
    }
    Ok((head.status, all))
}

pub(super) async fn lease(group: &Group) -> Lease {
    group.lease(Want::Any).await.unwrap()
}

/// A script for [`crate::net::testing::peer`]: answers one request after the other on one connection, then waits for
/// the gateway to close it.
pub(super) fn answers(answers: &'static [&'static [u8]]) -> Box<dyn FnOnce(TcpStream) + Send> {
    Box::new(move |mut socket| {
        for answer in answers {
            read_head(&mut socket);
            socket.write_all(answer).unwrap();
        }
        let _ = socket.read_to_end(&mut Vec::new());
    })
}
