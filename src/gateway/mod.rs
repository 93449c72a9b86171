//! The order: which room is asked when, from the first byte of a request to its record. The only room that knows all
//! the others.
//!
//! Never holds logic that a room could hold, never decides twice. Entry types: [`Process`] (what outlives a
//! configuration), [`Gateway`] (one configuration, immutable), [`Worker`] (one executor thread), [`DoorKind`]
//! (what is spoken where clients come in).

mod admin;
mod admit;
mod agree;
mod answer;
mod ask;
mod body;
mod build;
mod cache_status;
mod cached;
mod connection;
mod counts;
mod direct;
mod door;
mod exchange;
mod explain;
mod fast;
mod files;
mod fill;
mod flow;
mod identify;
mod locate;
mod multipart;
mod plan;
mod process;
mod provider;
mod refusal;
mod refuse;
mod repeat;
mod reply;
mod serve;
mod speak;
mod start;
mod terms;
mod tunnel;
mod worker;

pub(crate) use build::{Gateway, Provenance, Route};
pub(crate) use counts::{Scribe, restore as restore_counts};
pub(crate) use door::DoorKind;
pub(crate) use explain::explain;
pub(crate) use locate::{Extent, Located, locate};
pub(crate) use process::Process;
pub(crate) use provider::{attend as attend_providers, keep as keep_documents};
pub(crate) use refusal::Refusal;
pub(crate) use worker::Worker;
