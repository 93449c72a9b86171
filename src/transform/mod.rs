//! Edits of heads: what goes upstream and what goes to the client is written anew from the parsed head, never copied.
//!
//! Hop-by-hop fields end here, both ways; `Via`, `Forwarded`, `X-Forwarded-*`, `CDN-Loop`, `X-Request-Id` and
//! `traceparent` are made here; a route's `set.` and `remove.` are applied here. Never decides policy (framing, `Age`,
//! `Cache-Status`, conditionals come from the caller), never does I/O. Entry types: [`Via`], [`Client`], [`Ids`],
//! [`Edits`], [`Told`], [`Upgrade`]; [`RequestParts`] → [`request_head`]; [`ResponseParts`] → [`response_head`]; [`stored_head`],
//! [`interim_head`].

mod client;
mod edits;
mod field;
mod forwarding;
mod ids;
mod request;
mod response;
mod told;
mod upgrade;

pub(crate) use client::Client;
pub(crate) use edits::Edits;
pub(crate) use ids::Ids;
pub(crate) use request::{Conditions, NotForwarded, RequestParts, Via, request_head};
pub(crate) use response::{
    ConnectionOption, NOTHING_TOLD, ReplyFraming, ResponseParts, Tail, ToldFields, interim_head, kept_head,
    response_head, stored_head,
};
pub(crate) use told::Told;
pub(crate) use upgrade::Upgrade;
