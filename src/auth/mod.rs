//! Who may use a route: for now by address; keys, tokens and certificates come with their own issue.
//!
//! Never talks to the network, never answers anybody. Entry types: [`allowed`], [`Denied`].

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod address;
mod identity;
mod jwt;

pub(crate) use address::{Denied, allowed};
pub(crate) use identity::{Identity, Kind};
#[cfg(feature = "doors")]
pub(crate) use jwt::door as token_door;
pub(crate) use jwt::{
    Checked, Enquiry, Errand, ErrandKind, IssuerStatus, KeysProblem, TokenProblem, Tokens, judge_key_file,
};
