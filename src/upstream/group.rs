//! The upstreams of a route, in the order in which they are tried.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::base::Mono;
use crate::config::{UpstreamConfig, UpstreamUrl};
use crate::net::Clock;
use crate::upstream::health::Standing;
use crate::upstream::peer::{Identity, Peer};
use crate::upstream::{Failure, Lease, Names, Unavailable};

/// All upstreams of the process. Survives reloads, and with it pools, health and names.
pub(crate) struct Upstreams {
    clock: Arc<Clock>,
    names: Arc<Names>,
    /// Guards the table while groups are made; it holds no more peers than there are groups alive.
    peers: Mutex<HashMap<Identity, Weak<Peer>>>,
}

/// The upstreams of one route.
pub(crate) struct Group {
    members: Vec<Arc<Member>>,
    clock: Arc<Clock>,
}

/// An upstream as one route sees it.
pub(super) struct Member {
    pub(super) url: UpstreamUrl,
    pub(super) peer: Arc<Peer>,
}

/// Which connection will do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Want {
    /// One from the pool, or a new one.
    Any,
    /// A new one: the one from the pool was stale.
    New,
}

/// One upstream, for the status page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PeerStatus {
    /// `https://name:port`
    pub(crate) origin: String,
    /// Connections in use.
    pub(crate) leased: usize,
    /// Connections in the pool.
    pub(crate) idle: usize,
    /// Why it is skipped, since when, and when it is tried again; `None` while it works.
    pub(crate) failing: Option<(Failure, Mono, Mono)>,
}

impl Upstreams {
    pub(crate) fn new(clock: Arc<Clock>) -> Arc<Upstreams> {
        let names = Names::system(Arc::clone(&clock));
        Upstreams::with_names(clock, names)
    }

    pub(crate) fn with_names(clock: Arc<Clock>, names: Arc<Names>) -> Arc<Upstreams> {
        Arc::new(Upstreams { clock, names, peers: Mutex::default() })
    }

    /// The group for a route. An upstream that another route has in use under the same terms is shared with it.
    pub(crate) fn group(&self, urls: &[UpstreamUrl], config: &UpstreamConfig) -> Arc<Group> {
        let member = |url: &UpstreamUrl| Member { url: url.clone(), peer: self.peer(Identity::of(url, config)) };
        let members = urls.iter().map(|url| Arc::new(member(url))).collect();
        Arc::new(Group { members, clock: Arc::clone(&self.clock) })
    }

    /// Closes connections that were unused for too long, and forgets upstreams that no group holds any more. To be
    /// called every few seconds.
    pub(crate) fn sweep(&self) {
        self.alive().iter().for_each(|peer| peer.sweep());
    }

    pub(crate) fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// All upstreams in use, by origin.
    pub(crate) fn status(&self) -> Vec<PeerStatus> {
        let mut all: Vec<PeerStatus> = self.alive().iter().map(|peer| peer.status()).collect();
        all.sort_by(|one, other| one.origin.cmp(&other.origin));
        all
    }

    fn peer(&self, identity: Identity) -> Arc<Peer> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = peers.get(&identity).and_then(Weak::upgrade) {
            return known;
        }
        let peer = Arc::new(Peer::new(identity.clone(), &self.names, &self.clock));
        peers.insert(identity, Arc::downgrade(&peer));
        peer
    }

    fn alive(&self) -> Vec<Arc<Peer>> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.retain(|_, peer| peer.strong_count() > 0);
        peers.values().filter_map(Weak::upgrade).collect()
    }
}

impl Group {
    /// A connection to the first upstream that gives one: those that fail are skipped for a growing time. Takes no
    /// longer than the connect time-out of each.
    pub(crate) async fn lease(&self, want: Want) -> Result<Lease, Unavailable> {
        let mut failures = Vec::new();
        let mut passed_over = None;
        for step in order(&self.standings(self.clock.mono())) {
            match self.attempt(step, want).await {
                Attempt::Leased(lease) => return Ok(lease),
                Attempt::Failed(why) => failures.push(why),
                Attempt::PassedOver(at) => passed_over = passed_over.or(Some(at)),
            }
        }
        if failures.is_empty()
            && let Some(at) = passed_over
        {
            match self.attempt(Step::LastResort(at), want).await {
                Attempt::Leased(lease) => return Ok(lease),
                Attempt::Failed(why) => failures.push(why),
                Attempt::PassedOver(_) => {}
            }
        }
        let tried = failures.len();
        Err(match failures.pop() {
            Some(last) if tried > 1 => Unavailable::AllDown { tried, last: Box::new(last) },
            Some(only) => only,
            None => Unavailable::Failed { origin: "an upstream".to_owned(), why: "the route has none".to_owned() },
        })
    }

    /// Whether no upstream can be reached, as far as is known, and none is to be probed yet, so that a stale answer need not wait
    /// for another failure.
    pub(crate) fn looks_down(&self, now: Mono) -> bool {
        self.members.iter().all(|member| member.peer.looks_down(now))
    }

    async fn attempt(&self, step: Step, want: Want) -> Attempt {
        let (Step::Use(at) | Step::Probe(at) | Step::LastResort(at)) = step;
        let Some(member) = self.members.get(at) else {
            return Attempt::PassedOver(at);
        };
        let probe = if let Step::Probe(at) = step {
            if !member.peer.begin_probe(self.clock.mono()) {
                return Attempt::PassedOver(at);
            }
            Some(Probe { member: Arc::clone(member) })
        } else {
            None
        };
        match member.peer.connection(want).await {
            Ok((stream, slot, reused)) => Attempt::Leased(Lease::new(stream, slot, Arc::clone(member), probe, reused)),
            Err(why) => Attempt::Failed(why),
        }
    }

    fn standings(&self, now: Mono) -> Vec<Standing> {
        self.members.iter().map(|member| member.peer.standing(now)).collect()
    }
}

/// The right to be the one request that tries a failing upstream. Dropping it lets another one try.
pub(super) struct Probe {
    member: Arc<Member>,
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.member.peer.end_probe();
    }
}

/// What became of one [`Step`].
enum Attempt {
    Leased(Lease),
    Failed(Unavailable),
    /// Another request took the one probe of this upstream in between.
    PassedOver(usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Use(usize),
    Probe(usize),
    /// All others failed: the one that failed longest ago is tried rather than refusing.
    LastResort(usize),
}

/// In which order upstreams are tried: as configured, without those that are skipped but for one.
fn order(standings: &[Standing]) -> Vec<Step> {
    let mut steps = Vec::with_capacity(standings.len());
    let mut longest_ago: Option<(Mono, usize)> = None;
    for (at, standing) in standings.iter().enumerate() {
        match standing {
            Standing::Up => steps.push(Step::Use(at)),
            Standing::Due => steps.push(Step::Probe(at)),
            Standing::Skipped(failed) if longest_ago.is_none_or(|(earliest, _)| *failed < earliest) => {
                longest_ago = Some((*failed, at));
            }
            Standing::Skipped(_) => {}
        }
    }
    steps.extend(longest_ago.map(|(_, at)| Step::LastResort(at)));
    steps
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};
    use std::time::Duration;

    use super::*;
    use crate::net::testing::{Authority, PATIENCE, block_on, peer, read_head};
    use crate::upstream::testing::{Nobody, answers, ask, clock, config, group, lease, url};

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    fn at(millis: u64) -> Mono {
        Mono::from_millis(millis)
    }

    fn check_order(standings: &[Standing], expected: &[Step]) {
        assert_eq!(order(standings), expected, "{standings:?}");
    }

    #[test]
    fn upstreams_are_tried_in_order_without_those_that_are_skipped_but_one() {
        use Standing::{Due, Skipped, Up};
        use Step::{LastResort, Probe, Use};
        check_order(&[Up, Up], &[Use(0), Use(1)]);
        check_order(&[Skipped(at(5)), Up], &[Use(1), LastResort(0)]);
        check_order(&[Due, Up], &[Probe(0), Use(1)]);
        check_order(&[Skipped(at(5)), Skipped(at(3)), Skipped(at(4))], &[LastResort(1)]);
        check_order(&[Skipped(at(5))], &[LastResort(0)]);
    }

    #[test]
    fn a_dead_upstream_is_passed_over_and_remembered() {
        let (alive, thread) = peer(vec![answers(&[OK, OK])]);
        let dead = Nobody::new();
        let (upstreams, group) = group(&[dead.address, alive]);
        block_on(async {
            for _ in 0..2 {
                let mut lease = lease(&group).await;
                assert_eq!(lease.url().port, alive.port());
                assert_eq!(ask(&mut lease, "GET").await.unwrap(), (200, b"ok".to_vec()));
                lease.done();
            }
        });
        let now = group.clock.now().mono;
        let status = upstreams.status();
        let failing = status.iter().find(|status| status.origin == format!("http://{}", dead.address)).unwrap();
        let (why, since, again) = failing.failing.unwrap();
        assert_eq!(why, Failure::Connect);
        assert!(since <= now && again > since);
        assert!(!group.looks_down(since));
        drop((upstreams, group));
        thread.join().unwrap();
    }

    #[test]
    fn an_upstream_that_answers_badly_is_skipped_by_the_next_request() {
        let listeners: Vec<TcpListener> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses: Vec<SocketAddr> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let (_upstreams, group) = group(&addresses);
        block_on(async {
            let mut first = lease(&group).await;
            assert_eq!(first.url().port, addresses[0].port());
            first.failed(Failure::Status(503));
            first.done();
            let mut second = lease(&group).await;
            assert_eq!(second.url().port, addresses[1].port());
            second.failed(Failure::TimedOut);
            assert!(!group.looks_down(group.clock.mono()), "the first can be reached");
            let third = lease(&group).await;
            assert_eq!(third.url().port, addresses[0].port(), "the one that failed longest ago");
        });
    }

    #[test]
    fn a_probe_that_brings_no_verdict_leaves_room_for_another() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (_upstreams, group) = group(&[listener.local_addr().unwrap()]);
        let peer = &group.members[0].peer;
        block_on(lease(&group)).failed(Failure::Truncated);
        let later = group.clock.mono().after(Duration::from_secs(2));
        assert!(peer.begin_probe(later));
        assert!(!peer.begin_probe(later));
        drop(Probe { member: Arc::clone(&group.members[0]) });
        assert!(peer.begin_probe(later));
        block_on(lease(&group)).worked();
        assert_eq!(peer.standing(later), Standing::Up);
    }

    #[test]
    fn reasons_are_told_apart() {
        let down = |addresses: &[SocketAddr]| block_on(group(addresses).1.lease(Want::Any)).err().unwrap();
        let (one, other) = (Nobody::new(), Nobody::new());
        assert!(matches!(down(&[one.address]), Unavailable::Refused { .. }));
        assert!(matches!(down(&[one.address, other.address]), Unavailable::AllDown { tried: 2, .. }));
        let names = Names::with_resolver(clock(), |_| Err(std::io::ErrorKind::NotFound.into()));
        let unknown = UpstreamUrl { host: "nowhere.example".to_owned(), ..url(one.address) };
        let upstreams = Upstreams::with_names(clock(), names);
        let refused = block_on(upstreams.group(&[unknown], &config()).lease(Want::Any)).err().unwrap();
        assert!(matches!(&refused, Unavailable::NameUnknown { host, .. } if host == "nowhere.example"), "{refused}");
    }

    #[test]
    fn several_addresses_of_a_name_are_tried_in_turn() {
        let (alive, thread) = peer(vec![answers(&[OK]), answers(&[OK])]);
        let resolved = ["127.0.0.2".parse().unwrap(), alive.ip()];
        let names = Names::with_resolver(clock(), move |_| Ok(resolved.to_vec()));
        let upstreams = Upstreams::with_names(clock(), names);
        let named = UpstreamUrl { host: "origin.example".to_owned(), ..url(alive) };
        let group = upstreams.group(&[named], &config());
        block_on(async {
            for want in [Want::Any, Want::New] {
                let mut lease = group.lease(want).await.unwrap();
                let crate::net::Stream::Plain(socket) = &lease.stream else { panic!("TLS") };
                assert_eq!(socket.get_ref().peer_addr().unwrap(), alive);
                ask(&mut lease, "GET").await.unwrap();
            }
        });
        thread.join().unwrap();
    }

    #[test]
    fn the_ceiling_holds_and_a_free_connection_goes_to_who_waits() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstreams = Upstreams::new(clock());
        let terms = UpstreamConfig { connections: 1, ..config() };
        let impatient = UpstreamConfig { connect: Duration::from_millis(5), ..terms.clone() };
        let to = [url(listener.local_addr().unwrap())];
        block_on(async {
            let group = upstreams.group(&to, &impatient);
            let held = lease(&group).await;
            assert!(matches!(group.lease(Want::Any).await, Err(Unavailable::Busy { .. })));
            assert!(!group.looks_down(group.clock.mono()), "being busy is no failure");
            drop(held);
            drop(lease(&group).await);

            let group = upstreams.group(&to, &terms);
            let held = lease(&group).await;
            let waiting = async { lease(&group).await };
            let releasing = async {
                smol::future::yield_now().await;
                drop(held);
            };
            smol::future::zip(waiting, releasing).await;
        });
    }

    #[test]
    fn routes_to_the_same_upstream_share_it_and_reloads_keep_it() {
        let (alive, thread) = peer(vec![answers(&[OK, OK])]);
        let (upstreams, group) = group(&[alive]);
        block_on(async {
            let mut lease = lease(&group).await;
            ask(&mut lease, "GET").await.unwrap();
            lease.done();
            let with_path = UpstreamUrl { path: "/sub".to_owned(), ..url(alive) };
            let other = upstreams.group(&[with_path], &config());
            drop(group);
            let mut lease = other.lease(Want::Any).await.unwrap();
            assert!(lease.is_reused());
            assert_eq!(lease.url().path, "/sub");
            ask(&mut lease, "GET").await.unwrap();
        });
        assert_eq!(upstreams.status(), [], "what no route leads to is forgotten");
        thread.join().unwrap();
    }

    #[test]
    fn unused_connections_are_closed_when_they_ended_or_lay_too_long() {
        let (alive, thread) = peer(vec![|mut socket: std::net::TcpStream| {
            read_head(&mut socket);
            std::io::Write::write_all(&mut socket, OK).unwrap();
        }]);
        let (upstreams, group) = group(&[alive]);
        block_on(async {
            let mut lease = lease(&group).await;
            ask(&mut lease, "GET").await.unwrap();
            lease.done();
        });
        thread.join().unwrap();
        while upstreams.status()[0].idle > 0 {
            upstreams.sweep();
        }
        let (alive, thread) = peer(vec![answers(&[OK]), answers(&[OK])]);
        let group = upstreams.group(&[url(alive)], &UpstreamConfig { keep: Duration::ZERO, ..config() });
        block_on(async {
            for _ in 0..2 {
                let mut lease = group.lease(Want::Any).await.unwrap();
                assert!(!lease.is_reused());
                ask(&mut lease, "GET").await.unwrap();
                lease.done();
            }
        });
        drop((upstreams, group));
        thread.join().unwrap();
    }

    #[test]
    fn tls_upstreams_are_verified_and_pooled() {
        let authority = Authority::new();
        let (origin, thread) = tls_origin(&authority);
        let names = Names::with_resolver(clock(), move |_| Ok(vec![origin.ip()]));
        let upstreams = Upstreams::with_names(clock(), names);
        let to = [UpstreamUrl { tls: true, host: "origin.example".to_owned(), ..url(origin) }];
        block_on(async {
            let refused = upstreams.group(&to, &config()).lease(Want::Any).await.err().unwrap();
            assert!(matches!(refused, Unavailable::Tls { .. }), "{refused}");
            let trusting = UpstreamConfig { ca: Some(authority.ca()), ..config() };
            let group = upstreams.group(&to, &trusting);
            for reused in [false, true] {
                let mut lease = group.lease(Want::Any).await.unwrap();
                assert_eq!(lease.is_reused(), reused);
                assert_eq!(ask(&mut lease, "GET").await.unwrap(), (200, b"ok".to_vec()));
                lease.done();
            }
        });
        drop(upstreams);
        thread.join().unwrap();
    }

    /// Refuses one connection's handshake (the client leaves), then answers two requests on the next.
    fn tls_origin(authority: &Authority) -> (SocketAddr, std::thread::JoinHandle<()>) {
        use crate::net::{Buffer, Filled, TlsFront, write_all};
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut section = authority.issue("origin.example");
        section.listen = vec![address];
        let (front, problems) = TlsFront::build(&[section], &clock());
        assert_eq!(problems, []);
        let thread = std::thread::spawn(move || {
            block_on(async {
                let plain = || crate::net::testing::plain(listener.accept().unwrap().0);
                assert!(front.accept(plain(), address, PATIENCE).await.is_err());
                let mut stream = front.accept(plain(), address, PATIENCE).await.unwrap();
                let mut buffer = Buffer::new();
                for _ in 0..2 {
                    while !buffer.bytes().ends_with(b"\r\n\r\n") {
                        assert!(matches!(buffer.fill(&mut stream, 4096).await.unwrap(), Filled::Bytes(_)));
                    }
                    buffer.consume(buffer.len());
                    write_all(&mut stream, OK, &mut crate::net::testing::patient_meter()).await.unwrap();
                }
            });
        });
        (address, thread)
    }
}
