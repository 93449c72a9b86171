//! What may be answered from the card: keys, the rules of RFC 9111, fills that many clients share, and the store.
//!
//! The room never knows an upstream, never opens a socket and never reads a clock: `now` comes in as a value. It alone
//! touches the files below `[cache] dir`, and nothing that is read from there is believed before it is checked.
//!
//! Entry types, in the order in which a request meets them: [`Key`]; [`policy::request`], which gives [`RequestRules`];
//! [`Cache`], whose `hot` and `lookup` give a [`Lookup`]; [`Hit`]; [`Fill`], [`Writer`] and [`Follower`]. Every "no" has
//! a name: [`PassReason`], [`NotStored`], [`reason::StaleForbidden`].
//!
//! Where a request meets the hot objects, no lock is held for longer than a few comparisons; where it meets the store,
//! it waits on the blocking pool.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod adopt;
mod fill;
mod head;
mod hit;
mod hot;
mod key;
mod languages;
mod lookup;
mod object;
pub(crate) mod policy;
mod purge;
mod reason;
mod root;
mod search;
mod store;
pub(crate) mod tags;
mod vary;

pub(crate) use fill::{Answer, Ask, Fill, FillEnd, Followed, Follower, Next, Stop, Writer};
pub(crate) use head::Head;
pub(crate) use hit::{Hit, HitBody, Known, Piece};
pub(crate) use key::{KeptKey, Key, KeyRules};
pub(crate) use lookup::{Lookup, Permit};
pub(crate) use policy::RequestRules;
pub(crate) use reason::{Failure, Forward, NotStored, PassReason, StaleFor};
pub(crate) use root::{Cache, StoreState};
pub(crate) use search::SearchRules;
pub(crate) use store::Adopted;
pub(crate) use store::carry::{Tag, Unfit, unpack};
#[cfg(feature = "doors")]
pub(crate) use store::doors::read_object;
#[cfg(feature = "doors")]
pub(crate) use store::model::walk as walk_store;
pub(crate) use store::purge::{Purge, What};
pub(crate) use store::survey::{Card, Kept, Sight};

#[cfg(test)]
mod tests;
