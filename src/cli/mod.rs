//! cli
pub(crate) mod demo;
