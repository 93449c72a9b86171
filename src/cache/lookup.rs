//! What the cache has for a request: the one place where the rules, the hot objects, the store and the fills meet.

use std::sync::Arc;

use super::fill::{
    Alone, AskRange, Asker, Fill, Follower, Joined, Reopening, Shared, Standing, Table, Wanted, beginnings, head_of,
};
use super::hit::Hit;
use super::key::Key;
use super::object::Object;
use super::policy::{self, Assigned, RequestRules, Reuse, Since};
use super::reason::{Forward, PassReason, StaleFor};
use super::root::{Cache, Inner};
use super::store::{Found, Opened, Partial, Store};
use super::vary::Names;
use crate::base::Now;
use crate::config::{Finish, RouteCacheConfig};
use crate::http::range::{self, Wanted as Ranges};
use crate::http::{Fields, conditional};

/// No body is longer: a range that begins further out is one from the end.
const LONGEST: u64 = 1 << 46;
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
    /// Some of it is there.
    Part(Box<Partial>),
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
        let quest = Quest { inner, key, request, rules, asker: inner.asker(rules, route), now };
        loop {
            let looked = match Box::pin(quest.stored()).await {
                Stored::Object(object) => Box::pin(quest.with(object)).await,
                // Apart from the others: what is seldom needed must not make every look-up's future larger.
                Stored::Part(found) => Box::pin(quest.stored_part(found)).await,
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

/// Where all of it is there, whoever wrote it did not come to the last step, which is taken now. `None`: look again.
async fn finished(found: Box<Partial>) -> Option<Box<Partial>> {
    let present: u64 = found.present.iter().map(|run| u64::from(run.len)).sum();
    match found.body_len {
        Some(len) if present == len => {
            smol::unblock(move || if found.draft.finish(len, b"").is_ok() { None } else { Some(found) }).await
        }
        Some(_) | None => Some(found),
    }
}

impl Quest<'_> {
    async fn stored(&self) -> Stored {
        if let Some(object) = self.inner.hot.find(self.key, self.request) {
            return Stored::Object(self.reassigned(object));
        }
        let Some(store) = self.inner.store() else { return Stored::Nothing };
        let variants = match self.read(&store, self.key.hash()).await {
            Found::Nothing => return Stored::Nothing,
            Found::Answer(opened) => return self.opened(*opened).map_or(Stored::Nothing, Stored::Object),
            Found::Partial(found) => return self.selected(found).map_or(Stored::Nothing, Stored::Part),
            Found::Variants(variants) => variants,
        };
        let found = match variants.find(self.request) {
            Some(location) => match self.read(&store, location).await {
                Found::Answer(opened) => self.opened(*opened).map(Stored::Object),
                Found::Partial(found) => self.selected(found).map(Stored::Part),
                Found::Nothing | Found::Variants(_) => None,
            },
            None => None,
        };
        found.or_else(|| variants.newest().cloned().map(Stored::Variants)).unwrap_or(Stored::Nothing)
    }

    fn selected(&self, found: Box<Partial>) -> Option<Box<Partial>> {
        found.record.selection.as_ref().is_none_or(|selection| selection.matches(self.request)).then_some(found)
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
    async fn with(&self, object: Arc<Object>) -> Option<Lookup> {
        let stored = *object.head.stored();
        let names = object.head.selection().map(|selection| selection.names.clone());
        let location = object.identity.location;
        let hit = Hit::new(Arc::clone(&object), self.now);
        let reuse = policy::may_serve(&stored, self.rules, self.now);
        if self.rules.precondition && !(reuse == Reuse::Serve && self.meets(&hit)) {
            return Some(self.for_the_origin());
        }
        let why = match reuse {
            Reuse::Serve => return Some(Lookup::Fresh(hit)),
            Reuse::Validate(why) => why,
        };
        if self.rules.only_if_cached {
            let may_stand_in = self.rules.stands_in.is_some_and(|most| {
                policy::may_serve_stale(&stored, self.rules, most, StaleFor::Unreachable, self.now).is_ok()
            });
            return Some(if may_stand_in { Lookup::StaleWhileRevalidate(hit, None) } else { Lookup::OnlyIfCached });
        }
        if policy::may_serve_while_revalidating(&stored, self.rules, self.now).is_ok() {
            return Some(self.behind(hit, location, names));
        }
        if let Some(found) = self.part_beside(location).await {
            return Box::pin(self.with_part(found, Some(hit))).await;
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
            Joined::Lead(shared) if self.is_overtaken(&shared, Some(&object)) => return None,
            // A part never stands in front of the whole: that is asked about.
            Joined::Follow(shared) if shared.stands_alone() && shared.make_way(self.inner) => return None,
            Joined::Follow(shared) if shared.stands_alone() => {
                Permit::Fill(self.fill(Table::private(self.key, fill_key), Some(hit.clone()), names))
            }
            Joined::Follow(shared) if !shared.serves(self.rules, self.now) => {
                return self.to_be_validated(&shared, why, Some(hit), names);
            }
            Joined::Lead(shared) | Joined::Alone(shared) => Permit::Fill(self.fill(shared, Some(hit.clone()), names)),
            Joined::Follow(shared) => Permit::Follow(self.follower(shared, Some(hit.clone()), names)),
        };
        Some(Lookup::Stale(hit, permit, why))
    }

    /// RFC 5861 §3: served at once, and validated behind that by one.
    fn behind(&self, hit: Hit, location: u128, names: Option<Names>) -> Lookup {
        let fill = match self.inner.fills.join(self.key, self.fill_key(location), self.request, self.now.mono) {
            Joined::Lead(shared) | Joined::Alone(shared) => {
                // Nobody reads what it brings; it is wanted all the same.
                let asker = Asker { finish: Finish::Always, ..self.asker };
                Some(Fill::new(Arc::clone(self.inner), shared, asker, Some(hit.clone()), names))
            }
            Joined::Follow(_) => None,
        };
        Lookup::StaleWhileRevalidate(hit, fill)
    }

    /// What came of a newer answer than the complete one that is stale, where it can be gone on with.
    async fn part_beside(&self, location: u128) -> Option<Box<Partial>> {
        let store = self.inner.store()?;
        let found = self.read_part(&store, location).await?;
        let resumable = head_of(&found, &self.asker, self.inner, self.now)?.strong_validator().is_some();
        self.selected(found).filter(|_| resumable)
    }

    async fn read_part(&self, store: &Arc<Store>, location: u128) -> Option<Box<Partial>> {
        let turn = self.inner.reads.acquire_arc().await;
        let (store, text) = (Arc::clone(store), self.key.text());
        smol::unblock(move || {
            let _turn = turn;
            store.find_partial(location, &text)
        })
        .await
    }

    /// An object that is partly there. One that stands alone and is of no use is as good as not there, and goes where
    /// another answer will come. `None`: look again.
    async fn stored_part(&self, found: Box<Partial>) -> Option<Lookup> {
        let found = match self.of_use(found).await {
            Ok(found) => return Box::pin(self.with_part(found, None)).await,
            Err(found) => found,
        };
        let identity = found.identity;
        let names = found.record.selection.as_ref().map(|selection| selection.names.clone());
        smol::unblock(move || drop(found)).await;
        let looked = self.without(names);
        let replaced = matches!(looked, Some(Lookup::Miss(..))) && !self.inner.fills.is_claimed(identity.location);
        if let Some(store) = self.inner.store().filter(|_| replaced) {
            smol::unblock(move || store.discard_partial(identity)).await;
        }
        looked
    }

    /// `Err`: it stands alone, and does not hold all that is wanted, or is stale. What is sent first of it is read back
    /// now: as long as nothing has been said, all of it can be asked for anew.
    async fn of_use(&self, found: Box<Partial>) -> Result<Box<Partial>, Box<Partial>> {
        let head = head_of(&found, &self.asker, self.inner, self.now);
        let Some(head) = head.filter(|head| head.strong_validator().is_none()) else { return Ok(found) };
        let Some(runs) = beginnings(&head, &found, self.request, self.rules, self.now) else { return Err(found) };
        let (found, damaged) = smol::unblock(move || {
            let damaged = runs.into_iter().find(|run| !found.draft.verify(*run));
            (found, damaged)
        })
        .await;
        let Some(run) = damaged else { return Ok(found) };
        if let Some(open) = self.inner.fills.find(self.key, self.fill_key(found.identity.location), self.request) {
            open.judge(run, false);
        }
        Err(found)
    }

    /// An object that is partly there; `previous`: a complete one, not fresh, lies beside it. `None`: look again.
    async fn with_part(&self, found: Box<Partial>, previous: Option<Hit>) -> Option<Lookup> {
        if self.rules.precondition {
            return Some(self.for_the_origin());
        }
        let location = found.identity.location;
        let names = found.record.selection.as_ref().map(|selection| selection.names.clone());
        smol::unblock(move || drop(found)).await;
        match self.inner.fills.reopen(self.key, self.fill_key(location), location, self.request) {
            Joined::Follow(shared) => self.of_shared(&shared, previous, names, Forward::UriMiss),
            Joined::Alone(shared) => Some(match self.pass() {
                Some(reason) => Lookup::Pass(reason),
                None => Lookup::Miss(self.fill(shared, previous, names), Forward::UriMiss),
            }),
            Joined::Lead(shared) => {
                let reopening = Reopening::new(Arc::clone(self.inner), Arc::clone(&shared));
                if self.is_overtaken(&shared, previous.as_ref().map(Hit::object)) {
                    return None;
                }
                let store = self.inner.store()?;
                // Read once more: nobody else writes there now.
                let found = self.read_part(&store, location).await?;
                let found = finished(found).await?;
                if !shared.restore(store, *found, &self.asker, self.inner, self.now) {
                    return None;
                }
                let looked = self.of_shared(&shared, previous, names, Forward::UriMiss);
                drop(reopening);
                looked
            }
        }
    }

    /// What an object under way is for the request. `None`: look again.
    fn of_shared(
        &self,
        shared: &Arc<Shared>,
        previous: Option<Hit>,
        names: Option<Names>,
        why: Forward,
    ) -> Option<Lookup> {
        match shared.alone(self.request, self.rules, self.may_replace(), self.inner, self.now) {
            Alone::Serves => {}
            Alone::MadeWay => return None,
            Alone::Stays => return Some(self.past(previous, names, why)),
        }
        let passes = self.pass().filter(|reason| *reason != PassReason::HeadMiss);
        match shared.standing(self.request, self.rules, self.wanted(), self.now) {
            Standing::Asking if self.rules.only_if_cached => Some(Lookup::OnlyIfCached),
            Standing::Asking => Some(Lookup::Follow(self.follower(Arc::clone(shared), previous, names), why)),
            Standing::Over => {
                self.inner.fills.withdraw(shared);
                None
            }
            Standing::Serve { missing: true, .. } if self.rules.only_if_cached => Some(Lookup::OnlyIfCached),
            Standing::Serve { missing, idle } => Some(match passes.filter(|_| missing && idle) {
                Some(reason) => Lookup::Pass(reason),
                None => {
                    let follower = self.follower(Arc::clone(shared), previous, names);
                    if idle || !missing { Lookup::Partial { follower, missing } } else { Lookup::Follow(follower, why) }
                }
            }),
            Standing::Validate(_) if self.rules.only_if_cached => Some(Lookup::OnlyIfCached),
            Standing::Validate(why) => match passes {
                Some(reason) => Some(Lookup::Pass(reason)),
                None => self.to_be_validated(shared, why, previous, names),
            },
        }
    }

    /// An object under way that may not be served without asking: one asks for all where what is there can be gone on
    /// with, else each for itself.
    fn to_be_validated(
        &self,
        shared: &Arc<Shared>,
        why: Forward,
        previous: Option<Hit>,
        names: Option<Names>,
    ) -> Option<Lookup> {
        if !shared.is_resumable() {
            return Some(self.privately(previous, names, why));
        }
        let hit = previous.or_else(|| Hit::of_part(self.inner, shared, &self.asker, self.now));
        let permit = match shared.ask_again(self.inner, &self.asker, self.wanted()) {
            Some(fill) => Permit::Fill(fill),
            None => Permit::Follow(shared.waiting_follower(self.inner, &self.asker)),
        };
        Some(match (hit, permit) {
            (Some(hit), permit) => Lookup::Stale(hit, permit, why),
            (None, Permit::Fill(fill)) => Lookup::Miss(fill, why),
            (None, Permit::Follow(follower)) => Lookup::Follow(follower, why),
        })
    }

    /// A part is in the way that stands alone and does not help.
    fn past(&self, previous: Option<Hit>, names: Option<Names>, why: Forward) -> Lookup {
        match (self.pass(), &previous) {
            _ if self.rules.only_if_cached => Lookup::OnlyIfCached,
            (Some(reason), None) => Lookup::Pass(reason),
            (None, None) if self.rules.first_byte.is_some() && !self.wants_as_good_as_all() => {
                Lookup::Pass(PassReason::RangeMiss)
            }
            (_, Some(_)) | (None, None) => self.privately(previous, names, why),
        }
    }

    /// One asks for itself.
    fn privately(&self, previous: Option<Hit>, names: Option<Names>, why: Forward) -> Lookup {
        let private = Table::private(self.key, self.fill_key(self.key.hash()));
        let fill = self.fill(private, previous.clone(), names);
        match previous {
            Some(hit) => Lookup::Stale(hit, Permit::Fill(fill), why),
            None => Lookup::Miss(fill, why),
        }
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
                return Some(match found.filter(|shared| !shared.stands_alone()) {
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
            Joined::Lead(shared) | Joined::Alone(shared) => {
                let fill = self.fill(shared, None, names);
                let fill = match self.asked_range() {
                    Some(range) => fill.for_range(range),
                    None => fill,
                };
                Some(Lookup::Miss(fill, why))
            }
            Joined::Follow(shared) => self.of_shared(&shared, None, names, why),
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

    /// A range of what is not stored: taken from what is under way where that can give it, else asked for as it is. One
    /// from the first byte to the end is as good as the whole; several are asked for alone.
    fn range(&self, first_byte: u64, fill_key: u128, names: Option<Names>, why: Forward) -> Option<Lookup> {
        let now = self.now.mono;
        if let Some(shared) = self.inner.fills.find(self.key, fill_key, self.request) {
            return match shared.stands_alone() || shared.will_have(first_byte) {
                true => self.of_shared(&shared, None, names, why),
                false => Some(Lookup::Pass(PassReason::RangeMiss)),
            };
        }
        if self.inner.fills.is_remembered(fill_key, now) {
            return Some(Lookup::Pass(PassReason::HitForPass));
        }
        // Nothing is stored that its condition could be compared with: it is for the origin.
        if self.request.contains("if-range") {
            return Some(Lookup::Pass(PassReason::RangeMiss));
        }
        let in_vain = self.asked_range().is_some() && self.inner.fills.is_without_ranges(fill_key, now);
        if in_vain || self.wanted() == Wanted::Several {
            return Some(Lookup::Pass(PassReason::RangeMiss));
        }
        self.join(fill_key, names, why)
    }

    /// Whether the cache asks for what is not stored, so that what comes may be kept.
    fn may_replace(&self) -> bool {
        let ranges = self.rules.first_byte.is_some();
        let passes = ranges && (self.request.contains("if-range") || self.wanted() == Wanted::Several);
        !passes && !self.rules.only_if_cached && !self.rules.precondition && self.pass().is_none()
    }

    /// A range from the first byte to the end, whatever is there.
    fn wants_as_good_as_all(&self) -> bool {
        self.wanted() == Wanted::From(0, None) && !self.request.contains("if-range")
    }

    /// Which bytes the request wants.
    fn wanted(&self) -> Wanted {
        if self.rules.head {
            return Wanted::Head;
        }
        let value = self.request.first("range").filter(|_| self.rules.first_byte.is_some());
        match value.map(|value| range::parse(value, u64::MAX)) {
            Some(Ranges::Parts(parts)) => match parts.as_slice() {
                [part] if part.first > LONGEST => Wanted::Suffix(u64::MAX - part.first),
                [part] => Wanted::From(part.first, Some(part.last).filter(|last| *last < LONGEST)),
                _ => Wanted::Several,
            },
            Some(Ranges::Whole | Ranges::Unsatisfiable) | None => Wanted::Whole,
        }
    }

    /// The range that is asked for where nothing is stored; `None`: the whole.
    fn asked_range(&self) -> Option<AskRange> {
        match self.wanted() {
            Wanted::Head | Wanted::Whole | Wanted::Several | Wanted::From(0, None) => None,
            Wanted::From(first, last) => Some(AskRange::From { first, last }),
            Wanted::Suffix(len) => Some(AskRange::Suffix(len)),
        }
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
