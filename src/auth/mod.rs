//! Who is this, and may they: addresses, keys, tokens, passwords and client certificates, to one [`Identity`].
//!
//! Never talks to the network and never answers anybody; what has to be asked or computed first comes out as a value
//! ([`Later`]), and its result is remembered. Entry types: [`allowed`], [`credentials`], [`judge`], [`may`], [`Identity`].

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod address;
pub(crate) mod basic;
pub(crate) mod certificate;
mod credentials;
mod identity;
mod judge;
mod jwt;
pub(crate) mod key;

pub(crate) use address::{Denied, allowed};
pub(crate) use credentials::credentials;
pub(crate) use identity::{Identity, Kind};
pub(crate) use judge::{
    Doorkeepers, Judged, Later, NotAllowed, NotKnown, Shown, challenges, judge, may, scope_challenge,
};
#[cfg(feature = "doors")]
pub(crate) use jwt::door as token_door;
pub(crate) use jwt::{
    Errand, TokenProblem, Tokens,
};
