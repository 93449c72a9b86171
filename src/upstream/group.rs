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

    /// Whether every upstream failed lately and none is to be probed yet, so that a stale answer need not wait for
    /// another failure.
    pub(crate) fn looks_down(&self, now: Mono) -> bool {
        self.standings(now).iter().all(|standing| matches!(standing, Standing::Skipped(_)))
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
