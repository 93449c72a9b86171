//! What the cache has for a request: the one place where the rules, the hot objects, the store and the fills meet.

use std::sync::Arc;

use super::fill::{Asker, Fill, Follower, Joined, Shared, Table};
use super::hit::Hit;
use super::key::Key;
use super::object::Object;
use super::policy::{self, Assigned, RequestRules, Reuse, Since};
use super::reason::{Forward, PassReason};
use super::root::{Cache, Inner};
use super::store::{Found, Opened, Store};
use super::vary::Names;
use crate::base::Now;
use crate::config::RouteCacheConfig;
use crate::http::{Fields, conditional};

/// A range that begins within so many bytes of what has come is waited for: less than asking for it would cost.
const REACH: u64 = 256 << 10;
/// Fills for requests with `Authorization` are not joined by those without, nor the other way round.
const AUTHORIZED: u128 = 0x5bd1_e995_9e37_79b9_7f4a_7c15_f39c_c060;

/// What the cache has for a request.
pub(crate) enum Lookup {
    /// Serve it.
    Fresh(Hit),
    /// Ask the upstream first, for this reason (`stale` or `request`), with the permit's validators. Where that fails,
    /// [`Hit::stale_allowed`] says whether the hit may be served all the same.
    Stale(Hit, Permit, Forward),
    /// Fresh, and at least a part of it is there or on its way: read it through the follower, which asks for what is
    /// missing. `missing`: not all that the request wants is there yet (`fwd=partial`); else it is a hit.
    Partial { follower: Follower, missing: bool },
    /// Serve it, stale as it is (RFC 5861 §3); the fill, if there is one, runs behind that, else somebody else's does.
    StaleWhileRevalidate(Hit, Option<Fill>),
    /// Nothing usable (`uri-miss` or `vary-miss`): ask the upstream.
    Miss(Fill, Forward),
    /// Somebody is asking already.
    Follow(Follower, Forward),
    /// Forward the request as if there were no cache.
    Pass(PassReason),
    /// The request says `only-if-cached`: answer 504 and forward nothing (RFC 9111 §5.2.1.7).
    OnlyIfCached,
}

/// Who asks the upstream.
pub(crate) enum Permit {
    Fill(Fill),
    Follow(Follower),
}

/// One request and what was found for it.
struct Quest<'a> {
    inner: &'a Arc<Inner>,
    key: &'a Key<'a>,
    request: Fields<'a>,
    rules: &'a RequestRules,
    asker: Asker,
    now: Now,
}

/// What is stored for a request.
enum Stored {
    Nothing,
    Object(Arc<Object>),
    /// There are answers for the key, and none that this request selects.
    Variants(Names),
}

impl Cache {
    /// `request` must be the client's own fields, before a route's edits: they select the variant. The same fields are
    /// to be given to [`Fill::stored`] and [`Follower::head`].
    pub(crate) async fn lookup(
        &self,
        key: &Key<'_>,
        request: Fields<'_>,
        rules: &RequestRules,
        route: &RouteCacheConfig,
        now: Now,
    ) -> Lookup {
        let inner = &self.inner;
        inner.note_time(now);
        let most = inner.max_object();
        let max_object = route.max_object.map_or(most, |most_of_route| most_of_route.min(most));
        let asker = Asker { rules: *rules, max_object, pinned: route.pin };
        let quest = Quest { inner, key, request, rules, asker, now };
        loop {
            let looked = match quest.stored().await {
                Stored::Object(object) => quest.with(object),
                Stored::Nothing => quest.without(None),
                Stored::Variants(names) => quest.without(Some(names)),
            };
            // Each time round, another fill has come to its end in between: this ends.
            if let Some(looked) = looked {
                return looked;
            }
        }
    }
}

impl Quest<'_> {
    async fn stored(&self) -> Stored {
        if let Some(object) = self.inner.hot.find(self.key, self.request) {
            return Stored::Object(self.reassigned(object));
        }
        let Some(store) = self.inner.store() else { return Stored::Nothing };
        match self.read(&store, self.key.hash()).await {
            Found::Nothing | Found::Partial(_) => Stored::Nothing,
            Found::Answer(opened) => self.opened(*opened).map_or(Stored::Nothing, Stored::Object),
            Found::Variants(variants) => {
                let object = match variants.find(self.request) {
                    Some(location) => match self.read(&store, location).await {
                        Found::Answer(opened) => self.opened(*opened),
                        Found::Nothing | Found::Variants(_) | Found::Partial(_) => None,
                    },
                    None => None,
                };
                match (object, variants.newest()) {
                    (Some(object), _) => Stored::Object(object),
                    (None, Some(names)) => Stored::Variants(names.clone()),
                    (None, None) => Stored::Nothing,
                }
            }
        }
    }

    async fn read(&self, store: &Arc<Store>, location: u128) -> Found {
        let turn = self.inner.reads.acquire_arc().await;
        let (store, text) = (Arc::clone(store), self.key.text());
        smol::unblock(move || {
            let _turn = turn;
            store.find(location, &text)
        })
        .await
    }

    /// Makes what was read ready, and hot.
    fn opened(&self, opened: Opened) -> Option<Arc<Object>> {
        let selected = opened.record.selection.as_ref().is_none_or(|selection| selection.matches(self.request));
        if !selected {
            return None;
        }
        let (since, cache) = (Since::Opened(self.now.mono), Arc::downgrade(self.inner));
        let object = Object::new(opened, self.key.hash(), self.rules.assigned, since, cache)?;
        let object = Arc::new(object);
        self.inner.make_hot(Arc::clone(&object));
        Some(object)
    }

    /// The object under this route's freshness, where another route's was last asked for.
    fn reassigned(&self, object: Arc<Object>) -> Arc<Object> {
        let assigned: Assigned = self.rules.assigned;
        if object.head.assigned() == assigned {
            return object;
        }
        let Some(head) = object.head.reassigned(assigned) else { return object };
        let object = Arc::new(object.with_head(head));
        self.inner.make_hot(Arc::clone(&object));
        object
    }

    /// `None`: look again.
    fn with(&self, object: Arc<Object>) -> Option<Lookup> {
        let stored = *object.head.stored();
        let names = object.head.selection().map(|selection| selection.names.clone());
        let location = object.identity.location;
        let seen = Arc::clone(&object);
        let hit = Hit::new(object, self.now);
        let reuse = policy::may_serve(&stored, self.rules, self.now);
        if self.rules.precondition && !(reuse == Reuse::Serve && self.meets(&hit)) {
            return Some(self.for_the_origin());
        }
        let why = match reuse {
            Reuse::Serve => return Some(Lookup::Fresh(hit)),
            Reuse::Validate(why) => why,
        };
        if self.rules.only_if_cached {
            return Some(Lookup::OnlyIfCached);
        }
        let fill_key = self.fill_key(location);
        // Where no validation is for others, waiting for somebody else's is time lost.
        let alone = !stored.freshness.is_reusable() || self.rules.no_store;
        let joined = if alone {
            Joined::Alone(Table::private(self.key, fill_key))
        } else {
            self.inner.fills.join(self.key, fill_key, self.request, self.now.mono)
        };
        let permit = match joined {
            Joined::Lead(shared) if self.is_overtaken(&shared, Some(&seen)) => return None,
            Joined::Follow(shared) if !shared.serves(self.rules, self.now) => {
                Permit::Fill(self.fill(Table::private(self.key, fill_key), Some(hit.clone()), names))
            }
            Joined::Lead(shared) | Joined::Alone(shared) => Permit::Fill(self.fill(shared, Some(hit.clone()), names)),
            Joined::Follow(shared) => Permit::Follow(self.follower(shared, Some(hit.clone()), names)),
        };
        Some(Lookup::Stale(hit, permit, why))
    }

    /// Between the look at what is stored and the look at the fills, a fill may have come to its end: it was in neither.
    /// What it brought was made hot before it left the table, so a second look finds it.
    fn is_overtaken(&self, shared: &Arc<Shared>, seen: Option<&Arc<Object>>) -> bool {
        let now_hot = self.inner.hot.find(self.key, self.request);
        let overtaken = now_hot.is_some_and(|object| !seen.is_some_and(|seen| Arc::ptr_eq(seen, &object)));
        if overtaken {
            self.inner.fills.withdraw(shared);
        }
        overtaken
    }

    fn meets(&self, hit: &Hit) -> bool {
        conditional::meets(self.request, &hit.head().validators())
    }

    /// A condition that nothing stored can meet (RFC 9111 §4.3.2).
    fn for_the_origin(&self) -> Lookup {
        if self.rules.only_if_cached { Lookup::OnlyIfCached } else { Lookup::Pass(PassReason::Precondition) }
    }

    /// `None`: look again.
    fn without(&self, names: Option<Names>) -> Option<Lookup> {
        if self.rules.precondition {
            return Some(self.for_the_origin());
        }
        let why = if names.is_some() { Forward::VaryMiss } else { Forward::UriMiss };
        let selection = names.as_ref().and_then(|names| names.select(self.request));
        let fill_key =
            self.fill_key(selection.map_or(self.key.hash(), |selection| selection.location(self.key.hash())));
        if self.rules.only_if_cached {
            let found = self.inner.fills.find(self.key, fill_key, self.request);
            return Some(match found.filter(|shared| shared.is_whole() && shared.serves(self.rules, self.now)) {
                Some(shared) => Lookup::Follow(self.follower(shared, None, names), why),
                None => Lookup::OnlyIfCached,
            });
        }
        match self.pass() {
            // A head that is on its way, or has just come, answers HEAD as well.
            Some(PassReason::HeadMiss) => {
                let found = self.inner.fills.find(self.key, fill_key, self.request);
                return Some(match found {
                    Some(shared) => Lookup::Follow(self.follower(shared, None, names), why),
                    None => Lookup::Pass(PassReason::HeadMiss),
                });
            }
            Some(reason) => return Some(Lookup::Pass(reason)),
            None => {}
        }
        if let Some(first_byte) = self.rules.first_byte {
            return self.range(first_byte, fill_key, names, why);
        }
        if self.is_conditional() && self.inner.fills.is_remembered(fill_key, self.now.mono) {
            return Some(Lookup::Pass(PassReason::HitForPass));
        }
        self.join(fill_key, names, why)
    }

    /// The client has something to compare with. Where nothing is kept, its own 304 is cheaper than a whole answer.
    fn is_conditional(&self) -> bool {
        self.request.contains("if-none-match") || self.request.contains("if-modified-since")
    }

    /// `None`: look again.
    fn join(&self, fill_key: u128, names: Option<Names>, why: Forward) -> Option<Lookup> {
        match self.inner.fills.join(self.key, fill_key, self.request, self.now.mono) {
            Joined::Lead(shared) if self.is_overtaken(&shared, None) => None,
            Joined::Follow(shared) if !shared.serves(self.rules, self.now) => {
                Some(Lookup::Miss(self.fill(Table::private(self.key, fill_key), None, names), why))
            }
            Joined::Lead(shared) | Joined::Alone(shared) => Some(Lookup::Miss(self.fill(shared, None, names), why)),
            Joined::Follow(shared) => Some(Lookup::Follow(self.follower(shared, None, names), why)),
        }
    }

    /// What is not to be kept is not asked for by the cache.
    fn pass(&self) -> Option<PassReason> {
        let takes_writes = || self.inner.store().is_some_and(|store| store.takes_writes());
        if self.rules.no_store {
            Some(PassReason::RequestNoStore)
        } else if self.rules.head {
            Some(PassReason::HeadMiss)
        } else if !takes_writes() {
            Some(PassReason::Store)
        } else {
            None
        }
    }

    /// A range of what is not stored: from the first byte on it is as good as the whole; further out it is taken from a
    /// fill that is about to reach it, or asked for alone.
    fn range(&self, first_byte: u64, fill_key: u128, names: Option<Names>, why: Forward) -> Option<Lookup> {
        if let Some(shared) = self.inner.fills.find(self.key, fill_key, self.request) {
            let near = shared.will_soon_have(first_byte, REACH);
            return Some(match near {
                true => Lookup::Follow(self.follower(shared, None, names), why),
                false => Lookup::Pass(PassReason::RangeMiss),
            });
        }
        if self.inner.fills.is_remembered(fill_key, self.now.mono) {
            return Some(Lookup::Pass(PassReason::HitForPass));
        }
        if first_byte > 0 {
            return Some(Lookup::Pass(PassReason::RangeMiss));
        }
        self.join(fill_key, names, why)
    }

    fn fill_key(&self, location: u128) -> u128 {
        if self.rules.authorization { location ^ AUTHORIZED } else { location }
    }

    fn fill(&self, shared: Arc<Shared>, previous: Option<Hit>, names: Option<Names>) -> Fill {
        Fill::new(Arc::clone(self.inner), shared, self.asker, previous, names)
    }

    fn follower(&self, shared: Arc<Shared>, previous: Option<Hit>, names: Option<Names>) -> Follower {
        Follower::new(Arc::clone(self.inner), shared, self.asker, previous, names)
    }
}
