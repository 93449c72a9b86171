//! Clients that are known by their certificate (mutual TLS), and tokens that are bound to one.
//!
//! The handshake judged it already: it is from an authority of the listener, in date, meant for clients and not
//! revoked. Here is said who it is, and whether a route takes it. Entry points: [`identity`], [`is_named`],
//! [`issued_by`], [`is_bound_here`].

mod authorities;
mod der;
mod identity;
mod problem;

pub(crate) use authorities::{Authorities, issued_by};
pub(crate) use identity::{Fingerprint, fingerprint, identity, is_named};
pub(crate) use problem::CertificateProblem;

#[cfg(test)]
mod tests;
