//! A lease on a connection to a healthy peer: names, pools, health, and the exchange of one request and its answer.
//!
//! Never knows clients, routes or the cache. A [`Lease`] is a permit: [`Lease::done`] gives the connection back where
//! the exchange allows another, dropping it closes the connection.
//!
//! Entry types: [`Upstreams`], [`Group`], [`Lease`], [`Unavailable`], [`exchange`], [`Upload`], [`Names`].
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub(crate) mod exchange;
mod group;
mod health;
mod lease;
mod names;
mod peer;
#[cfg(test)]
mod testing;
mod unavailable;
mod upload;

pub(crate) use exchange::{Answer, ExchangeError};
pub(crate) use group::{Group, Upstreams, Want};
pub(crate) use health::Failure;
pub(crate) use lease::Lease;
pub(crate) use names::Names;
pub(crate) use unavailable::Unavailable;
pub(crate) use upload::{Source, Upload, UploadError, Uploaded};
